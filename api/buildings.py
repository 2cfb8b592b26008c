"""Buildings with their zones and newest readings, and the baselines of their meters."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Annotated, Self

from fastapi import Path
from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry, TheStores
from api.paging import Page
from api.points import PointWithLatest
from api.problems import documented
from api.routes import resource
from api.times import utc
from control.consent import ceiling_of
from control.trust import effective_mode
from core.config.models import Building
from core.errors import NotFoundError
from predict.forecast.forecaster import KIND as FORECASTER
from stores.registry import ModelRecord, ModelRole, Registry, RoleGiven, StopChange, Trust, TrustMode

router = resource("buildings", "/buildings")

Name = Annotated[str, Path(max_length=64)]


class BuildingOut(BaseModel):
    """A building."""

    id: str = Field(examples=["torino/calvino"])
    name: str = Field(examples=["Biblioteca civica Italo Calvino"])
    site: str = Field(examples=["torino"])
    timezone: str | None = Field(description="IANA name; null while the site is not configured.")
    floor_area_m2: float | None
    meters: list[str] = Field(description="Point ids of its main energy meters.")


class ZoneOut(BaseModel):
    """A zone and its points."""

    id: str | None = Field(description="Null for what belongs to the building as a whole.")
    points: list[PointWithLatest]


class StopOut(BaseModel):
    """Somebody stopped control, or let it go on."""

    time: datetime
    by: str = Field(examples=["anna"])
    reason: str

    @classmethod
    def of(cls, change: StopChange) -> Self:
        """As the API shows it."""
        return cls(time=utc(change.time_ms), by=change.by, reason=change.why)


class TrustSummary(BaseModel):
    """How far control is trusted with a building."""

    ceiling: TrustMode = Field(description="The most that its configuration allows.")
    mode: TrustMode = Field(description="What people have set; advise at first.")
    effective: TrustMode = Field(description="What holds now.")
    stopped: StopOut | None = Field(description="Who stopped control; nothing is sent until somebody releases it.")


class BuildingDetail(BuildingOut):
    """A building, how far control is trusted there, its zones and their newest readings."""

    control: TrustSummary
    zones: list[ZoneOut]


class FitOut(BaseModel):
    """Agreement in the baseline period (ASHRAE Guideline 14)."""

    hours: int | None = None
    mean_kwh: float | None = Field(default=None, description="Mean use, kWh per hour.")
    cv_rmse: float | None = Field(default=None, description="Percent; at most 30 by the hour.")
    nmbe: float | None = Field(default=None, description="Percent, positive: more was used than predicted; within ±10.")
    r2: float | None = None


class SufficiencyOut(BaseModel):
    """What the baseline period holds."""

    days: float | None = None
    valid_days: int | None = Field(default=None, description="Days with at least 90 % of their hours known.")
    coverage: float | None = Field(default=None, description="Share of all hours known, 0 to 1.")


class BaselineOut(BaseModel):
    """A fitted baseline."""

    kind: str = Field(examples=["towt"])
    version: int
    start: datetime = Field(description="Start of the data it was fitted on, UTC.")
    end: datetime = Field(description="End of that data, not included, UTC.")
    fitted: datetime
    fit: FitOut
    sufficiency: SufficiencyOut
    role: ModelRole | None = Field(description="In use, tried against it, or retired; null: fitted before roles.")
    role_reason: str = Field(description="Why it has this role.")
    may_claim_savings: bool = Field(description="Its figures and data are within the limits.")
    disqualified: list[str] = Field(description="Why no savings may be claimed with it, in sentences.")


class MeterBaselines(BaseModel):
    """The baselines of one meter."""

    meter: str = Field(examples=["torino/calvino/gas"])
    latest: BaselineOut | None = Field(description="The one in use (the champion). Null: none was fitted yet.")
    versions: list[BaselineOut] = Field(description="Newest first.")


@router.get("")
def list_buildings(registry: TheRegistry) -> Page[BuildingOut]:
    """List all buildings."""
    zones = {site.id: site.timezone for site in registry.sites()}
    return Page(items=[_shown(b, zones) for b in registry.buildings()])


@router.get("/{site}/{name}", responses=documented(404))
def get_building(site: Name, name: Name, registry: TheRegistry, stores: TheStores, clock: TheClock) -> BuildingDetail:
    """One building with its zones and the newest reading of every point."""
    building = _find(registry, site, name)
    points = registry.points(building.id)
    latest = stores.here().latest([p.id for p in points]) if points else {}
    owners, now_ms = registry.owners(), clock.now_ms()
    zones = []
    for zone, members in groupby(sorted(points, key=lambda p: (p.zone or "", p.id)), key=lambda p: p.zone):
        shown = [PointWithLatest.with_latest(p, owners.get(p.id), latest.get(p.id), now_ms) for p in members]
        zones.append(ZoneOut(id=zone, points=shown))
    timezones = {s.id: s.timezone for s in registry.sites()}
    control = trust_summary(ceiling_of(building), registry.trust(building.id))
    return BuildingDetail(**_shown(building, timezones).model_dump(), control=control, zones=zones)


@router.get("/{site}/{name}/baselines", responses=documented(404))
def get_baselines(site: Name, name: Name, registry: TheRegistry) -> Page[MeterBaselines]:
    """Baselines of the building's meters: the one in use, and all versions."""
    items = []
    for meter in _find(registry, site, name).meters:
        roles = {(given.kind, given.version): given for given in reversed(registry.model_roles(meter))}
        versions = [
            _baseline(record, roles.get((record.kind, record.version)))
            for record in registry.models(meter)
            if record.kind != FORECASTER
        ]
        champion = next((v for v in versions if v.role == ModelRole.CHAMPION), None)
        items.append(MeterBaselines(meter=meter, latest=champion or next(iter(versions), None), versions=versions))
    return Page(items=items)


def trust_summary(ceiling: TrustMode, trust: Trust) -> TrustSummary:
    """As the API shows it."""
    return TrustSummary(
        ceiling=ceiling,
        mode=trust.mode,
        effective=effective_mode(ceiling, trust),
        stopped=None if trust.stop is None else StopOut.of(trust.stop),
    )


def _find(registry: Registry, site: str, name: str) -> Building:
    building = registry.building(f"{site}/{name}")
    if building is None:
        raise NotFoundError(f"there is no building {site}/{name}")
    return building


def _shown(building: Building, timezones: dict[str, str]) -> BuildingOut:
    site = building.id.partition("/")[0]
    return BuildingOut(
        id=building.id,
        name=building.name or building.id,
        site=site,
        timezone=timezones.get(site),
        floor_area_m2=building.floor_area_m2,
        meters=building.meters,
    )


def _baseline(record: ModelRecord, given: RoleGiven | None) -> BaselineOut:
    # As `predict.fit.BaselineFigures` writes them; one of an older form shows what it has.
    disqualified = record.figures.get("disqualified", ["Nobody has judged its figures."])
    return BaselineOut(
        kind=record.kind,
        version=record.version,
        start=utc(record.start_ms),
        end=utc(record.end_ms),
        fitted=utc(record.fitted_ms),
        fit=FitOut.model_validate(record.figures.get("fit", {})),
        sufficiency=SufficiencyOut.model_validate(record.figures.get("data", {})),
        role=None if given is None else given.role,
        role_reason="" if given is None else given.reason,
        may_claim_savings=not disqualified,
        disqualified=disqualified,
    )
