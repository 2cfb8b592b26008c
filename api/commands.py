"""Commands: what was asked of the buildings and how it ended, and a person's overrides and releases."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from api.access import OnQueued, Operator, TheClock, TheRegistry
from api.errors import KeyReusedError, NotDrivenError, OutsideLimitsError, RequestError
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.points import find_point
from api.problems import documented
from api.routes import PREFIX, resource
from api.times import utc, utc_or_none
from core.clock import to_ms
from core.codec import MAX_TIME_MS
from core.commands import Command
from core.errors import ConflictError, NotFoundError
from core.points import Point
from core.priority import Slot
from stores.registry import CommandEvent, CommandRecord, CommandState, Registry

router = resource("commands", "/commands")

DEFAULT_DURATION_S: Final = 2 * 3600
MAX_DURATION_S: Final = 7 * 86_400
_LISTING: Final = "commands"

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="Any text of yours; the same key with the same request is one command, however often it is sent.",
    ),
]


class Override(BaseModel):
    """A person's override: slot 8 of the point's priority array, above all control, until it expires."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "point": "torino/calvino/hall/heating-setpoint",
                    "value": 21.5,
                    "reason": "Evening lecture",
                    "duration_s": 10_800,
                }
            ]
        },
    )

    point: str = Field(max_length=200)
    value: float = Field(allow_inf_nan=False, description="In the point's unit, within its limits.")
    reason: Reason = Field(description="For the people who will wonder.")
    duration_s: int | None = Field(
        default=None,
        ge=60,
        le=MAX_DURATION_S,
        description=f"Seconds until it expires; {DEFAULT_DURATION_S} by default.",
    )
    expires: AwareDatetime | None = Field(default=None, description="Or when it expires, at most seven days ahead.")


class Release(BaseModel):
    """The end of an override before its time: what stands below it in the priority array counts again."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"point": "torino/calvino/hall/heating-setpoint", "reason": "The lecture was cancelled"}]
        },
    )

    point: str = Field(max_length=200)
    reason: Reason


class CommandOut(BaseModel):
    """A command and what became of it."""

    id: str
    point: str = Field(examples=["torino/calvino/hall/heating-setpoint"])
    slot: int = Field(description="Of the priority array; the lowest occupied one wins.", examples=[8])
    value: float | None = Field(description="In the point's unit; null relinquishes the slot.")
    by: str = Field(description="Who asked.", examples=["anna"])
    why: str
    issued: datetime
    expires: datetime
    state: CommandState
    origin_model: str = Field(
        description="Strategy of a supervisory decision, and the model that it rests on.",
        examples=["supply-reset", "correction towt v3"],
    )
    expected_effect: str
    sent: datetime | None
    ended: datetime | None
    reason: str = Field(description="Why it ended so; empty when applied.")
    read_back: float | None = Field(description="What the device read after writing.")

    @classmethod
    def of(cls, record: CommandRecord) -> Self:
        """As the API shows it."""
        command = record.command
        return cls(
            id=command.id,
            point=command.point,
            slot=command.slot,
            value=command.value,
            by=command.by,
            why=command.why,
            issued=utc(command.issued_ms),
            expires=utc(command.expires_ms),
            state=record.state,
            origin_model=record.origin_model,
            expected_effect=record.expected_effect,
            sent=utc_or_none(record.sent_ms),
            ended=utc_or_none(record.ended_ms),
            reason=record.reason,
            read_back=record.read_back,
        )


class EventOut(BaseModel):
    """One line of a command's history."""

    time: datetime
    state: CommandState
    counted: bool = Field(description="False for a report that came after the command had ended.")
    detail: str

    @classmethod
    def of(cls, event: CommandEvent) -> Self:
        """As the API shows it."""
        return cls(time=utc(event.time_ms), state=event.state, counted=event.counted, detail=event.detail)


class CommandDetail(CommandOut):
    """A command with its history."""

    history: list[EventOut] = Field(description="Oldest first.")


@router.get("")
def list_commands(
    *,
    registry: TheRegistry,
    point: Annotated[str | None, Query(examples=["torino/calvino/hall/heating-setpoint"])] = None,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
    open_only: Annotated[bool, Query(description="Only those that have not ended.")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Page[CommandOut]:
    """List commands, newest first."""
    after = decode_cursor(_LISTING, cursor, int)
    records = registry.commands(point, building, open_only=open_only, limit=limit + 1, after=after)
    following = encode_cursor(_LISTING, records[limit - 1].sequence) if len(records) > limit else None
    return Page(items=[CommandOut.of(r) for r in records[:limit]], next=following)


@router.get("/{command_id}", responses=documented(404))
def get_command(command_id: str, registry: TheRegistry) -> CommandDetail:
    """One command with its history."""
    record = registry.command(command_id)
    if record is None:
        raise NotFoundError(f"there is no command {command_id[:64]!r}")
    history = [EventOut.of(event) for event in registry.command_events(command_id)]
    return CommandDetail(**CommandOut.of(record).model_dump(), history=history)


@router.post("", status_code=202, responses=documented(403, 404, 409))
def override(
    *,
    request: Override,
    response: Response,
    key: Operator,
    registry: TheRegistry,
    clock: TheClock,
    on_queued: OnQueued,
    idempotency_key: IdempotencyKey = None,
) -> CommandOut:
    """Override a point. The command is on its way when this answers; follow `Location` to see how it ended."""
    point = _find_driven(registry, request.point)
    check_limits(point, request.value)
    now_ms = clock.now_ms()
    command = Command(
        id=_command_id(key.name, idempotency_key),
        point=point.id,
        slot=Slot.PERSON,
        value=request.value,
        by=key.name,
        why=request.reason,
        issued_ms=now_ms,
        expires_ms=expiry(request.duration_s, request.expires, now_ms),
    )
    return _queue(registry, command, response, on_queued)


@router.post("/release", status_code=202, responses=documented(403, 404, 409))
def release(
    *,
    request: Release,
    response: Response,
    key: Operator,
    registry: TheRegistry,
    clock: TheClock,
    on_queued: OnQueued,
    idempotency_key: IdempotencyKey = None,
) -> CommandOut:
    """Release a point: end its override, whoever gave it."""
    point = _find_driven(registry, request.point)
    now_ms = clock.now_ms()
    command = Command(
        id=_command_id(key.name, idempotency_key),
        point=point.id,
        slot=Slot.PERSON,
        value=None,
        by=key.name,
        why=request.reason,
        issued_ms=now_ms,
        # A gateway that is away now must still hear of it when it is back: no override outlives this.
        expires_ms=now_ms + MAX_DURATION_S * 1000,
    )
    return _queue(registry, command, response, on_queued)


def check_limits(point: Point, value: float) -> None:
    """Raise OutsideLimitsError when `value` is not one that the point may be told; the gateway checks again."""
    limits = point.limits
    if limits is not None and not limits.minimum <= value <= limits.maximum:
        raise OutsideLimitsError(
            f"{point.id} takes {limits.minimum:g} to {limits.maximum:g} {point.unit}, not {value:g}",
            minimum=limits.minimum,
            maximum=limits.maximum,
            unit=point.unit,
        )


def expiry(duration_s: int | None, expires: datetime | None, now_ms: int) -> int:
    """UTC milliseconds at which an override ends.

    Raises
    ------
    RequestError
        Both are given, or `expires` is not within the next seven days.
    """
    if expires is None:
        return now_ms + (duration_s or DEFAULT_DURATION_S) * 1000
    if duration_s is not None:
        raise RequestError("give either duration_s or expires", field="body.expires")
    expires_ms = to_ms(expires)
    if not now_ms < expires_ms <= min(now_ms + MAX_DURATION_S * 1000, MAX_TIME_MS):
        raise RequestError("expires: it must lie within the next seven days", field="body.expires")
    return expires_ms


def _find_driven(registry: Registry, point_id: str) -> Point:
    point = find_point(registry, point_id)
    owner = registry.owner(point_id)
    if not point.writable:
        raise NotDrivenError(f"{point_id} is measured, not driven")
    if owner is None:
        raise NotDrivenError(f"{point_id} belongs to no gateway now")
    if any(g.key == owner and g.state.read_only for g in registry.gateways()):
        raise NotDrivenError(f"the gateway {owner} of {point_id} only reads", gateway=owner)
    return point


def _command_id(key_name: str, idempotency_key: str | None) -> str:
    """The same for the same Idempotency-Key of the same caller, so that the registry holds each request once."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{key_name}\0{idempotency_key}".encode()).hexdigest()[:32]


def _queue(registry: Registry, command: Command, response: Response, on_queued: OnQueued) -> CommandOut:
    try:
        record = registry.queue_command(command)
    except ConflictError as error:
        raise KeyReusedError("this Idempotency-Key came before with a different request") from error
    on_queued()
    response.headers["Location"] = f"{PREFIX}/commands/{record.command.id}"
    return CommandOut.of(record)
