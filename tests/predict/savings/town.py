"""A building of two years in a real store and registry: a year of baseline, then a year with a tenth saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.config.models import Building, Site, SqliteStore
from core.points import Measure, Point
from predict.fit import BASELINE_KIND, fit_building
from stores.registry import Contract, Price, Registry, Term
from stores.sqlite import SqliteReadingStore

ROME = Calendar("Europe/Rome")
BUILDING = "torino/calvino"
HEAT = Point(f"{BUILDING}/heat", "Building_Thermal_Meter", "kW.h", Measure.INTERVAL)
POWER = Point(f"{BUILDING}/electricity", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
BASELINE = (ROME.midnight(date(2025, 1, 1)), ROME.midnight(date(2026, 1, 1)))
END = ROME.midnight(date(2027, 1, 1))
SAVED = 0.1
TIMES = np.arange(BASELINE[0], END, HOUR_MS)
_RNG = np.random.default_rng(6)
_SEASON = np.cos((TIMES - BASELINE[0]) / 86_400_000 / 365.25 * 2 * np.pi)
TEMPERATURE = 12 - 10 * _SEASON + _RNG.normal(0, 2, len(TIMES))
EXPECTED = 20 + 2 * np.maximum(16 - TEMPERATURE, 0) + _RNG.normal(0, 1, len(TIMES))
USED = EXPECTED * np.where(BASELINE[1] <= TIMES, 1 - SAVED, 1.0)


def month(number: int, year: int = 2026) -> int:
    """UTC milliseconds at which a month begins; 13 is the next January."""
    return ROME.midnight(date(year + (number - 1) // 12, (number - 1) % 12 + 1, 1))


@dataclass(frozen=True)
class Town:
    """What the tests stand on."""

    store: SqliteReadingStore
    registry: Registry


def make(folder: Path) -> None:
    """Write the databases of a town, with fitted baselines."""
    with _store(folder) as store, _registry(folder) as registry:
        for point, values in ((HEAT, USED), (POWER, USED), (OUTDOOR, TEMPERATURE)):
            store.write([(point.id, t, v, 0) for t, v in zip(TIMES.tolist(), values.tolist(), strict=True)])
        registry.put_site(Site(id="torino", timezone="Europe/Rome"))
        registry.put_building(
            Building(
                id=BUILDING,
                meters=[HEAT.id, POWER.id],
                outdoor_temperature=OUTDOOR.id,
                baseline_start=date(2025, 1, 1),
                baseline_end=date(2026, 1, 1),
            )
        )
        registry.declare_points("torino/cellar", [HEAT, POWER, OUTDOOR], BASELINE[0])
        fit_building(store, registry, BUILDING, now_ms=BASELINE[1])


@contextmanager
def opened(template: Path, folder: Path) -> Iterator[Town]:
    """A copy of a town."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    with _store(folder) as store, _registry(folder) as registry:
        yield Town(store, registry)


def contract(**changes: object) -> Contract:
    """Ten percent of the heat guaranteed for 2026, settled by the year."""
    term = Term(
        meter=HEAT.id,
        baseline_kind=BASELINE_KIND,
        baseline_version=1,
        guaranteed_percent=8.0,
        prices=[Price(date(2026, 1, 1), 0.1, "tariff 2026")],
    )
    usual: dict[str, object] = {
        "id": "calvino", "building": BUILDING, "client": "City", "contractor": "ESCO", "start": date(2026, 1, 1),
        "end": date(2027, 1, 1), "terms": [term], "share_of_excess": 0.5, "penalty_for_shortfall": 1.0,
    }  # fmt: skip
    return Contract(**usual | changes)  # type: ignore[arg-type]


def _store(folder: Path) -> SqliteReadingStore:
    return SqliteReadingStore(SqliteStore(path=str(folder / "readings.db")))


def _registry(folder: Path) -> Registry:
    return Registry.open(f"sqlite:///{folder}/registry.db")
