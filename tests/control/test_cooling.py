"""Set-points of heating and cooling together: inside the comfort band, clear of each other, as warm as before."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.memory import Memory, Running, Trim
from control.proposal import Correction, Planned, Proposal
from control.strategies import cooling, correction, optimum_start, setback
from control.strategy import decide
from control.target import occupied_target_c
from control.view import AirSystem, BuildingView, Comfort, Habit, Heating, Input, Occupancy, Zone
from core.calendar import HOUR_MS
from tests.control.views import COMFORT, COOLING, FAN, MISSING, at, gap, setpoint, view, zone

NOW = "2026-01-14 05:00"
OPENS_MS = at("2026-01-14 08:30")
HALL = setpoint().id
HABIT = Habit(21.0, 24.0, 27.0, 0.1)
AHU = AirSystem("ahu", ("torino/calvino/hall",), FAN)


def hall(temperature: Input | float = 21.0, *, there: bool = True, habit: Habit = HABIT) -> Zone:
    occupancy = Occupancy(there, at("2026-01-14 19:00") if there else OPENS_MS)
    return replace(zone(temperature, occupancy=occupancy), cooling=COOLING, habit=habit)


def told(seen: BuildingView) -> dict[str, float | None]:
    return {p.point.id: p.value for p in decide(seen)[0]}


@pytest.mark.parametrize(
    ("seen", "heating_c", "cooling_c"),
    [
        (hall(), 21.0, 24.0),
        (hall(23.0, there=False), 16.0, 27.0),
        (hall(17.0, there=False), 21.0, 24.0),
        (hall(habit=replace(HABIT, cooling_c=28.0)), 21.0, 26.0),
        (hall(habit=replace(HABIT, cooling_c=21.5)), 21.0, 22.5),
        (hall(habit=replace(HABIT, heating_c=25.5)), 25.5, 27.0),
        (hall(habit=replace(HABIT, heating_c=28.0)), 26.0, 27.5),
        (hall(habit=replace(HABIT, heating_c=18.0)), 20.3, 24.0),
        (hall(habit=Habit()), 20.5, None),
        (hall(MISSING), None, None),
        (hall(MISSING, there=False), None, None),
        (hall(23.0, there=False, habit=replace(HABIT, cooling_empty_c=None)), 16.0, 30.0),
        (hall(23.0, there=False, habit=replace(HABIT, cooling_empty_c=23.0)), 16.0, 24.0),
    ],
    ids=[
        "people there", "nobody", "warms up", "no warmer than comfort", "clear of heating", "clear of warm heating",
        "heating inside comfort", "heating above the minimum", "habit unknown", "unknown", "unknown and empty",
        "never seen empty", "empty no colder than with people",
    ],
)  # fmt: skip
def test_heating_and_cooling(seen: Zone, heating_c: float | None, cooling_c: float | None) -> None:
    decided = told(view(NOW, seen))
    assert decided[HALL] == (None if heating_c is None else pytest.approx(heating_c))
    assert decided[COOLING.id] == (None if cooling_c is None else pytest.approx(cooling_c))


def test_a_zone_without_a_cooling_set_point_is_only_heated() -> None:
    assert set(told(view(NOW, replace(hall(), cooling=None)))) == {HALL}


def test_a_set_back_above_what_an_empty_zone_is_cooled_to_keeps_clear() -> None:
    seen = hall(23.0, there=False, habit=replace(HABIT, cooling_c=20.0, cooling_empty_c=20.0))
    decided = told(replace(view(NOW, seen), comfort=replace(COMFORT, setback_c=19.0)))
    assert (decided[HALL], decided[COOLING.id]) == (19.0, 20.5)


def test_an_agreed_set_point_that_is_restored_moves_cooling_out_of_its_way() -> None:
    agreed = (Correction("setpoint", HALL, 23.5, "Kept too warm."),)
    proposals, _ = decide(replace(view(NOW, hall(habit=replace(HABIT, heating_c=24.0))), corrections=agreed))
    values = {p.point.id: p for p in proposals}
    assert (values[HALL].value, values[COOLING.id].value) == (23.5, 25.5)
    low = decide(replace(view(NOW, hall(habit=replace(HABIT, heating_c=None))), corrections=agreed))[0]
    kept = {p.point.id: p for p in low}[COOLING.id]
    assert kept.value == 25.0
    assert "clear of heating" in kept.why


def test_what_nothing_heats_is_not_moved() -> None:
    seen = view(NOW, hall())
    asked = [Proposal(COOLING, 19.0, "cooling-setback", "Because."), Proposal(setpoint(), None, "setback", "Let go.")]
    assert cooling.keep_clear(seen, asked) == asked
    moved = cooling.keep_clear(seen, [asked[0], replace(asked[1], value=19.0)])
    assert [p.value for p in moved] == [20.5, 19.0]


comforts = st.builds(
    lambda low, width, back: Comfort(low, low + width, low - back), st.floats(16, 22), st.floats(0, 8), st.floats(0, 8)
)
habits = st.builds(
    Habit, st.none() | st.floats(10, 30), st.none() | st.floats(14, 32), st.none() | st.floats(14, 40),
    st.none() | st.floats(0, 0.3),
)  # fmt: skip


@given(
    temperature=st.just(MISSING) | st.floats(5, 40), there=st.booleans(), habit=habits, comfort=comforts,
    trim=st.floats(-0.5, 1.5), minutes=st.integers(0, 24 * 60), gap_kwh=st.floats(-200, 200), runs=st.booleans(),
    agreed=st.none() | st.floats(10, 30), planned=st.none() | st.tuples(st.booleans(), st.floats(5, 30)),
)  # fmt: skip
def test_set_points_are_inside_the_band_clear_of_each_other_and_as_warm_as_before(
    *, temperature: Input | float, there: bool, habit: Habit, comfort: Comfort, trim: float, minutes: int,
    gap_kwh: float, runs: bool, agreed: float | None, planned: tuple[bool, float] | None,
) -> None:  # fmt: skip
    plan = {} if planned is None else {HALL: Planned(planned[0], planned[1], 0, "By the model.")}
    kinds = () if agreed is None else ("setpoint", "schedule")
    seen = replace(
        view(NOW, hall(temperature, there=there, habit=habit), gaps=(gap(gap_kwh),)),
        comfort=comfort, now_ms=OPENS_MS - minutes * 60_000, plan=plan, air=(AHU,),
        corrections=tuple(Correction(kind, HALL, agreed or 0.0, "Agreed.") for kind in kinds),
        memory=Memory(trims={HALL: Trim(trim, 0)}, fans={"ahu": Running(runs, 0)}),
    )  # fmt: skip
    decided = {p.point.id: p for p in decide(seen)[0]}
    heating, cooled = decided[HALL].value, decided[COOLING.id].value
    if isinstance(temperature, Input):
        assert heating is cooled is None
        return
    assert heating is not None
    assert comfort.setback_c <= heating
    if cooled is not None:
        assert cooled >= heating + cooling.DEAD_BAND_K
    if there:
        assert comfort.minimum_c <= heating <= comfort.maximum_c
        if agreed is None:
            assert cooled is None or cooled <= max(comfort.maximum_c, heating + cooling.DEAD_BAND_K)
        if agreed is None and habit.heating_c is not None:
            assert heating >= min(habit.heating_c, comfort.maximum_c)
        if habit.cooling_c is not None:
            assert cooled is not None


def test_a_correction_does_not_take_people_what_they_had() -> None:
    corrected = Memory(trims={HALL: Trim(-0.5, at("2026-01-13 00:00"))})
    usual = view(NOW, hall(), gaps=(gap(80),), memory=corrected)
    assert occupied_target_c(usual, usual.zones[0]) == 21.0
    assert correction.propose(usual) == [], "nothing is corrected, so nothing says so"
    colder = view(NOW, hall(habit=Habit(20.0, None, None, 0.3)), gaps=(gap(80),), memory=corrected)
    (proposal,) = correction.propose(colder)
    assert proposal.value == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("swing_k", "heating_c", "target_c"),
    [(None, None, 20.5), (0.0, None, 20.2), (0.3, None, 20.5), (0.1, 19.0, 20.3), (0.1, 22.0, 22.0), (0.1, 27.0, 26.0)],
)
def test_the_target_with_people_there(swing_k: float | None, heating_c: float | None, target_c: float) -> None:
    seen = view(NOW, hall(habit=Habit(heating_c, None, None, swing_k)))
    assert occupied_target_c(seen, seen.zones[0]) == pytest.approx(target_c)


@pytest.mark.parametrize(
    ("system", "state", "value"),
    [(AHU, True, 17.2), (AHU, False, 16.0), (AHU, None, 16.0), (replace(AHU, zones=("torino/calvino/x",)), True, 16.0)],
    ids=["runs", "rests", "unknown", "another zone's"],
)
def test_an_air_system_that_runs_for_the_set_back_warms_a_little_further(
    *, system: AirSystem, state: bool | None, value: float
) -> None:
    memory = Memory(fans={} if state is None else {"ahu": Running(state, 0)})
    seen = replace(view(NOW, hall(16.5, there=False), memory=memory), air=(system,))
    (proposal,) = setback.propose(seen)
    assert proposal.value == pytest.approx(value)


def planned_view(plan: Planned | None, temperature: Input | float = 18.0, when: str = NOW) -> BuildingView:
    seen = view(when, hall(temperature, there=False))
    return replace(seen, plan={} if plan is None else {HALL: plan})


@pytest.mark.parametrize(
    ("plan", "when", "warms"),
    [
        (None, "2026-01-14 05:29", False),
        (None, "2026-01-14 05:30", True),
        (Planned(True, 19.0, 0, "Now."), "2026-01-14 02:00", True),
        (Planned(False, 19.0, 0, "Later."), "2026-01-14 08:00", False),
        (Planned(True, 19.0, at("2026-01-14 05:10"), "Soon."), "2026-01-14 05:09", False),
        (Planned(True, 19.0, at("2026-01-14 05:10"), "Soon."), "2026-01-14 05:10", True),
    ],
    ids=["rules: early", "rules: in time", "planned", "planned for later", "not yet", "now"],
)
def test_a_plan_says_when_a_zone_warms_up(*, plan: Planned | None, when: str, warms: bool) -> None:
    preheating = optimum_start.remember(planned_view(plan, when=when)).preheating
    assert preheating == ({HALL: OPENS_MS} if warms else {})


@pytest.mark.parametrize(
    ("target_c", "value"),
    [(19.0, 19.0), (30.0, 21.0), (12.0, 16.0)],
    ids=["as planned", "no more than people", "set-back"],
)
def test_a_planned_set_point_lies_between_set_back_and_what_people_need(target_c: float, value: float) -> None:
    seen = planned_view(Planned(True, target_c, 0, "By the model."))
    decided = {p.point.id: p for p in decide(seen)[0]}
    assert (decided[HALL].value, decided[HALL].strategy, decided[HALL].why) == (value, "optimum-start", "By the model.")


def test_a_plan_ends_a_warm_up_that_the_rules_began_and_does_not_touch_an_unseen_zone() -> None:
    begun = Memory(preheating={HALL: OPENS_MS})
    later = replace(planned_view(Planned(False, 19.0, 0, "Later.")), memory=begun)
    assert optimum_start.remember(later).preheating == {}
    blind = planned_view(Planned(True, 19.0, 0, "Now."), MISSING)
    assert optimum_start.remember(blind).preheating == {}
    assert told(blind)[HALL] is None


def test_no_plan_heats_out_of_season_or_people_out_of_their_comfort() -> None:
    plan = Planned(True, 19.0, 0, "Now.")
    forbidden = planned_view(plan)
    forbidden = replace(forbidden, season=replace(forbidden.season, heating=Heating.FORBIDDEN))
    assert told(forbidden)[HALL] == 5.0
    there = replace(view(NOW, hall(20.0)), plan={HALL: plan})
    assert told(there)[HALL] == 21.0
    assert OPENS_MS - at(NOW) == 3.5 * HOUR_MS
