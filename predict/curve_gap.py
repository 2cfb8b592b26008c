"""The gap between two of a building's three curves (promised, predicted, actual) over any period, split by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from core.calendar import Calendar, Step
from core.errors import DomainError, NotFoundError
from predict.assumptions import assumed_weather, departures
from predict.causes.case import MODEL_DOUBT
from predict.causes.explain import explain
from predict.causes.explanation import CAUSES, UNEXPLAINED, WEATHER, Explanation, Part
from predict.causes.record import Record
from predict.causes.roles import Carrier, meter_kind
from predict.causes.signals import read_signals
from predict.causes.stored import stored_record
from predict.curves import PAIRS, Curves, building_curves
from predict.fit import BASELINE_KIND, find_building, latest_baseline, outdoors_of
from predict.gap import expect, follow
from predict.residuals import T_90, sum_uncertainty_kwh
from predict.series import Floats, Times
from stores.port import ReadingStore
from stores.registry import Promise, Registry

YEARS_BACK: Final = 5


@dataclass(slots=True)
class Layer:
    """What explains one step from a curve to the next; energies in kWh.

    Attributes
    ----------
    gap
        By carrier: all that is to be explained.
    parts
        By carrier and cause; what they leave of the gap is not explained.
    half
        Half of the 90 % interval, by cause.
    detail
        By cause and name.
    """

    gap: dict[str, float]
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    half: dict[str, float] = field(default_factory=dict)
    detail: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, carrier: str, cause: str, kwh: float, half: float = 0.0) -> None:
        """Add to a carrier's part of a cause."""
        row = self.parts.setdefault(carrier, {})
        row[cause] = row.get(cause, 0.0) + kwh
        self.half[cause] = float(np.hypot(self.half.get(cause, 0.0), half))


def explain_curves(
    store: ReadingStore,
    registry: Registry,
    building_id: str,
    pair: tuple[str, str],
    start_ms: int,
    end_ms: int,
) -> Explanation:
    """Split the gap between two curves of a building by cause: the first minus the second.

    *actual - predicted* is what changed since the baseline period: the causes of the change from the same days of it.
    *predicted - promised* is what departs from the promise's assumptions, its weather first. *actual - promised* is
    their sum, cause by cause. What nothing tells the cause of is unexplained.

    Parameters
    ----------
    pair
        One of `predict.curves.PAIRS`.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        There is no such pair, or both curves are known of no carrier.
    """
    if pair not in PAIRS:
        raise DomainError(f"{pair[0]} - {pair[1]} is none of {', '.join(f'{a} - {b}' for a, b in PAIRS)}")
    _, calendar = find_building(registry, building_id)
    case = _Case(store, registry, building_id, calendar, start_ms, end_ms)
    found, warnings = building_curves(
        store, registry, building_id, start_ms, end_ms, step=Step.MONTH, calendar=calendar
    )
    case.missing += [f"{name}: {why}" for name, why in warnings.items()]
    curves = [c for c in found if case.is_known(c, pair)]
    if not curves:
        raise DomainError(f"{pair[0]} and {pair[1]} are not both known of any carrier in the period")
    layers = []
    if pair[0] == "actual":
        layers.append(case.since_baseline(curves))
    if pair[1] == "promised":
        layers.append(case.since_promise(curves))
    doubt = case.doubt(curves) if "predicted" in pair else 0.0
    sums = [sum(float(np.nansum(getattr(c, f"{name}_kwh"))) for c in curves) for name in pair]
    return combined(layers, (sums[0], sums[1]), doubt, [m for c in curves for m in case.meters_of(c)], case.missing)


def combined(
    layers: Sequence[Layer],
    sums: tuple[float, float],
    doubt_kwh: float,
    meters: Sequence[str],
    missing: Sequence[str],
) -> Explanation:
    """Layers on top of each other as one explanation, whose parts sum to the gap; no I/O.

    Parameters
    ----------
    sums
        Energy of the first curve and of the second, over what is known of both.
    doubt_kwh
        Half of the 90 % interval of the gap itself.
    """
    by_carrier: dict[str, dict[str, float]] = {}
    half: dict[str, float] = dict.fromkeys(CAUSES, 0.0)
    detail: dict[str, dict[str, float]] = {cause: {} for cause in CAUSES}
    for layer in layers:
        for carrier, gap in layer.gap.items():
            parts = layer.parts.get(carrier, {})
            row = by_carrier.setdefault(carrier, dict.fromkeys(CAUSES, 0.0))
            for cause, part in (parts | {UNEXPLAINED: gap - sum(parts.values())}).items():
                row[cause] += part
        for cause, width in layer.half.items():
            half[cause] = float(np.hypot(half[cause], width))
        for cause, names in layer.detail.items():
            for name, part in names.items():
                detail[cause][name] = detail[cause].get(name, 0.0) + part
    half[UNEXPLAINED] = float(np.sqrt(sum(width**2 for width in half.values()) + doubt_kwh**2))
    kwh = {cause: sum((row[cause] for row in by_carrier.values()), 0.0) for cause in CAUSES}
    return Explanation(
        reference_kwh=sums[1],
        reporting_kwh=sums[0],
        total_kwh=sum(kwh.values()),
        parts=tuple(Part(c, kwh[c], kwh[c] - half[c], kwh[c] + half[c], detail[c]) for c in CAUSES),
        by_carrier=by_carrier,
        hypotheses={},
        meters=tuple(meters),
        missing=tuple(dict.fromkeys(missing)),
    )


def same_days(start_ms: int, end_ms: int, extent: tuple[int, int], calendar: Calendar) -> tuple[int, int] | None:
    """The same local days of the latest earlier (or the same) year that lies in `extent`; None when no year does."""
    first, last = calendar.day_of(start_ms), calendar.day_of(end_ms)
    for years in range(YEARS_BACK * 2):
        span = tuple(
            calendar.midnight(_years_back(day, years)) + at - calendar.midnight(day)
            for day, at in ((first, start_ms), (last, end_ms))
        )
        if extent[0] <= span[0] and span[1] <= extent[1]:
            return span[0], span[1]
    return None


def _years_back(day: date, years: int) -> date:
    year = day.year - years
    return day.replace(year=year) if (day.month, day.day) != (2, 29) else date(year, 2, 28)


class _Case:
    """One building and period; reads what the layers need, once."""

    def __init__(
        self, store: ReadingStore, registry: Registry, building_id: str, calendar: Calendar, start_ms: int, end_ms: int
    ) -> None:
        self.store, self.registry, self.building_id, self.calendar = store, registry, building_id, calendar
        self.start_ms, self.end_ms = start_ms, end_ms
        self.missing: list[str] = []
        self._record: Record | None = None
        self._is_read = False

    def meters_of(self, curves: Curves) -> list[str]:
        """Meters of the curves' carrier that have a baseline."""
        building, _ = find_building(self.registry, self.building_id)
        found = []
        for meter_id in building.meters:
            point = self.registry.point(meter_id)
            carrier = None if point is None else meter_kind(point.brick_class, meter_id).carrier.value
            if carrier == curves.carrier and self.registry.champion(meter_id, BASELINE_KIND) is not None:
                found.append(meter_id)
        return found

    def is_known(self, curves: Curves, pair: tuple[str, str]) -> bool:
        """Whether both curves are there wherever anything was measured; says so where they are not."""
        measured = curves.coverage > 0
        known = np.isfinite(curves.gap_kwh(*pair))
        if not known.any() or not known[measured].all():
            self.missing.append(f"{curves.carrier}: {pair[0]} and {pair[1]} are not known over the whole period")
            return False
        return True

    def doubt(self, curves: Sequence[Curves]) -> float:
        """Half of the 90 % interval of what the baselines predict, kWh."""
        halves = []
        for meter_id in (m for c in curves for m in self.meters_of(c)):
            found = follow(self.store, self.registry, meter_id, self.calendar, self.start_ms, self.end_ms)
            hours = int(np.isfinite(found.actual_kwh + found.prediction.kwh).sum())
            halves.append(float(sum_uncertainty_kwh(found.residuals, hours)))
        return float(np.sqrt(np.sum(np.square(halves))))

    def since_baseline(self, curves: Sequence[Curves]) -> Layer:
        """Actual minus predicted: what changed since the same days of the baseline period, under the same weather."""
        layer = Layer({c.carrier: float(np.nansum(c.gap_kwh("actual", "predicted"))) for c in curves})
        before = self.reference()
        if before is None:
            return layer
        try:
            now = stored_record(self.store, self.registry, self.building_id, self.start_ms, self.end_ms)
            change = explain(before, now)
        except DomainError as error:
            self.missing.append(f"change since the baseline period: {error.message}")
            return layer
        self.missing += change.missing
        for c in curves:
            for cause, kwh in change.by_carrier.get(c.carrier, {}).items():
                if cause not in (WEATHER, UNEXPLAINED):
                    layer.add(c.carrier, cause, kwh * _share(c))
        for part in change.parts:
            if part.cause not in (WEATHER, UNEXPLAINED):
                layer.half[part.cause] = (part.high - part.low) / 2
                counted = sum(row.get(part.cause, 0.0) for row in layer.parts.values())
                share = counted / part.kwh if part.kwh else 0.0
                layer.detail[part.cause] = {name: float(kwh) * share for name, kwh in part.detail.items()}
        return layer

    def since_promise(self, curves: Sequence[Curves]) -> Layer:
        """Predicted minus promised: the weather that came, and what departs from the promise's assumptions."""
        layer = Layer({c.carrier: float(np.nansum(c.gap_kwh("predicted", "promised"))) for c in curves})
        for c in curves:
            if c.promise is None:
                continue
            try:
                kwh = sum(self._weather_kwh(meter, c.promise) for meter in self.meters_of(c))
                layer.add(c.carrier, WEATHER, kwh, T_90 * MODEL_DOUBT * abs(kwh))
            except (DomainError, NotFoundError) as error:
                self.missing.append(f"{c.carrier}: {error.message}")
            self._add_departures(layer, c, c.promise)
        return layer

    def _add_departures(self, layer: Layer, curves: Curves, promise: Promise) -> None:
        if not _assumes_use(promise) or (before := self.reference()) is None:
            return
        try:
            found = departures(read_signals(before), promise.assumes, Carrier(curves.carrier))
        except (DomainError, ValueError) as error:
            self.missing.append(f"{curves.carrier}: {error}")
            return
        self.missing += [f"{curves.carrier}: {sentence}" for sentence in found.missing]
        for cause, kwh in found.kwh.items():
            layer.add(curves.carrier, cause, kwh * _share(curves), found.half_kwh[cause])
            names = layer.detail.setdefault(cause, {})
            for name, part in found.detail[cause].items():
                names[f"{name} against the promise"] = names.get(f"{name} against the promise", 0.0) + part

    def _weather_kwh(self, meter_id: str, promise: Promise) -> float:
        """What the baseline predicts under the weather that came, more than under the promise's."""

        def assumed(time_ms: Times, outdoor_c: Floats) -> Floats:
            inside = (time_ms >= self.start_ms) & (time_ms < self.end_ms)
            moved = assumed_weather(time_ms[inside], outdoor_c[inside], promise.assumes, self.calendar)
            out = outdoor_c.copy()
            out[inside] = moved
            # The days before, which walls remember, were as much warmer or colder as the first of the period.
            out[time_ms < self.start_ms] += float(np.nanmean(moved[:24] - outdoor_c[inside][:24]))
            return out

        found = follow(self.store, self.registry, meter_id, self.calendar, self.start_ms, self.end_ms)
        model, _ = latest_baseline(self.registry, meter_id, self.calendar)
        outdoors = outdoors_of(self.registry, found.figures, meter_id)
        other = expect(self.store, outdoors, model, self.start_ms, self.end_ms, assumed).kwh
        return float(np.nansum(np.where(np.isfinite(found.actual_kwh), found.prediction.kwh - other, np.nan)))

    def reference(self) -> Record | None:
        """The same days of the baseline period; None, and why in `missing`, when it does not hold them."""
        if self._is_read:
            return self._record
        self._is_read = True
        building, _ = find_building(self.registry, self.building_id)
        models = [m for m in (self.registry.champion(name, BASELINE_KIND) for name in building.meters) if m is not None]
        if not models:
            self.missing.append("there is no baseline period, so nothing is known of what changed since")
            return None
        extent = max(m.start_ms for m in models), min(m.end_ms for m in models)
        span = same_days(self.start_ms, self.end_ms, extent, self.calendar)
        if span is None:
            self.missing.append("the baseline period does not hold the same days: what changed since is unexplained")
            return None
        self._record = stored_record(self.store, self.registry, self.building_id, *span)
        return self._record


def _share(curves: Curves) -> float:
    """Share of the period's hours that the curves know."""
    return float(np.mean(curves.coverage))


def _assumes_use(promise: Promise) -> bool:
    a = promise.assumes
    return any(v is not None for v in (a.room_c, a.hours_per_week, a.people, a.heat_loss_kw_k, a.efficiency))
