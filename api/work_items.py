"""Work items: persistent causes of a gap that a person should look at, or that control puts right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access import Operator, TheClock, TheRegistry
from api.adjustments import Words
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.problems import documented
from api.routes import resource
from api.times import utc, utc_or_none
from core.errors import NotFoundError
from stores.registry import Registry, WorkItem, WorkNote, WorkState

router = resource("work items", "/work-items")

Id = Annotated[str, Path(max_length=64)]
_LISTING: Final = "work-items"


class Note(BaseModel):
    """What a person says of an item."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The window is mended"}]})

    reason: Words


class WorkItemOut(BaseModel):
    """A cause of a gap with its evidence."""

    id: str
    building: str = Field(examples=["torino/calvino"])
    cause: str = Field(examples=["envelope"])
    state: WorkState
    ongoing: bool = Field(description="The gap is still there, also when a person has closed the item.")
    since: datetime
    evaluations: int = Field(description="So many evaluations in a row have seen it.")
    updated: datetime
    kwh: float | None = Field(description="At stake in the reporting period.")
    low_kwh: float | None
    high_kwh: float | None
    eur: float | None = Field(description="The same at today's price; null without one.")
    confidence: float | None = Field(description="Probability that the cause adds anything, 0 to 1.")
    advice: str
    evidence: dict[str, Any] = Field(description="Rank, parts, periods, meters, what is not measured, corrections.")
    acknowledged_by: str | None
    acknowledged: datetime | None
    closed_by: str
    closed_reason: str
    closed: datetime | None

    @classmethod
    def of(cls, item: WorkItem) -> Self:
        """As the API shows it."""
        evidence = item.evidence
        return cls(
            id=item.id,
            building=item.building,
            cause=item.cause,
            state=item.state,
            ongoing=item.ongoing,
            since=utc(item.since_ms),
            evaluations=item.evaluations,
            updated=utc(item.updated_ms),
            advice=evidence.get("advice", ""),
            evidence=evidence,
            acknowledged_by=item.acknowledged_by,
            acknowledged=utc_or_none(item.acknowledged_ms),
            closed_by=item.closed_by,
            closed_reason=item.closed_why,
            closed=utc_or_none(item.closed_ms),
            **{name: evidence.get(name) for name in ("kwh", "low_kwh", "high_kwh", "eur", "confidence")},
        )


class NoteOut(BaseModel):
    """One line of who said what."""

    time: datetime
    by: str = Field(examples=["anna"])
    what: str = Field(examples=["acknowledged"])
    reason: str

    @classmethod
    def of(cls, note: WorkNote) -> Self:
        """As the API shows it."""
        return cls(time=utc(note.time_ms), by=note.by, what=note.what, reason=note.why)


class WorkItemDetail(WorkItemOut):
    """An item with everything that people said of it."""

    notes: list[NoteOut] = Field(description="Oldest first.")


@router.get("")
def list_work_items(
    *,
    registry: TheRegistry,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
    state: Annotated[WorkState | None, Query(description="All by default.")] = None,
    ongoing: Annotated[bool | None, Query(description="Whether the gap is still there.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Page[WorkItemOut]:
    """List work items, the last found first."""
    after = decode_cursor(_LISTING, cursor, int)
    found = registry.work_items(building, state=state, ongoing=ongoing, limit=limit + 1, after=after)
    following = encode_cursor(_LISTING, found[limit - 1].sequence) if len(found) > limit else None
    return Page(items=[WorkItemOut.of(item) for item in found[:limit]], next=following)


@router.get("/{item_id}", responses=documented(404))
def get_work_item(item_id: Id, registry: TheRegistry) -> WorkItemDetail:
    """One work item, with what people said of it."""
    found = registry.work_item(item_id)
    if found is None:
        raise NotFoundError(f"there is no work item {item_id!r}")
    return _detail(registry, found)


@router.post("/{item_id}/acknowledge", responses=documented(403, 404))
def acknowledge_work_item(
    item_id: Id, request: Note, key: Operator, registry: TheRegistry, clock: TheClock
) -> WorkItemDetail:
    """Say that you know of it; every note stays. It closes by itself, when the gap is gone."""
    kept = registry.acknowledge_work_item(item_id, by=key.name, why=request.reason, now_ms=clock.now_ms())
    return _detail(registry, kept)


@router.post("/{item_id}/close", responses=documented(403, 404, 409))
def close_work_item(
    item_id: Id, request: Note, key: Operator, registry: TheRegistry, clock: TheClock
) -> WorkItemDetail:
    """Close it with a note; while its gap goes on, no other item is opened for it."""
    kept = registry.close_work_item(item_id, by=key.name, why=request.reason, now_ms=clock.now_ms())
    return _detail(registry, kept)


def _detail(registry: Registry, item: WorkItem) -> WorkItemDetail:
    notes = [NoteOut.of(note) for note in registry.work_notes(item.id)]
    return WorkItemDetail(**WorkItemOut.of(item).model_dump(), notes=notes)
