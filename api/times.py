"""Times in requests and answers: ISO 8601 or UTC milliseconds in, the building's local time with its offset out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import Query

from api.errors import RequestError
from core.calendar import Calendar, Step
from core.clock import from_ms, to_ms
from core.codec import MAX_TIME_MS
from core.errors import ConflictError
from stores.registry import Registry

_DAY_MS: Final = 86_400_000
MAX_STEPS: Final = 20_000
_STEP_MS: Final = {
    Step.MINUTE_5: 300_000,
    Step.MINUTE_15: 900_000,
    Step.HOUR: 3_600_000,
    Step.DAY: _DAY_MS,
    Step.WEEK: 7 * _DAY_MS,
    Step.MONTH: 28 * _DAY_MS,
    Step.YEAR: 365 * _DAY_MS,
}

_FORM: Final = "ISO 8601 or UTC milliseconds; a date, or a time without offset, is local time of the building"
Start = Annotated[
    str | None,
    Query(description=f"First instant: {_FORM}. A day before `end` by default.", examples=["2026-01-12"]),
]
End = Annotated[
    str | None,
    Query(description="First instant that is not included, same forms. Now by default.", examples=["2026-01-19"]),
]


def calendar_of(registry: Registry, site_id: str) -> Calendar:
    """Calendar of a site; ConflictError when it is not configured, because then nobody knows its local time."""
    site = next((s for s in registry.sites() if s.id == site_id), None)
    if site is None:
        raise ConflictError(f"site {site_id!r} is not configured, so its time zone is not known", site=site_id)
    return site.calendar()


def parse_time(text: str, field: str, calendar: Calendar) -> int:
    """UTC milliseconds of a time in a request.

    Raises
    ------
    RequestError
        It is not a time, or lies before 1970 or after 2100.
    """
    try:
        time_ms = int(text) if text.isdecimal() and len(text) > 8 else _from_iso(text, calendar)
    except (ValueError, OverflowError) as error:
        hint = " (write + as %2B in a URL)" if " " in text else ""
        raise RequestError(f"{field}: {text[:60]!r} is not {_FORM}{hint}", field=field) from error
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise RequestError(f"{field}: {text[:60]!r} is not between 1970 and 2100", field=field)
    return time_ms


def _from_iso(text: str, calendar: Calendar) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return to_ms(moment)
    try:
        return calendar.midnight(date.fromisoformat(text))
    except ValueError:
        return calendar.at(moment.date(), moment.time())


def parse_range(start: str | None, end: str | None, calendar: Calendar, now_ms: int) -> tuple[int, int]:
    """Half-open range of a request, UTC milliseconds; the last day by default."""
    end_ms = parse_time(end, "end", calendar) if end is not None else min(max(now_ms, 0), MAX_TIME_MS)
    start_ms = parse_time(start, "start", calendar) if start is not None else max(0, end_ms - _DAY_MS)
    if start_ms >= end_ms:
        raise RequestError("end: it must come after start", field="end")
    return start_ms, end_ms


def check_steps(start_ms: int, end_ms: int, step: Step, most: int = MAX_STEPS) -> None:
    """Raise RequestError when a range has more than `most` steps."""
    steps = (end_ms - start_ms) // _STEP_MS[step]
    if steps > most:
        raise RequestError(
            f"step: {steps} steps of {step} are more than {most}; ask for a longer step or a shorter range",
            field="step",
        )


def local(time_ms: int, calendar: Calendar) -> datetime:
    """Local time with its offset."""
    return calendar.local(_bounded(time_ms))


def utc(time_ms: int) -> datetime:
    """Aware UTC time."""
    return from_ms(_bounded(time_ms))


def utc_or_none(time_ms: int | None) -> datetime | None:
    """Aware UTC time, None for None."""
    return None if time_ms is None else utc(time_ms)


def _bounded(time_ms: int) -> int:
    # A gateway with a broken clock may report any number; the answer must still have the form of a time.
    return min(max(time_ms, 0), MAX_TIME_MS)
