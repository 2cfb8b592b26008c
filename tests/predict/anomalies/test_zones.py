"""A zone thermometer that drifts away from its zone's twin is an event, through store and registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cli.evaluate.simulated import TYPES, simulate_period
from core.calendar import HOUR_MS
from core.config.models import SqliteStore
from core.errors import DomainError
from predict.anomalies.event import Closing, Kind
from predict.anomalies.run import RunOutcome, run_building
from predict.anomalies.zones import KIND, RULE, ZoneTwins
from predict.causes.record import Record
from simulators.design import Variation
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.causes.kept import keep_records, put_building

BUILDING = "torino/library"
HALL = f"{BUILDING}/hall/temperature"
DAY_MS = 24 * HOUR_MS
REFERENCE_DAYS, DAYS = 56, 84
DRIFTS_FROM = 62


@cache
def winter() -> Record:
    return simulate_period(TYPES[0], date(2025, 11, 3), DAYS, seed=4, variation=Variation()).record


def drifting(record: Record, k_per_day: float, most_k: float, until_day: int = DAYS) -> Record:
    """The same, with a hall thermometer that leaves the truth from `DRIFTS_FROM` on."""

    def wrong(time_ms: np.ndarray) -> np.ndarray:
        day = (time_ms - time_ms[0]) / DAY_MS
        drift = np.clip((day - DRIFTS_FROM) * abs(k_per_day), 0, most_k) * np.sign(k_per_day)
        return np.where(day < until_day, drift, 0.0)

    return Record(
        tuple(
            replace(p, value=p.value + wrong(p.time_ms)) if p.name == "hall/temperature" else p for p in record.points
        )
    )


class World(NamedTuple):
    store: SqliteReadingStore
    registry: Registry

    def keep(self, record: Record) -> int:
        """Store it; the time at which it begins."""
        return keep_records(self.store, self.registry, BUILDING, [record])[0][0]

    def run(self, now_ms: int) -> RunOutcome:
        return run_building(self.store, self.registry, BUILDING, [], now_ms)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with (
        Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry,
        SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store,
    ):
        put_building(registry, BUILDING)
        yield World(store, registry)


@pytest.mark.parametrize("k_per_day", [0.4, -0.4])
def test_a_sensor_that_drifts_is_one_event_and_the_healthy_ones_are_none(world: World, k_per_day: float) -> None:
    start_ms = world.keep(drifting(winter(), k_per_day, 3.0))
    found = world.run(start_ms + DAYS * DAY_MS).changed
    assert [(r.kind, r.rule, r.subject) for r in found] == [(Kind.SENSOR_DEVIATION, RULE, HALL)]
    (event,) = found
    assert event.is_open
    assert start_ms + DRIFTS_FROM * DAY_MS <= event.start_ms < start_ms + (DRIFTS_FROM + 8) * DAY_MS
    more = event.evidence["actual"] - event.evidence["expected"]
    assert np.sign(more) == np.sign(k_per_day)
    assert abs(more) == pytest.approx(2.5, abs=0.8)
    assert "is predicted" in event.evidence["explanation"]
    assert world.run(start_ms + DAYS * DAY_MS).changed == []


def test_sound_sensors_are_no_event_and_their_twins_are_kept(world: World) -> None:
    start_ms = world.keep(winter())
    assert world.run(start_ms + DAYS * DAY_MS).changed == []
    kept = world.registry.latest_model(BUILDING, KIND)
    assert kept is not None
    assert (kept.version, kept.end_ms - kept.start_ms) == (1, REFERENCE_DAYS * DAY_MS)
    assert len(ZoneTwins.from_bytes(kept.blob).twins) == 4
    world.run(start_ms + DAYS * DAY_MS)
    assert [m.version for m in world.registry.models(BUILDING)] == [1]


def test_a_sensor_that_was_put_right_closes_its_event(world: World) -> None:
    start_ms = world.keep(drifting(winter(), 1.0, 3.0, until_day=72))
    for day in (66, 70, DAYS):
        world.run(start_ms + day * DAY_MS)
    (event,) = world.registry.anomalies(BUILDING)
    assert (event.subject, event.closing) == (HALL, Closing.RETURNED)
    assert event.end_ms == pytest.approx(start_ms + 72 * DAY_MS, abs=2 * DAY_MS)


def test_before_the_reference_period_has_passed_it_is_said(world: World) -> None:
    start_ms = world.keep(winter())
    outcome = world.run(start_ms + 40 * DAY_MS)
    assert "the reference period of the zones' twins ends 2025-12-29" in outcome.missing[BUILDING]
    assert world.registry.latest_model(BUILDING, KIND) is None


def test_what_holds_no_twins_is_refused() -> None:
    with pytest.raises(DomainError, match="twins"):
        ZoneTwins.from_bytes(b"nonsense")
