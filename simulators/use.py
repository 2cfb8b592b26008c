"""What people do in a building on one local day: who is there, which lights burn, what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np

from core.calendar import Calendar
from core.schedule import Block
from simulators.design import Variation, Zone
from simulators.solar import Floats, Times

SLOT_MIN: Final = 10
SLOTS: Final = 24 * 60 // SLOT_MIN
STAY_MIN: Final = 80.0
"""Mean length of a visit."""
PRESENCE_H: Final = (8.0, 9.5, 11.5, 13.0, 14.5, 16.5, 18.0, 19.5)
PRESENCE: Final = (0.15, 0.5, 0.8, 0.55, 0.7, 1.0, 0.75, 0.35)
SUMMER_PRESENCE: Final = 0.6
DAY_SPREAD: Final = 0.15
EVENT_DAYS: Final = (1, 3)
EVENT_CHANCE: Final = 0.5
EVENT_H: Final = (17.0, 18.5)
CLEANING_H: Final = (6.5, 8.0)
LUMEN_PER_WATT: Final = 110.0
WANTED_LUX: Final = 450.0
LIGHTS_AT_LEAST: Final = 0.25
"""Share of the lights that stays on however bright it is."""


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """Use per step and zone, arrays of shape (steps, zones).

    Attributes
    ----------
    people
        Number present.
    lighting_w, equipment_w
        Electric power, all of it heat.
    ventilation
        0 off, 1 on.
    """

    people: Floats
    lighting_w: Floats
    equipment_w: Floats
    ventilation: Floats


def day_of_use(
    zones: Sequence[Zone],
    opening: Sequence[Block],
    calendar: Calendar,
    day: date,
    *,
    time_ms: Times,
    ghi_w_m2: Floats,
    variation: Variation,
    seed: int,
) -> DayOfUse:
    """Draw one local day; the same seed and day are always the same.

    Parameters
    ----------
    zones, opening
        What is used, and when it is open (local time; holidays only where a block says so).
    calendar, day
        Of the site.
    time_ms, ghi_w_m2
        Steps of the day (UTC milliseconds) and global irradiance then, shape (steps,).
    variation
        People and extra hours.
    seed
        Of the building.
    """
    random = np.random.default_rng([seed, 11, day.toordinal()])
    is_open = _open_slots(opening, calendar, day)
    people = _people(zones, is_open, day, variation, random)
    extra = round(variation.plant_extra_hours * 60 / SLOT_MIN)
    runs = _widen(is_open, 3, 3 + extra)
    lit = _widen(is_open, 0, extra).astype(float)
    if is_open.any():
        lit[_slot(CLEANING_H[0]) : _slot(CLEANING_H[1])] = np.maximum(
            lit[_slot(CLEANING_H[0]) : _slot(CLEANING_H[1])], 0.5
        )

    slot = _slots_of(time_ms, calendar)
    lux = ghi_w_m2[:, None] * LUMEN_PER_WATT * np.array([z.daylight_factor for z in zones])
    dimming = np.clip(1 - lux / WANTED_LUX, LIGHTS_AT_LEAST, 1.0)
    habit = np.clip(random.normal(0.92, 0.06, len(zones)), 0.6, 1.0)
    installed = np.array([z.lighting_w_m2 * z.floor_m2 for z in zones])
    floor = np.array([z.floor_m2 for z in zones])
    busy = 0.35 + 0.65 * np.clip(people / np.maximum([z.people for z in zones], 1.0), 0, 1.5)
    unrest = np.exp(random.normal(0.0, 0.06, (SLOTS, len(zones))))
    equipment = floor * (
        np.array([z.base_w_m2 for z in zones]) + np.array([z.plugs_w_m2 for z in zones]) * busy * is_open[:, None]
    )
    return DayOfUse(
        people[slot],
        installed * habit * dimming * lit[slot, None],
        (equipment * unrest)[slot],
        np.repeat(runs[slot, None].astype(float), len(zones), axis=1),
    )


def _slot(hour: float) -> int:
    return round(hour * 60 / SLOT_MIN)


def _slots_of(time_ms: Times, calendar: Calendar) -> Times:
    """Slot of the local wall clock at each time; days of 23 and 25 hours skip or repeat slots."""
    first = calendar.local(int(time_ms[0]))
    minute = first.hour * 60 + first.minute + (time_ms - time_ms[0]) / 60_000
    shift = calendar.local(int(time_ms[-1])).utcoffset(), first.utcoffset()
    if shift[0] != shift[1]:
        walls = [calendar.local(int(t)) for t in time_ms]
        minute = np.array([w.hour * 60 + w.minute for w in walls], dtype=float)
    slots: Times = np.minimum(minute // SLOT_MIN, SLOTS - 1).astype(np.int64)
    return slots


def _open_slots(opening: Sequence[Block], calendar: Calendar, day: date) -> Floats:
    holiday = calendar.is_holiday(day)
    midnight = datetime.combine(day, time())
    moments = [midnight + timedelta(minutes=i * SLOT_MIN) for i in range(SLOTS)]
    return np.array([float(any(b.covers(m, holiday=holiday) for b in opening)) for m in moments])


def _widen(on: Floats, before: int, after: int) -> Floats:
    wide = on.copy()
    for k in range(1, before + 1):
        wide[:-k] = np.maximum(wide[:-k], on[k:])
    for k in range(1, after + 1):
        wide[k:] = np.maximum(wide[k:], on[:-k])
    return wide


def _people(
    zones: Sequence[Zone], is_open: Floats, day: date, variation: Variation, random: np.random.Generator
) -> Floats:
    """Visitors who arrive at random and stay as long as they like, shape (slots, zones)."""
    count = np.zeros((SLOTS, len(zones)))
    if not is_open.any():
        return count
    hours = np.arange(SLOTS) * SLOT_MIN / 60
    shape = np.interp(hours, PRESENCE_H, PRESENCE) * is_open
    season = SUMMER_PRESENCE if day.month in (7, 8) else 1.0
    usual = np.array([z.people for z in zones]) * variation.people * season
    usual = usual * np.exp(random.normal(0.0, DAY_SPREAD, len(zones)))
    leave = 1 - np.exp(-SLOT_MIN / STAY_MIN)
    for k in range(1, SLOTS):
        if is_open[k]:
            stayed = random.binomial(count[k - 1].astype(np.int64), 1 - leave)
            count[k] = stayed + random.poisson(usual * shape[k] * leave)
    if day.weekday() in EVENT_DAYS and random.random() < EVENT_CHANCE:
        guests = random.poisson([z.events * variation.people for z in zones])
        evening = slice(_slot(EVENT_H[0]), _slot(EVENT_H[1]))
        count[evening] += guests * is_open[evening, None]
    return count
