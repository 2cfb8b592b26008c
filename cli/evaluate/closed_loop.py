"""A simulated building under control, in lock-step: the same decisions as on a real one, without network and store."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np

from control.arbiter import Standing, arbitrate
from control.gather import note_people
from control.layout import (
    ZONE_CO2,
    ZONE_COOLING,
    ZONE_HEATING,
    ZONE_PEOPLE,
    ZONE_TEMPERATURE,
    Layout,
    SystemLayout,
    ZoneLayout,
)
from control.learning import Learnt, agendas, learn, learn_habits
from control.memory import Memory
from control.observer import observe
from control.occupancy import Agenda
from control.proposal import Proposal
from control.record import Record
from control.strategy import decide
from control.view import BuildingView, Comfort, Heating, Input, Season
from core.calendar import HOUR_MS, Calendar
from core.commands import Command
from core.points import Limits, Point
from simulators.port import DescribedBuilding, SimulatedPoint

SITE: Final = "simulated/building"
WINDOW_DAYS: Final = 28
_DAY_MS: Final = 24 * HOUR_MS
_ZONE_CLASSES: Final = {
    "heating": ZONE_HEATING,
    "cooling": ZONE_COOLING,
    "temperature": ZONE_TEMPERATURE,
    "people": ZONE_PEOPLE,
    "co2": ZONE_CO2,
}
_SYSTEM_CLASSES: Final = {
    "fan": "Fan_On_Off_Status",
    "outdoor_air": "Outside_Air_Flow_Setpoint",
    "supply": "Supply_Air_Temperature_Setpoint",
    "flow": "Supply_Air_Flow_Sensor",
}
_LIMITS: Final = {
    ZONE_HEATING: Limits(7.0, 26.0, 16.0),
    ZONE_COOLING: Limits(20.0, 35.0, 28.0),
    "Fan_On_Off_Status": Limits(0.0, 1.0, 1.0),
    "Outside_Air_Flow_Setpoint": Limits(0.0, 1.0, 1.0),
    "Supply_Air_Temperature_Setpoint": Limits(10.0, 25.0, 13.0),
}
"""What a point of each class may be told; the same for every building."""


_Part: TypeAlias = tuple[str, Point | None]
"""A point's id, and the point where it can be driven."""
_NOTHING: Final[_Part] = ("", None)


class Decider(Protocol):
    """What makes proposals of a view, and what it remembers; one with a ``learn`` is called with the day's record."""

    def __call__(self, view: BuildingView) -> tuple[list[Proposal], Memory]:
        """Decide; pure but for what a solver keeps."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A decider that learns a model of its own."""

    def learn(self, layout: Layout, record: Record, plans: Mapping[str, Agenda]) -> None:
        """Take the record of the last weeks and the agendas from today on."""
        ...


def layout_of(building: DescribedBuilding) -> Layout:
    """The building's zones and air systems, from its points alone.

    A system is what has a fan, outdoor air or a supply temperature that can be written; where the fan does not say
    which zones it feeds, it feeds all of them.
    """
    writable = set(building.writable)
    areas: Mapping[str, float] = getattr(building, "floor_area_m2", {})

    def driven(point: SimulatedPoint) -> Point | None:
        if point.name not in writable or point.brick_class not in _LIMITS:
            return None
        limits = _within(_LIMITS[point.brick_class], getattr(point, "low", -math.inf), getattr(point, "high", math.inf))
        if limits is None:
            return None
        return Point(f"{SITE}/{point.name}", point.brick_class, point.unit, limits=limits)

    in_zones: dict[str, dict[str, _Part]] = {}
    in_systems: dict[str, dict[str, _Part]] = {}
    feeds: dict[str, tuple[str, ...]] = {}
    for point in building.points:
        kinds, groups, group = _ZONE_CLASSES, in_zones, point.zone
        if point.brick_class in _SYSTEM_CLASSES.values():
            kinds, groups, group = _SYSTEM_CLASSES, in_systems, point.name.rpartition("/")[0]
            feeds[group] = feeds.get(group) or tuple(getattr(point, "feeds", ()))
        for kind, brick_class in kinds.items():
            if point.brick_class == brick_class and (group or kinds is _SYSTEM_CLASSES):
                groups.setdefault(group, {}).setdefault(kind, (f"{SITE}/{point.name}", driven(point)))

    zones = [zone for name, parts in in_zones.items() if (zone := _zone_of(name, parts, areas.get(name))) is not None]
    everywhere = tuple(zone.name for zone in zones)
    systems = [
        SystemLayout(
            f"{SITE}/{name}",
            tuple(f"{SITE}/{zone}" for zone in feeds.get(name, ())) or everywhere,
            parts.get("fan", _NOTHING)[1],
            parts.get("outdoor_air", _NOTHING)[1],
            parts.get("supply", _NOTHING)[1],
            parts.get("flow", _NOTHING)[0],
        )
        for name, parts in in_systems.items()
        if any(driven_point is not None for _, driven_point in parts.values())
    ]

    def site(brick_class: str) -> str:
        return next((f"{SITE}/{p.name}" for p in building.points if p.brick_class == brick_class), "")

    meters = tuple(f"{SITE}/{p.name}" for p in building.points if p.name.endswith("/heating") and p.unit == "kW.h")
    return Layout(
        SITE,
        tuple(zones),
        tuple(systems),
        site("Outside_Air_Temperature_Sensor"),
        site("Solar_Irradiance_Sensor"),
        meters,
    )


def _within(limits: Limits, low: float, high: float) -> Limits | None:
    """Limits that the point itself takes, too; None where nothing is left."""
    minimum, maximum = max(limits.minimum, low), min(limits.maximum, high)
    if minimum > maximum:
        return None
    return Limits(minimum, maximum, min(max(limits.safe_value, minimum), maximum))


def _zone_of(name: str, parts: Mapping[str, _Part], floor_area_m2: float | None) -> ZoneLayout | None:
    """A zone whose heating set-point can be written; None otherwise."""
    heating = parts.get("heating", _NOTHING)[1]
    if heating is None:
        return None
    temperature, people, co2 = (parts.get(kind, _NOTHING)[0] for kind in ("temperature", "people", "co2"))
    cooling = parts.get("cooling", _NOTHING)[1]
    return ZoneLayout(f"{SITE}/{name}", heating, cooling, temperature, people, co2, floor_area_m2)


@dataclass
class Supervisor:
    """Watches a simulated building, learns, decides and writes.

    Attributes
    ----------
    decider
        The strategies; None: it only watches, and the building's own controls rule.
    decide_s
        Time that each decision took, seconds; learning, once a local day, is not in it.
    asked
        What is asked of each point now, None where it is left to the building.
    """

    building: DescribedBuilding
    calendar: Calendar
    comfort: Comfort
    decider: Decider | None = decide
    decide_s: list[float] = field(default_factory=list)
    asked: dict[str, float | None] = field(default_factory=dict)
    learnt: Learnt = field(default_factory=Learnt)
    layout: Layout = field(init=False)
    _memory: Memory = field(default_factory=Memory)
    _plans: dict[str, Agenda] = field(default_factory=dict)
    _rows: list[list[float]] = field(default_factory=list)
    _start_ms: int = 0
    _learnt_on: date | None = None
    _standing: dict[tuple[str, int], Standing] = field(default_factory=dict)
    _last_seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = layout_of(self.building)
        self._names = [point.removeprefix(f"{SITE}/") for point in self.layout.points]
        self._start_ms = self.building.time_ms
        self._ids = count()

    def watch(self) -> None:
        """Note what is measured at the end of a step."""
        self._rows.append([self.building.read(name) for name in self._names])
        longest = WINDOW_DAYS * _DAY_MS // self.building.step_ms
        if len(self._rows) > longest + _DAY_MS // self.building.step_ms:
            drop = len(self._rows) - longest
            del self._rows[:drop]
            self._start_ms += drop * self.building.step_ms

    def control(self) -> Sequence[Proposal]:
        """Decide, and write what changes; without a decider only learn, which the figures of a run are measured by."""
        now_ms = self.building.time_ms
        self._learn(now_ms)
        if self.decider is None:
            return []
        began = time.perf_counter()
        values = dict(zip(self.layout.points, self._rows[-1], strict=True))
        inputs = {p: Input(v) if math.isfinite(v) else Input(None, "it shows no number") for p, v in values.items()}
        note_people(self.layout, inputs, self.learnt, self._last_seen, now_ms)
        view = observe(
            self.layout, inputs, self.learnt, self._plans,
            calendar=self.calendar, now_ms=now_ms, comfort=self.comfort, season=Season(Heating.ALLOWED),
            last_seen=self._last_seen, memory=self._memory,
        )  # fmt: skip
        proposals, self._memory = self.decider(view)
        commands = arbitrate(
            proposals, self._standing, (), device_values=values, now_ms=now_ms, interval_ms=self.building.step_ms,
            new_id=lambda: str(next(self._ids)),
        )  # fmt: skip
        self.decide_s.append(time.perf_counter() - began)
        for command, _ in commands:
            self._apply(command)
        return proposals

    def _apply(self, command: Command) -> None:
        name = command.point.removeprefix(f"{SITE}/")
        self.building.write(name, math.nan if command.value is None else command.value)
        self.asked[name] = command.value
        self._standing[(command.point, command.slot)] = Standing(
            command.value, command.issued_ms, command.expires_ms, is_live=command.value is not None
        )

    def _learn(self, now_ms: int) -> None:
        """Once a local day; the habits of the building's own control only while nothing else has driven it."""
        today = self.calendar.day_of(now_ms)
        if today == self._learnt_on:
            return
        rows = np.array(self._rows)
        columns = {point: rows[:, k] for k, point in enumerate(self.layout.points)}
        record = Record(self._start_ms, self.building.step_ms, columns, self.calendar)
        first = self._learnt_on is None
        habits, air = learn_habits(self.layout, record) if first else (self.learnt.habits, self.learnt.air_habits)
        self.learnt = learn(self.layout, record, habits, air)
        self._plans = agendas(self.layout, self.learnt, self.calendar, now_ms)
        if isinstance(self.decider, Learner):
            self.decider.learn(self.layout, record, self._plans)
        self._learnt_on = today
