"""What happens in the demo, in order: a recorded year, baselines, the year after it, and a library under control."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, Self

from api.app import create_app
from api.courier import Courier
from api.server import ApiServer
from broker.client import Message
from broker.paho import PahoClient
from cli.circle import Circle, Edge
from cli.demo import scenario
from cli.mosquitto import LocalMosquitto, free_port
from control.loop import Control
from core.calendar import HOUR_MS
from core.clock import SimulatedClock
from core.config.models import Broker
from gateway.agent import Gateway
from gateway.process import connect_with
from ingest.intake import SESSION_EXPIRY_S, Ingest
from predict.fit import FitOutcome, fit_building
from simulators import calvino
from simulators.modbus import ModbusBuilding
from stores.port import ReadingStore
from stores.readings import open_store
from stores.registry import Registry, Role

OBSERVED_DAYS: Final = 7
_ARCHIVE_STEP_MS: Final = 14 * 24 * HOUR_MS
_ARCHIVE_LEAST_MS: Final = 24 * HOUR_MS
_STEP_MS: Final = int(scenario.LIBRARY_POLL_S * 1000)
_OVERRIDE_AT_MS: Final = (OBSERVED_DAYS * 24 + 10) * HOUR_MS
_OVERRIDE: Final = {
    "point": f"{scenario.LIBRARY}/childrens-room/heating-setpoint",
    "value": 22.0,
    "duration_s": 7200,
    "reason": "Reading hour for the smallest",
}


_TRUST: Final = {"mode": "drive", "reason": "A week of advice made sense, and this is a demonstration"}


@dataclass(slots=True)
class Progress:
    """Where the story stands.

    Attributes
    ----------
    phase
        In words.
    archive_ms, library_ms
        Time at both sites, UTC milliseconds.
    driven_since_ms
        When control began in the library; None before.
    """

    phase: str = "setting up"
    archive_ms: int = 0
    library_ms: int = 0
    driven_since_ms: int | None = None
    fits: list[FitOutcome] = field(default_factory=list)


class LatestClock:
    """The later of several clocks: what the server of sites that live in different years calls now."""

    def __init__(self, *clocks: SimulatedClock) -> None:
        self._clocks = clocks

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return max(clock.now_ms() for clock in self._clocks)


class Story:
    """Everything that the demo runs, and its steps; a context manager that ends all of it.

    Parameters
    ----------
    directory
        For databases, spools and the broker; nothing is kept beyond it.
    seed
        Of the library's weather and people.
    api_port
        Where the API listens; 0 takes a free port.

    Attributes
    ----------
    config
        The server's configuration.
    api_key
        The first administrator's, made here, known to nobody else.
    twin
        The same library in the same weather with nobody controlling it: what would have been.
    """

    def __init__(self, directory: Path, *, seed: int, api_port: int) -> None:
        self.config = scenario.platform(directory)
        self.progress = Progress()
        self.calendar = scenario.TORINO.calendar()
        self._directory = directory
        self._stack = ExitStack()
        self._archive_calendar = scenario.CAMBRIDGE.calendar()
        first, second = scenario.archive_years()
        self._years_ms = [self._archive_calendar.midnight(date(y, 1, 1)) for y in (first, second, second + 1)]
        self.start_ms = self.calendar.midnight(scenario.LIBRARY_START)
        self.twin = calvino.build(self.start_ms, seed=seed)
        self._library = ModbusBuilding(calvino.build(self.start_ms, seed=seed), calvino.register_map())
        self._archive_clock = SimulatedClock(self._years_ms[0])
        self._library_clock = SimulatedClock(self.start_ms)
        self._archive_stride_ms = (self._years_ms[2] - self._years_ms[1]) // (21 * 96)
        self._archive_due_ms = 0
        self._api_port = api_port
        self.registry: Registry
        self.store: ReadingStore
        self.circle: Circle
        self.api: ApiServer
        self.api_key: str
        self.override_id = ""

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self) -> None:
        enter = self._stack.enter_context
        broker = LocalMosquitto(self._directory / "broker", free_port())
        credentials = {name: broker.enroll_service(name) for name in ("ingest", "control", "api")}
        archive = scenario.archive_gateway(self._directory)
        edges = {
            "archive": broker.enroll_gateway("cambridge", "archive"),
            "calvino": broker.enroll_gateway("torino", "calvino"),
        }
        enter(broker)
        enter(self._library)
        library = scenario.library_gateway(self._directory, self._library.port)
        self.registry = enter(Registry.open(self.config.registry.url))
        self.store = enter(open_store(self.config.store))
        self.registry.put_configured(self.config.sites, self.config.buildings)
        now = LatestClock(self._archive_clock, self._library_clock)
        self._control_broker = credentials["control"]
        ingest = Ingest(self.config.ingest, partial(_client, credentials["ingest"]), self.store, self.registry, now)
        self._stack.callback(ingest.close)
        ingest.client.connect()
        self._archive_edge = Edge(
            "cambridge",
            Gateway(archive, self._archive_calendar, self._archive_clock, connect_with(edges["archive"], archive)),
            self._archive_clock,
        )
        self._library_edge = Edge(
            "torino",
            Gateway(library, self.calendar, self._library_clock, connect_with(edges["calvino"], library)),
            self._library_clock,
            self._library,
        )
        self.circle = Circle(ingest, self.registry, [self._archive_edge, self._library_edge])
        for edge in self.circle.edges:
            self._stack.callback(edge.gateway.close)
        self.api_key = self.registry.create_key("administrator", Role.ADMINISTRATOR, now.now_ms())
        courier = enter(Courier(self.registry, partial(_client, credentials["api"]), self._library_clock))
        app = create_app(
            registry=self.registry, open_store=lambda: open_store(self.config.store), clock=self._library_clock,
            on_queued=courier.wake,
        )  # fmt: skip
        self.api = enter(ApiServer(app, "127.0.0.1", self._api_port))

    def steps(self) -> Iterator[Progress]:
        """Do one thing after the other for ever; each turn ends with everything stored and every command seen to."""
        progress = self.progress
        progress.phase = f"replaying {scenario.archive_years()[0]}"
        while self._archive_clock.now_ms() < self._years_ms[1]:
            self._follow_archive(_ARCHIVE_STEP_MS, self._years_ms[1])
            yield progress
        progress.phase = "fitting baselines"
        yield progress
        self._fit(list(scenario.archive_meters()))
        progress.phase = "watching the library, without control"
        while self._library_clock.now_ms() < self.start_ms + OBSERVED_DAYS * 24 * HOUR_MS:
            self._step()
            yield progress
        self._fit([scenario.LIBRARY])
        progress.phase = "the circle is closed"
        self._begin_control()
        while True:
            self._step()
            if not self.override_id and self._library_clock.now_ms() >= self.start_ms + _OVERRIDE_AT_MS:
                self._override()
            yield progress

    @property
    def archive_year_ms(self) -> tuple[int, int]:
        """The followed year as far as it has been replayed, UTC milliseconds, half open."""
        return self._years_ms[1], max(self._archive_clock.now_ms(), self._years_ms[1])

    @property
    def archive_left_ms(self) -> int:
        """What is left to replay of the followed year, milliseconds."""
        return max(0, self._years_ms[2] - self._archive_clock.now_ms())

    def pace_archive(self, steps: float) -> None:
        """Follow the rest of the real year within about so many of the library's steps."""
        self._archive_stride_ms = int(self.archive_left_ms / max(steps, 1.0))

    def _step(self) -> None:
        self._archive_due_ms += self._archive_stride_ms
        if self._archive_due_ms >= _ARCHIVE_LEAST_MS:
            self._follow_archive(self._archive_due_ms, self._years_ms[2])
            self._archive_due_ms = 0
        until_ms = self._library_clock.now_ms() + _STEP_MS
        self.twin.step(until_ms)
        self.circle.advance(self._library_edge, until_ms)
        self.progress.library_ms = until_ms

    def _follow_archive(self, stride_ms: int, end_ms: int) -> None:
        until_ms = min(self._archive_clock.now_ms() + stride_ms, end_ms)
        if until_ms > self._archive_clock.now_ms():
            self.circle.advance(self._archive_edge, until_ms)
        self.progress.archive_ms = self._archive_clock.now_ms()

    def _fit(self, buildings: list[str]) -> None:
        for building in buildings:
            now_ms = self._library_clock.now_ms()
            self.progress.fits += fit_building(self.store, self.registry, building, now_ms)

    def _begin_control(self) -> None:
        control = Control(
            self.config, self.store, self.registry, partial(_client, self._control_broker), self._library_clock
        )
        self._stack.callback(control.close)
        control.client.connect()
        self.circle.control = control
        self._ask(f"buildings/{scenario.LIBRARY}/trust", _TRUST)
        self.progress.driven_since_ms = self._library_clock.now_ms()
        self.twin_start = {name: self.twin.read(name) for name in ("gas", "electricity")}

    def _override(self) -> None:
        """A person's override."""
        self.override_id = str(self._ask("commands", _OVERRIDE)["id"])
        self.circle.settle()

    def _ask(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Ask the real API for something, as a person would."""
        request = urllib.request.Request(  # noqa: S310 - our own API on loopback
            f"{self.api.url}/api/v1/{path}",
            data=json.dumps(body).encode(),
            headers={"X-API-Key": self.api_key, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10.0) as answer:  # noqa: S310 - as above
            found: dict[str, object] = json.load(answer)
        return found


def _client(broker: Broker, on_message: Callable[[Message], None]) -> PahoClient:
    return PahoClient(broker, broker.username, on_message=on_message, session_expiry_s=SESSION_EXPIRY_S)
