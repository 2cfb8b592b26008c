"""Outdoor weather as a baseline sees it: a level a day, what the walls remember of it, and the hours' deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from predict.baseline.days import HOURS, Indices, LocalDays
from predict.series import Floats

MEMORY_DAYS: Final = (1.5, 5.0)
"""Time constants of the smoothed temperatures: air and furniture, walls and floors."""
WARM_UP_DAYS: Final = 15
"""After three of the longer time constant what came before weighs 5 %."""
_RIDGE_DAYS: Final = 10.0
"""Days that a season is pulled to the yearly mean by: half a year of data says little about the other half."""
_ALMOST_WHOLE: Final = HOURS - 2


@dataclass(frozen=True, slots=True)
class DayWeather:
    """Weather of local days.

    Attributes
    ----------
    level_c
        Shape (d,): mean outdoor temperature of the day, degrees Celsius.
    remembered_c
        Shape (d, 2): the same smoothed exponentially with `MEMORY_DAYS`.
    sun_wm2
        Shape (d,): mean global horizontal irradiance.
    deviation_k
        Shape (n,): temperature of each hour above what is usual for its day's level, season and hour; 0 where unknown.
    """

    level_c: Floats
    remembered_c: Floats
    sun_wm2: Floats
    deviation_k: Floats

    def of(self, days: Indices) -> DayWeather:
        """The weather of some days; the hours' deviations stay behind."""
        return DayWeather(self.level_c[days], self.remembered_c[days], self.sun_wm2[days], np.zeros(0))


@dataclass(frozen=True, slots=True)
class Climate:
    """What is usual where a building stands, so that days with unknown hours can be judged by the hours they have.

    Attributes
    ----------
    temperature_shape, sun_shape
        Shape (3, 24): how temperature and irradiance run around their daily mean (constant, cosine and sine of the
        season, for each wall-clock hour).
    sun
        Shape (3,): mean irradiance of a day by season, W/m2.
    """

    temperature_shape: Floats
    sun_shape: Floats
    sun: Floats

    @classmethod
    def learn(cls, days: LocalDays, temperature_c: Floats, irradiance_wm2: Floats | None) -> Self:
        """Learn from hours, shape (n,), NaN where unknown; None where nobody measures irradiance."""
        season = days.season
        sun = np.full((len(season), HOURS), np.nan) if irradiance_wm2 is None else days.grid(irradiance_wm2)
        return cls(_shape(days.grid(temperature_c), season), _shape(sun, season), _seasonal(mean_of_known(sun), season))

    def describe(self, days: LocalDays, temperature_c: Floats, irradiance_wm2: Floats | None) -> DayWeather:
        """Weather of days; a day of which nothing is known lies between its neighbours, and its sun is as usual.

        Parameters
        ----------
        temperature_c, irradiance_wm2
            Shape (n,): hourly means, NaN where unknown; at least one temperature is known.
        """
        season = _harmonic(days.season)
        usual = season @ self.temperature_shape
        level = fill(mean_of_known(days.grid(temperature_c) - usual))
        deviation = temperature_c - (level[:, None] + usual)[days.day, days.hour]
        sun = season @ self.sun
        if irradiance_wm2 is not None:
            measured = mean_of_known(days.grid(irradiance_wm2) - season @ self.sun_shape)
            sun = np.where(np.isfinite(measured), measured, sun)
        return DayWeather(level, _remember(level), sun, np.nan_to_num(deviation))


def mean_of_known(table: Floats) -> Floats:
    """Mean of what is known in each row; NaN where nothing is."""
    known = np.isfinite(table)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, table, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def fill(values: Floats) -> Floats:
    """`values` with unknown ones interpolated, the ends held; at least one is known."""
    known = np.isfinite(values)
    at = np.arange(len(values))
    return np.asarray(np.interp(at, at[known], values[known]), np.float64)


def _harmonic(season: Floats) -> Floats:
    return np.stack([np.ones_like(season), np.cos(season), np.sin(season)], axis=1)


def _shape(table: Floats, season: Floats) -> Floats:
    whole = np.isfinite(table).sum(axis=1) >= _ALMOST_WHOLE
    around = table[whole] - mean_of_known(table[whole])[:, None]
    # An unknown hour of an almost whole day counts as average.
    return _fit_harmonic(np.nan_to_num(around), season[whole])


def _seasonal(values: Floats, season: Floats) -> Floats:
    known = np.isfinite(values)
    return _fit_harmonic(values[known], season[known])


def _fit_harmonic(values: Floats, season: Floats) -> Floats:
    basis = _harmonic(season)
    gram = basis.T @ basis + np.diag([1e-9, _RIDGE_DAYS, _RIDGE_DAYS])
    return np.asarray(np.linalg.solve(gram, basis.T @ values), np.float64)


def _remember(level_c: Floats) -> Floats:
    keep = np.exp(-1 / np.asarray(MEMORY_DAYS))
    remembered = np.empty((len(level_c), len(MEMORY_DAYS)))
    held = np.full(len(MEMORY_DAYS), level_c[:3].mean())
    for i, level in enumerate(level_c):
        held = keep * held + (1 - keep) * level
        remembered[i] = held
    return remembered
