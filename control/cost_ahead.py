"""What a kWh will cost, or emit, from now on: what is shifted by."""

from __future__ import annotations

import math
from typing import Final

from control.strategies.load_shift import blend
from core.calendar import Calendar, Step
from core.tariff import RateKind, Vector
from predict.causes.roles import Carrier
from stores.registry import Registry

STEP: Final = Step.MINUTE_15


def cost_ahead(
    registry: Registry, building: str, carrier: Carrier, calendar: Calendar, *, start_ms: int, end_ms: int,
    eur_per_tonne: float = 0.0,
) -> Vector | None:  # fmt: skip
    """Price of each quarter of an hour, with its carbon at `eur_per_tonne`; grams where no price is on record at all.

    Parameters
    ----------
    start_ms, end_ms
        UTC milliseconds, half open.

    Returns
    -------
    Vector or None
        None: neither is on record.
    """
    if carrier is Carrier.UNKNOWN:
        return None
    start_ms = calendar.floor(start_ms, STEP)

    def among(kind: RateKind) -> Vector:
        return registry.vector(
            building, carrier.value, kind, start_ms=start_ms, end_ms=end_ms, calendar=calendar, step=STEP
        )

    price, carbon = among(RateKind.PRICE), among(RateKind.EMISSION)
    if not all(map(math.isnan, price.values)):
        return blend(price, carbon, eur_per_tonne)
    return None if all(map(math.isnan, carbon.values)) else carbon


def differs(cost: Vector | None) -> bool:
    """Whether there is anything to choose."""
    known = {value for value in cost.values if not math.isnan(value)} if cost is not None else set()
    return len(known) > 1
