"""Non-routine adjustments: entered by people with a reason, superseded and never deleted."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Self

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.access import Operator, TheClock, TheRegistry
from api.paging import Page
from api.points import find_point
from api.problems import documented
from api.routes import PREFIX, resource
from api.times import calendar_of, parse_time, utc, utc_or_none
from core.errors import NotFoundError
from core.points import site_of
from stores.registry import Adjustment, Basis, Registry

router = resource("savings", "/adjustments")

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class NewAdjustment(BaseModel):
    """What a person knows and the baseline cannot."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "meter": "torino/calvino/gas",
                    "start": "2026-03-01",
                    "basis": "per-day",
                    "amount": 85.0,
                    "reason": "The new wing is heated since 1 March",
                    "evidence": "heat meter HM-7, April 2026",
                }
            ]
        },
    )

    meter: str = Field(max_length=200)
    start: str = Field(max_length=40, description="Local date, or time, from which it counts.")
    end: str | None = Field(default=None, max_length=40, description="Not included; none: until further notice.")
    basis: Basis = Field(description="kWh in each local day or calendar month, or percent of the prediction.")
    amount: float = Field(
        allow_inf_nan=False, description="Positive: at baseline conditions more would be used, so more is saved."
    )
    reason: Words
    evidence: str = Field(default="", max_length=2000, description="Where to look it up.")
    uncertainty_percent: float = Field(
        default=0.0, ge=0, le=1000, description="Half width of the 90 % interval of the amount, percent of it."
    )


class Supersede(BaseModel):
    """Why an adjustment does not hold any more, and what stands in its place."""

    model_config = ConfigDict(extra="forbid")

    reason: Words
    replacement: NewAdjustment | None = None


class AdjustmentOut(BaseModel):
    """An adjustment and its history."""

    id: str
    meter: str = Field(examples=["torino/calvino/gas"])
    start: datetime = Field(description="UTC.")
    end: datetime | None
    basis: Basis
    amount: float
    uncertainty_percent: float
    reason: str
    evidence: str
    by: str = Field(description="Name of the key that entered it.", examples=["anna"])
    entered: datetime
    in_force: bool
    superseded: datetime | None
    superseded_by: str
    superseded_reason: str
    replaces: str | None = Field(description="Id of the adjustment in whose place it stands.")

    @classmethod
    def of(cls, value: Adjustment) -> Self:
        """As the API shows it."""
        return cls(
            id=value.id,
            meter=value.meter,
            start=utc(value.start_ms),
            end=utc_or_none(value.end_ms),
            basis=value.basis,
            amount=value.amount,
            uncertainty_percent=value.uncertainty_percent,
            reason=value.why,
            evidence=value.evidence,
            by=value.by,
            entered=utc(value.entered_ms),
            in_force=value.superseded_ms is None,
            superseded=utc_or_none(value.superseded_ms),
            superseded_by=value.superseded_by,
            superseded_reason=value.superseded_why,
            replaces=value.replaces,
        )


@router.get("")
def list_adjustments(
    registry: TheRegistry,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
    meter: Annotated[str | None, Query(examples=["torino/calvino/gas"])] = None,
    in_force: Annotated[bool, Query(description="Without those that were superseded.")] = False,  # noqa: FBT002 - a query
) -> Page[AdjustmentOut]:
    """List adjustments in the order in which they were entered; the superseded ones stay."""
    found = registry.adjustments(meter, building)
    return Page(items=[AdjustmentOut.of(a) for a in found if not in_force or a.superseded_ms is None])


@router.get("/{adjustment_id}", responses=documented(404))
def get_adjustment(adjustment_id: str, registry: TheRegistry) -> AdjustmentOut:
    """One adjustment."""
    found = registry.adjustment(adjustment_id)
    if found is None:
        raise NotFoundError(f"there is no adjustment {adjustment_id[:64]!r}")
    return AdjustmentOut.of(found)


@router.post("", status_code=201, responses=documented(403, 404, 409))
def enter_adjustment(
    request: NewAdjustment, response: Response, key: Operator, registry: TheRegistry, clock: TheClock
) -> AdjustmentOut:
    """Enter an adjustment; it says from now on who did it and why."""
    kept = registry.enter_adjustment(_adjustment(registry, request, key.name, clock.now_ms()))
    response.headers["Location"] = f"{PREFIX}/adjustments/{kept.id}"
    return AdjustmentOut.of(kept)


@router.post("/{adjustment_id}/supersede", responses=documented(403, 404, 409))
def supersede_adjustment(
    adjustment_id: str, request: Supersede, key: Operator, registry: TheRegistry, clock: TheClock
) -> AdjustmentOut:
    """Take an adjustment out of force, and put another in its place if there is one; it stays to be read."""
    now_ms = clock.now_ms()
    new = request.replacement
    replacement = None if new is None else _adjustment(registry, new, key.name, now_ms)
    return AdjustmentOut.of(
        registry.supersede_adjustment(
            adjustment_id, by=key.name, why=request.reason, now_ms=now_ms, replacement=replacement
        )
    )


def _adjustment(registry: Registry, request: NewAdjustment, by: str, now_ms: int) -> Adjustment:
    meter = find_point(registry, request.meter)
    calendar = calendar_of(registry, site_of(meter.id))
    return Adjustment(
        id=uuid.uuid4().hex,
        meter=meter.id,
        start_ms=parse_time(request.start, "start", calendar),
        end_ms=None if request.end is None else parse_time(request.end, "end", calendar),
        basis=request.basis,
        amount=request.amount,
        why=request.reason,
        by=by,
        entered_ms=now_ms,
        evidence=request.evidence,
        uncertainty_percent=request.uncertainty_percent,
    )
