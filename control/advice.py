"""What becomes of proposals: sent, offered to a person, or only shown; kept in the registry with their commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import uuid4

import msgspec

from control.arbiter import BY, INTERVALS_TO_EXPIRY, arbitrate
from control.ledger import Ledger
from control.proposal import Proposal
from control.trust import effective_mode, is_same_value, weigh
from core.commands import Command
from core.config.control import Control
from stores.registry import Advice, AdviceState, Registry, Trust

log = logging.getLogger("promessa.control")

_LEAST_LIFE_MS: Final = 900_000


def settle(
    registry: Registry,
    ledger: Ledger,
    settings: Control,
    proposals: Sequence[Proposal],
    *,
    building: str,
    device_values: Mapping[str, float],
    now_ms: int,
    is_about: Callable[[str, int], bool] = lambda _, __: True,
    interval_s: int | None = None,
) -> list[str]:
    """Send what may be sent, and keep what is advised; one transaction.

    What stands in the array of a point with which control is not trusted (any more) is let go. Of each point one
    advice is open: that of the demand limit while it sheds, else that of supervisory control.

    Parameters
    ----------
    ledger
        Of the building.
    device_values
        As `control.arbiter.arbitrate` takes them.
    now_ms
        The clock's time, UTC milliseconds.
    is_about
        Whether this decision is about a slot of a point (id): advice for others stays as it is.
    interval_s
        Between two such decisions, seconds; None: as configured for the building.

    Returns
    -------
    list of str
        Ids of the commands that were queued.
    """
    interval_ms = (settings.decide_every_s if interval_s is None else interval_s) * 1000
    places = [(proposal.point.id, int(proposal.slot)) for proposal in proposals]
    with registry.together():
        # Held and read within the transaction: a stop or an approval comes wholly before this decision or after it. The
        # ledger reads before anything is written, so that it never knows of what is rolled back.
        registry.hold_trust(building)
        trust = registry.trust(building)
        ledger.refresh(now_ms)
        sent = _withdraw(registry, ledger, settings, trust, now_ms)
        standing = {place: found for place in places if (found := ledger.standing(*place))}
        commands = arbitrate(
            proposals,
            standing,
            {(point, slot) for point, slot in places if ledger.is_held(point, now_ms, slot)},
            device_values=device_values,
            now_ms=now_ms,
            interval_ms=interval_ms,
            new_id=lambda: uuid4().hex,
        )
        asked = {(command.point, command.slot): command for command, _ in commands}
        kept = registry.open_advice(building)
        shown = _shown(proposals)
        book = _Book(now_ms)
        for proposal, place in zip(proposals, places, strict=True):
            point, command = proposal.point.id, asked.get(place)
            mode = effective_mode(settings.mode, trust, point)
            value = proposal.value if command is None else command.value
            before = kept.get(point)
            is_same = before is not None and before.slot == proposal.slot and is_same_value(before.value, value)
            same = before if is_same else None
            verdict = weigh(command, same, standing.get(place), mode=mode, now_ms=now_ms)
            lasts_ms = INTERVALS_TO_EXPIRY * interval_ms
            if value is not None and proposal.until_ms is not None:
                lasts_ms = max(min(lasts_ms, proposal.until_ms - now_ms), 0)
            advice = Advice(
                id=uuid4().hex,
                building=building,
                point=point,
                slot=proposal.slot,
                value=value,
                strategy=proposal.strategy,
                model=proposal.model,
                why=proposal.why,
                effect=proposal.effect,
                mode=mode,
                state=verdict.state,
                since_ms=now_ms if same is None else same.since_ms,
                expires_ms=now_ms + INTERVALS_TO_EXPIRY * interval_ms if verdict.state is AdviceState.WAITING else None,
                lasts_ms=lasts_ms,
            )
            if shown[point] == proposal.slot and not _is_behind(advice, before, is_about):
                book.enter(before, advice, is_same=same is not None)
                kept.pop(point, None)
            if command is not None and verdict.sends:
                registry.queue_command(command, origin(advice), advice.effect)
                sent.append(command.id)
        for forgotten in kept.values():
            if is_about(forgotten.point, forgotten.slot):
                book.ended[forgotten.id] = AdviceState.WITHDRAWN
        book.close(registry)
    return sent


def let_go(registry: Registry, commands: Sequence[Command], why: str, now_ms: int) -> list[str]:
    """Queue for each command one that relinquishes what it asked for; returns their ids."""
    released = []
    for command in commands:
        # Not before what it undoes, or a gateway takes it for older news when a clock was set back.
        issued_ms = max(now_ms, command.issued_ms)
        expires_ms = max(command.expires_ms, issued_ms + _LEAST_LIFE_MS)
        release = Command(uuid4().hex, command.point, command.slot, None, BY, why, issued_ms, expires_ms)
        registry.queue_command(release, "trust", "The building's own schedule takes over.")
        released.append(release.id)
    return released


def _shown(proposals: Sequence[Proposal]) -> dict[str, int]:
    """Slot of the proposal that is shown of each point: the strongest that asks for a value, else the weakest."""
    shown: dict[str, int] = {}
    for proposal in sorted(proposals, key=lambda p: (p.value is None, -p.slot if p.value is None else p.slot)):
        shown.setdefault(proposal.point.id, proposal.slot)
    return shown


def _is_behind(advice: Advice, kept: Advice | None, is_about: Callable[[str, int], bool]) -> bool:
    """Whether advice gives way to what is kept for a slot of its point that this decision is not about."""
    if kept is None or is_about(kept.point, kept.slot):
        return False
    return kept.value is not None if kept.slot < advice.slot else advice.value is None


def origin(advice: Advice) -> str:
    """Strategy and model, as a command names them."""
    return f"{advice.strategy} {advice.model}".strip()


def obey_stop(registry: Registry, ledger: Ledger, settings: Control, building: str, now_ms: int) -> list[str]:
    """Let go of everything of a building that is stopped, whenever it got out; returns ids of commands."""
    with registry.together():
        registry.hold_trust(building)
        trust = registry.trust(building)
        if trust.stop is None:
            return []
        ledger.refresh(now_ms)
        return _withdraw(registry, ledger, settings, trust, now_ms)


def _withdraw(registry: Registry, ledger: Ledger, settings: Control, trust: Trust, now_ms: int) -> list[str]:
    """Let go where control may not send."""
    if trust.stop is None:
        why = "Control is not trusted with this point now."
    else:
        why = f"Control was stopped by {trust.stop.by}: {trust.stop.why}"
    standing = ledger.to_let_go(now_ms)
    over = [c for c in standing if not effective_mode(settings.mode, trust, c.point).may_send]
    return let_go(registry, over, why, now_ms)


class _Book:
    """Collects what changes in the registry's advice."""

    def __init__(self, now_ms: int) -> None:
        self.ended: dict[str, AdviceState] = {}
        self._begun: list[Advice] = []
        self._said: list[Advice] = []
        self._now_ms = now_ms

    def enter(self, before: Advice | None, advice: Advice, *, is_same: bool) -> None:
        """Let `advice` take the place of what was advised `before`, or only its words when nothing else changed."""
        has_lapsed = before is not None and before.state is AdviceState.WAITING and not before.waits(self._now_ms)
        if before is not None and is_same and before.state is advice.state and not has_lapsed:
            said = msgspec.structs.replace(
                before, strategy=advice.strategy, model=advice.model, why=advice.why, effect=advice.effect,
                mode=advice.mode,
            )  # fmt: skip
            if said != before:
                self._said.append(said)
            return
        if before is not None:
            self.ended[before.id] = AdviceState.LAPSED if has_lapsed else AdviceState.WITHDRAWN
        self._begun.append(advice)
        log.info(
            "advice point=%s value=%s strategy=%s state=%s why=%r",
            advice.point, advice.value, advice.strategy, advice.state, advice.why,
        )  # fmt: skip

    def close(self, registry: Registry) -> None:
        """Write it, where there is something to write."""
        if self._begun or self._said or self.ended:
            registry.put_advice(begun=self._begun, said=self._said, ended=self.ended, now_ms=self._now_ms)
