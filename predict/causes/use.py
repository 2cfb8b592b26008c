"""What is used for people, light, equipment and fans: has the use changed, or only what the meter reads?"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, inflation
from predict.causes.heat import LOG_SCALES
from predict.causes.pair import SLOTS, Pair
from predict.series import Floats
from predict.twin.lag import filled

SHIFT_SD: Final = 0.25
"""Usual change of an hour's use where the use has changed, as a share of the meter's mean."""
PERSON_KW: Final = 0.05
"""Light and equipment that a person switches on, at a guess."""


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
        columns: list[Floats] = []
        mean: list[float] = []
        sd: list[float] = []
        self._place: dict[str, int] = {}

        def add(name: str, column: Floats, centre: float, spread: float) -> None:
            if float(np.std(column)) > 1e-9:
                self._place[name] = len(columns)
                columns.append(column)
                mean.append(centre)
                sd.append(spread)

        if pair.people is not None:
            most = max(float(np.quantile(pair.people, 0.95)), 1.0)
            add("people", pair.people, 0.1 * self.level / most, 0.3 * self.level / most)
        if running is not None:
            add("running", running, 0.2 * self.level, 0.5 * self.level)
        if heat is not None:
            add("heat", heat, 0.01, 0.04)
        if pair.sun_w_m2 is not None:
            use = pair.open_day * np.minimum(pair.sun_w_m2, 300.0) / 300.0
            add("daylight", use, -0.1 * self.level, 0.2 * self.level)
            add("sun", pair.sun_w_m2 / 300.0, 0.0, 0.1 * self.level)
        for above in (10.0, 16.0, 22.0):
            add(f"above {above}", np.maximum(pair.outdoor_c - above, 0.0), 0.0, 0.05 * self.level)
        for slot in range(SLOTS):
            add(f"slot {slot}", (pair.slot == slot).astype(float), self.level, 2 * self.level)
        plain = np.stack(columns, 1)
        slots = [i for name, i in self._place.items() if name.startswith("slot")]
        shifts = plain[:, slots] * pair.later[:, None]
        self._x = {False: plain, True: np.column_stack([plain, shifts])}
        wide = np.full(len(slots), SHIFT_SD * self.level)
        priors = {
            False: (np.array(mean), np.array(sd)),
            True: (np.append(mean, 0 * wide), np.append(sd, wide)),
        }
        known = self._known.astype(float)
        variance = np.full(pair.hours, (0.2 * self.level) ** 2)
        self.inflation = 1.0
        for _ in range(3):
            model = LinearModel(self._x[True], *priors[True], known / (variance * self.inflation))
            residual = self.kwh - self._x[True] @ model.fit(self.kwh).mean
            weight = np.bincount(pair.slot, weights=known, minlength=SLOTS)
            square = np.bincount(pair.slot, weights=known * residual**2, minlength=SLOTS)
            overall = max(float(np.sum(square) / max(np.sum(weight), 1.0)), (1e-3 * self.level) ** 2)
            variance = np.maximum((square + 4 * overall) / (weight + 4), 0.02 * overall)[pair.slot]
            self.inflation = inflation(residual / np.sqrt(variance), known)
        self._models = {u: LinearModel(self._x[u], *priors[u], known / (variance * self.inflation)) for u in priors}

    @cached_property
    def curves(self) -> tuple[Floats, Floats]:
        """Log evidence for each of `LOG_SCALES`: without and with a shift of the use."""
        count = float(np.sum(self._known & self.pair.later)) / self.inflation
        plain, shifted = (
            np.array([self._models[u].log_evidence(self._y(s)) - count * s for s in LOG_SCALES]) for u in (False, True)
        )
        return plain, shifted

    def fit(self, *, shifted: bool, log_scale: float = 0.0) -> UseFit:
        """The use under one hypothesis."""
        found = self._models[shifted].fit(self._y(log_scale))
        scale = float(np.exp(log_scale))
        expected = self._x[shifted] @ found.mean
        width = self._x[True].shape[1] - self._x[False].shape[1]
        change = np.zeros(self.pair.hours)
        change_sd = 0.0
        if shifted:
            columns = self._x[True][:, -width:]
            change = columns @ found.mean[-width:]
            total = columns[self._known].sum(axis=0)
            change_sd = float(np.sqrt(total @ found.covariance[-width:, -width:] @ total))

        def value(name: str) -> tuple[float, float]:
            if name not in self._place:
                return 0.0, 0.0
            i = self._place[name]
            return float(found.mean[i]), float(np.sqrt(found.covariance[i, i]))

        return UseFit(
            scale=scale,
            person=value("people"),
            run=value("running"),
            heat=value("heat"),
            change=change,
            change_sd=change_sd,
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
    change
        Shape (n,): shift of the use in each hour, kWh at the reference's scale; `change_sd` of its sum.
    expected
        Shape (n,): what the meter should read.
    """

    def __init__(
        self,
        *,
        scale: float,
        person: tuple[float, float],
        run: tuple[float, float],
        heat: tuple[float, float],
        change: Floats,
        change_sd: float,
        expected: Floats,
    ) -> None:
        self.scale, self.person, self.run, self.heat = scale, person, run, heat
        self.change, self.change_sd, self.expected = change, change_sd, expected
