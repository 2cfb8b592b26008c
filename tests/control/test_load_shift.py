"""Loads in their cheapest hours, and a small room that is warmed ahead: what it saves is what it paid less."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.strategies.load_shift import Run, Store, blend, plan_run, propose_run, propose_warming, warm_ahead
from control.view import Input
from core.calendar import HOUR_MS
from core.errors import DomainError
from core.points import Limits, Point
from core.tariff import RateKind, Vector
from tests.control.views import at, setpoint

NOW = at("2026-01-14 00:00")
TANK = Point("torino/calvino/tank", "On_Off_Command", "1", limits=Limits(0, 1, 0))


def costs(*values: float, kind: RateKind = RateKind.PRICE, step_ms: int = HOUR_MS) -> Vector:
    edges = tuple(NOW + i * step_ms for i in range(len(values) + 1))
    return Vector(kind, edges, values, tuple("x" for _ in values))


def run(hours: float = 2, until_h: float = 6, **changes: Any) -> Run:
    return replace(Run(TANK, 1.0, 0.0, 3.0, hours, NOW, NOW + int(until_h * HOUR_MS)), **changes)


def hours_of(plan: Any) -> list[float]:
    return [(start - NOW) / HOUR_MS for start in plan.starts_ms]


VALLEY = costs(0.3, 0.2, 0.1, 0.25, 0.1, 0.4, 0.01)


@pytest.mark.parametrize(
    ("what", "done_h", "is_running", "at_h", "chosen", "runs_now"),
    [
        (run(2), 0, False, 0, [2, 4], False),
        (run(2), 0, False, 2, [2, 4], True),
        (run(2), 1, True, 3, [4], False),
        (run(2, until_h=4), 0, False, 0, [1, 2], False),
        (run(2, in_one_piece=True), 0, False, 0, [1, 2], False),
        (run(2, in_one_piece=True), 1, True, 2, [2], True),
        (run(3, in_one_piece=True), 0.5, True, 1, [1, 2, 3], True),
        (run(2), 2, False, 3, [], False),
        (run(2), 0, False, 4, [4, 5], True),
        (run(2), 0, False, 4.5, [4, 5], True),
        (run(9), 0, False, 0, [0, 1, 2, 3, 4, 5], True),
        (run(1.5), 0, False, 0, [2, 4], False),
        (run(1, not_before_ms=NOW + 3 * HOUR_MS), 0, False, 0, [4], False),
    ],
)
def test_a_load_takes_the_cheapest_hours_that_are_left(
    *, what: Run, done_h: float, is_running: bool, at_h: float, chosen: list[float], runs_now: bool
) -> None:
    plan = plan_run(what, VALLEY, now_ms=NOW + int(at_h * HOUR_MS), done_h=done_h, is_running=is_running)
    assert plan is not None
    assert (hours_of(plan), plan.runs_now) == (chosen, runs_now)


def test_what_it_saves() -> None:
    plan = plan_run(run(2), VALLEY, now_ms=NOW, done_h=0, is_running=False)
    assert plan is not None
    assert plan.saving == pytest.approx(3 * (0.3 + 0.2 - 0.1 - 0.1))
    told = propose_run(run(2), VALLEY, now_ms=NOW, done_h=0, is_running=False)
    assert (told.value, "saves 0.90 EUR" in told.why, "2.0 h" in told.why) == (0.0, True, True)
    clean = costs(300, 100, kind=RateKind.EMISSION)
    assert "saves 600 g CO2" in propose_run(run(1, 2), clean, now_ms=NOW, done_h=0, is_running=False).why


@pytest.mark.parametrize(
    ("at_h", "done_h", "cost", "value", "says"),
    [
        (2, 0, VALLEY, 1.0, "cheapest"),
        (5, 0.5, VALLEY, 1.0, "no more choice"),
        (3, 2, VALLEY, 0.0, "has run"),
        (6, 1, VALLEY, None, "Let go"),
        (-1, 0, VALLEY, None, "Let go"),
        (0, 0, costs(math.nan, math.nan), None, "not on record"),
        (0, 0, costs(math.nan, 0.2, 0.1, 0.3, 0.2, 0.4), 0.0, "waiting"),
    ],
)
def test_what_a_load_is_told(at_h: float, done_h: float, cost: Vector, value: float | None, says: str) -> None:
    told = propose_run(run(2), cost, now_ms=NOW + int(at_h * HOUR_MS), done_h=done_h, is_running=False)
    assert (told.value, says in told.why) == (value, True), told.why


@given(
    values=st.lists(st.floats(-0.1, 1), min_size=4, max_size=10), hours=st.integers(1, 4), piece=st.booleans(),
)  # fmt: skip
def test_no_other_choice_is_cheaper_and_it_is_always_ready(*, values: list[float], hours: int, piece: bool) -> None:
    cost = costs(*values)
    what = run(hours, len(values), in_one_piece=piece)
    plan = plan_run(what, cost, now_ms=NOW, done_h=0, is_running=False)
    assert plan is not None
    choices = [c for c in combinations(range(len(values)), hours) if not piece or c[-1] - c[0] == hours - 1]
    assert plan.cost == pytest.approx(min(3 * sum(values[i] for i in c) for c in choices))
    done, running = 0.0, False
    for i in range(len(values)):
        told = propose_run(what, cost, now_ms=NOW + i * HOUR_MS, done_h=done, is_running=running)
        running = told.value == 1.0
        done += running
    assert done == hours


def test_a_deadline_between_the_steps_is_kept() -> None:
    what, done, cost = run(2, 4.5), 0.0, costs(0.5, 0.5, 0.5, 0.4, 0.1)
    for quarter in range(18):
        told = propose_run(what, cost, now_ms=NOW + quarter * HOUR_MS // 4, done_h=done, is_running=False)
        done += 0.25 * (told.value == 1.0)
    assert done == 2


def test_carbon_at_a_price_moves_the_choice() -> None:
    price, carbon = costs(0.1, 0.11), costs(400, 100, kind=RateKind.EMISSION)
    assert blend(price, carbon, 100).values == pytest.approx((0.14, 0.12))
    assert blend(price, costs(math.nan, 100, kind=RateKind.EMISSION), 100).values == pytest.approx((0.1, 0.12))
    assert blend(price, None, 100) == price
    with pytest.raises(DomainError):
        blend(price, costs(1, kind=RateKind.EMISSION), 100)


ROOM = Store(setpoint(), 20.5, 23.0, capacity_kwh_k=5.0, time_constant_h=40.0, most_k=2.0)
CHEAP_THEN_DEAR = costs(*[0.1] * 6, *[0.4] * 4, *[0.2] * 14)


@pytest.mark.parametrize(
    ("cost", "hour", "is_warmed", "warms"),
    [
        (CHEAP_THEN_DEAR, 0, False, False),
        (CHEAP_THEN_DEAR, 3, False, False),
        (CHEAP_THEN_DEAR, 4, False, True),
        (CHEAP_THEN_DEAR, 5, False, True),
        (CHEAP_THEN_DEAR, 5, True, True),
        (CHEAP_THEN_DEAR, 6, True, False),
        (CHEAP_THEN_DEAR, 12, False, False),
        (costs(*[0.2] * 24), 5, False, False),
        (costs(*[0.2] * 6, *[0.205] * 4), 5, False, False),
        (costs(math.nan, 0.4), 0, False, False),
        (costs(0.05, 0.1, 0.1, 0.4, 0.4), 1, True, True),
    ],
    ids=[
        "too early", "still too early", "two hours ahead", "an hour ahead", "kept warm", "dear: it cools", "after",
        "flat", "not worth it", "unknown", "kept warm until the dear hours",
    ],
)  # fmt: skip
def test_when_a_room_is_warmed_ahead(*, cost: Vector, hour: int, is_warmed: bool, warms: bool) -> None:
    found = warm_ahead(ROOM, cost, 5.0, now_ms=NOW + hour * HOUR_MS, is_warmed=is_warmed)
    assert (found.kelvin > 0) is warms
    assert (found.saving > 0) is warms
    assert found.kelvin <= ROOM.most_k + 1e-9


def test_the_sentence_and_the_limits() -> None:
    five = NOW + 5 * HOUR_MS
    told = propose_warming(ROOM, CHEAP_THEN_DEAR, Input(5.0), Input(20.4), now_ms=five, is_warmed=False)
    assert told is not None
    assert told.value is not None
    assert 20.5 < told.value <= 22.5
    assert "0.10 EUR now and up to 0.40 EUR later; saves about" in told.why
    narrow = replace(ROOM, maximum_c=21.0)
    told = propose_warming(narrow, CHEAP_THEN_DEAR, Input(5.0), Input(20.4), now_ms=five, is_warmed=False)
    assert told is not None
    assert told.value == 21.0
    shut = replace(ROOM, maximum_c=20.5)
    for store, outdoor, indoor in ((ROOM, None, 20.4), (ROOM, 5.0, None), (ROOM, 25.0, 20.4), (shut, 5.0, 20.4)):
        assert (
            propose_warming(store, CHEAP_THEN_DEAR, Input(outdoor), Input(indoor), now_ms=five, is_warmed=False) is None
        )


def winter_day(cost: Vector, *, shifts: bool) -> tuple[float, float, float]:
    """Cost, lowest and highest temperature of a room with a thermostat over the costs, in steps of five minutes."""
    temperature, paid, low, high, warmed = 20.5, 0.0, 99.0, 0.0, False
    for start, end in pairwise(cost.edges_ms):
        for now in range(start, end, HOUR_MS // 12):
            told = propose_warming(ROOM, cost, Input(5.0), Input(temperature), now_ms=now, is_warmed=warmed)
            target = told.value if shifts and told is not None and told.value is not None else ROOM.target_c
            warmed = target > ROOM.target_c
            loss_kwh = ROOM.capacity_kwh_k * (temperature - 5.0) / ROOM.time_constant_h / 12
            want_kwh = (target - temperature) * ROOM.capacity_kwh_k + loss_kwh
            heat_kwh = min(max(want_kwh, 0.0), ROOM.capacity_kwh_k * ROOM.warm_up_k_h / 12 + loss_kwh)
            temperature += (heat_kwh - loss_kwh) / ROOM.capacity_kwh_k
            paid += heat_kwh * cost.at(now)
            low, high = min(low, temperature), max(high, temperature)
    return paid, low, high


def test_a_winter_day_costs_less_within_the_comfort_band() -> None:
    plain, _, _ = winter_day(CHEAP_THEN_DEAR, shifts=False)
    shifted, low, high = winter_day(CHEAP_THEN_DEAR, shifts=True)
    assert shifted < plain * 0.92
    assert low >= ROOM.target_c - 0.01
    assert high <= ROOM.maximum_c
    promised = warm_ahead(ROOM, CHEAP_THEN_DEAR, 5.0, now_ms=NOW + 5 * HOUR_MS, is_warmed=False).saving
    assert plain - shifted == pytest.approx(promised, rel=0.35)


def test_a_day_of_one_price_is_left_alone() -> None:
    flat = costs(*[0.2] * 24)
    assert winter_day(flat, shifts=True) == winter_day(flat, shifts=False)


@given(values=st.lists(st.floats(-0.2, 1), min_size=2, max_size=30), hour=st.integers(0, 29), warmed=st.booleans())
def test_a_room_is_never_warmed_beyond_its_bounds(*, values: list[float], hour: int, warmed: bool) -> None:
    now = NOW + hour * HOUR_MS
    told = propose_warming(ROOM, costs(*values), Input(5.0), Input(20.4), now_ms=now, is_warmed=warmed)
    if told is not None:
        assert told.value is not None
        assert ROOM.target_c < told.value <= min(ROOM.target_c + ROOM.most_k + 0.01, ROOM.maximum_c)


@pytest.mark.parametrize("changes", [{"hours": 0}, {"power_kw": 0}, {"ready_by_ms": NOW}])
def test_a_run_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        run(**changes)
