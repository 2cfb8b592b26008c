"""The gap between what a building uses and what its baseline expects, over any period, with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from core.calendar import Calendar, Step
from core.errors import DomainError, NotFoundError
from predict.baseline import DayBaseline, Prediction
from predict.fit import BaselineFigures, find_building, find_point, latest_baseline, outdoors_of
from predict.residuals import Residuals, sum_uncertainty_kwh
from predict.series import Floats, Outdoors, Times, hour_edges, hourly_energy
from stores.port import ReadingStore
from stores.registry import ModelRecord, Registry

_TOO_FINE = (Step.MINUTE_5, Step.MINUTE_15)


@dataclass(frozen=True, slots=True)
class Gap:
    """Actual against predicted energy per step; both sums run over the hours in which *both* are known.

    Attributes
    ----------
    edges_ms
        Shape (n + 1,): step i is ``[edges_ms[i], edges_ms[i + 1])``, UTC milliseconds.
    actual_kwh, predicted_kwh
        Shape (n,): NaN where no hour of the step is known.
    gap_kwh
        Shape (n,): actual - predicted. Positive: more was used than predicted; negative: avoided energy.
    uncertainty_kwh
        Shape (n,): half width of the 90 % interval of the gap.
    coverage
        Shape (n,): share of the step's hours in the asked period in which both are known, 0 to 1. The sums are *not*
        scaled up to the whole step.
    extrapolated
        Shape (n,): share of the known hours whose temperature lies outside of what the baseline was fitted on.
    """

    edges_ms: Times
    actual_kwh: Floats
    predicted_kwh: Floats
    gap_kwh: Floats
    uncertainty_kwh: Floats
    coverage: Floats
    extrapolated: Floats


@dataclass(frozen=True, slots=True)
class GapTotal:
    """A `Gap` over one whole period, see there; its uncertainty is not the sum of its steps'.

    Attributes
    ----------
    hours, known_hours
        In the period, and those in which actual and predicted are known.
    """

    start_ms: int
    end_ms: int
    actual_kwh: float
    predicted_kwh: float
    gap_kwh: float
    uncertainty_kwh: float
    coverage: float
    extrapolated: float
    hours: int
    known_hours: int

    @property
    def is_significant(self) -> bool:
        """Whether the gap is beyond its uncertainty."""
        return abs(self.gap_kwh) > self.uncertainty_kwh


@dataclass(frozen=True, slots=True)
class MeterGap:
    """Gap of one meter, and the model it was measured with.

    Attributes
    ----------
    meter
        Point id.
    kind, version
        Of the baseline in the registry.
    figures
        Of the baseline; no savings may be claimed when `figures.disqualified` holds reasons.
    steps, total
        Per step, and over the whole period.
    """

    meter: str
    kind: str
    version: int
    figures: BaselineFigures
    steps: Gap
    total: GapTotal


@dataclass(frozen=True, slots=True)
class BuildingGap:
    """Gaps of a building's meters; never added up here, since one meter may stand behind another.

    Attributes
    ----------
    building
        ``site/building``.
    start_ms, end_ms
        The period asked for, UTC milliseconds, half open.
    meters
        Of every meter that has a baseline.
    missing
        Why the other meters have none: point id to sentence.
    """

    building: str
    start_ms: int
    end_ms: int
    step: Step
    meters: list[MeterGap]
    missing: dict[str, str]


def building_gap(
    store: ReadingStore, registry: Registry, building_id: str, start_ms: int, end_ms: int, step: Step
) -> BuildingGap:
    """Gap of every meter of a building over ``[start_ms, end_ms)`` per step of the site's calendar.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    _check_period(start_ms, end_ms, step)
    building, calendar = find_building(registry, building_id)
    meters, missing = [], {}
    for meter_id in building.meters:
        try:
            meters.append(meter_gap(store, registry, meter_id, calendar, start_ms=start_ms, end_ms=end_ms, step=step))
        except (NotFoundError, DomainError) as error:
            missing[meter_id] = error.message
    return BuildingGap(building_id, start_ms, end_ms, step, meters, missing)


def meter_gap(
    store: ReadingStore,
    registry: Registry,
    meter_id: str,
    calendar: Calendar,
    *,
    start_ms: int,
    end_ms: int,
    step: Step,
) -> MeterGap:
    """Gap of one meter against its newest baseline; see `building_gap`.

    Raises
    ------
    NotFoundError
        The meter, its baseline or the outdoor temperature is not in the registry.
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    found = follow(store, registry, meter_id, calendar, start_ms, end_ms)
    steps, total = compare(
        found.actual_kwh, found.prediction, found.residuals, calendar, start_ms=start_ms, end_ms=end_ms, step=step
    )
    return MeterGap(meter_id, found.record.kind, found.record.version, found.figures, steps, total)


@dataclass(frozen=True, slots=True)
class Followed:
    """A meter beside the baseline in use, hour by hour.

    Attributes
    ----------
    record, figures, residuals
        Of the baseline.
    prediction
        Of the hours that cover the period.
    actual_kwh
        Shape of the prediction, NaN where unknown.
    """

    record: ModelRecord
    figures: BaselineFigures
    residuals: Residuals
    prediction: Prediction
    actual_kwh: Floats


def follow(
    store: ReadingStore, registry: Registry, meter_id: str, calendar: Calendar, start_ms: int, end_ms: int
) -> Followed:
    """What a meter used and should have used in the hours that cover ``[start_ms, end_ms)``.

    Raises
    ------
    NotFoundError
        The meter, its baseline or the outdoor temperature is not in the registry.
    DomainError
        The meter measures no energy.
    """
    meter = find_point(registry, meter_id, "meter")
    model, record = latest_baseline(registry, meter_id, calendar)
    kept = msgspec.convert(record.figures, BaselineFigures)
    prediction = expect(store, outdoors_of(registry, kept, meter_id), model, start_ms, end_ms)
    energy = hourly_energy(store, meter, start_ms, end_ms, calendar)
    return Followed(record, kept, model.residuals_, prediction, energy.kwh)


def expected_energy(
    store: ReadingStore, registry: Registry, meter_id: str, calendar: Calendar, *, start_ms: int, end_ms: int
) -> Prediction:
    """What a meter should use in the hours that cover ``[start_ms, end_ms)``, by its newest baseline.

    Raises
    ------
    NotFoundError
        The baseline or its outdoor temperature is not in the registry.
    """
    model, record = latest_baseline(registry, meter_id, calendar)
    kept = msgspec.convert(record.figures, BaselineFigures)
    outdoors = outdoors_of(registry, kept, meter_id)
    return expect(store, outdoors, model, start_ms, end_ms)


def expect(
    store: ReadingStore,
    outdoors: Outdoors,
    model: DayBaseline,
    start_ms: int,
    end_ms: int,
    weather: Callable[[Times, Floats], Floats] | None = None,
) -> Prediction:
    """Prediction of `model` for the hours that cover ``[start_ms, end_ms)`` from the stored weather.

    Parameters
    ----------
    weather
        Makes another weather of the stored one: starts of hours and their outdoor temperatures to temperatures.
    """
    calendar = model.calendar
    wanted = hour_edges(start_ms, end_ms, calendar)
    # The last day is judged as a whole as soon as it has passed, wherever the period ends.
    _, midnight = calendar.day_bounds(calendar.day_of(int(wanted[-1]) - 1))
    edges = hour_edges(start_ms - model.warm_up_ms, midnight, calendar)
    outdoor, sun = outdoors.hours(store, int(edges[0]), midnight, calendar)
    whole = model.predict(edges[:-1], outdoor if weather is None else weather(edges[:-1], outdoor), sun)
    first = int(np.searchsorted(edges, wanted[0]))
    here = slice(first, first + len(wanted) - 1)
    return Prediction(whole.time_ms[here], whole.kwh[here], whole.extrapolated[here])


def compare(
    actual_kwh: Floats,
    prediction: Prediction,
    residuals: Residuals,
    calendar: Calendar,
    *,
    start_ms: int,
    end_ms: int,
    step: Step,
) -> tuple[Gap, GapTotal]:
    """Compare the hours of ``[start_ms, end_ms)`` per step of the calendar and as a whole; no I/O.

    Parameters
    ----------
    actual_kwh
        Shape of the prediction, NaN where unknown.
    prediction
        Of the hours that cover the period.
    residuals
        Of the model.

    Raises
    ------
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    _check_period(start_ms, end_ms, step)
    edges = np.array(calendar.edges(start_ms, end_ms, step), np.int64)
    bin_of = np.searchsorted(edges, prediction.time_ms, side="right") - 1
    known = np.isfinite(actual_kwh) & np.isfinite(prediction.kwh)

    def per_step(weights: npt.NDArray[np.generic]) -> Floats:
        sums = np.bincount(bin_of[known], np.asarray(weights, np.float64)[known], minlength=len(edges) - 1)
        return np.asarray(sums, np.float64)

    hours = np.bincount(bin_of, minlength=len(edges) - 1)
    count, actual, predicted = per_step(known), per_step(actual_kwh), per_step(prediction.kwh)
    outside = per_step(prediction.extrapolated)
    actual, predicted = (np.where(count > 0, sums, np.nan) for sums in (actual, predicted))
    gap = Gap(
        edges_ms=edges,
        actual_kwh=actual,
        predicted_kwh=predicted,
        gap_kwh=actual - predicted,
        uncertainty_kwh=np.where(count > 0, sum_uncertainty_kwh(residuals, count), np.nan),
        coverage=count / np.maximum(hours, 1),
        extrapolated=outside / np.maximum(count, 1),
    )
    many = int(known.sum())
    used, expected = (float(values[known].sum()) if many else np.nan for values in (actual_kwh, prediction.kwh))
    total = GapTotal(
        start_ms=start_ms,
        end_ms=end_ms,
        actual_kwh=used,
        predicted_kwh=expected,
        gap_kwh=used - expected,
        uncertainty_kwh=float(sum_uncertainty_kwh(residuals, many)) if many else np.nan,
        coverage=many / len(known),
        extrapolated=float(outside.sum()) / max(many, 1),
        hours=len(known),
        known_hours=many,
    )
    return gap, total


def _check_period(start_ms: int, end_ms: int, step: Step) -> None:
    if step in _TOO_FINE:
        raise DomainError(f"a gap has steps of an hour or more, not {step}")
    if start_ms >= end_ms:
        raise DomainError("the period of a gap must end after it starts")
