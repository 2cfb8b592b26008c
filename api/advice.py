"""Advice: what control would tell each point and why, and a person's approval of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from api.access import OnQueued, Operator, TheClock, TheRegistry
from api.buildings import Name
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.problems import documented
from api.routes import resource
from api.times import utc, utc_or_none
from control import consent
from control.trust import effective_mode
from stores.registry import Advice, AdviceState, TrustMode

router = resource("trust", "/buildings/{site}/{name}/advice")

_LISTING: Final = "advice"


class Approval(BaseModel):
    """A person's yes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Fits the lecture plan"}]})

    reason: str = Field(default="", max_length=500, description="What you want to say of it; may be empty.")


class AdviceOut(BaseModel):
    """What one point would be told."""

    id: str
    point: str = Field(examples=["torino/calvino/hall/heating-setpoint"])
    slot: int = Field(description="Of the priority array.", examples=[12])
    value: float | None = Field(description="In the point's unit; null: let go, the building's own schedule counts.")
    since: datetime = Field(description="Since when this value is advised.")
    strategy: str = Field(examples=["optimum_start"])
    model: str = Field(description="That it rests on; empty for none.", examples=["towt v3"])
    why: str
    expected_effect: str = Field(description="Empty when none was foretold.")
    mode: TrustMode = Field(description="How far control is trusted with the point: now, or when this ended.")
    state: AdviceState
    awaits_approval: bool = Field(description="Whether it may be approved now.")
    lapses: datetime | None = Field(description="When it lapses unless it is approved; null: it does not wait.")
    approved_by: str = Field(description="Empty: nobody.")
    approved: datetime | None
    approval_reason: str
    command: str = Field(description="Id of the command that the approval sent; empty: none.")
    ended: datetime | None = Field(description="When other advice took its place; null: it is the newest.")

    @classmethod
    def of(cls, advice: Advice, now_ms: int, mode: TrustMode | None = None) -> Self:
        """As the API shows it; `mode` is how far control is trusted now."""
        state, awaits = advice.state, advice.waits(now_ms)
        if state is AdviceState.WAITING and not awaits:
            state = AdviceState.LAPSED  # control writes so at its next decision
        mode = advice.mode if mode is None or advice.ended_ms is not None else mode
        return cls(
            id=advice.id,
            point=advice.point,
            slot=advice.slot,
            value=advice.value,
            since=utc(advice.since_ms),
            strategy=advice.strategy,
            model=advice.model,
            why=advice.why,
            expected_effect=advice.effect,
            mode=mode,
            state=state,
            awaits_approval=awaits and mode.may_send,
            lapses=utc_or_none(advice.expires_ms),
            approved_by=advice.approved_by,
            approved=utc_or_none(advice.approved_ms),
            approval_reason=advice.approved_why,
            command=advice.command_id,
            ended=utc_or_none(advice.ended_ms),
        )


@router.get("", responses=documented(404))
def list_advice(
    *,
    site: Name,
    name: Name,
    registry: TheRegistry,
    clock: TheClock,
    point: Annotated[str | None, Query(examples=["torino/calvino/hall/heating-setpoint"])] = None,
    history: Annotated[bool, Query(description="Also what has ended, newest first.")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Page[AdviceOut]:
    """List what control would tell each point, by point; with `history` also what it advised before, newest first."""
    building = consent.find_building(registry, f"{site}/{name}")
    ceiling, trust, now_ms = consent.ceiling_of(building), registry.trust(building.id), clock.now_ms()
    following = None
    if history:
        after = decode_cursor(_LISTING, cursor, int)
        found = registry.advice_history(building.id, point, limit=limit + 1, after=after)
        following = encode_cursor(_LISTING, found[limit - 1].sequence) if len(found) > limit else None
        found = found[:limit]
    else:
        found = [advice for advice in registry.open_advice(building.id).values() if point in (None, advice.point)]
    return Page(
        items=[AdviceOut.of(advice, now_ms, effective_mode(ceiling, trust, advice.point)) for advice in found],
        next=following,
    )


@router.post("/{advice_id}/approve", status_code=202, responses=documented(403, 404, 409))
def approve(
    *,
    site: Name,
    name: Name,
    advice_id: str,
    request: Approval | None = None,
    key: Operator,
    registry: TheRegistry,
    clock: TheClock,
    on_queued: OnQueued,
) -> AdviceOut:
    """Approve advice that waits: it goes at once as a command of control's; follow `command` to see how it ended."""
    now_ms = clock.now_ms()
    advice = consent.approve(
        registry,
        advice_id,
        by=key.name,
        why="" if request is None else request.reason.strip(),
        now_ms=now_ms,
        building_id=f"{site}/{name}",
    )
    on_queued()
    return AdviceOut.of(advice, now_ms)
