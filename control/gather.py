"""Reads store and registry into the view that a decision is made from."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from control.layout import (
    ZONE_CO2,
    ZONE_COOLING,
    ZONE_PEOPLE,
    ZONE_TEMPERATURE,
    Layout,
    SystemLayout,
    ZoneLayout,
)
from control.learning import Learnt, agendas, learn, learn_habits
from control.memory import Memory
from control.observer import observe
from control.occupancy import PRESENT_SHARE, Agenda, people_of
from control.policies import heated_hours
from control.proposal import Correction
from control.record import Record
from control.reference import Period, Reference, candidates, find, recorded_days
from control.strategies import correction
from control.strategies.season import season_at
from control.view import NOT_MEASURED, BuildingView, Comfort, Input, MeterGap, Occupancy, Season
from core.calendar import HOUR_MS, MINUTE_MS, Calendar, Step
from core.config.control import Control
from core.config.models import Building
from core.errors import DomainError, NotFoundError
from core.points import Point
from core.readings import Quality, Reading, is_usable, quality_name
from core.schedule import Schedule
from predict.gap import meter_gap
from predict.series import MAX_GAP_MS, Floats, pieces, spread, usable
from stores.port import ReadingStore
from stores.registry import Registry

log = logging.getLogger("promessa.control")

HEATING_WORDS: Final = ("Gas", "Heating", "Hot_Water", "Steam", "Thermal")
"""A meter whose Brick class holds one of these shows heating."""
CLOCK_TOLERANCE_S: Final = 300
"""A reading further ahead was made while a clock was wrong."""
LEARN_DAYS: Final = 28
_LEARN_STEP: Final = Step.MINUTE_15
_LEARN_STEP_MS: Final = 15 * MINUTE_MS
_NEWEST_MS: Final = 30 * MINUTE_MS


def view_building(
    store: ReadingStore,
    settings: Control,
    calendar: Calendar,
    layout: Layout,
    *,
    now_ms: int,
    memory: Memory,
    gaps: Sequence[MeterGap] = (),
    learnt: Learnt,
    plans: Mapping[str, Agenda],
    last_seen: dict[str, int],
    season: Season | None = None,
    corrections: Sequence[Correction] = (),
) -> BuildingView:
    """A building as its newest readings show it.

    Parameters
    ----------
    now_ms
        The data's time, UTC milliseconds: ages are counted from it.
    plans
        What is expected of each zone, by its name; used where nobody has entered opening hours.
    last_seen
        When people were last counted in a zone, UTC milliseconds; updated.
    season
        What the policies on record say; None: the configured heating seasons count.
    """
    if season is None:
        season = season_at(calendar.local(now_ms), settings.heating_seasons)
    latest = newest(store, layout.points, now_ms, settings.stale_after_s)
    inputs = {point_id: judge_input(latest.get(point_id), now_ms, settings.stale_after_s) for point_id in layout.points}
    for meter in {meter.id: meter for meter in layout.loads.values()}.values():
        inputs[meter.id] = power_now(store, meter, now_ms, settings.stale_after_s)
    note_people(layout, inputs, learnt, last_seen, now_ms)
    opening = None
    if settings.occupied:
        occupied = Schedule(0.0, settings.occupied)
        opening = Occupancy(occupied.value_at(now_ms, calendar) > 0, occupied.next_change(now_ms, calendar))
    return observe(
        layout,
        inputs,
        learnt,
        plans,
        calendar=calendar,
        now_ms=now_ms,
        comfort=Comfort(settings.comfort_minimum, settings.comfort_maximum, settings.setback, settings.coast),
        season=season,
        last_seen=last_seen,
        opening=opening,
        gaps=gaps,
        corrections=tuple(corrections),
        memory=memory,
    )


def heated_today_h(
    store: ReadingStore, calendar: Calendar, layout: Layout, *, now_ms: int, setback_c: float
) -> float | None:
    """Hours of the local day in which any heating set-point stood above the set-back; None: nobody knows."""
    start_ms = calendar.midnight(calendar.day_of(now_ms))
    changes = []
    for zone in layout.zones:
        means = store.aggregate(zone.heating.id, start_ms, now_ms, _LEARN_STEP, calendar).mean
        known = [(start_ms + k * _LEARN_STEP_MS, float(c)) for k, c in enumerate(means) if math.isfinite(c)]
        if not known:
            return None
        changes.append(known)
    return heated_hours(changes, day_start_ms=start_ms, now_ms=now_ms, setback_c=setback_c)


def layout_of(building: str, settings: Control, points: Mapping[str, Point]) -> Layout:
    """What control may look at and drive; a point that no gateway has declared is left out.

    Sensors, and a cooling set-point, are found by their Brick class in the zone of the heating set-point.
    """

    def in_zone(setpoint: Point, brick_class: str) -> str:
        found = find_in_zone(setpoint, points, brick_class)
        return found.id if found else ""

    zones = []
    known = {f"{building}/{facts.name}": facts for facts in settings.zones}
    for point_id in settings.setpoints:
        if (setpoint := points.get(point_id)) is not None:
            cooling = points.get(in_zone(setpoint, ZONE_COOLING))
            name = setpoint.zone or setpoint.building
            facts = known.get(name)
            zones.append(
                ZoneLayout(
                    name,
                    setpoint,
                    cooling if cooling and cooling.id in settings.cooling_setpoints else None,
                    in_zone(setpoint, ZONE_TEMPERATURE),
                    in_zone(setpoint, ZONE_PEOPLE),
                    in_zone(setpoint, ZONE_CO2),
                    facts.floor_area_m2 if facts else None,
                    facts.design_people if facts else None,
                    points.get(facts.load_meter) if facts else None,
                )
            )
    everywhere = tuple(zone.name for zone in zones)
    systems = [
        SystemLayout(
            item.name,
            tuple(f"{building}/{zone}" for zone in item.zones) or everywhere,
            points.get(item.fan),
            points.get(item.outdoor_air),
            points.get(item.supply_temperature),
            item.supply_flow if item.supply_flow in points else "",
        )
        for item in settings.air_systems
    ]
    supply = points.get(settings.supply_setpoint)
    return Layout(
        building, tuple(zones), tuple(systems), settings.outdoor_temperature, settings.solar_irradiance,
        tuple(meter for meter in settings.heat_meters if meter in points), supply, points.get(settings.load_meter),
    )  # fmt: skip


def note_people(
    layout: Layout, inputs: Mapping[str, Input], learnt: Learnt, last_seen: dict[str, int], now_ms: int
) -> None:
    """Note in `last_seen` in which zones people are counted now."""
    for zone in layout.zones:
        presence = learnt.presences.get(zone.name)
        counted, co2 = inputs.get(zone.people, NOT_MEASURED), inputs.get(zone.co2, NOT_MEASURED)
        people = people_of(counted, co2, learnt.fresh_ppm.get(zone.name)).value
        if presence is not None and people and people >= PRESENT_SHARE * presence.peak:
            last_seen[zone.name] = now_ms


def newest(store: ReadingStore, points: Sequence[str], now_ms: int, stale_after_s: int) -> dict[str, Reading]:
    """The newest reading of each point that is not ahead of the clock.

    A reading that was made while a gateway's clock was ahead is looked past, so that a zone is seen as soon as the
    clock is right again and not only when its time has come.
    """
    found = dict(store.latest(list(points)))
    end_ms = now_ms + CLOCK_TOLERANCE_S * 1000
    for point_id in [p for p, reading in found.items() if reading.time_ms > end_ms]:
        series = store.read(point_id, now_ms - stale_after_s * 1000, end_ms)
        if len(series.time_ms):
            time_ms, value, quality = (column[-1] for column in (series.time_ms, series.value, series.quality))
            found[point_id] = Reading(point_id, int(time_ms), float(value), int(quality))
    return found


def judge_input(reading: Reading | None, now_ms: int, stale_after_s: int) -> Input:
    """A reading as an input: without a value when it is missing, stale, bad or stuck."""
    if reading is None:
        return Input(None, "never read")
    age_s = (now_ms - reading.time_ms) / 1000
    if age_s < -CLOCK_TOLERANCE_S:
        return Input(None, f"its newest reading is {-age_s / 60:.0f} min ahead of the clock")
    if age_s > stale_after_s:
        return Input(None, f"no reading for {age_s / 60:.0f} min")
    if not is_usable(reading.quality) or reading.quality == Quality.UNCERTAIN_STUCK:
        return Input(None, f"its reading is {quality_name(reading.quality)}")
    return Input(reading.value)


def find_in_zone(setpoint: Point, points: Mapping[str, Point], brick_class: str) -> Point | None:
    """Point of a Brick class in the zone of a set-point."""
    return next(
        (p for p in points.values() if p.brick_class == brick_class and p.zone and p.zone == setpoint.zone), None
    )


def learn_building(
    store: ReadingStore,
    settings: Control,
    calendar: Calendar,
    layout: Layout,
    now_ms: int,
    *,
    watched: Sequence[Period] = (),
    known: dict[Period, Reference] | None = None,
) -> tuple[Learnt, dict[str, Agenda], Record]:
    """What the last weeks tell of a building, what is expected of its zones from today on, and the record of it all.

    Habits come from the configured reference period, in which its own control ruled, else from the days on which it
    was only watched; without either there are none, and control keeps to the comfort band alone.

    Parameters
    ----------
    watched
        When control sent nothing, newest first.
    known
        What was learnt of periods that are over, for this layout; updated.
    """
    known = {} if known is None else known

    def record_of(start_ms: int, end_ms: int) -> Record:
        columns = {
            point_id: store.aggregate(point_id, start_ms, end_ms, _LEARN_STEP, calendar).mean
            for point_id in layout.points
        }
        edges = np.arange(start_ms, end_ms + 1, _LEARN_STEP_MS, dtype=np.int64)
        for meter in layout.loads.values():
            columns[meter.id] = _known_energy(store, meter, edges) * HOUR_MS / _LEARN_STEP_MS
        return Record(start_ms, _LEARN_STEP_MS, columns, calendar)

    now_ms = calendar.floor(now_ms, _LEARN_STEP)
    record = record_of(calendar.midnight(calendar.day_of(now_ms) - timedelta(days=LEARN_DAYS)), now_ms)

    def reference_of(period: Period) -> Reference:
        found = known.get(period)
        if found is None:
            part = record.between(period.start_ms, period.end_ms) or record_of(period.start_ms, period.end_ms)
            days = recorded_days(part, [zone.heating.id for zone in layout.zones])
            found = Reference(period, days, *learn_habits(layout, part, _opening(settings, part)))
            if found.is_closed(now_ms):
                known[period] = found
        return found

    reference: Reference | None
    if settings.reference_start and settings.reference_end:
        bounds = calendar.midnight(settings.reference_start), calendar.midnight(settings.reference_end)
        reference = reference_of(Period(*bounds))
    else:
        reference = find(candidates(watched, calendar), reference_of)
    if reference is not None:
        first, last = (calendar.day_of(t) for t in (reference.period.start_ms, reference.period.end_ms - 1))
        log.info("habits_learnt building=%s from=%s to=%s days=%d", layout.building, first, last, reference.days)
    learnt = learn(layout, record, reference.habits if reference else {}, reference.air_habits if reference else {})
    return learnt, agendas(layout, learnt, calendar, now_ms), record


def _opening(settings: Control, record: Record) -> Floats | None:
    """1 in the hours that people have entered, else 0, by step; None: none were."""
    if not settings.occupied:
        return None
    hours = Schedule(0.0, settings.occupied)
    times = range(record.start_ms, record.start_ms + len(record) * record.step_ms, record.step_ms)
    return np.array([float(hours.value_at(time_ms, record.calendar) > 0) for time_ms in times])


def with_registers(store: ReadingStore, record: Record, meters: Sequence[str], points: Mapping[str, Point]) -> Record:
    """A record in which every meter of heat is a register of kWh, whatever it gives: power, amounts or a total.

    Columns hold what was counted up to the end of each step; NaN where the step is not known.
    """
    edges = record.start_ms + np.arange(len(record) + 1, dtype=np.int64) * record.step_ms
    columns = dict(record.columns)
    for meter_id in meters:
        kwh = _known_energy(store, points[meter_id], edges)
        columns[meter_id] = np.where(np.isfinite(kwh), np.cumsum(np.nan_to_num(kwh)), np.nan)
    return replace(record, columns=columns)


def power_now(store: ReadingStore, meter: Point, now_ms: int, stale_after_s: int) -> Input:
    """What a meter drew on average in the last half hour that it tells of, kW."""
    series = usable(store.read(meter.id, now_ms - stale_after_s * 1000 - _NEWEST_MS, now_ms + 1))
    try:
        starts, ends, kwh = pieces(series, meter)
    except DomainError as error:
        return Input(None, error.message)
    if not len(ends) or now_ms - ends[-1] > stale_after_s * 1000:
        return Input(None, f"{meter.id} tells of no energy for {stale_after_s / 60:.0f} min")
    end_ms = int(ends[-1])
    found = float(spread(starts, ends, kwh, np.array([end_ms - _NEWEST_MS, end_ms], np.int64)).kwh[0])
    return Input(found * HOUR_MS / _NEWEST_MS) if math.isfinite(found) else Input(None, f"{meter.id} has gaps")


def _known_energy(store: ReadingStore, meter: Point, edges: NDArray[np.int64]) -> Floats:
    """Energy of each step, kWh, whatever a meter gives: power, amounts or a total; NaN where it is not known."""
    series = usable(store.read(meter.id, int(edges[0]) - MAX_GAP_MS, int(edges[-1]) + MAX_GAP_MS))
    try:
        return spread(*pieces(series, meter), edges).kwh
    except DomainError as error:
        log.warning("meter_unusable meter=%s code=%s reason=%r", meter.id, error.code, error.message)
        return np.full(len(edges) - 1, np.nan)


def heating_gaps(
    store: ReadingStore,
    registry: Registry,
    building: Building,
    calendar: Calendar,
    *,
    points: Mapping[str, Point],
    now_ms: int,
) -> list[MeterGap]:
    """Gap of each heating meter that has a baseline, over the last whole hours."""
    end_ms = calendar.floor(now_ms, Step.HOUR)
    start_ms = end_ms - correction.WINDOW_H * HOUR_MS
    gaps = []
    for meter_id in building.meters:
        meter = points.get(meter_id)
        if meter is None or not any(word in meter.brick_class for word in HEATING_WORDS):
            continue
        try:
            gap = meter_gap(store, registry, meter_id, calendar, start_ms=start_ms, end_ms=end_ms, step=Step.DAY)
        except NotFoundError:
            continue
        except DomainError as error:
            log.warning("gap_unknown meter=%s code=%s reason=%r", meter_id, error.code, error.message)
            continue
        gaps.append(MeterGap(meter_id, f"{gap.kind} {gap.version} of {meter_id}", gap.total))
    return gaps
