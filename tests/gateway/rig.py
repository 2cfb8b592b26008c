"""A gateway as it runs, with a broker, a device and somebody who watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from broker.client import Message
from broker.paho import PahoClient
from core.calendar import Calendar
from core.clock import SimulatedClock
from core.codec import GatewayState, Row, Status, Stored, decode_message, decode_readings, encode
from core.commands import Command, Outcome, Result
from core.config.models import Device, DevicePoint
from core.config.models import Gateway as GatewaySettings
from core.points import Limits
from core.schedule import Schedule
from core.topics import Channel, every, topic
from gateway.agent import Gateway
from gateway.driver import Driver
from gateway.process import connect_with
from tests.servers.mosquitto import Mosquitto

NOW = 1_705_312_800_000
MINUTE = 60_000
SITE, NAME = "torino", "calvino"
TEMPERATURE = "torino/calvino/hall/temperature"
SETPOINT = "torino/calvino/hall/heating-setpoint"


class Observer:
    """Ingest and control in one: keeps what arrives, and confirms batches when asked to."""

    def __init__(self, broker: Mosquitto) -> None:
        self.rows: list[Row] = []
        self.batches: list[str] = []
        self.results: list[Result] = []
        self.states: list[GatewayState] = []
        self.confirming = True
        self.client = PahoClient(broker.settings(), "observer", on_message=self.see, session_expiry_s=3600)
        self.client.connect()
        for channel in (Channel.READINGS, Channel.RESULTS, Channel.STATE):
            self.client.subscribe(every(channel))
        self.client.pump(0.05)

    def see(self, message: Message) -> None:
        if message.topic.endswith("/readings"):
            batch = decode_readings(message.payload)
            self.batches.append(batch.id)
            self.rows += batch.rows
            if self.confirming:
                self.confirm([batch.id])
        elif message.topic.endswith("/results"):
            self.results.append(decode_message(message.payload, Result))
        else:
            self.states.append(decode_message(message.payload, GatewayState))
        self.client.ack(message)

    def confirm(self, ids: list[str]) -> None:
        self.client.publish(topic(SITE, NAME, Channel.STORED), encode(Stored(ids)))

    def send(self, *commands: Command) -> None:
        for command in commands:
            self.client.publish(topic(SITE, NAME, Channel.COMMANDS), encode(command), expiry_s=600)

    def ends(self) -> dict[str, Outcome]:
        return {r.command_id: r.outcome for r in self.results}


class Rig:
    """A gateway, its clock, its broker and who listens."""

    def __init__(self, folder: Path, broker: Mosquitto, devices: list[Device], **options: Any) -> None:
        self.folder, self.broker, self.devices = folder, broker, devices
        self.drivers: dict[str, Driver] = options.pop("drivers", {})
        self.options = options
        self.clock = SimulatedClock(NOW)
        self.observer = Observer(broker)
        self.start()

    def start(self) -> None:
        settings = GatewaySettings(
            id=NAME,
            site=SITE,
            spool=str(self.folder / "spool.db"),
            state=str(self.folder / "state.db"),
            devices=self.devices,
            **self.options,
        )
        connect = connect_with(self.broker.settings(f"{SITE}/{NAME}"), settings)
        self.gateway = Gateway(settings, Calendar("Europe/Rome"), self.clock, connect, drivers=self.drivers)
        said = len(self.observer.states)
        # The broker has its subscriptions before its state: they come on one connection.
        self.until(lambda: Status.ONLINE in [s.status for s in self.observer.states[said:]])

    def restart(self) -> None:
        self.gateway.close()
        self.start()

    def poll(self, minutes: float = 1) -> None:
        self.clock.advance(round(minutes * MINUTE))
        self.gateway.poll(self.clock.now_ms())

    def until(self, condition: Callable[[], object], timeout_s: float = 10) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.gateway.pump(0.01)
            self.observer.client.pump(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.close()
        self.observer.client.close()


def points(limits: Limits | None = None, schedule: Schedule | None = None) -> list[DevicePoint]:
    return [
        DevicePoint(
            id=TEMPERATURE, brick_class="Zone_Air_Temperature_Sensor", unit="Cel",
            source={"table": "input", "address": 0, "type": "int16", "scale": 0.1},
        ),
        DevicePoint(
            id=SETPOINT, brick_class="Zone_Air_Heating_Temperature_Setpoint", unit="Cel", schedule=schedule,
            limits=limits or Limits(5, 26, 18), source={"address": 0, "type": "int16", "scale": 0.1},
        ),
    ]  # fmt: skip


def plant(port: int, name: str = "plant", *, own: list[DevicePoint] | None = None) -> Device:
    options = {"host": "127.0.0.1", "port": port, "timeout_s": 0.4, "retries": 0}
    return Device(name=name, driver="modbus", points=own or points(), options=options, poll_every_s=60)


def ask(name: str, value: float | None, slot: int = 12, *, at: int = NOW, minutes: float = 60) -> Command:
    return Command(name, SETPOINT, slot, value, "somebody", "because", at, round(at + minutes * MINUTE))
