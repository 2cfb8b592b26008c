"""What heat will cost in the next day, and how much of it there may be: inputs of predictive control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from control.layout import Layout
from control.mpc.decider import HORIZON_STEPS, STEP_MS
from control.record import Record
from core.calendar import MINUTE_MS, Calendar, Step
from core.points import Point
from core.tariff import RateKind
from predict.causes.roles import Carrier, meter_kind
from predict.series import Floats
from stores.registry import Registry

_PARTS = STEP_MS // (15 * MINUTE_MS)


def carrier_of(meters: Sequence[str], points: Mapping[str, Point]) -> Carrier:
    """What all the meters of heating count; `Carrier.UNKNOWN` where they differ, or there are none."""
    known = [points[meter] for meter in meters if meter in points]
    carriers = {meter_kind(point.brick_class, point.id.rpartition("/")[2]).carrier for point in known}
    return carriers.pop() if len(carriers) == 1 else Carrier.UNKNOWN


def prices_ahead(registry: Registry, building: str, carrier: Carrier, calendar: Calendar, now_ms: int) -> Floats | None:
    """Price of a kWh in the next 48 half hours, shape (48,), EUR; None where it is not known for all of them.

    Also None where nothing costs anything: a plan needs a reason not to heat. What is below zero counts as zero, so
    that nobody is paid for heating empty rooms.
    """
    if carrier is Carrier.UNKNOWN:
        return None
    start_ms = calendar.floor(now_ms, Step.MINUTE_15)
    found = registry.vector(
        building, carrier.value, RateKind.PRICE,
        start_ms=start_ms, end_ms=start_ms + HORIZON_STEPS * STEP_MS, calendar=calendar, step=Step.MINUTE_15,
    )  # fmt: skip
    quarters = np.maximum(np.array(found.values[: HORIZON_STEPS * _PARTS], np.float64), 0.0)
    if len(quarters) < HORIZON_STEPS * _PARTS or not np.isfinite(quarters).all() or quarters.max() <= 0:
        return None
    return np.asarray(quarters.reshape(HORIZON_STEPS, _PARTS).mean(axis=1), np.float64)


def heat_limit_kwh(limit_kw: float | None, carrier: Carrier, layout: Layout, record: Record | None) -> float | None:
    """Most energy for heat in half an hour: the demand limit, where heat is metered, and electric; else None."""
    if limit_kw is None or carrier is not Carrier.ELECTRICITY or record is None:
        return None
    counts = all(np.isfinite(record.of(meter)).any() for meter in layout.heat_meters)
    return limit_kw * STEP_MS / 3_600_000 if counts else None
