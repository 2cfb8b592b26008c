"""Three curves: what was promised, what was to be expected, what was used, and the gaps between any two of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import OfBuilding, TheClock, TheRegistry, TheStores
from api.points import finite
from api.problems import documented
from api.routes import resource
from api.times import End, Start, check_steps, local, parse_range
from core.calendar import Calendar, Step
from predict.curves import PAIRS, Curves, building_curves
from predict.fit import find_building

router = resource("promises")


class CurvePoint(BaseModel):
    """One step; null where unknown."""

    start: datetime
    promised_kwh: float | None = Field(description="Of as much of the step as is known, so that it compares.")
    predicted_kwh: float | None
    actual_kwh: float | None
    coverage: float


class PairGap(BaseModel):
    """The first curve minus the second, over the steps in which both are known."""

    first: str = Field(examples=["actual"])
    second: str = Field(examples=["promised"])
    kwh: float | None
    eur: float | None = Field(description="Null when no price is kept.")
    kg_co2: float | None = Field(description="Null when no emission factor is kept.")


class CarrierCurves(BaseModel):
    """The curves of what one carrier brings."""

    carrier: str
    promise: str | None = Field(description="The promise that counts.", examples=["contract v2: EPC 2024/17"])
    gaps: list[PairGap]
    steps: list[CurvePoint]


class CurvesAnswer(BaseModel):
    """A building's curves by carrier."""

    step: Step
    carriers: list[CarrierCurves]
    missing: dict[str, str] = Field(description="Meters without a prediction, and why.")


@router.get("/curves", responses=documented(404))
def get_curves(
    *,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    building: OfBuilding,
    start: Start = None,
    end: End = None,
    step: Annotated[Step, Query(description="A day or longer is usual.")] = Step.MONTH,
) -> CurvesAnswer:
    """Promised, predicted and actual energy of a building by carrier, and the gaps between them."""
    _, calendar = find_building(registry, building)
    start_ms, end_ms = parse_range(start, end, calendar, clock.now_ms())
    check_steps(start_ms, end_ms, step)
    found, missing = building_curves(stores.here(), registry, building, start_ms, end_ms, step=step, calendar=calendar)
    return CurvesAnswer(step=step, carriers=[_shown(c, calendar) for c in found], missing=missing)


def _shown(curves: Curves, calendar: Calendar) -> CarrierCurves:
    promise = curves.promise
    gaps = []
    for first, second in PAIRS:
        kwh, eur, kg = (finite(value) for value in curves.totals(first, second))
        gaps.append(PairGap(first=first, second=second, kwh=kwh, eur=eur, kg_co2=kg))
    return CarrierCurves(
        carrier=curves.carrier,
        promise=f"{promise.kind} v{promise.version}: {promise.source}" if promise else None,
        gaps=gaps,
        steps=[
            CurvePoint(
                start=local(at, calendar),
                promised_kwh=finite(promised),
                predicted_kwh=finite(predicted),
                actual_kwh=finite(actual),
                coverage=coverage,
            )
            for at, promised, predicted, actual, coverage in zip(
                curves.edges_ms[:-1].tolist(),
                curves.promised_kwh.tolist(),
                curves.predicted_kwh.tolist(),
                curves.actual_kwh.tolist(),
                curves.coverage.tolist(),
                strict=True,
            )
        ],
    )
