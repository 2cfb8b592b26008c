"""Policies: laws, ordinances and house rules that bound what control may ask for, and what holds of them at a time."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self

import msgspec
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.access import OfBuilding, Operator, TheClock, TheRegistry
from api.errors import RequestError
from api.paging import Page
from api.problems import documented
from api.routes import resource
from api.times import calendar_of, local, parse_time, utc
from core.errors import NotFoundError
from core.policy import Aspect, Bound, Permission, Policy, Rank, resolve
from predict.fit import find_building
from stores.registry import PolicyRecord, Registry

router = resource("policies", "/policies")

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
MonthDay = Annotated[str, Field(pattern=r"^\d\d-\d\d$", examples=["10-15"])]
ClockTime = Annotated[str, Field(pattern=r"^\d\d:\d\d$", examples=["05:00"])]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class SeasonPart(_Part):
    """When heating is allowed, every year; half open."""

    start: MonthDay = Field(alias="from")
    end: MonthDay = Field(alias="to")


class WindowPart(_Part):
    """Part of every local day; half open."""

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")


class NewPolicy(_Part):
    """What a law, an ordinance or the house's own rules say."""

    id: str = Field(max_length=64, examples=["torino-2026-17"], description="A known one: its next version.")
    scope: str = Field(max_length=200, examples=["torino/calvino"], description="`site` or `site/building`.")
    rank: Rank = Field(description="An ordinance wins over the law; house rules can only be stricter.")
    issued: dt.date = Field(description="Of two of equal rank and scope the later wins.")
    valid_from: dt.date
    valid_to: dt.date | None = Field(default=None, description="Not included; none: until further notice.")
    source: str = Field(min_length=1, max_length=500, examples=["Ordinance 17/2026 of the mayor of Turin"])
    season: SeasonPart | None = None
    heating: Permission | None = Field(default=None, description="allowed or forbidden, whatever the season.")
    hours: list[WindowPart] = Field(default=[], max_length=12, description="When rooms may be above the set-back.")
    hours_per_day: float | None = None
    heating_maximum_c: float | None = None
    cooling_minimum_c: float | None = None
    occupied_minimum_c: float | None = None
    exempt: list[Aspect] = Field(default=[], max_length=6, description="What does not hold for the scope.")


class EnterPolicy(_Part):
    """A policy, and why it is entered."""

    policy: NewPolicy
    why: Words


class EndPolicy(_Part):
    """From when on a policy does not hold any more."""

    on: dt.date = Field(description="First local day on which it does not hold; its first day withdraws it.")
    why: Words


class PolicyOut(NewPolicy):
    """A version of a policy, and who entered it."""

    version: int
    by: str = Field(examples=["anna"])
    entered: dt.datetime
    why: str

    @classmethod
    def of(cls, record: PolicyRecord) -> Self:
        """As the API shows it."""
        value: dict[str, Any] = msgspec.to_builtins(record.value)
        return cls(**value, version=record.version, by=record.by, entered=utc(record.entered_ms), why=record.why)


class BoundOut(BaseModel):
    """A number that holds, and the record that says so."""

    value: float
    source: str


class HoldsOut(BaseModel):
    """What holds for a building at a time; null where no record speaks."""

    building: str
    time: dt.datetime = Field(description="Local, with offset.")
    heating: Permission
    heating_source: str
    in_hours: bool = Field(description="Whether rooms may be heated above the set-back at this time of the day.")
    hours_source: str
    hours_per_day: BoundOut | None
    heating_maximum_c: BoundOut | None
    cooling_minimum_c: BoundOut | None
    occupied_minimum_c: BoundOut | None


@router.get("")
def list_policies(
    registry: TheRegistry,
    scope: Annotated[str | None, Query(description="Those that speak of it.", examples=["torino/calvino"])] = None,
) -> Page[PolicyOut]:
    """List policies by id, each in its newest version."""
    return Page(items=[PolicyOut.of(r) for r in registry.policies(scope)])


@router.get("/in-force", responses=documented(404))
def show_holds(
    registry: TheRegistry,
    clock: TheClock,
    building: OfBuilding,
    at: Annotated[str | None, Query(description="Now by default.", examples=["2026-04-20T12:00"])] = None,
) -> HoldsOut:
    """What holds for a building at a time, and which record says so."""
    _, calendar = find_building(registry, building)
    time_ms = parse_time(at, "at", calendar) if at is not None else clock.now_ms()
    moment = local(time_ms, calendar)
    found = resolve([r.value for r in registry.policies(building)], building, moment)
    return HoldsOut(
        building=building,
        time=moment,
        heating=found.heating,
        heating_source=found.heating_source,
        in_hours=found.in_hours,
        hours_source=found.hours_source,
        hours_per_day=_bound(found.hours_per_day),
        heating_maximum_c=_bound(found.heating_maximum_c),
        cooling_minimum_c=_bound(found.cooling_minimum_c),
        occupied_minimum_c=_bound(found.occupied_minimum_c),
    )


@router.get("/{policy_id}", responses=documented(404))
def list_versions(policy_id: str, registry: TheRegistry) -> Page[PolicyOut]:
    """All versions of a policy, newest first."""
    found = registry.policy_versions(policy_id)
    if not found:
        raise NotFoundError(f"there is no policy {policy_id[:64]!r}")
    return Page(items=[PolicyOut.of(r) for r in found])


@router.post("", status_code=201, responses=documented(403, 404, 409))
def enter_policy(request: EnterPolicy, key: Operator, registry: TheRegistry, clock: TheClock) -> PolicyOut:
    """Enter a policy, or its next version; it says from now on who did it and why."""
    find_scope(registry, request.policy.scope)
    fields = request.policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        value = msgspec.convert(fields, Policy)
    except msgspec.ValidationError as error:
        raise RequestError(str(error)) from error
    return PolicyOut.of(registry.put_policy(value, by=key.name, why=request.why, now_ms=clock.now_ms()))


@router.post("/{policy_id}/end", responses=documented(403, 404, 409))
def end_policy(policy_id: str, request: EndPolicy, key: Operator, registry: TheRegistry, clock: TheClock) -> PolicyOut:
    """End a policy; its versions stay to be read."""
    return PolicyOut.of(registry.end_policy(policy_id, request.on, by=key.name, why=request.why, now_ms=clock.now_ms()))


def find_scope(registry: Registry, scope: str) -> None:
    """Raise NotFoundError or ConflictError when a ``site`` or ``site/building`` is not known."""
    if "/" in scope:
        find_building(registry, scope)
    else:
        calendar_of(registry, scope)


def _bound(value: Bound | None) -> BoundOut | None:
    return None if value is None else BoundOut(value=value.value, source=value.source)
