"""Runs the watches of a building over the store, and keeps what they find in the registry."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, MINUTE_MS, Calendar, Step
from core.config.models import Building
from core.errors import DomainError, NotFoundError
from core.points import Measure, Point
from predict.anomalies.event import Closing, Event, cost
from predict.anomalies.faults import FaultWatch
from predict.anomalies.normal import learn
from predict.anomalies.rules import Placed, Rule, place
from predict.anomalies.twin import TwinWatch
from predict.anomalies.watch import MeterWatch
from predict.anomalies.zones import (
    KIND,
    MEMORY_H,
    REFERENCE_H,
    RULE,
    ZoneTwins,
    expected_c,
    fit_zones,
    read_zones,
    zone_sensors,
)
from predict.baseline import DayBaseline
from predict.fit import BaselineFigures, find_building, find_point, latest_baseline, outdoors_of
from predict.gap import expect
from predict.series import Floats, Outdoors, Times, hourly_energy
from stores.port import ReadingStore
from stores.registry import AnomalyRecord, FittedModel, ModelRecord, Registry, WatchRecord

log = logging.getLogger("promessa.predict")

SETTLED_AFTER_DAYS: Final = 7
"""Readings that come late or are corrected within so many days are looked at as if they had been there in time."""
WARM_UP_DAYS: Final = 60
_DAY_MS: Final = 24 * HOUR_MS
_STEP_MS: Final = 15 * MINUTE_MS
_FAULTS: Final = "faults v1"
_MOST: Final = 10_000


@dataclass(slots=True)
class RunOutcome:
    """What a run over one building brought.

    Attributes
    ----------
    changed
        Events that were opened, updated or closed.
    missing
        Why a meter or sensor is not watched: point id to sentence.
    """

    building: str
    changed: list[AnomalyRecord] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def run_building(
    store: ReadingStore, registry: Registry, building_id: str, rules: Iterable[Rule], now_ms: int
) -> RunOutcome:
    """Look at what is new of a building since the last run; running again with nothing new changes nothing.

    The last `SETTLED_AFTER_DAYS` are gone through again from a settled state every time, so late and corrected readings
    are seen as if they had been there in time, and an event that they explain away is withdrawn.

    Raises
    ------
    NotFoundError
        The building or its site is not in the registry.
    """
    building, calendar = find_building(registry, building_id)
    outcome = RunOutcome(building_id)
    for meter_id in building.meters:
        try:
            outcome.changed += _run_meter(store, registry, building, meter_id, calendar, now_ms)
        except (DomainError, NotFoundError) as error:
            outcome.missing[meter_id] = error.message
    try:
        _run_zones(store, registry, building, calendar, now_ms, outcome)
    except (DomainError, NotFoundError) as error:
        outcome.missing[building_id] = error.message
    for placed in place(rules, registry.points(building_id)):
        outcome.changed += _run_rule(store, registry, building, placed, calendar, now_ms)
    if outcome.changed:
        log.info("anomalies building=%s changed=%d open=%d", building_id, len(outcome.changed),
                 sum(r.is_open for r in outcome.changed))  # fmt: skip
    return outcome


def _run_meter(
    store: ReadingStore, registry: Registry, building: Building, meter_id: str, calendar: Calendar, now_ms: int
) -> list[AnomalyRecord]:
    meter = find_point(registry, meter_id, f"meter of {building.id}")
    model, record = latest_baseline(registry, meter_id, calendar)
    name = f"{record.kind} v{record.version}"
    outdoors = outdoors_of(registry, msgspec.convert(record.figures, BaselineFigures), meter_id)
    extent = store.extent(meter_id)
    if extent is None:
        raise NotFoundError(f"{meter_id} has no readings yet")
    # Only whole hours, and only so far as something was measured.
    end_ms = calendar.floor(min(now_ms, extent.last_ms + HOUR_MS), Step.HOUR)
    kept = registry.watch(meter_id)
    if kept is None or kept.model != name:
        watch, from_ms = _begin(store, meter, outdoors, model, record, calendar, end_ms)
        if kept is not None and kept.settled_ms > from_ms:  # a new baseline: what was said of the past stays as it is
            _feed(store, meter, outdoors, model, watch, from_ms, kept.settled_ms)
            from_ms = kept.settled_ms
    else:
        watch, from_ms = MeterWatch.from_bytes(kept.blob, calendar), kept.settled_ms
    if from_ms >= end_ms:
        return []
    settle_ms = calendar.midnight(calendar.day_of(end_ms - SETTLED_AFTER_DAYS * _DAY_MS))
    price = building.price_eur_per_kwh.get(meter_id)
    changed: list[Event] = []
    if settle_ms > from_ms:
        changed += _feed(store, meter, outdoors, model, watch, from_ms, settle_ms)
    settled = WatchRecord(name, max(settle_ms, from_ms), watch.to_bytes())
    changed += _feed(store, meter, outdoors, model, watch, settled.settled_ms, end_ms)
    where = _Kept(building.id, meter_id, meter_id)
    return _keep(registry, where, changed, settled, price, from_ms)


def _begin(
    store: ReadingStore,
    meter: Point,
    outdoors: Outdoors,
    model: DayBaseline,
    record: FittedModel,
    calendar: Calendar,
    end_ms: int,
) -> tuple[MeterWatch, int]:
    """A watch that has learnt from the baseline period and has lived through its last days."""
    energy = hourly_energy(store, meter, record.start_ms, record.end_ms, calendar)
    weather = outdoors.hours(store, record.start_ms, record.end_ms, calendar)
    # Fitted again, because only a fit tells what it expected of months it had not seen.
    expected = type(model)(calendar).fit(energy.time_ms, weather[0], energy.kwh, weather[1]).cross_validated_kwh_
    normal = learn(energy.time_ms, energy.kwh, expected, calendar)
    watch = MeterWatch(meter.id, normal, calendar)
    warm = energy.time_ms >= min(record.end_ms, end_ms) - WARM_UP_DAYS * _DAY_MS
    past = energy.time_ms < end_ms
    watch.feed(energy.time_ms[warm & past], energy.kwh[warm & past], expected[warm & past])
    return watch, record.end_ms


def _feed(
    store: ReadingStore,
    meter: Point,
    outdoors: Outdoors,
    model: DayBaseline,
    watch: MeterWatch,
    start_ms: int,
    end_ms: int,
) -> list[Event]:
    if start_ms >= end_ms:
        return []
    energy = hourly_energy(store, meter, start_ms, end_ms, model.calendar)
    # Twice the warm-up: what is expected of an hour must not depend on where a run happens to begin.
    prediction = expect(store, outdoors, model, start_ms - model.warm_up_ms, end_ms)
    return watch.feed(energy.time_ms, energy.kwh, prediction.kwh[-len(energy.kwh) :])


@dataclass(frozen=True, slots=True)
class _Kept:
    """Under which names a watch and its events are kept; several rules have the same subject."""

    building: str
    subject: str
    watch: str
    rule: str = ""


def _keep(
    registry: Registry,
    where: _Kept,
    events: list[Event],
    settled: WatchRecord,
    price: float | None,
    from_ms: int,
) -> list[AnomalyRecord]:
    """Write events and state in one transaction; what was found here before and is not any more is withdrawn."""
    latest = {event.id: event for event in events}
    known = {
        r.id: r
        for r in registry.anomalies(subject=where.subject, start_ms=from_ms, limit=_MOST)
        if r.rule == where.rule
    }
    records = [_record(where.building, event, price) for event in latest.values()]
    changed = [r for r in records if r.id not in known or _differs(r, known[r.id])]
    changed += [
        msgspec.structs.replace(before, end_ms=before.start_ms, closing=Closing.WITHDRAWN)
        for before in known.values()
        if before.id not in latest and before.opened_ms > from_ms and before.closing != Closing.WITHDRAWN
    ]
    with registry.together():
        registry.put_anomalies(changed)
        registry.put_watch(where.watch, settled)
    return changed


def _record(building_id: str, event: Event, price: float | None) -> AnomalyRecord:
    return AnomalyRecord(
        id=event.id,
        building=building_id,
        subject=event.subject,
        kind=event.kind,
        rule=event.rule,
        start_ms=event.start_ms,
        opened_ms=event.opened_ms,
        updated_ms=event.updated_ms,
        end_ms=event.end_ms,
        closing=event.closing,
        evidence={
            "expected": _told(event.expected),
            "actual": _told(event.actual),
            "unit": event.unit,
            "hours": event.hours,
            "excess_kwh": _told(event.excess_kwh),
            "cost_eur": _told(cost(event.excess_kwh, price)),
            "confidence": _told(event.confidence),
            "explanation": event.explanation,
        },
    )


def _told(value: float | None) -> float | None:
    """Five digits, more than anybody knows; the last bits differ with where a run begins, and are no news."""
    return None if value is None or not np.isfinite(value) else float(f"{value:.5g}")


def _differs(new: AnomalyRecord, old: AnomalyRecord) -> bool:
    same = msgspec.structs.replace(
        old, sequence=new.sequence, acknowledged_by=new.acknowledged_by, acknowledged_ms=new.acknowledged_ms
    )
    return same != new


def _run_rule(
    store: ReadingStore, registry: Registry, building: Building, placed: Placed, calendar: Calendar, now_ms: int
) -> list[AnomalyRecord]:
    subject = f"{placed.subject}#{placed.rule.id}"
    watch = FaultWatch(placed, calendar)
    kept = registry.watch(subject)
    newest = min((e.last_ms for p in placed.points.values() if (e := store.extent(p.id)) is not None), default=None)
    if newest is None:
        return []
    end_ms = min(now_ms, newest + _STEP_MS) // _STEP_MS * _STEP_MS
    from_ms = end_ms - SETTLED_AFTER_DAYS * _DAY_MS
    if kept is not None and kept.model == _FAULTS:
        watch.restore(kept.blob)
        from_ms = kept.settled_ms
    settle_ms = max(from_ms, end_ms - SETTLED_AFTER_DAYS * _DAY_MS)
    if from_ms >= end_ms:
        return []
    changed = watch.feed(*_samples(store, placed, from_ms, settle_ms, calendar)) if settle_ms > from_ms else []
    settled = WatchRecord(_FAULTS, settle_ms, watch.to_bytes())
    changed += watch.feed(*_samples(store, placed, settle_ms, end_ms, calendar))
    price = next(iter(building.price_eur_per_kwh.values()), None) if len(building.price_eur_per_kwh) == 1 else None
    where = _Kept(building.id, placed.subject, subject, placed.rule.id)
    return _keep(registry, where, changed, settled, price, from_ms)


def _run_zones(
    store: ReadingStore, registry: Registry, building: Building, calendar: Calendar, now_ms: int, outcome: RunOutcome
) -> None:
    """Zone thermometers against the twins of their zones, which are fitted first when there are none."""
    extents = [e for p in zone_sensors(registry.points(building.id)) if (e := store.extent(p.id)) is not None]
    if not extents:
        return
    end_ms = calendar.floor(min(now_ms, max(e.last_ms for e in extents) + HOUR_MS), Step.HOUR)
    model, twins = _zone_twins(store, registry, building, calendar, min(e.first_ms for e in extents), end_ms)
    outcome.missing |= twins.missing
    names = {sensor: f"{sensor}#{RULE}" for sensor in twins.twins}
    name = f"{model.kind} v{model.version}"
    watches = {
        sensor: (TwinWatch.from_bytes(kept.blob), kept.settled_ms)
        if (kept := registry.watch(names[sensor])) is not None and kept.model == name
        else (TwinWatch(sensor, twin.agreement, "Cel"), model.end_ms)
        for sensor, twin in twins.twins.items()
    }
    first_ms = min(settled for _, settled in watches.values())
    if first_ms >= end_ms:
        return
    hours = read_zones(store, registry, building, calendar, first_ms - MEMORY_H * HOUR_MS, end_ms)
    expected = expected_c(twins, hours)
    for sensor, (watch, from_ms) in watches.items():
        if sensor not in expected:  # its point is gone
            continue
        settle_ms = max(from_ms, end_ms - SETTLED_AFTER_DAYS * _DAY_MS)
        # Where a twin cannot tell, nothing is news; an event stays as it is until one can again.
        told_of = np.isfinite(expected[sensor]) | ~np.isfinite(hours.measured_c[sensor])
        before, after = (
            told_of & (hours.time_ms >= since) & (hours.time_ms < until)
            for since, until in ((from_ms, settle_ms), (settle_ms, end_ms))
        )
        measured, wanted = hours.measured_c[sensor], expected[sensor]
        events = watch.feed(hours.time_ms[before], measured[before], wanted[before])
        settled = WatchRecord(name, settle_ms, watch.to_bytes())
        events += watch.feed(hours.time_ms[after], measured[after], wanted[after])
        where = _Kept(building.id, sensor, names[sensor], RULE)
        named = [msgspec.structs.replace(event, rule=RULE) for event in events]
        outcome.changed += _keep(registry, where, named, settled, None, from_ms)


def _zone_twins(
    store: ReadingStore, registry: Registry, building: Building, calendar: Calendar, first_ms: int, now_ms: int
) -> tuple[ModelRecord, ZoneTwins]:
    """Twins of a building's zones, as kept in the registry; fitted and kept when there are none."""
    kept = registry.latest_model(building.id, KIND)
    if kept is not None:
        return kept, ZoneTwins.from_bytes(kept.blob)
    start, end = building.baseline_start, building.baseline_end
    start_ms = first_ms if start is None else calendar.midnight(start)
    end_ms = start_ms + REFERENCE_H * HOUR_MS if end is None else calendar.midnight(end)
    if end_ms > now_ms:
        raise DomainError(f"the reference period of the zones' twins ends {calendar.local(end_ms):%Y-%m-%d}")
    twins = fit_zones(read_zones(store, registry, building, calendar, start_ms, end_ms))
    figures = {sensor: {"limit_k": twin.agreement.limit} for sensor, twin in twins.twins.items()}
    period, blob = (start_ms, end_ms), twins.to_bytes()
    return registry.put_model(building.id, KIND, period=period, figures=figures, blob=blob, now_ms=now_ms), twins


def _samples(
    store: ReadingStore, placed: Placed, start_ms: int, end_ms: int, calendar: Calendar
) -> tuple[Times, dict[str, Floats]]:
    """Means of a quarter of an hour of every role; an instant value holds until the next, for at most an hour."""
    edges = np.arange(start_ms, end_ms + 1, _STEP_MS, dtype=np.int64)
    values = {}
    for role, point in placed.points.items():
        buckets = store.aggregate(point.id, start_ms, end_ms, Step.MINUTE_15, calendar)
        mean = np.asarray(buckets.mean, np.float64)[: len(edges) - 1]
        values[role] = _held(mean) if point.measure is Measure.INSTANT else mean
    return edges[:-1], values


def _held(values: Floats, steps: int = 4) -> Floats:
    index = np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isfinite(values), index, -1))
    fresh = (last >= 0) & (index - last < steps)
    return np.where(fresh, values[np.maximum(last, 0)], np.nan)


def open_events(registry: Registry, building_id: str | None = None, limit: int = 500) -> list[AnomalyRecord]:
    """Events that go on, newest first."""
    return registry.anomalies(building_id, is_open=True, limit=limit)
