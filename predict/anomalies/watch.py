"""Watches one meter hour by hour: opens, updates and closes events, the same whatever the blocks it is fed in."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.anomalies.baseload import Part, base_statistic, raised
from predict.anomalies.days import DayType
from predict.anomalies.event import Closing, Event, Kind, confidence, identity
from predict.anomalies.level import WINDOWS, drift_statistic, reference, shift_statistic, standing_shift
from predict.anomalies.memory import Hour, Memory, Run, Spike, forget, step
from predict.anomalies.normal import Normal, hours
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
_QUIET_PARTS: Final = 2


class Ongoing(msgspec.Struct):
    """An open event with what its next update needs.

    Attributes
    ----------
    usual
        Factor from expected energy to what was usual of the meter before the event.
    size
        Its statistic when found: log-ratio, share of the base load, or nats.
    quiet
        Off-hours in a row that were as usual again.
    """

    event: Event
    usual: float = 1.0
    size: float = 0.0
    threshold: float = 1.0
    actual_kwh: float = 0.0
    expected_kwh: float = 0.0
    hours: int = 0
    quiet: int = 0
    counted_ms: int = 0


class _State(msgspec.Struct):
    """All that a watch is, in a blob."""

    format: int
    subject: str
    normal: Normal
    memory: Memory
    level: Ongoing | None = None
    stuck: Ongoing | None = None
    spike_from_ms: int | None = None
    spike: list[Spike] = []


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
        return [o.event for o in (self._state.stuck, self._state.level) if o is not None]

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
        parts = len(state.memory.parts)
        newest = state.memory.parts[-1].end_ms if parts else 0
        new = step(state.memory, state.normal.scales, hour, mask_run=state.stuck is not None)
        found = self._follow_spike(new.spike) + self._follow_run(new.ended, hour)
        if new.days:
            found += self._close_day(hour, [p for p in state.memory.parts if p.start_ms >= newest])
        return found

    def _follow_spike(self, spike: Spike | None) -> list[Event]:
        """Hours that stand out of those on both sides of them."""
        state = self._state
        limit = state.normal.spike
        if spike is not None and abs(spike.score) >= limit and state.stuck is None:
            state.spike.append(spike)
            return []
        if not state.spike:
            return []
        hours_, state.spike = state.spike, []
        if len(hours_) > _LONGEST_SPIKE_H:
            return []
        start, end = hours_[0].time_ms, hours_[-1].time_ms + HOUR_MS
        forget(state.memory, start, end)
        actual, usual = math.fsum(h.actual for h in hours_), math.fsum(h.usual for h in hours_)
        score = max(hours_, key=lambda h: abs(h.score)).score
        found = Event(
            id=identity(state.subject, Kind.SPIKE, start),
            subject=state.subject,
            kind=Kind.SPIKE,
            start_ms=start,
            opened_ms=end + 3 * HOUR_MS,
            updated_ms=end,
            end_ms=end,
            closing=Closing.RETURNED,
            expected=usual / len(hours_),
            actual=actual / len(hours_),
            hours=len(hours_),
            excess_kwh=actual - usual,
            confidence=confidence(score, limit),
        )
        return [msgspec.structs.replace(found, explanation=explain(found))]

    def _follow_run(self, ended: Run | None, hour: Hour) -> list[Event]:
        """Runs of one value that are longer than chance makes them here."""
        state = self._state
        limit = state.normal.stuck
        if state.stuck is not None and ended is not None:
            closed = self._write_run(state.stuck.event, ended, ended=True)
            state.stuck = None
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

    def _close_day(self, hour: Hour, parts: list[Part]) -> list[Event]:
        state = self._state
        if state.level is not None:
            return self._follow_level(state.level, hour, parts)
        return self._find_level(hour)

    def _find_level(self, hour: Hour) -> list[Event]:
        state = self._state
        days, normal = state.memory.days, state.normal
        for window, limit in zip(WINDOWS, normal.shift, strict=True):
            shift = shift_statistic(days, window)
            if abs(shift) >= limit:
                since = self._onset(window, shift)
                return [self._open(Kind.LEVEL_SHIFT, since, hour, shift, limit)]
        drift = drift_statistic(days)
        if abs(drift) >= normal.drift:
            since = max(days[0].start_ms, days[-1].start_ms - _DRIFT_BEGAN_DAYS * _DAY_MS)
            return [self._open(Kind.DRIFT, since, hour, drift, normal.drift)]
        return self._find_base(hour)

    def _find_base(self, hour: Hour) -> list[Event]:
        state = self._state
        parts, limit = state.memory.parts, state.normal.base
        for end in (len(parts) - 1, len(parts)):
            if end < 2 or parts[end - 1].ordinal != hour.ordinal:
                continue
            rise = base_statistic(parts[:end])
            if rise >= limit and not self._day_is_raised(rise):
                return [self._open(Kind.BASE_LOAD, parts[end - 2].start_ms, hour, rise, limit)]
        return []

    def _day_is_raised(self, rise: float) -> bool:
        """Whether the last working day was higher too: then it is no base load but the level."""
        days = self._state.memory.days
        last = next((d for d in reversed(days) if d.kind == DayType.WORKING and d.ratio is not None), None)
        if last is None or last.ratio is None or last.ordinal < days[-1].ordinal - 5:
            return False
        usual = reference(days, DayType.WORKING, last.ordinal)
        if usual is None:
            return False
        midday = float(np.mean(np.array(last.ratio[2:5]) - usual[2:5]))
        return midday > 0.5 * math.log1p(rise)

    def _onset(self, window: int, shift: float) -> int:
        """First day of the window, or the day before it when that was half shifted already."""
        days = self._state.memory.days
        first = days[-1].ordinal - window + 1
        since = next(d.start_ms for d in days if d.ordinal >= first)
        for day in days:
            if day.ordinal >= first and day.ratio is not None and day.kind != DayType.BREAK:
                usual = reference(days, DayType(day.kind), first)
                if usual is not None and np.sign(shift) * float(np.median(day.ratio - usual)) >= abs(shift) / 3:
                    return day.start_ms
        return since

    def _open(self, kind: Kind, since_ms: int, hour: Hour, size: float, limit: float) -> Event:
        state = self._state
        days = state.memory.days
        first = next((d.ordinal for d in days if d.start_ms >= since_ms), days[-1].ordinal)
        usual = [r for k in (DayType.WORKING, DayType.FREE) if (r := reference(days, k, first)) is not None]
        factor = math.exp(float(np.median(np.concatenate(usual)))) if usual else 1.0
        event = Event(
            id=identity(state.subject, kind, since_ms),
            subject=state.subject,
            kind=kind,
            start_ms=since_ms,
            opened_ms=hour.time_ms + HOUR_MS,
            updated_ms=hour.time_ms + HOUR_MS,
        )
        state.level = Ongoing(event, factor, size, limit, counted_ms=since_ms)
        return self._write_level(state.level, hour)

    def _follow_level(self, ongoing: Ongoing, hour: Hour, parts: list[Part]) -> list[Event]:
        state = self._state
        if ongoing.event.kind is Kind.BASE_LOAD:
            return self._follow_base(ongoing, hour, parts)
        days = state.memory.days
        days[-1].set_aside = True
        standing = standing_shift(days, _RETURN_DAYS)
        self._write_level(ongoing, hour)
        lasted_ms = hour.time_ms + HOUR_MS - ongoing.event.opened_ms
        if standing is not None and np.sign(ongoing.size) * standing < _RETURN_SHARE * abs(ongoing.size):
            since = days[-_RETURN_DAYS].start_ms if len(days) >= _RETURN_DAYS else days[-1].start_ms
            for day in days[-_RETURN_DAYS:]:
                day.set_aside = False
            return [self._close(ongoing, Closing.RETURNED, max(since, ongoing.event.start_ms + HOUR_MS))]
        if lasted_ms >= ACCEPTED_AFTER_DAYS * _DAY_MS:
            state.memory.days = [d for d in days if d.start_ms >= ongoing.event.start_ms]
            state.memory.parts = [p for p in state.memory.parts if p.start_ms >= ongoing.event.start_ms]
            for item in (*state.memory.days, *state.memory.parts):
                item.set_aside = False
            return [self._close(ongoing, Closing.ACCEPTED, hour.time_ms + HOUR_MS)]
        return [ongoing.event]

    def _follow_base(self, ongoing: Ongoing, hour: Hour, parts: list[Part]) -> list[Event]:
        state = self._state
        for window, limit in zip(WINDOWS, state.normal.shift, strict=True):
            shift = shift_statistic(state.memory.days, window)
            if shift >= limit:  # it was the level all along: the same event, understood better
                ongoing.event = msgspec.structs.replace(ongoing.event, kind=Kind.LEVEL_SHIFT)
                ongoing.size, ongoing.threshold = shift, limit
                return [self._write_level(ongoing, hour)]
        everything = state.memory.parts
        for part in parts:
            index = everything.index(part)
            rise = raised(everything, index)
            part.set_aside = True
            if rise is None:
                continue
            ongoing.quiet = ongoing.quiet + 1 if rise < _RETURN_SHARE * ongoing.size else 0
        self._write_level(ongoing, hour)
        if ongoing.quiet < _QUIET_PARTS and (not everything or hour.ordinal - everything[-1].ordinal <= 4):
            return [ongoing.event]
        for part in everything[-_QUIET_PARTS:]:
            part.set_aside = False
        raised_parts = [p for p in everything if p.set_aside and p.start_ms >= ongoing.event.start_ms]
        end = raised_parts[-1].end_ms if raised_parts else hour.time_ms + HOUR_MS
        return [self._close(ongoing, Closing.RETURNED, end)]

    def _write_level(self, ongoing: Ongoing, hour: Hour) -> Event:
        state = self._state
        first = ongoing.counted_ms
        if ongoing.event.kind is Kind.BASE_LOAD:
            new: list[tuple[int, float, float, int]] = [
                (p.start_ms, p.actual_kwh, p.expected_kwh, p.hours) for p in state.memory.parts
            ]
            for part in state.memory.parts:
                part.set_aside = part.set_aside or part.start_ms >= ongoing.event.start_ms
        else:
            new = [(d.start_ms, d.actual_kwh, d.expected_kwh, d.hours) for d in state.memory.days]
            for day in state.memory.days:
                day.set_aside = day.set_aside or day.start_ms >= ongoing.event.start_ms
        for start, actual, expected, count in new:
            if start >= first:
                ongoing.actual_kwh += actual
                ongoing.expected_kwh += expected * ongoing.usual
                ongoing.hours += count
        ongoing.counted_ms = hour.time_ms + HOUR_MS
        many = max(ongoing.hours, 1)
        written = msgspec.structs.replace(
            ongoing.event,
            updated_ms=hour.time_ms + HOUR_MS,
            expected=ongoing.expected_kwh / many,
            actual=ongoing.actual_kwh / many,
            hours=ongoing.hours,
            excess_kwh=ongoing.actual_kwh - ongoing.expected_kwh,
            confidence=confidence(ongoing.size, ongoing.threshold),
        )
        ongoing.event = msgspec.structs.replace(written, explanation=explain(written))
        return ongoing.event

    def _close(self, ongoing: Ongoing, closing: Closing, end_ms: int) -> Event:
        self._state.level = None
        closed = msgspec.structs.replace(ongoing.event, end_ms=end_ms, closing=closing)
        return msgspec.structs.replace(closed, explanation=explain(closed))
