"""Promises of a building's energy, and the prices and emission factors that turn kWh into euro and CO2."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from api.access import OfBuilding, Operator, TheClock, TheRegistry
from api.problems import documented
from api.routes import resource
from api.times import utc
from predict.fit import find_building
from stores.registry import Assumptions, Promise, PromiseKind, Rate, RateKind

router = resource("promises")

Carrier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", examples=["gas"])]


class AssumptionsIO(BaseModel):
    """What a promise rests on, as far as its document says, so that a gap to it has causes."""

    outdoor_c: list[float] | None = Field(
        default=None, min_length=12, max_length=12, description="Its normal weather: mean of each month."
    )
    degree_days: float | None = Field(default=None, description="Heating degree days of its normal year.")
    base_c: float = Field(default=20.0, description="Base of the degree days.")
    room_c: float | None = Field(default=None, description="Mean of the rooms over the heating season, all hours.")
    hours_per_week: float | None = Field(default=None, description="Hours in which the plant runs.")
    people: float | None = Field(default=None, description="Mean number present, over all hours.")
    heat_loss_kw_k: float | None = Field(default=None, description="Of the shell and its leaks.")
    efficiency: float | None = Field(default=None, description="Heat per energy bought.")

    def kept(self) -> Assumptions:
        """As the registry keeps it; DomainError when nobody can assume so."""
        values = self.model_dump()
        return Assumptions(**values | {"outdoor_c": tuple(self.outdoor_c) if self.outdoor_c else None})


class PromiseIn(BaseModel):
    """A promise to be kept; it replaces earlier versions of its building, carrier and kind."""

    building: str = Field(examples=["torino/calvino"])
    carrier: Carrier
    kind: PromiseKind
    valid_from: date = Field(description="First local day for which it counts.")
    kwh: list[float] = Field(
        description="One figure for the year, or twelve from January to December.", examples=[[160000]], max_length=12
    )
    source: str = Field(description="The document that says so.", min_length=1, max_length=500)
    assumes: AssumptionsIO = AssumptionsIO()


class PromiseOut(BaseModel):
    """A promise as it is kept."""

    building: str
    carrier: str
    kind: PromiseKind
    version: int
    valid_from: date
    monthly_kwh: list[float]
    even: bool = Field(description="Only the year was promised; it is spread evenly over the days.")
    source: str
    assumes: AssumptionsIO
    made: datetime


class PromisesAnswer(BaseModel):
    """All promises of a building, newest first."""

    items: list[PromiseOut]


class RateIn(BaseModel):
    """A price or an emission factor to be kept."""

    site: str = Field(
        default="", description="Where it holds; empty for everywhere.", examples=["torino"], max_length=64
    )
    carrier: Carrier
    kind: RateKind = Field(description="price: EUR/kWh. emission: kg of CO2 equivalent per kWh.")
    year: int = Field(ge=1990, le=2100, description="For which it was published.")
    value: float = Field(ge=0, le=1000)
    source: str = Field(min_length=1, max_length=500)


class RateOut(RateIn):
    """A rate as it is kept."""

    version: int
    made: datetime


class RatesAnswer(BaseModel):
    """Rates of a site and those that hold everywhere, newest first."""

    items: list[RateOut]


@router.get("/promises", responses=documented(404))
def list_promises(*, registry: TheRegistry, building: OfBuilding) -> PromisesAnswer:
    """List what was promised of a building, newest first."""
    find_building(registry, building)
    return PromisesAnswer(items=[_promise(p) for p in registry.promises(building)])


@router.post("/promises", status_code=201, responses=documented(403, 404, 409))
def keep_promise(*, request: PromiseIn, key: Operator, registry: TheRegistry, clock: TheClock) -> PromiseOut:  # noqa: ARG001 - only operators may
    """Keep a promise; nothing that was promised before is changed or lost."""
    find_building(registry, request.building)
    kept = registry.put_promise(
        request.building,
        request.carrier,
        request.kind,
        valid_from=request.valid_from,
        kwh=tuple(request.kwh),
        source=request.source,
        now_ms=clock.now_ms(),
        assumes=request.assumes.kept(),
    )
    return _promise(kept)


@router.get("/rates")
def list_rates(*, registry: TheRegistry, site: Annotated[str, Query(examples=["torino"])] = "") -> RatesAnswer:
    """List prices and emission factors, newest first."""
    return RatesAnswer(items=[_rate(r) for r in registry.rates(site)])


@router.post("/rates", status_code=201, responses=documented(403, 409))
def keep_rate(*, request: RateIn, key: Operator, registry: TheRegistry, clock: TheClock) -> RateOut:  # noqa: ARG001 - only operators may
    """Keep a price or an emission factor as a new version."""
    kept = registry.put_rate(
        request.site,
        request.carrier,
        request.kind,
        year=request.year,
        value=request.value,
        source=request.source,
        now_ms=clock.now_ms(),
    )
    return _rate(kept)


def _promise(p: Promise) -> PromiseOut:
    return PromiseOut(
        building=p.building,
        carrier=p.carrier,
        kind=p.kind,
        version=p.version,
        valid_from=p.valid_from,
        monthly_kwh=list(p.monthly_kwh),
        even=p.even,
        source=p.source,
        assumes=AssumptionsIO.model_validate(msgspec.structs.asdict(p.assumes)),
        made=utc(p.made_ms),
    )


def _rate(r: Rate) -> RateOut:
    return RateOut(
        site=r.site,
        carrier=r.carrier,
        kind=r.kind,
        year=r.year,
        value=r.value,
        source=r.source,
        version=r.version,
        made=utc(r.made_ms),
    )
