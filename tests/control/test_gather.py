"""From store and registry to the view."""

from datetime import date

import numpy as np
import pytest

from control.gather import heating_gaps, judge_input, layout_of, learn_building, view_building
from control.learning import Learnt
from control.memory import Memory
from control.view import Input, Occupancy
from control.warmup import DEFAULT
from core.calendar import HOUR_MS
from core.config.control import Control
from core.config.models import Building, Site
from core.points import Counter, Measure, Point
from core.readings import Quality, Reading
from core.schedule import Block
from predict.fit import fit_building
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.control.views import ROME, at, setpoint

BUILDING = "torino/calvino"
HALL, OFFICES = setpoint(), setpoint("offices")
SENSOR = Point(f"{BUILDING}/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
GAS = Point(f"{BUILDING}/gas", "Building_Gas_Meter", "kW.h", Measure.REGISTER, counter=Counter(1e6, 500, 0.1))
POWER = Point(f"{BUILDING}/electricity", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
POINTS = {p.id: p for p in (HALL, OFFICES, SENSOR, OUTDOOR, GAS, POWER)}
SETTINGS = Control(
    occupied=[Block(["mon", "tue", "wed", "thu", "fri"], "08:30", "19:00", 1.0)],
    setpoints=[HALL.id, OFFICES.id, f"{BUILDING}/attic/heating-setpoint"],
    outdoor_temperature=OUTDOOR.id,
)
LAYOUT = layout_of(BUILDING, SETTINGS, POINTS)
NOW = at("2026-01-14 10:00")


@pytest.mark.parametrize(
    ("reading", "seen"),
    [
        (Reading("p", NOW - 3_600_000, 20.0, 0), Input(20.0)),
        (Reading("p", NOW - 3_660_000, 20.0, 0), Input(None, "no reading for 61 min")),
        (Reading("p", NOW, 20.0, Quality.UNCERTAIN), Input(20.0)),
        (Reading("p", NOW, 20.0, Quality.UNCERTAIN_STUCK), Input(None, "its reading is uncertain.stuck")),
        (Reading("p", NOW, 20.0, Quality.BAD_RANGE), Input(None, "its reading is bad.range")),
        (None, Input(None, "never read")),
    ],
    ids=["fresh enough", "stale", "uncertain", "stuck", "bad", "missing"],
)
def test_what_counts_as_an_input(reading: Reading | None, seen: Input) -> None:
    assert judge_input(reading, NOW, 3600) == seen


def test_a_set_point_is_paired_with_the_sensor_of_its_zone() -> None:
    hall, offices = LAYOUT.zones
    assert (hall.temperature, offices.temperature) == (SENSOR.id, "")


def test_the_view_shows_the_newest_readings(store: SqliteReadingStore) -> None:
    store.write([(SENSOR.id, NOW - 60_000, 19.0, 0), (SENSOR.id, NOW, 19.5, 0), (HALL.id, NOW, 20.5, 0)])
    seen = view_building(
        store, SETTINGS, ROME, LAYOUT, now_ms=NOW, memory=Memory(), learnt=Learnt(), plans={}, last_seen={}
    )
    hall, offices = seen.zones
    assert (hall.name, hall.temperature, hall.setpoint_now) == (f"{BUILDING}/hall", Input(19.5), Input(20.5))
    assert offices.temperature == Input(None, "no temperature sensor in the zone")
    assert seen.outdoor == Input(None, "never read")
    assert hall.occupancy == offices.occupancy == Occupancy(is_occupied=True, changes_ms=at("2026-01-14 19:00"))
    assert seen.supply_setpoint is None


def test_warm_up_is_learnt_from_stored_mornings(store: SqliteReadingStore) -> None:
    rows: list[tuple[str, int, float, int]] = []
    for day in range(1, 13):
        for quarter in range(96):
            hours, time_ms = quarter / 4, at(f"2026-01-{day:02d} 00:00") + quarter * 900_000
            asked = 20.5 if 5 <= hours < 19 else 16.0
            warmed = min(max(17.0, 17.0 + 1.4 * (hours - 5)), 20.5) if hours < 19 else 17.0
            rows += [(HALL.id, time_ms, asked, 0), (SENSOR.id, time_ms, warmed, 0), (OUTDOOR.id, time_ms, 3.0, 0)]
    store.write(rows)
    warm_ups = learn_building(store, SETTINGS, ROME, LAYOUT, at("2026-01-13 00:00"))[0].warm_ups
    assert list(warm_ups) == [f"{BUILDING}/hall"]
    assert warm_ups[f"{BUILDING}/hall"].mornings == 12
    assert warm_ups[f"{BUILDING}/hall"].base_k_per_h == pytest.approx(1.4, rel=0.15)


def test_without_history_the_default_counts(store: SqliteReadingStore) -> None:
    learnt, plans, _ = learn_building(store, SETTINGS, ROME, LAYOUT, NOW)
    assert (learnt.warm_ups, plans) == ({f"{BUILDING}/hall": DEFAULT}, {})


def test_the_gap_of_heating_meters_is_measured_over_the_last_day(store: SqliteReadingStore, registry: Registry) -> None:
    building = Building(
        id=BUILDING, meters=[GAS.id, POWER.id], outdoor_temperature=OUTDOOR.id, baseline_end=date(2026, 1, 13)
    )
    registry.put_site(Site(id="torino", timezone="Europe/Rome"))
    registry.put_building(building)
    registry.declare_points("torino/cellar", list(POINTS.values()), NOW)
    times = np.arange(at("2025-12-01 00:00"), NOW + HOUR_MS, HOUR_MS)
    outdoor = 4 + 3 * np.sin(times / 9e7)
    use = 30 - 2 * outdoor + np.random.default_rng(1).normal(0, 0.5, len(times))
    use[-24:] *= 1.5
    counted = np.concatenate([[0], np.cumsum(use)[:-1]])
    columns = ((GAS, counted), (POWER, use), (OUTDOOR, outdoor))
    for point, values in columns:
        store.write([(point.id, t, v, 0) for t, v in zip(times.tolist(), values.tolist(), strict=True)])
    assert heating_gaps(store, registry, building, ROME, points=POINTS, now_ms=NOW) == []
    fit_building(store, registry, BUILDING, NOW)
    (gap,) = heating_gaps(store, registry, building, ROME, points=POINTS, now_ms=NOW)
    assert (gap.meter, gap.total.hours, gap.model) == (GAS.id, 24, f"days 1 of {GAS.id}")
    assert gap.total.gap_kwh == pytest.approx(use[-25:-1].sum() - use[-25:-1].sum() / 1.48, rel=0.2)
    assert gap.is_excess
