"""An office in Turin, made up: load follows the hour, the day, the weather, and wanders."""

from datetime import date, timedelta

import numpy as np

from core.calendar import HOUR_MS, Calendar

HOLIDAYS = frozenset({date(2025, 12, 25), date(2025, 12, 26), date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 6)})
ROME = Calendar("Europe/Rome", HOLIDAYS)


def hours(first: date, last: date) -> np.ndarray:
    """Hours of the local days ``[first, last)``."""
    return np.arange(ROME.midnight(first), ROME.midnight(last), HOUR_MS, dtype=np.int64)


def weather(time_ms: np.ndarray, seed: int = 3) -> np.ndarray:
    """Degrees Celsius: seasons, days, and spells."""
    days = time_ms / 86_400_000
    spells = np.convolve(np.random.default_rng(seed).normal(0, 3, len(days) + 71), np.ones(72) / 72, mode="valid")
    return 12 - 10 * np.cos((days - 15) / 365.25 * 2 * np.pi) + 4 * np.sin((days - 0.4) * 2 * np.pi) + 6 * spells


def load(time_ms: np.ndarray, temperature_c: np.ndarray, noise: float = 2.0) -> np.ndarray:
    """kWh: 20 always, 40 more while people are there, 2 for each degree below 15; a level that wanders by the day."""
    random = np.random.default_rng(5)
    day = np.array([ROME.day_of(int(t)).toordinal() for t in time_ms])
    clock = np.array([ROME.local(int(t)).hour for t in time_ms])
    open_days = {d: ROME.is_working_day(date.fromordinal(d)) for d in range(day[0], day[-1] + 1)}
    busy = np.array([open_days[d] for d in day]) & (clock >= 7) & (clock < 19)
    wander = np.cumsum(random.normal(0, 0.02, day[-1] - day[0] + 1))[day - day[0]]
    kwh = (20 + 40 * busy) * np.exp(wander) + 2 * np.maximum(15 - temperature_c, 0)
    return kwh + random.normal(0, noise, len(kwh)) * (1 + busy)


def day(year: int, of_year: int) -> date:
    """Local date from the number of the day in its year, from 1."""
    return date(year, 1, 1) + timedelta(days=of_year - 1)
