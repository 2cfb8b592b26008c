"""A simulated office's electricity meter: two years of hours in an instant, the same for the same seed."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar, site_holidays

FIRST_YEAR: Final = 2023
_NIGHT_KW: Final = 12.0
_DAY_KW: Final = 38.0
_COOLING_KW_PER_K: Final = 1.6
_HEATING_KW_PER_K: Final = 0.7
_COOLING_ABOVE_C: Final = 21.0
_HEATING_BELOW_C: Final = 12.0


def office_calendar() -> Calendar:
    """Turin's."""
    return Calendar("Europe/Rome", site_holidays("IT", "TO"))


def office_meter(
    seed: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Hours of two local years.

    Parameters
    ----------
    seed
        Of the weather's and the people's moods.

    Returns
    -------
    tuple
        Start of each hour (UTC ms), electricity (kWh), outdoor temperature (degrees Celsius), and the index at which
        the second year begins.
    """
    rng = np.random.default_rng([7, seed])
    calendar = office_calendar()
    start, middle, end = (calendar.midnight(date(FIRST_YEAR + i, 1, 1)) for i in range(3))
    time_ms = np.arange(start, end, HOUR_MS, dtype=np.int64)
    local = [calendar.local(int(t)) for t in time_ms]
    clock = np.array([moment.hour for moment in local])
    working = np.array([calendar.is_working_day(moment.date()) for moment in local])
    hours, days = len(time_ms), len(time_ms) // 24 + 1
    season = np.cos(2 * np.pi * (np.arange(hours) / 24 - 20) / 365.25)
    weather = np.repeat(_walk(rng, days, 0.75, 2.2), 24)[:hours]
    temperature = 13 - 10 * season + 4 * np.sin(2 * np.pi * (clock - 9) / 24) + weather
    # People come, go to lunch and leave, more or less of them every day.
    presence = np.interp(clock, [0, 6, 9, 12, 13, 14, 17, 20, 23], [0, 0.05, 0.95, 1, 0.85, 1, 0.9, 0.15, 0]) * working
    mood = np.repeat(1 + _walk(rng, days, 0.6, 0.05), 24)[:hours]
    cooling = _COOLING_KW_PER_K * np.maximum(temperature - _COOLING_ABOVE_C, 0) * (0.15 + presence)
    heating = _HEATING_KW_PER_K * np.maximum(_HEATING_BELOW_C - temperature, 0)
    power = (_NIGHT_KW + _DAY_KW * presence * mood + cooling + heating) * (1 + _walk(rng, hours, 0.5, 0.03))
    return time_ms, np.round(power, 1), temperature, (middle - start) // HOUR_MS


def _walk(rng: np.random.Generator, count: int, memory: float, size: float) -> npt.NDArray[np.float64]:
    """First-order process of a given standard deviation."""
    steps = rng.normal(0, size * np.sqrt(1 - memory**2), count)
    values = np.zeros(count)
    for i in range(1, count):
        values[i] = memory * values[i - 1] + steps[i]
    return values
