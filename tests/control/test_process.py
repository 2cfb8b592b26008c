"""The control process starts, says so and stops."""

import socket
import threading
import time
from pathlib import Path

import pytest

from control.process import run
from core.config.control import Control
from core.config.models import Broker, Building, Config, Site, SqliteStore, Store
from core.config.models import Registry as RegistrySettings
from core.errors import ConfigError, SecretMissingError
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system


def config(tmp_path: Path, broker: Broker, site: str = "torino") -> Config:
    return Config(
        broker=broker,
        sites=[Site(id="torino", timezone="Europe/Rome")],
        buildings=[Building(id=f"{site}/calvino", control=Control())],
        store=Store(sqlite=SqliteStore(path=str(tmp_path / "readings.db"))),
        registry=RegistrySettings(url=f"sqlite:///{tmp_path}/registry.db"),
    )


def test_it_tells_systemd_that_it_is_ready_and_when_it_stops(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        stop = threading.Event()
        process = threading.Thread(target=run, args=(config(tmp_path, broker.settings("control")), stop))
        process.start()
        try:
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100).startswith(b"WATCHDOG=1")
        finally:
            stop.set()
            process.join(10)
        assert systemd.recv(100) == b"STOPPING=1"
    assert not process.is_alive()


def test_it_starts_while_the_broker_is_away(tmp_path: Path) -> None:
    stop = threading.Event()
    nowhere = Broker(host="127.0.0.1", port=1, username="control", password="x")
    process = threading.Thread(target=run, args=(config(tmp_path, nowhere), stop))
    process.start()
    time.sleep(0.5)
    assert process.is_alive()
    stop.set()
    process.join(15)
    assert not process.is_alive()


def test_it_refuses_to_start_without_a_credential(tmp_path: Path) -> None:
    with pytest.raises(SecretMissingError, match="promessa enroll"):
        run(config(tmp_path, Broker()), threading.Event())


def test_a_building_of_an_unknown_site_is_refused(broker: Mosquitto, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="milano/calvino"):
        run(config(tmp_path, broker.settings("control"), site="milano"), threading.Event())
