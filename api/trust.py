"""How far control is trusted with a building and its points, who decided so, and the switch that stops it."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from api.access import Administrator, OnQueued, Operator, TheClock, TheRegistry
from api.buildings import Name, StopOut, TrustSummary, trust_summary
from api.commands import Reason
from api.problems import documented
from api.routes import resource
from api.times import utc
from control import consent
from control.trust import effective_mode
from stores.registry import Role, StopChange, TrustChange, TrustMode

router = resource("trust", "/buildings/{site}/{name}")


class TrustIn(BaseModel):
    """How far control is to be trusted from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"mode": "supervise", "reason": "Two weeks of advice made sense"}]},
    )

    mode: TrustMode = Field(description="advise, supervise or drive.")
    reason: Reason
    point: str | None = Field(
        default=None, max_length=200, description="For this point only; null: the building, with all its points."
    )


class Switch(BaseModel):
    """Why control is stopped, or may go on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The hall is too cold"}]})

    reason: Reason


class SwitchLine(StopOut):
    """One line of the history of the switch."""

    stopped: bool

    @classmethod
    def of(cls, change: StopChange) -> Self:
        """As the API shows it."""
        return cls(time=utc(change.time_ms), by=change.by, reason=change.why, stopped=change.is_stopped)


class PointTrust(BaseModel):
    """How far control is trusted with one point."""

    point: str
    mode: TrustMode = Field(description="On record: its own, or its building's.")
    own: bool = Field(description="Whether it has a mode of its own.")
    effective: TrustMode = Field(description="The lowest of the configuration's, the building's and its own.")


class TrustLine(BaseModel):
    """One change of trust."""

    time: datetime
    by: str
    reason: str
    point: str | None = Field(description="Null: the building.")
    before: TrustMode
    after: TrustMode

    @classmethod
    def of(cls, change: TrustChange) -> Self:
        """As the API shows it."""
        return cls(
            time=utc(change.time_ms),
            by=change.by,
            reason=change.why,
            point=change.point or None,
            before=change.before,
            after=change.after,
        )


class TrustOut(TrustSummary):
    """How far control is trusted with a building and its points, and who decided so."""

    points: list[PointTrust] = Field(description="All that can be driven.")
    history: list[TrustLine] = Field(description="Newest first.")
    switch: list[SwitchLine] = Field(description="Who stopped control and who released it, newest first.")


@router.get("/trust", responses=documented(404))
def get_trust(site: Name, name: Name, registry: TheRegistry) -> TrustOut:
    """How far control is trusted with a building, with each of its points, and the history of it."""
    building = consent.find_building(registry, f"{site}/{name}")
    ceiling, trust = consent.ceiling_of(building), registry.trust(building.id)
    driven = {p.id for p in registry.points(building.id) if p.writable} | trust.points.keys()
    return TrustOut(
        **trust_summary(ceiling, trust).model_dump(),
        points=[
            PointTrust(
                point=point,
                mode=trust.mode_of(point),
                own=point in trust.points,
                effective=effective_mode(ceiling, trust, point),
            )
            for point in sorted(driven)
        ],
        history=[TrustLine.of(change) for change in registry.trust_changes(building.id)],
        switch=[SwitchLine.of(change) for change in registry.stop_changes(building.id)],
    )


@router.post("/trust", responses=documented(403, 404, 409))
def set_trust(
    *,
    site: Name,
    name: Name,
    request: TrustIn,
    key: Operator,
    registry: TheRegistry,
    clock: TheClock,
    on_queued: OnQueued,
) -> TrustOut:
    """Trust control with more (administrators) or with less; with advise, what it has set is let go at once."""
    consent.set_trust(
        registry,
        f"{site}/{name}",
        request.mode,
        by=key.name,
        why=request.reason,
        now_ms=clock.now_ms(),
        point_id=request.point or "",
        may_raise=key.role.includes(Role.ADMINISTRATOR),
    )
    on_queued()
    return get_trust(site, name, registry)


@router.post("/stop", responses=documented(403, 404))
def stop(
    *,
    site: Name,
    name: Name,
    request: Switch,
    key: Operator,
    registry: TheRegistry,
    clock: TheClock,
    on_queued: OnQueued,
) -> TrustOut:
    """Stop control of a building at once: everything it has set is let go, nothing is sent until it is released."""
    consent.stop(registry, f"{site}/{name}", by=key.name, why=request.reason, now_ms=clock.now_ms())
    on_queued()
    return get_trust(site, name, registry)


@router.post("/release", responses=documented(403, 404, 409))
def release(
    *, site: Name, name: Name, request: Switch, key: Administrator, registry: TheRegistry, clock: TheClock
) -> TrustOut:
    """Let control of a building go on, as far as it is trusted."""
    consent.release(registry, f"{site}/{name}", by=key.name, why=request.reason, now_ms=clock.now_ms())
    return get_trust(site, name, registry)
