"""A zone coasts to the end of the day only as far as people have allowed, and never below the comfort minimum."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.cooling_off import learn_cooling_off
from control.memory import Memory
from control.strategies import optimum_stop
from control.strategy import decide
from control.target import occupied_target_c
from control.view import BuildingView, Habit, Heating, Input, Occupancy, Season, Zone
from core.config.control import Control
from core.errors import DomainError
from tests.control.views import COMFORT, MISSING, at, setpoint, view, zone

LEAVES = "2026-01-14 19:00"
HALL = setpoint().id
RATE = 0.02


def hall(
    temperature: Input | float = 21.3, *, there: bool = True, held_c: float = 21.0, rate: float | None = RATE
) -> Zone:
    occupancy = Occupancy(there, at(LEAVES) if there else at("2026-01-15 08:30"))
    return replace(
        zone(temperature, occupancy=occupancy), habit=Habit(heating_c=held_c, swing_k=0.1), cooling_off_per_h=rate
    )


def seen(
    when: str, room: Zone, *, outdoor: Input | float = 1.0, coast_k: float = 1.0, memory: Memory | None = None
) -> BuildingView:
    found = view(when, room, outdoor=outdoor)
    return replace(found, comfort=replace(COMFORT, coast_k=coast_k), memory=memory or Memory())


def told(found: BuildingView) -> float | None:
    return {p.point.id: p.value for p in decide(found)[0]}[HALL]


@pytest.mark.parametrize(
    ("room", "outdoor", "coast_k", "begins"),
    [
        (hall(21.3), 1.0, 1.0, "16:00"),
        (hall(21.0), 1.0, 1.0, "16:30"),
        (hall(21.0), -19.0, 1.0, "17:50"),
        (hall(21.0), 1.0, 0.5, "17:50"),
        (hall(21.0), 1.0, 0.0, None),
        (hall(20.4, held_c=20.4), 1.0, 2.0, "18:00"),
        (hall(21.0, rate=None), 1.0, 1.0, None),
        (hall(21.0), MISSING, 1.0, None),
        (hall(MISSING), 1.0, 1.0, None),
    ],
    ids=[
        "warm: as long as it may", "on its set-point", "a cold day", "half a kelvin", "not allowed",
        "no colder than the comfort minimum", "nothing learnt", "outdoors unknown", "blind",
    ],
)  # fmt: skip
def test_heating_ends_as_early_as_the_zone_lets_it(
    room: Zone, outdoor: Input | float, coast_k: float, begins: str | None
) -> None:
    clock = [f"{hour}:{minute:02}" for hour in range(12, 19) for minute in range(0, 60, 10)]
    coasts = [
        t
        for t in clock
        if optimum_stop.remember(seen(f"2026-01-14 {t}", room, outdoor=outdoor, coast_k=coast_k)).coasting
    ]
    assert (coasts[0] if coasts else None) == begins


def test_what_has_begun_goes_on_and_is_heated_again_from_the_lowest_that_is_allowed() -> None:
    proposals, memory = decide(seen("2026-01-14 17:30", hall(21.0)))
    (asked,) = (p for p in proposals if p.point.id == HALL)
    assert (asked.value, asked.strategy) == (20.0, "optimum-stop")
    assert "People leave at 19:00" in asked.why
    colder = seen("2026-01-14 17:45", hall(20.1), outdoor=-10.0, memory=memory)
    assert told(colder) == 20.0
    assert told(seen("2026-01-14 19:00", hall(20.1, there=False), memory=memory)) == COMFORT.setback_c


def test_another_end_and_a_time_without_heating_are_no_coasting() -> None:
    begun = Memory(coasting={HALL: at("2026-01-13 19:00")})
    assert optimum_stop.remember(seen("2026-01-14 12:00", hall(), memory=begun)).coasting == {}
    summer = replace(seen("2026-01-14 18:00", hall()), season=Season(Heating.FORBIDDEN, "DPR 74"))
    assert optimum_stop.remember(summer).coasting == {}


@given(
    temperature=st.floats(10, 30), outdoor=st.floats(-25, 30), held_c=st.floats(12, 25), coast_k=st.floats(0, 3),
    minutes=st.integers(-60, 24 * 60), rate=st.none() | st.floats(0, 0.5), begun=st.booleans(),
)  # fmt: skip
def test_people_never_get_less_than_the_comfort_minimum_nor_than_was_allowed(
    *, temperature: float, outdoor: float, held_c: float, coast_k: float, minutes: int, rate: float | None, begun: bool
) -> None:
    room = hall(temperature, held_c=held_c, rate=rate)
    memory = Memory(coasting={HALL: at(LEAVES)} if begun else {})
    found = seen(LEAVES, room, outdoor=outdoor, coast_k=coast_k, memory=memory)
    found = replace(found, now_ms=at(LEAVES) - minutes * 60_000)
    value = told(found)
    assert value is not None
    assert value >= COMFORT.minimum_c
    assert value >= occupied_target_c(found, room) - coast_k - 1e-9
    if coast_k == 0:
        assert value >= occupied_target_c(found, room) - 1e-9


@pytest.mark.parametrize(("nights", "found"), [(8, 0.03), (3, None)])
def test_the_rate_is_learnt_from_nights_without_heating(nights: int, found: float | None) -> None:
    hours = np.arange(96) / 4
    night = 2.0 + 19.0 * np.exp(-0.03 * np.maximum(hours - 12, 0))
    temperature, setpoint_c = np.tile(night, nights), np.tile(np.where(hours < 12, 21.0, 12.0), nights)
    learnt = learn_cooling_off(temperature, setpoint_c, np.full(temperature.size, 2.0), 0.25)
    assert learnt == (None if found is None else pytest.approx(found, rel=0.02))


def test_nights_in_which_it_is_heated_warm_outside_or_unknown_tell_nothing() -> None:
    n = 960
    falling = np.tile(np.linspace(21, 17, 96), 10)
    low, cold = np.tile(np.where(np.arange(96) < 4, 21.0, 12.0), 10), np.full(n, 0.0)
    assert learn_cooling_off(falling, low, cold, 0.25) is not None
    assert learn_cooling_off(falling, np.full(n, 20.0), cold, 0.25) is None
    assert learn_cooling_off(falling, low, falling - 1.0, 0.25) is None
    assert learn_cooling_off(falling, low, np.full(n, math.nan), 0.25) is None
    assert learn_cooling_off(np.full(n, 21.0), low, cold, 0.25) is None


@pytest.mark.parametrize("coast", [-0.1, 3.1, math.nan])
def test_how_far_is_within_reason(coast: float) -> None:
    with pytest.raises(DomainError, match="coast is between 0 and 3 K"):
        Control(coast=coast)
