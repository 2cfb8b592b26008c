"""The forecast: what a meter will use in the hours to come, how sure that is, and which model says so."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.points import finite
from api.problems import documented
from api.routes import resource
from api.times import calendar_of, local, parse_time
from core.points import building_of
from predict.forecast.service import MAX_HOURS, issue_forecast
from predict.forecast.walk import Model

router = resource("forecast")


class ForecastHour(BaseModel):
    """One hour; null where no reading was ever known."""

    start: datetime = Field(description="Local time of the building with its offset.")
    kwh: float | None = Field(description="Expected energy of the hour.")
    p10: float | None = Field(description="One hour in ten is expected below.")
    p90: float | None = Field(description="One hour in ten is expected above.")
    model: Model = Field(description="Who spoke: with less history, simpler models do.")
    degraded: list[str] = Field(description="What was missing, in words; empty when nothing was.")


class ForecastOut(BaseModel):
    """A forecast of one meter."""

    meter: str = Field(examples=["torino/calvino/gas"])
    issue: datetime = Field(description="Nothing measured from this hour on was looked at.")
    version: int | None = Field(description="Of the forecaster in the registry; null if fitted for this answer alone.")
    learnt_until: datetime
    hours: list[ForecastHour]


@router.get("/forecast", responses=documented(404))
def get_forecast(
    *,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    meter: Annotated[str, Query(description="Its point id.", examples=["torino/calvino/gas"])],
    issue: Annotated[str | None, Query(description="ISO 8601 or UTC milliseconds; now by default.")] = None,
    hours: Annotated[int, Query(ge=1, le=MAX_HOURS, description="From the hour of the issue on.")] = 48,
) -> ForecastOut:
    """Energy of the hours to come with its 80 % interval, issued at any time, in the past too."""
    now_ms = clock.now_ms()
    issue_ms = now_ms
    if issue is not None:
        issue_ms = parse_time(issue, "issue", calendar_of(registry, building_of(meter).partition("/")[0]))
    found, calendar = issue_forecast(
        stores.here(), registry, meter, issue_ms=issue_ms, hours=hours, now_ms=now_ms, keep=False
    )
    said = found.forecast
    return ForecastOut(
        meter=found.meter,
        issue=local(said.issue_ms, calendar),
        version=found.version,
        learnt_until=local(found.learnt_until_ms, calendar),
        hours=[
            ForecastHour(start=local(time_ms, calendar), kwh=finite(kwh), p10=finite(p10), p90=finite(p90), model=model,
                         degraded=list(degraded))
            for time_ms, kwh, p10, p90, model, degraded in zip(
                said.time_ms.tolist(), said.kwh.tolist(), said.p10.tolist(), said.p90.tolist(), said.model,
                said.degraded, strict=True,
            )
        ],
    )  # fmt: skip
