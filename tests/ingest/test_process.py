"""The ingest process: from start to an orderly end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.codec import Batch, encode
from core.config.models import Broker, Config, Registry, SqliteStore, Store
from core.errors import SecretMissingError
from ingest.process import run
from stores.sqlite import SqliteReadingStore
from tests.ingest.conftest import NOW_MS, Gateway
from tests.servers.mosquitto import Mosquitto


@contextmanager
def running(config: Config) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(config, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.system
def test_process_stores_and_tells_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.settimeout(10)
    readings = SqliteStore(path=str(tmp_path / "readings.db"))
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        config = Config(
            broker=mosquitto.settings("ingest"),
            store=Store(sqlite=readings),
            registry=Registry(url=f"sqlite:///{tmp_path}/registry.db"),
        )
        gateway = Gateway(mosquitto, "site/gw")
        # Not before: Mosquitto would speak to it as well.
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with running(config):
            assert systemd.recv(100) == b"READY=1"
            assert systemd.recv(100).startswith(b"WATCHDOG=1")
            deadline = time.monotonic() + 15
            while not gateway.stored_ids and time.monotonic() < deadline:
                # Again and again, as gateways do: the first may be sent before ingest has subscribed.
                gateway.send(encode(Batch("one", [("site/b/t", NOW_MS, 20.0, 0)])))
                gateway.client.pump(0.3)
        assert systemd.recv(100) == b"STOPPING=1"
        gateway.client.close()
    systemd.close()
    with SqliteReadingStore(readings) as store:
        assert store.latest()["site/b/t"].time_ms == NOW_MS


def test_process_without_a_credential_does_not_start() -> None:
    with pytest.raises(SecretMissingError, match="promessa enroll"):
        run(Config(broker=Broker()), threading.Event())
