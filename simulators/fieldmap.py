"""The field controller of a simulated building: registers for its points, and overrides that can be handed back."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from core.config.models import Device, DevicePoint
from core.errors import DomainError, NotFoundError
from core.points import Counter, Limits, Measure, Plausible
from core.schedule import Schedule
from simulators.port import SimulatedBuilding, SimulatedPoint
from simulators.registermap import Entry, Kind, Table

OVERRIDE: Final = "-override"
"""After the name of a writable point: the coil that says whether its override is in force."""
_METER: Final[tuple[Kind, float]] = ("uint32", 0.01)
_TEMPERATURE: Final[tuple[Kind, float]] = ("int16", 0.01)
_OTHER: Final[tuple[Kind, float]] = ("float32", 1.0)
_COUNTER: Final = Counter(rollover=2**32 * 0.01, max_rate_per_h=10_000.0, resolution=0.01)
_PLAUSIBLE: Final = {
    "Zone_Air_Temperature_Sensor": Plausible(minimum=-10.0, maximum=45.0),
    "Outside_Air_Temperature_Sensor": Plausible(minimum=-60.0, maximum=60.0),
}


@dataclass(frozen=True, slots=True)
class Drive:
    """How the gateway may drive a point.

    Attributes
    ----------
    limits
        What it may be told.
    schedule
        What it is told when nobody asks for anything: the building's own schedule, as its operator knows it.
    """

    limits: Limits
    schedule: Schedule


class FieldController:
    """A building behind a controller that keeps overrides, as BACnet controllers with a Modbus port do.

    Each writable point has an override: writing the point puts it in force and keeps the value, so that it reads back
    at once; the switch ``<name>-override`` says whether one is in force. Writing 0 there hands the point back to the
    building's own schedule, writing 1 holds what is in force now. Without an override the point reads what is in
    force.

    Parameters
    ----------
    building
        To which NaN hands a point back (`EnergyPlusBuilding.write`).
    """

    def __init__(self, building: SimulatedBuilding) -> None:
        self.building = building
        self._held: dict[str, float] = {}
        self._switches = {name + OVERRIDE: name for name in building.writable}
        taken = self._switches.keys() & set(building.names)
        if taken:
            raise DomainError(f"the building has a point that is named like an override: {', '.join(sorted(taken))}")

    @property
    def time_ms(self) -> int:
        """How far it has been simulated, UTC milliseconds."""
        return self.building.time_ms

    @property
    def names(self) -> Sequence[str]:
        """Points of the building, then the switches of its overrides."""
        return (*self.building.names, *self._switches)

    @property
    def writable(self) -> Sequence[str]:
        """Those of `names` that can be written."""
        return (*self.building.writable, *self._switches)

    def step(self, until_ms: int) -> None:
        """Simulate up to `until_ms` in whole steps of the building."""
        self.building.step(until_ms)

    def read(self, name: str) -> float:
        """The override where there is one, else what is in force; of a switch whether there is one."""
        if name in self._switches:
            return float(self._switches[name] in self._held)
        return self._held[name] if name in self._held else self.building.read(name)

    def write(self, name: str, value: float) -> None:
        """Override a point, or switch its override; NotFoundError or DomainError when it cannot be."""
        if name not in self._switches:
            self.building.write(name, value)
            self._held[name] = value
            return
        point = self._switches[name]
        if value:
            self.write(point, self.read(point))
        else:
            self._held.pop(point, None)
            self.building.write(point, math.nan)


def points_of(building: SimulatedBuilding) -> Sequence[SimulatedPoint] | None:
    """What a building says of its points; None when it says nothing, and needs a map of its own."""
    points = getattr(building, "points", None)
    return None if points is None else cast("Sequence[SimulatedPoint]", points)


def map_of(points: Iterable[SimulatedPoint], writable: Collection[str]) -> tuple[Entry, ...]:
    """Return the register map of a `FieldController`, packed in the order of the points.

    Set-points stand in holding registers, switches in coils, what is only measured in input registers and discrete
    inputs; each writable point has the coil of its override. Temperatures are int16 in 1/100 (0x8000: no sensor),
    energy uint32 in 1/100 kWh, all else float32.

    Parameters
    ----------
    points
        Of the building.
    writable
        Names of those that can be written.
    """
    used: dict[Table, int] = {"coil": 0, "discrete": 0, "holding": 0, "input": 0}

    def place(name: str, table: Table, form: tuple[Kind, float], low: float, high: float) -> Entry:
        kind, scale = form
        entry = Entry(
            name=name, table=table, address=used[table], kind=kind, scale=scale, lowest=low, highest=high
        )  # fmt: skip
        used[table] += entry.size
        return entry

    entries = []
    for point in points:
        driven = point.name in writable
        low = getattr(point, "low", -math.inf) if driven else -math.inf
        high = getattr(point, "high", math.inf) if driven else math.inf
        if _is_switch(point):
            entries.append(place(point.name, "coil" if driven else "discrete", _OTHER, low, high))
        else:
            entries.append(place(point.name, "holding" if driven else "input", _form(point), low, high))
        if driven:
            entries.append(place(point.name + OVERRIDE, "coil", _OTHER, 0.0, 1.0))
    return tuple(entries)


def device_of(
    building: str,
    points: Iterable[SimulatedPoint],
    writable: Collection[str],
    driven: Mapping[str, Drive],
    *,
    host: str,
    port: int,
    poll_every_s: float,
) -> Device:
    """Return the same controller as a device of a gateway's configuration.

    Parameters
    ----------
    building
        ``site/building``, before every name.
    driven
        What the gateway drives, by name; the other writable points stay the building's own and are only read.

    Raises
    ------
    NotFoundError
        A point to drive cannot be written.

    Notes
    -----
    When nobody asks for anything, the gateway writes the building's own schedule as an override, read back as any
    value, and does not clear the override's coil. What the building falls back to is thereby in the configuration,
    checked against the limits, and the same for the many devices that have one register and no schedule of their own.
    The price is that it must be kept as the building has it, and that logic of the building's own behind a point (a
    fan's night cycle, an economizer) no longer counts once that point is driven: its schedule does.
    """
    points = list(points)
    missing = driven.keys() - set(writable)
    if missing:
        raise NotFoundError(f"cannot be written: {', '.join(sorted(missing))}")
    entries = {entry.name: entry for entry in map_of(points, writable)}
    return Device(
        name=building.rpartition("/")[2],
        driver="modbus",
        options={"host": host, "port": port},
        poll_every_s=poll_every_s,
        points=[_device_point(building, p, entries[p.name], driven.get(p.name)) for p in points],
    )


def controller_of(building: SimulatedBuilding) -> tuple[SimulatedBuilding, tuple[Entry, ...]] | None:
    """Put a controller with its register map before a building; None when that says nothing of its points."""
    points = points_of(building)
    return None if points is None else (FieldController(building), map_of(points, building.writable))


def _device_point(building: str, point: SimulatedPoint, entry: Entry, drive: Drive | None) -> DevicePoint:
    metered = point.unit == "kW.h"
    absent = {"invalid": [entry.absent]} if entry.absent is not None and not metered else {}
    return DevicePoint(
        id=f"{building}/{point.name}",
        brick_class=point.brick_class,
        unit=point.unit,
        measure=Measure.REGISTER if metered else Measure.INSTANT,
        counter=_COUNTER if metered else None,
        plausible=_PLAUSIBLE.get(point.brick_class),
        limits=drive.limits if drive else None,
        schedule=drive.schedule if drive else None,
        source=entry.source() | absent,
    )


def _is_switch(point: SimulatedPoint) -> bool:
    return "On_Off" in point.brick_class or "Enable" in point.brick_class


def _form(point: SimulatedPoint) -> tuple[Kind, float]:
    return {"kW.h": _METER, "Cel": _TEMPERATURE}.get(point.unit, _OTHER)
