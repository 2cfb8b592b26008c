"""What control learns of a building from its record: warm-up, the week of its people, its own control's habits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from control.cooling_off import learn_cooling_off
from control.habit import HabitWeek, learn_air_habit, learn_habit
from control.layout import Layout, ZoneLayout
from control.occupancy import Agenda, Presence, agenda, fresh_co2_ppm, joined, learn_presence, people_of_co2, usual_peak
from control.presence import Levels, learn_levels, learn_presence_of_load, shares_of_load
from control.record import Record
from control.view import COOL_DOWN, AirHabit, WarmUp
from control.warmup import find_mornings, learn_warm_up
from core.calendar import Calendar
from predict.series import Floats, fill_short_gaps


@dataclass(frozen=True)
class Learnt:
    """By name of the zone, and of the air system.

    Attributes
    ----------
    presences
        Of the zones whose people are counted, or told by carbon dioxide or by the electricity they use.
    fresh_ppm
        Carbon dioxide of each zone while nobody is there, where it tells of people.
    loads
        What each zone's meter reads without people and with them, where it tells of people.
    cooling_off_per_h
        Share of its difference to outdoors that a zone loses in an hour without heating, where it is known.
    """

    warm_ups: Mapping[str, WarmUp] = field(default_factory=dict)
    presences: Mapping[str, Presence] = field(default_factory=dict)
    habits: Mapping[str, HabitWeek] = field(default_factory=dict)
    air_habits: Mapping[str, AirHabit] = field(default_factory=dict)
    fresh_ppm: Mapping[str, float] = field(default_factory=dict)
    loads: Mapping[str, Levels] = field(default_factory=dict)
    cool_downs: Mapping[str, WarmUp] = field(default_factory=dict)
    cooling_off_per_h: Mapping[str, float] = field(default_factory=dict)


def learn_warm_ups(layout: Layout, record: Record) -> dict[str, WarmUp]:
    """Warm-up of each zone from its mornings."""
    outdoor = fill_short_gaps(record.of(layout.outdoor), max_fill=4)
    learnt = {}
    for zone in layout.zones:
        if zone.temperature:
            temperature = fill_short_gaps(record.of(zone.temperature), max_fill=2)
            asked = fill_short_gaps(record.of(zone.heating.id), max_fill=2)
            learnt[zone.name] = learn_warm_up(find_mornings(temperature, asked, outdoor, record.step_h))
    return learnt


def learn_cool_downs(layout: Layout, record: Record) -> dict[str, WarmUp]:
    """How fast each zone that is cooled cools down, from the mornings on which it was cooled for people."""
    outdoor = fill_short_gaps(record.of(layout.outdoor), max_fill=4)
    learnt = {}
    for zone in layout.zones:
        if zone.temperature and zone.cooling:
            temperature = fill_short_gaps(record.of(zone.temperature), max_fill=2)
            asked = fill_short_gaps(record.of(zone.cooling.id), max_fill=2)
            mornings = find_mornings(-temperature, -asked, -outdoor, record.step_h)
            learnt[zone.name] = learn_warm_up(mornings, COOL_DOWN)
    return learnt


def learn_cooling_offs(layout: Layout, record: Record) -> dict[str, float]:
    """How fast each zone loses its warmth without heating, 1/h, where its nights tell."""
    outdoor = fill_short_gaps(record.of(layout.outdoor), max_fill=4)
    found = {
        zone.name: learn_cooling_off(record.of(zone.temperature), record.of(zone.heating.id), outdoor, record.step_h)
        for zone in layout.zones
        if zone.temperature
    }
    return {name: rate for name, rate in found.items() if rate is not None}


def learn_presences(layout: Layout, record: Record) -> dict[str, Presence]:
    """The week of each zone whose people are counted, or told by carbon dioxide or by the electricity they use."""
    fresh = learn_fresh_air(layout, record)
    told = {
        name: learn_presence_of_load(record, record.of(layout.loads[name].id), levels)
        for name, levels in learn_loads(layout, record).items()
    }
    return told | {
        zone.name: learn_presence(record, _people(zone, record, fresh))
        for zone in layout.zones
        if zone.people or zone.name in fresh
    }


def learn_fresh_air(layout: Layout, record: Record) -> dict[str, float]:
    """Carbon dioxide of empty zones, ppm, where nobody counts people and it is measured."""
    found = {z.name: fresh_co2_ppm(record.of(z.co2)) for z in layout.zones if z.co2 and not z.people}
    return {name: ppm for name, ppm in found.items() if ppm is not None}


def learn_loads(layout: Layout, record: Record) -> dict[str, Levels]:
    """What meters read without people and with them, by zone name; of zones of which nothing better tells."""
    meters = {meter.id: learn_levels(record, record.of(meter.id)) for meter in layout.loads.values()}
    return {name: levels for name, meter in layout.loads.items() if (levels := meters[meter.id]) is not None}


def learn_habits(
    layout: Layout, record: Record, opening: Floats | None = None
) -> tuple[dict[str, HabitWeek], dict[str, AirHabit]]:
    """What zones and air systems did by themselves; only from a record of before they were driven.

    Parameters
    ----------
    opening
        1 in the hours that people have entered, else 0, shape (n,): what counts where nothing tells of people. Without
        either only heating set-points have habits, by the time of the week: what cooling and air were with people there
        nobody knows.
    """
    shares = _shares(layout, record)
    whole = np.max(list(shares.values()), axis=0) if shares else opening
    if whole is None:
        unknown, always = np.full(len(record), np.nan), np.ones(len(record))
        return {
            zone.name: learn_habit(record, always, record.of(zone.heating.id), unknown, record.of(zone.temperature))
            for zone in layout.zones
        }, {system.name: AirHabit() for system in layout.systems}
    habits = {
        zone.name: learn_habit(
            record,
            shares.get(zone.name, whole),
            record.of(zone.heating.id),
            record.of(zone.cooling.id if zone.cooling else None),
            record.of(zone.temperature),
        )
        for zone in layout.zones
    }
    air = {}
    for system in layout.systems:
        there = [shares[name] for name in system.zones if name in shares]
        flow = record.of(system.flow) if system.flow else np.ones(len(record))
        air[system.name] = learn_air_habit(
            np.max(there, axis=0) if there else whole,
            record.of(system.outdoor_air.id if system.outdoor_air else None),
            flow,
            record.of(system.supply.id if system.supply else None),
        )
    return habits, air


def learn(
    layout: Layout, record: Record, habits: Mapping[str, HabitWeek], air_habits: Mapping[str, AirHabit]
) -> Learnt:
    """All that the last weeks tell of a building, beside the habits of a time in which nobody drove it."""
    return Learnt(
        learn_warm_ups(layout, record),
        learn_presences(layout, record),
        habits,
        air_habits,
        learn_fresh_air(layout, record),
        learn_loads(layout, record),
        learn_cool_downs(layout, record),
        learn_cooling_offs(layout, record),
    )


def agendas(layout: Layout, learnt: Learnt, calendar: Calendar, now_ms: int) -> dict[str, Agenda]:
    """What is expected of every zone from today on; where nobody is counted, what is expected of the whole building."""
    known = {
        name: agenda(presence, calendar, now_ms) for name, presence in learnt.presences.items() if presence.peak > 0
    }
    whole = joined(list(known.values()))
    if whole is None:
        return {}
    if not any(zone.is_counted for zone in layout.zones):
        # Only a counter says that nobody uses a zone.
        whole = replace(whole, peak=max(plan.peak for plan in known.values()))
    return {zone.name: known.get(zone.name, whole) for zone in layout.zones}


def _shares(layout: Layout, record: Record) -> dict[str, Floats]:
    shares = {}
    fresh = learn_fresh_air(layout, record)
    loads = learn_loads(layout, record)
    for zone in layout.zones:
        if zone.name in loads:
            shares[zone.name] = shares_of_load(record.of(layout.loads[zone.name].id), loads[zone.name])
            continue
        people = _people(zone, record, fresh)
        peak = usual_peak(record, people)
        if peak > 0:
            shares[zone.name] = np.minimum(people / peak, 1.0)
    return shares


def _people(zone: ZoneLayout, record: Record, fresh: Mapping[str, float]) -> Floats:
    if zone.name in fresh:
        return people_of_co2(record.of(zone.co2), fresh[zone.name])
    return record.of(zone.people)
