"""The BACnet priority array: sixteen slots, the lowest occupied one wins, relinquishing falls to the next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import msgspec

from core.errors import DomainError


class Slot(IntEnum):
    """The slots Promessa uses (ASHRAE 135, clause 19.2); the others are free for the building's own automation."""

    PROTECTION = 2
    """Frost and equipment protection: the gateway's own, nobody else may write it."""
    PERSON = 8
    """A person; wins over everything but protection, for as long as they said."""
    DEMAND_LIMIT = 10
    SUPERVISORY = 12
    SCHEDULE = 16
    """The local schedule's default, underneath everything."""


SLOTS: Final = range(1, 17)


class Entry(msgspec.Struct, frozen=True):
    """What occupies one slot.

    Attributes
    ----------
    value
        In the point's unit.
    by, why
        Who asked, and their reason in words.
    expires_ms
        UTC milliseconds from which the entry no longer counts; None only for the schedule.
    command_id
        The command that put it there, empty for the gateway's own.
    """

    value: float
    by: str
    why: str
    expires_ms: int | None
    command_id: str = ""


class PriorityArray(msgspec.Struct, frozen=True):
    """An immutable priority array of one point; every change returns a new one."""

    slots: dict[int, Entry] = {}

    def put(self, slot: int, entry: Entry) -> PriorityArray:
        """Occupy `slot`; what stood there is superseded."""
        if slot not in SLOTS:
            raise DomainError(f"slot {slot} is not one of 1 to 16")
        if entry.expires_ms is None and slot != Slot.SCHEDULE:
            raise DomainError(f"slot {slot}: only the schedule may stay without an expiry")
        return PriorityArray({**self.slots, slot: entry})

    def relinquish(self, slot: int) -> PriorityArray:
        """Empty `slot`; emptying an empty slot changes nothing."""
        return PriorityArray({s: e for s, e in self.slots.items() if s != slot})

    def expire(self, now_ms: int) -> tuple[PriorityArray, Mapping[int, Entry]]:
        """Drop what has expired at `now_ms`; returns the new array and the dropped entries by slot."""
        gone = {s: e for s, e in self.slots.items() if e.expires_ms is not None and e.expires_ms <= now_ms}
        return PriorityArray({s: e for s, e in self.slots.items() if s not in gone}), gone

    def winner(self, now_ms: int) -> tuple[int, Entry] | None:
        """Slot and entry in force at `now_ms`, or None when every slot is empty."""
        for slot in sorted(self.slots):
            entry = self.slots[slot]
            if entry.expires_ms is None or entry.expires_ms > now_ms:
                return slot, entry
        return None
