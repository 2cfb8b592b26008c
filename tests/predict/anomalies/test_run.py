"""Watches over a real store and registry: told once, corrected when readings are, whenever they are run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from core.calendar import HOUR_MS
from core.config.models import Building, Site, SqliteStore
from core.errors import NotFoundError
from core.points import Measure, Point
from predict.anomalies.event import Closing, Kind
from predict.anomalies.rules import load_rules
from predict.anomalies.run import run_building
from predict.fit import fit_building
from simulators.office import office_meter
from stores.registry import AnomalyRecord, Registry
from stores.sqlite import SqliteReadingStore

BUILDING = "torino/office"
METER = Point(f"{BUILDING}/electricity", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
OUTDOOR = Point(f"{BUILDING}/outdoor", "Outside_Air_Temperature_Sensor", "Cel")
HEATING = Point(f"{BUILDING}/hall/heating", "Heating_Thermal_Power_Sensor", "kW")
COOLING = Point(f"{BUILDING}/hall/cooling", "Cooling_Thermal_Power_Sensor", "kW")
DAY_MS = 24 * HOUR_MS
FIRST = 60 * 24
"""Hours of the first year that are left out, so that the test is quick."""


class World(NamedTuple):
    store: SqliteReadingStore
    registry: Registry
    split_ms: int

    def write(self, first: int, hours: int, plus: float = 0.0) -> None:
        """Readings of hours counted from the beginning of the second year."""
        time_ms, kwh, temperature, split = office_meter(1)
        here = slice(split + first, split + first + hours)
        for point, values in ((METER, kwh + plus), (OUTDOOR, temperature)):
            rows = zip(time_ms[here].tolist(), values[here].tolist(), strict=True)
            self.store.write([(point.id, t, v, 0) for t, v in rows])

    def run(self, hour: int) -> list[AnomalyRecord]:
        now_ms = self.split_ms + hour * HOUR_MS
        return run_building(self.store, self.registry, BUILDING, load_rules(), now_ms).changed

    def known(self) -> list[AnomalyRecord]:
        return self.registry.anomalies(BUILDING)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    world = _open(folder)
    world.write(-world_hours() + FIRST, world_hours() - FIRST + 60 * 24)
    world.registry.put_site(Site(id="torino", timezone="Europe/Rome", country="IT", subdivision="TO"))
    world.registry.put_building(
        Building(id=BUILDING, meters=[METER.id], outdoor_temperature=OUTDOOR.id, baseline_end=date(2024, 1, 1),
                 price_eur_per_kwh={METER.id: 0.25})
    )  # fmt: skip
    world.registry.declare_points("torino/g", [METER, OUTDOOR, HEATING, COOLING], 1)
    (outcome,) = fit_building(world.store, world.registry, BUILDING, world.split_ms)
    assert outcome.record is not None
    world.store.close()
    world.registry.close()
    return folder


def world_hours() -> int:
    return office_meter(1)[3]


def _open(folder: Path) -> World:
    store = SqliteReadingStore(SqliteStore(path=str(folder / "readings.db")))
    time_ms, _, _, split = office_meter(1)
    return World(store, Registry.open(f"sqlite:///{folder}/registry.db"), int(time_ms[split]))


@pytest.fixture
def world(fitted: Path, tmp_path: Path) -> Iterator[World]:
    for file in fitted.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    opened = _open(tmp_path)
    yield opened
    opened.store.close()
    opened.registry.close()


def test_spike_is_kept_once_with_its_cost_however_often_it_is_looked_at(world: World) -> None:
    world.write(40 * 24 + 11, 1, plus=90.0)
    (spike,) = world.run(41 * 24)
    assert (spike.kind, spike.subject, spike.building) == (Kind.SPIKE, METER.id, BUILDING)
    assert spike.evidence["excess_kwh"] == pytest.approx(90, abs=8)
    assert spike.evidence["cost_eur"] == pytest.approx(0.25 * spike.evidence["excess_kwh"], rel=1e-3)
    assert world.run(41 * 24) == []
    assert world.run(43 * 24) == []
    assert [r.id for r in world.known()] == [spike.id]


def test_nothing_depends_on_when_it_is_run(world: World, fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for file in fitted.iterdir():
        (tmp_path / "other" / file.name).write_bytes(file.read_bytes())
    other = _open(tmp_path / "other")
    for each in (world, other):
        each.write(30 * 24 + 11, 1, plus=90.0)
        each.write(35 * 24, 18 * 24, plus=14.0)
    for hour in (5, 31 * 24 + 3, 37 * 24, 37 * 24 + 1, 41 * 24, 50 * 24 + 7, 58 * 24):
        world.run(hour)
    other.run(58 * 24)
    said, also = (sorted(each.known(), key=lambda r: r.id) for each in (world, other))
    assert said
    for one, two in zip(said, also, strict=True):
        assert (one.id, one.kind, one.start_ms, one.opened_ms, one.updated_ms, one.end_ms) == (
            two.id, two.kind, two.start_ms, two.opened_ms, two.updated_ms, two.end_ms
        )  # fmt: skip
        # What walls remember of the days before a run's beginning is in the last digits.
        for name in ("expected", "actual", "excess_kwh", "confidence"):
            assert one.evidence[name] == pytest.approx(two.evidence[name], rel=0.01)
    other.store.close()
    other.registry.close()


def test_event_that_a_correction_explains_away_is_withdrawn_and_stays_so(world: World) -> None:
    world.write(40 * 24 + 11, 1, plus=90.0)
    (spike,) = world.run(41 * 24)
    world.write(40 * 24 + 11, 1)
    (withdrawn,) = world.run(41 * 24 + 1)
    assert (withdrawn.id, withdrawn.closing) == (spike.id, Closing.WITHDRAWN)
    assert world.run(41 * 24 + 2) == []
    world.write(40 * 24 + 11, 1, plus=90.0)
    (again,) = world.run(41 * 24 + 3)
    assert (again.id, again.closing) == (spike.id, Closing.RETURNED)


def test_late_readings_are_seen_as_if_they_had_come_in_time(world: World) -> None:
    world.store.write([(METER.id, world.split_ms + (40 * 24 + 11) * HOUR_MS, 0.0, 129)])
    assert world.run(42 * 24) == []
    world.write(40 * 24 + 11, 1, plus=90.0)
    assert [r.kind for r in world.run(43 * 24)] == [Kind.SPIKE]


def test_what_a_person_said_stays_when_the_event_goes_on(world: World) -> None:
    world.write(35 * 24, 25 * 24, plus=14.0)
    world.run(41 * 24)
    (shift,) = world.registry.anomalies(BUILDING, is_open=True)
    world.registry.acknowledge_anomaly(shift.id, "anna", "new tenant", 7)
    world.run(45 * 24)
    (later,) = world.registry.anomalies(BUILDING, is_open=True)
    assert (later.id, later.acknowledged_by) == (shift.id, "anna")
    assert later.updated_ms > shift.updated_ms
    assert later.evidence["excess_kwh"] > shift.evidence["excess_kwh"] > 0


def test_new_baseline_learns_anew_and_tells_nothing_twice(world: World) -> None:
    world.write(40 * 24 + 11, 1, plus=90.0)
    world.run(58 * 24)
    fit_building(world.store, world.registry, BUILDING, world.split_ms)
    assert world.run(58 * 24) == []
    assert len(world.known()) == 1


def test_fault_of_a_rule_is_kept_with_its_zone(world: World) -> None:
    quarter = HOUR_MS // 4
    for i in range(96):
        now = world.split_ms + i * quarter
        cold = 20.0 if 40 <= i < 60 else 0.0
        world.store.write([(HEATING.id, now, 30.0, 0), (COOLING.id, now, cold, 0)])
    found = [r for r in world.run(24) if r.kind == Kind.FAULT]
    assert [(r.rule, r.subject) for r in found] == [("simultaneous-heating-and-cooling", f"{BUILDING}/hall")]
    assert found[0].evidence["excess_kwh"] == pytest.approx(20 * 4.75, rel=0.1)
    assert found[0].end_ms == world.split_ms + 60 * quarter
    assert [r for r in world.run(24) if r.kind == Kind.FAULT] == []


def test_meter_without_a_baseline_is_named_and_the_building_must_be_known(world: World) -> None:
    world.registry.put_building(Building(id=BUILDING, meters=["torino/office/gas"]))
    outcome = run_building(world.store, world.registry, BUILDING, [], world.split_ms)
    assert outcome.missing.keys() == {"torino/office/gas"}
    with pytest.raises(NotFoundError):
        run_building(world.store, world.registry, "torino/nothing", [], world.split_ms)
