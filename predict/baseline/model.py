"""The baseline: what a meter should use by the kind of day, the weather and the season, learnt from its own days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.baseline.blob import FORMAT, Learnt, decode, pack, unpack
from predict.baseline.calibration import CENTRAL_80, Calibration, drift_share
from predict.baseline.days import HOURS, Indices, LocalDays
from predict.baseline.gaussian import condition, evidence, left_out
from predict.baseline.hours import HourlyAnswer
from predict.baseline.prior import DayPrior, KnownDays
from predict.baseline.weather import WARM_UP_DAYS, Climate, DayWeather
from predict.residuals import Residuals, describe
from predict.series import Floats, Times

MAX_DAYS: Final = 1100
"""Of a longer period the latest days count: three years, after which a building is another one."""
_MIN_KNOWN_H: Final = 12
"""A day with fewer known hours is left out, unless there are no better ones."""
_MIN_DAYS_TO_CHOOSE: Final = 3 * HOURS
"""The evidence needs more days than a day has hours."""
_MAX_EXTRAPOLATION_K: Final = 5.0
"""Beyond so much more than the temperatures seen, the answer stays as it is there."""
_BLOCK_DAYS: Final = 30
_MIN_BLOCKS: Final = 12
"""Cross-validation leaves out months, since neighbouring days know each other; shorter blocks of a shorter period."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Expected energy per hour.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    kwh
        Shape (n,): NaN where the temperature is unknown.
    extrapolated
        Shape (n,): the temperature lies outside of what the model was fitted on.
    """

    time_ms: Times
    kwh: Floats
    extrapolated: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Expected:
    prediction: Prediction
    layout: LocalDays
    days: KnownDays
    cross: Floats


class DayBaseline:
    """Baseline of a Gaussian process over days.

    A day is a vector of 24 hours. Two days are as alike as their kind, their weather and what the walls remember of it,
    their season and their distance in time make them (`DayPrior`), and what a building uses on a day follows from the
    days like it that were seen. On top, an hour answers to being warmer or colder than its day suggests. Everything is
    in closed form: one triangular factor of days x days.

    Parameters
    ----------
    calendar
        The site's: local days and holidays.
    prior
        What is believed of any building; the same for all.

    Attributes
    ----------
    temperature_range_c_ : tuple of float
        Lowest and highest temperature fitted on.
    left_out_kwh_, cross_validated_kwh_ : ndarray of shape (n,)
        Each hour of the baseline period as expected by a fit on the other days, on the other months; NaN where unknown.
    residuals_ : Residuals
        Size and memory of the errors of `cross_validated_kwh_`.
    calibration_ : Calibration
        How wide they are by what is expected.
    climate_, days_, hour_mean_kwh_, around_kwh_, process_, answer_, nonnegative_
        What was learnt: the usual weather, the days seen, the mean of each hour, what was used around it, the process
        that has seen it, how hours answer to temperature, whether nothing negative is to be expected.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press 2006.
    Y. Heo, V. M. Zavala, "Gaussian process modeling for measurement and verification of building energy savings",
    Energy and Buildings 53 (2012) 7-18. Whole days as values, their kinds and the drift are ours.
    """

    def __init__(self, calendar: Calendar, prior: DayPrior | None = None) -> None:
        self.calendar = calendar
        self.prior = prior or DayPrior()

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - scikit-learn's signature
        """Parameters by name, as scikit-learn has it."""
        return {"calendar": self.calendar, "prior": self.prior}

    @property
    def warm_up_ms(self) -> int:
        """Weather needed before the first hour of a prediction for what walls remember, milliseconds."""
        return WARM_UP_DAYS * HOURS * HOUR_MS

    def fit(self, time_ms: Times, temperature_c: Floats, kwh: Floats, irradiance_wm2: Floats | None = None) -> Self:
        """Learn from consecutive hours.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, UTC milliseconds.
        temperature_c, kwh
            Shape (n,), NaN where unknown; such hours are left out.
        irradiance_wm2
            Shape (n,): global horizontal, NaN where unknown; None where nobody measures it.

        Raises
        ------
        DomainError
            No hour has both energy and temperature.
        """
        used = np.where(np.isfinite(temperature_c), kwh, np.nan)
        known = np.isfinite(used)
        if not known.any():
            raise DomainError("a baseline needs hours with both energy and outdoor temperature")
        self.temperature_range_c_ = (float(temperature_c[known].min()), float(temperature_c[known].max()))
        self.nonnegative_ = bool(used[known].min() >= 0)
        layout = LocalDays.covering(time_ms, self.calendar)
        self.climate_ = Climate.learn(layout, temperature_c, irradiance_wm2)
        weather = self.climate_.describe(layout, temperature_c, irradiance_wm2)
        table = layout.grid(used)
        seen = _days_to_learn_from(table)
        every = KnownDays.of(layout, weather)
        self.days_ = KnownDays.of(layout, weather, seen)
        self.hour_mean_kwh_ = _hour_means(table[seen])
        cross = self.prior.covariance(every, self.days_)
        complete = self._see(cross[seen], table[seen] - self.hour_mean_kwh_, self.prior.noise)
        by_day = self._by_day(layout, cross)
        self.answer_ = HourlyAnswer.learn(layout, weather, temperature_c, used - by_day)
        answer = self.answer_.at(layout, weather, temperature_c)

        self._judge(layout, seen, complete, answer, used)
        return self

    def predict(self, time_ms: Times, temperature_c: Floats, irradiance_wm2: Floats | None = None) -> Prediction:
        """Expected energy of consecutive hours, whatever was used in them.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, UTC milliseconds. Begin `warm_up_ms` early, and give whole local days where
            their weather is known: a day is judged by the hours of it that are here.
        temperature_c
            Shape (n,), NaN where unknown: then nothing is predicted.
        irradiance_wm2
            Shape (n,); what is unknown counts as usual for the season.
        """
        return self._expect(time_ms, temperature_c, irradiance_wm2).prediction

    def spread_kwh(self, time_ms: Times, temperature_c: Floats, irradiance_wm2: Floats | None = None) -> Floats:
        """Standard deviation of what is used around `predict`, hour by hour, shape (n,), kWh.

        It grows with the distance from what was seen: other weather, other seasons, later years (drift). Scaled so that
        1.28 of it to each side holds 80 %; errors have longer tails than a normal distribution.
        """
        return self._spread(self._expect(time_ms, temperature_c, irradiance_wm2))

    def interval_kwh(
        self, time_ms: Times, temperature_c: Floats, irradiance_wm2: Floats | None = None
    ) -> tuple[Prediction, Floats, Floats]:
        """`predict`, and the 10 % and 90 % quantiles of what is used, hour by hour, each of shape (n,), kWh."""
        expected = self._expect(time_ms, temperature_c, irradiance_wm2)
        kwh, half = expected.prediction.kwh, CENTRAL_80 * self._spread(expected)
        return expected.prediction, self._bounded(kwh - half), self._bounded(kwh + half)

    def sum_spread_kwh(
        self, time_ms: Times, temperature_c: Floats, group: Indices, irradiance_wm2: Floats | None = None
    ) -> Floats:
        """Standard deviation of sums of hours around the sums of `predict`, kWh.

        Parameters
        ----------
        group
            Shape (n,): number of the sum that each hour counts in, from 0; -1 for none.

        Returns
        -------
        ndarray of shape (max(group) + 1,)
            0 for a sum of no hours. Hours of a day and days next to each other err together, and a drift errs in one
            direction all year; all of that is in it.
        """
        groups = int(group.max(initial=-1)) + 1
        whole = self._expect(time_ms, temperature_c, irradiance_wm2)
        expected, layout, days = whole.prediction.kwh, whole.layout, whole.days
        covariance = self.process_.covariance(whole.cross, self.prior.covariance(days, days))
        share = drift_share(days.ordinal - self.days_.ordinal[-1])[layout.day]
        values, vectors = np.linalg.eigh(self.process_.hours_cov)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        spread = np.empty(groups)
        for i in range(groups):
            mine = (group == i) & np.isfinite(expected)
            cells = np.bincount(layout.day[mine] * HOURS + layout.hour[mine], minlength=len(days.kind) * HOURS)
            table = cells.reshape(-1, HOURS)
            touched = np.flatnonzero(table.any(axis=1))
            weights = table[touched] @ root
            own = np.sum(weights * (covariance[np.ix_(touched, touched)] @ weights))
            spread[i] = np.hypot(np.sqrt(max(own, 0.0)), np.sum(share[mine] * expected[mine]))
        return spread

    def to_bytes(self) -> bytes:
        """What was learnt, for the registry; opens with `from_bytes` on any machine and version of numpy."""
        weather, climate = self.days_.weather, self.climate_
        return msgspec.msgpack.encode(
            Learnt(
                format=FORMAT,
                timezone=self.calendar.timezone,
                prior=self.prior,
                ordinal=self.days_.ordinal.astype(np.int64).tolist(),
                kind=self.days_.kind.tolist(),
                weather=pack(np.column_stack([weather.level_c, weather.remembered_c, weather.sun_wm2])),
                around_kwh=pack(self.around_kwh_),
                noise=self.process_.noise,
                hour_mean_kwh=self.hour_mean_kwh_.tolist(),
                climate=(pack(climate.temperature_shape), pack(climate.sun_shape), climate.sun.tolist()),
                answer_kwh_k=self.answer_.kwh_per_k.tolist(),
                temperature_range_c=self.temperature_range_c_,
                nonnegative=self.nonnegative_,
                calibration=self.calibration_,
                residuals=self.residuals_,
            )
        )

    @classmethod
    def from_bytes(cls, blob: bytes, calendar: Calendar) -> Self:
        """Baseline of a blob; `calendar` is the site's, as at the time of the fit.

        Raises
        ------
        DomainError
            The blob is not one of ours, or the site's time zone is another one now.
        """
        learnt = decode(blob, calendar)
        model = cls(calendar, learnt.prior)
        level, fast, slow, sun = unpack(learnt.weather, 4).T
        weather = DayWeather(level, np.stack([fast, slow], axis=1), sun, np.zeros(0))
        model.days_ = KnownDays.at(np.array(learnt.ordinal), np.array(learnt.kind, np.intp), weather)
        shape, sun_shape, usual_sun = learnt.climate
        model.climate_ = Climate(unpack(shape, HOURS), unpack(sun_shape, HOURS), np.array(usual_sun))
        model.hour_mean_kwh_ = np.array(learnt.hour_mean_kwh)
        model.answer_ = HourlyAnswer(np.array(learnt.answer_kwh_k))
        model.temperature_range_c_ = learnt.temperature_range_c
        model.nonnegative_ = learnt.nonnegative
        model.calibration_ = learnt.calibration
        model.residuals_ = learnt.residuals
        covariance = model.prior.covariance(model.days_, model.days_)
        model._see(covariance, unpack(learnt.around_kwh, HOURS), (learnt.noise,))
        return model

    def _expect(self, time_ms: Times, temperature_c: Floats, irradiance_wm2: Floats | None) -> _Expected:
        low, high = self.temperature_range_c_
        known = np.isfinite(temperature_c)
        layout = LocalDays.covering(time_ms, self.calendar)
        within = np.clip(temperature_c, low - _MAX_EXTRAPOLATION_K, high + _MAX_EXTRAPOLATION_K)
        # Where nothing at all is known the days are as mild as those seen; nothing is predicted for them below.
        within = within if known.any() else np.full(len(time_ms), float(self.days_.weather.level_c.mean()))
        weather = self.climate_.describe(layout, within, irradiance_wm2)
        days = KnownDays.of(layout, weather)
        cross = self.prior.covariance(days, self.days_)
        kwh = self._bounded(self._by_day(layout, cross) + self.answer_.at(layout, weather, within))
        outside = known & ((temperature_c < low) | (temperature_c > high))
        return _Expected(Prediction(time_ms, np.where(known, kwh, np.nan), outside), layout, days, cross)

    def _spread(self, expected: _Expected) -> Floats:
        kwh, layout, days = expected.prediction.kwh, expected.layout, expected.days
        variance = self.process_.variance(expected.cross, self.prior.variance(days))
        own = np.sqrt(variance)[layout.day] * self.process_.hour_spread[layout.hour] * self.calibration_.at(kwh)
        drift = drift_share(days.ordinal - self.days_.ordinal[-1])[layout.day] * kwh
        return np.asarray(np.hypot(own, drift), np.float64)

    def _judge(self, layout: LocalDays, seen: Indices, complete: Floats, answer: Floats, used: Floats) -> None:
        """Errors of days and months left out, and how wide they really are."""
        inverse, weights = self.process_.inverse, self.process_.weights
        alone = complete - weights / np.diag(inverse)[:, None]
        others, variance = np.full_like(complete, np.nan), np.full(len(complete), np.nan)
        months = _blocks(seen)
        for month in months if len(months) > 1 else []:
            errors, variance[month] = left_out(inverse, weights, month)
            others[month] = complete[month] - errors

        def by_hour(table: Floats) -> Floats:
            days = np.full((len(layout.kind), HOURS), np.nan)
            days[seen] = table
            return np.asarray(days[layout.day, layout.hour], np.float64)

        known = np.isfinite(used)
        self.left_out_kwh_, self.cross_validated_kwh_ = (
            np.where(known, self._bounded(by_hour(table + self.hour_mean_kwh_) + answer), np.nan)
            for table in (alone, others)
        )
        error = used - self.cross_validated_kwh_
        self.residuals_: Residuals = describe(error)
        spread = by_hour(np.sqrt(variance)[:, None] * self.process_.hour_spread)
        self.calibration_ = Calibration.learn(self.cross_validated_kwh_, error, spread)

    def _see(self, covariance: Floats, around_kwh: Floats, noises: tuple[float, ...]) -> Floats:
        known = noises if len(around_kwh) >= _MIN_DAYS_TO_CHOOSE else noises[:1]
        seen = [condition(covariance, noise, around_kwh) for noise in known]
        self.process_, self.around_kwh_ = max(seen, key=lambda one: evidence(one[0])) if len(seen) > 1 else seen[0]
        return self.around_kwh_

    def _by_day(self, layout: LocalDays, cross: Floats) -> Floats:
        table = self.process_.mean(cross) + self.hour_mean_kwh_
        return np.asarray(table[layout.day, layout.hour], np.float64)

    def _bounded(self, kwh: Floats) -> Floats:
        return np.maximum(kwh, 0.0) if self.nonnegative_ else kwh


def _days_to_learn_from(table: Floats) -> Indices:
    known = np.isfinite(table).sum(axis=1)
    good = np.flatnonzero(known >= _MIN_KNOWN_H)
    return (good if len(good) else np.flatnonzero(known))[-MAX_DAYS:]


def _hour_means(table: Floats) -> Floats:
    known = np.isfinite(table)
    count = known.sum(axis=0)
    sums = np.where(known, table, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, sums / np.maximum(count, 1), table[known].mean()), np.float64)


def _blocks(days: Indices) -> list[Indices]:
    """Indices of the days seen by blocks of neighbouring days."""
    length = min(_BLOCK_DAYS, max(1, int(days[-1] - days[0] + 1) // _MIN_BLOCKS))
    block = (days - days[0]) // length
    return [np.flatnonzero(block == b) for b in np.unique(block)]
