"""Events as they are written: open ones with what their next update needs, and spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from core.calendar import HOUR_MS
from predict.anomalies.event import Closing, Event, Kind, confidence, identity
from predict.anomalies.memory import NEIGHBOURS, Spike
from predict.anomalies.words import explain


class Ongoing(msgspec.Struct):
    """An open event with what its next update needs.

    Attributes
    ----------
    usual
        Factor from expected energy to what was usual of the meter before the event.
    size
        Its statistic when found: log-ratio, share of the base load, or nats.
    last_ms
        End of the last off-hours that stood above the usual.
    """

    event: Event
    usual: float = 1.0
    size: float = 0.0
    threshold: float = 1.0
    actual_kwh: float = 0.0
    expected_kwh: float = 0.0
    hours: int = 0
    last_ms: int = 0
    counted_ms: int = 0


def write(ongoing: Ongoing, now_ms: int) -> Event:
    """Bring the event's evidence up to date with what was counted until `now_ms` (UTC milliseconds)."""
    many = max(ongoing.hours, 1)
    written = msgspec.structs.replace(
        ongoing.event,
        updated_ms=now_ms,
        expected=ongoing.expected_kwh / many,
        actual=ongoing.actual_kwh / many,
        hours=ongoing.hours,
        excess_kwh=ongoing.actual_kwh - ongoing.expected_kwh,
        confidence=confidence(ongoing.size, ongoing.threshold),
    )
    ongoing.event = msgspec.structs.replace(written, explanation=explain(written))
    return ongoing.event


def close(event: Event, closing: Closing, end_ms: int) -> Event:
    """The event, ended at `end_ms` (UTC milliseconds)."""
    closed = msgspec.structs.replace(event, end_ms=end_ms, closing=closing)
    return msgspec.structs.replace(closed, explanation=explain(closed))


def spike_event(subject: str, hours: Sequence[Spike], threshold: float) -> Event:
    """Event of hours in a row that stand out of those around them; known once the hours after them are."""
    start, end = hours[0].time_ms, hours[-1].time_ms + HOUR_MS
    actual, usual = math.fsum(h.actual for h in hours), math.fsum(h.usual for h in hours)
    found = Event(
        id=identity(subject, Kind.SPIKE, start),
        subject=subject,
        kind=Kind.SPIKE,
        start_ms=start,
        opened_ms=end + NEIGHBOURS * HOUR_MS,
        updated_ms=end,
        end_ms=end,
        closing=Closing.RETURNED,
        expected=usual / len(hours),
        actual=actual / len(hours),
        hours=len(hours),
        excess_kwh=actual - usual,
        confidence=confidence(max(abs(h.score) for h in hours), threshold),
    )
    return msgspec.structs.replace(found, explanation=explain(found))
