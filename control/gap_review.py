"""Reviews a building: explains its gap, looks how set-points were kept, and keeps what is to be done."""

from __future__ import annotations

from uuid import uuid4

import numpy as np

from control.strategies.gap_action import PREHEAT_H, Finding, Keeping, act
from control.target import COMFORT_MARGIN_K
from core.calendar import HOUR_MS, Calendar, Step
from core.config.control import Control
from core.config.models import Building
from core.points import Point
from core.schedule import Schedule
from predict.causes.roles import meter_kind
from predict.causes.stored import explain_stored
from predict.fit import find_building
from stores.port import ReadingStore
from stores.registry import RateKind, Registry, WorkItem

_ABOVE_K = 1.0
_MOST_ITEMS = 100


def review(
    store: ReadingStore,
    registry: Registry,
    building_id: str,
    reference: tuple[int, int],
    reporting: tuple[int, int],
    *,
    now_ms: int,
) -> list[WorkItem]:
    """Explain the change between two periods and keep the work items that follow; those that are new or changed.

    Parameters
    ----------
    reference, reporting
        Half-open periods, UTC milliseconds.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        A period cannot be explained.
    ConflictError
        Another review of the building ran at the same time.
    """
    building, calendar = find_building(registry, building_id)
    explanation = explain_stored(store, registry, building_id, reference, reporting)
    settings = building.control
    zones = () if settings is None else find_keepings(store, registry, settings, calendar, reference, reporting)
    finding = Finding(
        building=building_id,
        explanation=explanation,
        reference=reference,
        reporting=reporting,
        zones=zones,
        eur_per_kwh=prices(registry, building),
        may_drive=settings is not None and settings.mode == "drive",
    )
    standing = registry.work_items(building_id, ongoing=True, limit=_MOST_ITEMS)
    changed = act(finding, standing, now_ms=now_ms, new_id=lambda: uuid4().hex)
    registry.put_work_items(changed)
    return changed


def find_keepings(
    store: ReadingStore,
    registry: Registry,
    settings: Control,
    calendar: Calendar,
    reference: tuple[int, int],
    reporting: tuple[int, int],
) -> tuple[Keeping, ...]:
    """How the set-points that control may drive were kept in two periods, against what was agreed."""
    found = []
    for point in (registry.point(name) for name in settings.setpoints):
        if point is None:
            continue
        before_c, before_h = _kept(store, point, settings, calendar, reference)
        kept_c, late_h = _kept(store, point, settings, calendar, reporting)
        agreed_c = min(settings.comfort_minimum + COMFORT_MARGIN_K, settings.comfort_maximum)
        found.append(Keeping(point, agreed_c, settings.setback, kept_c, late_h, before_c, before_h))
    return tuple(found)


def prices(registry: Registry, building: Building) -> dict[str, float]:
    """EUR/kWh by carrier: of the building's meters, else the newest rate of its site."""
    site = building.id.partition("/")[0]
    # Newest first: the last written wins.
    found = {r.carrier: r.value for r in reversed(registry.rates(site)) if r.kind is RateKind.PRICE}
    for meter_id, price in building.price_eur_per_kwh.items():
        meter = registry.point(meter_id)
        if meter is not None:
            found[meter_kind(meter.brick_class, meter.id).carrier.value] = price
    return found


def _kept(
    store: ReadingStore, point: Point, settings: Control, calendar: Calendar, period: tuple[int, int]
) -> tuple[float | None, float | None]:
    """Usual set-point while people are there, and hours a day in which it is high although nobody is or comes soon."""
    edges = calendar.edges(*period, Step.HOUR)
    value = np.asarray(store.aggregate(point.id, edges[0], edges[-1], Step.HOUR, calendar).mean, np.float64)
    opening = Schedule(0.0, settings.occupied)
    ahead = [*edges[:-1], *(edges[-1] + h * HOUR_MS for h in range(PREHEAT_H + 1))]
    occupied = np.array([opening.value_at(t, calendar) > 0 for t in ahead])
    hours = len(value)
    # Warming up before opening is no fault of a schedule.
    soon = np.any([occupied[h : h + hours] for h in range(PREHEAT_H + 1)], axis=0)
    known = np.isfinite(value)
    there, away = known & occupied[:hours], known & ~soon
    late = away & (value > settings.setback + _ABOVE_K)
    kept_c = float(np.median(value[there])) if there.any() else None
    return kept_c, float(late.sum() / (known.sum() / 24)) if away.any() else None
