"""Recorded periods of a simulated building as a gateway would have stored them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.config.models import Building, Site
from core.points import Counter, Measure, Point, site_of
from predict.causes.record import Record
from stores.port import ReadingStore
from stores.registry import Registry

COUNTER = Counter(rollover=1e6, max_rate_per_h=500, resolution=0.1)


def put_building(registry: Registry, building: str, baseline_end: date | None = None) -> None:
    """A building with a gas and an electricity meter, outdoor temperature and sun, and its site."""
    registry.put_site(Site(id=site_of(f"{building}/gas"), timezone="Europe/Rome"))
    registry.put_building(
        Building(
            id=building,
            meters=[f"{building}/gas", f"{building}/electricity"],
            outdoor_temperature=f"{building}/outdoor-temperature",
            solar_irradiance=f"{building}/solar-irradiance",
            baseline_end=baseline_end,
        )
    )


def keep_records(
    store: ReadingStore, registry: Registry, building: str, records: Sequence[Record]
) -> list[tuple[int, int]]:
    """Declare the points of the records, store their readings, and tell the periods that they cover."""
    points = [
        Point(
            f"{building}/{p.name}",
            p.brick_class,
            p.unit,
            Measure.REGISTER if "Meter" in p.brick_class else Measure.INSTANT,
            counter=COUNTER if "Meter" in p.brick_class else None,
        )
        for p in records[0].points
    ]
    registry.declare_points(f"{site_of(points[0].id)}/g", points, 0)
    spans = []
    for record in records:
        for p in record.points:
            rows = zip(p.time_ms.tolist(), p.value.tolist(), strict=True)
            store.write([(f"{building}/{p.name}", t, v, 0) for t, v in rows])
        times = record.points[0].time_ms
        spans.append((int(times[0]), int(times[-1]) + 1))
    return spans
