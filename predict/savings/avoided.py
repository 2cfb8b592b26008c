"""Avoided energy, IPMVP option C: what the adjusted baseline expects, minus what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.calendar import Calendar, Step
from core.errors import DomainError, NotFoundError
from predict.baseline import Prediction
from predict.fit import find_building
from predict.gap import Gap, GapTotal, compare, follow
from predict.residuals import Residuals, sum_uncertainty_kwh
from predict.savings.adjustment import combined_uncertainty_kwh, hourly_adjustment, hourly_total
from predict.savings.uncertainty import as_fraction
from predict.series import Floats, Times
from stores.port import ReadingStore
from stores.registry import Adjustment, Registry


@dataclass(frozen=True, slots=True)
class Savings:
    """Avoided energy per step; all sums run over the hours in which baseline and actual are *both* known.

    Attributes
    ----------
    edges_ms
        Shape (n + 1,): step i is ``[edges_ms[i], edges_ms[i + 1])``, UTC milliseconds.
    baseline_kwh, adjustment_kwh, actual_kwh
        Shape (n,): what the model predicts, what people add to it, what was used; NaN where no hour is known.
    saving_kwh
        Shape (n,): baseline + adjustment - actual. Positive: energy was avoided.
    uncertainty_kwh, fraction
        Shape (n,): half width of the 90 % interval of the saving, and the same as a share of the saving.
    to_date_kwh, to_date_uncertainty_kwh
        Shape (n,): saving from the beginning of the period to the end of the step, and its half width, which is not
        the sum of the steps'.
    coverage
        Shape (n,): share of the step's hours in the asked period in which both are known; nothing is scaled up.
    extrapolated
        Shape (n,): share of the known hours whose weather lies outside of what the baseline was fitted on.
    """

    edges_ms: Times
    baseline_kwh: Floats
    adjustment_kwh: Floats
    actual_kwh: Floats
    saving_kwh: Floats
    uncertainty_kwh: Floats
    fraction: Floats
    to_date_kwh: Floats
    to_date_uncertainty_kwh: Floats
    coverage: Floats
    extrapolated: Floats


@dataclass(frozen=True, slots=True)
class SavingsTotal:
    """`Savings` over one whole period, see there.

    Attributes
    ----------
    adjusted
        kWh of each adjustment that counts in the period, by its id.
    hours, known_hours
        In the period, and those in which baseline and actual are known.
    """

    start_ms: int
    end_ms: int
    baseline_kwh: float
    adjustment_kwh: float
    actual_kwh: float
    saving_kwh: float
    uncertainty_kwh: float
    fraction: float
    coverage: float
    extrapolated: float
    hours: int
    known_hours: int
    adjusted: dict[str, float]

    @property
    def is_significant(self) -> bool:
        """Whether the saving is beyond its uncertainty."""
        return abs(self.saving_kwh) > self.uncertainty_kwh


@dataclass(frozen=True, slots=True)
class MeterSavings:
    """Savings of one meter, and what they rest on.

    Attributes
    ----------
    kind, version
        Of the baseline.
    disqualified
        Why nothing may be claimed, in sentences; empty when it may.
    adjustments
        In force, with some hour in the period.
    """

    meter: str
    kind: str
    version: int
    disqualified: list[str]
    adjustments: list[Adjustment]
    steps: Savings
    total: SavingsTotal


@dataclass(frozen=True, slots=True)
class BuildingSavings:
    """Savings of a building's meters; never added up here, since one meter may stand behind another.

    Attributes
    ----------
    missing
        Why the other meters have none: point id to sentence.
    """

    building: str
    start_ms: int
    end_ms: int
    step: Step
    meters: list[MeterSavings]
    missing: dict[str, str]


def building_savings(
    store: ReadingStore,
    registry: Registry,
    building_id: str,
    *,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    step: Step = Step.MONTH,
) -> BuildingSavings:
    """Savings of every meter of a building over ``[start_ms, end_ms)`` with the adjustments in force at `now_ms`.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    building, calendar = find_building(registry, building_id)
    if start_ms >= end_ms:
        raise DomainError("the period of a saving must end after it starts")
    meters, missing = [], {}
    for meter_id in building.meters:
        try:
            meters.append(
                meter_savings(
                    store, registry, meter_id, calendar, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms, step=step
                )
            )
        except (NotFoundError, DomainError) as error:
            missing[meter_id] = error.message
    return BuildingSavings(building_id, start_ms, end_ms, step, meters, missing)


def meter_savings(
    store: ReadingStore,
    registry: Registry,
    meter_id: str,
    calendar: Calendar,
    *,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    step: Step = Step.MONTH,
) -> MeterSavings:
    """Savings of one meter against the baseline in use; see `building_savings`.

    Raises
    ------
    NotFoundError
        The meter, its baseline or the outdoor temperature is not in the registry.
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    found = follow(store, registry, meter_id, calendar, start_ms, end_ms)
    counted = relevant(registry.adjustments(meter_id, at_ms=now_ms), start_ms, end_ms)
    steps, total = avoided_energy(
        found.actual_kwh, found.prediction, found.residuals, counted, calendar,
        start_ms=start_ms, end_ms=end_ms, step=step,
    )  # fmt: skip
    reasons = list(found.figures.disqualified)
    if found.record.end_ms > start_ms:
        reasons.append("The period begins before the baseline's own ends: it is compared with what it was fitted on.")
    return MeterSavings(meter_id, found.record.kind, found.record.version, reasons, counted, steps, total)


def relevant(adjustments: Sequence[Adjustment], start_ms: int, end_ms: int) -> list[Adjustment]:
    """Those with some time in ``[start_ms, end_ms)``."""
    return [a for a in adjustments if a.start_ms < end_ms and (a.end_ms is None or a.end_ms > start_ms)]


def avoided_energy(
    actual_kwh: Floats,
    prediction: Prediction,
    residuals: Residuals,
    adjustments: Sequence[Adjustment],
    calendar: Calendar,
    *,
    start_ms: int,
    end_ms: int,
    step: Step,
) -> tuple[Savings, SavingsTotal]:
    """Avoided energy of the hours of ``[start_ms, end_ms)`` per step of the calendar and as a whole; no I/O.

    Parameters
    ----------
    actual_kwh
        Shape of the prediction, NaN where unknown.
    prediction
        Of the hours that cover the period, by the baseline.
    residuals
        Of the baseline.
    adjustments
        Those that count.

    Raises
    ------
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    parts = [hourly_adjustment(a, prediction.time_ms, prediction.kwh, calendar) for a in adjustments]
    added = hourly_total(parts, len(prediction.kwh))
    adjusted = Prediction(prediction.time_ms, prediction.kwh + added, prediction.extrapolated)
    gap, whole = compare(actual_kwh, adjusted, residuals, calendar, start_ms=start_ms, end_ms=end_ms, step=step)
    known = np.isfinite(actual_kwh) & np.isfinite(adjusted.kwh)
    bin_of = np.searchsorted(gap.edges_ms, prediction.time_ms, side="right") - 1

    def per_step(values: Floats) -> Floats:
        return np.asarray(np.bincount(bin_of[known], values[known], minlength=len(gap.gap_kwh)), np.float64)

    steps = _steps(gap, residuals, adjustments, [per_step(part) for part in parts], per_step(np.ones(len(known))))
    return steps, _total(whole, adjustments, [float(part[known].sum()) for part in parts])


def _steps(
    gap: Gap, residuals: Residuals, adjustments: Sequence[Adjustment], sums: list[Floats], count: Floats
) -> Savings:
    added = np.where(count > 0, hourly_total(sums, len(count)), np.nan)
    uncertainty = combined_uncertainty_kwh(gap.uncertainty_kwh, adjustments, sums)
    saving = -gap.gap_kwh
    hours = np.cumsum(count)
    to_date = combined_uncertainty_kwh(
        sum_uncertainty_kwh(residuals, np.maximum(hours, 1)), adjustments, [np.cumsum(s) for s in sums]
    )
    return Savings(
        edges_ms=gap.edges_ms,
        baseline_kwh=gap.predicted_kwh - added,
        adjustment_kwh=added,
        actual_kwh=gap.actual_kwh,
        saving_kwh=saving,
        uncertainty_kwh=uncertainty,
        fraction=as_fraction(uncertainty, saving),
        to_date_kwh=np.where(hours > 0, np.nancumsum(saving), np.nan),
        to_date_uncertainty_kwh=np.where(hours > 0, to_date, np.nan),
        coverage=gap.coverage,
        extrapolated=gap.extrapolated,
    )


def _total(whole: GapTotal, adjustments: Sequence[Adjustment], sums: list[float]) -> SavingsTotal:
    added = sum(sums) if whole.known_hours else float("nan")
    width = combined_uncertainty_kwh(np.array(whole.uncertainty_kwh), adjustments, [np.array(s) for s in sums])
    saving = -whole.gap_kwh
    return SavingsTotal(
        start_ms=whole.start_ms,
        end_ms=whole.end_ms,
        baseline_kwh=whole.predicted_kwh - added,
        adjustment_kwh=added,
        actual_kwh=whole.actual_kwh,
        saving_kwh=saving,
        uncertainty_kwh=float(width),
        fraction=float(as_fraction(width, saving)),
        coverage=whole.coverage,
        extrapolated=whole.extrapolated,
        hours=whole.hours,
        known_hours=whole.known_hours,
        adjusted={a.id: kwh for a, kwh in zip(adjustments, sums, strict=True)},
    )
