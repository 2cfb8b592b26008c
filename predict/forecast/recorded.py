"""Forecasts of a recorded period, as they would have been issued at each local midnight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.calendar import Calendar
from predict.forecast.days import lay_out
from predict.forecast.design import look_back
from predict.forecast.walk import WARM_UP_DAYS, Model, walk
from predict.series import Floats, Times


@dataclass(frozen=True, slots=True)
class DayAhead:
    """Hours forecast at the local midnight before them.

    Attributes
    ----------
    issue_ms, time_ms
        Shape (n,): UTC milliseconds.
    kwh, p10, p90
        Shape (n,): expected energy and the edges of the 80 % interval; NaN where no reading was ever known before.
    model
        Shape (n,): who spoke.
    persisted
        Shape (n,): the day's weather was unknown, and the day before's stood for it.
    """

    issue_ms: Times
    time_ms: Times
    kwh: Floats
    p10: Floats
    p90: Floats
    model: list[Model]
    persisted: list[bool]


def day_ahead(
    calendar: Calendar,
    time_ms: Times,
    kwh: Floats,
    temperature_c: Floats,
    irradiance_wm2: Floats,
    start_ms: int,
) -> DayAhead:
    """Forecast every hour from `start_ms` on at its day's midnight, from the hours before it and the day's weather.

    Parameters
    ----------
    calendar
        The site's: local days and holidays.
    time_ms
        Shape (n,): consecutive hours, UTC milliseconds.
    kwh, temperature_c, irradiance_wm2
        Shape (n,), NaN where unknown. The weather of a day stands for its forecast.
    start_ms
        A local midnight.
    """
    asked = time_ms >= start_ms
    out_time = time_ms[asked]
    known = np.flatnonzero(np.isfinite(kwh))
    days = lay_out(time_ms, calendar)
    issue = days.midnight_ms[days.row[asked]]
    blank = np.full(len(out_time), np.nan)
    if not len(known):
        nothing = [Model.NOTHING] * len(out_time)
        return DayAhead(issue, out_time, blank, blank, blank, nothing, [False] * len(out_time))
    begin = int(days.row[known[0]])
    held = days.row >= begin
    days = lay_out(time_ms[held], calendar)
    grids = (days.grid(values[held]) for values in (kwh, temperature_c, irradiance_wm2))
    history = look_back(days, *grids)
    start_row = int(np.searchsorted(days.midnight_ms, start_ms, side="right")) - 1
    found = walk(history, start_row - WARM_UP_DAYS)
    late = asked[held]
    missed = len(out_time) - int(late.sum())

    def place(grid: Floats) -> Floats:
        return np.concatenate([np.full(missed, np.nan), days.hours(grid)[late]])

    rows = days.row[late].tolist()
    return DayAhead(
        issue_ms=issue,
        time_ms=out_time,
        kwh=place(found.predicted),
        p10=place(found.p10),
        p90=place(found.p90),
        model=[Model.NOTHING] * missed + [found.model[row] for row in rows],
        persisted=[False] * missed + [bool(history.persisted[row]) for row in rows],
    )
