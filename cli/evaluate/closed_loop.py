"""A simulated building under control, in lock-step: the same decisions as on a real one, without network and store."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np

from control.arbiter import Standing, arbitrate
from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt, agendas, learn_habits, learn_presences, learn_warm_ups
from control.observer import observe
from control.occupancy import PRESENT_SHARE, Agenda
from control.record import Record
from control.strategy import decide
from control.view import Comfort, Heating, Input, Memory, Season
from core.calendar import Calendar
from core.commands import Command
from core.points import Limits, Point
from simulators.energyplus import EnergyPlusBuilding

SITE: Final = "simulated/building"
WINDOW_DAYS: Final = 28
_LIMITS: Final = {
    "Zone_Air_Heating_Temperature_Setpoint": Limits(7.0, 26.0, 16.0),
    "Zone_Air_Cooling_Temperature_Setpoint": Limits(20.0, 35.0, 28.0),
    "Fan_On_Off_Status": Limits(0.0, 1.0, 1.0),
    "Outside_Air_Flow_Setpoint": Limits(0.0, 1.0, 1.0),
    "Supply_Air_Temperature_Setpoint": Limits(10.0, 25.0, 13.0),
}


def layout_of(building: EnergyPlusBuilding) -> Layout:
    """The building's zones and air systems, from its points alone."""
    points = {p.name: p for p in building.points}

    def driven(name: str) -> Point | None:
        found = points.get(name)
        if found is None or name not in building.writable:
            return None
        return Point(f"{SITE}/{name}", found.brick_class, found.unit, limits=_LIMITS[found.brick_class])

    def read(name: str) -> str:
        return f"{SITE}/{name}" if name in points else ""

    zones = []
    for zone in dict.fromkeys(p.zone for p in building.points if p.zone):
        heating = driven(f"{zone}/heating-setpoint")
        if heating is not None:
            zones.append(
                ZoneLayout(
                    f"{SITE}/{zone}",
                    heating,
                    driven(f"{zone}/cooling-setpoint"),
                    read(f"{zone}/temperature"),
                    read(f"{zone}/people"),
                    building.floor_area_m2.get(zone),
                )
            )
    systems = [
        SystemLayout(
            f"{SITE}/{name}",
            tuple(f"{SITE}/{zone}" for zone in point.feeds),
            driven(f"{name}/fan"),
            driven(f"{name}/outdoor-air"),
            driven(f"{name}/supply-temperature-setpoint"),
            read(f"{name}/supply-flow"),
        )
        for point in building.points
        if point.feeds
        for name in [point.name.rpartition("/")[0]]
    ]
    return Layout(SITE, tuple(zones), tuple(systems), read("outdoor-temperature"))


@dataclass
class Supervisor:
    """Watches a simulated building, learns, decides and writes.

    Attributes
    ----------
    decide_s
        Time that each decision took.
    """

    building: EnergyPlusBuilding
    calendar: Calendar
    comfort: Comfort
    layout: Layout = field(init=False)
    decide_s: list[float] = field(default_factory=list)
    _memory: Memory = field(default_factory=Memory)
    _learnt: Learnt = field(default_factory=Learnt)
    _plans: dict[str, Agenda] = field(default_factory=dict)
    _habits_known: bool = False
    _rows: list[list[float]] = field(default_factory=list)
    _start_ms: int = 0
    _day: object = None
    _standing: dict[str, Standing] = field(default_factory=dict)
    _last_seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.building)
        self._names = [point.removeprefix(f"{SITE}/") for point in self.layout.points]
        self._start_ms = self.building.time_ms
        self._ids = count()

    def watch(self) -> None:
        """Note what is measured at the end of a step."""
        self._rows.append([self.building.read(name) for name in self._names])
        longest = WINDOW_DAYS * 86_400_000 // self.building.step_ms
        if len(self._rows) > longest + 288:
            drop = len(self._rows) - longest
            del self._rows[:drop]
            self._start_ms += drop * self.building.step_ms

    def control(self) -> None:
        """Decide, and write what changes."""
        now_ms = self.building.time_ms
        started = time.perf_counter()
        self._learn(now_ms)
        began = time.perf_counter()
        values = dict(zip(self.layout.points, self._rows[-1], strict=True))
        inputs = {p: Input(v) if math.isfinite(v) else Input(None, "no value") for p, v in values.items()}
        for zone in self.layout.zones:
            presence = self._learnt.presences.get(zone.name)
            people = values.get(zone.people, 0.0)
            if presence is not None and people > 0 and people >= PRESENT_SHARE * presence.peak:
                self._last_seen[zone.name] = now_ms
        view = observe(
            self.layout, inputs, self._learnt, self._plans,
            calendar=self.calendar, now_ms=now_ms, comfort=self.comfort,
            season=Season(Heating.ALLOWED), last_seen=self._last_seen, memory=self._memory,
        )  # fmt: skip
        proposals, self._memory = decide(view)
        commands = arbitrate(
            proposals, self._standing, (), device_values=values, now_ms=now_ms,
            interval_ms=self.building.step_ms, new_id=lambda: str(next(self._ids)),
        )  # fmt: skip
        self.decide_s.append(time.perf_counter() - began)
        for command, _ in commands:
            self._apply(command)
        del started

    def _apply(self, command: Command) -> None:
        name = command.point.removeprefix(f"{SITE}/")
        self.building.write(name, math.nan if command.value is None else command.value)
        self._standing[command.point] = Standing(
            command.value, command.issued_ms, command.expires_ms, is_live=command.value is not None
        )

    def _learn(self, now_ms: int) -> None:
        day = self.calendar.day_of(now_ms)
        if day == self._day:
            return
        self._day = day
        rows = np.array(self._rows)
        record = Record(
            self._start_ms, self.building.step_ms,
            {point: rows[:, k] for k, point in enumerate(self.layout.points)}, self.calendar,
        )  # fmt: skip
        habits = (self._learnt.habits, self._learnt.air_habits) if self._habits_known else learn_habits(self.layout, record)
        self._habits_known = True
        self._learnt = Learnt(
            learn_warm_ups(self.layout, record), learn_presences(self.layout, record), *habits
        )
        self._plans = agendas(self.layout, self._learnt, self.calendar, now_ms)
