"""The heat balance of both periods: one building, and what of it may have changed in between."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, Noise, Posterior, Terms, noise_of
from predict.causes.pair import LEAST_GROWTH, SLOTS, Pair
from predict.causes.target import Target
from predict.series import Floats
from predict.twin.lag import filled

LOG_SCALES: Final[Floats] = np.asarray(np.arange(-60, 61) * 0.005, np.float64)
"""Logarithms of the factors by which a meter may read more in the reporting period: 0.74 to 1.35."""
SAME: Final = len(LOG_SCALES) // 2
MASS_H: Final = (4.0, 16.0, 64.0)
"""Time constants of the masses that the room air exchanges heat with, hours."""
WALL_H: Final = (8.0, 32.0)
SUN_H: Final = (4.0, 24.0)
PERSON_KW: Final = 0.075
ENVELOPE_SD: Final = 0.15
"""Usual change of the heat loss, as a share of the load."""
_FLOOR: Final = 0.05
IDLE_SHARE: Final = 0.02
IDLE_WEIGHT: Final = 0.05
"""Weight of hours with less heat than this share of a high load."""


@dataclass(frozen=True, slots=True)
class HeatFit:
    """The balance under one hypothesis.

    Attributes
    ----------
    scale
        Factor by which fuel reads more for the same heat in the reporting period.
    loss
        kWh per hour and K of outdoor temperature.
    hold
        The same for the indoor temperature, ground and neighbours included.
    envelope_kwh
        Heat that a changed envelope costs in the reporting period, at the reference's scale; `envelope_sd` its
        standard deviation, as of the others.
    air_kwh
        Heat for the fresh air of more people.
    warmer_kwh
        Heat that being kept warmer takes beyond `hold`.
    person, other, vented
        kWh per hour for each person, per kWh of other electricity, and per K while ventilation runs.
    expected
        Shape (n,): what the balance says for each hour, the reporting period at its own scale.
    """

    scale: float
    loss: float
    hold: float
    hold_sd: float
    envelope_kwh: float
    envelope_sd: float
    air_kwh: float
    air_sd: float
    warmer_kwh: float
    warmer_sd: float
    person: float
    person_sd: float
    other: float
    other_sd: float
    vented: float
    vented_sd: float
    expected: Floats


class HeatBalance:
    """``heat = loss (T - To) + masses - sun - people - electricity``, linear in what is unknown.

    Parameters
    ----------
    pair
        The two periods.
    target
        Heat, or the fuel that makes it.
    electricity
        kWh per hour that become heat in the rooms, None when nobody counts them.
    running
        Share of each hour in which ventilation runs, None when nothing tells.
    warmer
        Shape (n,): by how many K each hour of the reporting period is kept warmer, zeros when it is not.
    unpaid
        Shape (n,): see `predict.causes.coasting`.

    Notes
    -----
    The temperature that was measured stands in the balance, so no model of the thermostats is needed. Each mass is a
    lag of the room's temperature (a parallel branch of resistance and capacity), each wall a lag of the outdoor one,
    so that for fixed time constants the network is linear. A profile of the day, common to both periods, takes up
    what the network does not know of; a change between the periods it cannot take up.
    """

    def __init__(
        self,
        pair: Pair,
        target: Target,
        electricity: Floats | None,
        running: Floats | None,
        *,
        warmer: Floats,
        unpaid: Floats,
    ) -> None:
        self.pair, self.target = pair, target
        self._warmer, self._unpaid = warmer, unpaid
        total = target.kwh
        self._known = pair.settled & np.isfinite(total)
        self._scaled, self._fixed = filled(target.scaled), filled(target.fixed)
        self.level = max(float(np.mean(total[self._known])) if self._known.any() else 1.0, 1e-6)
        self._running = running
        self._terms = Terms()
        self._features(electricity, running)
        self._weigh()

    def fit(self, *, envelope: bool, air: bool = False, log_scale: float = 0.0) -> HeatFit:
        """The balance under one hypothesis, see `HeatFit`."""
        key = (envelope, air)
        found = self._models[key].fit(self._y(log_scale))
        x = self._x[key]
        scale = float(np.exp(log_scale))
        expected = x @ found.mean * np.where(self.pair.later & (self._share > 0), self._rescale(scale), 1.0)

        width = self._terms.matrix.shape[1]
        later = self.pair.later

        def total(columns: Floats, first: int) -> tuple[float, float]:
            """Sum of some columns over the reporting period, and its standard deviation."""
            sums = columns[later].sum(axis=0)
            rows = slice(first, first + len(sums))
            return float(sums @ found.mean[rows]), float(np.sqrt(sums @ found.covariance[rows, rows] @ sums))

        grown = grown_sd = aired = aired_sd = 0.0
        if envelope:
            grown, grown_sd = total(self._growth(), width)
        if air:
            aired, aired_sd = total((self._air() * (1 - self._unpaid))[:, None], x.shape[1] - 1)
        warm = self._terms.place.get("warmer")
        kept, kept_sd = total(x[:, warm : warm + 1], warm) if warm is not None else (0.0, 0.0)

        def value(name: str) -> float:
            return float(found.mean[self._terms.place[name]]) if name in self._terms.place else 0.0

        def spread(name: str) -> float:
            return _sd(found, self._terms.place[name]) if name in self._terms.place else 0.0

        return HeatFit(
            scale=scale,
            loss=value("loss"),
            hold=value("loss") + value("inside"),
            hold_sd=float(np.hypot(spread("loss"), spread("inside"))),
            envelope_kwh=grown,
            envelope_sd=grown_sd,
            air_kwh=aired,
            air_sd=aired_sd,
            warmer_kwh=kept,
            warmer_sd=kept_sd,
            person=value("people"),
            person_sd=spread("people"),
            other=value("electricity"),
            other_sd=spread("electricity"),
            vented=value("vented"),
            vented_sd=spread("vented"),
            expected=expected,
        )

    @cached_property
    def curves(self) -> dict[tuple[bool, bool], Floats]:
        """Log evidence for each of `LOG_SCALES`, by whether envelope and fresh air for people changed."""
        count = float(np.sum(self._known & self.pair.later)) / self.inflation * self._share
        return {
            key: np.array([model.log_evidence(self._y(s)) - count * s for s in LOG_SCALES])
            for key, model in self._models.items()
        }

    @property
    def difference_k(self) -> Floats:
        """Indoor minus outdoor temperature, shape (n,)."""
        inside = self.pair.inside_c
        return (inside if inside is not None else np.full(self.pair.hours, 20.0)) - self.pair.outdoor_c

    def _features(self, electricity: Floats | None, running: Floats | None) -> None:
        pair, difference = self.pair, self.difference_k
        usual = self.level / max(float(np.mean(np.abs(difference))), 1.0)
        add = self._terms.add
        add("loss", difference, 0.7 * usual, usual)
        self._masses(usual)
        if pair.sun_w_m2 is not None:
            self._free("sun", pair.sun_w_m2)
            for hours in SUN_H:
                self._free(f"sun {hours}", pair.lag(pair.sun_w_m2, hours))
        if pair.wind_m_s is not None:
            add("wind", difference * pair.wind_m_s, 0.02 * usual, 0.03 * usual)
        if pair.people is not None:
            add("people", pair.people, -PERSON_KW, 0.4 * PERSON_KW)
        if electricity is not None:
            add("electricity", electricity, -1.0, 0.3)
        if running is not None:
            add("vented", running * difference, 0.2 * usual, 0.3 * usual)
        add("warmer", self._warmer, 0.3 * usual, 0.45 * usual)
        for slot in range(SLOTS):
            add(f"slot {slot}", (pair.slot == slot).astype(float), 0.0, 0.3 * self.level)

    def _masses(self, usual: float) -> None:
        """Room air, masses and walls."""
        pair, inside = self.pair, self.pair.inside_c
        if inside is not None:
            # Ground and neighbours do not follow the weather, so heat depends more on the inside than on it.
            self._terms.add("inside", inside - 20.0, 0.3 * usual, 0.6 * usual)
            for name, step in zip(("ahead", "back"), pair.change(inside), strict=True):
                self._free(name, step)
            for hours in MASS_H:
                self._free(f"mass {hours}", inside - pair.lag(inside, hours))
        for hours in WALL_H:
            self._free(f"wall {hours}", pair.outdoor_c - pair.lag(pair.outdoor_c, hours))

    def _weigh(self) -> None:
        """Noise of each hour of the day and its memory, from the richest hypothesis."""
        pair, known = self.pair, self._known.astype(float)
        plain = self._terms.matrix
        mean, sd = self._terms.prior
        growth, air = self._growth(), self._air()
        usual = ENVELOPE_SD * self.level / np.maximum(np.mean(np.abs(growth[pair.later]), axis=0), 1e-6)
        usual[1:] *= 0.5
        of_air = 0.2 * self.level / max(float(np.mean(np.abs(air[pair.later]))), 1e-6)
        self._x, priors = {}, {}
        for e, a in itertools.product((False, True), (False, True) if np.any(air) else (False,)):
            self._x[e, a] = np.column_stack([plain, *([growth] if e else []), *([air] if a else [])])
            priors[e, a] = (
                np.concatenate([mean, *([0 * usual] if e else []), *([[0.0]] if a else [])]),
                np.concatenate([sd, *([usual] if e else []), *([[of_air]] if a else [])]),
            )
        richest = max(self._x)
        later = filled(np.where(self._known & pair.later, self.target.kwh, np.nan))[pair.split :]
        self._share = float(np.clip(np.sum(self._scaled[pair.split :]) / max(np.sum(later), 1e-9), 0.0, 1.0))
        # Without heat the balance is an upper bound only: somebody may cool, or air out what is too much.
        idle = filled(self.target.kwh) < IDLE_SHARE * np.quantile(filled(self.target.kwh), 0.95)
        known = np.where(idle, IDLE_WEIGHT * known, known)
        noise = Noise(np.full(pair.hours, (0.2 * self.level) ** 2), 1.0, 0.2 * self.level)
        best = 0.0
        for _ in range(3):
            model = LinearModel(self._x[richest], *priors[richest], noise.precision(known))
            count = float(np.sum(known[pair.later])) / noise.inflation * self._share
            scores = [model.log_evidence(self._y(s)) - count * s for s in LOG_SCALES[::4]]
            best = float(LOG_SCALES[::4][int(np.argmax(scores))])
            residual = self._y(best) - self._x[richest] @ model.fit(self._y(best)).mean
            noise = noise_of(residual, known, pair.slot, _FLOOR)
        self.inflation, self.noise_kwh = noise.inflation, noise.sd
        precision = noise.precision(known)
        self._models = {key: self._physical(x, *priors[key], precision, self._y(best)) for key, x in self._x.items()}

    def _physical(self, x: Floats, mean: Floats, sd: Floats, precision: Floats, y: Floats) -> LinearModel:
        """A model in which no more warmth inside takes less heat: ground and neighbours can only add to the loss."""
        model = LinearModel(x, mean, sd, precision)
        found = model.fit(y).mean
        wrong = [
            i
            for name in ("inside", "warmer", "vented")
            if (i := self._terms.place.get(name)) is not None and found[i] < 0
        ]
        if not wrong:
            return model
        mean, sd = mean.copy(), sd.copy()
        sd[wrong] *= 0.02
        mean[wrong] = 0.0
        return LinearModel(x, mean, sd, precision)

    def _growth(self) -> Floats:
        """Fingerprints of a changed envelope, shape (n, k): leaks follow the temperature difference, and wind."""
        pair = self.pair
        columns = [self.difference_k]
        if self._running is not None:
            # Fans that blow into a building keep the wind out of it while they run.
            columns.append(self.difference_k * (1 - self._running))
        if pair.wind_m_s is not None:
            columns.append(self.difference_k * pair.wind_m_s)
        return np.where(pair.later[:, None], np.stack(columns, 1), 0.0)

    def _air(self) -> Floats:
        """Fingerprint of more fresh air for more people, shape (n,); zeros when there are not more of them."""
        pair = self.pair
        if abs(pair.people_growth) < LEAST_GROWTH:
            return np.zeros(pair.hours)
        running = self._running if self._running is not None else pair.open_day.astype(float)
        return np.where(pair.later, self.difference_k * running, 0.0)

    def _y(self, log_scale: float) -> Floats:
        return self._fixed + np.where(self.pair.later, self._scaled * np.exp(-log_scale), self._scaled)

    def _rescale(self, scale: float) -> float:
        return 1 + self._share * (scale - 1)

    def _free(self, name: str, column: Floats) -> None:
        spread = float(np.std(column))
        if spread > 1e-9:
            self._terms.add(name, column, 0.0, 2 * self.level / spread)


def _sd(found: Posterior, place: int) -> float:
    return float(np.sqrt(max(found.covariance[place, place], 0.0)))
