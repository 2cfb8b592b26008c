"""What is believed of any building before its data are seen: how alike two of its days are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from predict.baseline.days import DayKind, Indices, LocalDays, season_of
from predict.baseline.weather import DayWeather
from predict.series import Floats

_USUAL_C, _SPREAD_K = 10.0, 7.0
"""Centre and scale of the linear functions of temperature; nothing hangs on their exact values."""


@dataclass(frozen=True, slots=True)
class KnownDays:
    """Days as the prior compares them.

    Attributes
    ----------
    ordinal, kind, season
        Shape (d,), see `predict.baseline.days.LocalDays`.
    weather
        Of these days.
    """

    ordinal: Floats
    kind: Indices
    season: Floats
    weather: DayWeather

    @classmethod
    def of(cls, layout: LocalDays, weather: DayWeather, some: Indices | None = None) -> KnownDays:
        """All days of a layout, or some of them by index."""
        days = np.arange(len(layout.kind)) if some is None else some
        return cls.at(layout.ordinal[days], layout.kind[days], weather.of(days))

    @classmethod
    def at(cls, ordinal: npt.NDArray[np.int64], kind: Indices, weather: DayWeather) -> KnownDays:
        """Days by their `date.toordinal`, kind and weather."""
        return cls(ordinal.astype(np.float64), kind, season_of(ordinal), weather)


@dataclass(frozen=True)
class DayPrior:
    """Covariance of a building's use between two days, in units of its own variance from day to day.

    It is a sum of parts, each the same for all hours of the day:

    - what days of a kind have in common (`kind`), in any temperature;
    - a smooth function of the temperature and of what the walls remember of it, and of the sun (`temperature`, `sun`),
      for each kind of day, and a share `common` of it for all kinds alike;
    - a linear function of the same temperatures (`linear`), which carries beyond the weather that was seen;
    - a season that returns every year (`season`);
    - a drift that does not (`drift`): what stands at the end of the data is believed to fade over `drift_days`;
    - noise of a single day (`noise`).

    Attributes
    ----------
    kind, temperature, sun, linear, season, drift
        Variances, without unit.
    noise
        Variances of a single day to choose from by evidence; the first is the usual one.
    common
        Share of each part that all kinds of day have in common, on top of the similarity of kinds.
    temperature_k, remembered_k
        How far apart in temperature two days still know each other, kelvin.
    sun_wm2
        The same for the mean irradiance, W/m2.
    season_width
        Width of the season's correlation, radians of the year.
    drift_days
        Memory of the drift, days.
    workdays, weekend, rest
        Similarity of two different working days, of a working day and a day off, of two different days off.
    """

    kind: float = 1.0
    temperature: float = 0.45
    sun: float = 0.07
    linear: float = 0.2
    season: float = 0.04
    drift: float = 0.12
    noise: tuple[float, ...] = (0.6, 0.3, 0.05)
    common: float = 0.12
    temperature_k: float = 10.0
    remembered_k: tuple[float, float] = (16.0, 20.0)
    sun_wm2: float = 120.0
    season_width: float = 0.37
    drift_days: float = 400.0
    workdays: float = 0.99
    weekend: float = 0.35
    rest: float = 0.6

    def covariance(self, one: KnownDays, other: KnownDays) -> Floats:
        """Covariance of each day of `one` with each of `other`, shape (d, e), without the noise."""
        alike = self.similarity[np.ix_(one.kind, other.kind)]
        a, b = one.weather, other.weather
        distance = _squared(a.level_c, b.level_c) / self.temperature_k**2
        linear = _product(a.level_c, b.level_c)
        for i, length in enumerate(self.remembered_k):
            distance += _squared(a.remembered_c[:, i], b.remembered_c[:, i]) / length**2
            linear += _product(a.remembered_c[:, i], b.remembered_c[:, i])
        near = np.exp(-0.5 * distance)
        sunny = near * np.exp(-0.5 * _squared(a.sun_wm2, b.sun_wm2) / self.sun_wm2**2)
        season = np.exp(-2 * np.sin(_difference(one.season, other.season) / 2) ** 2 / self.season_width**2)
        drift = np.exp(-np.abs(_difference(one.ordinal, other.ordinal)) / self.drift_days)
        parts = (
            self.temperature * near
            + self.sun * sunny
            + self.linear * linear
            + self.season * season
            + self.drift * drift
        )
        return np.asarray(alike * (self.kind + parts) + self.common * parts + 1.0, np.float64)

    def variance(self, days: KnownDays) -> Floats:
        """Variance of each day, shape (d,), without the noise: the diagonal of ``covariance(days, days)``."""
        weather = days.weather
        linear = _scaled(weather.level_c) ** 2 + np.sum(_scaled(weather.remembered_c) ** 2, axis=1)
        parts = self.temperature + self.sun + self.linear * linear + self.season + self.drift
        own = np.diag(self.similarity)[days.kind]
        return np.asarray(own * (self.kind + parts) + self.common * parts + 1.0, np.float64)

    @cached_property
    def similarity(self) -> Floats:
        """Similarity of each kind of day with each other, shape (9, 9), made positive semidefinite."""
        off = np.arange(len(DayKind)) >= DayKind.SATURDAY
        table = np.where(off[:, None] & off[None], self.rest, self.weekend)
        table[np.ix_(~off, ~off)] = self.workdays
        np.fill_diagonal(table, 1.0)
        values, vectors = np.linalg.eigh(table)
        return np.asarray((vectors * np.maximum(values, 1e-9)) @ vectors.T, np.float64)


def _difference(one: Floats, other: Floats) -> Floats:
    return np.asarray(one[:, None] - other[None, :], np.float64)


def _squared(one: Floats, other: Floats) -> Floats:
    return _difference(one, other) ** 2


def _product(one_c: Floats, other_c: Floats) -> Floats:
    return np.outer(_scaled(one_c), _scaled(other_c))


def _scaled(temperature_c: Floats) -> Floats:
    return np.asarray((temperature_c - _USUAL_C) / _SPREAD_K, np.float64)
