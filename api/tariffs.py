"""Tariffs, imported day-ahead values, and what they come to hour by hour."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Any, Final, Self

import msgspec
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.access import Operator, TheClock, TheRegistry
from api.errors import RequestError
from api.paging import Page
from api.policies import find_scope
from api.problems import documented
from api.routes import resource
from api.times import calendar_of, check_steps, local, parse_time, utc
from core.calendar import Step
from core.dayahead import Unit, read_market
from core.tariff import RateKind, Tariff
from stores.registry import TariffRecord

router = resource("promises", "/tariffs")

_DAY_MS: Final = 86_400_000
MAX_FILE_CHARACTERS: Final = 60_000

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Carrier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", examples=["electricity"])]
ClockTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$", examples=["08:00"])]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class BlockPart(_Part):
    """A value on some days from one local time to another."""

    days: list[str] = Field(examples=[["mon", "tue", "wed", "thu", "fri"]], max_length=8)
    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    value: float = Field(allow_inf_nan=False)


class SchedulePart(_Part):
    """A default and the blocks that differ from it; the first that covers a time counts."""

    default: float = Field(allow_inf_nan=False)
    blocks: list[BlockPart] = Field(default=[], max_length=100)


class NewTariff(_Part):
    """Prices (EUR/kWh) or carbon intensities (g/kWh) by the time of the week."""

    id: str = Field(max_length=64, examples=["city-2026"], description="A known one: its next version.")
    scope: str = Field(max_length=200, examples=["torino"], description="`site` or `site/building`; empty: everywhere.")
    carrier: Carrier
    kind: RateKind = Field(description="price: EUR/kWh. emission: g of CO2 equivalent per kWh.")
    valid_from: dt.date
    valid_to: dt.date | None = Field(default=None, description="Not included; none: until further notice.")
    schedule: SchedulePart
    market_factor: float = Field(default=1.0, allow_inf_nan=False, description="A day-ahead value times this, …")
    market_addition: float = Field(default=0.0, allow_inf_nan=False, description="… plus this is on the bill.")
    source: str = Field(min_length=1, max_length=500)


class EnterTariff(_Part):
    """A tariff, and why it is entered."""

    tariff: NewTariff
    why: Words


class TariffOut(NewTariff):
    """A version of a tariff, and who entered it."""

    version: int
    by: str
    entered: dt.datetime
    why: str

    @classmethod
    def of(cls, record: TariffRecord) -> Self:
        """As the API shows it."""
        value: dict[str, Any] = msgspec.to_builtins(record.value)
        return cls(**value, version=record.version, by=record.by, entered=utc(record.entered_ms), why=record.why)


class ImportMarket(_Part):
    """A file of day-ahead prices or forecast carbon intensities, as it is."""

    scope: str = Field(max_length=200, examples=["torino"])
    carrier: Carrier = "electricity"
    unit: Unit = Unit.EUR_KWH
    source: str = Field(min_length=1, max_length=500, examples=["GME day-ahead, zone NORD"])
    csv: str = Field(
        max_length=MAX_FILE_CHARACTERS, examples=["time,price\n2026-01-14T00:00+01:00,0.112\n"],
        description="Columns `time` (ISO 8601 with offset) and `price`.",
    )  # fmt: skip


class MarketOut(BaseModel):
    """An import that was kept."""

    scope: str
    carrier: str
    kind: RateKind
    start: dt.datetime
    end: dt.datetime
    step_minutes: int
    values: int
    by: str


class ValueOut(BaseModel):
    """A step; null where nothing is on record."""

    start: dt.datetime = Field(description="Local, with offset.")
    value: float | None
    source: str


class VectorOut(BaseModel):
    """What a kWh costs or emits step by step."""

    scope: str
    carrier: str
    kind: RateKind
    unit: str
    steps: list[ValueOut]


@router.get("")
def list_tariffs(
    registry: TheRegistry,
    scope: Annotated[str | None, Query(description="Those that count for it.", examples=["torino/calvino"])] = None,
) -> Page[TariffOut]:
    """List tariffs by id, each in its newest version."""
    return Page(items=[TariffOut.of(r) for r in registry.tariffs(scope)])


@router.post("", status_code=201, responses=documented(403, 404, 409))
def enter_tariff(request: EnterTariff, key: Operator, registry: TheRegistry, clock: TheClock) -> TariffOut:
    """Enter a tariff, or its next version; it says from now on who did it and why."""
    if request.tariff.scope:
        find_scope(registry, request.tariff.scope)
    fields = request.tariff.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        value = msgspec.convert(fields, Tariff)
    except msgspec.ValidationError as error:
        raise RequestError(str(error)) from error
    return TariffOut.of(registry.put_tariff(value, by=key.name, why=request.why, now_ms=clock.now_ms()))


@router.get("/hourly", responses=documented(404, 409))
def show_vector(
    registry: TheRegistry,
    clock: TheClock,
    scope: Annotated[str, Query(examples=["torino/calvino"])],
    carrier: Annotated[str, Query(examples=["electricity"])] = "electricity",
    kind: RateKind = RateKind.PRICE,
    start: Annotated[str | None, Query(description="Now by default.", examples=["2026-01-14"])] = None,
    end: Annotated[str | None, Query(description="A day after `start` by default.")] = None,
    step: Step = Step.HOUR,
) -> VectorOut:
    """What a kWh costs or emits in the steps to come: day-ahead values, else the tariff's blocks, else the rate."""
    find_scope(registry, scope)
    calendar = calendar_of(registry, scope.partition("/")[0])
    start_ms = parse_time(start, "start", calendar) if start is not None else clock.now_ms()
    end_ms = parse_time(end, "end", calendar) if end is not None else start_ms + _DAY_MS
    check_steps(start_ms, end_ms, step, 3000)
    found = registry.vector(scope, carrier, kind, start_ms=start_ms, end_ms=end_ms, calendar=calendar, step=step)
    steps = [
        ValueOut(start=local(begin, calendar), value=None if math.isnan(value) else value, source=source)
        for begin, value, source in zip(found.edges_ms, found.values, found.sources, strict=False)
    ]
    unit = "EUR/kWh" if kind is RateKind.PRICE else "g/kWh"
    return VectorOut(scope=scope, carrier=carrier, kind=kind, unit=unit, steps=steps)


@router.post("/day-ahead", status_code=201, responses=documented(403, 404, 409))
def import_market(request: ImportMarket, key: Operator, registry: TheRegistry, clock: TheClock) -> MarketOut:
    """Import day-ahead values; where two imports speak of an hour, the later counts."""
    find_scope(registry, request.scope)
    value = read_market(
        request.csv, scope=request.scope, carrier=request.carrier, unit=request.unit, source=request.source
    )
    kept = registry.put_market(value, by=key.name, now_ms=clock.now_ms())
    return MarketOut(
        scope=value.scope,
        carrier=value.carrier,
        kind=value.kind,
        start=utc(value.starts_ms[0]),
        end=utc(value.end_ms),
        step_minutes=value.step_ms // 60_000,
        values=len(value.values),
        by=kept.by,
    )
