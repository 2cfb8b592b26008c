"""``promessa demo`` and ``promessa up`` as a newcomer runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.servers.mosquitto import free_port

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT)}


def test_the_demo_ends_by_itself_and_reports_what_happened(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["demo", "--duration", "45", "--headless", "--report", str(report), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *command],
        cwd=tmp_path,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(report.read_text())
    readings = told["readings"]
    assert readings["sent"] == readings["stored"] > 60_000
    assert (readings["duplicated"], readings["lost"], readings["dead_letters"]) == (0, 0, 0)
    real = [meter for meter in told["meters"] if meter["meter"].startswith("cambridge/")]
    assert len(real) == 6
    for meter in real:
        assert meter["baseline"]["cv_rmse"] > 0
        assert meter["gap_kwh"] == pytest.approx(meter["actual_kwh"] - meter["predicted_kwh"])
    assert "administrator's key" in done.stderr


def test_up_runs_the_platform_with_a_broker_of_its_own(tmp_path: Path) -> None:
    port, api = free_port(), free_port()
    device = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "simulate", "--port", str(port), "--speed", "60"], cwd=tmp_path, env=ENVIRON
    )
    (tmp_path / "promessa.toml").write_text(f"""
[broker]
port = {free_port()}
[api]
port = {api}
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[gateway]
id = "calvino"
site = "torino"
[[gateway.devices]]
name = "library"
driver = "modbus"
poll_every_s = 0.5
options = {{ host = "127.0.0.1", port = {port} }}
[[gateway.devices.points]]
id = "torino/calvino/hall/temperature"
brick_class = "Zone_Air_Temperature_Sensor"
unit = "Cel"
source = {{ table = "input", address = 21, type = "int16", scale = 0.01 }}
""")
    log = tmp_path / "up.log"
    with log.open("wb") as file:
        platform = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up", "--config", "promessa.toml"],
            cwd=tmp_path,
            env=ENVIRON,
            stderr=file,
        )
    try:
        deadline = time.monotonic() + 90
        health: dict[str, Any] = {}
        while health.get("status") != "ok" and time.monotonic() < deadline and platform.poll() is None:
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{api}/health", timeout=5) as answer:
                    health = json.load(answer)
            except (OSError, urllib.error.HTTPError):
                continue
        assert health.get("status") == "ok", log.read_text()[-4000:]
        said = log.read_text()
        key = next(word for word in said.replace("\n", " ").split() if word.startswith("promessa_"))
        request = urllib.request.Request(
            f"http://127.0.0.1:{api}/api/v1/points?building=torino/calvino", headers={"X-API-Key": key}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            points = json.load(answer)
        assert "torino/calvino/hall/temperature" in json.dumps(points)
    finally:
        platform.send_signal(signal.SIGTERM)
        status = platform.wait(60)
        device.terminate()
        device.wait(20)
    assert status == 0
