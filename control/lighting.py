"""Light for schools: lamps give what daylight leaves missing, and only while people are there; pure.

What a sensor reads is ``daylight + gain · dim``, `dim` the share of full light. The gain is learnt from the lamps' own
changes, which tell their light from the sun's. Lamps follow daylight down slowly and up at once; they go out a while
after the last person has gone, and never while somebody is there in the dark. Whoever cannot see lets go: without a
sensor that can be trusted the room's own schedule gives full light.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from control.proposal import Proposal
from control.view import Input
from core.calendar import MINUTE_MS
from core.errors import DomainError
from core.points import Point

NAME: Final = "lighting"
ABOVE: Final = 0.05
"""Lamps are set for so much more than the target: it is a least value, and sensors are noisy."""
BAND: Final = 0.2
"""Between the target and so much above it nothing is changed."""
OFF_ABOVE: Final = 0.1
"""Lamps at their least go out only where daylight alone gives so much more than the target."""
DARK_SHARE: Final = 0.8
"""Below this share of the target, lamps come up without fading."""
LEARN_STEP: Final = 0.1
"""Least change of the lamps, share of full light, that tells something of the gain."""
LEARN_WITHIN_MS: Final = 3 * MINUTE_MS
"""In which daylight hardly changes."""
LEARN_FROM: Final = 15
"""Newest changes that count."""
LEARN_LEAST: Final = 3
_LONGEST_STEP_MS: Final = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Target:
    """A least illuminance where people work, and where that is written.

    Attributes
    ----------
    lux
        Maintained mean on the task area, lux.
    """

    room: str
    lux: float
    source: str


CLASSROOM: Final = Target("classroom", 300.0, "EN 12464-1:2011, 5.36.1")
CLASSROOM_EVENING: Final = Target("classroom for evening classes and adults", 500.0, "EN 12464-1:2011, 5.36.2")


@dataclass(frozen=True, slots=True)
class Lamps:
    """The lamps of one room on one dimmer.

    Attributes
    ----------
    dimmer
        The point; its limits are off and full light.
    target
        For the desks.
    full_lux
        What they give on the desks at full light, by design; counts until it is learnt.
    desk_per_sensor
        Lux on the desks for each lux that the sensor reads: 1 for one at a desk, measured once for one at the ceiling.
    least_dim
        Share below which lamps do not burn steadily: less is off.
    hold_s
        Light stays so long after the last person was seen.
    fade_down_per_min, fade_up_per_min
        Fastest change, share of full light per minute.
    """

    dimmer: Point
    target: Target
    full_lux: float
    desk_per_sensor: float = 1.0
    least_dim: float = 0.1
    hold_s: int = 900
    fade_down_per_min: float = 0.1
    fade_up_per_min: float = 0.5

    def __post_init__(self) -> None:
        limits = self.dimmer.limits
        if limits is None or limits.minimum >= limits.maximum:
            raise DomainError(f"{self.dimmer.id}: lamps need a dimmer with limits")
        figures = (self.full_lux, self.desk_per_sensor, self.target.lux, self.fade_down_per_min, self.fade_up_per_min)
        if not all(0 < f < math.inf for f in figures) or not 0 <= self.least_dim < 1 or self.hold_s < 0:
            raise DomainError(f"{self.dimmer.id}: the figures of the lamps must be above 0")

    def value(self, dim: float) -> float:
        """Value of the dimmer's point for a share of full light."""
        limits = self.dimmer.limits
        assert limits is not None  # noqa: S101 - checked above
        return limits.minimum + dim * (limits.maximum - limits.minimum)

    def dim(self, value: float) -> float:
        """Share of full light for a value of the dimmer's point."""
        limits = self.dimmer.limits
        assert limits is not None  # noqa: S101 - checked above
        return min(max((value - limits.minimum) / (limits.maximum - limits.minimum), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Room:
    """What is measured of a room now.

    Attributes
    ----------
    now_ms
        UTC milliseconds.
    sensor
        Illuminance, lux.
    people
        How many, or 1 for presence.
    dimmer
        What the device holds, in the point's unit.
    """

    now_ms: int
    sensor: Input
    people: Input
    dimmer: Input


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a room; after a restart it is as if somebody had just been there.

    Attributes
    ----------
    seen_ms
        When somebody was last there, UTC milliseconds.
    at_ms, lux, dim
        The measurement before, on the desks; NaN without one.
    gains
        Lux on the desks at full light, from each change of the lamps that told something, oldest first.
    """

    seen_ms: int | None = None
    at_ms: int = 0
    lux: float = math.nan
    dim: float = math.nan
    gains: tuple[float, ...] = ()


def remember(lamps: Lamps, room: Room, memory: Memory) -> Memory:
    """Who is there, and what the lamps' last change says of their gain."""
    people = room.people.value
    seen_ms = room.now_ms if memory.seen_ms is None or (people is not None and people > 0) else memory.seen_ms
    seen_ms = min(seen_ms, room.now_ms)  # a clock that was set back
    if room.sensor.value is None or room.dimmer.value is None:
        return Memory(seen_ms=seen_ms, gains=memory.gains)
    lux, dim = room.sensor.value * lamps.desk_per_sensor, lamps.dim(room.dimmer.value)
    gains = memory.gains
    change = dim - memory.dim
    if abs(change) >= LEARN_STEP and 0 < room.now_ms - memory.at_ms <= LEARN_WITHIN_MS:
        gain = (lux - memory.lux) / change
        if 0.2 * lamps.full_lux <= gain <= 3 * lamps.full_lux:
            gains = (*gains, gain)[-LEARN_FROM:]
    return Memory(seen_ms, room.now_ms, lux, dim, gains)


def full_light_lux(lamps: Lamps, gains: Sequence[float]) -> float:
    """Lux on the desks of the lamps alone at full light: learnt, or until then as designed."""
    return median(gains) if len(gains) >= LEARN_LEAST else lamps.full_lux


def propose(lamps: Lamps, room: Room, memory: Memory, before: Memory | None = None) -> Proposal:
    """What the dimmer is told.

    Parameters
    ----------
    memory
        As `remember` made it of this very measurement.
    before
        As it was at the decision before: bounds the fading; None: one minute ago.
    """
    blind = _blind(room)
    if blind:
        return Proposal(lamps.dimmer, None, NAME, f"Let go, the room's own schedule gives light: {blind}.")
    seen_ms = room.now_ms if memory.seen_ms is None else memory.seen_ms
    full = full_light_lux(lamps, memory.gains)
    daylight = max(0.0, memory.lux - full * memory.dim)
    passed_ms = room.now_ms - before.at_ms if before is not None and before.at_ms else MINUTE_MS
    minutes = min(max(passed_ms, 0), _LONGEST_STEP_MS) / MINUTE_MS
    idle_s = (room.now_ms - seen_ms) / 1000
    if idle_s >= lamps.hold_s and not room.people.value:
        dim = _faded(lamps, 0.0, memory.dim, minutes)
        return _told(lamps, dim, f"Nobody has been there for {idle_s / 60:.0f} min")
    wanted = _wanted(lamps, daylight, full, memory)
    dim = wanted if memory.lux < DARK_SHARE * lamps.target.lux else _faded(lamps, wanted, memory.dim, minutes)
    there = f"{room.people.value:.0f} there" if room.people.value else f"somebody was there {idle_s / 60:.0f} min ago"
    short = full * dim + daylight < lamps.target.lux and dim >= 1
    short_text = f", of which the lamps reach {full + daylight:.0f}" if short else ""
    target = f"{lamps.target.lux:.0f} lx wanted{short_text} ({lamps.target.source})"
    return _told(lamps, dim, f"{there.capitalize()}, {daylight:.0f} lx of daylight, {target}")


def _blind(room: Room) -> str:
    for value, what in ((room.sensor, "illuminance"), (room.people, "presence"), (room.dimmer, "state of the dimmer")):
        if value.value is None:
            return f"{what} is missing ({value.problem or 'no reading'})"
    return "illuminance is below 0" if (room.sensor.value or 0.0) < 0 else ""


def _wanted(lamps: Lamps, daylight: float, full: float, memory: Memory) -> float:
    """Share of full light with people there, before fading."""
    target = lamps.target.lux
    is_lit = memory.dim > 0
    if target <= memory.lux <= target * (1 + BAND) and (not is_lit or memory.dim >= lamps.least_dim):
        return memory.dim
    dim = (target * (1 + ABOVE) - daylight) / full
    if dim >= lamps.least_dim:
        return min(dim, 1.0)
    is_enough = daylight >= target * (1 + OFF_ABOVE if is_lit else 1)
    return 0.0 if is_enough else lamps.least_dim


def _faded(lamps: Lamps, wanted: float, now: float, minutes: float) -> float:
    dim = min(max(wanted, now - lamps.fade_down_per_min * minutes), now + lamps.fade_up_per_min * minutes)
    if (
        dim < lamps.least_dim
    ):  # lamps do not burn there: on the way up they begin at their least, on the way down they end
        return lamps.least_dim if wanted >= lamps.least_dim else 0.0
    return dim


def _told(lamps: Lamps, dim: float, why: str) -> Proposal:
    text = f"{why}: lamps at {dim:.0%}." if dim > 0 else f"{why}: lamps off."
    return Proposal(lamps.dimmer, round(lamps.value(dim), 4), NAME, text)
