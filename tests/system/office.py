"""The small office of EnergyPlus with everything around it."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Final

from core.config.control import Control
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


def office(first: date, end: date) -> EnergyPlusBuilding:
    model, weather = shipped("ref:small_office", "usa_il_chicago")
    return EnergyPlusBuilding(model, weather, first, end)


class OfficeCircle(TurningCircle):
    """The office from midnight of `first` to midnight of `end`."""

    def __init__(self, directory: Path, broker: Mosquitto, first: date, end: date) -> None:
        self.building = office(first, end)
        self.setpoints = [name for name in self.building.writable if name.endswith("/heating-setpoint")]
        points = self.building.points
        writable = self.building.writable
        self.controller = FieldController(self.building)
        device = ModbusBuilding(self.controller, map_of(points, writable))
        device.start()
        drive = Drive(Limits(minimum=12.0, maximum=24.0, safe_value=20.0), Schedule(GENEROUS_C))
        modbus = device_of(
            BUILDING,
            points,
            writable,
            dict.fromkeys(self.setpoints, drive),
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

    def until(self, day: date, clock: time = time()) -> None:
        """Let time pass, a poll every quarter of an hour; what the instruments show then is kept."""
        end_ms = self.calendar.at(day, clock)
        while (now_ms := self.clock.now_ms()) < end_ms:
            now_ms = min(now_ms + STEP_MS, end_ms)
            self.device.step(now_ms)
            self.seen[now_ms] = {name: self.controller.read(name) for name in self.building.names}
            self.circle.advance(self.edge, now_ms)

    def in_force(self) -> list[float]:
        """Heating set-points by which EnergyPlus itself heats, zone by zone."""
        return [self.building.read(name) for name in self.setpoints]

    def temperatures(self, day: date, first: time, last: time) -> list[float]:
        """Zone temperatures of EnergyPlus itself at the polls of a local day, ``[first, last]``."""
        times = range(self.calendar.at(day, first), self.calendar.at(day, last) + 1, STEP_MS)
        zones = [name for name in self.building.names if name.endswith("/temperature")]
        return [self.seen[time_ms][name] for time_ms in times for name in zones]
