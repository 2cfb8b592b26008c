"""What is used for people, light, equipment and fans, and whether that changed or only what the meter reads."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, Noise, Posterior, Terms, noise_of
from predict.causes.heat import LOG_SCALES
from predict.causes.pair import LEAST_GROWTH, SLOTS, Pair
from predict.series import Floats
from predict.twin.lag import filled

SHIFT_SD: Final = 0.8
"""Usual change of an hour's use where the use has changed, as a share of the meter's mean."""
BRIGHT_W_M2: Final = 300.0
"""More daylight than this dims no further."""
_FLOOR: Final = 0.02
PER_SLOT: Final = 3.0
"""Log odds against a change of any one hour of the day."""
SURE: Final = 3.0
LEAST_SHIFT: Final = 0.06
"""An hour of the day has changed when it is so many deviations and this share of the mean off the others."""


class UseBalance:
    """``kWh = profile of the day + people + running + daylight + heat``, and how it may have changed.

    Parameters
    ----------
    pair
        The two periods.
    kwh
        Shape (n,): energy of one meter or of several, NaN where unknown.
    heat
        Shape (n,): heat or fuel at the reference's scale, which pumps and fans follow; None when unknown.
    running
        Share of each hour in which the plant runs, None when only this meter would tell.

    Notes
    -----
    Under a *shift* each hour of the day may have its own change; under a *scale* all hours have the same factor.
    The fewer things have to change, the better the data are foretold: that is what tells a meter from its users.
    """

    def __init__(self, pair: Pair, kwh: Floats, heat: Floats | None, running: Floats | None) -> None:
        self.pair = pair
        self._known = pair.settled & np.isfinite(kwh)
        self.kwh = filled(kwh)
        self.level = max(float(np.mean(self.kwh[self._known])) if self._known.any() else 1.0, 1e-9)
        terms = self._terms(heat, running)
        self._place = terms.place
        plain = terms.matrix
        mean, sd = terms.prior
        slots = [i for name, i in terms.place.items() if name.startswith("slot")]
        self._slots = [int(name.split()[1]) for name in terms.place if name.startswith("slot")]
        shifts = plain[:, slots] * pair.later[:, None]

        def model(chosen: list[int], noise: Noise) -> tuple[Floats, LinearModel]:
            wide = np.full(len(chosen), SHIFT_SD * self.level)
            x = np.column_stack([plain, shifts[:, chosen]])
            return x, LinearModel(x, np.append(mean, 0 * wide), np.append(sd, wide), noise.precision(known))

        known = self._known.astype(float)
        noise = Noise(np.full(pair.hours, (0.2 * self.level) ** 2), 1.0, 0.2 * self.level)
        everything = list(range(len(slots)))
        for _ in range(3):
            x, richest = model(everything, noise)
            noise = noise_of(self.kwh - x @ richest.fit(self.kwh).mean, known, pair.slot, _FLOOR)
        self.inflation = noise.inflation
        self._x, self._plain = model([], noise)
        # Few hours of the day change, most do not: those that do are chosen against no scale and against the usual one.
        found = model(everything, noise)[1].fit(self.kwh)
        self._shifted = [
            (*model(chosen, noise), PER_SLOT * len(chosen), [self._slots[c] for c in chosen])
            for chosen in self._changed_slots(found, plain[:, slots])
        ]

    def _terms(self, heat: Floats | None, running: Floats | None) -> Terms:
        pair, level, terms = self.pair, self.level, Terms()
        if pair.people is not None:
            most = max(float(np.quantile(pair.people, 0.95)), 1.0)
            # From day to day people come with what they switch on; more of them in every hour need not.
            growth = pair.people_growth
            each = np.where(pair.later, pair.people / (1 + growth), pair.people)
            terms.add("activity", each, 0.1 * level / most, 0.3 * level / most)
            if abs(growth) > LEAST_GROWTH:
                terms.add("people", pair.people - each, 0.05 * level / most, 0.15 * level / most)
        if running is not None:
            terms.add("running", running, 0.2 * level, 0.5 * level)
        if heat is not None:
            terms.add("heat", heat, 0.01, 0.04)
        if pair.sun_w_m2 is not None:
            daylight = pair.open_day * np.minimum(pair.sun_w_m2, BRIGHT_W_M2) / BRIGHT_W_M2
            terms.add("daylight", daylight, -0.1 * level, 0.2 * level)
            terms.add("sun", pair.sun_w_m2 / BRIGHT_W_M2, 0.0, 0.1 * level)
        for above in (10.0, 16.0, 22.0):
            terms.add(f"above {above}", np.maximum(pair.outdoor_c - above, 0.0), 0.0, 0.05 * level)
        for slot in range(SLOTS):
            terms.add(f"slot {slot}", (pair.slot == slot).astype(float), level, 2 * level)
        return terms

    def _changed_slots(self, found: Posterior, members: Floats) -> list[list[int]]:
        """Choices of slots whose use changed, as positions among the slots that there are."""
        first = len(found.mean) - members.shape[1]
        shift, sd = found.mean[first:], np.sqrt(np.diag(found.covariance)[first:])
        count = np.maximum(members[self.pair.later].sum(axis=0), 1.0)
        before = np.array([self._mean_of(m, later=False) for m in members.T])
        ratio = (before + shift) / np.maximum(before, 1e-9)
        order = np.argsort(ratio)
        # The usual ratio is that of half the energy, so that idle hours and a few changed ones have no say.
        weight = np.cumsum((before * count)[order])
        usual = float(ratio[order][np.searchsorted(weight, 0.5 * weight[-1])])
        choices = []
        for scale in (1.0, usual):
            off = shift - (scale - 1) * before
            choices.append([i for i in range(len(off)) if abs(off[i]) > max(SURE * sd[i], LEAST_SHIFT * self.level)])
        if choices[0] == choices[1]:
            choices.pop()
        return [c for c in choices if c]

    def _mean_of(self, member: Floats, *, later: bool) -> float:
        rows = (member > 0) & (self.pair.later == later)
        return float(np.mean(self.kwh[rows])) if rows.any() else 0.0

    @cached_property
    def curves(self) -> tuple[Floats, Floats]:
        """Log evidence for each of `LOG_SCALES`: without and with a shift of the use."""
        count = float(np.sum(self._known & self.pair.later)) / self.inflation
        jacobian = count * LOG_SCALES
        plain = np.array([self._plain.log_evidence(self._y(s)) for s in LOG_SCALES]) - jacobian
        if not self._shifted:
            return plain, np.full(len(LOG_SCALES), -1e9)
        shifted = [
            np.array([model.log_evidence(self._y(s)) for s in LOG_SCALES]) - jacobian - penalty
            for _, model, penalty, _ in self._shifted
        ]
        return plain, np.asarray(np.max(np.stack(shifted), axis=0), np.float64)

    def fit(self, *, shifted: bool, log_scale: float = 0.0) -> UseFit:
        """The use under one hypothesis."""
        scale = float(np.exp(log_scale))
        y = self._y(log_scale)
        x, model = self._x, self._plain
        slots: list[int] = []
        if shifted and self._shifted:
            x, model, _, slots = max(self._shifted, key=lambda one: one[1].log_evidence(y) - one[2])
        found = model.fit(y)
        expected = x @ found.mean
        width = len(slots)
        change = np.zeros(self.pair.hours)
        change_sd = 0.0
        if width:
            columns = x[:, -width:]
            change = columns @ found.mean[-width:]
            total = columns.sum(axis=0)
            change_sd = float(np.sqrt(total @ found.covariance[-width:, -width:] @ total))

        name = "people" if "people" in self._place else "activity"
        columns = self._x
        more = columns[:, self._place[name]] if name in self._place else np.zeros(self.pair.hours)
        if name == "activity":
            more = np.where(self.pair.later, more - self.pair.usual(more), 0.0)

        def value(name: str) -> tuple[float, float]:
            if name not in self._place:
                return 0.0, 0.0
            i = self._place[name]
            return float(found.mean[i]), float(np.sqrt(found.covariance[i, i]))

        return UseFit(
            scale=scale,
            person=value(name),
            more_people=more,
            run=value("running"),
            heat=value("heat"),
            change=change,
            change_sd=change_sd,
            changed_slots=slots,
            expected=expected * np.where(self.pair.later, scale, 1.0),
        )

    def _y(self, log_scale: float) -> Floats:
        return np.where(self.pair.later, self.kwh * np.exp(-log_scale), self.kwh)


class UseFit:
    """The use under one hypothesis; pairs are a value and its standard deviation.

    Attributes
    ----------
    scale
        Factor by which the meter reads more in the reporting period.
    person, run, heat
        kWh per person and hour, per hour of running plant, per kWh of heat.
    more_people
        Shape (n,): people beyond those that `person` counts as usual.
    change
        Shape (n,): shift of the use in each hour, kWh at the reference's scale; `change_sd` of its sum.
    changed_slots
        Slots of the day in which the use changed.
    expected
        Shape (n,): what the meter should read.
    """

    def __init__(
        self,
        *,
        scale: float,
        person: tuple[float, float],
        more_people: Floats,
        run: tuple[float, float],
        heat: tuple[float, float],
        change: Floats,
        change_sd: float,
        changed_slots: list[int],
        expected: Floats,
    ) -> None:
        self.scale, self.person, self.run, self.heat = scale, person, run, heat
        self.more_people = more_people
        self.changed_slots = changed_slots
        self.change, self.change_sd, self.expected = change, change_sd, expected
