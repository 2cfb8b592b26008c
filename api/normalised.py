"""Normalised savings: baseline and reporting period, both under the weather of one normal year."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel, Field

from api.access import OfBuilding, TheClock, TheRegistry, TheStores
from api.explanation import SpanOut, parse_span, span_out, turn
from api.points import finite
from api.problems import documented
from api.routes import resource
from predict.fit import find_building
from predict.savings.normalised import MeterNormalised, building_normalised

router = resource("savings", "/savings")


class NormalisedOut(BaseModel):
    """What a meter saves in a normal year."""

    meter: str = Field(examples=["torino/calvino/gas"])
    baseline: str = Field(description="Kind and version of the baseline.", examples=["days v3"])
    may_claim_savings: bool
    disqualified: list[str] = Field(description="Why nothing may be claimed, in sentences.")
    is_significant: bool = Field(description="The saving is beyond its uncertainty.")
    baseline_kwh: float
    reporting_kwh: float = Field(description="By a model that was fitted on the reporting period.")
    saving_kwh: float = Field(description="Baseline - reporting.")
    uncertainty_kwh: float | None = Field(description="Half width of the 90 % interval; both models' errors.")
    fraction: float | None = Field(description="The same as a share of the saving.")
    coverage: float = Field(description="Share of the normal year's hours whose weather is known.")
    extrapolated: float = Field(description="Share of them outside of the weather that one of the two was fitted on.")


class NormalisedAnswer(BaseModel):
    """Normalised savings of a building's meters; not added up, since one meter may stand behind another."""

    normal_year: int
    reporting: SpanOut
    meters: list[NormalisedOut]
    missing: dict[str, str] = Field(description="Meters without savings, and why.")


@router.get("/normalised", responses=documented(404))
def get_normalised(
    *,
    request: Request,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    building: OfBuilding,
    start: Annotated[str, Query(description="Of the reporting period, a year as a rule.", examples=["2026-01-01"])],
    end: Annotated[str, Query(description="Not included.", examples=["2027-01-01"])],
    normal_year: Annotated[
        int, Query(ge=1970, le=2099, description="Local year whose stored weather is the normal one.")
    ],
) -> NormalisedAnswer:
    """Savings with both periods carried to one normal year (IPMVP): the weather that came has no say in them."""
    _, calendar = find_building(registry, building)
    period = parse_span(start, end, "", calendar)
    with turn(request):
        found, missing = building_normalised(
            stores.here(), registry, building, start_ms=period[0], end_ms=period[1], normal_year=normal_year,
            now_ms=clock.now_ms(),
        )  # fmt: skip
    return NormalisedAnswer(
        normal_year=normal_year,
        reporting=span_out(period, calendar),
        meters=[_shown(meter) for meter in found],
        missing=missing,
    )


def _shown(meter: MeterNormalised) -> NormalisedOut:
    total = meter.total
    return NormalisedOut(
        meter=meter.meter,
        baseline=f"{meter.kind} v{meter.version}",
        may_claim_savings=not meter.disqualified,
        disqualified=meter.disqualified,
        is_significant=total.is_significant,
        baseline_kwh=total.baseline_kwh,
        reporting_kwh=total.reporting_kwh,
        saving_kwh=total.saving_kwh,
        uncertainty_kwh=finite(total.uncertainty_kwh),
        fraction=finite(total.fraction),
        coverage=total.coverage,
        extrapolated=total.extrapolated,
    )
