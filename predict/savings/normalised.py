"""Normalised savings (IPMVP): baseline and reporting period, both carried to the weather of one normal year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np

from core.calendar import Calendar
from core.errors import DomainError, NotFoundError
from predict.baseline import Prediction
from predict.fit import BaselineFigures, find_building, find_point, fit_hours, latest_baseline, outdoors_of, read_hours
from predict.gap import expect
from predict.residuals import Residuals, sum_uncertainty_kwh
from predict.savings.avoided import relevant
from predict.savings.uncertainty import as_fraction
from stores.port import ReadingStore
from stores.registry import Registry


@dataclass(frozen=True, slots=True)
class Normalised:
    """What a meter saves in a normal year; sums over the hours whose weather is known.

    Attributes
    ----------
    baseline_kwh, reporting_kwh
        Of the normal year: as the baseline has it, and as a model of the reporting period has it.
    saving_kwh
        Baseline minus reporting.
    uncertainty_kwh, fraction
        Half width of its 90 % interval, which holds the errors of both models, and the same as a share of it.
    coverage
        Share of the normal year's hours that are known to both.
    extrapolated
        Share of them outside of the weather that at least one of the two was fitted on.
    """

    baseline_kwh: float
    reporting_kwh: float
    saving_kwh: float
    uncertainty_kwh: float
    fraction: float
    coverage: float
    extrapolated: float

    @property
    def is_significant(self) -> bool:
        """Whether the saving is beyond its uncertainty."""
        return abs(self.saving_kwh) > self.uncertainty_kwh


@dataclass(frozen=True, slots=True)
class MeterNormalised:
    """Normalised savings of one meter, and what they rest on.

    Attributes
    ----------
    kind, version
        Of the baseline in use.
    normal_year
        Local year whose stored weather is the normal one.
    disqualified
        Why nothing may be claimed, in sentences; empty when it may.
    """

    meter: str
    kind: str
    version: int
    normal_year: int
    disqualified: list[str]
    total: Normalised


def normalised(baseline: tuple[Prediction, Residuals], reporting: tuple[Prediction, Residuals]) -> Normalised:
    """Savings of a normal year from two predictions of the same hours of it and their models' errors; no I/O.

    Raises
    ------
    DomainError
        No hour is known to both.
    """
    (before, _), (after, _) = baseline, reporting
    known = np.isfinite(before.kwh) & np.isfinite(after.kwh)
    hours = int(known.sum())
    if not hours:
        raise DomainError("no weather of the normal year is stored")
    sums = [float(p.kwh[known].sum()) for p in (before, after)]
    first, second = (float(sum_uncertainty_kwh(residuals, hours)) for _, residuals in (baseline, reporting))
    width, saving = float(np.hypot(first, second)), sums[0] - sums[1]
    return Normalised(
        baseline_kwh=sums[0],
        reporting_kwh=sums[1],
        saving_kwh=saving,
        uncertainty_kwh=width,
        fraction=float(as_fraction(np.array(width), np.array(saving))),
        coverage=hours / len(known),
        extrapolated=float(np.mean((before.extrapolated | after.extrapolated)[known])),
    )


def building_normalised(
    store: ReadingStore,
    registry: Registry,
    building_id: str,
    *,
    start_ms: int,
    end_ms: int,
    normal_year: int,
    now_ms: int,
) -> tuple[list[MeterNormalised], dict[str, str]]:
    """Normalised savings of every meter of a building, and why some have none.

    Parameters
    ----------
    start_ms, end_ms
        Reporting period, a year as a rule, half open, UTC milliseconds.
    normal_year
        Local year whose stored weather is the normal one.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        The period is empty.
    """
    building, calendar = find_building(registry, building_id)
    if start_ms >= end_ms:
        raise DomainError("the period of a saving must end after it starts")
    found, missing = [], {}
    for meter_id in building.meters:
        try:
            found.append(_of_meter(store, registry, meter_id, calendar, (start_ms, end_ms), normal_year, now_ms))
        except (NotFoundError, DomainError) as error:
            missing[meter_id] = error.message
    return found, missing


def _of_meter(
    store: ReadingStore,
    registry: Registry,
    meter_id: str,
    calendar: Calendar,
    period: tuple[int, int],
    normal_year: int,
    now_ms: int,
) -> MeterNormalised:
    meter = find_point(registry, meter_id, "meter")
    model, record = latest_baseline(registry, meter_id, calendar)
    figures = msgspec.convert(record.figures, BaselineFigures)
    outdoors = outdoors_of(registry, figures, meter_id)
    fitted = fit_hours(read_hours(store, meter, outdoors, calendar, *period), calendar, outdoors)
    year = tuple(calendar.midnight(date(y, 1, 1)) for y in (normal_year, normal_year + 1))
    predictions = [expect(store, outdoors, m, year[0], year[1]) for m in (model, fitted.model)]
    reasons = [f"Baseline: {reason}" for reason in figures.disqualified]
    reasons += [f"Reporting period: {reason}" for reason in fitted.figures.disqualified]
    if record.end_ms > period[0]:
        reasons.append("The reporting period begins before the baseline's own ends.")
    if relevant(registry.adjustments(meter_id, at_ms=now_ms), *period):
        reasons.append("Non-routine adjustments of the reporting period are not carried to a normal year.")
    total = normalised((predictions[0], model.residuals_), (predictions[1], fitted.model.residuals_))
    return MeterNormalised(meter_id, record.kind, record.version, normal_year, reasons, total)
