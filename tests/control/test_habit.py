"""What a building's own control was seen to do, zone by zone and system by system."""

from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.habit import DEFAULT_SWING_K, HabitWeek, learn_air_habit, learn_habit
from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt, agendas, learn_habits, learn_presences
from control.record import HOLIDAY, Record
from control.view import AirHabit, Habit
from core.calendar import HOUR_MS, Calendar
from predict.series import Floats
from tests.control.views import COOLING, ROME, SUPPLY_AIR, at, setpoint
from tests.control.weeks import Happens, office, record, series

MONDAY = date(2026, 1, 12)
HALL, STORE = "torino/calvino/hall", "torino/calvino/store"


def thermostat(moment: datetime) -> float:
    """Warm from 7 to 17 on weekdays."""
    return 21.5 if moment.weekday() < 5 and 7 <= moment.hour < 17 else 15.5


def learnt(
    calendar: Calendar = ROME,
    first: date = MONDAY,
    days: int = 14,
    *,
    people: Happens = office,
    heating: Happens = thermostat,
    cooling: Happens = lambda m: 24.0 if office(m) else 27.0,
    temperature: Happens = lambda _: 21.4,
) -> HabitWeek:
    seen = record(calendar, first, days, p=people, h=heating, c=cooling, t=temperature)
    return learn_habit(seen, seen.of("p") / 10, seen.of("h"), seen.of("c"), seen.of("t"))


@pytest.mark.parametrize(
    ("kind", "minute", "heating_c"),
    [(0, 419, 15.5), (0, 420, 21.5), (4, 1019, 21.5), (4, 1020, 15.5), (5, 600, 15.5), (6, 600, 15.5)],
)
def test_the_heating_set_point_at_a_time_of_the_week(kind: int, minute: int, heating_c: float) -> None:
    assert learnt().at(kind, minute).heating_c == heating_c


@pytest.mark.parametrize(
    ("zone", "first"),
    [("Europe/Rome", date(2026, 3, 23)), ("Europe/Rome", date(2026, 10, 19)), ("America/Chicago", date(2026, 10, 26))],
)
def test_it_is_learnt_by_the_local_clock_when_that_is_moved(zone: str, first: date) -> None:
    week = learnt(Calendar(zone), first)
    for kind in range(7):
        for minute in range(0, 1440, 15):
            local = datetime(2026, 1, 12 + kind, minute // 60, minute % 60)  # noqa: DTZ001 - a wall time of any zone
            assert week.at(kind, minute).heating_c == thermostat(local)


def test_one_odd_day_does_not_move_it_and_a_holiday_never_seen_is_unknown() -> None:
    week = learnt(days=21, heating=lambda m: 26.0 if m.date() == date(2026, 1, 19) else thermostat(m))
    assert week.at(0, 600).heating_c == 21.5
    assert week.at(HOLIDAY, 600).heating_c is None


def test_cooling_with_people_and_without() -> None:
    found = learnt().at(0, 600)
    assert (found.cooling_c, found.cooling_empty_c) == (24.0, 27.0)


def test_steps_in_which_nobody_counted_are_neither_with_people_nor_without() -> None:
    # The counter works on the first two days of the week only; what was held on the others tells nothing.
    found = learnt(
        people=lambda m: office(m) if m.weekday() < 2 else float("nan"),
        cooling=lambda m: (24.0 if office(m) else 27.0) if m.weekday() < 2 else 31.0,
    ).at(0, 600)
    assert (found.cooling_c, found.cooling_empty_c) == (24.0, 27.0)


def test_too_few_steps_are_no_habit() -> None:
    nothing = learnt(people=lambda m: 10.0 if m.weekday() == 0 and m.hour == 9 else float("nan"))
    found = nothing.at(0, 600)
    assert (found.cooling_c, found.cooling_empty_c) == (None, None)
    assert found.swing_k == DEFAULT_SWING_K
    blind = learnt(heating=lambda _: float("nan"), cooling=lambda _: float("nan")).at(0, 600)
    assert blind == Habit(None, None, None, DEFAULT_SWING_K)


@given(below=st.floats(-5, 5))
def test_the_swing_is_bounded(below: float) -> None:
    n = 96
    day = Record(0, 900_000, {"t": np.full(n, 20.0)}, ROME)
    found = learn_habit(day, np.ones(n), np.full(n, 20.0 + below), np.full(n, np.nan), np.full(n, 20.0))
    assert 0 <= found.swing_k <= DEFAULT_SWING_K
    if 0 <= below <= DEFAULT_SWING_K:
        assert found.swing_k == pytest.approx(below, abs=1e-6)


def full(value: float) -> Floats:
    return np.full(40, value)


def test_the_least_outdoor_air_while_the_zones_are_well_occupied() -> None:
    share = np.concatenate([full(1.0), full(0.5), full(0.1)])
    outdoor = np.concatenate([full(0.3), full(0.3), full(0.05)])
    flow = np.concatenate([full(2.0), full(2.0), full(2.0)])
    supply = np.concatenate([full(13.0), full(13.0), full(20.0)])
    assert learn_air_habit(share, outdoor, flow, supply) == AirHabit(2.0, None, 13.0, pytest.approx(0.3))


def test_free_cooling_and_a_fan_at_rest_are_not_its_least() -> None:
    share = full(1.0)
    outdoor, flow = full(0.3), full(2.0)
    outdoor[:20] = 1.0
    flow[30:] = 0.0
    assert learn_air_habit(share, outdoor, flow, full(np.nan)) == AirHabit(2.0, None, None, pytest.approx(0.3))


@pytest.mark.parametrize(
    ("outdoor", "kept"),
    [
        (lambda flow: 0.6 / flow, AirHabit(pytest.approx(1.3, abs=0.1), pytest.approx(0.6), 13.0, None)),
        (lambda flow: 0.3 + 0 * flow, AirHabit(pytest.approx(1.3, abs=0.1), None, 13.0, None)),
    ],
    ids=["dampers keep the flow while the supply air varies", "of a fan that cycles nothing is known"],
)
def test_what_a_system_keeps_is_what_varies_less(outdoor: Callable[[Floats], Floats], kept: AirHabit) -> None:
    flow = np.linspace(1.0, 4.0, 40)
    assert learn_air_habit(full(1.0), outdoor(flow), flow, full(13.0)) == kept


@pytest.mark.parametrize("share", [0.4, np.nan], ids=["few people", "nobody counted"])
def test_without_many_people_nothing_is_known_of_a_system(share: float) -> None:
    assert learn_air_habit(full(share), full(0.3), full(2.0), full(13.0)) == AirHabit()


LAYOUT = Layout(
    "torino/calvino",
    (
        ZoneLayout(HALL, setpoint(), COOLING, temperature="t", people="p"),
        ZoneLayout(STORE, setpoint("store"), temperature="t"),
    ),
    (
        SystemLayout("ahu", (HALL, STORE), outdoor_air=setpoint("oa"), supply=SUPPLY_AIR, flow="f"),
        SystemLayout("no-flow", (STORE,), outdoor_air=setpoint("oa")),
    ),
)


def lived(people: Happens = office) -> Record:
    columns = {
        "p": people,
        "t": lambda _: 21.4,
        "f": lambda _: 2.0,
        setpoint().id: thermostat,
        setpoint("store").id: lambda _: 17.0,
        setpoint("oa").id: lambda m: 0.25 if people(m) > 0 else 0.0,
        COOLING.id: lambda m: 24.0 if people(m) > 0 else 27.0,
        SUPPLY_AIR.id: lambda _: 13.0,
    }
    made = {name: series(ROME, MONDAY, 14, value) for name, value in columns.items()}
    return Record(ROME.midnight(MONDAY), 900_000, made, ROME)


def test_habits_of_a_building() -> None:
    habits, air = learn_habits(LAYOUT, lived())
    hall, store = habits[HALL].at(0, 600), habits[STORE].at(0, 600)
    assert (hall.heating_c, hall.cooling_c, hall.cooling_empty_c) == (21.5, 24.0, 27.0)
    assert (store.heating_c, store.cooling_c, store.cooling_empty_c) == (17.0, None, None)
    assert air["ahu"] == AirHabit(2.0, None, 13.0, pytest.approx(0.25))
    assert air["no-flow"] == AirHabit(1.0, None, None, pytest.approx(0.25))


def test_a_zone_whose_people_nobody_counts_follows_the_building() -> None:
    presences = learn_presences(LAYOUT, lived())
    assert list(presences) == [HALL]
    now_ms = at("2026-01-26 00:00")
    plans = agendas(LAYOUT, Learnt(presences=presences), ROME, now_ms)
    assert plans[HALL].changes == plans[STORE].changes
    assert (plans[HALL].peak, plans[STORE].peak) == (10.0, 0.0)
    assert plans[STORE].is_expected(now_ms + 10 * HOUR_MS)


def test_where_nobody_is_counted_there_is_nothing_to_expect() -> None:
    presences = learn_presences(LAYOUT, lived(people=lambda _: 0.0))
    assert agendas(LAYOUT, Learnt(presences=presences), ROME, at("2026-01-26 00:00")) == {}
    assert agendas(LAYOUT, Learnt(), ROME, at("2026-01-26 00:00")) == {}
