"""What a gap by cause is worth: euro and CO2 beside its kWh, by the prices and emission factors of its carriers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.calendar import Calendar, Step
from predict.causes.explanation import Explanation
from predict.curves import rates_of
from stores.registry import Rate, RateKind


@dataclass(frozen=True, slots=True)
class Worth:
    """Money and emissions of some energy; NaN where a carrier of it has no rate.

    Attributes
    ----------
    eur
        Euro.
    kg_co2
        Kilograms of CO2 equivalent.
    """

    eur: float
    kg_co2: float


def worth_of(kwh: Mapping[str, float], rates: Mapping[str, Worth]) -> Worth:
    """Worth of some energy by carrier, kWh; a carrier with nothing of it needs no rate.

    Parameters
    ----------
    rates
        Of one kWh, by carrier.
    """
    nothing = Worth(np.nan, np.nan)
    some = [(amount, rates.get(carrier, nothing)) for carrier, amount in kwh.items() if amount != 0]
    return Worth(float(sum(a * r.eur for a, r in some)), float(sum(a * r.kg_co2 for a, r in some)))


def worth_by_cause(found: Explanation, rates: Mapping[str, Worth]) -> dict[str, Worth]:
    """Worth of each cause of a gap; they sum to that of the whole gap.

    Parameters
    ----------
    rates
        Of one kWh, by carrier.
    """
    return {
        part.cause: worth_of({carrier: row[part.cause] for carrier, row in found.by_carrier.items()}, rates)
        for part in found.parts
    }


def mean_rates(
    rates: Sequence[Rate], carriers: Sequence[str], start_ms: int, end_ms: int, calendar: Calendar
) -> dict[str, Worth]:
    """What a kWh of each carrier costs and emits over ``[start_ms, end_ms)``, each month by its length.

    Parameters
    ----------
    rates
        Of the site and of everywhere, as `stores.registry.Registry.rates` gives them.
    """
    edges = np.clip(np.array(calendar.edges(start_ms, end_ms, Step.MONTH), np.int64), start_ms, end_ms)
    share = np.diff(edges) / (end_ms - start_ms)
    return {
        carrier: Worth(
            *(
                float(rates_of(rates, carrier, kind, edges, calendar) @ share)
                for kind in (RateKind.PRICE, RateKind.EMISSION)
            )
        )
        for carrier in carriers
    }
