"""Savings: the energy avoided against the adjusted baseline, with its uncertainty and coverage."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import numpy as np
from fastapi import Query
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.adjustments import AdjustmentOut
from api.errors import RequestError
from api.gap import MAX_HOURS
from api.points import finite
from api.problems import documented
from api.routes import resource
from api.times import End, Start, check_steps, local, parse_range
from core.calendar import Calendar, Step
from core.points import building_of
from predict.fit import find_building
from predict.savings.avoided import MeterSavings, building_savings, meter_savings

router = resource("savings", "/savings")


class SavingOut(BaseModel):
    """Sums over the hours in which baseline and actual are both known; never scaled up to the rest."""

    start: datetime = Field(description="Local time of the building with its offset.")
    end: datetime
    baseline_kwh: float | None = Field(description="What the model predicts.")
    adjustment_kwh: float | None = Field(description="What people's adjustments add to it.")
    actual_kwh: float | None
    saving_kwh: float | None = Field(description="Baseline + adjustment - actual. Positive: energy was avoided.")
    uncertainty_kwh: float | None = Field(description="Half width of the 90 % interval of the saving.")
    fraction: float | None = Field(description="The same as a share of the saving; null where nothing was saved.")
    coverage: float = Field(description="Share of hours in which both are known, 0 to 1.")
    extrapolated: float = Field(description="Share of those hours outside of the weather that was fitted on.")


class SavingStepOut(SavingOut):
    """One step, and the sum up to its end."""

    to_date_kwh: float | None
    to_date_uncertainty_kwh: float | None = Field(description="Not the sum of the steps'.")


class MeterSavingsOut(BaseModel):
    """Savings of one meter."""

    meter: str = Field(examples=["torino/calvino/gas"])
    baseline: str = Field(description="Kind and version of the baseline.", examples=["towt v3"])
    may_claim_savings: bool
    disqualified: list[str] = Field(description="Why nothing may be claimed, in sentences.")
    is_significant: bool = Field(description="The total is beyond its uncertainty.")
    total: SavingOut
    steps: list[SavingStepOut]
    adjustments: list[AdjustmentOut] = Field(description="In force, and touching the period.")
    adjusted_kwh: dict[str, float | None] = Field(description="kWh of each of them in the period.")


class SavingsAnswer(BaseModel):
    """Savings of the meters asked for; not added up, since one meter may stand behind another."""

    step: Step
    meters: list[MeterSavingsOut]
    missing: dict[str, str] = Field(description="Meters without savings, and why.")


@router.get("", responses=documented(404))
def get_savings(
    *,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    building: Annotated[str | None, Query(description="Every meter of it.", examples=["torino/calvino"])] = None,
    meter: Annotated[str | None, Query(description="This one alone.", examples=["torino/calvino/gas"])] = None,
    start: Start = None,
    end: End = None,
    step: Annotated[Step, Query(description="An hour or longer.")] = Step.MONTH,
) -> SavingsAnswer:
    """Avoided energy of a building or a meter (IPMVP option C), per step, to date and over the whole period."""
    asked = building if meter is None else building_of(meter)
    if asked is None or (building is not None and meter is not None):
        raise RequestError("give either building or meter", field="building")
    _, calendar = find_building(registry, asked)
    now_ms = clock.now_ms()
    start_ms, end_ms = parse_range(start, end, calendar, now_ms)
    check_steps(start_ms, end_ms, step)
    check_steps(start_ms, end_ms, Step.HOUR, MAX_HOURS)  # it is always computed by the hour
    store = stores.here()
    if meter is not None:
        found = [
            meter_savings(store, registry, meter, calendar, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms, step=step)
        ]
        return SavingsAnswer(step=step, meters=[_shown(m, calendar) for m in found], missing={})
    whole = building_savings(store, registry, asked, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms, step=step)
    return SavingsAnswer(step=step, meters=[_shown(m, calendar) for m in whole.meters], missing=whole.missing)


def _shown(found: MeterSavings, calendar: Calendar) -> MeterSavingsOut:
    steps, total = found.steps, found.total
    names = ("baseline_kwh", "adjustment_kwh", "actual_kwh", "saving_kwh", "uncertainty_kwh", "fraction")
    to_date = ("to_date_kwh", "to_date_uncertainty_kwh")
    edges = steps.edges_ms.tolist()
    return MeterSavingsOut(
        meter=found.meter,
        baseline=f"{found.kind} v{found.version}",
        may_claim_savings=not found.disqualified,
        disqualified=found.disqualified,
        is_significant=total.is_significant,
        total=SavingOut(
            start=local(total.start_ms, calendar),
            end=local(total.end_ms, calendar),
            coverage=total.coverage,
            extrapolated=total.extrapolated,
            **{name: finite(getattr(total, name)) for name in names},
        ),
        steps=[
            SavingStepOut(
                start=local(edges[i], calendar),
                end=local(edges[i + 1], calendar),
                coverage=float(steps.coverage[i]),
                extrapolated=float(steps.extrapolated[i]),
                **{name: finite(float(np.asarray(getattr(steps, name))[i])) for name in (*names, *to_date)},
            )
            for i in range(len(edges) - 1)
        ],
        adjustments=[AdjustmentOut.of(adjustment) for adjustment in found.adjustments],
        adjusted_kwh={name: finite(kwh) for name, kwh in total.adjusted.items()},
    )
