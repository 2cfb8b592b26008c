"""Commands: who asks which point for what, why and until when, and the one state each ends in."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from core.errors import DomainError
from core.points import check_point_id
from core.priority import SLOTS, Slot


class Outcome(StrEnum):
    """The one state a command ends in."""

    APPLIED = "applied"
    """In the array, and where it won the device was written and read back."""
    REJECTED = "rejected"
    """Refused by the guard, with the reason; nothing was written."""
    EXPIRED = "expired"
    """Its time had passed before it could act."""
    SUPERSEDED = "superseded"
    """A newer command for the same point and slot took its place before it could act."""
    FAILED = "failed"
    """The device did not take it, or did not read back as asked."""


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry asked for in a point's priority array.

    Attributes
    ----------
    id
        Unique; a gateway acts on it once however often it arrives.
    point
        Point id.
    slot
        1 to 16, see `core.priority.Slot`.
    value
        In the point's unit; None relinquishes the slot.
    by, why
        Who asks, and the reason in words a facility manager understands.
    issued_ms, expires_ms
        UTC milliseconds; a command never acts from `expires_ms` on, and its entry leaves the array then.
    """

    id: str
    point: str
    slot: int
    value: float | None
    by: str
    why: str
    issued_ms: int
    expires_ms: int

    def __post_init__(self) -> None:
        check_point_id(self.point)
        if self.slot not in SLOTS or self.slot in (Slot.PROTECTION, Slot.SCHEDULE):
            raise DomainError(f"{self.point}: slot {self.slot} is not one a command may take")
        if self.expires_ms <= self.issued_ms:
            raise DomainError(f"{self.point}: a command must expire after it was issued")
        if not (self.id and self.by):
            raise DomainError(f"{self.point}: a command needs an id and somebody who asks")


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a command ended, as the gateway saw it.

    Attributes
    ----------
    command_id, point
        Of the command.
    outcome
        The one state it ended in.
    reason
        Why, in words; empty when applied.
    read_back
        What the device read after writing (point's unit); None where nothing was written
        (the entry is in the array, and a stronger one is in force).
    time_ms
        When it ended, UTC milliseconds.
    """

    command_id: str
    point: str
    outcome: Outcome
    time_ms: int
    reason: str = ""
    read_back: float | None = None
