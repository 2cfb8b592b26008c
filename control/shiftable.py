"""Reads what shifting loads decides from: windows, hours that were run, prices; a thin shell around `load_shift`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Final

from control.cost_ahead import cost_ahead
from control.gather import judge_input, newest
from control.proposal import Proposal
from control.strategies.load_shift import NAME, Run, propose_run
from control.view import NOT_MEASURED, Input
from core.calendar import HOUR_MS, Calendar
from core.config.load_shift import WEEKDAYS, LoadShift, ShiftableLoad
from core.points import Point
from core.schedule import minute_of_day
from core.units import UNITS, convert
from predict.causes.roles import Carrier
from predict.series import usable
from stores.port import ReadingStore
from stores.registry import Registry

log = logging.getLogger("promessa.control")

_RUNS_SHARE: Final = 0.5


class Shiftable:
    """The loads of one building, from store and registry to proposals.

    Parameters
    ----------
    settings
        As configured.
    building
        ``site/building``.
    """

    def __init__(self, settings: LoadShift, building: str) -> None:
        self.settings = settings
        self._building = building
        self._reported: set[str] = set()

    def decide(
        self, store: ReadingStore, registry: Registry, points: Mapping[str, Point], calendar: Calendar, *, now_ms: int,
        stale_after_s: int,
    ) -> tuple[list[Proposal], dict[str, float]]:  # fmt: skip
        """What each load should be told now; one that no gateway has declared as driven is left out.

        Parameters
        ----------
        points
            Of the building, by id.
        now_ms
            The data's time, UTC milliseconds.
        stale_after_s
            What says whether a load runs counts for so long.

        Returns
        -------
        list of Proposal
            One a load.
        dict of str to float
            What the driven points hold, by point id, where it is known.
        """
        proposals, held = [], {}
        for load in self.settings.loads:
            point = points.get(load.point)
            if point is None or point.limits is None:
                self._report(load.point)
                continue
            found = newest(store, [load.point], now_ms, stale_after_s)
            value = judge_input(found.get(load.point), now_ms, stale_after_s).value
            if value is not None:
                held[load.point] = value
            proposals.append(self._propose(store, registry, load, points, calendar, now_ms, stale_after_s))
        return proposals, held

    def _propose(
        self, store: ReadingStore, registry: Registry, load: ShiftableLoad, points: Mapping[str, Point],
        calendar: Calendar, now_ms: int, stale_after_s: int,
    ) -> Proposal:  # fmt: skip
        point = points[load.point]
        window = window_at(load, calendar, now_ms)
        if window is None:
            return Proposal(point, None, NAME, "Let go: it is not the time in which this load is shifted.")
        start_ms, end_ms = window
        run = Run(
            point, load.on_value, load.off_value, load.power_kw, load.run_hours, start_ms, end_ms, load.in_one_piece
        )
        cost = cost_ahead(
            registry, self._building, Carrier(load.carrier), calendar, start_ms=now_ms, end_ms=end_ms,
            eur_per_tonne=self.settings.carbon_eur_per_tonne,
        )  # fmt: skip
        if cost is None:
            return Proposal(point, None, NAME, f"Let go: what a kWh of {load.carrier} costs is not on record.")
        status = points.get(load.running) if load.running else point
        if status is None:
            return Proposal(point, None, NAME, f"Let go: {load.running}, which says whether it runs, is not declared.")
        series = usable(store.read(status.id, start_ms - stale_after_s * 1000, now_ms + 1))
        samples = list(zip(series.time_ms.tolist(), series.value.tolist(), strict=True))
        runs = runs_by(load, status)
        state = Input(samples[-1][1]) if samples and now_ms - samples[-1][0] <= stale_after_s * 1000 else NOT_MEASURED
        if state.value is None:
            return Proposal(point, None, NAME, f"Let go: nobody knows whether it runs, {status.id} says nothing.")
        done_h = ran_h(samples, runs, start_ms=start_ms, now_ms=now_ms, stale_after_s=stale_after_s)
        return propose_run(run, cost, now_ms=now_ms, done_h=done_h, is_running=runs(state.value))

    def _report(self, point: str) -> None:
        if point not in self._reported:
            log.warning("load_unusable point=%s reason='no gateway has declared it with limits'", point)
            self._reported.add(point)


def window_at(load: ShiftableLoad, calendar: Calendar, now_ms: int) -> tuple[int, int] | None:
    """The window of a load that runs now, UTC milliseconds, half open; None between two of them."""
    today = calendar.day_of(now_ms)
    goes_over_night = minute_of_day(load.ready_by) <= minute_of_day(load.not_before)
    for day in (today, today - timedelta(days=1)):
        if load.days and WEEKDAYS[day.weekday()] not in load.days:
            continue
        start_ms = _at(calendar, day, load.not_before)
        end_ms = _at(calendar, day + timedelta(days=int(goes_over_night)), load.ready_by)
        if start_ms <= now_ms < end_ms:
            return start_ms, end_ms
    return None


def runs_by(load: ShiftableLoad, status: Point) -> Callable[[float], bool]:
    """Whether a load runs, by what a point says: what it is told, a status, or its power."""
    if status.id == load.point:
        return lambda value: abs(value - load.on_value) < abs(value - load.off_value)
    if UNITS[status.unit].dimension == "power":
        kilowatts = convert(1.0, status.unit, "kW")
        return lambda value: value * kilowatts >= _RUNS_SHARE * load.power_kw
    return lambda value: value >= _RUNS_SHARE


def ran_h(
    samples: Sequence[tuple[int, float]], runs: Callable[[float], bool], *, start_ms: int, now_ms: int,
    stale_after_s: int,
) -> float:  # fmt: skip
    """Hours that a load ran since `start_ms`: each value holds until the next, for no longer than it counts.

    Parameters
    ----------
    samples
        UTC milliseconds, ascending, and values.
    """
    total_ms = 0
    ends = [*(time_ms for time_ms, _ in samples[1:]), now_ms]
    for (begin, value), after in zip(samples, ends, strict=False):
        end = min(after, begin + stale_after_s * 1000, now_ms)
        if runs(value):
            total_ms += max(0, end - max(begin, start_ms))
    return total_ms / HOUR_MS


def _at(calendar: Calendar, day: date, clock: str) -> int:
    minute = minute_of_day(clock)
    if minute == 24 * 60:
        return calendar.midnight(day + timedelta(days=1))
    return calendar.at(day, time(minute // 60, minute % 60))
