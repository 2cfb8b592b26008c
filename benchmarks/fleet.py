"""Time and memory of fitting a city: ``python -m benchmarks.fleet [DIR] [--meters N] [--jobs N] [--json]``.

A city of schools with four meters each is made from the recorded meters of DIR (another size and some noise for each),
written into an embedded store, fitted, and fitted again three weeks later, when nothing is due.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from cli.evaluate.archive import Recorded, read_archive
from core.calendar import HOUR_MS
from core.config.models import Building, Fleet, Site, SqliteStore, Store
from core.points import Measure, Point
from predict.fleet import FitRow, fit_fleet
from predict.refit import Refit, Status
from stores.columns import Columns
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore

CITY: Final = 800
METERS_A_BUILDING: Final = 4
DAY_MS: Final = 24 * HOUR_MS


def make_city(folder: Path, directory: Path, buildings: int, seed: int) -> tuple[list[Building], int]:
    """Write a year of `buildings` schools; returns them and the end of their data."""
    recorded: list[Recorded] = list(read_archive(directory))
    rng = np.random.default_rng(seed)
    first = recorded[0]
    time_ms = first.time_ms[: first.train_end]
    outdoor = "city/weather/outdoor-temperature"
    made, points = [], [Point(outdoor, "Outside_Air_Temperature_Sensor", "Cel")]
    with SqliteReadingStore(SqliteStore(path=str(folder / "readings.db"))) as store:
        store.write_columns(_columns([outdoor], time_ms, [first.temperature_c[: len(time_ms)]]))
        for number in range(buildings):
            names = [f"city/school-{number}/meter-{i}" for i in range(METERS_A_BUILDING)]
            values = []
            for chosen in rng.integers(len(recorded), size=len(names)):
                one = recorded[chosen]
                kwh = np.resize(one.kwh[: one.train_end], len(time_ms))
                values.append(kwh * rng.uniform(0.3, 3) * (1 + rng.normal(0, 0.02, len(kwh))))
            store.write_columns(_columns(names, time_ms, values))
            points += [Point(name, "Building_Electrical_Meter", "kW.h", Measure.INTERVAL) for name in names]
            made.append(Building(id=f"city/school-{number}", meters=names, outdoor_temperature=outdoor))
        end_ms = int(time_ms[-1]) + HOUR_MS
        store.maintain(end_ms + 30 * DAY_MS)
    with _registry(folder) as registry:
        registry.put_configured(
            [Site(id="city", timezone=first.calendar.timezone, country="GB", subdivision="ENG")], made
        )
        registry.declare_points("city/gateway", points, end_ms)
    return made, end_ms


def measure(folder: Path, buildings: list[Building], fleet: Fleet, now_ms: int) -> dict[str, Any]:
    """Fit everything once and say what it took."""
    store = Store(sqlite=SqliteStore(path=str(folder / "readings.db")))
    started, before_mb = time.perf_counter(), _own_mb()
    with _registry(folder) as registry:
        rows = fit_fleet(registry, store, buildings, fleet, now_ms=now_ms, refit=Refit.DUE)
    return _figures(rows, time.perf_counter() - started, before_mb)


def _figures(rows: list[FitRow], wall_s: float, before_mb: float) -> dict[str, Any]:
    cpu_s = np.array([row.cpu_s for row in rows])
    return {
        "meters": len(rows),
        "fitted": sum(row.status is Status.FITTED for row in rows),
        "kept": sum(row.status is Status.KEPT for row in rows),
        "failed": sum(row.status is Status.FAILED for row in rows),
        "wall_s": wall_s,
        "wall_s_a_meter": wall_s / len(rows),
        "cpu_s_a_meter": float(np.median(cpu_s)),
        "cpu_s_a_meter_p95": float(np.quantile(cpu_s, 0.95)),
        "city_of_3200_cpu_h": float(cpu_s.mean()) * CITY * METERS_A_BUILDING / 3600,
        "worker_mb": max(row.memory_mb for row in rows),
        "parent_mb": _own_mb(),
        "parent_grew_mb": _own_mb() - before_mb,
    }


def _columns(names: list[str], time_ms: np.ndarray, values: Sequence[np.ndarray]) -> Columns:
    known = [np.isfinite(column) for column in values]
    return Columns(
        names,
        np.concatenate([np.full(int(k.sum()), i, np.intp) for i, k in enumerate(known)]),
        np.concatenate([time_ms[k] for k in known]),
        np.concatenate([column[k] for column, k in zip(values, known, strict=True)]),
        np.zeros(sum(int(k.sum()) for k in known), np.uint8),
    )


def _own_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _registry(folder: Path) -> Registry:
    return Registry.open(f"sqlite:///{folder}/registry.db")


def main() -> None:
    """Print what a city takes."""
    parser = argparse.ArgumentParser("python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("data/cambridge"))
    parser.add_argument("--meters", type=int, default=64, help="a multiple of four; 3200 for the whole city")
    parser.add_argument("--backend", choices=["loky", "threading", "dask"], default="loky")
    parser.add_argument("--scheduler", default="", help="for dask")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    fleet = Fleet(backend=asked.backend, scheduler=asked.scheduler, jobs=asked.jobs)
    # In a process of its own, so that its memory does not hide what fitting takes.
    making = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with making, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        count = max(1, asked.meters // METERS_A_BUILDING)
        buildings, end_ms = making.submit(make_city, folder, asked.directory, count, asked.seed).result()
        found: dict[str, Any] = {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "made_in_s": time.perf_counter() - started,
            "readings_mb": (folder / "readings.db").stat().st_size / 1e6,
            "first": measure(folder, buildings, fleet, end_ms),
            "three_weeks_later": measure(folder, buildings, fleet, end_ms + 21 * DAY_MS),
            "registry_mb": (folder / "registry.db").stat().st_size / 1e6,
        }
    if asked.json:
        print(json.dumps(found))
        return
    print(f"{found['cores']} cores, load {found['load']:.1f}; readings {found['readings_mb']:.0f} MB")
    for run in ("first", "three_weeks_later"):
        print(f"\n{run.replace('_', ' ')}")
        for key, value in found[run].items():
            print(f"  {key:20} {value:.3f}" if isinstance(value, float) else f"  {key:20} {value}")


if __name__ == "__main__":
    main()
