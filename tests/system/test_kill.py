"""Whoever is killed, whenever: the store ends up with exactly what was measured, each once, at its own time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from core.config.models import Broker, SqliteStore, Store
from gateway.spool import peek
from stores.readings import open_store
from tests.servers.counting_device import CountingDevice
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
COUNTER, RECORDED = "torino/test/counter", "torino/test/recorded"

GATEWAY = """
[gateway]
id = "edge"
site = "torino"
spool = "{directory}/spool.db"
state = "{directory}/state.db"
resend_after_s = 1.0

[[sites]]
id = "torino"
timezone = "Europe/Rome"

[[gateway.devices]]
name = "counting"
driver = "modbus"
poll_every_s = 0.05
options = {{ host = "127.0.0.1", port = {port}, timeout_s = 0.5, retries = 0 }}
points = [{{ id = "{counter}", brick_class = "Sensor", unit = "1", source = {{ address = 0, type = "uint32" }} }}]

[[gateway.devices]]
name = "recording"
driver = "replay"
poll_every_s = 0.1
options = {{ path = "{directory}/recording.csv" }}
points = [{{ id = "{recorded}", brick_class = "Sensor", unit = "1", source = {{ column = "value" }} }}]
"""
SERVER = """
[[sites]]
id = "torino"
timezone = "Europe/Rome"

[store]
sqlite = {{ path = "{directory}/readings.db" }}

[registry]
url = "sqlite:///{directory}/registry.db"
"""


class Process:
    """One of our processes, to kill and to start again."""

    def __init__(self, command: list[str], broker: Broker, log: Path) -> None:
        self._command = [sys.executable, "-m", *command]
        self._environ = os.environ | {
            "PROMESSA_BROKER__HOST": broker.host,
            "PROMESSA_BROKER__PORT": str(broker.port),
            "PROMESSA_BROKER__USERNAME": broker.username,
            "PROMESSA_BROKER__PASSWORD": broker.password,
        }
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._environ, stdout=log, stderr=log)

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


def eventually(holds: Callable[[], bool], timeout_s: float = 60) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def record(path: Path, start_ms: int, rows: int) -> list[tuple[int, float]]:
    """Write a recording of one row every 50 ms from `start_ms` on; returns its rows."""
    content = [(start_ms + 50 * i, float(i)) for i in range(rows)]
    path.write_text("time_utc,value\n" + "".join(f"{t},{v}\n" for t, v in content))
    return content


def test_kill_9_of_anybody_loses_nothing_and_stores_nothing_twice(tmp_path: Path, broker: Mosquitto) -> None:
    start_ms = time.time_ns() // 1_000_000
    recorded = record(tmp_path / "recording.csv", start_ms, rows=400)
    (tmp_path / "server.toml").write_text(SERVER.format(directory=tmp_path))
    with CountingDevice() as device:
        names = {"directory": tmp_path, "port": device.port, "counter": COUNTER, "recorded": RECORDED}
        (tmp_path / "gateway.toml").write_text(GATEWAY.format(**names))
        edge, log = broker.settings("torino/edge"), tmp_path / "processes.log"
        with (
            Process(
                ["cli.main", "ingest", "--config", f"{tmp_path}/server.toml"], broker.settings("ingest"), log
            ) as ingest,
            Process(["gateway", "--config", f"{tmp_path}/gateway.toml"], edge, log) as gateway,
        ):
            assert eventually(lambda: len(device.said) > 20), log.read_text()
            gateway_kills = 0
            for _ in range(2):
                time.sleep(1.0)
                ingest.end()
                time.sleep(1.0)
                ingest.start()
                time.sleep(1.0)
                gateway.end()
                gateway_kills += 1
                time.sleep(0.5)
                gateway.start()
                time.sleep(1.5)
                broker.kill9()
                time.sleep(1.0)
                broker.start()
            count = len(device.said)
            assert eventually(lambda: len(device.said) > count + 20), log.read_text()
            assert eventually(lambda: time.time_ns() // 1_000_000 > recorded[-1][0] + 500)
            device.fall_silent()
            assert eventually(lambda: peek(tmp_path / "spool.db").batches == 0), log.read_text()[-4000:]
            gateway.end(signal.SIGTERM)
            ingest.end(signal.SIGTERM)

    with open_store(Store(sqlite=SqliteStore(path=f"{tmp_path}/readings.db"))) as store:
        stored = store.read(RECORDED, 0, 2**62)
        assert list(zip(stored.time_ms.tolist(), stored.value.tolist(), strict=True)) == recorded

        counted = store.read(COUNTER, 0, 2**62)
        numbers = counted.value.astype(int).tolist()
        assert len(set(numbers)) == len(numbers), "a number that was said once is stored twice"
        # Only what a killed gateway had heard and not yet written down was never measured.
        assert len(set(range(1, len(device.said) + 1)) - set(numbers)) <= gateway_kills
        assert numbers == sorted(numbers)
        said = dict(device.said)
        late = [t - said[n] for n, t in zip(numbers, counted.time_ms.tolist(), strict=True)]
        assert min(late) >= -1
        assert max(late) < 500
