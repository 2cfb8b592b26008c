"""What may be known at an issue: readings before it, weather up to the horizon, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from predict.forecast.days import HOURS, lay_out
from predict.forecast.design import History, look_back
from predict.series import Floats, Times


@dataclass(frozen=True, slots=True)
class Window:
    """Whole local days around an issue.

    Attributes
    ----------
    time_ms
        Shape (n,): every hour of them, UTC milliseconds.
    weather_known
        Shape (n,): the temperature of the hour is known, or expected by a forecast.
    history
        The same as grids.
    """

    time_ms: Times
    weather_known: npt.NDArray[np.bool_]
    history: History


def open_window(
    calendar: Calendar,
    time_ms: Times,
    kwh: Floats,
    temperature_c: Floats,
    irradiance_wm2: Floats | None,
    *,
    issue_ms: int,
    end_ms: int,
    days: int | None = None,
) -> Window:
    """From the first known reading, or so many days before the issue, to the end of the day of the last hour.

    Readings from `issue_ms` on and weather from `end_ms` on are not looked at, whatever the arrays hold.
    """
    past = np.isfinite(kwh) & (time_ms < issue_ms)
    start = int(time_ms[past][0]) if past.any() else issue_ms
    if days is not None:
        start = max(start, issue_ms - days * HOURS * HOUR_MS)
    start = calendar.midnight(calendar.day_of(start))
    axis = np.arange(start, calendar.day_bounds(calendar.day_of(end_ms - 1))[1], HOUR_MS, dtype=np.int64)
    laid = lay_out(axis, calendar)
    here = (time_ms >= start) & (time_ms < end_ms)
    slot = (time_ms[here] - start) // HOUR_MS

    def place(values: Floats, until_ms: int) -> Floats:
        placed = np.full(len(axis), np.nan)
        placed[slot] = np.where(time_ms[here] < until_ms, values[here], np.nan)
        return placed

    irradiance = np.full(len(time_ms), np.nan) if irradiance_wm2 is None else irradiance_wm2
    temperature = place(temperature_c, end_ms)
    grids = (laid.grid(values) for values in (place(kwh, issue_ms), temperature, place(irradiance, end_ms)))
    return Window(axis, np.isfinite(temperature), look_back(laid, *grids))
