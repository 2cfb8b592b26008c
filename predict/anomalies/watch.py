"""Watches one meter hour by hour: opens, updates and closes events, the same whatever the blocks it is fed in."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.anomalies.baseload import BASE_WINDOWS, Moved, Part, base_statistic, raised
from predict.anomalies.days import DayType
from predict.anomalies.event import Closing, Event, Kind, confidence, identity
from predict.anomalies.level import (
    DRIFT_WINDOW_DAYS,
    LEAST_WORKING,
    WINDOWS,
    daytime_rise,
    drift_statistic,
    median,
    onset,
    reference,
    shift_statistic,
    standing_shift,
    working_days,
)
from predict.anomalies.memory import NEIGHBOURS, Hour, Memory, Run, Spike, forget, step
from predict.anomalies.normal import Normal, hours
from predict.anomalies.ongoing import Ongoing, close, spike_event, write
from predict.anomalies.words import explain
from predict.series import Floats, Times

FORMAT: Final = 1
ACCEPTED_AFTER_DAYS: Final = 42
"""A level that has lasted so long is the new normal: a non-routine change that somebody should enter as one."""
_DAY_MS: Final = 24 * HOUR_MS
_RETURN_DAYS: Final = 3
_RETURN_SHARE: Final = 0.4
"""A shift that has fallen to less than this share of itself has returned."""
_LONGEST_SPIKE_H: Final = 3
_DRIFT_BEGAN_DAYS: Final = 30
_STAYS_SHARE: Final = 0.6
_QUIET_MS: Final = 2 * _DAY_MS
_REOPEN_MS: Final = 14 * _DAY_MS
_SEEN_KEPT_MS: Final = 60 * _DAY_MS
_SEEN_HELD: Final = 1
"""The second largest of the last 60 days is what the next one must reach."""


class _State(msgspec.Struct):
    """All that a watch is, in a blob."""

    format: int
    subject: str
    normal: Normal
    memory: Memory
    level: Ongoing | None = None
    level_before: Ongoing | None = None
    base: Ongoing | None = None
    base_before: Ongoing | None = None
    stuck: Ongoing | None = None
    spike: list[Spike] = []
    seen: list[tuple[Kind, int, float]] = []
    stuck_until_ms: int = 0


class MeterWatch:
    """Watches one meter.

    Parameters
    ----------
    subject
        Point id of the meter.
    normal
        Learnt from a reference period, see `predict.anomalies.normal.learn`.
    calendar
        The site's.

    Examples
    --------
    >>> watch = MeterWatch("torino/calvino/el", learn(time_ms, kwh, expected, calendar), calendar)  # doctest: +SKIP
    >>> for event in watch.feed(new_time_ms, new_kwh, new_expected):  # doctest: +SKIP
    ...     print(event.kind, event.explanation)
    """

    def __init__(self, subject: str, normal: Normal, calendar: Calendar) -> None:
        self.calendar = calendar
        self._state = _State(FORMAT, subject, normal, Memory())

    @property
    def fed_until_ms(self) -> int | None:
        """End of the last hour taken in, UTC milliseconds; None before the first."""
        last = self._state.memory.last_ms
        return None if last is None else last + HOUR_MS

    @property
    def open_events(self) -> list[Event]:
        """Events that go on, as they stand."""
        return [o.event for o in (self._state.stuck, self._state.level, self._state.base) if o is not None]

    def feed(self, time_ms: Times, actual_kwh: Floats, expected_kwh: Floats) -> list[Event]:
        """Take in the next hours.

        Parameters
        ----------
        time_ms
            Shape (n,): start of each hour, ascending, UTC milliseconds; hours already taken in are passed over.
        actual_kwh, expected_kwh
            Shape (n,), NaN where unknown.

        Returns
        -------
        list of Event
            Every event that was opened, updated or closed, once each, as it stands after the last hour.
        """
        changed: dict[str, Event] = {}
        last = self._state.memory.last_ms
        fresh = slice(0 if last is None else int(np.searchsorted(time_ms, last, side="right")), None)
        for hour in hours(time_ms[fresh], actual_kwh[fresh], expected_kwh[fresh], self.calendar):
            for event in self._take(hour):
                changed[event.id] = event
        return list(changed.values())

    def to_bytes(self) -> bytes:
        """The whole state; opens with `from_bytes`."""
        return msgspec.msgpack.encode(self._state)

    @classmethod
    def from_bytes(cls, blob: bytes, calendar: Calendar) -> MeterWatch:
        """Watch of a blob.

        Raises
        ------
        DomainError
            It is not one of ours, or of another format.
        """
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except msgspec.DecodeError as error:
            raise DomainError(f"not the state of a meter's watch: {error}") from error
        if state.format != FORMAT:
            raise DomainError(f"state of a watch in format {state.format}, wanted {FORMAT}: learn again")
        watch = cls(state.subject, state.normal, calendar)
        watch._state = state
        return watch

    def _take(self, hour: Hour) -> list[Event]:
        state = self._state
        newest = state.memory.parts[-1].end_ms if state.memory.parts else 0
        new = step(state.memory, state.normal.scales, hour, mask_run=state.stuck is not None)
        found = self._follow_spike(new.spike) + self._follow_run(new.ended, hour)
        if new.days:
            parts = state.memory.parts
            first = next((i for i, p in enumerate(parts) if p.start_ms >= newest), len(parts))
            found += self._close_day(hour, first)
        return found

    def _follow_spike(self, spike: Spike | None) -> list[Event]:
        """Hours that stand out of those on both sides of them."""
        state = self._state
        if spike is not None and state.stuck is None and spike.time_ms >= state.stuck_until_ms:
            limit = self._limit(Kind.SPIKE, state.normal.spike, spike.time_ms) * self._raised_level
            if abs(spike.score) >= limit:
                state.spike.append(spike)
                return []
        if not state.spike:
            return []
        hours_, state.spike = state.spike, []
        if len(hours_) > _LONGEST_SPIKE_H:
            return []
        found = spike_event(state.subject, hours_, state.normal.spike)
        forget(state.memory, found.start_ms, found.start_ms + found.hours * HOUR_MS)
        state.seen.append((Kind.SPIKE, found.start_ms, max(abs(h.score) for h in hours_)))
        return [found]

    def _follow_run(self, ended: Run | None, hour: Hour) -> list[Event]:
        """Runs of one value that are longer than chance makes them here."""
        state = self._state
        limit = state.normal.stuck
        if state.stuck is not None and ended is not None:
            closed = self._write_run(state.stuck.event, ended, ended=True)
            state.stuck, state.stuck_until_ms = None, ended.last_ms + (NEIGHBOURS + 1) * HOUR_MS
            return [closed]
        run = state.memory.run
        if run is None or run.surprise < limit or run.last_ms != hour.time_ms:
            return []
        if state.stuck is None:
            opened = Event(
                id=identity(state.subject, Kind.STUCK, run.since_ms),
                subject=state.subject,
                kind=Kind.STUCK,
                start_ms=run.since_ms,
                opened_ms=hour.time_ms + HOUR_MS,
                updated_ms=hour.time_ms + HOUR_MS,
            )
            state.stuck = Ongoing(opened)
            forget(state.memory, run.since_ms, hour.time_ms + HOUR_MS)
        state.stuck.event = self._write_run(state.stuck.event, run, ended=False)
        return [state.stuck.event]

    def _write_run(self, event: Event, run: Run, *, ended: bool) -> Event:
        end = run.last_ms + HOUR_MS
        written = msgspec.structs.replace(
            event,
            updated_ms=end,
            end_ms=end if ended else None,
            closing=Closing.RETURNED if ended else Closing.OPEN,
            expected=run.expected_kwh / run.length,
            actual=run.value,
            hours=run.length,
            excess_kwh=run.value * run.length - run.expected_kwh,
            confidence=confidence(run.surprise, self._state.normal.stuck),
        )
        return msgspec.structs.replace(written, explanation=explain(written))

    def _close_day(self, hour: Hour, first: int) -> list[Event]:
        state = self._state
        # Base load first: what stays on over a weekend lifts the level of the week's end too.
        found = [self._follow_base(state.base, hour, first)] if state.base else self._find_base(hour)
        return found + ([self._follow_level(state.level, hour)] if state.level else self._find_level(hour))

    def _find_level(self, hour: Hour) -> list[Event]:
        state = self._state
        days, normal = state.memory.days, state.normal
        for window, usual in zip(WINDOWS, normal.shift, strict=True):
            limit = self._limit(Kind.LEVEL_SHIFT, usual, hour.time_ms)
            shift = shift_statistic(days, window)
            if abs(shift) >= limit and (state.base is None or self._day_is_raised(math.expm1(shift))):
                since = onset(days, window, shift)
                if working_days(days, since) >= LEAST_WORKING:
                    return [self._open_shift(since, hour, shift, limit)]
        drift = drift_statistic(days)
        if abs(drift) >= normal.drift:
            since = max(days[0].start_ms, days[-1].start_ms - _DRIFT_BEGAN_DAYS * _DAY_MS)
            last = state.level_before
            window_ms = days[-1].start_ms - (DRIFT_WINDOW_DAYS - 1) * _DAY_MS
            if last is not None and last.size * drift > 0 and window_ms - (last.event.end_ms or 0) <= _REOPEN_MS:
                return [self._reopen(last, window_ms, hour)]
            return [self._open(Kind.DRIFT, since, hour, drift, normal.drift)]
        return []

    def _find_base(self, hour: Hour) -> list[Event]:
        state = self._state
        parts, sizes = state.memory.parts, state.normal.scales.off_hours
        for window, usual in zip(BASE_WINDOWS, state.normal.base, strict=True):
            limit = self._limit(Kind.BASE_LOAD, usual, hour.time_ms)
            for end in (len(parts) - 1, len(parts)):
                if end < window or parts[end - 1].ordinal != hour.ordinal:
                    continue
                size, rise = base_statistic(parts[:end], window, sizes, self._moved)
                if size >= limit and not self._is_level(rise):
                    return [self._open_base(hour, end - window, size, limit)]
        return []

    def _open_base(self, hour: Hour, first: int, size: float, limit: float) -> Event:
        """Open an event, or the last one again when the same off-hours of the week before belonged to it."""
        state = self._state
        parts = state.memory.parts
        last = state.base_before
        before = {p.ordinal for p in parts if p.set_aside and last and p.start_ms >= last.event.start_ms}
        if last is not None and any(p.ordinal - 7 in before for p in parts[first:]):
            state.base, ongoing = last, last
            ongoing.event = msgspec.structs.replace(last.event, end_ms=None, closing=Closing.OPEN)
        else:
            self._open(Kind.BASE_LOAD, parts[first].start_ms, hour, size, limit)
            ongoing = state.base or last  # type: ignore[assignment]  # it was opened just now
        for index in range(first, len(parts)):
            self._count_part(ongoing, parts[index], raised(parts, index, self._moved) or 0.0)
        return write(ongoing, hour.time_ms + HOUR_MS)

    def _is_level(self, rise: float) -> bool:
        """Whether what rose is the level, not only nights and free days."""
        level = self._state.level
        if level is None:
            return self._day_is_raised(rise)
        return level.event.kind is Kind.DRIFT and level.size > 0

    def _day_is_raised(self, rise: float) -> bool:
        """Whether the daytime of working days is higher too: then it is no base load but the level."""
        daytime = daytime_rise(self._state.memory.days)
        return daytime is not None and daytime > 0.5 * math.log1p(rise)

    def _open_shift(self, since_ms: int, hour: Hour, size: float, limit: float) -> Event:
        """Open an event, or the last one again when the level had only seemed to return."""
        state = self._state
        last = state.level_before
        if last is None or last.size * size < 0 or since_ms - (last.event.end_ms or since_ms) > _REOPEN_MS:
            return self._open(Kind.LEVEL_SHIFT, since_ms, hour, size, limit)
        return self._reopen(last, since_ms, hour)

    def _reopen(self, last: Ongoing, since_ms: int, hour: Hour) -> Event:
        """Take up again an event of the level that had ended; days from `since_ms` (UTC) on count to it."""
        state = self._state
        last.event = msgspec.structs.replace(last.event, end_ms=None, closing=Closing.OPEN)
        last.counted_ms = max(last.counted_ms, since_ms)
        state.level, state.level_before = last, None
        return self._count_days(last, hour)

    def _open(self, kind: Kind, since_ms: int, hour: Hour, size: float, limit: float) -> Event:
        state = self._state
        days = state.memory.days
        first = next((d.ordinal for d in days if d.start_ms >= since_ms), days[-1].ordinal)
        usual = [r for k in (DayType.WORKING, DayType.FREE) if (r := reference(days, k, first)) is not None]
        factor = math.exp(median([value for row in usual for value in row])) if usual else 1.0
        event = Event(
            id=identity(state.subject, kind, since_ms),
            subject=state.subject,
            kind=kind,
            start_ms=since_ms,
            opened_ms=hour.time_ms + HOUR_MS,
            updated_ms=hour.time_ms + HOUR_MS,
        )
        ongoing = Ongoing(event, factor, size, limit, counted_ms=since_ms)
        state.seen.append((kind, hour.time_ms, abs(size)))
        if kind is Kind.BASE_LOAD:
            state.base = ongoing
            return ongoing.event
        if state.base is not None and size > 0 and state.base.event.start_ms >= since_ms - 2 * _DAY_MS:
            # It was the level all along: the same event, understood better.
            ongoing.event = msgspec.structs.replace(state.base.event, kind=kind, updated_ms=event.updated_ms)
            state.base = None
        state.level = ongoing
        return self._count_days(ongoing, hour)

    def _follow_level(self, ongoing: Ongoing, hour: Hour) -> Event:
        state = self._state
        memory = state.memory
        self._count_days(ongoing, hour)
        standing = standing_shift(memory.days, _RETURN_DAYS)
        if standing is not None and math.copysign(1.0, ongoing.size) * standing < _RETURN_SHARE * abs(ongoing.size):
            state.level, state.level_before = None, ongoing
            since = memory.days[-_RETURN_DAYS].start_ms
            for day in memory.days:
                day.set_aside = day.set_aside and day.start_ms < since
            for part in memory.parts:  # those of the other level are no measure any more
                part.set_aside = part.set_aside or ongoing.event.start_ms <= part.start_ms < since
            ongoing.event = close(ongoing.event, Closing.RETURNED, max(since, ongoing.event.start_ms + HOUR_MS))
            return ongoing.event
        if hour.time_ms + HOUR_MS - ongoing.event.opened_ms >= ACCEPTED_AFTER_DAYS * _DAY_MS:
            state.level = None
            memory.days = [d for d in memory.days if d.start_ms >= ongoing.event.start_ms]
            memory.parts = [p for p in memory.parts if p.start_ms >= ongoing.event.start_ms]
            for day in memory.days:
                day.set_aside = False
            return close(ongoing.event, Closing.ACCEPTED, hour.time_ms + HOUR_MS)
        return ongoing.event

    def _follow_base(self, ongoing: Ongoing, hour: Hour, first: int) -> Event:
        """Count the off-hours that stand above the usual; over after two days in which none did."""
        state = self._state
        parts = state.memory.parts
        now_ms = hour.time_ms + HOUR_MS
        for index in range(first, len(parts)):
            rise = raised(parts, index, self._moved)
            size = 0.0 if rise is None else rise / state.normal.scales.off_hours[parts[index].kind]
            if rise is not None and size >= max(_RETURN_SHARE * ongoing.size, _STAYS_SHARE * ongoing.threshold):
                self._count_part(ongoing, parts[index], rise)
        if now_ms - ongoing.last_ms >= _QUIET_MS:
            state.base, state.base_before = None, ongoing
            return close(write(ongoing, now_ms), Closing.RETURNED, ongoing.last_ms)
        if now_ms - ongoing.event.opened_ms >= ACCEPTED_AFTER_DAYS * _DAY_MS:
            state.base = None
            state.memory.parts = [p for p in parts if p.start_ms >= ongoing.event.start_ms]
            for part in state.memory.parts:
                part.set_aside = False
            return close(write(ongoing, now_ms), Closing.ACCEPTED, now_ms)
        return write(ongoing, now_ms)

    def _count_part(self, ongoing: Ongoing, part: Part, rise: float) -> None:
        part.set_aside = True
        ongoing.last_ms = part.end_ms
        ongoing.actual_kwh += part.actual_kwh
        ongoing.expected_kwh += part.actual_kwh - rise * self._state.normal.scales.base_kwh * part.hours
        ongoing.hours += part.hours

    def _count_days(self, ongoing: Ongoing, hour: Hour) -> Event:
        """Count what came since the last time, and set it aside as no reference for what is normal."""
        for day in self._state.memory.days:
            if day.start_ms >= ongoing.counted_ms:
                ongoing.actual_kwh += day.actual_kwh
                ongoing.expected_kwh += day.expected_kwh * ongoing.usual
                ongoing.hours += day.hours
            day.set_aside = day.set_aside or day.start_ms >= ongoing.event.start_ms
        ongoing.counted_ms = hour.time_ms + HOUR_MS
        return write(ongoing, ongoing.counted_ms)

    def _limit(self, kind: Kind, usual: float, now_ms: int) -> float:
        """Threshold of a kind; a meter that has come to do it all the time must do more of it to be noticed."""
        state = self._state
        state.seen = [s for s in state.seen if s[1] > now_ms - _SEEN_KEPT_MS]
        highest = sorted((size for name, _, size in state.seen if name is kind), reverse=True)
        return max(usual, highest[_SEEN_HELD] if len(highest) > _SEEN_HELD else 0.0)

    @property
    def _raised_level(self) -> float:
        """By what a raised level makes its own spikes larger; 1 when it is as usual or lower."""
        level = self._state.level
        return 1.0 if level is None else math.exp(max(0.0, level.size))

    @property
    def _moved(self) -> Moved | None:
        """Since when the level is another one, and by how much; None when it is as usual."""
        level, base_kwh = self._state.level, self._state.normal.scales.base_kwh
        if level is None:
            return None
        # Of a lower level nights must stand above what was before as it was: it may just have returned.
        growth = max(level.actual_kwh / level.expected_kwh - 1.0, 0.0) if level.expected_kwh > 0 else 0.0
        return Moved(level.event.start_ms, growth / base_kwh if base_kwh > 0 else 0.0)
