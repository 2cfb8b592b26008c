"""``python -m gateway``: ready, alive, gone in order, killed in the middle, and small in what it loads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from core.codec import Status
from core.config import load_config
from core.errors import ConfigError, SecretMissingError
from gateway.process import run, site_calendar
from tests.gateway.rig import Observer
from tests.servers.modbus import ModbusServer
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

_CONFIG = """
[broker]
port = {port}
username = "{username}"
password = "{password}"

[[sites]]
id = "torino"
timezone = "Europe/Rome"

[gateway]
id = "calvino"
site = "torino"
spool = "{folder}/spool.db"
state = "{folder}/state.db"
resend_after_s = 1.0

[[gateway.devices]]
name = "plant"
driver = "modbus"
poll_every_s = 0.1
options = {{ host = "127.0.0.1", port = {modbus}, timeout_s = 0.5 }}

[[gateway.devices.points]]
id = "torino/calvino/hall/temperature"
brick_class = "Zone_Air_Temperature_Sensor"
unit = "Cel"
source = {{ table = "input", address = 0, type = "int16", scale = 0.1 }}
"""


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    with ModbusServer({0: 0}, {0: 195}) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, broker: Mosquitto, server: ModbusServer) -> Path:
    settings = broker.settings("torino/calvino")
    path = tmp_path / "gateway.toml"
    path.write_text(
        _CONFIG.format(
            port=broker.port, username=settings.username, password=settings.password, folder=tmp_path,
            modbus=server.port,
        )
    )  # fmt: skip
    return path


def start(config: Path, **environ: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gateway", "--config", str(config)]
    return subprocess.Popen(command, env={**os.environ, **environ}, stderr=subprocess.PIPE)


def until(observer: Observer, condition: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        observer.client.pump(0.05)


def has_rows(observer: Observer, wanted: int) -> bool:
    return len(observer.rows) > wanted


def test_ready_alive_and_gone_in_order(tmp_path: Path, broker: Mosquitto, config: Path) -> None:
    observer = Observer(broker)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        process = start(config, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert systemd.recv(64) == b"READY=1"
        until(observer, lambda: len(observer.rows) > 5)
        assert systemd.recv(64) == b"WATCHDOG=1"
        process.terminate()
        assert process.wait(10) == 0
        assert systemd.recv(64) == b"STOPPING=1"
    until(observer, lambda: observer.states[-1].status is Status.OFFLINE)
    observer.client.close()
    assert process.stderr is not None
    process.stderr.close()


def test_kill_9_in_the_middle_loses_and_renames_nothing(broker: Mosquitto, config: Path) -> None:
    observer = Observer(broker)
    for wanted in (10, 20, 30, 40):
        process = start(config)
        until(observer, partial(has_rows, observer, wanted))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    process = start(config)
    until(observer, lambda: len(observer.batches) > 60)
    process.terminate()
    process.communicate(timeout=10)
    until(observer, lambda: observer.states[-1].status is Status.OFFLINE)
    observer.client.close()
    epochs = {b.split("-")[0] for b in observer.batches}
    numbers = sorted({int(b.split("-")[1]) for b in observer.batches})
    assert len(epochs) == 1
    assert numbers == list(range(1, len(numbers) + 1))
    by_time = {(r[0], r[1]): r for r in observer.rows}
    assert len(by_time) == len(numbers)


def test_a_missing_file_and_a_missing_credential_are_one_line_and_a_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "--config"]
    missing = subprocess.run([*command, str(tmp_path / "x.toml")], capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stderr.count("\n")) == (78, 1)
    bare = tmp_path / "bare.toml"
    bare.write_text('[gateway]\nid = "calvino"\nsite = "torino"\n')
    refused = subprocess.run([*command, str(bare)], capture_output=True, text=True, check=False)
    assert refused.returncode == 78
    assert "promessa enroll" in refused.stderr


def test_it_runs_without_a_broker_and_without_a_gateway_it_does_not(config: Path, broker: Mosquitto) -> None:
    broker.stop()
    settings = load_config(config.read_text())
    stop = Event()
    thread = Thread(target=run, args=(settings, stop))
    thread.start()
    time.sleep(1.0)
    stop.set()
    thread.join(15)
    assert not thread.is_alive()
    with pytest.raises(ConfigError, match="no \\[gateway\\]"):
        run(load_config(""), stop)
    with pytest.raises(SecretMissingError):
        run(load_config('[gateway]\nid = "a"\nsite = "b"\n'), stop)


def test_schedules_need_a_site() -> None:
    text = _CONFIG.format(port=1, username="u", password="p", folder="x", modbus=1).replace("[[sites]]", "[[others]]")
    schedule = "\nschedule = { default = 18 }\nlimits = { minimum = 5, maximum = 26, safe_value = 18 }\n"
    text = text.replace('[[others]]\nid = "torino"\ntimezone = "Europe/Rome"\n', "")
    config = load_config(text + schedule)
    assert config.gateway is not None
    with pytest.raises(ConfigError, match="schedules"):
        site_calendar(config, config.gateway)


@pytest.mark.parametrize(("scheduled", "holiday"), [(True, True), (False, False)])
def test_holidays_count_where_there_are_schedules(scheduled: bool, holiday: bool) -> None:  # noqa: FBT001 - a table
    text = _CONFIG.format(port=1, username="u", password="p", folder="x", modbus=1)
    text = text.replace('timezone = "Europe/Rome"', 'timezone = "Europe/Rome"\ncountry = "IT"\nsubdivision = "TO"')
    if scheduled:
        text += "\nschedule = { default = 18 }\nlimits = { minimum = 5, maximum = 26, safe_value = 18 }\n"
    config = load_config(text)
    assert config.gateway is not None
    calendar = site_calendar(config, config.gateway)
    assert calendar.is_holiday(date(2024, 6, 24)) is holiday


def test_without_the_holidays_library_the_sites_own_days_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    text = _CONFIG.format(port=1, username="u", password="p", folder="x", modbus=1)
    own = 'timezone = "Europe/Rome"\ncountry = "IT"\nextra_holidays = ["06-24"]'
    text = text.replace('timezone = "Europe/Rome"', own)
    text += "\nschedule = { default = 18 }\nlimits = { minimum = 5, maximum = 26, safe_value = 18 }\n"
    config = load_config(text)
    assert config.gateway is not None
    calendar = site_calendar(config, config.gateway)
    assert calendar.is_holiday(date(2024, 6, 24))
    assert not calendar.is_holiday(date(2024, 12, 25))


@pytest.mark.parametrize(
    "module", ["numpy", "sqlalchemy", "influxdb_client", "typer", "rich", "fastapi", "holidays", "pyarrow"]
)
def test_the_process_loads_nothing_heavy(module: str) -> None:
    own = "gateway.__main__, gateway.drivers.modbus, gateway.drivers.replay"
    code = f"import sys, {own}; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
