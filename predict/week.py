"""The hour of the local week, with holidays as a day of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar

HOLIDAY_SLOT: Final = 168
"""First of the 24 slots of a holiday; before it stand the hours of the week from Monday 00:00."""
SLOTS: Final = HOLIDAY_SLOT + 24


def hour_of_week(time_ms: npt.NDArray[np.int64], calendar: Calendar) -> npt.NDArray[np.intp]:
    """Slot of each time: 0 to 167 from Monday 00:00 local, 168 to 191 on holidays.

    Parameters
    ----------
    time_ms
        Shape (n,), ascending, UTC milliseconds.
    calendar
        The site's; the second 02:00 of a 25-hour day has the slot of the first.

    Returns
    -------
    ndarray of shape (n,)
    """
    slots = np.zeros(len(time_ms), np.intp)
    if not len(time_ms):
        return slots
    first, last = calendar.day_of(int(time_ms[0])), calendar.day_of(int(time_ms[-1]))
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    midnights = np.array([calendar.midnight(day) for day in [*days, last + timedelta(days=1)]])
    bounds = np.searchsorted(time_ms, midnights)
    for i, day in enumerate(days):
        here = slice(bounds[i], bounds[i + 1])
        if midnights[i + 1] - midnights[i] == 24 * HOUR_MS:
            hours = (time_ms[here] - midnights[i]) // HOUR_MS
        else:
            hours = np.array([calendar.local(int(t)).hour for t in time_ms[here]], np.int64)
        slots[here] = hours + (HOLIDAY_SLOT if calendar.is_holiday(day) else 24 * day.weekday())
    return slots
