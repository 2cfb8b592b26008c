"""Readings of a point: raw and in pages, or one value for each step of the site's calendar."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import numpy as np
from fastapi import Query
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.paging import Cursor, decode_cursor, encode_cursor
from api.points import find_point, finite
from api.problems import documented
from api.routes import resource
from api.times import End, Start, calendar_of, check_steps, local, parse_range
from core.calendar import Calendar, Step
from core.points import Point
from core.readings import quality_name
from stores.port import ReadingStore

router = resource("readings")

# A listing's position is the time to go on from.
_LISTING = "readings"


class Aggregate(StrEnum):
    """What stands for a step; readings of bad quality are left out."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"


_COLUMN = {
    Aggregate.MEAN: "mean",
    Aggregate.MIN: "minimum",
    Aggregate.MAX: "maximum",
    Aggregate.SUM: "total",
    Aggregate.COUNT: "count",
    Aggregate.FIRST: "first",
    Aggregate.LAST: "last",
}


class ReadingOut(BaseModel):
    """One reading."""

    time: datetime = Field(description="When it was measured, local time of the building with its offset.")
    time_ms: int = Field(description="The same, UTC milliseconds.")
    value: float | None = Field(examples=[20.4])
    quality: str = Field(examples=["good", "uncertain.stuck", "bad.range"])


class ReadingsPage(BaseModel):
    """Raw readings, oldest first."""

    point: str
    unit: str
    items: list[ReadingOut]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class BucketOut(BaseModel):
    """One step."""

    start: datetime = Field(description="Local time of the building with its offset.")
    end: datetime
    value: float | None = Field(description="Null where there is no usable reading.", examples=[20.4])
    count: int = Field(description="Usable readings in the step.")


class Aggregated(BaseModel):
    """One value for each step; the first and the last hold only readings of the range asked for."""

    point: str
    unit: str
    step: Step
    aggregate: Aggregate
    items: list[BucketOut]


@router.get("/readings", responses=documented(404, 409))
def get_readings(
    *,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    point: Annotated[str, Query(examples=["torino/calvino/hall/temperature"])],
    start: Start = None,
    end: End = None,
    step: Annotated[Step | None, Query(description="Length of a step in the site's calendar; none: raw.")] = None,
    aggregate: Annotated[Aggregate, Query(description="What stands for a step.")] = Aggregate.MEAN,
    limit: Annotated[int, Query(ge=1, le=10_000, description="Most raw readings in one page.")] = 1000,
    cursor: Cursor = None,
) -> ReadingsPage | Aggregated:
    """Readings of one point between two times: raw in pages, or aggregated by `step`."""
    found = find_point(registry, point)
    calendar = calendar_of(registry, found.site)
    start_ms, end_ms = parse_range(start, end, calendar, clock.now_ms())
    if step is not None:
        check_steps(start_ms, end_ms, step)
        return _aggregated(stores.here(), found, calendar, (start_ms, end_ms), step=step, aggregate=aggregate)
    position = decode_cursor(_LISTING, cursor, int)
    if position is not None:
        start_ms = max(start_ms, position)
    series = stores.here().read(point, start_ms, end_ms, limit + 1)
    times, qualities = series.time_ms.tolist(), series.quality.tolist()
    items = [
        ReadingOut(time=local(t, calendar), time_ms=t, value=finite(v), quality=quality_name(q))
        for t, v, q in zip(times[:limit], series.value.tolist(), qualities, strict=False)
    ]
    following = encode_cursor(_LISTING, times[limit]) if len(times) > limit else None
    return ReadingsPage(point=point, unit=found.unit, items=items, next=following)


def _aggregated(
    store: ReadingStore,
    point: Point,
    calendar: Calendar,
    period: tuple[int, int],
    *,
    step: Step,
    aggregate: Aggregate,
) -> Aggregated:
    buckets = store.aggregate(point.id, *period, step, calendar)
    edges = [local(edge, calendar) for edge in buckets.edges_ms.tolist()]
    values = np.asarray(getattr(buckets, _COLUMN[aggregate]), np.float64).tolist()
    return Aggregated(
        point=point.id,
        unit="1" if aggregate is Aggregate.COUNT else point.unit,
        step=step,
        aggregate=aggregate,
        items=[
            BucketOut(start=edges[i], end=edges[i + 1], value=finite(value), count=count)
            for i, (value, count) in enumerate(zip(values, buckets.count.tolist(), strict=True))
        ],
    )
