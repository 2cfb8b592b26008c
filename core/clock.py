"""The one place that knows what time it is, for real and in simulation."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells UTC time; everything that needs the time is handed one."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class SimulatedClock:
    """A clock that stands still until it is moved, and never goes back.

    Parameters
    ----------
    start_ms
        UTC milliseconds since 1970.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return self._now_ms

    def advance_to(self, now_ms: int) -> None:
        """Move forward to `now_ms`; an earlier time changes nothing."""
        self._now_ms = max(self._now_ms, now_ms)

    def advance(self, ms: int) -> None:
        """Move forward by `ms` milliseconds."""
        self.advance_to(self._now_ms + ms)


def monotonic_s() -> float:
    """Seconds of a clock that never jumps, for time-outs and back-off only."""
    return time.monotonic()


def to_ms(moment: datetime) -> int:
    """UTC milliseconds of an aware `datetime`; a naive one raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(time_ms: int) -> datetime:
    """Aware UTC `datetime` of UTC milliseconds."""
    return datetime.fromtimestamp(time_ms // 1000, tz=UTC).replace(microsecond=time_ms % 1000 * 1000)
