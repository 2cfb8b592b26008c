"""Registers that count up, roll over, are reset, and jitter by their last digit: what lies between two readings."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from core.calendar import HOUR_MS
from core.points import Counter


class StepKind(StrEnum):
    """What happened between two readings of a register."""

    COUNTED = "counted"
    JITTER = "jitter"
    """A step back by no more than the last digit: nothing was used."""
    ROLLED_OVER = "rolled-over"
    RESET = "reset"
    """Began again near zero; what it counted since is the new value, what was lost is unknown."""
    IMPLAUSIBLE = "implausible"
    """More than the meter can physically count, or a jump back that explains itself in no other way."""


class RegisterStep(NamedTuple):
    """Amount counted between two readings (point's unit, never negative; None where nobody can know) and why."""

    amount: float | None
    kind: StepKind


def register_step(before: float, after: float, elapsed_ms: int, counter: Counter) -> RegisterStep:
    """Amount a register counted from one reading to the next.

    Parameters
    ----------
    before, after
        Register values (point's unit).
    elapsed_ms
        Time between them, milliseconds, above 0.
    counter
        What the register can do.

    Notes
    -----
    Every amount is bounded by ``max_rate_per_h`` times the time, plus twice the resolution, because both
    readings are rounded.
    """
    bound = counter.max_rate_per_h * elapsed_ms / HOUR_MS + 2 * counter.resolution
    change = after - before
    if 0 <= change <= bound:
        return RegisterStep(change, StepKind.COUNTED)
    if change > bound:
        return RegisterStep(None, StepKind.IMPLAUSIBLE)
    if -change <= counter.jitter:
        return RegisterStep(0.0, StepKind.JITTER)
    around = change + counter.rollover
    if 0 <= around <= bound:
        return RegisterStep(around, StepKind.ROLLED_OVER)
    if 0 <= after <= bound:
        return RegisterStep(after, StepKind.RESET)
    return RegisterStep(None, StepKind.IMPLAUSIBLE)
