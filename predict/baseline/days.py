"""Hours laid out as local days of 24 wall-clock hours, and what kind of day each is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from predict.series import Floats, Times

HOURS: Final = 24
_EPOCH: Final = date(1970, 1, 1).toordinal()
Indices: TypeAlias = npt.NDArray[np.intp]


class DayKind(IntEnum):
    """What a local day is; Monday to Sunday keep the numbers of `date.weekday`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6
    HOLIDAY = 7
    YEAR_END = 8
    """Monday to Friday from 24 December to 1 January where they are no holiday: many buildings sleep."""


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Consecutive local days that cover some hours.

    Attributes
    ----------
    ordinal
        Shape (d,): `date.toordinal` of each day.
    kind
        Shape (d,): `DayKind` of each day.
    day
        Shape (n,): index of each hour's day.
    hour
        Shape (n,): wall-clock hour of each, 0 to 23. The hour that comes twice in autumn has the same number twice, the
        one that is missing in spring is nobody's.
    """

    ordinal: npt.NDArray[np.int64]
    kind: Indices
    day: Indices
    hour: Indices

    @classmethod
    def covering(cls, time_ms: Times, calendar: Calendar) -> Self:
        """Days that cover the hours starting at `time_ms`, shape (n,), n >= 1, ascending, UTC milliseconds."""
        first, last = calendar.day_of(int(time_ms[0])), calendar.day_of(int(time_ms[-1]))
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        midnights = np.array([calendar.midnight(day) for day in [*days, last + timedelta(days=1)]])
        index = np.searchsorted(midnights, time_ms, side="right") - 1
        hour = (time_ms - midnights[index]) // HOUR_MS
        for i in np.flatnonzero(np.diff(midnights) != HOURS * HOUR_MS):
            for at in np.flatnonzero(index == i):
                hour[at] = calendar.local(int(time_ms[at])).hour
        kind = np.array([_kind(day, calendar) for day in days], np.intp)
        return cls(np.array([day.toordinal() for day in days]), kind, index, hour.astype(np.intp))

    @property
    def season(self) -> Floats:
        """Angle of each day in the year, shape (d,), radians."""
        return season_of(self.ordinal)

    def grid(self, values: Floats) -> Floats:
        """`values` of the hours, shape (n,), as a table of shape (d, 24): means of what is known, else NaN."""
        cell = self.day * HOURS + self.hour
        known = np.isfinite(values)
        cells = len(self.ordinal) * HOURS
        count = np.bincount(cell[known], minlength=cells)
        total = np.bincount(cell[known], values[known], minlength=cells)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(-1, HOURS)


def season_of(ordinal: npt.NDArray[np.int64]) -> Floats:
    """Angle in the year, radians, of days given by `date.toordinal`; a year has 365.25 days."""
    day = (ordinal.astype(np.int64) - _EPOCH).astype("datetime64[D]")
    of_year = (day - day.astype("datetime64[Y]")).astype(np.float64) + 1
    return np.asarray(of_year * (2 * np.pi / 365.25), np.float64)


def _kind(day: date, calendar: Calendar) -> int:
    if calendar.is_holiday(day):
        return DayKind.HOLIDAY
    if day.weekday() < DayKind.SATURDAY and ((day.month == 12 and day.day >= 24) or (day.month, day.day) == (1, 1)):
        return DayKind.YEAR_END
    return day.weekday()
