"""Reads store and registry into the view that a decision is made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from control import correction
from control.season import season_at
from control.view import BuildingView, Comfort, Input, Memory, MeterGap, Occupancy, WarmUp, Zone
from control.warmup import DEFAULT, find_mornings, learn_warm_up
from core.calendar import HOUR_MS, Calendar, Step
from core.config.models import Building, Control
from core.errors import DomainError, NotFoundError
from core.points import Point
from core.readings import Quality, Reading, is_usable, quality_name
from core.schedule import Schedule
from predict.gap import meter_gap
from predict.series import Floats, fill_short_gaps
from stores.port import ReadingStore
from stores.registry import Registry

log = logging.getLogger("promessa.control")

ZONE_TEMPERATURE: Final = "Zone_Air_Temperature_Sensor"
HEATING_WORDS: Final = ("Gas", "Heating", "Hot_Water", "Steam", "Thermal")
"""A meter whose Brick class holds one of these shows heating."""
LEARN_DAYS: Final = 28
_LEARN_STEP: Final = Step.MINUTE_15
_LEARN_STEP_H: Final = 0.25


def view_building(
    store: ReadingStore,
    settings: Control,
    calendar: Calendar,
    points: Mapping[str, Point],
    *,
    building: str,
    now_ms: int,
    memory: Memory,
    gaps: Sequence[MeterGap] = (),
    warm_ups: Mapping[str, WarmUp],
) -> BuildingView:
    """A building as its newest readings show it.

    Parameters
    ----------
    points
        The building's points by id; a set-point that no gateway has declared is left out.
    now_ms
        The data's time, UTC milliseconds: ages are counted from it.
    warm_ups
        By set-point id.
    """
    setpoints = [points[point_id] for point_id in settings.setpoints if point_id in points]
    sensors = {point.id: find_zone_sensor(point, points) for point in setpoints}
    wanted = [p.id for p in setpoints] + [s.id for s in sensors.values() if s] + [settings.outdoor_temperature]
    latest = store.latest([point_id for point_id in wanted if point_id])

    def measured(point_id: str) -> Input:
        return judge_input(latest.get(point_id), now_ms, settings.stale_after_s)

    zones = []
    for setpoint in setpoints:
        sensor = sensors[setpoint.id]
        temperature = measured(sensor.id) if sensor else Input(None, "no temperature sensor in the zone")
        name = setpoint.zone or setpoint.building
        warm_up = warm_ups.get(setpoint.id, DEFAULT)
        zones.append(Zone(name, setpoint, temperature, measured(setpoint.id), warm_up))
    occupied = Schedule(0.0, settings.occupied)
    return BuildingView(
        building=building,
        now_ms=now_ms,
        calendar=calendar,
        season=season_at(calendar.local(now_ms), settings.heating_seasons),
        comfort=Comfort(settings.comfort_minimum, settings.comfort_maximum, settings.setback),
        occupancy=Occupancy(occupied.value_at(now_ms, calendar) > 0, occupied.next_change(now_ms, calendar)),
        zones=tuple(zones),
        outdoor=measured(settings.outdoor_temperature),
        supply_setpoint=points.get(settings.supply_setpoint),
        gaps=tuple(gaps),
        memory=memory,
    )


def judge_input(reading: Reading | None, now_ms: int, stale_after_s: int) -> Input:
    """A reading as an input: without a value when it is missing, stale, bad or stuck."""
    if reading is None:
        return Input(None, "never read")
    age_s = (now_ms - reading.time_ms) / 1000
    if age_s > stale_after_s:
        return Input(None, f"no reading for {age_s / 60:.0f} min")
    if not is_usable(reading.quality) or reading.quality == Quality.UNCERTAIN_STUCK:
        return Input(None, f"its reading is {quality_name(reading.quality)}")
    return Input(reading.value)


def find_zone_sensor(setpoint: Point, points: Mapping[str, Point]) -> Point | None:
    """Air temperature sensor in the zone of a set-point."""
    return next(
        (p for p in points.values() if p.brick_class == ZONE_TEMPERATURE and p.zone and p.zone == setpoint.zone), None
    )


def learn_building(
    store: ReadingStore, settings: Control, calendar: Calendar, points: Mapping[str, Point], now_ms: int
) -> dict[str, WarmUp]:
    """Warm-up of each zone, by set-point id, from the last weeks."""
    start_ms = now_ms - LEARN_DAYS * 24 * HOUR_MS

    def means(point_id: str) -> Floats:
        return store.aggregate(point_id, start_ms, now_ms, _LEARN_STEP, calendar).mean

    outdoor = fill_short_gaps(means(settings.outdoor_temperature), max_fill=4)
    learnt = {}
    for setpoint_id in settings.setpoints:
        sensor = find_zone_sensor(points[setpoint_id], points) if setpoint_id in points else None
        if sensor is not None:
            temperature = fill_short_gaps(means(sensor.id), max_fill=2)
            asked = fill_short_gaps(means(setpoint_id), max_fill=2)
            learnt[setpoint_id] = learn_warm_up(find_mornings(temperature, asked, outdoor, _LEARN_STEP_H))
    return learnt


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
