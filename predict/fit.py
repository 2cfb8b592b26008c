"""Fits baselines from the store and keeps them in the registry, with what they were fitted on."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import msgspec

from core.calendar import HOUR_MS, Calendar
from core.config.models import Building
from core.errors import ConflictError, DomainError, NotFoundError
from core.points import Point
from predict.baseline import KIND, DayBaseline
from predict.figures import Figures, Sufficiency, disqualifications, figures, sufficiency
from predict.series import Floats, Times, hourly_energy, hourly_temperature
from stores.port import ReadingStore
from stores.registry import FittedModel, ModelRecord, Registry

log = logging.getLogger("promessa.predict")


class BaselineFigures(msgspec.Struct, frozen=True):
    """What the registry keeps beside a baseline; `msgspec.convert(record.figures, BaselineFigures)` reads it back.

    Attributes
    ----------
    fit
        Agreement in the baseline period itself, which Guideline 14 judges.
    cross_validated
        Agreement on months left out of the fit: what to expect of the next year, before drift.
    data
        What the period holds.
    disqualified
        Why no savings may be claimed with it, in sentences; empty when they may.
    temperature
        Point id of the outdoor temperature it uses.
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


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What came of fitting one meter: a record, or the reason why there is none."""

    meter: str
    record: ModelRecord | None
    reason: str = ""


def fit_building(store: ReadingStore, registry: Registry, building_id: str, now_ms: int) -> list[FitOutcome]:
    """Fit a baseline for every meter of a building over its configured baseline period, or all that is stored.

    A meter that cannot be fitted is a row with its reason, not an exception.

    Raises
    ------
    NotFoundError
        The building, its site or its outdoor temperature is not in the registry.
    """
    building, calendar = find_building(registry, building_id)
    sensor = find_point(registry, building.outdoor_temperature, f"outdoor temperature of {building_id}")
    outcomes = []
    for meter_id in building.meters:
        try:
            meter = find_point(registry, meter_id, f"meter of {building_id}")
            start_ms, end_ms = baseline_period(store, building, meter_id, calendar, now_ms)
            record = fit_meter(
                store, registry, meter, sensor, calendar, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms
            )
            outcomes.append(FitOutcome(meter_id, record))
        except (DomainError, NotFoundError, ConflictError) as error:
            log.warning("fit_failed meter=%s code=%s reason=%r", meter_id, error.code, error.message)
            outcomes.append(FitOutcome(meter_id, None, error.message))
    return outcomes


def fit_meter(
    store: ReadingStore,
    registry: Registry,
    meter: Point,
    sensor: Point,
    calendar: Calendar,
    *,
    start_ms: int,
    end_ms: int,
    now_ms: int,
) -> ModelRecord:
    """Fit one meter on ``[start_ms, end_ms)`` and keep the baseline as its newest version.

    Raises
    ------
    DomainError
        The period has no hour with both energy and outdoor temperature, or the meter measures no energy.
    """
    energy = hourly_energy(store, meter, start_ms, end_ms, calendar)
    temperature = hourly_temperature(store, sensor, start_ms, end_ms, calendar)
    model = DayBaseline(calendar).fit(energy.time_ms, temperature, energy.kwh)
    agreement = figures(energy.kwh, model.predict(energy.time_ms, temperature).kwh)
    held = sufficiency(energy.time_ms, energy.kwh, temperature, calendar)
    kept = BaselineFigures(
        fit=agreement,
        cross_validated=figures(energy.kwh, model.cross_validated_kwh_),
        data=held,
        disqualified=disqualifications(agreement, held),
        temperature=sensor.id,
        temperature_low_c=model.temperature_range_c_[0],
        temperature_high_c=model.temperature_range_c_[1],
        data_sha256=_fingerprint(energy.time_ms, temperature, energy.kwh),
    )
    record = registry.put_model(
        meter.id,
        KIND,
        period=(int(energy.time_ms[0]), int(energy.time_ms[-1]) + HOUR_MS),
        figures=msgspec.to_builtins(kept),
        blob=model.to_bytes(),
        now_ms=now_ms,
    )
    log.info(
        "baseline_fitted meter=%s version=%d cv_rmse=%s nmbe=%s coverage=%.3f disqualified=%d",
        meter.id, record.version, agreement.cv_rmse, agreement.nmbe, held.coverage, len(kept.disqualified),
    )  # fmt: skip
    return record


def latest_baseline(registry: Registry, meter_id: str, calendar: Calendar) -> tuple[DayBaseline, FittedModel]:
    """Newest baseline of a meter, ready to predict, and its record.

    Raises
    ------
    NotFoundError
        None was fitted yet.
    """
    record = registry.latest_model(meter_id, KIND)
    if record is None:
        raise NotFoundError(f"{meter_id} has no baseline yet: fit its building")
    return DayBaseline.from_bytes(record.blob, calendar), record


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


def find_point(registry: Registry, point_id: str, what: str) -> Point:
    """A point, or NotFoundError that says what it is needed for."""
    point = registry.point(point_id) if point_id else None
    if point is None:
        raise NotFoundError(f"{what}: point {point_id or '(none configured)'} is not in the registry")
    return point


def _fingerprint(time_ms: Times, *columns: Floats) -> str:
    digest = hashlib.sha256(time_ms.tobytes())
    for column in columns:
        digest.update(column.tobytes())
    return digest.hexdigest()
