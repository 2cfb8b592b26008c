"""Plans of a school whose rooms are known: what they ask for, when they leave it to the rules, and that they say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.mpc.decider import HORIZON_STEPS, PredictiveDecider, _turned, identify_building, plan
from control.proposal import Planned
from control.record import Record
from control.strategies.optimum_start import NAME as START
from control.strategy import decide
from control.view import BuildingView
from tests.control.mpc.rooms import ROME, STEP_MS, TRUTH, Floats, School, live, record

SCHOOL = School(record([live(days=21), live(replace(TRUTH, loss=0.02), days=21)]))
KNOWN, PLAN = SCHOOL.known, SCHOOL.layout
END = SCHOOL.end_ms
"""Monday, 2 February, 00:00."""
MONDAY = date(2026, 2, 2)
NEVER_COLD = replace(TRUTH, loss=0.0)


def decider(known: Record = KNOWN, price: Floats | None = None, limit_kwh: float | None = None) -> PredictiveDecider:
    found = PredictiveDecider(price, limit_kwh)
    found.learn(PLAN, known, SCHOOL.plans)
    return found


def at(clock: str, day: date = MONDAY) -> int:
    return ROME.at(day, time.fromisoformat(clock))


def asked(found: PredictiveDecider, seen: BuildingView) -> dict[str, float | None]:
    return {p.point.id.split("/")[2]: p.value for p in found(seen)[0] if "heating" in p.point.id}


def test_a_building_is_identified_with_what_its_heat_takes() -> None:
    twins = identify_building(PLAN, KNOWN)

    assert set(twins.models) == {zone.name for zone in PLAN.zones}
    assert not twins.rejected
    for weight in twins.kwh_per_k.values():
        assert weight == pytest.approx(2.0, rel=0.4)
    assert (twins.end_ms, len(twins.outdoor_c), len(twins.sun_w_m2)) == (END, 48, 48)
    assert twins.outdoor_c == pytest.approx(KNOWN.of(PLAN.outdoor)[-48:])


def test_rooms_are_heated_no_earlier_than_they_need() -> None:
    found = decider()
    held = {clock: asked(found, SCHOOL.view(at(clock))) for clock in ("01:00", "07:30")}

    assert held["01:00"] == {"room-0": 15.0, "room-1": 15.0}
    assert (held["07:30"]["room-0"] or 0) > 18.0
    assert found.spoke.startswith("Planned 2 of 2 zones.")


def test_a_plan_says_why() -> None:
    seen = SCHOOL.view(at("07:45"), inside_c=18.0)
    proposals, _ = decider()(seen)
    warming = [p for p in proposals if p.strategy == START]

    assert warming
    for proposal in warming:
        assert proposal.why.startswith("People come at 08:00: by the model")


@settings(max_examples=10)
@given(half_hours=st.integers(0, 47), inside_c=st.floats(10, 24), outdoor_c=st.floats(-10, 15))
def test_the_same_view_gives_the_same_plan(half_hours: int, inside_c: float, outdoor_c: float) -> None:
    seen = SCHOOL.view(END + half_hours * STEP_MS, inside_c=inside_c, outdoor_c=outdoor_c)
    one, two = decider(), decider()

    assert one(seen) == two(seen)
    assert one.spoke == two.spoke


def test_in_between_a_plan_stands() -> None:
    found = decider()
    found(SCHOOL.view(at("05:00")))
    found(SCHOOL.view(at("05:15"), outdoor_c=None))
    assert found.spoke.startswith("Planned 2 of 2")
    found(SCHOOL.view(at("05:30"), outdoor_c=None))
    assert found.spoke.startswith("The rules decide")


@settings(max_examples=25)
@given(
    half_hours=st.integers(0, 4 * 48 - 1),
    inside_c=st.floats(10, 28),
    outdoor_c=st.floats(-15, 25),
    people=st.sampled_from([0.0, 1.0, 5.0]),
)
def test_while_people_are_there_set_points_are_those_of_the_rules(
    half_hours: int, inside_c: float, outdoor_c: float, people: float
) -> None:
    seen = SCHOOL.view(END + half_hours * STEP_MS, inside_c=inside_c, outdoor_c=outdoor_c, people=people)
    occupied = {zone.setpoint.id for zone in seen.zones if zone.occupancy.is_occupied}
    planned, ruled = (
        {p.point.id: p.value for p in proposals if p.point.id in occupied}
        for proposals in (decider()(seen)[0], decide(seen)[0])
    )

    assert planned == ruled


@settings(max_examples=25)
@given(half_hours=st.integers(0, 4 * 48 - 1), inside_c=st.floats(5, 30), outdoor_c=st.floats(-20, 30))
def test_no_plan_asks_for_more_than_people_need_or_less_than_the_set_back(
    half_hours: int, inside_c: float, outdoor_c: float
) -> None:
    seen = SCHOOL.view(END + half_hours * STEP_MS, inside_c=inside_c, outdoor_c=outdoor_c)
    for proposal in decider()(seen)[0]:
        assert proposal.value is None or 15.0 <= proposal.value <= 22.0


def test_a_room_without_a_temperature_is_left_to_the_rules() -> None:
    seen = SCHOOL.view(at("06:30"), others={1: None})
    found = decider()
    proposals = {p.point.id: p for p in found(seen)[0]}

    lost = proposals[PLAN.zones[1].heating.id]
    assert lost.value is None
    assert "no usable temperature" in lost.why
    assert proposals[PLAN.zones[0].heating.id].value is not None
    assert found.spoke.startswith("Planned 1 of 2 zones.")


def test_without_the_outdoor_temperature_the_rules_decide_and_say_so() -> None:
    seen = SCHOOL.view(at("06:30"), outdoor_c=None)
    found = decider()

    assert found(seen) == decide(seen)
    assert found.spoke == "The rules decide: the outdoor temperature cannot be used."


def test_before_anything_is_learnt_the_rules_decide() -> None:
    seen = SCHOOL.view(at("06:30"))
    found = PredictiveDecider()

    assert found.spoke == "The rules decide: nothing has been identified yet."
    assert found(seen) == decide(seen)
    assert found.spoke.startswith("The rules decide")


def wandering() -> Floats:
    """A room that is moved by what nobody measures."""
    return np.asarray(22 + np.cumsum(np.random.default_rng(5).normal(0, 0.6, len(KNOWN))), np.float64)


@pytest.mark.parametrize(
    ("temperature", "setpoint", "reason"),
    [
        (wandering(), np.full(len(KNOWN), -100.0), "its model is off by"),
        (np.full(len(KNOWN), 20.0), np.full(len(KNOWN), 20.5), "it was never seen without heating"),
        (np.full(len(KNOWN), np.nan), np.full(len(KNOWN), 20.0), "its temperature is not known"),
        (live(NEVER_COLD, 21, night_c=0.0).inside_c, np.full(len(KNOWN), 0.0), "it was never seen warming up"),
    ],
)
def test_a_room_without_a_good_model_is_rejected(temperature: Floats, setpoint: Floats, reason: str) -> None:
    poor = PLAN.zones[1]
    columns = {**KNOWN.columns, poor.temperature: temperature, poor.heating.id: setpoint}
    known = replace(KNOWN, columns=columns)
    found = decider(known)

    assert set(found.twins.models) == {PLAN.zones[0].name}
    assert found.twins.rejected[poor.name].startswith(reason)
    seen = SCHOOL.view(at("05:30"))
    asked_for, ruled = ({p.point.id: p for p in proposals} for proposals in (found(seen)[0], decide(seen)[0]))
    assert asked_for[poor.heating.id] == ruled[poor.heating.id]
    assert f"The rules decide for the others: {poor.name} because {reason}" in found.spoke


def test_where_no_room_has_a_model_the_rules_decide_and_say_so() -> None:
    columns = {name: np.full(len(KNOWN), 20.0) if "temperature" in name else v for name, v in KNOWN.columns.items()}
    columns |= {zone.heating.id: np.full(len(KNOWN), 21.0) for zone in PLAN.zones}
    found = decider(replace(KNOWN, columns=columns))
    seen = SCHOOL.view(at("05:30"))

    assert found(seen) == decide(seen)
    assert found.spoke == "The rules decide: it was never seen without heating."


def test_a_building_without_weather_has_no_models() -> None:
    columns = {name: v for name, v in KNOWN.columns.items() if name != PLAN.outdoor}
    twins = identify_building(PLAN, replace(KNOWN, columns=columns))

    assert not twins.models
    assert set(twins.rejected.values()) == {"the outdoor temperature is not known"}


def test_what_cannot_be_kept_is_said() -> None:
    found = decider()
    found(SCHOOL.view(at("07:30"), inside_c=12.0))

    assert "Relaxed: the lowest temperature of torino/school/room-" in found.spoke


def test_a_limit_that_cannot_be_kept_is_said() -> None:
    found = decider(limit_kwh=0.2)
    found(SCHOOL.view(at("06:30"), inside_c=16.0))

    assert "Relaxed: the limit on energy by" in found.spoke


def test_cheap_hours_are_used() -> None:
    price = np.ones(HORIZON_STEPS)
    price[:4] = 0.01
    seen = SCHOOL.view(at("03:00"), inside_c=15.5)

    assert asked(decider(), seen)["room-0"] == 15.0
    assert (asked(decider(price=price), seen)["room-0"] or 0) > 16.0


@pytest.mark.parametrize(
    ("from_min", "preheats"), [(-30, True), (0, True), (10, False)], ids=["before", "now", "later"]
)
def test_a_plan_begins_when_it_says(from_min: int, preheats: bool) -> None:  # noqa: FBT001 - a column of the table
    now_ms = at("05:30")
    point = PLAN.zones[0].heating.id
    wanted = Planned(heat=True, target_c=18.3, from_ms=now_ms + from_min * 60_000, why="It is planned.")
    proposals, memory = decide(replace(SCHOOL.view(now_ms), plan={point: wanted}))
    value = next(p.value for p in proposals if p.point.id == point)

    assert value == (18.3 if preheats else 15.0)
    assert (point in memory.preheating) is preheats


def test_a_room_that_needs_a_part_of_a_step_begins_late_in_it() -> None:
    now_ms, twins = at("07:30"), decider().twins
    starts = []
    for tenths in range(190, 215):
        planned, _ = plan(SCHOOL.view(now_ms, inside_c=tenths / 10), twins, SCHOOL.plans, {}, np.ones(HORIZON_STEPS))
        starts += [p.from_ms - now_ms for p in planned.values() if p.heat]

    assert min(starts) == 0
    assert 0 < max(starts) <= 20 * 60_000  # never later than its part of the step, and ten minutes before it


@pytest.mark.parametrize(
    ("end", "now"),
    [
        ("2026-02-02T00:00+01:00", "2026-02-02T07:30+01:00"),
        ("2026-03-29T00:00+01:00", "2026-03-29T12:00+02:00"),  # the day on which the clock goes forward
        ("2026-10-25T00:00+02:00", "2026-10-25T12:00+01:00"),  # and back
        ("2026-03-31T02:00+02:00", "2026-03-31T02:00+02:00"),
        ("2026-03-31T02:00+02:00", "2026-04-01T01:30+02:00"),
    ],
)
def test_yesterdays_weather_is_turned_to_the_time_of_the_day(end: str, now: str) -> None:
    end_ms, now_ms = (int(datetime.fromisoformat(text).timestamp() * 1000) for text in (end, now))
    # Each step of the day before `end` holds the time of the UTC day at which it begins: weather knows no clock change.
    day = np.array([(end_ms - 86_400_000 + k * STEP_MS) % 86_400_000 for k in range(48)], np.float64)
    turned = _turned(day, end_ms, now_ms)

    assert turned == pytest.approx([(now_ms + k * STEP_MS) % 86_400_000 for k in range(48)])


def test_no_day_cannot_be_turned() -> None:
    assert len(_turned(np.zeros(0), 0, 1_000_000)) == 0
