"""The small office of EnergyPlus with everything around it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, time, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from core.config.control import AirSystem, Control
from core.config.models import Building, Config, Gateway, Registry, Site, SqliteStore, Store
from core.points import Limits
from core.schedule import Block, Schedule
from simulators.energyplus import EnergyPlusBuilding, shipped
from simulators.fieldmap import Drive, FieldController, device_of, map_of
from simulators.modbus import ModbusBuilding
from tests.servers.mosquitto import Mosquitto
from tests.system.turning import STEP_MS, TurningCircle

BUILDING: Final = "chicago/office"
WORKING_DAYS: Final = ["mon", "tue", "wed", "thu", "fri"]
SITE: Final = Site(id="chicago", timezone="America/Chicago", country="US", subdivision="IL")
COMFORT_C: Final = 20.0
GENEROUS_C: Final = 21.0
"""What the local schedule asks for day and night: an office whose thermostats somebody has left on "day"."""
OUTDOOR_AIR: Final = 0.3
"""Where the local schedule holds the dampers, day and night; its fans always run."""
MASS_FLOW: Final = "System Node Mass Flow Rate"
OUTDOOR_SHARE: Final = "Air System Outdoor Air Flow Fraction"

_SERIES: Final = (
    "select r.Value from ReportData r join ReportDataDictionary d using (ReportDataDictionaryIndex)"
    " where d.Name = ? and upper(d.KeyValue) = ? order by r.TimeIndex"
)


class Air(NamedTuple):
    """Of an air system: whether its fan runs, and its share of outdoor air."""

    fan: float
    outdoor_air: float


def office(first: date, end: date, output: Path) -> EnergyPlusBuilding:
    """Its zone time step is a poll, so that a step of the engine has one answer to what it was told."""
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    return EnergyPlusBuilding(
        model, weather, first, end, steps_per_hour=4, output=output, variables=(MASS_FLOW, OUTDOOR_SHARE)
    )


class OfficeCircle(TurningCircle):
    """The office from midnight of `first` to midnight of `end`, watched on its first day."""

    def __init__(self, directory: Path, broker: Mosquitto, first: date, end: date) -> None:
        self.building = office(first, end, directory / "engine")
        self.setpoints = [name for name in self.building.writable if name.endswith("/heating-setpoint")]
        self.feeds = {p.name.rpartition("/")[0]: p.feeds for p in self.building.points if p.feeds}
        """Zones of each air system."""
        points = self.building.points
        writable = self.building.writable
        self.controller = FieldController(self.building)
        device = ModbusBuilding(self.controller, map_of(points, writable))
        device.start()
        heating = Drive(Limits(minimum=12.0, maximum=24.0, safe_value=20.0), Schedule(GENEROUS_C))
        fan = Drive(Limits(minimum=0.0, maximum=1.0, safe_value=1.0), Schedule(1.0))
        damper = Drive(Limits(minimum=0.0, maximum=1.0, safe_value=OUTDOOR_AIR), Schedule(OUTDOOR_AIR))
        driven = dict.fromkeys(self.setpoints, heating)
        driven |= {f"{system}/fan": fan for system in self.feeds}
        driven |= {f"{system}/outdoor-air": damper for system in self.feeds}
        modbus = device_of(
            BUILDING,
            points,
            writable,
            driven,
            host="127.0.0.1",
            port=device.port,
            poll_every_s=STEP_MS / 1000,
        )
        control = Control(
            mode="drive",
            occupied=[Block(WORKING_DAYS, "08:00", "18:00", 1.0)],
            comfort_minimum=COMFORT_C,
            setback=15.6,
            setpoints=[f"{BUILDING}/{name}" for name in self.setpoints],
            air_systems=[
                AirSystem(
                    name=system,
                    zones=list(zones),
                    fan=f"{BUILDING}/{system}/fan",
                    outdoor_air=f"{BUILDING}/{system}/outdoor-air",
                    supply_flow=f"{BUILDING}/{system}/supply-flow",
                )
                for system, zones in self.feeds.items()
            ],
            reference_start=first,
            reference_end=first + timedelta(days=1),
            outdoor_temperature=f"{BUILDING}/outdoor-temperature",
        )
        config = Config(
            sites=[SITE],
            buildings=[Building(id=BUILDING, meters=[f"{BUILDING}/gas"], control=control)],
            store=Store(sqlite=SqliteStore(path=str(directory / "readings.db"))),
            registry=Registry(url=f"sqlite:///{directory / 'registry.db'}"),
        )
        gateway = Gateway(
            id="office",
            site=SITE.id,
            devices=[modbus],
            spool=str(directory / "spool.db"),
            state=str(directory / "state.db"),
        )
        super().__init__(config, gateway, device, broker)
        self._stack.callback(self.building.close)
        self.seen: dict[int, dict[str, float]] = {}
        """What the instruments showed at each poll, read behind everybody's back."""
        self.told: dict[str, dict[int, Air]] = {system: {} for system in self.feeds}
        """What the registers of each air system asked of it for the quarter of an hour from then on."""

    def until(self, day: date, clock: time = time()) -> None:
        """Let time pass, a poll every quarter of an hour; what the instruments show then is kept."""
        end_ms = self.calendar.at(day, clock)
        while (now_ms := self.clock.now_ms()) < end_ms:
            for system, told in self.told.items():
                told[now_ms] = Air(self.controller.read(f"{system}/fan"), self.controller.read(f"{system}/outdoor-air"))
            now_ms = min(now_ms + STEP_MS, end_ms)
            self.device.step(now_ms)
            self.seen[now_ms] = {name: self.controller.read(name) for name in self.building.names}
            self.circle.advance(self.edge, now_ms)

    def moved(self, system: str) -> dict[int, Air]:
        """What an air system of EnergyPlus did in the quarter of an hour from then on, by the engine's own output.

        Its share of outdoor air is that of what it moved.
        """
        name = system.replace("psz-ac-", "PSZ-AC:")
        outlet = f"{name} Supply Equipment Outlet Node"
        with closing(sqlite3.connect(self.building.output / "eplusout.sql")) as base:
            flow, share = (
                [value for (value,) in base.execute(_SERIES, (variable, key.upper()))]
                for variable, key in ((MASS_FLOW, outlet), (OUTDOOR_SHARE, name))
            )
        times = range(self.start_ms, self.start_ms + len(flow) * STEP_MS, STEP_MS)
        return {at: Air(float(kg_s > 0), part) for at, kg_s, part in zip(times, flow, share, strict=True)}

    def between(self, day: date, first: time, last: time) -> range:
        """The quarters of an hour of a local day, UTC milliseconds."""
        return range(self.calendar.at(day, first), self.calendar.at(day, last), STEP_MS)

    def in_force(self) -> list[float]:
        """Heating set-points by which EnergyPlus itself heats, zone by zone."""
        return [self.building.read(name) for name in self.setpoints]

    def temperatures(self, day: date, first: time, last: time) -> list[float]:
        """Zone temperatures of EnergyPlus itself at the polls of a local day, ``[first, last]``."""
        times = range(self.calendar.at(day, first), self.calendar.at(day, last) + 1, STEP_MS)
        zones = [name for name in self.building.names if name.endswith("/temperature")]
        return [self.seen[time_ms][name] for time_ms in times for name in zones]
