"""A site with its actuator, brokers and a Modbus server for the gateway's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.site import Site
from tests.servers.modbus import ModbusServer
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.arrays.close()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One for tests that do not stop it."""
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as own:
        yield own


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    with ModbusServer({0: 150}, {0: 195}) as running:
        yield running
