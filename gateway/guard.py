"""What a device may be told, and when: pure decisions over values, made again here whatever was decided elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from core.commands import Command, Outcome
from core.config.models import FrostProtection
from core.points import Limits, Plausible
from core.priority import Entry, PriorityArray, Slot

UNHURRIED_FROM: Final = 6
"""Slots from here on respect the shortest time between changes (ASHRAE 135, 19.2.3: slot 6 is minimum on and off)."""
SUPERVISORY_FROM: Final = 9
"""Slots from here on belong to machines that decide by what a sensor says; above them stand persons."""
ASKED_FOR: Final = (Slot.PERSON, Slot.DEMAND_LIMIT, Slot.SUPERVISORY)
"""Slots that a command may take, those that Promessa issues: whoever publishes gains none above a person's."""
FROST_HYSTERESIS_K: Final = 1.0
CLOCKS_APART_MS: Final = 300_000
"""So far may the clock of who asks be ahead of the gateway's; a time beyond that was wrong and orders nothing."""


class Refusal(NamedTuple):
    """Why a command does not enter the array, and the state it ends in."""

    outcome: Outcome
    reason: str


def judge(
    command: Command,
    limits: Limits | None,
    now_ms: int,
    *,
    read_only: bool = False,
    newest_issued_ms: int | None = None,
    stale: str = "",
) -> Refusal | None:
    """Decide whether `command` may enter its point's array; None when it may.

    Parameters
    ----------
    limits
        Of the point; None when this gateway does not drive it.
    now_ms
        UTC milliseconds.
    read_only
        The gateway drives nothing.
    newest_issued_ms
        When the newest command that this slot has taken was issued. A time far in the future does not count: else
        nobody could let go of what was asked while a clock was ahead.
    stale
        What the point's zone lacks to be driven by machines; empty: nothing.
    """
    if read_only:
        return Refusal(Outcome.REJECTED, "this gateway is read-only")
    if limits is None:
        return Refusal(Outcome.REJECTED, f"this gateway does not drive {command.point}")
    return next(_refusals(command, limits, now_ms, newest_issued_ms, stale), None)


def _refusals(
    command: Command, limits: Limits, now_ms: int, newest_issued_ms: int | None, stale: str
) -> Iterator[Refusal]:
    """Everything that speaks against a command, the weightiest first."""
    if command.slot not in ASKED_FOR:
        allowed = ", ".join(str(int(slot)) for slot in ASKED_FOR)
        yield Refusal(Outcome.REJECTED, f"slot {command.slot} is not one that commands take here: {allowed}")
    if command.expires_ms <= now_ms:
        yield Refusal(Outcome.EXPIRED, "it had expired when it arrived")
    if newest_issued_ms is not None and command.issued_ms < newest_issued_ms <= now_ms + CLOCKS_APART_MS:
        yield Refusal(Outcome.SUPERSEDED, "a command that was issued later has come before it")
    if command.value is not None:
        if not limits.minimum <= command.value <= limits.maximum:
            allowed = f"{limits.minimum:g} to {limits.maximum:g}"
            yield Refusal(Outcome.REJECTED, f"{command.value:g} is outside of the limits {allowed}")
        if stale and command.slot >= SUPERVISORY_FROM:
            yield Refusal(Outcome.REJECTED, stale)


def lasts_until(expires_ms: int, life_ms: int, now_ms: int) -> int:
    """When an entry that may live `life_ms` ends: at `expires_ms`, and no later than its life from `now_ms` on.

    Whichever clock was wrong when it was issued or when it arrived, it does not outlive what it was meant to be.
    """
    return min(expires_ms, now_ms + life_ms)


class Force(NamedTuple):
    """What is in force for a point.

    Attributes
    ----------
    slot
        Where it stands.
    value
        In the point's unit.
    command_id
        The command that asked for it; empty for the gateway's own.
    """

    slot: int
    value: float
    command_id: str = ""


def in_force(array: PriorityArray, scheduled: float, now_ms: int) -> Force:
    """The winner of `array` at `now_ms`, else what is `scheduled` underneath (the schedule's or the safe value)."""
    found = array.winner(now_ms)
    if found is None:
        return Force(Slot.SCHEDULE, scheduled)
    slot, entry = found
    return Force(slot, entry.value, entry.command_id)


class Wait(NamedTuple):
    """Not yet: the device may change again at `until_ms`."""

    until_ms: int


def next_move(
    current: float, target: Force, limits: Limits, tolerance: float, *, now_ms: int, changed_ms: int | None
) -> float | Wait | None:
    """Decide the next value to write on the way from `current` to `target`.

    Parameters
    ----------
    current
        What the device reads now (point's unit).
    target
        What is in force.
    limits
        Of the point. A larger change than `max_step` is walked in steps, `min_interval_s` apart; protection (slots
        above 6) does not wait.
    tolerance
        How far the device's own rounding may put it from the target.
    changed_ms
        When the gateway last changed it; None: never. A time in the future (the clock was set back) does not count.

    Returns
    -------
    float, Wait or None
        The value to write, never outside the limits; `Wait`; or None when it is where it should be.
    """
    distance = target.value - current
    if abs(distance) <= tolerance:
        return None
    if target.slot >= UNHURRIED_FROM and changed_ms is not None and changed_ms <= now_ms:
        until_ms = changed_ms + limits.min_interval_s * 1000
        if now_ms < until_ms:
            return Wait(until_ms)
    value = target.value
    if limits.max_step is not None and abs(distance) > limits.max_step:
        value = current + math.copysign(limits.max_step, distance)
    return min(max(value, limits.minimum), limits.maximum)


def is_stale(seen_ms: int, now_ms: int, stale_after_s: float) -> bool:
    """Whether a sensor last heard at `seen_ms` has been silent for too long."""
    return now_ms - seen_ms > stale_after_s * 1000


def is_plausible(value: float, plausible: Plausible | None) -> bool:
    """Whether a healthy sensor can read `value`; a broken one must neither heat a room nor keep control at it."""
    if plausible is None:
        return True
    low = -math.inf if plausible.minimum is None else plausible.minimum
    high = math.inf if plausible.maximum is None else plausible.maximum
    return low <= value <= high


def needs_protection(frost: FrostProtection, temperature: float | None, otherwise: float, *, engaged: bool) -> bool:
    """Whether frost protection should hold slot 2 of its set-point.

    Parameters
    ----------
    temperature
        Of the zone, degrees Celsius; None when its sensor is silent: nothing heats on a dead sensor.
    otherwise
        What is in force without it; protection never asks for less than that.
    engaged
        It holds the slot already, and lets go `FROST_HYSTERESIS_K` above where it took it.
    """
    if temperature is None or otherwise >= frost.value:
        return False
    return temperature < frost.below + (FROST_HYSTERESIS_K if engaged else 0.0)


def protection(frost: FrostProtection, temperature: float, expires_ms: int) -> Entry:
    """The entry with which frost protection holds slot 2."""
    why = f"frost protection: the zone has {temperature:g} °C, below {frost.below:g} °C"
    return Entry(frost.value, "gateway", why, expires_ms)
