"""From newest inputs and what was learnt to the view; and which points a layout looks at and drives."""

from dataclasses import replace

import numpy as np
import pytest

from control.habit import HabitWeek
from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt
from control.memory import Memory, Running
from control.observer import observe
from control.occupancy import Agenda, Presence
from control.proposal import Correction
from control.strategies.ventilation import needed_share
from control.view import NOT_MEASURED, AirHabit, BuildingView, Habit, Heating, Input, Occupancy, Season
from control.warmup import DEFAULT
from core.calendar import MINUTE_MS
from tests.control.views import (
    COMFORT,
    COOLING,
    FAN,
    MISSING,
    OUTDOOR_AIR,
    ROME,
    SUPPLY,
    SUPPLY_AIR,
    WARM_UP,
    at,
    gap,
    setpoint,
)

HALL, STORE = "torino/calvino/hall", "torino/calvino/store"
ZONES = (
    ZoneLayout(HALL, setpoint(), COOLING, temperature="t", people="p", floor_area_m2=80.0),
    ZoneLayout(STORE, setpoint("store")),
)
SYSTEM = SystemLayout("ahu", (HALL, STORE), FAN, OUTDOOR_AIR, SUPPLY_AIR, flow="f")
LAYOUT = Layout("torino/calvino", ZONES, (SYSTEM,), "out", "sun", ("gas",), SUPPLY)
PLAN = Agenda(
    at("2026-01-14 00:00"), np.full(864, 0.5), (at("2026-01-14 09:00"), at("2026-01-14 17:00")),
    begins_occupied=False, peak=10.0,
)  # fmt: skip
HEATING = np.full((8, 96), 16.0)
HEATING[:, 36:68] = 21.5
LEARNT = Learnt(
    {HALL: WARM_UP},
    {HALL: Presence(np.zeros((8, 96)), 10.0)},
    {HALL: HabitWeek(HEATING, 24.0, 27.0, 0.1)},
    {"ahu": AirHabit(2.0, 0.5, 13.0)},
)
INPUTS = {
    "t": Input(20.1), "p": Input(3.0), "out": Input(4.0), "f": Input(2.5), setpoint().id: Input(21.0),
    COOLING.id: Input(24.0), FAN.id: Input(1.0), OUTDOOR_AIR.id: Input(0.2),
}  # fmt: skip


def seen(
    when: str = "2026-01-14 10:00",
    inputs: dict[str, Input] | None = None,
    *,
    layout: Layout = LAYOUT,
    learnt: Learnt = LEARNT,
    plans: dict[str, Agenda] | None = None,
    last_seen: dict[str, int] | None = None,
    opening: Occupancy | None = None,
) -> BuildingView:
    return observe(
        layout, INPUTS if inputs is None else inputs, learnt, {HALL: PLAN} if plans is None else plans,
        calendar=ROME, now_ms=at(when), comfort=COMFORT, season=Season(Heating.ALLOWED), last_seen=last_seen or {},
        opening=opening, gaps=[gap(80)], corrections=(Correction("setpoint", setpoint().id, 20.5, "Kept too warm."),),
        memory=Memory(fans={"ahu": Running(is_on=True, since_ms=0)}),
    )  # fmt: skip


def test_everything_is_where_it_belongs() -> None:
    found = seen()
    hall, store = found.zones
    assert (hall.temperature, hall.setpoint_now, hall.cooling_now) == (Input(20.1), Input(21.0), Input(24.0))
    assert (hall.warm_up, store.warm_up) == (WARM_UP, DEFAULT)
    assert (hall.people_peak, store.people_peak, hall.floor_area_m2) == (10.0, 0.0, 80.0)
    assert (store.cooling, store.habit, store.setpoint_now) == (None, Habit(), NOT_MEASURED)
    (system,) = found.air
    assert (system.fan, system.outdoor_air, system.supply) == (FAN, OUTDOOR_AIR, SUPPLY_AIR)
    assert (system.fan_now, system.outdoor_air_now, system.flow_now) == (Input(1.0), Input(0.2), Input(2.5))
    assert (system.zones, system.habit) == ((HALL, STORE), AirHabit(2.0, 0.5, 13.0))
    assert (found.outdoor, found.supply_setpoint, found.gaps) == (Input(4.0), SUPPLY, (gap(80),))
    assert [one.value_c for one in found.corrections] == [20.5]
    assert found.memory.fans["ahu"].is_on
    assert found.device_values() == {
        setpoint().id: 21.0, COOLING.id: 24.0, FAN.id: 1.0, OUTDOOR_AIR.id: 0.2,
    }  # fmt: skip


def test_without_any_input_nothing_has_a_value() -> None:
    found = seen(inputs={}, plans={})
    hall, store = found.zones
    assert hall.temperature == NOT_MEASURED
    assert store.temperature == Input(None, "no temperature sensor in the zone")
    assert found.outdoor.value is found.air[0].flow_now.value is None
    assert found.device_values() == {}
    assert hall.occupancy == Occupancy(is_occupied=True, changes_ms=None), "as if people were there"


def test_a_missing_input_keeps_its_reason() -> None:
    assert seen(inputs={"t": MISSING}).zones[0].temperature == MISSING


def test_a_system_without_a_flow_sensor_has_a_constant_flow() -> None:
    found = seen(layout=replace(LAYOUT, systems=(replace(SYSTEM, flow=""),)), learnt=Learnt())
    assert (found.air[0].flow_now, found.air[0].habit) == (Input(1.0), AirHabit())


@pytest.mark.parametrize(
    ("when", "people", "last_seen", "occupied"),
    [
        ("2026-01-14 10:00", 3.0, None, True),
        ("2026-01-14 12:00", 0.0, "2026-01-14 11:30", True),
        ("2026-01-14 12:00", 0.0, "2026-01-13 16:00", False),
        ("2026-01-14 20:00", 3.0, None, True),
        ("2026-01-14 20:00", 0.0, None, False),
    ],
    ids=["there", "seen lately", "did not come", "unexpected", "nobody"],
)
def test_who_is_there_is_heard(*, when: str, people: float, last_seen: str | None, occupied: bool) -> None:
    found = seen(when, {"p": Input(people)}, last_seen={HALL: at(last_seen)} if last_seen else {})
    assert found.zones[0].occupancy.is_occupied is occupied


@pytest.mark.parametrize("people", [0.0, 8.0])
def test_hours_that_people_entered_win_over_what_was_learnt(people: float) -> None:
    opening = Occupancy(is_occupied=False, changes_ms=at("2026-01-15 08:00"))
    found = seen(inputs={"p": Input(people)}, opening=opening)
    assert [zone.occupancy for zone in found.zones] == [opening, opening]


@pytest.mark.parametrize(
    ("when", "people", "heating_c"),
    [
        ("2026-01-14 10:00", 3.0, 21.5),
        ("2026-01-14 08:45", 0.0, 21.5),
        ("2026-01-14 08:45", 3.0, 16.0),
        ("2026-01-14 16:59", 3.0, 21.5),
    ],
    ids=["now", "empty: when they come", "there already: now", "until the end"],
)
def test_the_habit_is_that_of_the_time_that_matters(when: str, people: float, heating_c: float) -> None:
    assert seen(when, {"p": Input(people)}).zones[0].habit == Habit(heating_c, 24.0, 27.0, 0.1)


def test_the_habit_of_an_opening_behind_the_change_of_clocks_is_read_by_the_local_clock() -> None:
    sunday = at("2026-03-29 00:30")
    opening = Occupancy(is_occupied=False, changes_ms=at("2026-03-29 09:00"))
    assert (at("2026-03-29 09:00") - sunday) // MINUTE_MS == 7.5 * 60
    assert seen("2026-03-29 00:30", opening=opening).zones[0].habit.heating_c == 21.5
    early = Occupancy(is_occupied=False, changes_ms=at("2026-03-29 08:45"))
    assert seen("2026-03-29 00:30", opening=early).zones[0].habit.heating_c == 16.0


@pytest.mark.parametrize(
    ("people", "counted", "design", "most", "is_used"),
    [
        ("p", 10.0, 40.0, 10.0, True),
        ("p", 0.0, 40.0, 40.0, False),
        ("p", 0.0, None, 0.0, False),
        ("", None, 40.0, 40.0, True),
        ("", None, 0.0, 0.0, False),
        ("", None, None, 0.0, False),
        ("", 300.0, 40.0, 40.0, True),
        ("", 300.0, None, 0.0, True),
    ],
    ids=["the count wins", "never counted", "the same", "designed", "for nobody", "unknown", "CO2", "CO2 alone"],
)
def test_most_people_of_a_zone(
    *, people: str, counted: float | None, design: float | None, most: float, is_used: bool
) -> None:
    bare = ZoneLayout(HALL, setpoint(), people=people, floor_area_m2=100.0, design_people=design)
    presences = {} if counted is None else {HALL: Presence(np.zeros((8, 96)), counted)}
    plan = replace(PLAN, peak=counted or 0.0)
    found = seen(layout=replace(LAYOUT, zones=(bare,)), learnt=Learnt(presences=presences), plans={HALL: plan})
    assert (found.zones[0].people_peak, found.zones[0].is_used) == (most, is_used)


@pytest.mark.parametrize(
    ("now_ppm", "share"),
    [(Input(750.0), 1.02 * 0.4 * (25 + 60) / (100 + 60) / 2.0), (Input(1200.0), 1.02 * 0.4 / 2.0)],
    ids=["a quarter of the people", "at the CO2 limit"],
)
def test_floor_and_design_people_say_what_air_people_told_by_co2_need(now_ppm: Input, share: float) -> None:
    bare = ZoneLayout(HALL, setpoint(), temperature="t", co2="c", floor_area_m2=100.0, design_people=20.0)
    layout = replace(LAYOUT, zones=(bare,), systems=(replace(SYSTEM, zones=(HALL,)),))
    learnt = Learnt(
        presences={HALL: Presence(np.zeros((8, 96)), 1200.0)}, fresh_ppm={HALL: 400.0},
        air_habits={"ahu": AirHabit(2.0, 0.4, 13.0)},
    )  # fmt: skip
    plan = replace(PLAN, shares=np.full(864, 0.25), peak=1200.0)
    found = seen(inputs=INPUTS | {"c": now_ppm, "f": Input(2.0)}, layout=layout, learnt=learnt, plans={HALL: plan})
    # 20 people on 100 m2 are a classroom: 5 l/s a person and 0.6 l/s a m2.
    assert needed_share(found, found.air[0]) == pytest.approx(share)


def test_a_layout_drives_its_set_points_and_looks_at_everything_once() -> None:
    driven = [setpoint().id, COOLING.id, setpoint("store").id, FAN.id, OUTDOOR_AIR.id, SUPPLY_AIR.id, SUPPLY.id]
    assert [point.id for point in LAYOUT.driven] == driven
    assert sorted(LAYOUT.points) == sorted({*driven, "out", "sun", "gas", "t", "p", "f"})
    shared = replace(LAYOUT, zones=(*ZONES, replace(ZONES[1], temperature="t")))
    assert len(shared.points) == len(set(shared.points)) == len(LAYOUT.points)


def test_a_layout_of_bare_set_points_has_nothing_else() -> None:
    bare = Layout("torino/calvino", (ZoneLayout(STORE, setpoint("store")),), (SystemLayout("ahu", (STORE,)),))
    assert [point.id for point in bare.driven] == [setpoint("store").id]
    assert bare.points == (setpoint("store").id,)
