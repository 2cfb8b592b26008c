"""What a set-point should bring about, told with it."""

from dataclasses import replace

from control.strategy import decide
from control.view import AirHabit, AirSystem, Habit, Input, Occupancy
from core.points import Limits, Point
from tests.control.views import at, view, zone

AIR = Point("torino/calvino/ahu/outdoor-air", "Outside_Air_Flow_Setpoint", "1", limits=Limits(0, 1, 1))
FAN = Point("torino/calvino/ahu/fan", "Fan_On_Off_Status", "1", limits=Limits(0, 1, 1))


def effects(when: str, occupancy: Occupancy, inside_c: float = 18.0) -> dict[str, str]:
    hall = replace(
        zone(inside_c, occupancy=occupancy),
        people_peak=20.0,
        floor_area_m2=100.0,
        habit=Habit(21.0, 24.0, 27.0, 0.1, 16.0),
    )
    system = AirSystem(
        "ahu", (hall.name,), fan=FAN, outdoor_air=AIR, flow_now=Input(2.0), habit=AirHabit(2.0, 1.0, None)
    )
    seen = replace(view(when, hall), air=(system,))
    return {p.strategy: p.effect for p in decide(seen)[0]}


def test_with_few_people_it_is_the_air_that_need_not_be_warmed() -> None:
    told = effects("2026-01-14 10:00", Occupancy(is_occupied=True, changes_ms=None, share=0.1), 21.0)
    assert told["setback"] == "The zone stays at 21.0 °C or above."
    assert told["ventilation"] == "55% less outdoor air to warm or cool than at full use."


def test_with_nobody_it_is_what_the_zone_may_cool_down() -> None:
    told = effects("2026-01-14 22:00", Occupancy(is_occupied=False, changes_ms=None, share=0.0))
    assert told["setback"] == "The zone may cool down by up to 5.0 K, and loses less heat the while."
    assert told["fan-schedule"] == "No fan runs and no outdoor air is warmed meanwhile."


def test_ahead_of_people_it_is_a_warm_zone() -> None:
    comes = at("2026-01-14 08:30")
    told = effects("2026-01-14 08:00", Occupancy(is_occupied=False, changes_ms=comes, share=0.0))
    assert told["optimum-start"] == "The zone has 21.0 °C when people come at 08:30."
