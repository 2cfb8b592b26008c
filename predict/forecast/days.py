"""Hours laid out as local days of 24 columns, and what is known of each day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from predict.series import Floats, Times

HOURS: Final = 24
SATURDAY: Final = 5
SUNDAY: Final = 6
_LAST_WEEK, _YESTERDAY = 7, 1
_SPIKE: Final = 3.0
_LARGEST: Final = 5
_MIN_WEATHER_HOURS: Final = 12
"""Of a day's weather, to interpolate the rest of that day."""


@dataclass(frozen=True, slots=True)
class Days:
    """Consecutive local days, and where each hour lies in them.

    Attributes
    ----------
    first
        Local date of row 0.
    midnight_ms
        Shape (d,): UTC milliseconds at which each day begins.
    row, column
        Shape (n,): day and local hour of each time. The hour that comes twice in autumn is one column; the one that
        spring leaves out is in none.
    kind
        Shape (d,): 0 to 6 from Monday; public holidays are Sundays.
    holiday
        Shape (d,).
    day_of_year
        Shape (d,): from 1.
    """

    first: date
    midnight_ms: Times
    row: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    kind: npt.NDArray[np.int64]
    holiday: npt.NDArray[np.bool_]
    day_of_year: npt.NDArray[np.int64]

    def part(self, start: int, stop: int) -> Days:
        """The days ``[start, stop)`` alone."""
        held = (self.row >= start) & (self.row < stop)
        here = slice(start, stop)
        return Days(
            first=self.first + timedelta(days=start),
            midnight_ms=self.midnight_ms[here],
            row=self.row[held] - start,
            column=self.column[held],
            kind=self.kind[here],
            holiday=self.holiday[here],
            day_of_year=self.day_of_year[here],
        )

    def __len__(self) -> int:
        return len(self.midnight_ms)

    def grid(self, values: Floats) -> Floats:
        """Shape (d, 24) of `values` (n,): the mean where an hour comes twice, NaN where none is known."""
        cell = self.row * HOURS + self.column
        known = np.isfinite(values)
        size = len(self) * HOURS
        count = np.bincount(cell[known], minlength=size)
        total = np.bincount(cell[known], values[known], minlength=size)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(-1, HOURS)

    def hours(self, grid: Floats) -> Floats:
        """Shape (n,): the grid's value at each time."""
        return grid[self.row, self.column]


def lay_out(time_ms: Times, calendar: Calendar) -> Days:
    """Days that hold `time_ms` (ascending UTC milliseconds, at least one)."""
    first, last = calendar.day_of(int(time_ms[0])), calendar.day_of(int(time_ms[-1]))
    dates = [first + timedelta(days=i) for i in range((last - first).days + 2)]
    midnights = np.array([calendar.midnight(day) for day in dates], np.int64)
    row = np.searchsorted(midnights, time_ms, side="right") - 1
    column = (time_ms - midnights[row]) // HOUR_MS
    odd = np.flatnonzero(np.diff(midnights) != HOURS * HOUR_MS)
    for i in np.flatnonzero(np.isin(row, odd)):
        column[i] = calendar.local(int(time_ms[i])).hour
    dates.pop()
    holiday = np.array([calendar.is_holiday(day) for day in dates])
    weekday = np.array([day.weekday() for day in dates])
    return Days(
        first=first,
        midnight_ms=midnights[:-1],
        row=row,
        column=column,
        kind=np.where(holiday, SUNDAY, weekday),
        holiday=holiday,
        day_of_year=np.array([day.timetuple().tm_yday for day in dates]),
    )


def fill_load(grid: Floats) -> Floats:
    """Unknown hours as a week before, else as the day before, else the mean of the two weeks before; never later ones.

    Hours before the first known one are 0.
    """
    filled = grid.copy()
    for day in np.flatnonzero(np.isnan(grid).any(axis=1)):
        for back in (_LAST_WEEK, _YESTERDAY):
            if day >= back:
                filled[day] = np.where(np.isnan(filled[day]), filled[day - back], filled[day])
        hole = np.isnan(filled[day])
        if hole.any():
            before = filled[max(0, day - 14) : day]
            filled[day, hole] = before.mean() if len(before) else 0.0
    return filled


def without_spikes(grid: Floats) -> Floats:
    """Load without lone hours that no meter can mean: thrice their neighbours, and thrice all but four before.

    A change of two hours stays. Hours of the first week are never doubted; nothing is judged by a later day.
    """
    before = np.concatenate([np.append(np.nan, grid[:-1, -1])[:, None], grid[:, :-1]], axis=1)
    after = np.concatenate([grid[:, 1:], np.full((len(grid), 1), np.nan)], axis=1)
    neighbours = np.fmax(before, after)
    with np.errstate(invalid="ignore"):
        alone = grid > _SPIKE * neighbours
    kept = grid.copy()
    largest = np.zeros(_LARGEST)
    for day in range(len(kept)):
        if day >= _LAST_WEEK and alone[day].any():
            kept[day] = np.where(alone[day] & (kept[day] > _SPIKE * largest[0]), np.nan, kept[day])
        top = np.nanmax(kept[day], initial=0.0)
        if top > largest[0]:
            today = np.where(np.isfinite(kept[day]), kept[day], 0.0)
            largest = np.sort(np.concatenate([largest, today]))[-_LARGEST:]
    return kept


def fill_weather(grid: Floats, otherwise: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Weather without holes, and the days (d,) whose weather is the day before's.

    A day with at least half of its hours is interpolated within itself; any other takes the shape of the day before.
    Nothing is taken from a later day. Where no day came before, it is `otherwise`.
    """
    filled = grid.copy()
    known = np.isfinite(grid)
    persisted = known.sum(axis=1) < _MIN_WEATHER_HOURS
    for day in np.flatnonzero(~known.all(axis=1)):
        if not persisted[day]:
            at = np.flatnonzero(known[day])
            filled[day] = np.interp(np.arange(HOURS), at, grid[day, at])
        else:
            before = filled[day - 1] if day else np.full(HOURS, otherwise)
            filled[day] = np.where(known[day], grid[day], before)
    return filled, persisted
