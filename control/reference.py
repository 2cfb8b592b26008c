"""When a building was only watched, so that what it did then is what its own control does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np

from control.habit import HabitWeek
from control.record import Record
from control.view import AirHabit
from core.calendar import HOUR_MS, Calendar
from stores.registry import StopChange, TrustChange, TrustMode

LEAST_DAYS: Final = 7
"""Fewer recorded days are no week of its habits."""
WHOLE_DAYS: Final = 28
ENOUGH_DAYS: Final = 21
"""The newest period with so many recorded days is taken; older ones are only looked at for more days than it has."""
_PARTS: Final = 4
_CAUGHT_UP_MS: Final = 48 * HOUR_MS
_RECORDED_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Period:
    """Half open, UTC milliseconds."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Reference:
    """What a building's own control held in a period.

    Attributes
    ----------
    days
        Local days of it that are recorded.
    habits, air_habits
        By name of the zone, and of the air system.
    """

    period: Period
    days: int
    habits: Mapping[str, HabitWeek] = field(default_factory=dict)
    air_habits: Mapping[str, AirHabit] = field(default_factory=dict)

    def is_closed(self, now_ms: int) -> bool:
        """Whether nothing of it is expected any more: a gateway that was away has caught up."""
        return self.days > 0 and self.period.end_ms + _CAUGHT_UP_MS <= now_ms


def watched(trusts: Sequence[TrustChange], stops: Sequence[StopChange], *, now_ms: int, settle_ms: int) -> list[Period]:
    """When control sent nothing to a building, newest first; the first period ever begins at 0.

    Parameters
    ----------
    trusts, stops
        The building's history, newest first. What one point is trusted with does not matter: it never exceeds its
        building.
    settle_ms
        What was sent is in force for so long at most after control was told to stop.
    """
    changes: list[TrustChange | StopChange] = [change for change in reversed(trusts) if not change.point]
    changes += reversed(stops)
    mode, is_stopped, was_sending = TrustMode.ADVISE, False, False
    since_ms = 0
    periods: list[Period] = []
    for change in sorted(changes, key=lambda change: change.time_ms):
        time_ms = min(change.time_ms, now_ms)  # a clock may have been ahead
        if isinstance(change, TrustChange):
            mode = change.after
        else:
            is_stopped = change.is_stopped
        is_sending = mode.may_send and not is_stopped
        if is_sending and not was_sending:
            periods.append(Period(since_ms, time_ms))
        elif was_sending and not is_sending:
            since_ms = time_ms + settle_ms
        was_sending = is_sending
    if not was_sending:
        periods.append(Period(since_ms, now_ms))
    return [period for period in reversed(periods) if period.start_ms < period.end_ms]


def candidates(periods: Sequence[Period], calendar: Calendar) -> list[Period]:
    """Four weeks of whole local days each, newest first, out of periods in which a building was watched."""
    found = []
    for period in periods:
        first, last = _whole_days(period, calendar)
        for _ in range(_PARTS):
            begin = max(first, last - timedelta(days=WHOLE_DAYS))
            if (last - begin).days < LEAST_DAYS:
                break
            found.append(Period(calendar.midnight(begin), calendar.midnight(last)))
            last = begin
    return found


def find(periods: Iterable[Period], learn: Callable[[Period], Reference]) -> Reference | None:
    """The newest period with enough recorded days, else the one with most; None: none has a week of them.

    Parameters
    ----------
    learn
        Reads a period; called for no more periods than it takes.
    """
    best: Reference | None = None
    for period in periods:
        reference = learn(period)
        if reference.days >= ENOUGH_DAYS:
            return reference
        if reference.days >= max(LEAST_DAYS, best.days + 1 if best else 0):
            best = reference
    return best


def recorded_days(record: Record, points: Iterable[str]) -> int:
    """Local days on at least half of which any of the points is known."""
    columns = [np.isfinite(record.of(point)) for point in points]
    if not columns or not len(record):
        return 0
    known = np.bincount(record.days, weights=np.any(columns, axis=0))
    return int(np.sum(known >= _RECORDED_SHARE * np.bincount(record.days)))


def _whole_days(period: Period, calendar: Calendar) -> tuple[date, date]:
    """First day that lies wholly in a period, and the day after the last one."""
    first = calendar.day_of(period.start_ms) if period.start_ms > 0 else date(1970, 1, 2)
    if calendar.midnight(first) < period.start_ms:
        first += timedelta(days=1)
    return first, calendar.day_of(period.end_ms)
