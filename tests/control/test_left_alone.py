"""Zones that are none of control's, and how cold an empty one may get."""

from dataclasses import replace

import pytest

from control.strategies import ventilation
from control.strategies.fans import floor_c, is_left_alone
from control.strategy import decide
from control.target import empty_target_c, occupied_target_c
from control.view import AirHabit, AirSystem, Habit, Input, Occupancy, Zone
from core.points import Limits, Point
from tests.control.views import setpoint, view, zone

EMPTY = Occupancy(is_occupied=False, changes_ms=None)
THERE = Occupancy(is_occupied=True, changes_ms=None, share=0.5)
FAN = Point("torino/calvino/ahu/fan", "Fan_On_Off_Status", "1", limits=Limits(0, 1, 1))
AIR = Point("torino/calvino/ahu/outdoor-air", "Outside_Air_Flow_Setpoint", "1", limits=Limits(0, 1, 1))
SYSTEM = AirSystem(
    "ahu", ("torino/calvino/hall",), fan=FAN, outdoor_air=AIR, flow_now=Input(2.0), habit=AirHabit(2.0, 1.0, None)
)
STORE = Habit(heating_c=15.6, heating_empty_c=15.6)
LOBBY = Habit(heating_c=21.0, heating_empty_c=16.0)


def told(room: Zone, system: AirSystem = SYSTEM) -> dict[str, float | None]:
    seen = replace(view("2026-01-14 10:00", room), air=(system,))
    return {p.point.id: p.value for p in decide(seen)[0]}


@pytest.mark.parametrize(
    ("is_used", "habit", "alone"),
    [(False, STORE, True), (False, LOBBY, False), (True, STORE, False), (False, Habit(), True), (True, Habit(), False)],
    ids=["a store", "a lobby", "people in a store", "nothing known", "people, nothing known"],
)
def test_what_is_kept_at_one_temperature_for_nobody_is_left_alone(*, is_used: bool, habit: Habit, alone: bool) -> None:
    room = replace(zone(15.0, occupancy=EMPTY), is_used=is_used, habit=habit)
    assert room.is_left_alone is alone
    if alone:
        assert set(told(room).values()) == {None}
    else:
        assert told(room)[setpoint().id] is not None


def test_a_zone_that_nobody_uses_is_kept_as_before_and_not_warmer() -> None:
    seen = view("2026-01-14 10:00")
    store = replace(zone(15.0), is_used=False, habit=Habit(heating_c=10.0, heating_empty_c=7.0))
    assert (occupied_target_c(seen, store), empty_target_c(seen, store)) == (10.0, 7.0)
    assert floor_c(seen, replace(store, habit=STORE)) == 15.6


@pytest.mark.parametrize(("own", "empty"), [(None, 16.0), (7.2, 7.2), (18.0, 16.0)])
def test_an_empty_zone_is_never_held_warmer_than_its_own_control_holds_it(own: float | None, empty: float) -> None:
    assert empty_target_c(view(), replace(zone(), habit=Habit(heating_empty_c=own))) == empty


def test_an_air_system_that_was_never_learnt_is_left_alone() -> None:
    unknown = replace(SYSTEM, habit=AirHabit())
    assert is_left_alone(view(), unknown)
    found = told(replace(zone(occupancy=THERE), people_peak=10.0, floor_area_m2=100.0), unknown)
    assert (found[FAN.id], found[AIR.id]) == (None, None)


@pytest.mark.parametrize(
    ("ppm", "occupancy", "more"),
    [(800.0, THERE, 0.0), (900.0, THERE, 0.0), (1050.0, THERE, 0.5), (1200.0, THERE, 1.0), (3000.0, THERE, 1.0),
     (3000.0, EMPTY, 0.0)],
)  # fmt: skip
def test_stale_air_asks_for_more_than_the_people_counted(ppm: float, occupancy: Occupancy, more: float) -> None:
    room = replace(zone(occupancy=occupancy), people_peak=20.0, floor_area_m2=100.0)
    counted, most = ventilation.need(room)
    assert ventilation.need(replace(room, co2=Input(ppm)))[0] == pytest.approx(max(counted, more * most))
