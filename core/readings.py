"""Readings and their quality: what a point said, when it was measured, and how far to trust it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Quality(IntEnum):
    """How far to trust a reading, with the reason; stored and sent as this one number.

    0-63 good, 64-127 uncertain (usable, marked), 128-255 bad (kept, left out of every sum).
    """

    GOOD = 0
    UNCERTAIN = 64
    UNCERTAIN_STUCK = 65
    UNCERTAIN_JUMP = 66
    UNCERTAIN_CLOCK = 67
    UNCERTAIN_ESTIMATED = 68
    UNCERTAIN_REGISTER_RESET = 69
    UNCERTAIN_UNDECLARED = 70
    BAD = 128
    BAD_RANGE = 129
    BAD_SENSOR = 130
    BAD_REGISTER_RATE = 131


UNCERTAIN_FROM: Final = 64
BAD_FROM: Final = 128


class Reading(NamedTuple):
    """One value of one point at one instant; a plain tuple on the wire and in stores.

    Attributes
    ----------
    point
        Point id.
    time_ms
        When it was *measured*, UTC, milliseconds since 1970, however late it arrives.
    value
        In the point's unit. Consumption is positive, production negative.
    quality
        A `Quality` code, or another number in its bands.

    Notes
    -----
    ``(point, time_ms)`` is the identity: writing it twice stores it once, a later write corrects it.
    """

    point: str
    time_ms: int
    value: float
    quality: int = 0


def is_usable(quality: int) -> bool:
    """Whether a reading of this quality counts in sums and decisions (good or uncertain)."""
    return quality < BAD_FROM


def quality_name(quality: int) -> str:
    """Name for people and the API, for example ``uncertain.stuck``; a code without a name gives its band."""
    try:
        name = Quality(quality).name
    except ValueError:
        band = "good" if quality < UNCERTAIN_FROM else "uncertain" if quality < BAD_FROM else "bad"
        return f"{band}.{quality}"
    return name.lower().replace("_", ".", 1).replace("_", "-")
