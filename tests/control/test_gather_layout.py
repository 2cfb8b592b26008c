"""Which points control finds, and what it reads of the past: reference period, heated hours, who was there."""

from datetime import date, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.gather import (
    CLOCK_TOLERANCE_S,
    heated_today_h,
    judge_input,
    layout_of,
    learn_building,
    note_people,
    view_building,
)
from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt
from control.memory import Memory
from control.occupancy import Presence
from control.view import AirHabit, Input
from core.calendar import HOUR_MS, MINUTE_MS, Calendar
from core.config.control import AirSystem, Control
from core.config.zone import Zone
from core.points import Point
from core.readings import Reading
from stores.sqlite import SqliteReadingStore
from tests.control.views import COOLING, FAN, OUTDOOR_AIR, ROME, SUPPLY, SUPPLY_AIR, at, setpoint
from tests.control.weeks import QUARTER_MS, Happens, office, times

BUILDING = "torino/calvino"
HALL, OFFICES = setpoint(), setpoint("offices")
SENSOR = Point(f"{BUILDING}/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
PEOPLE = Point(f"{BUILDING}/hall/people", "Occupancy_Count_Sensor", "1")
FLOW = Point(f"{BUILDING}/flow", "Supply_Air_Flow_Sensor", "m3/s")
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
POINTS = {
    p.id: p for p in (HALL, OFFICES, COOLING, SENSOR, PEOPLE, FAN, OUTDOOR_AIR, SUPPLY_AIR, FLOW, OUTDOOR, SUPPLY)
}  # fmt: skip
AHU = AirSystem(
    name="ahu", zones=["hall"], fan=FAN.id, outdoor_air=OUTDOOR_AIR.id, supply_temperature=SUPPLY_AIR.id,
    supply_flow=FLOW.id,
)  # fmt: skip
SETTINGS = Control(
    setpoints=[HALL.id, OFFICES.id], cooling_setpoints=[COOLING.id], air_systems=[AHU],
    outdoor_temperature=OUTDOOR.id, supply_setpoint=SUPPLY.id,
    reference_start=date(2025, 11, 3), reference_end=date(2025, 11, 17),
)  # fmt: skip
LAYOUT = layout_of(BUILDING, SETTINGS, POINTS)
NOW = at("2026-01-14 10:00")


def write(store: SqliteReadingStore, first: date, days: int, **columns: Happens) -> None:
    """Store quarters of an hour of points, by the last part of their ids."""
    for name, value in columns.items():
        point = next(p for p in POINTS.values() if p.id.endswith("/" + name.replace("_", "-")))
        rows = [(point.id, t, value(ROME.local(t)), 0) for t in times(ROME, first, days)]
        store.write(rows)


def test_a_layout_is_found_by_brick_class_and_configuration() -> None:
    assert LAYOUT.zones == (
        ZoneLayout(f"{BUILDING}/hall", HALL, COOLING, SENSOR.id, PEOPLE.id),
        ZoneLayout(f"{BUILDING}/offices", OFFICES),
    )
    assert LAYOUT.systems == (SystemLayout("ahu", (f"{BUILDING}/hall",), FAN, OUTDOOR_AIR, SUPPLY_AIR, FLOW.id),)
    assert (LAYOUT.outdoor, LAYOUT.supply_water) == (OUTDOOR.id, SUPPLY)


def test_floors_and_people_of_zones_are_those_that_people_entered() -> None:
    facts = [Zone(name="hall", floor_area_m2=120.0, design_people=40.0)]
    hall, offices = layout_of(BUILDING, msgspec.structs.replace(SETTINGS, zones=facts), POINTS).zones
    assert (hall.floor_area_m2, hall.design_people) == (120.0, 40.0)
    assert (offices.floor_area_m2, offices.design_people) == (None, None)


def test_a_cooling_set_point_that_was_not_released_is_not_driven() -> None:
    layout = layout_of(BUILDING, Control(setpoints=[HALL.id]), POINTS)
    assert layout.driven == (HALL,)


def test_a_system_without_zones_feeds_them_all() -> None:
    settings = Control(setpoints=[HALL.id, OFFICES.id], air_systems=[AirSystem(name="ahu", fan=FAN.id)])
    (system,) = layout_of(BUILDING, settings, POINTS).systems
    assert system == SystemLayout("ahu", (f"{BUILDING}/hall", f"{BUILDING}/offices"), FAN)


def test_what_no_gateway_has_declared_is_left_out() -> None:
    layout = layout_of(BUILDING, SETTINGS, {OFFICES.id: OFFICES})
    assert (layout.driven, layout.supply_water) == ((OFFICES,), None)
    assert layout.systems == (SystemLayout("ahu", (f"{BUILDING}/hall",)),)


def test_habits_come_from_the_reference_period_and_people_from_the_last_weeks(store: SqliteReadingStore) -> None:
    def held(moment: datetime) -> float:
        return 21.5 if office(moment) else 15.0

    write(
        store, date(2025, 11, 3), 14, heating_setpoint=held, people=office, cooling_setpoint=lambda _: 24.0,
        temperature=lambda _: 21.4, outdoor_air=lambda m: 0.2 if office(m) else 0.0, flow=lambda _: 2.0,
        supply_air=lambda _: 13.0,
    )  # fmt: skip
    late = date(2025, 12, 17)  # since then control drives, and people come from 10 on
    write(
        store, late, 28, heating_setpoint=lambda _: 19.0, cooling_setpoint=lambda _: 30.0,
        people=lambda m: 2 * office(m) if m.hour >= 10 else 0.0, outdoor_air=lambda _: 0.9, flow=lambda _: 2.0,
    )  # fmt: skip
    learnt, plans, _ = learn_building(store, SETTINGS, ROME, LAYOUT, at("2026-01-14 00:07"))
    hall = learnt.habits[f"{BUILDING}/hall"].at(2, 600)
    assert (hall.heating_c, hall.cooling_c) == (21.5, 24.0)
    assert learnt.air_habits["ahu"] == AirHabit(2.0, None, 13.0, pytest.approx(0.2))
    assert learnt.presences[f"{BUILDING}/hall"].peak == 20.0
    for zone in ("hall", "offices"):
        plan = plans[f"{BUILDING}/{zone}"]
        assert plan.next_change(at("2026-01-14 00:07")) == at("2026-01-14 10:00")
    bare, _, _ = learn_building(store, Control(), ROME, LAYOUT, at("2026-01-14 00:07"))
    assert (bare.habits, bare.air_habits) == ({}, {})


def test_a_reference_period_that_nobody_recorded_tells_nothing(store: SqliteReadingStore) -> None:
    learnt, plans, _ = learn_building(store, SETTINGS, ROME, LAYOUT, NOW)
    assert learnt.habits[f"{BUILDING}/hall"].at(2, 600).heating_c is None
    assert learnt.air_habits["ahu"] == AirHabit()
    assert plans == {}


@pytest.mark.parametrize(
    ("now", "hours"),
    [("2026-01-14 04:00", 0.0), ("2026-01-14 08:00", 3.0), ("2026-01-14 15:00", 7.0), ("2026-01-14 23:00", 7.0)],
)
def test_hours_heated_today(store: SqliteReadingStore, now: str, hours: float) -> None:
    write(store, date(2026, 1, 13), 2, heating_setpoint=lambda m: 20.5 if 5 <= m.hour < 12 else 16.0)
    assert heated_today_h(store, ROME, one_zone(), now_ms=at(now), setback_c=16.0) == hours


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Rome", date(2026, 3, 29), 4.0),
        ("Europe/Rome", date(2026, 10, 25), 6.0),
        ("America/Chicago", date(2026, 3, 8), 4.0),
        ("America/Chicago", date(2026, 11, 1), 6.0),
    ],
)
def test_heated_hours_are_real_ones_on_days_that_are_not_24_h(
    store: SqliteReadingStore, zone: str, day: date, hours: float
) -> None:
    calendar = Calendar(zone)
    first, end = calendar.day_bounds(day)
    heated = [(HALL.id, t, 20.5 if calendar.local(t).hour < 5 else 16.0, 0) for t in range(first, end, QUARTER_MS)]
    store.write(heated)
    assert heated_today_h(store, calendar, one_zone(), now_ms=end - HOUR_MS, setback_c=16.0) == hours


def test_hours_in_which_any_zone_is_heated_count_once_and_an_unseen_zone_makes_them_unknown(
    store: SqliteReadingStore,
) -> None:
    layout = layout_of(BUILDING, Control(setpoints=[HALL.id, OFFICES.id]), POINTS)
    first = at("2026-01-14 00:00")
    store.write([(HALL.id, t, 20.5 if t < first + 3 * HOUR_MS else 16.0, 0) for t in range(first, NOW, QUARTER_MS)])
    assert heated_today_h(store, ROME, layout, now_ms=NOW, setback_c=16.0) is None
    late = first + 2 * HOUR_MS
    store.write([(OFFICES.id, t, 20.5 if t >= late else 16.0, 0) for t in range(first, NOW, QUARTER_MS)])
    assert heated_today_h(store, ROME, layout, now_ms=NOW, setback_c=16.0) == 10.0
    assert heated_today_h(store, ROME, layout, now_ms=first, setback_c=16.0) is None


def one_zone() -> Layout:
    return layout_of(BUILDING, Control(setpoints=[HALL.id]), POINTS)


@given(ahead_s=st.integers(-7200, 7200))
def test_a_reading_ahead_of_the_clock_or_old_has_no_value(ahead_s: int) -> None:
    found = judge_input(Reading("p", NOW + ahead_s * 1000, 20.0, 0), NOW, 3600)
    assert (found.value is not None) == (-3600 <= ahead_s <= CLOCK_TOLERANCE_S)
    assert bool(found.problem) == (found.value is None)
    if ahead_s > CLOCK_TOLERANCE_S:
        assert "ahead of the clock" in found.problem


@pytest.mark.parametrize(
    ("before_s", "seen"),
    [
        (0, Input(20.0)),
        (3000, Input(20.0)),
        (None, Input(None, "its newest reading is 60 min ahead of the clock")),
        (7200, Input(None, "its newest reading is 60 min ahead of the clock")),
    ],
    ids=["one of now too", "one not long ago", "no other", "an old one"],
)
def test_a_reading_ahead_of_the_clock_is_looked_past(
    store: SqliteReadingStore, before_s: int | None, seen: Input
) -> None:
    store.write([(SENSOR.id, NOW + HOUR_MS, 35.0, 0), (OUTDOOR.id, NOW + MINUTE_MS, 4.0, 0)])
    if before_s is not None:
        store.write([(SENSOR.id, NOW - before_s * 1000, 20.0, 0)])
    found = view_building(
        store, SETTINGS, ROME, LAYOUT, now_ms=NOW, memory=Memory(), learnt=Learnt(), plans={}, last_seen={}
    )
    assert found.zones[0].temperature == seen
    assert found.outdoor == Input(4.0)


@pytest.mark.parametrize(
    ("people", "peak", "noted"),
    [
        (3.0, 10.0, True),
        (0.8, 10.0, True),
        (0.6, 10.0, False),
        (0.0, 10.0, False),
        (None, 10.0, False),
        (3.0, None, False),
    ],
)
def test_who_is_seen_is_noted(*, people: float | None, peak: float | None, noted: bool) -> None:
    name = f"{BUILDING}/hall"
    learnt = Learnt(presences={} if peak is None else {name: Presence(np.zeros((8, 96)), peak)})
    before = NOW - HOUR_MS
    last_seen = {name: before}
    inputs = {} if people is None else {PEOPLE.id: Input(people)}
    note_people(LAYOUT, inputs, learnt, last_seen, NOW)
    assert last_seen == {name: NOW if noted else before}


def test_the_view_hears_the_counter_and_remembers_it(store: SqliteReadingStore) -> None:
    write(store, date(2025, 12, 17), 28, people=office)
    learnt, plans, _ = learn_building(store, SETTINGS, ROME, LAYOUT, NOW)
    last_seen: dict[str, int] = {}
    for quarter in range(9):
        now_ms = NOW + quarter * QUARTER_MS
        store.write([(PEOPLE.id, now_ms, 5.0 if quarter < 3 else 0.0, 0)])
        seen = view_building(
            store, SETTINGS, ROME, LAYOUT, now_ms=now_ms, memory=Memory(), learnt=learnt, plans=plans,
            last_seen=last_seen,
        )  # fmt: skip
        # Seen until 10:30; an hour and a quarter of an hour later they are taken to be gone.
        assert seen.zones[0].occupancy.is_occupied is (quarter < 7)
        assert seen.zones[1].occupancy.is_occupied, "where nobody is counted, what is expected of the building"
    assert last_seen == {f"{BUILDING}/hall": NOW + 2 * QUARTER_MS}
    assert seen.zones[0].occupancy.changes_ms == ROME.midnight(date(2026, 1, 14) + timedelta(days=1)) + 9 * HOUR_MS
