"""A site's calendar: local days of 23, 24 or 25 hours, steps between half-open edges, holidays."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.clock import from_ms, to_ms
from core.errors import DomainError

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000


class Step(StrEnum):
    """Length of an interval in the site's calendar."""

    MINUTE_5 = "5min"
    MINUTE_15 = "15min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_FIXED_MS: Final = {Step.MINUTE_5: 5 * MINUTE_MS, Step.MINUTE_15: 15 * MINUTE_MS, Step.HOUR: HOUR_MS}


class Calendar:
    """Local time of one site.

    Parameters
    ----------
    timezone
        IANA name, for example ``Europe/Rome``.
    holidays
        Local dates that are not working days.
    """

    def __init__(self, timezone: str, holidays: Container[date] = frozenset()) -> None:
        try:
            self.zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise DomainError(f"{timezone!r} is not an IANA time zone") from error
        self.timezone = timezone
        self._holidays = holidays

    def local(self, time_ms: int) -> datetime:
        """Aware local time of UTC milliseconds."""
        return from_ms(time_ms).astimezone(self.zone)

    def day_of(self, time_ms: int) -> date:
        """Local date of UTC milliseconds."""
        return self.local(time_ms).date()

    def midnight(self, day: date) -> int:
        """UTC milliseconds at which the local `day` begins."""
        return self.at(day, time())

    def at(self, day: date, clock: time) -> int:
        """UTC milliseconds of a local wall time; one that does not exist is read with the offset before the gap.

        In the hour that comes twice it is the first of the two (RFC 5545, section 3.3.5).
        """
        return to_ms(datetime.combine(day, clock, self.zone))

    def day_bounds(self, day: date) -> tuple[int, int]:
        """Half-open bounds ``[start, end)`` of a local day, UTC milliseconds."""
        return self.midnight(day), self.midnight(day + timedelta(days=1))

    def hours_in(self, day: date) -> int:
        """Length of a local day in hours: 23, 24 or 25."""
        start, end = self.day_bounds(day)
        return round((end - start) / HOUR_MS)

    def is_holiday(self, day: date) -> bool:
        """Whether the local `day` is a public or site holiday (weekends are not, by themselves)."""
        return day in self._holidays

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday and no holiday."""
        return day.weekday() < 5 and not self.is_holiday(day)

    def floor(self, time_ms: int, step: Step) -> int:
        """Start of the step that holds `time_ms`, UTC milliseconds."""
        if step in _FIXED_MS:
            # Offsets of inhabited zones are multiples of 15 minutes, so only hours need the local offset.
            offset = self.local(time_ms).utcoffset()
            shift = int(offset.total_seconds() * 1000) if offset else 0
            return (time_ms + shift) // _FIXED_MS[step] * _FIXED_MS[step] - shift
        return self.midnight(_first_day(self.day_of(time_ms), step))

    def next(self, start_ms: int, step: Step) -> int:
        """Start of the step after the one that begins at `start_ms`."""
        if step in _FIXED_MS:
            return start_ms + _FIXED_MS[step]
        day = self.day_of(start_ms)
        if step is Step.DAY:
            following = day + timedelta(days=1)
        elif step is Step.WEEK:
            following = day + timedelta(days=7)
        elif step is Step.MONTH:
            following = _first_day(day.replace(day=1) + timedelta(days=31), step)
        else:
            following = day.replace(year=day.year + 1, month=1, day=1)
        return self.midnight(following)

    def edges(self, start_ms: int, end_ms: int, step: Step) -> list[int]:
        """Edges of the steps that cover ``[start_ms, end_ms)``; n steps have n + 1 edges."""
        edges = [self.floor(start_ms, step)]
        while edges[-1] < end_ms:
            edges.append(self.next(edges[-1], step))
        return edges


def _first_day(day: date, step: Step) -> date:
    if step is Step.WEEK:
        return day - timedelta(days=day.weekday())
    if step is Step.MONTH:
        return day.replace(day=1)
    if step is Step.YEAR:
        return day.replace(month=1, day=1)
    return day


class _Holidays:
    def __init__(self, national: Container[date], extra: Container[tuple[int, int]]) -> None:
        self._national = national
        self._extra = extra

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and ((day.month, day.day) in self._extra or day in self._national)


def site_holidays(country: str, subdivision: str | None = None, extra: list[str] | None = None) -> Container[date]:
    """Holidays of a country and its subdivision, with a site's own days.

    Parameters
    ----------
    country
        ISO 3166 code, for example ``IT``; empty for none.
    subdivision
        As the `holidays` library names it, for example ``TO`` for Turin (which adds 24 June).
    extra
        Days of every year as ``MM-DD``.

    Raises
    ------
    DomainError
        The country, subdivision or a day is not known.
    """
    try:
        days = frozenset((d.month, d.day) for d in (date.fromisoformat(f"2000-{text}") for text in extra or []))
    except ValueError as error:
        raise DomainError(f"extra holidays are written MM-DD: {error}") from error
    if not country:
        return _Holidays(frozenset(), days)
    import holidays  # noqa: PLC0415 - large, and a gateway without a country does not have it

    try:
        return _Holidays(holidays.country_holidays(country, subdiv=subdivision), days)
    except NotImplementedError as error:
        raise DomainError(f"no holidays known for {country} {subdivision or ''}: {error}") from error
