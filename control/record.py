"""The last weeks of a building's points at equal steps: what strategies learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.calendar import Calendar
from predict.series import Floats

Ints = NDArray[np.int64]
HOLIDAY = 7
"""What stands for a holiday beside the weekdays 0 to 6."""


@dataclass(frozen=True)
class Record:
    """Means over equal steps, NaN where unknown.

    Attributes
    ----------
    start_ms, step_ms
        Beginning of the first step and length of all, UTC milliseconds.
    columns
        Shape (n,) by point id.
    calendar
        Of the site.
    """

    start_ms: int
    step_ms: int
    columns: Mapping[str, Floats]
    calendar: Calendar

    def __len__(self) -> int:
        return max((len(values) for values in self.columns.values()), default=0)

    @property
    def step_h(self) -> float:
        """Length of a step, hours."""
        return self.step_ms / 3_600_000

    def of(self, point_id: str | None) -> Floats:
        """Values of a point; all NaN when it is not recorded."""
        values = self.columns.get(point_id or "")
        return np.full(len(self), np.nan) if values is None else values

    def between(self, start_ms: int, end_ms: int) -> Record | None:
        """The part from one step to another (UTC milliseconds, half open); None where it is not wholly recorded."""
        first, last = ((time_ms - self.start_ms) // self.step_ms for time_ms in (start_ms, end_ms))
        if not 0 <= first < last <= len(self):
            return None
        part = {name: values[first:last] for name, values in self.columns.items()}
        return Record(start_ms, self.step_ms, part, self.calendar)

    @cached_property
    def _local(self) -> tuple[Ints, Ints, Ints]:
        kinds, minutes, days = [], [], []
        for k in range(len(self)):
            time_ms = self.start_ms + k * self.step_ms
            kind, minute = day_and_minute(self.calendar, time_ms)
            kinds.append(kind)
            minutes.append(minute)
            days.append(self.calendar.day_of(time_ms).toordinal())
        numbers = np.array(days, np.int64)
        return np.array(kinds, np.int64), np.array(minutes, np.int64), numbers - numbers[:1]

    @property
    def day_kinds(self) -> Ints:
        """Weekday of each step, 0 for Monday, `HOLIDAY` for a holiday; shape (n,)."""
        return self._local[0]

    @property
    def minutes(self) -> Ints:
        """Minute of the local day at which each step begins, shape (n,)."""
        return self._local[1]

    @property
    def days(self) -> Ints:
        """Number of the local day that each step lies in, from 0 on, shape (n,); a day of 25 hours is one."""
        return self._local[2]


def day_and_minute(calendar: Calendar, time_ms: int) -> tuple[int, int]:
    """Weekday (or `HOLIDAY`) and minute of the local day."""
    local = calendar.local(time_ms)
    kind = HOLIDAY if calendar.is_holiday(local.date()) else local.weekday()
    return kind, local.hour * 60 + local.minute
