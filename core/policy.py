"""Dated legal and comfort policies: what a law, a mayor's ordinance or the house's own rules say of a building now.

A `Policy` is one record: what it says, of whom, from when to when, and where that is written. `resolve` reads any
number of them at a local moment. Law and ordinances compete term by term: the higher rank wins, then a record of the
building itself before one of its site, then the later dated. So an ordinance extends a season, shortens the hours, or
exempts, and once it has run out the law stands as before. House rules come on top and can only be stricter.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from core.errors import DomainError
from core.points import check_name
from core.schedule import minute_of_day


class Rank(StrEnum):
    """Who speaks."""

    LAW = "law"
    """A law or a decree of the state or the region."""
    ORDINANCE = "ordinance"
    """Of the mayor; where the law lets one, it wins over the law (DPR 74/2013, art. 5)."""
    HOUSE = "house"
    """Of those who run the building: can be stricter than law and ordinances, never looser."""


class Aspect(StrEnum):
    """What a policy can speak of; each is decided for itself."""

    SEASON = "season"
    HOURS = "hours"
    HOURS_PER_DAY = "hours_per_day"
    HEATING_MAXIMUM = "heating_maximum_c"
    COOLING_MINIMUM = "cooling_minimum_c"
    OCCUPIED_MINIMUM = "occupied_minimum_c"


class Permission(StrEnum):
    """Whether heating is allowed."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    """The records have run out: nobody guesses."""


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Part of every year in which heating is allowed; it may run over New Year.

    Attributes
    ----------
    start, end
        Local ``MM-DD``, half open; written ``from`` and ``to``.
    """

    start: str
    end: str

    def __post_init__(self) -> None:
        if _month_day(self.start) == _month_day(self.end):
            raise DomainError(f"a season from {self.start} to {self.end} has no length")

    def covers(self, day: dt.date) -> bool:
        """Whether the local `day` lies within."""
        start, end, at = _month_day(self.start), _month_day(self.end), (day.month, day.day)
        return start <= at < end if start < end else at >= start or at < end


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """Part of every local day, half open.

    Attributes
    ----------
    start, end
        Local ``HH:MM``, ``24:00`` for the end of the day; written ``from`` and ``to``.
    """

    start: str
    end: str

    def __post_init__(self) -> None:
        if minute_of_day(self.start) >= minute_of_day(self.end):
            raise DomainError(f"hours must end after they start: {self.start} to {self.end}")

    def elapsed_h(self, minute: float) -> float:
        """Hours of it that have gone by at a minute of the day."""
        return max(0.0, min(minute, minute_of_day(self.end)) - minute_of_day(self.start)) / 60

    def covers(self, minute: float) -> bool:
        """Whether a minute of the day lies within."""
        return minute_of_day(self.start) <= minute < minute_of_day(self.end)


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A dated record of what may be done in a site's buildings, or in one of them.

    Attributes
    ----------
    id
        Up to 64 of a-z, 0-9 and -.
    scope
        ``site`` or ``site/building``.
    issued
        Date of the law, the ordinance or the decision: of two of equal rank and scope the later wins.
    valid_from, valid_to
        Local dates, half open; without the second until further notice.
    source
        What it is called and where it is written, for sentences: ``DPR 74/2013 art. 4, zone E``.
    season
        When heating is allowed, every year.
    heating
        ``allowed`` or ``forbidden`` as long as the record holds, whatever the season.
    hours
        When in the day rooms may be heated above the set-back; none: says nothing of it.
    hours_per_day
        How long at most in a local day, hours.
    heating_maximum_c, cooling_minimum_c
        Warmest room air that may be asked of heating, coldest that may be asked of cooling, degrees Celsius.
    occupied_minimum_c
        Least room air temperature while people are there, degrees Celsius; only where heating is allowed.
    exempt
        What does not hold for the scope; for law and ordinances.

    Raises
    ------
    DomainError
        It says nothing, contradicts itself, names no source, or a figure is none.
    """

    id: str
    scope: str
    rank: Rank
    issued: dt.date
    valid_from: dt.date
    valid_to: dt.date | None = None
    source: str
    season: Season | None = None
    heating: Permission | None = None
    hours: list[Window] = []
    hours_per_day: float | None = None
    heating_maximum_c: float | None = None
    cooling_minimum_c: float | None = None
    occupied_minimum_c: float | None = None
    exempt: list[Aspect] = []

    def __post_init__(self) -> None:
        check_name(self.id, "policy")
        check_scope(self.scope)
        if not self.source.strip():
            raise DomainError(f"policy {self.id}: say where it is written: a source is needed")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise DomainError(f"policy {self.id}: it must end after it starts")
        self._check_words()
        if self.hours_per_day is not None and not 0 <= self.hours_per_day <= 24:
            raise DomainError(f"policy {self.id}: hours_per_day lies between 0 and 24")
        for aspect in (Aspect.HEATING_MAXIMUM, Aspect.COOLING_MINIMUM, Aspect.OCCUPIED_MINIMUM):
            value = self._says(aspect)
            if value is not None and not (math.isfinite(value) and 5 <= value <= 40):
                raise DomainError(f"policy {self.id}: {aspect} is a room temperature between 5 and 40 °C, not {value}")

    def _check_words(self) -> None:
        if self.heating is Permission.UNKNOWN or (self.heating is not None and self.season is not None):
            raise DomainError(f"policy {self.id}: give a season, or heating as allowed or forbidden")
        spoken = {aspect for aspect in Aspect if self._says(aspect) is not None}
        if not spoken and not self.exempt:
            raise DomainError(f"policy {self.id}: it says nothing")
        if spoken & set(self.exempt):
            raise DomainError(f"policy {self.id}: {', '.join(spoken & set(self.exempt))} is both said and exempt")
        if self.rank is Rank.HOUSE and (self.exempt or self.heating is Permission.ALLOWED):
            raise DomainError(f"policy {self.id}: a house rule can be stricter than the law, it cannot exempt from it")

    @property
    def named(self) -> str:
        """For a sentence: what it is called, and the record that says so."""
        return f"{self.source}, record {self.id}"

    def is_of(self, building: str) -> bool:
        """Whether it speaks of ``site/building``."""
        return self.scope in (building, building.partition("/")[0])

    def is_in_force(self, day: dt.date) -> bool:
        """Whether it holds on a local day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def _says(self, aspect: Aspect) -> Any:
        if aspect is Aspect.SEASON:
            return self.season or self.heating
        return getattr(self, aspect.value) or None if aspect is Aspect.HOURS else getattr(self, aspect.value)

    def speaks_of(self, aspect: Aspect) -> bool:
        """Whether it says something of an aspect, or exempts from it."""
        return aspect in self.exempt or self._says(aspect) is not None

    def permission(self, day: dt.date) -> Permission:
        """What its season or its word says of heating on a local day."""
        if self.heating is not None:
            return self.heating
        return Permission.ALLOWED if self.season is None or self.season.covers(day) else Permission.FORBIDDEN


@dataclass(frozen=True, slots=True)
class Bound:
    """A number that holds, and the record it comes from in words."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Holds:
    """What holds for a building at a local moment; None where no record speaks.

    Attributes
    ----------
    heating
        Whether heating is allowed on this day at all.
    heating_source
        What says so.
    in_hours
        Whether rooms may be heated above the set-back at this time of the day.
    hours_source
        What says so; empty without a record.
    window_elapsed_h
        Hours of today's permitted ones that have gone by, which is the most that can have been used.
    hours_per_day
        Hours of heating above the set-back that a local day may have.
    heating_maximum_c, cooling_minimum_c, occupied_minimum_c
        See `Policy`.
    """

    heating: Permission
    heating_source: str
    in_hours: bool = True
    hours_source: str = ""
    window_elapsed_h: float = 0.0
    hours_per_day: Bound | None = None
    heating_maximum_c: Bound | None = None
    cooling_minimum_c: Bound | None = None
    occupied_minimum_c: Bound | None = None


def check_scope(text: str) -> str:
    """Return `text` if it is a ``site`` or ``site/building``, else raise DomainError."""
    site, separator, building = text.partition("/")
    check_name(site, "site")
    if separator:
        check_name(building, "building")
    return text


NO_RECORD: Final = "no policy is on record"
_ALL_DAY: Final = (Window("00:00", "24:00"),)


def resolve(policies: Iterable[Policy], building: str, moment: dt.datetime) -> Holds:
    """What holds for a building at a moment of its local time, and which record says so.

    Parameters
    ----------
    policies
        The newest version of each record; those of other sites and buildings are left out here.
    building
        ``site/building``.
    moment
        Local; only its wall time is looked at.
    """
    mine = [p for p in policies if p.is_of(building)]
    day, minute = moment.date(), moment.hour * 60 + moment.minute + moment.second / 60
    now = [p for p in mine if p.is_in_force(day)]
    heating, heating_source = _heating(mine, now, day)
    hours = [p for p in (_winner(now, Aspect.HOURS), *_house(now, Aspect.HOURS)) if p is not None and p.hours]
    closed = [p for p in hours if not any(w.covers(minute) for w in p.hours)]
    spoken = [*closed, *hours]
    elapsed = [sum(w.elapsed_h(minute) for w in p.hours or _ALL_DAY) for p in hours]
    return Holds(
        heating=heating,
        heating_source=heating_source,
        in_hours=not closed,
        hours_source=spoken[0].named if spoken else "",
        window_elapsed_h=min(elapsed, default=minute / 60),
        hours_per_day=_bound(now, Aspect.HOURS_PER_DAY, strictest=min),
        heating_maximum_c=_bound(now, Aspect.HEATING_MAXIMUM, strictest=min),
        cooling_minimum_c=_bound(now, Aspect.COOLING_MINIMUM, strictest=max),
        occupied_minimum_c=_bound(now, Aspect.OCCUPIED_MINIMUM, strictest=max),
    )


def _winner(now: Sequence[Policy], aspect: Aspect) -> Policy | None:
    """The law or ordinance that decides an aspect; it may be one that exempts from it."""
    legal = [p for p in now if p.rank is not Rank.HOUSE and p.speaks_of(aspect)]
    return max(
        legal, key=lambda p: (p.rank is Rank.ORDINANCE, "/" in p.scope, p.issued, p.valid_from, p.id), default=None
    )


def _house(now: Sequence[Policy], aspect: Aspect) -> list[Policy]:
    return [p for p in now if p.rank is Rank.HOUSE and p.speaks_of(aspect)]


def _heating(mine: Sequence[Policy], now: Sequence[Policy], day: dt.date) -> tuple[Permission, str]:
    winner = _winner(now, Aspect.SEASON)
    if winner is not None and winner.permission(day) is Permission.FORBIDDEN:
        return Permission.FORBIDDEN, winner.named
    stricter = next((p for p in _house(now, Aspect.SEASON) if p.permission(day) is Permission.FORBIDDEN), None)
    if stricter is not None:
        return Permission.FORBIDDEN, stricter.named
    if winner is not None:
        return Permission.ALLOWED, winner.named
    # A law with a season does not end in silence: whoever entered its end has not yet entered what follows.
    ended = [
        p for p in mine
        if p.rank is Rank.LAW and p.season is not None and p.valid_to is not None and p.valid_from < p.valid_to <= day
    ]  # fmt: skip
    if ended:
        last = max(ended, key=lambda p: p.valid_to or day)
        return Permission.UNKNOWN, f"{last.named} ended on {last.valid_to} and nothing follows it"
    allowed = next(iter(_house(now, Aspect.SEASON)), None)
    return Permission.ALLOWED, allowed.named if allowed else NO_RECORD


def _bound(now: Sequence[Policy], aspect: Aspect, strictest: Any) -> Bound | None:
    candidates = [p for p in (_winner(now, aspect), *_house(now, aspect)) if p is not None]
    values = [Bound(float(value), p.named) for p in candidates if (value := getattr(p, aspect.value)) is not None]
    return strictest(values, key=lambda b: b.value) if values else None


def _month_day(text: str) -> tuple[int, int]:
    try:
        day = dt.date.fromisoformat(f"2000-{text}")  # a leap year, so that 29 February can be written
    except ValueError as error:
        raise DomainError(f"{text!r} is not a day of the year MM-DD") from error
    return day.month, day.day
