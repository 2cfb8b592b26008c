"""How a building's hours answer to being warmer or colder than their day suggests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from predict.baseline.days import DayKind, LocalDays
from predict.baseline.weather import DayWeather
from predict.series import Floats

_HEATING_BELOW_C: Final = 12.0
_RIDGE: Final = 30.0
"""In squared kelvins; a few hours of unusual weather are not enough to learn from."""


@dataclass(frozen=True, slots=True)
class HourlyAnswer:
    """Energy per kelvin of an hour's deviation from its day.

    Attributes
    ----------
    kwh_per_k
        Shape (4,): on all days, in addition on working days; and both once more for each 8 K below 12 degrees Celsius.
    """

    kwh_per_k: Floats

    @classmethod
    def learn(cls, days: LocalDays, weather: DayWeather, temperature_c: Floats, rest_kwh: Floats) -> HourlyAnswer:
        """Learn from what the days did not explain, shape (n,), NaN where unknown."""
        features = _features(days, weather, temperature_c)
        known = np.isfinite(rest_kwh)
        seen = features[known]
        gram = seen.T @ seen + _RIDGE * np.eye(seen.shape[1])
        return cls(np.asarray(np.linalg.solve(gram, seen.T @ rest_kwh[known]), np.float64))

    def at(self, days: LocalDays, weather: DayWeather, temperature_c: Floats) -> Floats:
        """What each hour uses more than its day suggests, shape (n,), kWh."""
        return np.asarray(_features(days, weather, temperature_c) @ self.kwh_per_k, np.float64)


def _features(days: LocalDays, weather: DayWeather, temperature_c: Floats) -> Floats:
    deviation = weather.deviation_k
    working = (days.kind < DayKind.SATURDAY)[days.day]
    heating = np.maximum(_HEATING_BELOW_C - np.nan_to_num(temperature_c), 0.0) / 8.0 * deviation
    return np.stack([deviation, deviation * working, heating, heating * working], axis=1)
