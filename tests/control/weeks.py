"""Records of people and set-points, made from what happens at a local time."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np

from control.record import Record
from core.calendar import MINUTE_MS, Calendar
from predict.series import Floats

QUARTER_MS = 15 * MINUTE_MS
Happens = Callable[[datetime], float]


def times(calendar: Calendar, first: date, days: int) -> list[int]:
    """Quarters of an hour of local days, UTC milliseconds."""
    return list(range(calendar.midnight(first), calendar.midnight(first + timedelta(days=days)), QUARTER_MS))


def series(calendar: Calendar, first: date, days: int, value: Happens) -> Floats:
    """What happens at each quarter of an hour."""
    return np.array([value(calendar.local(time_ms)) for time_ms in times(calendar, first, days)])


def record(calendar: Calendar, first: date, days: int, **columns: Happens) -> Record:
    """Local days from `first` on, a column for each name."""
    made = {name: series(calendar, first, days, value) for name, value in columns.items()}
    return Record(calendar.midnight(first), QUARTER_MS, made, calendar)


def office(moment: datetime) -> float:
    """Ten people from 9 to 17 on weekdays."""
    return 10.0 if moment.weekday() < 5 and 9 <= moment.hour < 17 else 0.0
