"""Fits baselines from the store and keeps them in the registry, with what they were fitted on."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.config.models import Building
from core.errors import ConflictError, DomainError, NotFoundError
from core.points import Point
from predict.baseline import KIND, DayBaseline
from predict.figures import Figures, Sufficiency, disqualifications, figures, sufficiency
from predict.series import Floats, Outdoors, Times, hourly_energy
from stores.port import ReadingStore
from stores.registry import FittedModel, ModelRecord, ModelRole, Registry

log = logging.getLogger("promessa.predict")

Baseline: TypeAlias = DayBaseline
BASELINE_KIND: Final = KIND
"""The class of the baselines that are fitted today, and its name in the registry; everybody else names them so."""


class BaselineFigures(msgspec.Struct, frozen=True):
    """What the registry keeps beside a baseline; `msgspec.convert(record.figures, BaselineFigures)` reads it back.

    Attributes
    ----------
    fit
        Agreement in the baseline period, each day as the other days expect it, which Guideline 14 judges.
    cross_validated
        Agreement on months left out of the fit: what to expect of the next year, before drift.
    data
        What the period holds.
    disqualified
        Why no savings may be claimed with it, in sentences; empty when they may.
    temperature, irradiance
        Point ids of the outdoor temperature and, unless empty, of the irradiance that it uses.
    temperature_low_c, temperature_high_c
        Range it was fitted on; outside of it a prediction is extrapolated.
    data_sha256
        Of the hours it was fitted on: fitting the same data again gives the same.
    """

    fit: Figures
    cross_validated: Figures
    data: Sufficiency
    disqualified: list[str]
    temperature: str
    temperature_low_c: float
    temperature_high_c: float
    data_sha256: str
    irradiance: str = ""


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What came of fitting one meter: a record, or the reason why there is none."""

    meter: str
    record: ModelRecord | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """What a baseline is fitted on: consecutive hours.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    temperature_c, kwh
        Shape (n,), NaN where unknown.
    irradiance_wm2
        The same; None where nobody measures it.
    """

    time_ms: Times
    temperature_c: Floats
    kwh: Floats
    irradiance_wm2: Floats | None = None

    def between(self, start_ms: int, end_ms: int) -> Hours:
        """Those that start in ``[start_ms, end_ms)``."""
        here = slice(*np.searchsorted(self.time_ms, (start_ms, end_ms)))
        sun = None if self.irradiance_wm2 is None else self.irradiance_wm2[here]
        return Hours(self.time_ms[here], self.temperature_c[here], self.kwh[here], sun)

    def fingerprint(self) -> str:
        """SHA-256: the same hours give the same."""
        digest = hashlib.sha256(self.time_ms.tobytes())
        for column in (self.temperature_c, self.kwh, self.irradiance_wm2):
            digest.update(b"" if column is None else column.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted baseline that nobody has kept yet.

    Attributes
    ----------
    model
        Ready to predict.
    period
        Of the data, half open, UTC milliseconds.
    figures
        For the registry.
    """

    model: Baseline
    period: tuple[int, int]
    figures: BaselineFigures


def fit_building(
    store: ReadingStore, registry: Registry, building_id: str, now_ms: int, by: str = "fit"
) -> list[FitOutcome]:
    """Fit a baseline for every meter of a building over its configured baseline period, or all that is stored.

    Each becomes the meter's champion, whatever it replaces; `predict.fleet` decides by merit.
    A meter that cannot be fitted is a row with its reason, not an exception.

    Raises
    ------
    NotFoundError
        The building, its site or its outdoor temperature is not in the registry.
    """
    building, calendar = find_building(registry, building_id)
    outdoors = find_outdoors(registry, building.outdoor_temperature, building.solar_irradiance, building_id)
    outcomes = []
    for meter_id in building.meters:
        try:
            meter = find_point(registry, meter_id, f"meter of {building_id}")
            period = baseline_period(store, building, meter_id, calendar, now_ms)
            fitted = fit_hours(read_hours(store, meter, outdoors, calendar, *period), calendar, outdoors)
            record = keep_baseline(
                registry, meter_id, fitted, role=ModelRole.CHAMPION, by=by, reason="fitted on request", now_ms=now_ms
            )
            outcomes.append(FitOutcome(meter_id, record))
        except (DomainError, NotFoundError, ConflictError) as error:
            log.warning("fit_failed meter=%s code=%s reason=%r", meter_id, error.code, error.message)
            outcomes.append(FitOutcome(meter_id, None, error.message))
    return outcomes


def read_hours(
    store: ReadingStore, meter: Point, outdoors: Outdoors, calendar: Calendar, start_ms: int, end_ms: int
) -> Hours:
    """The hours that cover ``[start_ms, end_ms)``, as the store knows them.

    Raises
    ------
    DomainError
        The meter measures no energy.
    """
    energy = hourly_energy(store, meter, start_ms, end_ms, calendar)
    temperature, irradiance = outdoors.hours(store, start_ms, end_ms, calendar)
    return Hours(energy.time_ms, temperature, energy.kwh, irradiance)


def fit_hours(hours: Hours, calendar: Calendar, outdoors: Outdoors) -> Fitted:
    """Fit a baseline and judge it; no I/O.

    Parameters
    ----------
    outdoors
        Where the weather comes from.

    Raises
    ------
    DomainError
        No hour has both energy and outdoor temperature.
    """
    model = Baseline(calendar).fit(hours.time_ms, hours.temperature_c, hours.kwh, hours.irradiance_wm2)
    agreement = figures(hours.kwh, model.left_out_kwh_)
    held = sufficiency(hours.time_ms, hours.kwh, hours.temperature_c, calendar)
    kept = BaselineFigures(
        fit=agreement,
        cross_validated=figures(hours.kwh, model.cross_validated_kwh_),
        data=held,
        disqualified=disqualifications(agreement, held),
        temperature=outdoors.temperature.id,
        irradiance=outdoors.irradiance.id if outdoors.irradiance else "",
        temperature_low_c=model.temperature_range_c_[0],
        temperature_high_c=model.temperature_range_c_[1],
        data_sha256=hours.fingerprint(),
    )
    return Fitted(model, (int(hours.time_ms[0]), int(hours.time_ms[-1]) + HOUR_MS), kept)


def keep_baseline(
    registry: Registry, meter_id: str, fitted: Fitted, *, role: ModelRole, by: str, reason: str, now_ms: int
) -> ModelRecord:
    """Keep a fitted baseline as the meter's next version, with the role that it gets and why.

    Raises
    ------
    ConflictError
        Another process kept one in the same moment.
    """
    return keep_blob(
        registry, meter_id, fitted.model.to_bytes(), fitted.period, fitted.figures, role=role, by=by, reason=reason,
        now_ms=now_ms,
    )  # fmt: skip


def keep_blob(
    registry: Registry,
    meter_id: str,
    blob: bytes,
    period: tuple[int, int],
    kept: BaselineFigures,
    *,
    role: ModelRole,
    by: str,
    reason: str,
    now_ms: int,
) -> ModelRecord:
    """`keep_baseline` of a model that is bytes already, because it was fitted elsewhere."""
    with registry.together():
        record = registry.put_model(
            meter_id, BASELINE_KIND, period=period, figures=msgspec.to_builtins(kept), blob=blob, now_ms=now_ms
        )
        registry.give_role(meter_id, BASELINE_KIND, record.version, role, by=by, reason=reason, now_ms=now_ms)
    log.info(
        "baseline_fitted meter=%s version=%d role=%s cv_rmse=%s nmbe=%s coverage=%.3f disqualified=%d",
        meter_id, record.version, role.value, kept.fit.cv_rmse, kept.fit.nmbe, kept.data.coverage,
        len(kept.disqualified),
    )  # fmt: skip
    return record


def latest_baseline(registry: Registry, meter_id: str, calendar: Calendar) -> tuple[Baseline, FittedModel]:
    """Baseline of a meter that is in use (its champion), ready to predict, and its record.

    Raises
    ------
    NotFoundError
        None was fitted yet.
    """
    record = champion_of(registry, meter_id)
    if record is None:
        raise NotFoundError(f"{meter_id} has no baseline yet: fit its building")
    return open_baseline(record.blob, calendar), record


def champion_of(registry: Registry, meter_id: str) -> FittedModel | None:
    """Record of the baseline in use, None when there is none."""
    return registry.champion(meter_id, BASELINE_KIND)


def last_fit_ms(registry: Registry, meter_id: str) -> int:
    """When a baseline of the meter was last fitted, whatever came of it; 0 for never."""
    return registry.last_fitted_ms(meter_id, BASELINE_KIND)


def open_baseline(blob: bytes, calendar: Calendar) -> Baseline:
    """Baseline of a blob, ready to predict.

    Raises
    ------
    DomainError
        It is not one of ours, or of another time zone.
    """
    return Baseline.from_bytes(blob, calendar)


def baseline_of_version(
    registry: Registry, meter_id: str, kind: str, version: int, calendar: Calendar
) -> tuple[Baseline, FittedModel]:
    """A certain baseline of a meter, whatever is in use now, and its record.

    Raises
    ------
    NotFoundError
        There is no such version.
    DomainError
        It is of a kind that this version of Promessa cannot open.
    """
    record = registry.model(meter_id, kind, version)
    if record is None:
        raise NotFoundError(f"{meter_id} has no {kind} baseline of version {version}")
    return open_baseline(record.blob, calendar), record


def baseline_period(
    store: ReadingStore, building: Building, meter_id: str, calendar: Calendar, now_ms: int
) -> tuple[int, int]:
    """Configured baseline period of a building, its open ends filled with what is stored up to `now_ms`.

    Raises
    ------
    DomainError
        Nothing is stored of the meter, or the period is empty.
    """
    extent = store.extent(meter_id)
    if extent is None:
        raise DomainError(f"{meter_id} has no readings to fit")
    start = calendar.midnight(building.baseline_start) if building.baseline_start else extent.first_ms
    end = calendar.midnight(building.baseline_end) if building.baseline_end else min(extent.last_ms + 1, now_ms)
    if start >= end:
        raise DomainError(f"the baseline period of {meter_id} is empty")
    return start, end


def find_building(registry: Registry, building_id: str) -> tuple[Building, Calendar]:
    """A building and the calendar of its site, or NotFoundError."""
    building = registry.building(building_id)
    site_id = building_id.partition("/")[0]
    site = next((s for s in registry.sites() if s.id == site_id), None)
    if building is None or site is None:
        raise NotFoundError(f"building {building_id} is not in the registry")
    return building, site.calendar()


def find_outdoors(registry: Registry, temperature_id: str, irradiance_id: str, whose: str) -> Outdoors:
    """Outdoor points by id; an empty `irradiance_id` is none.

    Raises
    ------
    NotFoundError
        One of them is not in the registry, or no temperature is configured.
    """
    temperature = find_point(registry, temperature_id, f"outdoor temperature of {whose}")
    sun = find_point(registry, irradiance_id, f"solar irradiance of {whose}") if irradiance_id else None
    return Outdoors(temperature, sun)


def outdoors_of(registry: Registry, kept: BaselineFigures, meter_id: str) -> Outdoors:
    """Who measures the weather of a baseline that was kept.

    Raises
    ------
    NotFoundError
        A point is not in the registry any more.
    """
    return find_outdoors(registry, kept.temperature, kept.irradiance, meter_id)


def find_point(registry: Registry, point_id: str, what: str) -> Point:
    """A point, or NotFoundError that says what it is needed for."""
    point = registry.point(point_id) if point_id else None
    if point is None:
        raise NotFoundError(f"{what}: point {point_id or '(none configured)'} is not in the registry")
    return point
