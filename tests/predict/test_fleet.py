"""A small city: first fits, refits by schedule, drift and correction, champions and challengers, failures as rows."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from core.calendar import HOUR_MS, Calendar
from core.config.models import Building, Fleet, Site, SqliteStore, Store
from core.points import Measure, Point
from predict.figures import Figures
from predict.fit import BASELINE_KIND, latest_baseline
from predict.fleet import FitRow, fit_fleet
from predict.refit import Refit, Status, is_better
from stores.registry import ModelRole, Registry
from stores.sqlite import SqliteReadingStore

ROME = Calendar("Europe/Rome")
DAY_MS = 24 * HOUR_MS
OUTDOOR = Point("torino/a/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
STEADY = Point("torino/a/steady", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
MOVED = Point("torino/a/moved", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
FIXED = Point("torino/b/fixed", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
EMPTY = Point("torino/b/empty", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
WATER = Point("torino/b/water", "Water_Meter", "m3", Measure.INTERVAL)
START, FIT, MOVE, END = (
    ROME.midnight(day) for day in (date(2025, 1, 1), date(2026, 1, 1), date(2026, 1, 20), date(2026, 4, 1))
)
TIMES = np.arange(START, END, HOUR_MS)
_RNG = np.random.default_rng(5)
TEMPERATURE = 12 - 10 * np.cos((TIMES - START) / DAY_MS / 365 * 2 * np.pi) + _RNG.normal(0, 2, len(TIMES))
USE = 20 + 2 * np.maximum(16 - TEMPERATURE, 0) + _RNG.normal(0, 1, len(TIMES))
A = Building(id="torino/a", meters=[STEADY.id, MOVED.id], outdoor_temperature=OUTDOOR.id)
B = Building(
    id="torino/b",
    meters=[FIXED.id, EMPTY.id, WATER.id, "torino/b/unknown"],
    outdoor_temperature=OUTDOOR.id,
    baseline_start=date(2025, 1, 1),
    baseline_end=date(2026, 1, 1),
)
THREADS = Fleet(backend="threading", jobs=2, meters_per_task=2)


@dataclass(frozen=True)
class City:
    """Store and registry of a city, and a short way to fit it."""

    registry: Registry
    config: Store
    write: Callable[[str, np.ndarray, np.ndarray], None]

    def fit(self, now_ms: int, refit: Refit = Refit.DUE, fleet: Fleet = THREADS, **more: Any) -> dict[str, FitRow]:
        rows = fit_fleet(self.registry, self.config, [A, B], fleet, now_ms=now_ms, refit=refit, **more)
        assert [row.meter for row in rows] == [*A.meters, *B.meters]
        return {row.meter: row for row in rows}

    def history(self, meter: str) -> list[tuple[int, ModelRole]]:
        return [(given.version, given.role) for given in self.registry.model_roles(meter)]


@contextmanager
def opened(folder: Path) -> Iterator[City]:
    config = Store(sqlite=SqliteStore(path=str(folder / "readings.db")))

    def write(point: str, times: np.ndarray, values: np.ndarray) -> None:
        with SqliteReadingStore(config.sqlite) as store:
            store.write([(point, t, v, 0) for t, v in zip(times.tolist(), values.tolist(), strict=True)])

    with Registry.open(f"sqlite:///{folder}/registry.db") as registry:
        yield City(registry, config, write)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city in which nothing was fitted yet."""
    folder = tmp_path_factory.mktemp("new")
    with opened(folder) as city:
        moved = USE * np.where(MOVE <= TIMES, 1.4, 1.0)
        for point, values in ((OUTDOOR, TEMPERATURE), (STEADY, USE), (MOVED, moved), (FIXED, USE), (WATER, USE)):
            city.write(point.id, TIMES, values)
        city.registry.put_site(Site(id="torino", timezone="Europe/Rome"))
        city.registry.declare_points("torino/g", [OUTDOOR, STEADY, MOVED, FIXED, EMPTY, WATER], START)
    return folder


@pytest.fixture(scope="module")
def fitted(new: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city that was fitted at `FIT` for the first time."""
    folder = tmp_path_factory.mktemp("fitted")
    shutil.copytree(new, folder, dirs_exist_ok=True)
    with opened(folder) as city:
        city.fit(FIT)
    return folder


@pytest.fixture
def new_city(new: Path, tmp_path: Path) -> Iterator[City]:
    shutil.copytree(new, tmp_path, dirs_exist_ok=True)
    with opened(tmp_path) as city:
        yield city


@pytest.fixture
def city(fitted: Path, tmp_path: Path) -> Iterator[City]:
    shutil.copytree(fitted, tmp_path, dirs_exist_ok=True)
    with opened(tmp_path) as city:
        yield city


def test_every_meter_is_a_row_whatever_becomes_of_it(new_city: City) -> None:
    told: list[FitRow] = []
    rows = new_city.fit(FIT, on_row=told.append)
    assert {meter: row.status for meter, row in rows.items()} == {
        STEADY.id: Status.FITTED, MOVED.id: Status.FITTED, FIXED.id: Status.FITTED,
        EMPTY.id: Status.FAILED, WATER.id: Status.FAILED, "torino/b/unknown": Status.FAILED,
    }  # fmt: skip
    assert rows[EMPTY.id].reason == f"{EMPTY.id} has no readings to fit"
    assert "m3 is not an energy" in rows[WATER.id].reason
    assert "not in the registry" in rows["torino/b/unknown"].reason
    assert sorted(told, key=lambda r: r.meter) == sorted(rows.values(), key=lambda r: r.meter)
    row = rows[STEADY.id]
    assert (row.version, row.building) == (1, "torino/a")
    assert row.figures is not None
    assert row.figures.disqualified == []
    assert row.cpu_s > 0
    assert row.memory_mb > 10
    assert latest_baseline(new_city.registry, STEADY.id, ROME)[1].version == 1
    assert new_city.history(STEADY.id) == [(1, ModelRole.CHAMPION)]


def test_processes_give_the_same_as_threads(city: City) -> None:
    threads = city.registry.model(FIXED.id, BASELINE_KIND, 1)
    rows = city.fit(FIT, Refit.ALWAYS, Fleet(backend="loky", jobs=2, meters_per_task=1))
    processes = city.registry.model(FIXED.id, BASELINE_KIND, 2)
    assert rows[FIXED.id].version == 2
    assert threads is not None
    assert processes is not None
    assert (processes.figures, processes.blob) == (threads.figures, threads.blob)


def test_what_is_not_due_is_kept(city: City) -> None:
    rows = city.fit(FIT + 5 * DAY_MS)
    assert [rows[m].status for m in (STEADY.id, FIXED.id)] == [Status.KEPT, Status.KEPT]
    assert rows[STEADY.id].reason == "due in 25 days"
    assert "fixed" in rows[FIXED.id].reason
    assert rows[STEADY.id].version == 1
    assert rows[STEADY.id].figures is not None


def test_a_challenger_that_is_no_better_does_not_take_the_place(city: City) -> None:
    row = city.fit(FIT + 40 * DAY_MS, fleet=replace(THREADS, promote_margin_percent=50.0))[STEADY.id]
    assert row.status is Status.CHALLENGED, row.reason
    assert row.version == 2
    assert row.reason.startswith("40 days after the last fit: CV(RMSE)")
    assert row.champion_cv_rmse == pytest.approx(row.challenger_cv_rmse, rel=0.2)
    assert latest_baseline(city.registry, STEADY.id, ROME)[1].version == 1
    assert city.history(STEADY.id) == [(2, ModelRole.CHALLENGER), (1, ModelRole.CHAMPION)]
    # The day after it is not tried again: the last attempt counts.
    assert city.fit(FIT + 41 * DAY_MS)[STEADY.id].reason == "due in 29 days"


def test_a_challenger_that_is_better_is_promoted_with_the_reason(new_city: City) -> None:
    new_city.fit(ROME.midnight(date(2025, 3, 1)))  # has seen the winter only
    row = new_city.fit(ROME.midnight(date(2025, 9, 1)))[STEADY.id]
    assert row.status is Status.PROMOTED
    assert row.champion_cv_rmse is not None
    assert row.challenger_cv_rmse is not None
    assert row.challenger_cv_rmse < 0.95 * row.champion_cv_rmse
    assert latest_baseline(new_city.registry, STEADY.id, ROME)[1].version == 2
    promotion, retirement, _ = new_city.registry.model_roles(STEADY.id)
    assert (promotion.role, promotion.reason, promotion.by) == (ModelRole.CHAMPION, row.reason, "fleet")
    assert (retirement.version, retirement.role) == (1, ModelRole.RETIRED)


def test_a_challenger_that_may_claim_nothing_does_not_replace_one_that_may(city: City) -> None:
    row = city.fit(END, fleet=replace(THREADS, window_days=40))[MOVED.id]
    assert row.status is Status.CHALLENGED
    assert row.reason.endswith("it may claim no savings, the old one may")


def test_drift_is_said_and_brings_the_refit_forward(city: City) -> None:
    fleet = replace(THREADS, refit_every_days=1000)
    rows = city.fit(MOVE + 32 * DAY_MS, fleet=fleet)
    moved, steady = rows[MOVED.id], rows[STEADY.id]
    assert steady.status is Status.KEPT
    assert steady.drift is not None
    assert not steady.drift.drifted
    assert moved.drift is not None
    assert moved.drift.drifted
    assert moved.drift.bias_percent == pytest.approx(40, abs=3)
    assert moved.status in (Status.PROMOTED, Status.CHALLENGED)
    assert re.match(r"drifts: (39|40)\.\d % more than expected", moved.reason)
    # A drift that the challenger did not mend is not tried every day.
    assert city.fit(MOVE + 33 * DAY_MS, fleet=fleet)[MOVED.id].status is Status.KEPT


def test_a_fixed_baseline_moves_only_when_its_data_were_corrected(city: City) -> None:
    assert city.fit(END)[FIXED.id].status is Status.KEPT
    assert city.fit(END)[FIXED.id].drift is not None
    city.write(FIXED.id, TIMES[100:130], USE[100:130] * 2)
    row = city.fit(END)[FIXED.id]
    assert (row.status, row.version) == (Status.PROMOTED, 2)
    assert row.reason == "the data of its fixed baseline period were corrected"
    assert city.history(FIXED.id) == [(2, ModelRole.CHAMPION), (1, ModelRole.RETIRED), (1, ModelRole.CHAMPION)]


def test_always_and_never_are_meant(city: City) -> None:
    assert city.fit(END, Refit.NEVER)[STEADY.id].status is Status.KEPT
    rows = city.fit(FIT + 20 * DAY_MS, Refit.ALWAYS)
    assert rows[STEADY.id].status in (Status.CHALLENGED, Status.PROMOTED)
    assert (rows[FIXED.id].status, rows[FIXED.id].reason) == (Status.PROMOTED, "on request")


def test_without_days_to_compare_on_nothing_changes(city: City) -> None:
    for now_ms in (FIT, FIT + 2 * DAY_MS):
        row = city.fit(now_ms, Refit.ALWAYS)[STEADY.id]
        assert row.status is Status.KEPT
        assert "since its period to compare on" in row.reason


def test_a_champion_that_cannot_be_opened_is_replaced(new_city: City) -> None:
    new_city.registry.put_model(STEADY.id, BASELINE_KIND, period=(START, FIT), figures={}, blob=b"\x00", now_ms=FIT)
    row = new_city.fit(END)[STEADY.id]
    assert row.status is Status.PROMOTED
    assert row.reason.startswith("v1 cannot be used")
    assert latest_baseline(new_city.registry, STEADY.id, ROME)[1].version == 2


def test_a_store_that_is_not_there_is_a_reason_for_each_meter(new_city: City, tmp_path: Path) -> None:
    gone = Store(sqlite=SqliteStore(path="/proc/nowhere/readings.db"))
    rows = fit_fleet(new_city.registry, gone, [A], THREADS, now_ms=FIT)
    assert [row.status for row in rows] == [Status.FAILED, Status.FAILED]
    assert all("readings" in row.reason or "nowhere" in row.reason for row in rows)


@pytest.mark.parametrize(
    ("champion", "challenger", "better"),
    [(20.0, 18.9, True), (20.0, 19.1, False), (20.0, 20.0, False), (None, 30.0, True), (10.0, None, False)],
)
def test_better_means_by_the_margin(champion: float | None, challenger: float | None, better: bool) -> None:  # noqa: FBT001
    def figures(cv_rmse: float | None) -> Figures:
        return Figures(100, 1.0, cv_rmse, 0.0, 0.9)

    assert is_better(figures(champion), figures(challenger), 5.0) is better
