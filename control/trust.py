"""How far control is trusted with a point, and what may become of a proposal there: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass

from control.arbiter import SAME_VALUE, Standing
from core.commands import Command
from stores.registry import Advice, AdviceState, Trust, TrustMode


def effective_mode(ceiling: str, trust: Trust, point: str | None = None) -> TrustMode:
    """How far control is trusted now: the lowest of what is configured, the building's mode and the point's own.

    Parameters
    ----------
    ceiling
        `core.config.models.Control.mode`: the most that people may allow.
    trust
        What is on record of the building; nothing is sent while it is stopped.
    point
        Point id; None: the building as a whole.
    """
    modes = [TrustMode(ceiling), trust.mode]
    if point is not None:
        modes.append(trust.mode_of(point))
    if trust.stop is not None:
        modes.append(TrustMode.ADVISE)
    return min(modes, key=lambda mode: mode.rank)


def is_raise(before: TrustMode, after: TrustMode) -> bool:
    """Whether a change of mode needs the right to raise: whatever lets commands out and is no less than before."""
    return after.may_send and after.rank >= before.rank


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal.

    Attributes
    ----------
    state
        Of the advice that shows it.
    sends
        Whether its command goes now.
    """

    state: AdviceState
    sends: bool = False


def weigh(
    command: Command | None, kept: Advice | None, standing: Standing | None, *, mode: TrustMode, now_ms: int
) -> Verdict:
    """Decide what becomes of a proposal.

    Parameters
    ----------
    command
        What the arbiter makes of it; None when nothing needs to be sent.
    kept
        The advice that is open for its point and asks for the same value; None when it asks for another.
    standing
        Our newest command for the point.
    mode
        How far control is trusted with the point.
    now_ms
        The clock's time, UTC milliseconds.
    """
    if not mode.may_send:
        return Verdict(AdviceState.ADVISED)
    if mode is TrustMode.DRIVE:
        return Verdict(AdviceState.SENT, sends=command is not None)
    settled = kept.state if kept and kept.state in (AdviceState.APPROVED, AdviceState.SENT) else None
    if command is None:
        return Verdict(settled or AdviceState.ADVISED)
    if command.value is None or _renews(command, standing, now_ms):
        # To let go is never dangerous, and to go on with what is in force changes nothing.
        return Verdict(settled or AdviceState.SENT, sends=True)
    return Verdict(AdviceState.WAITING)


def is_same_value(a: float | None, b: float | None) -> bool:
    """Whether two advised values ask a device for the same."""
    return a is b if a is None or b is None else abs(a - b) < SAME_VALUE


def _renews(command: Command, standing: Standing | None, now_ms: int) -> bool:
    if standing is None or not standing.is_live or standing.value is None or standing.expires_ms <= now_ms:
        return False
    return is_same_value(standing.value, command.value)
