"""A small city behind a real server: registry and readings in SQLite, the API under uvicorn on a free port."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from api.app import create_app
from api.server import ApiServer
from core.calendar import HOUR_MS
from core.clock import SimulatedClock
from core.codec import GatewayState, Status
from core.config.models import Building, Site, SqliteStore
from core.points import Counter, Limits, Measure, Point
from core.readings import Quality
from stores.registry import Registry, Role
from stores.sqlite import SqliteReadingStore

DAY_MS = 24 * HOUR_MS
# Monday, 12 January 2026, 00:00 in Turin.
START_MS = 1_768_172_400_000
NOW_MS = START_MS + 2 * DAY_MS

TEMPERATURE = Point("torino/calvino/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
SETPOINT = Point(
    "torino/calvino/hall/heating-setpoint",
    "Zone_Air_Heating_Temperature_Setpoint",
    "Cel",
    limits=Limits(minimum=5, maximum=26, safe_value=16, max_step=5),
)
GAS = Point(
    "torino/calvino/gas",
    "Building_Gas_Meter",
    "kW.h",
    Measure.REGISTER,
    counter=Counter(rollover=1e6, max_rate_per_h=500),
)
OUTDOOR = Point("torino/calvino/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
LOCKED = Point("torino/calvino/boiler", "Setpoint", "Cel", limits=Limits(minimum=20, maximum=80, safe_value=40))
STRANGER = Point("elsewhere/b/temperature", "Zone_Air_Temperature_Sensor", "Cel")


class World(NamedTuple):
    """What the server stands on."""

    registry: Registry
    store: SqliteReadingStore
    clock: SimulatedClock
    queued: list[int]
    """One entry for each time that the dispatcher was woken."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of a `World`, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("world")
    with _registry(folder) as registry, _store(folder) as store:
        registry.put_site(Site(id="torino", timezone="Europe/Rome", country="IT", subdivision="TO"))
        registry.put_building(
            Building(id="torino/calvino", name="Biblioteca civica Italo Calvino", meters=[GAS.id, "torino/calvino/el"])
        )
        registry.declare_points("torino/g1", [TEMPERATURE, SETPOINT, GAS, OUTDOOR], NOW_MS)
        registry.declare_points("torino/readonly", [LOCKED], NOW_MS)
        registry.declare_points("elsewhere/g1", [STRANGER], NOW_MS)
        registry.put_gateway_state("torino", "g1", GatewayState(Status.ONLINE, START_MS, "1.0"), NOW_MS - 5_000)
        registry.put_gateway_state(
            "torino",
            "readonly",
            GatewayState(Status.ONLINE, START_MS, read_only=True, dropped_batches=3, alarms=["The spool is full."]),
            NOW_MS,
        )
        rows = [(TEMPERATURE.id, START_MS + i * 600_000, 20.0 + i % 6, Quality.GOOD) for i in range(144)]
        rows[7] = (TEMPERATURE.id, rows[7][1], 99.0, Quality.BAD_RANGE)
        store.write(rows)
    return folder


@pytest.fixture
def world(template: Path, tmp_path: Path) -> Iterator[World]:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with _registry(tmp_path) as registry, _store(tmp_path) as store:
        yield World(registry, store, SimulatedClock(NOW_MS), [])


@pytest.fixture
def server(world: World, tmp_path: Path) -> Iterator[ApiServer]:
    app = create_app(
        registry=world.registry,
        open_store=lambda: _store(tmp_path),
        clock=world.clock,
        on_queued=lambda: world.queued.append(1),
    )
    with ApiServer(app, "127.0.0.1", 0) as running:
        yield running


def client_of(server: ApiServer, **headers: str) -> httpx.Client:
    """Waits as long as it takes: how long that is says how busy the machine is."""
    return httpx.Client(base_url=server.url, headers=headers, timeout=None)


@pytest.fixture
def nobody(server: ApiServer) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.fixture
def viewer(server: ApiServer, world: World) -> Iterator[httpx.Client]:
    secret = world.registry.create_key("vera", Role.VIEWER, NOW_MS)
    with client_of(server, Authorization=f"Bearer {secret}") as client:
        yield client


@pytest.fixture
def operator(server: ApiServer, world: World) -> Iterator[httpx.Client]:
    secret = world.registry.create_key("anna", Role.OPERATOR, NOW_MS)
    with client_of(server, **{"X-API-Key": secret}) as client:
        yield client


def _registry(folder: Path) -> Registry:
    return Registry.open(f"sqlite:///{folder}/registry.db")


def _store(folder: Path) -> SqliteReadingStore:
    return SqliteReadingStore(SqliteStore(path=str(folder / "readings.db")))


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and stable code of an error, which must be a whole problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert {"type", "title", "status", "detail", "instance", "code"} <= body.keys()
    assert body["status"] == response.status_code
    return response.status_code, body["code"]
