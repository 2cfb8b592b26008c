"""From proposals to commands: only what changes or is about to run out, within limits, never against a person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from control.proposal import Proposal
from core.commands import Command
from core.points import Limits

Place: TypeAlias = tuple[str, int]
"""Point id and slot."""
BY: Final = "control"
INTERVALS_TO_EXPIRY: Final = 3
"""An entry outlives two decisions that do not come; then the building's own schedule takes over."""
RENEW_INTERVALS: Final = 1.5
REJECTED_REST_MS: Final = 3_600_000
"""What a gateway refused, or a device did not take, is not asked for again before this."""
SAME_VALUE: Final = 0.05
SAME_SHARE: Final = 0.005
"""Of the range of a point: a share of outdoor air differs by less than a temperature does."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest command of ours for a slot of a point.

    Attributes
    ----------
    value
        What it asked for; None relinquished.
    issued_ms, expires_ms
        Of the command.
    is_live
        Whether it is on its way or in force (not rejected, failed or superseded).
    is_rejected
        Whether the gateway refused it, or the device did not take it.
    """

    value: float | None
    issued_ms: int
    expires_ms: int
    is_live: bool
    is_rejected: bool = False

    def asks(self, now_ms: int) -> bool:
        """Whether it asks for a value at a time, UTC milliseconds, as far as is known."""
        return self.is_live and self.value is not None and self.expires_ms > now_ms


def arbitrate(
    proposals: Iterable[Proposal],
    standing: Mapping[Place, Standing],
    held: Collection[Place],
    *,
    device_values: Mapping[str, float],
    now_ms: int,
    interval_ms: int,
    new_id: Callable[[], str],
) -> list[tuple[Command, Proposal]]:
    """Commands to send for proposals, each with the proposal it comes from.

    Parameters
    ----------
    proposals
        At most one a point and slot.
    standing
        Our newest command of each point and slot that has one.
    held
        Where somebody else's stronger entry is in force: nothing is sent there.
    device_values
        What the devices hold, where known; bounds the step of a change.
    now_ms
        The clock's time: commands are issued and expire by it.
    interval_ms
        Between two decisions.
    """
    commands = []
    for proposal in proposals:
        point, limits = proposal.point, proposal.point.limits
        place = (point.id, int(proposal.slot))
        before = standing.get(place)
        live = before if before and before.asks(now_ms) else None
        # What was issued while a clock was ahead ends at the gateway before it says so: it is asked for anew.
        counts = live is not None and live.issued_ms <= now_ms
        if limits is None or place in held:
            continue
        value = None if proposal.value is None else _bounded(proposal.value, limits, device_values.get(point.id))
        expires_ms = now_ms + INTERVALS_TO_EXPIRY * interval_ms
        if value is not None and proposal.until_ms is not None:
            expires_ms = min(expires_ms, proposal.until_ms)
        if value is None:
            wanted = live is not None
        elif expires_ms <= now_ms:
            wanted = False
        elif counts and live is not None and live.value is not None and _is_same(live.value, value, limits):
            # One that ends where its proposal ends is not sent again for that.
            wanted = live.expires_ms - now_ms <= RENEW_INTERVALS * interval_ms and expires_ms > live.expires_ms
        else:
            wanted = not _must_rest(before, value, limits, now_ms)
        if wanted:
            command = Command(new_id(), point.id, proposal.slot, value, BY, proposal.why, now_ms, expires_ms)
            commands.append((command, proposal))
    return commands


def _is_same(one: float, other: float, limits: Limits) -> bool:
    return abs(one - other) < min(SAME_VALUE, SAME_SHARE * (limits.maximum - limits.minimum) or SAME_VALUE)


def _bounded(value: float, limits: Limits, device_value: float | None) -> float:
    """`value` within the limits, no further from what the device holds than one step may be."""
    if limits.max_step is not None and device_value is not None:
        value = min(max(value, device_value - limits.max_step), device_value + limits.max_step)
    return round(min(max(value, limits.minimum), limits.maximum), 3)


def _must_rest(before: Standing | None, value: float, limits: Limits, now_ms: int) -> bool:
    """Whether a change must wait: the device was changed a moment ago, or the gateway refused just this."""
    if before is None:
        return False
    age_ms = now_ms - before.issued_ms  # below 0 when the clock was set back: that holds nothing up
    if before.is_rejected and before.value is not None and _is_same(before.value, value, limits):
        return 0 <= age_ms < REJECTED_REST_MS
    return before.is_live and before.value is not None and 0 <= age_ms < limits.min_interval_s * 1000
