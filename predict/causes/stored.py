"""The gap by cause of a building in the store: its points, its readings, two periods of choice."""

from __future__ import annotations

from predict.causes.explain import explain
from predict.causes.explanation import Explanation
from predict.causes.record import Record, RecordedPoint
from predict.fit import find_building
from predict.series import usable
from stores.port import ReadingStore
from stores.registry import Registry


def stored_record(store: ReadingStore, registry: Registry, building_id: str, start_ms: int, end_ms: int) -> Record:
    """Everything usable that was recorded of a building in ``[start_ms, end_ms)``.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    """
    find_building(registry, building_id)
    points = []
    for point in registry.points(building_id):
        series = usable(store.read(point.id, start_ms, end_ms))
        if len(series.value):
            points.append(
                RecordedPoint(
                    name=point.id,
                    brick_class=point.brick_class,
                    unit=point.unit,
                    zone=point.zone or "",
                    time_ms=series.time_ms,
                    value=series.value,
                )
            )
    return Record(tuple(points))


def explain_stored(
    store: ReadingStore, registry: Registry, building_id: str, reference: tuple[int, int], reporting: tuple[int, int]
) -> Explanation:
    """Split the change between two periods of a building by cause; see `predict.causes.explain.explain`.

    Parameters
    ----------
    reference, reporting
        Half-open periods, UTC milliseconds.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        A period has no energy meter, no outdoor temperature, or less than a week.
    """
    records = [stored_record(store, registry, building_id, *period) for period in (reference, reporting)]
    return explain(*records)
