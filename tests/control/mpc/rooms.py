"""Rooms of two masses whose truth is known, under a thermostat with a night set-back, as a record shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from control.layout import Layout, ZoneLayout
from control.learning import Learnt, agendas, learn_habits, learn_presences
from control.memory import Memory
from control.mpc.zone_model import MASS_H, ZoneModel
from control.observer import observe
from control.occupancy import Agenda
from control.record import Record
from control.view import BuildingView, Comfort, Heating, Input, Season
from core.calendar import Calendar
from core.points import Limits, Point

Floats = NDArray[np.float64]
STEP_MS = 30 * 60_000
DAY = 48
FADE = float(1 - np.exp(-0.5 / MASS_H))
ROME = Calendar("Europe/Rome")
COMFORT = Comfort(20.0, 26.0, 15.0)
TRUTH = ZoneModel(
    loss=0.012, mass=0.06, sun=0.0006, people=0.10, constant=0.02, fade=FADE, capacity_k=1.2, error_k=0.1
)  # fmt: skip
FIRST = ROME.midnight(date(2026, 1, 12))
"""A Monday."""


@dataclass(frozen=True)
class Lived:
    """What a room went through, each of shape (n,): temperature, set-point, heat, and what acted on it."""

    inside_c: Floats
    setpoint_c: Floats
    heat_k: Floats
    outdoor_c: Floats
    sun_w_m2: Floats
    people: Floats


def live(
    model: ZoneModel = TRUTH, days: int = 14, *, seed: int = 1, night_c: float = 15.0, start_ms: int = FIRST
) -> Lived:
    """A room from Monday on; people from 08:00 to 18:00 of the local working days, heated to 21 °C from 06:00."""
    rng = np.random.default_rng(seed)
    n = days * DAY
    local = [ROME.local(start_ms + k * STEP_MS) for k in range(n)]
    hour = np.array([moment.hour + moment.minute / 60 for moment in local])
    working = np.array([moment.weekday() < 5 for moment in local])
    fronts = np.interp(np.arange(n), np.arange(0, n + DAY, DAY), rng.normal(2, 4, days + 1))
    outdoor = fronts + 4 * np.sin((hour - 9) / 24 * 2 * np.pi)
    cloud = np.repeat(rng.uniform(0.1, 1.0, days), DAY)
    sun = np.maximum(np.sin((hour - 7) / 10 * np.pi), 0) * 400 * cloud * ((hour > 7) & (hour < 17))
    people = np.where(working & (hour >= 8) & (hour < 18), 1.0, 0.0)
    setpoint = np.where(working & (hour >= 6) & (hour < 18), 21.0, night_c)
    inside, heat = np.zeros(n), np.zeros(n)
    t, m = 19.0, 18.5
    for k in range(n):
        inside[k] = t
        free = t + float(model.drift_k(*(np.array([v]) for v in (t, m, outdoor[k], sun[k], people[k])))[0])
        heat[k] = min(max(setpoint[k] - free, 0.0), model.capacity_k)
        m += model.fade * (t - m)
        t = free + heat[k]
    return Lived(inside, setpoint, heat, outdoor, sun, people)


def layout(zones: int = 1) -> Layout:
    """`zones` rooms with thermometer and counter, a weather station and a heat meter."""
    return Layout(
        "torino/school",
        tuple(
            ZoneLayout(
                f"torino/school/room-{k}",
                Point(
                    f"torino/school/room-{k}/heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", "Cel",
                    limits=Limits(7.0, 26.0, 16.0),
                ),
                None,
                f"torino/school/room-{k}/temperature",
                f"torino/school/room-{k}/people",
            )
            for k in range(zones)
        ),
        (),
        "torino/school/outdoor",
        "torino/school/sun",
        ("torino/school/heat",),
    )  # fmt: skip


def record(rooms: list[Lived], start_ms: int = FIRST, kwh_per_k: float = 2.0) -> Record:
    """What the instruments of `layout` noted of them; a kelvin in any room takes `kwh_per_k`."""
    columns: dict[str, Floats] = {
        "torino/school/outdoor": rooms[0].outdoor_c,
        "torino/school/sun": rooms[0].sun_w_m2,
        "torino/school/heat": np.cumsum(np.sum([room.heat_k for room in rooms], axis=0)) * kwh_per_k,
    }
    for k, room in enumerate(rooms):
        columns[f"torino/school/room-{k}/temperature"] = room.inside_c
        columns[f"torino/school/room-{k}/heating-setpoint"] = room.setpoint_c
        columns[f"torino/school/room-{k}/people"] = room.people * (5 + k)
    return Record(start_ms, STEP_MS, columns, ROME)


class School:
    """Rooms, what was recorded of them, and what the rules learn of it."""

    def __init__(self, known: Record) -> None:
        self.known = known
        self.layout = layout(sum(name.endswith("/temperature") for name in known.columns))
        self.end_ms = known.start_ms + len(known) * known.step_ms

    @cached_property
    def learnt(self) -> Learnt:
        """People and habits."""
        habits, air = learn_habits(self.layout, self.known)
        return Learnt(presences=learn_presences(self.layout, self.known), habits=habits, air_habits=air)

    @cached_property
    def plans(self) -> dict[str, Agenda]:
        """What is expected from the end of the record on."""
        return agendas(self.layout, self.learnt, ROME, self.end_ms)

    def view(
        self, now_ms: int, *, inside_c: float | None = 17.0, outdoor_c: float | None = 1.0, people: float = 0.0,
        others: dict[int, float | None] | None = None,
    ) -> BuildingView:  # fmt: skip
        """It at a moment; rooms of `others` have a temperature of their own (None: it is not known)."""
        inputs = {self.layout.outdoor: known_or_not(outdoor_c)}
        for k, zone in enumerate(self.layout.zones):
            inputs[zone.temperature] = known_or_not((others or {}).get(k, inside_c))
            inputs[zone.heating.id] = Input(15.0)
            inputs[zone.people] = Input(people)
        return observe(
            self.layout, inputs, self.learnt, self.plans, calendar=ROME, now_ms=now_ms, comfort=COMFORT,
            season=Season(Heating.ALLOWED), last_seen={}, memory=Memory(),
        )  # fmt: skip


def known_or_not(value: float | None) -> Input:
    """An input, or one that has not been heard of for long."""
    return Input(value, "" if value is not None else "no reading for 75 min")
