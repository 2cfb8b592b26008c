"""From the newest inputs and what was learnt to the view that a decision is made from; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt
from control.memory import Memory
from control.occupancy import Agenda, Presence, occupancy_at, people_of
from control.presence import occupancy_of_load
from control.proposal import Correction
from control.record import day_and_minute
from control.view import (
    COOL_DOWN,
    NOT_MEASURED,
    AirHabit,
    AirSystem,
    BuildingView,
    Comfort,
    Habit,
    Input,
    MeterGap,
    Occupancy,
    Season,
    Zone,
)
from control.warmup import DEFAULT
from core.calendar import Calendar


def observe(
    layout: Layout,
    inputs: Mapping[str, Input],
    learnt: Learnt,
    plans: Mapping[str, Agenda],
    *,
    calendar: Calendar,
    now_ms: int,
    comfort: Comfort,
    season: Season,
    last_seen: Mapping[str, int],
    opening: Occupancy | None = None,
    gaps: Sequence[MeterGap] = (),
    corrections: tuple[Correction, ...] = (),
    memory: Memory,
) -> BuildingView:
    """A building as its newest inputs show it.

    Parameters
    ----------
    inputs
        By point id; a point without one is not measured.
    plans
        What is expected of each zone, by its name.
    last_seen
        When people were last counted in a zone, UTC milliseconds.
    opening
        The hours that people have entered; they win over everything that was learnt. None: none were.
    """

    def measured(point_id: str) -> Input:
        return inputs.get(point_id, NOT_MEASURED) if point_id else NOT_MEASURED

    loads = layout.loads

    def occupancy_of(item: ZoneLayout, people: Input) -> Occupancy:
        if opening is not None:
            return opening
        plan = plans.get(item.name)
        if plan is None:
            return Occupancy(is_occupied=True, changes_ms=None)  # nothing is known of it: as if people were there
        levels, meter = learnt.loads.get(item.name), loads.get(item.name)
        if levels is not None and meter is not None:
            return occupancy_of_load(plan, measured(meter.id).value, levels, now_ms)
        return occupancy_at(plan, people.value, last_seen.get(item.name), now_ms)

    def zone_of(item: ZoneLayout) -> Zone:
        plan = plans.get(item.name)
        people = people_of(measured(item.people), measured(item.co2), learnt.fresh_ppm.get(item.name))
        occupancy = occupancy_of(item, people)
        week = learnt.habits.get(item.name)
        ahead_ms = now_ms if occupancy.is_occupied else occupancy.changes_ms or now_ms
        presence = learnt.presences.get(item.name)
        is_designed_for = presence is None and bool(item.design_people)
        return Zone(
            item.name,
            item.heating,
            measured(item.temperature) if item.temperature else Input(None, "no temperature sensor in the zone"),
            measured(item.heating.id),
            learnt.warm_ups.get(item.name, DEFAULT),
            occupancy,
            Habit() if week is None else week.at(*day_and_minute(calendar, ahead_ms)),
            item.cooling,
            measured(item.cooling.id) if item.cooling else NOT_MEASURED,
            _most_people(item, presence),
            item.floor_area_m2,
            measured(item.co2),
            cool_down=learnt.cool_downs.get(item.name, COOL_DOWN),
            cooling_off_per_h=learnt.cooling_off_per_h.get(item.name),
            is_used=opening is not None or plan is None or plan.peak > 0 or is_designed_for,
        )

    def system_of(item: SystemLayout) -> AirSystem:
        return AirSystem(
            item.name,
            item.zones,
            item.fan,
            item.outdoor_air,
            item.supply,
            measured(item.fan.id) if item.fan else NOT_MEASURED,
            measured(item.outdoor_air.id) if item.outdoor_air else NOT_MEASURED,
            measured(item.flow) if item.flow else Input(1.0),
            learnt.air_habits.get(item.name, AirHabit()),
        )

    return BuildingView(
        building=layout.building,
        now_ms=now_ms,
        calendar=calendar,
        season=season,
        comfort=comfort,
        zones=tuple(map(zone_of, layout.zones)),
        outdoor=measured(layout.outdoor),
        air=tuple(map(system_of, layout.systems)),
        supply_setpoint=layout.supply_water,
        gaps=tuple(gaps),
        corrections=corrections,
        memory=memory,
    )


def _most_people(zone: ZoneLayout, presence: Presence | None) -> float:
    """Counted, else designed for; 0: nobody knows."""
    if zone.people and presence is not None and presence.peak > 0:
        return presence.peak
    return zone.design_people or 0.0
