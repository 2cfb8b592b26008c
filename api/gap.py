"""The gap: what was used against what the baseline expects, with its uncertainty and coverage."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.errors import RequestError
from api.points import finite
from api.problems import documented
from api.routes import resource
from api.times import End, Start, check_steps, local, parse_range
from core.calendar import Calendar, Step
from core.points import building_of
from predict.fit import find_building
from predict.gap import MeterGap, building_gap, meter_gap

router = resource("gap")

MAX_HOURS: Final = 100_000


class GapOut(BaseModel):
    """Sums over the hours in which actual and predicted are both known; never scaled up to the rest."""

    start: datetime = Field(description="Local time of the building with its offset.")
    end: datetime
    actual_kwh: float | None
    predicted_kwh: float | None
    gap_kwh: float | None = Field(description="Actual - predicted. Positive: more was used; negative: avoided.")
    uncertainty_kwh: float | None = Field(description="Half width of the 90 % interval of the gap.")
    coverage: float = Field(description="Share of hours in which both are known, 0 to 1.")
    extrapolated: float = Field(description="Share of those hours outside of the weather that was fitted on.")


class MeterGapOut(BaseModel):
    """The gap of one meter."""

    meter: str = Field(examples=["torino/calvino/gas"])
    baseline: str = Field(description="Kind and version of the baseline.", examples=["towt v3"])
    may_claim_savings: bool
    disqualified: list[str] = Field(description="Why no savings may be claimed, in sentences.")
    is_significant: bool = Field(description="The total is beyond its uncertainty.")
    total: GapOut = Field(description="The whole period; its uncertainty is not the sum of the steps'.")
    steps: list[GapOut]


class GapAnswer(BaseModel):
    """Gaps of the meters asked for; not added up, since one meter may stand behind another."""

    step: Step
    meters: list[MeterGapOut]
    missing: dict[str, str] = Field(description="Meters without a gap, and why.")


@router.get("/gap", responses=documented(404))
def get_gap(
    *,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    building: Annotated[str | None, Query(description="Every meter of it.", examples=["torino/calvino"])] = None,
    meter: Annotated[str | None, Query(description="This one alone.", examples=["torino/calvino/gas"])] = None,
    start: Start = None,
    end: End = None,
    step: Annotated[Step, Query(description="An hour or longer.")] = Step.DAY,
) -> GapAnswer:
    """Predicted, actual and gap of a building or a meter, per step and over the whole period."""
    asked = building if meter is None else building_of(meter)
    if asked is None or (building is not None and meter is not None):
        raise RequestError("give either building or meter", field="building")
    _, calendar = find_building(registry, asked)
    start_ms, end_ms = parse_range(start, end, calendar, clock.now_ms())
    check_steps(start_ms, end_ms, step)
    check_steps(start_ms, end_ms, Step.HOUR, MAX_HOURS)  # it is always computed by the hour
    store = stores.here()
    if meter is None:
        found = building_gap(store, registry, asked, start_ms, end_ms, step)
        gaps, missing = found.meters, found.missing
    else:
        gaps, missing = [meter_gap(store, registry, meter, calendar, start_ms=start_ms, end_ms=end_ms, step=step)], {}
    return GapAnswer(step=step, meters=[_shown(gap, calendar) for gap in gaps], missing=missing)


def _shown(gap: MeterGap, calendar: Calendar) -> MeterGapOut:
    steps, total = gap.steps, gap.total
    return MeterGapOut(
        meter=gap.meter,
        baseline=f"{gap.kind} v{gap.version}",
        may_claim_savings=not gap.figures.disqualified,
        disqualified=gap.figures.disqualified,
        is_significant=total.is_significant,
        total=_row(
            calendar,
            (total.start_ms, total.end_ms),
            (total.actual_kwh, total.predicted_kwh, total.gap_kwh, total.uncertainty_kwh),
            (total.coverage, total.extrapolated),
        ),
        steps=[
            _row(calendar, edges, energies, shares)
            for edges, energies, shares in zip(
                zip(steps.edges_ms[:-1].tolist(), steps.edges_ms[1:].tolist(), strict=True),
                zip(
                    steps.actual_kwh.tolist(),
                    steps.predicted_kwh.tolist(),
                    steps.gap_kwh.tolist(),
                    steps.uncertainty_kwh.tolist(),
                    strict=True,
                ),
                zip(steps.coverage.tolist(), steps.extrapolated.tolist(), strict=True),
                strict=True,
            )
        ],
    )


def _row(
    calendar: Calendar,
    edges_ms: tuple[int, int],
    energies_kwh: tuple[float, float, float, float],
    shares: tuple[float, float],
) -> GapOut:
    actual, predicted, gap, uncertainty = (finite(value) for value in energies_kwh)
    return GapOut(
        start=local(edges_ms[0], calendar),
        end=local(edges_ms[1], calendar),
        actual_kwh=actual,
        predicted_kwh=predicted,
        gap_kwh=gap,
        uncertainty_kwh=uncertainty,
        coverage=shares[0],
        extrapolated=shares[1],
    )
