"""What people allow control to do: trust, the switch, approvals; recorded, and acted on at once."""

from __future__ import annotations

from collections.abc import Collection
from uuid import uuid4

from control.advice import let_go, origin
from control.arbiter import BY
from control.ledger import Ledger
from control.trust import effective_mode, is_raise
from core.commands import Command
from core.config.models import Building
from core.errors import ConflictError, NotFoundError, NotPermittedError
from stores.registry import Advice, Registry, StopChange, TrustChange, TrustMode


def set_trust(
    registry: Registry,
    building_id: str,
    mode: TrustMode,
    *,
    by: str,
    why: str,
    now_ms: int,
    point_id: str = "",
    may_raise: bool = True,
) -> TrustChange:
    """Keep how far control is trusted with a building or one of its points; where that is less, let go at once.

    Parameters
    ----------
    by, why
        Who decides, and in their words.
    point_id
        For this point only; empty: for the building, with all points that are there.
    may_raise
        Whether they may do more than lower it.

    Raises
    ------
    NotFoundError
        There is no such building, or it has no such point to drive.
    ConflictError
        The configuration does not allow so much.
    NotPermittedError
        It would be raised by somebody who may not.
    """
    building = find_building(registry, building_id)
    ceiling = ceiling_of(building)
    if mode.rank > ceiling.rank:
        raise ConflictError(f"the configuration allows {building_id} {ceiling} at most", ceiling=ceiling)
    configured = _configured(building)
    if point_id and not (point_id in configured or _is_driven(registry, building_id, point_id)):
        raise NotFoundError(f"{building_id} has no point {point_id[:200]!r} that can be driven")
    with registry.together():
        registry.hold_trust(building_id)
        trust = registry.trust(building_id)
        before = trust.mode_of(point_id) if point_id else trust.mode
        if is_raise(before, mode) and not may_raise:
            raise NotPermittedError(f"to trust control more needs the role administrator: {before} to {mode}")
        change = registry.set_trust(
            building_id, mode, by=by, why=why, now_ms=now_ms, point_id=point_id, also_covers=configured
        )
        trust = registry.trust(building_id)
        over = [
            command
            for command in _standing(registry, building_id, now_ms)
            if not effective_mode(ceiling, trust, command.point).may_send
        ]
        let_go(registry, over, f"{by} trusts control with {mode} now: {why}", now_ms)
    return change


def stop(registry: Registry, building_id: str, *, by: str, why: str, now_ms: int) -> StopChange:
    """Stop control of a building until somebody releases it, and let go of everything of ours that stands there.

    Persons' overrides stay. It does not need control to run: the commands are in the registry with the stop.

    Raises
    ------
    NotFoundError
        There is no such building.
    """
    find_building(registry, building_id)
    with registry.together():
        change = registry.stop_control(building_id, by=by, why=why, now_ms=now_ms)
        let_go(registry, _standing(registry, building_id, now_ms), f"Control was stopped by {by}: {why}", now_ms)
    return change


def release(registry: Registry, building_id: str, *, by: str, why: str, now_ms: int) -> StopChange:
    """Let control of a building go on, as far as it is trusted.

    Raises
    ------
    NotFoundError
        There is no such building.
    ConflictError
        It is not stopped.
    """
    find_building(registry, building_id)
    return registry.release_control(building_id, by=by, why=why, now_ms=now_ms)


def approve(
    registry: Registry, advice_id: str, *, by: str, why: str = "", now_ms: int, building_id: str | None = None
) -> Advice:
    """Approve advice that waits, and queue its command.

    Parameters
    ----------
    by, why
        Who approves, and what they say of it.
    building_id
        Of which it must be; None: of any.

    Raises
    ------
    NotFoundError
        There is no such advice.
    ConflictError
        It does not wait (any more), control may not send to its point now, or somebody overrides the point.
    """
    command_id = uuid4().hex
    with registry.together():
        found = registry.find_advice(advice_id)
        if found is None or building_id not in (None, found.building):
            raise NotFoundError(f"there is no advice {advice_id[:64]!r}")
        registry.hold_trust(found.building)
        advice = registry.approve_advice(advice_id, by=by, why=why, command_id=command_id, now_ms=now_ms)
        trust = registry.trust(advice.building)
        if trust.stop is not None:
            raise ConflictError(f"control of {advice.building} was stopped by {trust.stop.by}: {trust.stop.why}")
        mode = effective_mode(ceiling_of(find_building(registry, advice.building)), trust, advice.point)
        if not mode.may_send:
            raise ConflictError(f"control is trusted to {mode} {advice.point}, so nothing is sent there")
        ledger = Ledger(registry, advice.building)
        ledger.refresh(now_ms)
        if ledger.is_held(advice.point, now_ms, advice.slot):
            raise ConflictError(f"somebody overrides {advice.point}; nothing is sent there until that ends")
        words = f"{advice.why} Approved by {by}{f': {why}' if why else '.'}"
        command = Command(
            command_id, advice.point, advice.slot, advice.value, BY, words, now_ms, now_ms + advice.lasts_ms
        )
        registry.queue_command(command, origin(advice), advice.effect)
    return advice


def ceiling_of(building: Building) -> TrustMode:
    """The most that the configuration allows."""
    return TrustMode.OFF if building.control is None else TrustMode(building.control.mode)


def find_building(registry: Registry, building_id: str) -> Building:
    """Building of that id, or NotFoundError."""
    building = registry.building(building_id)
    if building is None:
        raise NotFoundError(f"there is no building {building_id[:200]!r}")
    return building


def _standing(registry: Registry, building_id: str, now_ms: int) -> list[Command]:
    ledger = Ledger(registry, building_id)
    ledger.refresh(now_ms)
    return ledger.to_let_go(now_ms)


def _configured(building: Building) -> Collection[str]:
    """Points that the configuration lets control drive."""
    settings = building.control
    if settings is None:
        return ()
    sheds = settings.demand_limit.loads if settings.demand_limit else []
    return {
        *settings.setpoints,
        settings.supply_setpoint,
        *settings.cooling_setpoints,
        *(point for s in settings.air_systems for point in (s.fan, s.outdoor_air, s.supply_temperature)),
        *(load.point for load in settings.load_shift.loads),
        *(load.point for load in sheds),
        *(light.dimmer for light in settings.lights),
    } - {""}


def _is_driven(registry: Registry, building_id: str, point_id: str) -> bool:
    point = registry.point(point_id)
    return point is not None and point.writable and point.building == building_id
