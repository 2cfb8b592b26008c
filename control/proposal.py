"""What is wanted of a point: planned, to be put right, or proposed."""

from __future__ import annotations

from dataclasses import dataclass

from core.points import Point
from core.priority import Slot


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan wants of a zone until the next decision.

    Attributes
    ----------
    heat
        Whether the zone is to be heated now although nobody is there, or further than people need.
    target_c
        Set-point that does it, degrees Celsius.
    from_ms
        When to begin, UTC milliseconds.
    why
        One sentence.
    """

    heat: bool
    target_c: float
    from_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A set-point restored to what was agreed.

    Attributes
    ----------
    kind
        ``setpoint``: while people are there; ``schedule``: while they are not.
    point
        Id of the set-point.
    value_c
        Agreed, degrees Celsius.
    why
        One sentence.
    """

    kind: str
    point: str
    value_c: float
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a strategy wants of one point.

    Attributes
    ----------
    point
        The point to drive.
    value
        In its unit; None: let go of it, so that the building's own schedule takes over.
    strategy
        Which one.
    why
        One sentence for the facility manager.
    model
        Meter model and version it rests on; empty for none.
    effect
        What it should bring about, in one sentence; empty when nothing is foretold.
    slot
        Where in the priority array it stands.
    until_ms
        Its command expires no later, UTC milliseconds; None: as every command.
    """

    point: Point
    value: float | None
    strategy: str
    why: str
    model: str = ""
    effect: str = ""
    slot: Slot = Slot.SUPERVISORY
    until_ms: int | None = None
