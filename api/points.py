"""Points: what is measured and driven."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Self

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.problems import documented
from api.routes import resource
from api.times import utc
from core.errors import NotFoundError
from core.points import Measure, Point
from core.readings import Reading, quality_name
from stores.registry import Registry

router = resource("points")


class LimitsOut(BaseModel):
    """What a point may be told, in its unit."""

    minimum: float
    maximum: float
    safe_value: float
    max_step: float | None
    min_interval_s: int


class PointOut(BaseModel):
    """A point."""

    id: str = Field(examples=["torino/calvino/hall/heating-setpoint"])
    building: str = Field(examples=["torino/calvino"])
    zone: str | None = Field(examples=["torino/calvino/hall"])
    brick_class: str = Field(examples=["Zone_Air_Heating_Temperature_Setpoint"])
    unit: str = Field(description="UCUM.", examples=["Cel"])
    measure: Measure
    description: str
    limits: LimitsOut | None = Field(description="Present exactly when the point can be driven.")
    gateway: str | None = Field(description="`site/gateway` that owns it.", examples=["torino/calvino"])

    @classmethod
    def of(cls, point: Point, owner: str | None) -> Self:
        """As the API shows it."""
        limits = point.limits
        return cls(
            id=point.id,
            building=point.building,
            zone=point.zone,
            brick_class=point.brick_class,
            unit=point.unit,
            measure=point.measure,
            description=point.description,
            limits=None if limits is None else LimitsOut.model_validate(limits, from_attributes=True),
            gateway=owner,
        )


class LatestOut(BaseModel):
    """The newest reading of a point."""

    time: datetime = Field(description="When it was measured, UTC.")
    time_ms: int
    value: float | None = Field(description="In the point's unit.", examples=[20.4])
    quality: str = Field(examples=["good", "uncertain.stuck", "bad.range"])
    age_s: float = Field(description="Seconds since it was measured.")

    @classmethod
    def of(cls, reading: Reading, now_ms: int) -> Self:
        """As the API shows it."""
        return cls(
            time=utc(reading.time_ms),
            time_ms=reading.time_ms,
            value=finite(reading.value),
            quality=quality_name(reading.quality),
            age_s=(now_ms - reading.time_ms) / 1000,
        )


class PointWithLatest(PointOut):
    """A point and its newest reading."""

    latest: LatestOut | None = None

    @classmethod
    def with_latest(cls, point: Point, owner: str | None, reading: Reading | None, now_ms: int) -> Self:
        """As the API shows it."""
        shown = cls.of(point, owner)
        shown.latest = None if reading is None else LatestOut.of(reading, now_ms)
        return shown


def finite(value: float) -> float | None:
    """The number, or None for one that JSON cannot hold."""
    return value if -1e308 < value < 1e308 else None


@router.get("/points")
def list_points(
    *,
    request: Request,
    response: Response,
    registry: TheRegistry,
    building: Annotated[str | None, Query(examples=["torino/calvino"])] = None,
    brick_class: Annotated[str | None, Query(examples=["Zone_Air_Temperature_Sensor"])] = None,
    writable: Annotated[bool | None, Query(description="Only those that can, or cannot, be driven.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = None,
) -> Page[PointOut]:
    """List points by id; answers 304 to `If-None-Match` while no point has changed."""
    after = decode_cursor("points", cursor, str)
    etag = _etag(registry, request.url.query)
    response.headers["ETag"] = etag
    # Within the header: it may name several, and a proxy that compresses marks ours as weak.
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": etag})  # type: ignore[return-value]  # FastAPI passes it on
    chosen = [
        p
        for p in registry.points(building)
        if (after is None or p.id > after) and brick_class in (None, p.brick_class) and writable in (None, p.writable)
    ]
    owners = registry.owners()
    more = len(chosen) > limit
    return Page(
        items=[PointOut.of(p, owners.get(p.id)) for p in chosen[:limit]],
        next=encode_cursor("points", chosen[limit - 1].id) if more else None,
    )


@router.get("/points/{point_id:path}", responses=documented(404))
def get_point(point_id: str, registry: TheRegistry, stores: TheStores, clock: TheClock) -> PointWithLatest:
    """One point with its newest reading."""
    point = find_point(registry, point_id)
    reading = stores.here().latest([point_id]).get(point_id)
    return PointWithLatest.with_latest(point, registry.owner(point_id), reading, clock.now_ms())


def find_point(registry: Registry, point_id: str) -> Point:
    """Point of that id, or NotFoundError."""
    point = registry.point(point_id)
    if point is None:
        raise NotFoundError(f"there is no point {point_id[:200]!r}")
    return point


def _etag(registry: Registry, query: str) -> str:
    digest = hashlib.sha256(f"{registry.revision()} {query}".encode()).hexdigest()
    return f'"{digest[:16]}"'
