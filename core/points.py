"""Points: everything that is measured or driven, under one stable id with its Brick class and UCUM unit."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

from core.errors import DomainError
from core.units import check_unit

ID_SEGMENT: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_POINT_ID: Final = re.compile(rf"{ID_SEGMENT}(?:/{ID_SEGMENT}){{2,7}}")
_NAME: Final = re.compile(ID_SEGMENT)
_BRICK_CLASS: Final = re.compile(r"[A-Z][A-Za-z0-9]*(?:_[A-Z0-9][A-Za-z0-9]*)*")
MAX_ID_LENGTH: Final = 200


class Measure(StrEnum):
    """What a value of a point means in time."""

    INSTANT = "instant"
    """The quantity at the reading's time (temperature, power, a set-point)."""
    INTERVAL = "interval"
    """An amount over the interval that *starts* at the reading's time (hourly kWh)."""
    REGISTER = "register"
    """A counter that only counts up, rolls over and may be reset (a meter's total)."""


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a register can physically do; bounds every difference taken from it.

    Attributes
    ----------
    rollover
        The register reads 0 again after this value (point's unit), for example 1_000_000 for six digits.
    max_rate_per_h
        The most that it can count in an hour (point's unit per hour).
    resolution
        Its last digit (point's unit); a step back of no more than this is jitter, not a reset.
    """

    rollover: float
    max_rate_per_h: float
    resolution: float = 0.0

    def __post_init__(self) -> None:
        if not (self.rollover > 0 and self.max_rate_per_h > 0 and self.resolution >= 0):
            raise DomainError("a counter needs rollover > 0, max_rate_per_h > 0 and resolution >= 0")

    @property
    def jitter(self) -> float:
        """Largest step back that is its last digit flickering; the room is for binary fractions of that digit."""
        return self.resolution * 1.01


class Plausible(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a healthy sensor can read; outside of it a reading is marked, never deleted.

    Attributes
    ----------
    minimum, maximum
        Range of possible values (point's unit), both inclusive.
    max_step
        Largest believable change between two consecutive readings (point's unit); None: not checked.
    stuck_after_s
        A value that has not changed at all for so long is suspect (seconds); None: not checked.
    """

    minimum: float | None = None
    maximum: float | None = None
    max_step: float | None = None
    stuck_after_s: int | None = None

    def __post_init__(self) -> None:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise DomainError(f"plausible minimum {self.minimum} is above maximum {self.maximum}")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a point that can be driven may be told; the gateway's guard checks it where it acts.

    Attributes
    ----------
    minimum, maximum
        Allowed values (point's unit), both inclusive.
    safe_value
        What is written when nobody asks for anything and there is no schedule (point's unit).
    max_step
        Largest change of one write (point's unit); None: not limited.
    min_interval_s
        Shortest time between two changes (seconds).
    """

    minimum: float
    maximum: float
    safe_value: float
    max_step: float | None = None
    min_interval_s: int = 0

    def __post_init__(self) -> None:
        if not self.minimum <= self.safe_value <= self.maximum:
            raise DomainError(
                f"limits need minimum <= safe_value <= maximum, got {self.minimum}, {self.safe_value}, {self.maximum}"
            )
        if (self.max_step is not None and self.max_step <= 0) or self.min_interval_s < 0:
            raise DomainError("limits need max_step > 0 and min_interval_s >= 0")


class Point(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured or driven quantity.

    Attributes
    ----------
    id
        ``site/building/…/name``, lower case ``[a-z0-9-]``; stable for ever.
    brick_class
        Brick 1.4 class, for example ``Zone_Air_Temperature_Sensor``.
    unit
        UCUM code, for example ``Cel``, ``kW.h``, ``1`` for dimensionless.
    measure
        What a value means in time.
    limits
        Present exactly when the point can be driven.
    """

    id: str
    brick_class: str
    unit: str
    measure: Measure = Measure.INSTANT
    plausible: Plausible | None = None
    counter: Counter | None = None
    limits: Limits | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_point_id(self.id)
        if _BRICK_CLASS.fullmatch(self.brick_class) is None:
            raise DomainError(f"{self.id}: {self.brick_class!r} is not the form of a Brick class")
        check_unit(self.unit)
        if (self.measure is Measure.REGISTER) != (self.counter is not None):
            raise DomainError(f"{self.id}: a register needs a counter, and only a register has one")

    @property
    def site(self) -> str:
        """First segment of the id."""
        return site_of(self.id)

    @property
    def building(self) -> str:
        """First two segments, ``site/building``."""
        return building_of(self.id)

    @property
    def zone(self) -> str | None:
        """The id without its name where there is a room in between (``site/building/zone``), else None."""
        return zone_of(self.id)

    @property
    def writable(self) -> bool:
        """Whether the point can be driven."""
        return self.limits is not None


def is_point_id(text: str) -> bool:
    """Whether `text` has the form of a point id."""
    return len(text) <= MAX_ID_LENGTH and _POINT_ID.fullmatch(text) is not None


def check_point_id(text: str) -> str:
    """Return `text` if it is a point id, else raise DomainError naming it."""
    if not is_point_id(text):
        raise DomainError(f"{text[:80]!r} is not a point id: site/building/…/name in lower case a-z, 0-9 and -")
    return text


def check_name(text: str, what: str) -> str:
    """Return `text` if it can stand as one segment (a site's or gateway's name), else raise DomainError."""
    if _NAME.fullmatch(text) is None or len(text) > 64:
        raise DomainError(f"{what} {text[:80]!r}: use up to 64 of a-z, 0-9 and -, not beginning or ending with -")
    return text


def site_of(point_id: str) -> str:
    """First segment of a point id."""
    return point_id.split("/", 1)[0]


def building_of(point_id: str) -> str:
    """``site/building`` of a point id."""
    return "/".join(point_id.split("/", 2)[:2])


def zone_of(point_id: str) -> str | None:
    """``site/building/zone…`` of a point id with at least four segments, else None."""
    head = point_id.rsplit("/", 1)[0]
    return head if head.count("/") >= 2 else None
