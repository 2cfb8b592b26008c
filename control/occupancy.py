"""When people are in a zone: learnt from people counters, bounded by the calendar, corrected by who is there now."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from control.record import HOLIDAY, Record
from control.view import Input, Occupancy
from core.calendar import MINUTE_MS, Calendar
from core.schedule import Schedule
from predict.series import Floats

Bools = NDArray[np.bool_]
PRESENT_SHARE: Final = 0.07
"""Of the most people ever seen: fewer are a round of the watch or the last to leave, not use of the zone."""
SLOT_MIN: Final = 15
CO2_NOISE_PPM: Final = 50.0
_FRESH_QUANTILE: Final = 0.1
_SOMEBODY_SHARE: Final = 0.01
BRIDGE_MS: Final = 150 * MINUTE_MS
"""A gap in which people are expected back within so long is no absence."""
ABSENT_MS: Final = 60 * MINUTE_MS
"""Nobody seen for so long, though they were expected: they do not come."""
LINGER_MS: Final = 15 * MINUTE_MS
SOON_MS: Final = 15 * MINUTE_MS
AGENDA_DAYS: Final = 9
_SLOTS: Final = 24 * 60 // SLOT_MIN
_WORKING: Final = 5
_SUNDAY: Final = 6
_SEEN_OFTEN: Final = 3


@dataclass(frozen=True, slots=True)
class Presence:
    """A zone's week.

    Attributes
    ----------
    shares
        Shape (8, 96): people over `peak` in each quarter of an hour of a local day, Monday to Sunday and holidays.
    peak
        Most people ever counted; 0: none.
    """

    shares: Floats
    peak: float


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is expected of a zone in the next days.

    Attributes
    ----------
    shares
        People over the peak by quarter of an hour from `start_ms` on (UTC milliseconds), shape (n,).
    changes
        When people come and go in turn, UTC milliseconds.
    begins_occupied
        Whether people are expected at `start_ms`.
    arrivals
        When people come after a gap of `ABSENT_MS` or more, bridged ones included, UTC milliseconds.
    """

    start_ms: int
    shares: Floats
    changes: tuple[int, ...]
    begins_occupied: bool
    peak: float
    arrivals: tuple[int, ...] = ()

    def is_expected(self, time_ms: int) -> bool:
        """Whether people are expected at a time."""
        return self.begins_occupied != bool(bisect_right(self.changes, time_ms) % 2)

    def next_change(self, time_ms: int) -> int | None:
        """First change after a time."""
        after = bisect_right(self.changes, time_ms)
        return self.changes[after] if after < len(self.changes) else None

    def share(self, start_ms: int, end_ms: int) -> float:
        """Most expected between two times, over the peak."""
        slot_ms = SLOT_MIN * MINUTE_MS
        first = max(0, (start_ms - self.start_ms) // slot_ms)
        last = max(first + 1, (end_ms - self.start_ms) // slot_ms)
        part = self.shares[first:last]
        return float(part.max()) if part.size else 0.0


def learn_presence(record: Record, people: Floats) -> Presence:
    """A zone's week from what was counted.

    Parameters
    ----------
    people
        Shape (n,), NaN where unknown.

    Notes
    -----
    Of a quarter of an hour on a weekday it takes the most people of any such day, from three days on the most but one,
    so that one evening's event is not expected every week. A weekday that was never seen is like the other working
    days, an unseen Saturday or holiday like a Sunday.
    """
    peak = usual_peak(record, people)
    if peak <= 0:
        return Presence(np.zeros((HOLIDAY + 1, _SLOTS)), 0.0)
    shares = week_of(record, np.minimum(people / peak, 1.0), _highest)
    working = shares[:_WORKING]
    usual = np.nanmax(np.nan_to_num(working, nan=0.0), axis=0)
    for kind in range(_WORKING):
        shares[kind] = np.where(np.isfinite(shares[kind]), shares[kind], usual)
    shares[_SUNDAY] = np.nan_to_num(shares[_SUNDAY], nan=0.0)
    for kind in (_WORKING, HOLIDAY):
        shares[kind] = np.where(np.isfinite(shares[kind]), shares[kind], shares[_SUNDAY])
    return Presence(shares, peak)


def people_of_co2(co2_ppm: Floats, fresh_ppm: float) -> Floats:
    """What carbon dioxide tells of people, shape (n,): by how much it lies above an empty zone's.

    It rises and falls later than people come and go, so that they seem to linger; only its share of the most counts.
    """
    return np.where(np.isfinite(co2_ppm), np.maximum(co2_ppm - fresh_ppm - CO2_NOISE_PPM, 0.0), np.nan)


def fresh_co2_ppm(co2_ppm: Floats) -> float | None:
    """Carbon dioxide of a zone while nobody is there: what is undercut in a tenth of the time; None: not known."""
    known = co2_ppm[np.isfinite(co2_ppm)]
    return float(np.quantile(known, _FRESH_QUANTILE)) if known.size else None


def people_of(counted: Input, co2: Input, fresh_ppm: float | None) -> Input:
    """People in a zone now: counted, else told by carbon dioxide."""
    if counted.value is not None or co2.value is None or fresh_ppm is None:
        return counted
    return Input(max(co2.value - fresh_ppm - CO2_NOISE_PPM, 0.0))


def week_of(record: Record, values: Floats, of_days: Callable[[Floats], Floats]) -> Floats:
    """A week of a quantity, shape (8, 96).

    Parameters
    ----------
    of_days
        Makes one value of each quarter of an hour, shape (96,), from the days of one kind, shape (days, 96); NaN
        where a day has none.
    """
    week = np.full((HOLIDAY + 1, _SLOTS), np.nan)
    known = np.isfinite(values)
    slots = record.minutes // SLOT_MIN
    for kind in range(HOLIDAY + 1):
        rows = known & (record.day_kinds == kind)
        days = np.unique(record.days[rows])
        if days.size:
            seen = np.full((days.size, _SLOTS), -np.inf)
            np.maximum.at(seen, (np.searchsorted(days, record.days[rows]), slots[rows]), values[rows])
            seen[~np.isfinite(seen)] = np.nan
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a quarter of an hour without any value stays NaN
                week[kind] = of_days(seen)
    return week


def _highest(days: Floats) -> Floats:
    ranked = np.sort(np.nan_to_num(days, nan=-np.inf), axis=0)
    highest = ranked[-2 if len(days) >= _SEEN_OFTEN else -1]
    return np.where(np.isfinite(highest), highest, np.nan)


def usual_peak(record: Record, people: Floats) -> float:
    """Most people of a zone; from three days with people on the most of any day but one: an event is no measure."""
    known = np.isfinite(people)
    most = np.zeros(int(record.days.max(initial=-1)) + 1)
    np.maximum.at(most, record.days[known], people[known])
    ranked = np.sort(most[most > 0])
    if not ranked.size:
        return 0.0
    return float(ranked[-2 if ranked.size >= _SEEN_OFTEN else -1])


def agenda(presence: Presence, calendar: Calendar, now_ms: int) -> Agenda:
    """What a zone's week means for the days from the local day of `now_ms` on, gaps bridged."""
    today = calendar.day_of(now_ms)
    start_ms = calendar.midnight(today)
    slot_ms = SLOT_MIN * MINUTE_MS
    expected: list[float] = []
    for offset in range(AGENDA_DAYS):
        day = today + timedelta(days=offset)
        kind = HOLIDAY if calendar.is_holiday(day) else day.weekday()
        first, end = calendar.day_bounds(day)
        for time_ms in range(first, end, slot_ms):
            local = calendar.local(time_ms)
            expected.append(float(presence.shares[kind, (local.hour * 60 + local.minute) // SLOT_MIN]))
    shares = np.array(expected)
    seen = shares >= PRESENT_SHARE
    present = _bridged(seen, BRIDGE_MS // slot_ms)
    changes = tuple(int(start_ms + (k + 1) * slot_ms) for k in np.flatnonzero(np.diff(present)))
    slots = np.flatnonzero(seen)
    longest = ABSENT_MS // slot_ms
    arrivals = tuple(int(start_ms + after * slot_ms) for before, after in pairwise(slots) if after - before > longest)
    return Agenda(start_ms, shares, changes, bool(present[0]) if present.size else False, presence.peak, arrivals)


def opening_agenda(opening: Schedule, calendar: Calendar, now_ms: int) -> Agenda:
    """What the hours that people have entered mean for the days from the local day of `now_ms` on."""
    today = calendar.day_of(now_ms)
    start_ms, end_ms = calendar.midnight(today), calendar.midnight(today + timedelta(days=AGENDA_DAYS))
    begins = opening.value_at(start_ms, calendar) > 0
    changes: list[int] = []
    is_open, after = begins, opening.next_change(start_ms, calendar)
    while after is not None and after < end_ms:
        if (opening.value_at(after, calendar) > 0) != is_open:
            is_open = not is_open
            changes.append(after)
        after = opening.next_change(after, calendar)
    slots = range(start_ms, end_ms, SLOT_MIN * MINUTE_MS)
    shares = np.array([float(opening.value_at(time_ms, calendar) > 0) for time_ms in slots])
    return Agenda(start_ms, shares, tuple(changes), begins, 0.0)


def joined(agendas: list[Agenda]) -> Agenda | None:
    """What is expected of several zones together: people wherever any of them has some."""
    if not agendas:
        return None
    shares = np.max([a.shares for a in agendas], axis=0)
    edges = sorted({edge for a in agendas for edge in a.changes})
    begins = any(a.begins_occupied for a in agendas)
    state, changes = begins, []
    for edge in edges:
        if any(a.is_expected(edge) for a in agendas) != state:
            state = not state
            changes.append(edge)
    return Agenda(agendas[0].start_ms, shares, tuple(changes), begins, 0.0)


def occupancy_at(plan: Agenda, people: float | None, last_seen_ms: int | None, now_ms: int) -> Occupancy:
    """Whether a zone is occupied now: who is there counts for more than who is expected.

    Parameters
    ----------
    people
        Counted now; None: unknown, then the expectation holds.
    last_seen_ms
        When people were last there, UTC milliseconds.
    """
    expected = plan.is_expected(now_ms)
    soon = plan.share(now_ms, now_ms + SOON_MS)
    if people is None or plan.peak <= 0:
        return Occupancy(expected, plan.next_change(now_ms), None if plan.peak <= 0 else (1.0 if expected else soon))
    share = max(people / plan.peak, soon)
    absent_ms = now_ms - last_seen_ms if last_seen_ms is not None else ABSENT_MS
    changed_ms = max((edge for edge in plan.changes if edge <= now_ms), default=None)
    begun_ms = max((edge for edge in plan.arrivals if edge <= now_ms), default=plan.start_ms)
    begun_ms = begun_ms if changed_ms is None else max(begun_ms, changed_ms)
    if not expected and changed_ms is not None and now_ms - changed_ms < LINGER_MS:
        # The count is of the last minutes; they leave now as they always do.
        return Occupancy(False, plan.next_change(now_ms), min(share, 1.0))
    if people / plan.peak >= (_SOMEBODY_SHARE if expected else PRESENT_SHARE):
        return Occupancy(True, plan.next_change(now_ms) if expected else now_ms + LINGER_MS, min(share, 1.0))
    if not expected:
        return Occupancy(False, plan.next_change(now_ms), min(share, 1.0))
    leaves_ms = plan.next_change(now_ms)
    if min(absent_ms, now_ms - begun_ms) < ABSENT_MS + LINGER_MS or leaves_ms is None:
        return Occupancy(True, leaves_ms, min(share, 1.0))
    # They were expected and have not come for long: nobody is waited for until the next time on the agenda.
    comes_ms = next((edge for edge in plan.arrivals if now_ms < edge < leaves_ms), plan.next_change(leaves_ms))
    return Occupancy(False, comes_ms, min(people / plan.peak, 1.0))


def _bridged(
    present: np.ndarray[tuple[int], np.dtype[np.bool_]], longest: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Gaps between two presences of no more than `longest` slots filled."""
    filled = present.copy()
    where = np.flatnonzero(present)
    for before, after in pairwise(where):
        if 1 < after - before <= longest + 1:
            filled[before:after] = True
    return filled
