"""A weekly schedule in local time: what stands when nobody asks for anything else."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from core.calendar import Calendar
from core.errors import DomainError

_DAYS: Final = {name: i for i, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_END_OF_DAY: Final = "24:00"


def minute_of_day(text: str) -> int:
    """Minutes since midnight of a local ``HH:MM``; ``24:00`` is the end of the day. DomainError otherwise."""
    if text == _END_OF_DAY:
        return 24 * 60
    try:
        moment = time.fromisoformat(text)
    except ValueError as error:
        raise DomainError(f"{text!r} is not a local time HH:MM") from error
    return moment.hour * 60 + moment.minute


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A value from one local time to another on some days, half open.

    Attributes
    ----------
    days
        ``mon`` to ``sun``; ``holiday`` for holidays, on which no other day counts.
    start, end
        Local ``HH:MM``, ``24:00`` for the end of the day; written ``from`` and ``to`` in the configuration.
    value
        In the point's unit.
    """

    days: list[str]
    start: str
    end: str
    value: float

    def __post_init__(self) -> None:
        unknown = [d for d in self.days if d not in _DAYS and d != "holiday"]
        if unknown:
            raise DomainError(f"days {unknown} are not of mon to sun or holiday")
        if minute_of_day(self.start) >= minute_of_day(self.end):
            raise DomainError(f"a block must end after it starts: {self.start} to {self.end}")

    def covers(self, moment: datetime, *, holiday: bool) -> bool:
        """Whether the local `moment` lies within."""
        day_matches = "holiday" in self.days if holiday else any(_DAYS.get(d) == moment.weekday() for d in self.days)
        minute = moment.hour * 60 + moment.minute
        return day_matches and minute_of_day(self.start) <= minute < minute_of_day(self.end)


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A default value and the blocks that differ from it; the first block that covers a moment counts.

    Attributes
    ----------
    default
        Where no block covers (point's unit).
    blocks
        See `Block`.
    """

    default: float
    blocks: list[Block] = []

    def value_at(self, time_ms: int, calendar: Calendar) -> float:
        """Value in force at UTC milliseconds."""
        moment = calendar.local(time_ms)
        holiday = calendar.is_holiday(moment.date())
        for block in self.blocks:
            if block.covers(moment, holiday=holiday):
                return block.value
        return self.default

    def next_change(self, time_ms: int, calendar: Calendar, horizon_days: int = 8) -> int | None:
        """First instant after `time_ms` at which the value differs, UTC milliseconds; None within the horizon."""
        now = self.value_at(time_ms, calendar)
        first = calendar.day_of(time_ms)
        for offset in range(horizon_days + 1):
            for edge in self._edges(first + timedelta(days=offset), calendar):
                if edge > time_ms and self.value_at(edge, calendar) != now:
                    return edge
        return None

    def _edges(self, day: date, calendar: Calendar) -> list[int]:
        minutes = {0} | {m for b in self.blocks for m in (minute_of_day(b.start), minute_of_day(b.end))}
        return sorted(calendar.at(day, time(m // 60, m % 60)) for m in minutes if m < 24 * 60)
