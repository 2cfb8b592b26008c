"""Anomalies: what is not as it should be, since when, what is at stake, and who knows of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from api.access import Operator, TheClock, TheRegistry
from api.commands import Reason
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.problems import documented
from api.routes import resource
from api.times import utc, utc_or_none
from core.errors import NotFoundError
from predict.anomalies.event import Kind
from stores.registry import Acknowledgement, AnomalyRecord

router = resource("anomalies", "/anomalies")

_LISTING: Final = "anomalies"


class State(StrEnum):
    """Whether it goes on."""

    OPEN = "open"
    CLOSED = "closed"


class Acknowledge(BaseModel):
    """A person says that they know."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The chiller was tested"}]})

    reason: Reason = Field(description="For the people who will wonder.")


class AnomalyOut(BaseModel):
    """An event with its evidence."""

    id: str
    building: str = Field(examples=["torino/calvino"])
    subject: str = Field(description="Meter, sensor, zone or building.", examples=["torino/calvino/gas"])
    kind: Kind
    rule: str = Field(description="Of a fault; else empty.", examples=["simultaneous-heating-and-cooling"])
    state: State
    since: datetime = Field(description="When it began, as far as known.")
    opened: datetime = Field(description="When it was found.")
    updated: datetime = Field(description="How far its evidence reaches.")
    ended: datetime | None
    closing: str = Field(description="Why it ended; empty while it is open.")
    expected: float | None = Field(description="Mean over the hours concerned, in `unit`.")
    actual: float | None
    unit: str = Field(examples=["kW.h"])
    hours: int
    excess_kwh: float | None = Field(description="Actual - expected, summed: positive wasted, negative missing.")
    cost_eur: float | None = Field(description="Of the excess; null without a price.")
    confidence: float = Field(description="0 to 1.")
    explanation: str
    acknowledged_by: str | None
    acknowledged: datetime | None

    @classmethod
    def of(cls, record: AnomalyRecord) -> Self:
        """As the API shows it."""
        evidence: dict[str, Any] = record.evidence
        return cls(
            id=record.id,
            building=record.building,
            subject=record.subject,
            kind=Kind(record.kind),
            rule=record.rule,
            state=State.OPEN if record.is_open else State.CLOSED,
            since=utc(record.start_ms),
            opened=utc(record.opened_ms),
            updated=utc(record.updated_ms),
            ended=utc_or_none(record.end_ms),
            closing=record.closing,
            expected=evidence.get("expected"),
            actual=evidence.get("actual"),
            unit=evidence.get("unit", ""),
            hours=evidence.get("hours", 0),
            excess_kwh=evidence.get("excess_kwh"),
            cost_eur=evidence.get("cost_eur"),
            confidence=evidence.get("confidence", 0.0),
            explanation=evidence.get("explanation", ""),
            acknowledged_by=record.acknowledged_by,
            acknowledged=utc_or_none(record.acknowledged_ms),
        )


class AcknowledgementOut(BaseModel):
    """One line of who knew, and what they said."""

    time: datetime
    by: str = Field(examples=["anna"])
    why: str

    @classmethod
    def of(cls, line: Acknowledgement) -> Self:
        """As the API shows it."""
        return cls(time=utc(line.time_ms), by=line.by, why=line.why)


class AnomalyDetail(AnomalyOut):
    """An event with everything that people said of it."""

    acknowledgements: list[AcknowledgementOut] = Field(description="Oldest first.")


@router.get("")
def list_anomalies(
    *,
    registry: TheRegistry,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
    subject: Annotated[str | None, Query(examples=["torino/calvino/gas"])] = None,
    kind: Annotated[Kind | None, Query()] = None,
    state: Annotated[State | None, Query(description="Both by default.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Page[AnomalyOut]:
    """List anomalies, the last found first."""
    found = registry.anomalies(
        building,
        subject,
        kind=kind,
        is_open=None if state is None else state is State.OPEN,
        limit=limit + 1,
        after=decode_cursor(_LISTING, cursor, int),
    )
    following = encode_cursor(_LISTING, found[limit - 1].sequence) if len(found) > limit else None
    return Page(items=[AnomalyOut.of(record) for record in found[:limit]], next=following)


@router.get("/{anomaly_id}", responses=documented(404))
def get_anomaly(anomaly_id: str, registry: TheRegistry) -> AnomalyDetail:
    """One anomaly, with what people said of it."""
    record = registry.anomaly(anomaly_id)
    if record is None:
        raise NotFoundError(f"there is no anomaly {anomaly_id[:64]!r}")
    lines = [AcknowledgementOut.of(line) for line in registry.acknowledgements(anomaly_id)]
    return AnomalyDetail(**AnomalyOut.of(record).model_dump(), acknowledgements=lines)


@router.post("/{anomaly_id}/acknowledge", responses=documented(403, 404))
def acknowledge(
    anomaly_id: str, request: Acknowledge, key: Operator, registry: TheRegistry, clock: TheClock
) -> AnomalyDetail:
    """Say that you know of it, and why it is so; every line stays. It closes by itself, when it is over."""
    registry.acknowledge_anomaly(anomaly_id, key.name, request.reason, clock.now_ms())
    return get_anomaly(anomaly_id, registry)
