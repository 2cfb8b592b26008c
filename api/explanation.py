"""The gap by cause: why a building used more or less than in another period, or than was predicted or promised."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import Annotated, Final, Literal, Self

from fastapi import Query, Request
from pydantic import BaseModel, Field

from api.access import OfBuilding, TheRegistry, TheStores
from api.errors import BusyError, RequestError
from api.points import finite
from api.problems import documented
from api.routes import resource
from api.times import local, parse_time
from core.calendar import Calendar
from core.points import site_of
from predict.causes.explanation import Explanation
from predict.causes.stored import explain_stored
from predict.curve_gap import explain_curves
from predict.design_model import explain_design
from predict.fit import find_building
from predict.worth import Worth, mean_rates, worth_by_cause, worth_of
from stores.registry import Registry

router = resource("gap")

MAX_DAYS: Final = 400
PATIENCE_S: Final = 30.0
"""So long a request waits for the one before it; explanations take a second or more of a core, so they go in turn."""
_DAY_MS: Final = 86_400_000


class Turn:
    """Lets one explanation at a time through, so that readings and commands are answered meanwhile."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._lock, self._patience_s = Lock(), patience_s

    def __enter__(self) -> Self:
        """Wait for the turn; BusyError when it does not come in time."""
        if not self._lock.acquire(timeout=self._patience_s):
            raise BusyError("others are being explained; try again")
        return self

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        self._lock.release()


class SpanOut(BaseModel):
    """A half-open period in local time."""

    start: datetime
    end: datetime


class AmountOut(BaseModel):
    """Energy, and what it is worth by the rates of the reporting period."""

    kwh: float
    eur: float | None = Field(description="Null when a carrier of it has no price.")
    kg_co2: float | None = Field(description="Null when a carrier of it has no emission factor.")


class CauseOut(AmountOut):
    """What one cause adds to the gap; negative: it saves."""

    cause: str = Field(examples=["setpoint"])
    low_kwh: float = Field(description="The 90 % interval.")
    high_kwh: float
    detail: dict[str, float] = Field(description="Parts of it by name, kWh.")


class CarrierOut(AmountOut):
    """The same split for what one carrier brings."""

    carrier: str = Field(examples=["gas"])
    causes: dict[str, float] = Field(description="kWh by cause; they sum to `kwh`.")


class ExplanationAnswer(BaseModel):
    """A gap by cause. The causes sum to the total, and the carriers too."""

    building: str
    first: str = Field(description="What is to be explained.", examples=["reporting period"])
    second: str = Field(description="What it is compared with.", examples=["reference period"])
    reporting: SpanOut
    reference: SpanOut | None = Field(description="Null where one curve is compared with another.")
    first_kwh: float
    second_kwh: float = Field(description="Scaled to as many hours as the first has.")
    total: AmountOut = Field(description="First minus second. Positive: more was used.")
    causes: list[CauseOut]
    ranked: list[str] = Field(description="Causes but the weather, the largest first.")
    carriers: list[CarrierOut]
    hypotheses: dict[str, float] = Field(description="What may have changed unseen, with its probability.")
    meters: list[str]
    warnings: list[str] = Field(description="What is not measured or not known, and what that costs.")


def shown(
    found: Explanation,
    rates: dict[str, Worth],
    names: tuple[str, str],
    building: str,
    *,
    reporting: SpanOut,
    reference: SpanOut | None = None,
) -> ExplanationAnswer:
    """An explanation as the API shows it, with its worth."""
    by_cause = worth_by_cause(found, rates)
    by_carrier = {carrier: sum(row.values()) for carrier, row in found.by_carrier.items()}
    return ExplanationAnswer(
        building=building,
        first=names[0],
        second=names[1],
        reporting=reporting,
        reference=reference,
        first_kwh=found.reporting_kwh,
        second_kwh=found.reference_kwh,
        total=_amount(found.total_kwh, worth_of(by_carrier, rates)),
        causes=[
            CauseOut(
                **_amount(part.kwh, by_cause[part.cause]).model_dump(),
                cause=part.cause,
                low_kwh=part.low,
                high_kwh=part.high,
                detail=part.detail,
            )
            for part in found.parts
        ],
        ranked=[part.cause for part in found.ranked],
        carriers=[
            CarrierOut(
                **_amount(kwh, worth_of({carrier: kwh}, rates)).model_dump(),
                carrier=carrier,
                causes=found.by_carrier[carrier],
            )
            for carrier, kwh in by_carrier.items()
        ],
        hypotheses=found.hypotheses,
        meters=list(found.meters),
        warnings=list(found.missing),
    )


def _amount(kwh: float, worth: Worth) -> AmountOut:
    return AmountOut(kwh=kwh, eur=finite(worth.eur), kg_co2=finite(worth.kg_co2))


def rates_for(
    registry: Registry, building: str, found: Explanation, period: tuple[int, int], calendar: Calendar
) -> dict[str, Worth]:
    """What a kWh of each carrier of an explanation is worth in a period."""
    rates = registry.rates(site_of(f"{building}/x"))
    return mean_rates(rates, list(found.by_carrier), *period, calendar)


def turn(request: Request) -> Turn:
    """The application's one turn."""
    found: Turn = request.app.state.turn
    return found


def parse_span(start: str, end: str, prefix: str, calendar: Calendar) -> tuple[int, int]:
    """Half-open period of a request, UTC milliseconds; RequestError when it is empty or too long."""
    span = parse_time(start, f"{prefix}start", calendar), parse_time(end, f"{prefix}end", calendar)
    if not 0 < span[1] - span[0] <= MAX_DAYS * _DAY_MS:
        raise RequestError(f"{prefix}end: it must come after {prefix}start, by {MAX_DAYS} days at most")
    return span


def span_out(span: tuple[int, int], calendar: Calendar) -> SpanOut:
    """A period in local time."""
    return SpanOut(start=local(span[0], calendar), end=local(span[1], calendar))


_TIME: Final = "ISO 8601 or UTC milliseconds, as everywhere; not included where it is an end."
_Start = Annotated[str, Query(description=f"Of the period to be explained. {_TIME}", examples=["2026-01-12"])]
_End = Annotated[str, Query(description=_TIME, examples=["2026-02-23"])]


@router.get("/gap/explanation", responses=documented(404))
def explain_gap(
    *,
    request: Request,
    registry: TheRegistry,
    stores: TheStores,
    building: OfBuilding,
    start: _Start,
    end: _End,
    reference_start: Annotated[
        str, Query(description=f"Of what it is compared with. {_TIME}", examples=["2025-01-13"])
    ],
    reference_end: Annotated[str, Query(description=_TIME, examples=["2025-02-24"])],
) -> ExplanationAnswer:
    """Split the change from one recorded period of a building to another by cause."""
    _, calendar = find_building(registry, building)
    reporting = parse_span(start, end, "", calendar)
    reference = parse_span(reference_start, reference_end, "reference_", calendar)
    with turn(request):
        found = explain_stored(stores.here(), registry, building, reference, reporting)
    return shown(
        found,
        rates_for(registry, building, found, reporting, calendar),
        ("reporting period", "reference period"),
        building,
        reporting=span_out(reporting, calendar),
        reference=span_out(reference, calendar),
    )


@router.get("/curves/explanation", responses=documented(404), tags=["promises"])
def explain_curve_gap(
    *,
    request: Request,
    registry: TheRegistry,
    stores: TheStores,
    building: OfBuilding,
    start: _Start,
    end: _End,
    first: Annotated[Literal["actual", "predicted"], Query(description="What is to be explained.")] = "actual",
    second: Annotated[
        Literal["predicted", "promised", "design"],
        Query(description="What it is compared with; `design` is the design model's own record."),
    ] = "promised",
) -> ExplanationAnswer:
    """Split the gap between two of the curves (promised, predicted, actual), or to the design model, by cause."""
    _, calendar = find_building(registry, building)
    period = parse_span(start, end, "", calendar)
    with turn(request):
        if (first, second) == ("actual", "design"):
            found = explain_design(stores.here(), registry, building, *period)
        else:
            found = explain_curves(stores.here(), registry, building, (first, second), *period)
    return shown(
        found,
        rates_for(registry, building, found, period, calendar),
        (first, second),
        building,
        reporting=span_out(period, calendar),
    )
