"""A simulated building with everything around it, real broker and real Modbus between, in lock-step simulated time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, time
from functools import partial
from typing import Self

from broker.client import BrokerClient, Message
from broker.paho import PahoClient
from cli.circle import Circle, Edge
from control import consent
from control.dispatch import Dispatcher
from control.loop import Control
from core.clock import Clock, SimulatedClock, monotonic_s
from core.commands import Command
from core.config.models import Broker, Config, Gateway
from core.priority import Slot
from core.topics import Channel, topic
from gateway.agent import Gateway as Agent
from gateway.process import connect_with
from ingest.intake import Ingest
from simulators.modbus import ModbusBuilding
from stores.readings import open_store
from stores.registry import CommandRecord, TrustMode
from stores.registry import Registry as OpenRegistry
from tests.servers.mosquitto import Mosquitto

STEP_MS = 900_000


def client(settings: Broker, on_message: object) -> PahoClient:
    return PahoClient(settings, settings.username, on_message=on_message, session_expiry_s=3600)  # type: ignore[arg-type]


class SkewedClock:
    """Another clock that is ahead by `ahead_ms` (behind when below 0), as a gateway's may be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return self._clock.now_ms() + self.ahead_ms


class TurningCircle:
    """Set up at a building's own time, turned by `until`; nothing happens in between."""

    def __init__(self, config: Config, gateway: Gateway, device: ModbusBuilding, broker: Mosquitto) -> None:
        self.config, self.gateway_settings, self.device, self.broker = config, gateway, device, broker
        self.calendar = config.sites[0].calendar()
        self.start_ms = device.time_ms
        self.clock = SimulatedClock(self.start_ms)
        self.gateway_clock = SkewedClock(self.clock)
        self._stack = ExitStack()
        self.store = self._stack.enter_context(open_store(config.store))
        self.registry = self._stack.enter_context(OpenRegistry.open(config.registry.url))
        for site in config.sites:
            self.registry.put_site(site)
        for building in config.buildings:
            self.registry.put_building(building)
        self._stack.enter_context(device)
        self._edge_broker = broker.settings(f"{gateway.site}/{gateway.id}")
        self.edge = Edge(gateway.site, self._gateway(), self.clock, device)
        self.circle = Circle(self._ingest(), self.registry, [self.edge])
        self._measured_before = 0

    def _gateway(self) -> Agent:
        connect = connect_with(self._edge_broker, self.gateway_settings)
        return Agent(self.gateway_settings, self.calendar, self.gateway_clock, connect)

    def _ingest(self) -> Ingest:
        connect = partial(client, self.broker.settings("ingest"))
        ingest = Ingest(self.config.ingest, connect, self.store, self.registry, self.clock)
        ingest.client.connect()
        self._await_subscriptions(ingest.client, Channel.STORED)
        return ingest

    def _await_subscriptions(self, connected: BrokerClient, channel: Channel) -> None:
        """The broker must know what somebody asks for before anybody publishes; it answers one packet after another."""
        answered: list[bool] = []
        connected.publish(
            topic(self.gateway_settings.site, "nobody", channel), b"", on_done=lambda: answered.append(True)
        )
        while not answered:
            connected.pump(0.02)

    def restart_gateway(self) -> None:
        """As a process that ended and began anew, with its files."""
        self._measured_before += self.edge.gateway.measured
        self.edge.gateway.close()
        self.edge.gateway = self._gateway()

    def restart_ingest(self) -> None:
        self.circle.ingest.close()
        self.circle.ingest = self._ingest()

    @property
    def measured(self) -> int:
        return self._measured_before + self.edge.gateway.measured

    @property
    def stored(self) -> int:
        extents = [self.store.extent(point) for point in self.store.points()]
        return sum(extent.count for extent in extents if extent)

    def begin_control(self) -> None:
        """Start it, and let it drive: a person says so, on record."""
        for building in self.config.buildings:
            consent.set_trust(
                self.registry, building.id, TrustMode.DRIVE,
                by="anna", why="The test is about driving", now_ms=self.clock.now_ms(),
            )  # fmt: skip
        connect = partial(client, self.broker.settings("control"))
        control = Control(self.config, self.store, self.registry, connect, self.clock)
        control.client.connect()
        self._await_subscriptions(control.client, Channel.COMMANDS)
        self.circle.control = control

    def stop_control(self) -> None:
        if self.circle.control is not None:
            self.circle.control.close()
            self.circle.control = None

    def until(self, day: date, clock: time = time()) -> None:
        """Let time pass, a poll every quarter of an hour."""
        end_ms = self.calendar.at(day, clock)
        while self.clock.now_ms() < end_ms:
            self.circle.advance(self.edge, min(self.clock.now_ms() + STEP_MS, end_ms))

    def apart_until(self, day: date, clock: time) -> None:
        """Let time pass while something between gateway and control is away: nothing comes to rest, nobody waits."""
        end_ms = self.calendar.at(day, clock)
        while (now_ms := self.clock.now_ms()) < end_ms:
            now_ms = min(now_ms + STEP_MS, end_ms)
            self.device.step(now_ms)
            self.clock.advance_to(now_ms)
            self.edge.gateway.poll(self.gateway_clock.now_ms())
            for _ in range(20):
                self._turn()

    def wait(self, holds: Callable[[], object], timeout_s: float = 30) -> None:
        """Turn in real time until something holds, for example until everybody has the broker again."""
        deadline_s = monotonic_s() + timeout_s
        while not holds():
            assert monotonic_s() < deadline_s, "waited in vain"
            self._turn()

    def _turn(self) -> None:
        self.edge.gateway.pump(0.0)
        self.circle.ingest.pump(0.002)
        if self.circle.control is not None:
            self.circle.control.pump(0.0)

    @property
    def is_connected(self) -> bool:
        control = self.circle.control
        return (
            self.edge.gateway.connected
            and self.circle.ingest.client.connected
            and (control is None or control.client.connected)
        )

    def ask(
        self, point: str, value: float | None, hours: float, slot: Slot = Slot.PERSON, by: str = "anna"
    ) -> CommandRecord:
        """Send a command as the API does, from a connection of its own; returns what became of it."""
        now_ms = self.clock.now_ms()
        command = Command(
            f"test-{now_ms}-{value}", point, slot, value, by, "lecture", now_ms, now_ms + int(hours * 3_600_000)
        )
        heard: list[Message] = []
        sender = client(self.broker.settings("api"), heard.append)
        dispatcher = Dispatcher(self.registry, sender, self.clock)
        sender.connect()
        self.registry.queue_command(command)
        dispatcher.dispatch()
        for _ in range(400):
            sender.pump(0.005)
            while heard:
                dispatcher.handle(heard.pop(0))
            self._turn()
            record = self.registry.command(command.id)
            if record is not None and not record.state.is_open:
                break
        sender.close()
        record = self.registry.command(command.id)
        assert record is not None
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_control()
        self.edge.gateway.close()
        self.circle.ingest.close()
        self._stack.close()
