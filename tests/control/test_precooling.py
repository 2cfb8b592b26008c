"""Cooling begins ahead of people, as late as the zone lets it, and an empty zone is not cooled for nobody."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.layout import Layout, ZoneLayout
from control.learning import learn_cool_downs
from control.memory import Memory
from control.record import Record
from control.strategies import precooling
from control.strategy import decide
from control.view import COOL_DOWN, AirHabit, AirSystem, BuildingView, Habit, Input, Occupancy, WarmUp, Zone
from core.calendar import HOUR_MS
from predict.series import Floats
from tests.control.views import COOLING, FAN, MISSING, ROME, at, setpoint, view, zone

OPENS = "2026-07-14 08:30"
HALL = setpoint().id
LEARNT = WarmUp(base_k_per_h=2.0, loss_per_h=0.1, slowest_k_per_h=0.5, mornings=9)
AHU = AirSystem("ahu", ("torino/calvino/hall",), FAN, habit=AirHabit(2.0, 0.6, 13.0))


def hall(temperature: Input | float = 28.0, *, there: bool = False, cool_down: WarmUp = LEARNT) -> Zone:
    occupancy = Occupancy(there, at("2026-07-14 19:00") if there else at(OPENS))
    empty = zone(temperature, occupancy=occupancy)
    return replace(empty, cooling=COOLING, habit=Habit(20.0, 24.0, 30.0, 0.1, 15.0), cool_down=cool_down)


def seen(when: str, room: Zone, outdoor: Input | float = 28.0, memory: Memory | None = None) -> BuildingView:
    return replace(view(when, room, outdoor=outdoor), air=(AHU,), memory=memory or Memory())


@pytest.mark.parametrize(
    ("room", "outdoor", "begins"),
    [
        (hall(28.0), 28.0, "06:30"),
        (hall(26.0), 26.0, "07:30"),
        (hall(28.0), 38.0, "04:30"),
        (hall(28.0), 60.0, "04:30"),
        (hall(28.0), MISSING, "04:30"),
        (hall(28.0, cool_down=COOL_DOWN), 28.0, "05:50"),
        (hall(24.2), 28.0, None),
        (hall(MISSING), 28.0, None),
        (replace(hall(28.0), habit=Habit()), 28.0, None),
        (replace(hall(28.0), cooling=None), 28.0, None),
    ],
    ids=[
        "four kelvin", "two", "a hot day: no more than four hours", "never slower than at least", "outdoors unknown",
        "nothing learnt", "close enough", "blind", "its own set-point unknown", "nothing to cool with",
    ],
)  # fmt: skip
def test_cooling_begins_as_late_as_it_can(room: Zone, outdoor: Input | float, begins: str | None) -> None:
    clock = [f"{hour:02}:{minute:02}" for hour in range(3, 9) for minute in range(0, 60, 10)]
    cooled = [
        time
        for time in clock
        if time < "08:30" and precooling.remember(seen(f"2026-07-14 {time}", room, outdoor)).precooling
    ]
    assert (cooled[0] if cooled else None) == begins


def test_what_has_begun_goes_on_until_people_come_and_is_told_to_zone_and_fan() -> None:
    proposals, memory = decide(seen("2026-07-14 07:00", hall(28.0)))
    told = {p.point.id: p for p in proposals}
    assert told[COOLING.id].value == 24.0
    assert "People come at 08:30" in told[COOLING.id].why
    assert told[FAN.id].value == 1.0
    proposals, memory = decide(seen("2026-07-14 07:15", hall(24.1), memory=memory))
    assert {p.point.id: p.value for p in proposals}[COOLING.id] == 24.0
    proposals, memory = decide(seen("2026-07-14 08:30", hall(24.0, there=True), memory=memory))
    assert {p.point.id: p.value for p in proposals}[COOLING.id] == 24.0
    assert memory.precooling == {}


def test_another_coming_is_another_start() -> None:
    begun = Memory(precooling={HALL: at("2026-07-13 08:30")})
    assert precooling.remember(seen("2026-07-14 03:00", hall(28.0), memory=begun)).precooling == {}


@given(temperature=st.floats(15, 45), outdoor=st.floats(-10, 45), minutes=st.integers(0, 24 * 60))
def test_nobody_is_cooled_for_outside_the_longest_lead(temperature: float, outdoor: float, minutes: int) -> None:
    now = replace(seen(OPENS, hall(temperature), outdoor), now_ms=at(OPENS) - minutes * 60_000)
    cooled = bool(precooling.remember(now).precooling)
    assert not cooled or (minutes * 60_000 <= precooling.MAX_LEAD_H * HOUR_MS and temperature > 24.0)


def test_the_rate_is_learnt_from_mornings_on_which_the_zone_was_cooled() -> None:
    day = np.full(96, 30.0)
    asked, temperature = day.copy(), np.full(96, 29.0)
    asked[24:80] = 24.0
    temperature[24:34] = np.linspace(29.0, 24.0, 10)
    temperature[34:80] = 24.0

    def days(values: Floats) -> Floats:
        return np.tile(values, 6)

    room = ZoneLayout("torino/calvino/hall", setpoint(), COOLING, "t")
    columns = {"t": days(temperature), COOLING.id: days(asked), "o": days(np.full(96, 30.0))}
    layout = Layout("torino/calvino", (room, ZoneLayout("warm", setpoint("warm"), None, "t")), outdoor="o")
    learnt = learn_cool_downs(layout, Record(0, 900_000, columns, ROME))
    assert set(learnt) == {"torino/calvino/hall"}
    assert learnt["torino/calvino/hall"].mornings == 6
    assert learnt["torino/calvino/hall"].base_k_per_h == pytest.approx(2.2, abs=0.3)
