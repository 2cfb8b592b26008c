"""A gateway's actuator on a device that is played over real Modbus."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.calendar import Calendar
from core.clock import SimulatedClock, to_ms
from core.commands import Command, Outcome, Result
from core.config.models import DevicePoint
from core.points import Limits, Plausible
from core.readings import Reading
from core.schedule import Block, Schedule
from gateway.actuator import Actuator
from gateway.arrays import Arrays
from gateway.order import drive
from tests.gateway.field import MemoryDevice

NOW = to_ms(datetime(2024, 1, 15, 10, tzinfo=UTC))
MINUTE = 60_000
HOUR = 60 * MINUTE
ZONE = "torino/calvino/hall"
SETPOINT = f"{ZONE}/heating-setpoint"
SENSOR = f"{ZONE}/temperature"
ROME = Calendar("Europe/Rome")
WORKING_DAY = Schedule(16.0, [Block(["mon", "tue", "wed", "thu", "fri", "sun"], "02:30", "21:00", 20.0)])


class Site:
    """An actuator with one device, turned as the gateway turns it."""

    def __init__(self, folder: Path, *, now_ms: int = NOW, limits: Limits | None = None, **options: Any) -> None:
        self.folder = folder
        self.clock = SimulatedClock(now_ms)
        self.limits = limits or Limits(5, 26, 18)
        self.schedule: Schedule | None = options.pop("schedule", None)
        self.sensor: bool = options.pop("sensor", False)
        self.plausible: Plausible | None = options.pop("plausible", None)
        self.options = options
        self.device = MemoryDevice(self.clock, {SETPOINT: 15.0, SENSOR: 19.0}, resolution=0.5)
        self.results: list[Result] = []
        self.start()

    def start(self) -> None:
        points = [
            DevicePoint(
                id=SETPOINT,
                brick_class="Zone_Air_Heating_Temperature_Setpoint",
                unit="Cel",
                limits=self.limits,
                schedule=self.schedule,
            )
        ]
        if self.sensor or self.options.get("frost"):
            points.append(
                DevicePoint(id=SENSOR, brick_class="Zone_Air_Temperature_Sensor", unit="Cel", plausible=self.plausible)
            )
        self.arrays = Arrays(self.folder / "state.db", self.clock.now_ms())
        self.actuator = Actuator(
            points, self.arrays, ROME, self.device.tolerance, now_ms=self.clock.now_ms(), **self.options
        )

    def restart(self) -> None:
        self.arrays.close()
        self.start()

    def set_clock(self, now_ms: int) -> None:
        self.clock = self.device.clock = SimulatedClock(now_ms)

    def alarms(self) -> list[str]:
        return self.actuator.alarms(self.clock.now_ms())

    def turn_back(self, times: int, value: float = 15.0) -> int:
        """Turn the device's own knob to `value` before each of so many polls; returns how often it was written."""
        before = len(self.device.writes)
        for _ in range(times):
            self.device.values[SETPOINT] = value
            self.poll(1)
        return len(self.device.writes) - before

    def receive(self, command: Command) -> None:
        self.actuator.receive(command, self.clock.now_ms())

    def poll(self, minutes: float = 0) -> None:
        self.clock.advance(round(minutes * MINUTE))
        now_ms = self.clock.now_ms()
        fresh: float | None = None
        if not self.device.silent:
            fresh = self.device.values[SETPOINT]
            if self.sensor or self.options.get("frost"):
                self.actuator.observe([Reading(SENSOR, now_ms, self.device.values[SENSOR])])
        self.actuator.review(now_ms)
        for _ in range(3):
            order = None if self.device.silent else self.actuator.order(SETPOINT, fresh, now_ms)
            if order is None:
                break
            fresh = None
            self.actuator.done(drive(self.device, order), now_ms)
        ended = self.arrays.unsent()
        self.results += ended
        self.arrays.sent(r.command_id for r in ended)

    def ends(self) -> dict[str, Outcome]:
        return {r.command_id: r.outcome for r in self.results}


def ask(
    name: str, value: float | None, slot: int = 12, *, at: int = NOW, minutes: float = 60, issued_ms: int | None = None
) -> Command:
    issued = at if issued_ms is None else issued_ms
    return Command(name, SETPOINT, slot, value, "somebody", "because", issued, round(at + minutes * MINUTE))
