"""A simulated school whose thermostats were raised is put right; one that leaks becomes work; both from the store."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from cli.evaluate.simulated import TYPES, BuildingType, simulate_period
from control.gap_review import review
from control.strategies.gap_action import corrections_of
from core.calendar import HOUR_MS
from core.config.control import Control
from core.config.models import Building, Site, SqliteStore
from core.points import Counter, Limits, Measure, Point
from core.schedule import Block, Schedule
from predict.causes.record import Record
from simulators import pavilion
from simulators.design import Variation
from stores.registry import RateKind, Registry, WorkState
from stores.sqlite import SqliteReadingStore
from tests.predict.causes.conftest import DAYS, period

BUILDING = "torino/school"
SCHOOL = TYPES[1]
WEEK_MS = 7 * 24 * HOUR_MS
PRICES = {"gas": 0.09, "electricity": 0.25}
WARMER = dataclasses.replace(
    SCHOOL,
    schedule=Schedule(pavilion.SETBACK_C, [Block([*pavilion.SCHOOL_DAYS], "05:30", "16:30", pavilion.COMFORT_C + 1.5)]),
)
COUNTER = Counter(rollover=1e6, max_rate_per_h=500, resolution=0.1)


def reported(kind: BuildingType, variation: Variation) -> Record:
    return simulate_period(kind, date(2026, 1, 13), DAYS, seed=4, variation=variation).record


def point(name: str, brick_class: str, unit: str) -> Point:
    meter = "Meter" in brick_class
    return Point(
        f"{BUILDING}/{name}", brick_class, unit, Measure.REGISTER if meter else Measure.INSTANT,
        counter=COUNTER if meter else None,
        limits=Limits(5, 26, 18) if brick_class == "Zone_Air_Heating_Temperature_Setpoint" else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "variation", "cause", "state"),
    [
        (WARMER, Variation(), "setpoint", WorkState.CORRECTED),
        (SCHOOL, Variation(infiltration=2.0), "envelope", WorkState.OPEN),
    ],
    ids=["raised", "leaking"],
)
def test_a_raised_thermostat_is_put_right_and_a_leak_becomes_work(
    tmp_path: Path, kind: BuildingType, variation: Variation, cause: str, state: WorkState
) -> None:
    records = [period(2025).record, reported(kind, variation)]
    described = {p.name: point(p.name, p.brick_class, p.unit) for p in records[0].points}
    setpoints = [p.id for p in described.values() if p.limits is not None]
    control = Control(
        mode="drive", occupied=[Block([*pavilion.SCHOOL_DAYS], "08:00", "16:30", 1.0)],
        comfort_minimum=pavilion.COMFORT_C - 0.5, setback=pavilion.SETBACK_C, setpoints=setpoints,
    )  # fmt: skip
    with (
        Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry,
        SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store,
    ):
        registry.put_site(Site(id="torino", timezone=pavilion.TIMEZONE))
        registry.put_building(Building(id=BUILDING, control=control))
        registry.declare_points("torino/g", list(described.values()), 0)
        for carrier, price in PRICES.items():
            registry.put_rate("torino", carrier, RateKind.PRICE, year=2026, value=price, source="tariff", now_ms=0)
        spans = []
        for record in records:
            for p in record.points:
                rows = zip(p.time_ms.tolist(), p.value.tolist(), strict=True)
                store.write([(described[p.name].id, t, v, 0) for t, v in rows])
            times = record.points[0].time_ms
            spans.append((int(times[0]), int(times[-1])))
        (start_ms, end_ms), reference = spans[1], spans[0]
        early = review(store, registry, BUILDING, reference, (start_ms, end_ms - WEEK_MS), now_ms=end_ms - WEEK_MS)
        assert {item.state for item in early} == {WorkState.SUSPECTED}
        assert cause in {item.cause for item in early}
        review(store, registry, BUILDING, reference, (start_ms, end_ms), now_ms=end_ms)
        (item,) = (i for i in registry.work_items(BUILDING, ongoing=True) if i.cause == cause)
        assert (item.state, item.evaluations, item.evidence["rank"]) == (state, 2, 1)
        assert item.evidence["low_kwh"] > 0
        in_force = corrections_of(registry.work_items(BUILDING), end_ms)
        if state is WorkState.CORRECTED:
            assert {one.point for one in in_force} == set(setpoints)
            assert {(one.kind, one.value_c) for one in in_force} == {("setpoint", pavilion.COMFORT_C)}
            assert f"Kept at {pavilion.COMFORT_C + 1.5:.1f} °C" in item.evidence["advice"]
        else:
            assert in_force == []
            by_carrier = item.evidence["by_carrier"]
            assert item.evidence["eur"] == pytest.approx(sum(PRICES[c] * kwh for c, kwh in by_carrier.items()))
