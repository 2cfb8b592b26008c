"""A city fitted through a real Dask scheduler with two workers, by configuration alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dask
import numpy as np
import pytest
from distributed import LocalCluster

from core.calendar import HOUR_MS, Calendar
from core.config.models import Fleet, SqliteStore
from core.points import Measure, Point
from predict.crew import run
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.test_crew import collect, die_on_seven, square

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
ROME = Calendar("Europe/Rome")
METERS = [f"torino/school/electricity-{n}" for n in range(6)]
OUTDOOR = "torino/school/outdoor-temperature"
SILENT = "torino/school/silent"


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    # We try again ourselves what has lost its worker; the scheduler need not do it three times before.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
    ):
        cluster.wait_for_workers(2, timeout=60)
        yield cluster


def city(folder: Path, scheduler: str) -> Path:
    """Databases of a school with six meters and a silent one; returns the configuration."""
    times = np.arange(ROME.midnight(date(2025, 1, 1)), ROME.midnight(date(2025, 7, 1)), HOUR_MS)
    rng = np.random.default_rng(3)
    outdoor = 12 + 8 * np.sin(np.arange(len(times)) / 700) + rng.normal(0, 1, len(times))
    with SqliteReadingStore(SqliteStore(path=str(folder / "readings.db"))) as store:
        store.write([(OUTDOOR, t, v, 0) for t, v in zip(times.tolist(), outdoor.tolist(), strict=True)])
        for n, meter in enumerate(METERS):
            use = (10 + n) + np.maximum(18 - outdoor, 0) + rng.normal(0, 0.5, len(times))
            store.write([(meter, t, v, 0) for t, v in zip(times.tolist(), use.tolist(), strict=True)])
    with Registry.open(f"sqlite:///{folder}/registry.db") as registry:
        points = [Point(m, "Building_Electrical_Meter", "kW.h", Measure.INTERVAL) for m in (*METERS, SILENT)]
        points.append(Point(OUTDOOR, "Outside_Air_Temperature_Sensor", "Cel"))
        registry.declare_points("torino/g", points, 0)
    config = folder / "promessa.toml"
    config.write_text(
        f"""
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[[buildings]]
id = "torino/school"
meters = {json.dumps([*METERS, SILENT])}
outdoor_temperature = "{OUTDOOR}"
[registry]
url = "sqlite:///{folder}/registry.db"
[store]
sqlite = {{ path = "{folder}/readings.db" }}
[fleet]
backend = "dask"
scheduler = "{scheduler}"
meters_per_task = 1
"""
    )
    return config


def test_a_cluster_fits_the_city_by_configuration_alone(cluster: LocalCluster, tmp_path: Path) -> None:
    config = city(tmp_path, cluster.scheduler_address)
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "fit", "--all", "--json", "--config", str(config)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["meter"]: row for row in json.loads(done.stdout)}
    assert {meter: rows[meter]["status"] for meter in METERS} == dict.fromkeys(METERS, "fitted")
    assert (rows[SILENT]["status"], rows[SILENT]["reason"]) == ("failed", f"{SILENT} has no readings to fit")
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry:
        assert len(registry.models()) == len(METERS)


def test_both_workers_work(cluster: LocalCluster) -> None:
    fleet = Fleet(backend="dask", scheduler=cluster.scheduler_address, meters_per_task=1)
    found = collect(run(process_of, range(60), fleet))
    workers = {str(value) for value, _ in found.values()}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers


def test_a_worker_that_dies_is_a_row_and_the_cluster_goes_on(cluster: LocalCluster) -> None:
    fleet = Fleet(backend="dask", scheduler=cluster.scheduler_address, meters_per_task=3)
    found = collect(run(die_on_seven, range(20), fleet))
    value, reason = found.pop(7)
    assert value is None
    assert reason.startswith("its worker died twice")
    assert found == {i: (i * i, "") for i in range(20) if i != 7}
    assert collect(run(square, range(4), fleet)) == {i: (i * i, "") for i in range(4)}


def process_of(numbers: list[int]) -> list[int]:
    """Which process did it, after a moment in which others can begin."""
    import time

    time.sleep(0.05)
    return [os.getpid()] * len(numbers)
