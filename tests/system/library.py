"""The simulated library with everything around it, real broker and real Modbus between, in lock-step simulated time."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Self

from broker.client import Message
from broker.paho import PahoClient
from cli.circle import Circle, Edge
from cli.demo import scenario
from control import consent
from control.loop import Control
from core.clock import SimulatedClock
from core.config.models import Broker, Config, Registry, SqliteStore, Store
from gateway.agent import Gateway
from gateway.process import connect_with
from ingest.intake import Ingest
from simulators import calvino
from simulators.modbus import ModbusBuilding
from stores.readings import open_store
from stores.registry import Registry as OpenRegistry
from stores.registry import TrustMode
from tests.servers.mosquitto import Mosquitto

STEP_MS = 900_000


def client(settings: Broker, on_message: object) -> PahoClient:
    return PahoClient(settings, settings.username, on_message=on_message, session_expiry_s=3600)  # type: ignore[arg-type]


class LibraryCircle:
    """Set up at `start`, turned by `until`; nothing happens in between."""

    def __init__(self, directory: Path, broker: Mosquitto, start: date, *, seed: int = 1) -> None:
        self.calendar = scenario.TORINO.calendar()
        self.start_ms = self.calendar.midnight(start)
        self.broker = broker
        self.clock = SimulatedClock(self.start_ms)
        self._stack = ExitStack()
        self.config = Config(
            sites=[scenario.TORINO],
            buildings=[scenario.library()],
            store=Store(sqlite=SqliteStore(path=str(directory / "readings.db"))),
            registry=Registry(url=f"sqlite:///{directory / 'registry.db'}"),
        )
        self.store = self._stack.enter_context(open_store(self.config.store))
        self.registry = self._stack.enter_context(OpenRegistry.open(self.config.registry.url))
        self.registry.put_site(scenario.TORINO)
        self.registry.put_building(scenario.library())
        self.building = calvino.build(self.start_ms, seed=seed)
        self.device = self._stack.enter_context(ModbusBuilding(self.building, calvino.register_map()))
        self.gateway_settings = scenario.library_gateway(directory, self.device.port)
        ingest = Ingest(
            self.config.ingest, partial(client, broker.settings("ingest")), self.store, self.registry, self.clock
        )
        ingest.client.connect()
        self._edge_broker = broker.settings("torino/calvino")
        self.edge = Edge("torino", self._gateway(), self.clock, self.device)
        self.circle = Circle(ingest, self.registry, [self.edge])
        self.restarted_after = 0

    def _gateway(self) -> Gateway:
        connect = connect_with(self._edge_broker, self.gateway_settings)
        return Gateway(self.gateway_settings, self.calendar, self.clock, connect)

    def restart_gateway(self) -> None:
        """As a process that ended and began anew, with its files."""
        self.restarted_after += self.edge.gateway.measured
        self.edge.gateway.close()
        self.edge.gateway = self._gateway()

    @property
    def measured(self) -> int:
        return self.restarted_after + self.edge.gateway.measured

    def begin_control(self) -> None:
        """Start it, and let it drive: a person says so, on record."""
        consent.set_trust(
            self.registry, scenario.LIBRARY, TrustMode.DRIVE,
            by="anna", why="The test is about driving", now_ms=self.clock.now_ms(),
        )  # fmt: skip
        control = Control(
            self.config, self.store, self.registry, partial(client, self.broker.settings("control")), self.clock
        )
        control.client.connect()
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_control()
        self.edge.gateway.close()
        self.circle.ingest.close()
        self._stack.close()


def ignore(_: Message) -> None:
    """For clients that only publish."""
