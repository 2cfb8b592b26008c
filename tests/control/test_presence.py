"""Who is there, told by the electricity they use: in doubt somebody is."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.gather import layout_of, learn_building, power_now, view_building
from control.memory import Memory
from control.occupancy import LINGER_MS, Agenda, agenda
from control.presence import Levels, learn_levels, learn_presence_of_load, occupancy_of_load, shares_of_load
from control.record import Record
from control.view import BuildingView
from core.calendar import HOUR_MS, MINUTE_MS, Calendar, site_holidays
from core.config.control import Control
from core.config.zone import Zone
from core.points import Counter, Measure, Point
from predict.series import Floats
from stores.sqlite import SqliteReadingStore
from tests.control.views import ROME, at, setpoint
from tests.control.weeks import QUARTER_MS, office, record, times

SAMPLE = Path(__file__).parents[2] / "data" / "cambridge"
LONDON = Calendar("Europe/London", site_holidays("GB", "ENG"))
MONDAY = date(2026, 1, 12)
LEVELS = Levels(base_kw=2.0, used_kw=3.5, work_kw=12.0)


def drawn(moment: datetime) -> float:
    """Two kilowatts day and night, and one for each of ten people."""
    return 2.0 + office(moment)


def expected(load: Callable[[datetime], float], days: int = 28) -> Agenda:
    seen = record(ROME, MONDAY - timedelta(days=days), days, p=load)
    levels = learn_levels(seen, seen.of("p"))
    assert levels is not None
    return agenda(learn_presence_of_load(seen, seen.of("p"), levels), ROME, ROME.midnight(MONDAY) + 1)


def hours(plan: Agenda, day: date) -> list[str]:
    first, end = ROME.day_bounds(day)
    return [f"{ROME.local(edge):%H:%M}" for edge in plan.changes if first <= edge < end]


def test_base_and_working_level() -> None:
    seen = record(ROME, MONDAY, 14, p=drawn)
    levels = learn_levels(seen, seen.of("p"))
    assert levels is not None
    assert [levels.base_kw, levels.used_kw, levels.work_kw] == pytest.approx([2.0, 3.5, 12.0])
    assert levels.most_kw == 10.0


def lit_at_night(moment: datetime) -> float:
    return drawn(moment) + (4.0 if moment.hour < 6 or moment.hour >= 20 else 0.0)


@pytest.mark.parametrize(
    ("load", "days"),
    [
        (lambda _: 10.0, 28),
        (lambda m: 50.0 + office(m), 28),
        (lambda _: 0.0, 28),
        (lambda m: 5.0 + 5.0 * (m.hour % 2), 28),
        (drawn, 6),
        (lambda m: drawn(m) if m.hour > 6 else np.nan, 28),
        (lambda _: np.nan, 28),
    ],
    ids=["steady", "people hardly move it", "nothing", "cycles at night too", "too few days", "no nights", "unknown"],
)
def test_a_meter_that_does_not_tell(load: Callable[[datetime], float], days: int) -> None:
    seen = record(ROME, MONDAY, days, p=load)
    assert learn_levels(seen, seen.of("p")) is None


@pytest.mark.parametrize("load", [drawn, lit_at_night], ids=["plain", "lamps outside"])
def test_the_week_is_that_of_the_people(load: Callable[[datetime], float]) -> None:
    plan = expected(load)
    assert hours(plan, date(2026, 1, 13)) == ["09:00", "17:00"]
    assert hours(plan, date(2026, 1, 17)) == hours(plan, date(2026, 1, 18)) == []


def test_one_evening_is_not_expected_every_week_but_two_are() -> None:
    def with_evenings(*days: int) -> Callable[[datetime], float]:
        tuesdays = {date(2025, 12, 16) + timedelta(weeks=k) for k in days}
        return lambda m: drawn(m) + (8.0 if m.date() in tuesdays and 20 <= m.hour < 22 else 0.0)

    assert hours(expected(with_evenings(1)), date(2026, 1, 13)) == ["09:00", "17:00"]
    assert hours(expected(with_evenings(0, 1)), date(2026, 1, 13)) == ["09:00", "17:00", "20:00", "22:00"]
    assert hours(expected(with_evenings(0, 1)), date(2026, 1, 14)) == ["09:00", "17:00"]


def test_a_working_day_that_was_not_seen_is_like_the_others() -> None:
    def no_friday(moment: datetime) -> float:
        return np.nan if moment.weekday() == 4 else drawn(moment)

    assert hours(expected(no_friday), date(2026, 1, 16)) == ["09:00", "17:00"]


def test_hours_of_working_days_that_were_never_seen_count_as_used() -> None:
    def afternoons_unknown(moment: datetime) -> float:
        return np.nan if 14 <= moment.hour < 20 else drawn(moment)

    assert hours(expected(afternoons_unknown), date(2026, 1, 13)) == ["09:00", "20:00"]


@settings(max_examples=25, deadline=None)
@given(
    base=st.floats(0.5, 50), people=st.floats(1.0, 100), opens=st.integers(7, 10), closes=st.integers(15, 20),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_nobody_who_uses_electricity_is_left_out(
    base: float, people: float, opens: int, closes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    seen = record(ROME, MONDAY - timedelta(days=28), 28, there=lambda m: m.weekday() < 5 and opens <= m.hour < closes)
    there = seen.of("there") > 0
    power = base * (1 + 0.05 * rng.standard_normal(len(there))) + there * people * rng.uniform(0.6, 1.0, len(there))
    levels = learn_levels(seen, power)
    if levels is None:
        assert people < base, "people who double the load are seen"
        return
    plan = agenda(learn_presence_of_load(seen, power, levels), ROME, ROME.midnight(MONDAY) + 1)
    week = [(t, ROME.local(t)) for t in times(ROME, MONDAY, 7)]
    assert all(plan.is_expected(t) for t, m in week if m.weekday() < 5 and opens <= m.hour < closes)


PLAN = Agenda(
    at("2026-01-14 00:00"), np.repeat([0.0, 1.0, 0.0], [36, 32, 796]),
    (at("2026-01-14 09:00"), at("2026-01-14 17:00")), begins_occupied=False, peak=10.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("when", "power_kw", "occupied", "share"),
    [
        ("2026-01-14 10:00", 8.0, True, 1.0),
        ("2026-01-14 16:00", 2.0, True, 1.0),
        ("2026-01-14 10:00", None, True, 1.0),
        ("2026-01-14 20:00", 3.4, False, 0.0),
        ("2026-01-14 20:00", 3.5, True, 1.0),
        ("2026-01-14 20:00", None, False, 0.0),
    ],
    ids=["work", "little use makes nobody absent", "unknown", "a machine", "an evening", "unknown in the evening"],
)
def test_who_is_there_now(*, when: str, power_kw: float | None, occupied: bool, share: float) -> None:
    found = occupancy_of_load(PLAN, power_kw, LEVELS, at(when))
    assert (found.is_occupied, found.share) == (occupied, share)
    if occupied and not PLAN.is_expected(at(when)):
        assert found.changes_ms == at(when) + LINGER_MS


def test_shares() -> None:
    found = shares_of_load(np.array([1.0, 3.4, 7.0, 12.0, 30.0, np.nan]), LEVELS)
    np.testing.assert_allclose(found, [0.0, 0.0, 0.5, 1.0, 1.0, np.nan])


def real(building: str) -> tuple[int, Floats]:
    """Start (UTC milliseconds) and power of each quarter of an hour of two years, kW."""
    wanted = [("building", "==", building), ("meter", "==", "electricity")]
    rows = pq.read_table(SAMPLE / "meters.parquet", filters=wanted)
    start_ms = int(rows["time_utc"][0].as_py().timestamp() * 1000)
    return start_ms, np.repeat(rows["kwh"].to_numpy(), 4)


def told(start_ms: int, power: Floats, today: date) -> tuple[Levels, Agenda] | None:
    now_ms = LONDON.midnight(today)
    first, last = ((t - start_ms) // QUARTER_MS for t in (now_ms - 28 * 24 * HOUR_MS, now_ms))
    seen = Record(start_ms + first * QUARTER_MS, QUARTER_MS, {"p": power[first:last]}, LONDON)
    levels = learn_levels(seen, seen.of("p"))
    return (
        None
        if levels is None
        else (levels, agenda(learn_presence_of_load(seen, seen.of("p"), levels), LONDON, now_ms + 1))
    )


MONTHS = [date(2018, 3, 1), date(2018, 11, 1), date(2019, 5, 1), date(2019, 9, 1)]


@pytest.mark.parametrize(("building", "most_h"), [("b24", 75.0), ("b25", 130.0)])
def test_real_offices_are_expected_to_be_used_at_their_hours_and_not_always(building: str, most_h: float) -> None:
    start_ms, power = real(building)
    for today in MONTHS:
        found = told(start_ms, power, today)
        assert found is not None
        levels, plan = found
        week = times(LONDON, today, 7)
        now = power[(week[0] - start_ms) // QUARTER_MS :][: len(week)]
        is_expected = np.array([plan.is_expected(t) for t in week])
        local = [LONDON.local(t) for t in week]
        is_open = np.array([LONDON.is_working_day(m.date()) and 9 <= m.hour < 17 for m in local])
        assert is_expected[is_open].all()
        assert is_expected.sum() / 4 <= most_h, "of 168 h"
        used = now >= levels.used_kw
        assert is_expected[used].mean() >= 0.85, "the rest is heard when it comes"


def test_a_building_that_never_rests_tells_nothing() -> None:
    start_ms, power = real("b109")
    assert [told(start_ms, power, today) for today in MONTHS] == [None] * 4


BUILDING = "torino/calvino"
HALL, OFFICES = setpoint(), setpoint("offices")
PEOPLE = Point(f"{BUILDING}/offices/people", "Occupancy_Count_Sensor", "1")
METERS = {
    "power": Point(f"{BUILDING}/lights", "Electric_Power_Sensor", "W"),
    "amounts": Point(f"{BUILDING}/lights", "Electrical_Meter", "kW.h", Measure.INTERVAL),
    "register": Point(
        f"{BUILDING}/lights", "Electrical_Meter", "kW.h", Measure.REGISTER, counter=Counter(1e6, 1000.0, 0.001)
    ),
}  # fmt: skip
NOW = at("2026-01-12 20:00")


def metered(store: SqliteReadingStore, meter: Point, evening_kw: float = 2.0) -> None:
    """Four weeks and the day up to `NOW`, with something going on at its end."""
    begin = times(ROME, MONDAY - timedelta(days=29), 30)
    kw = np.array([evening_kw if t >= NOW - 45 * MINUTE_MS else drawn(ROME.local(t)) for t in begin if t < NOW])
    if meter.unit == "W":
        rows = [(meter.id, t, value * 1000, 0) for t, value in zip(begin, kw, strict=False)]
    elif meter.measure is Measure.INTERVAL:
        rows = [(meter.id, t, value / 4, 0) for t, value in zip(begin, kw, strict=False)]
    else:
        total = np.concatenate([[0.0], np.cumsum(kw / 4)])
        rows = [(meter.id, t, value, 0) for t, value in zip(begin, total, strict=False)]
    store.write(rows)


def seen_by(store: SqliteReadingStore, configured: Control, *points: Point) -> BuildingView:
    layout = layout_of(BUILDING, configured, {p.id: p for p in (HALL, OFFICES, *points)})
    learnt, plans, _ = learn_building(store, configured, ROME, layout, at("2026-01-12 00:00"))
    return view_building(
        store, configured, ROME, layout, now_ms=NOW, memory=Memory(), learnt=learnt, plans=plans, last_seen={}
    )


@pytest.mark.parametrize("kind", METERS)
@pytest.mark.parametrize(("evening_kw", "occupied"), [(2.0, False), (9.0, True)])
def test_any_meter_of_the_building_tells_of_all_zones(
    store: SqliteReadingStore, kind: str, evening_kw: float, *, occupied: bool
) -> None:
    metered(store, METERS[kind], evening_kw)
    configured = Control(setpoints=[HALL.id, OFFICES.id], load_meter=METERS[kind].id)
    found = seen_by(store, configured, METERS[kind])
    assert [zone.occupancy.is_occupied for zone in found.zones] == [occupied, occupied]
    assert all(zone.is_used and zone.people_peak == 0 for zone in found.zones), "how many is not known"
    if not occupied:
        # Between two readings a power is taken to change evenly.
        comes = "08:45" if kind == "power" else "09:00"
        assert found.zones[0].occupancy.changes_ms == at(f"2026-01-13 {comes}")


def test_a_meter_of_one_zone_tells_of_the_others_too(store: SqliteReadingStore) -> None:
    metered(store, METERS["power"])
    configured = Control(setpoints=[HALL.id, OFFICES.id], zones=[Zone(name="hall", load_meter=METERS["power"].id)])
    found = seen_by(store, configured, METERS["power"])
    assert [(zone.occupancy.is_occupied, zone.is_used) for zone in found.zones] == [(False, True)] * 2


def test_who_counts_is_heard_before_the_meter_of_the_building(store: SqliteReadingStore) -> None:
    metered(store, METERS["power"], 9.0)
    store.write([(PEOPLE.id, t, office(ROME.local(t)), 0) for t in times(ROME, MONDAY - timedelta(days=28), 29)])
    configured = Control(setpoints=[HALL.id, OFFICES.id], load_meter=METERS["power"].id)
    found = seen_by(store, configured, METERS["power"], PEOPLE)
    assert [zone.occupancy.is_occupied for zone in found.zones] == [False, False]
    own = msgspec.structs.replace(configured, zones=[Zone(name="hall", load_meter=METERS["power"].id)])
    found = seen_by(store, own, METERS["power"], PEOPLE)
    assert [zone.occupancy.is_occupied for zone in found.zones] == [True, False]


@pytest.mark.parametrize("kind", ["none", "temperature"])
def test_a_meter_that_tells_nothing_leaves_everybody_there(store: SqliteReadingStore, kind: str) -> None:
    meter = Point(f"{BUILDING}/lights", "Temperature_Sensor", "Cel")
    if kind == "temperature":
        store.write([(meter.id, t, drawn(ROME.local(t)), 0) for t in times(ROME, MONDAY - timedelta(days=28), 29)])
    configured = Control(setpoints=[HALL.id], load_meter=meter.id)
    (zone,) = seen_by(store, configured, meter).zones
    assert zone.occupancy.is_occupied
    assert power_now(store, meter, NOW, 3600).value is None


def test_what_a_building_held_with_people_there_is_told_by_its_meter(store: SqliteReadingStore) -> None:
    metered(store, METERS["amounts"])
    held = [(HALL.id, t, 21.5 if office(ROME.local(t)) else 15.0, 0) for t in times(ROME, date(2025, 12, 15), 28)]
    store.write(held)
    configured = Control(
        setpoints=[HALL.id], load_meter=METERS["amounts"].id,
        reference_start=date(2025, 12, 15), reference_end=MONDAY,
    )  # fmt: skip
    (zone,) = seen_by(store, configured, METERS["amounts"]).zones
    assert (zone.habit.heating_c, zone.habit.heating_empty_c) == (21.5, 15.0)
