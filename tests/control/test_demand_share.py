"""A demand limit of which only some loads may be shed: those bear it, and of the others it is said what they would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.demand_limit import Decision, Memory, decide
from control.demand_share import decide_with
from core.calendar import MINUTE_MS
from tests.control.test_demand_limit import FOUR, START, shed, window

IDS = {load.id[-1]: load.id for load in FOUR}


def ask(power_kw: float, acting: str, memory: Memory | None = None, minutes: float = 0.0) -> Decision:
    now = window(power_kw, minutes)
    return decide_with(100.0, now, FOUR, memory or Memory(), {IDS[key] for key in acting}, now_ms=now.now_ms)


def held(**since_min: float) -> Memory:
    return Memory({IDS[key[1:]]: START + int(minute * MINUTE_MS) for key, minute in since_min.items()})


@pytest.mark.parametrize(
    ("power_kw", "acting", "expected", "short_kw"),
    [
        (90, "1234", "", 0),
        (105, "1234", "1", 0),
        (105, "234", "2", 0),
        (105, "4", "4", 0),
        (115, "4", "41", 7),
        (125, "4", "412", 17),
        (115, "34", "34", 0),
        (115, "", "12", 0),
        (150, "", "1234", 12),
        (150, "12", "1234", 32),
    ],
)
def test_only_what_may_be_shed_counts(power_kw: float, acting: str, expected: str, short_kw: float) -> None:
    found = ask(power_kw, acting)
    assert shed(found) == list(expected)
    assert found.short_kw == pytest.approx(short_kw)
    assert set(found.until_ms) == {IDS[key] for key in expected}
    assert {p.point.id for p in found.proposals} == set(IDS.values())


def test_what_was_only_said_does_not_spread_to_all_loads() -> None:
    """Nothing is shed, so that the meter goes on to show all of it."""
    memory, told = Memory(), []
    for minute in range(12):
        found = ask(115.0, "", memory, minute)
        told.append("".join(shed(found)))
        memory = found.memory
    assert set(told) == {"12"}


def test_it_comes_back_in_the_reckoning_when_the_peak_is_over() -> None:
    memory = held(l1=0.0, l2=0.0)
    assert shed(ask(105.0, "", memory, 8)) == ["1", "2"], "with both it would be too much"
    found = ask(75.0, "", memory, 8)
    assert shed(found) == ["1"]
    assert found.proposals[1].why.startswith("Let go: with it demand stays below")


def test_who_is_approved_counts_from_when_it_was_told() -> None:
    found = ask(105.0, "1", held(l1=0.0), 4)
    assert found.memory.shed[IDS["1"]] == START
    assert found.until_ms[IDS["1"]] == START + 3_600_000


def test_without_a_meter_all_are_let_go() -> None:
    found = decide_with(100.0, None, FOUR, held(l1=0.0, l3=0.0), {IDS["1"]}, now_ms=START + MINUTE_MS)
    assert shed(found) == []
    assert set(found.memory.released) == {IDS["1"], IDS["3"]}


@given(power_kw=st.floats(0, 200), minutes=st.floats(0, 14.9), ages=st.lists(st.floats(0, 90), max_size=4))
def test_where_all_may_be_shed_nothing_else_is_decided(power_kw: float, minutes: float, ages: list[float]) -> None:
    memory = Memory({load.id: START - int(age * MINUTE_MS) for load, age in zip(FOUR, ages, strict=False)})
    now = window(power_kw, minutes)
    assert ask(power_kw, "1234", memory, minutes) == decide(100.0, now, FOUR, memory, now_ms=now.now_ms)


@given(power_kw=st.floats(0, 200), minutes=st.floats(0, 14.9), acting=st.sets(st.sampled_from("1234")))
def test_who_may_not_be_shed_changes_nothing_for_who_may(power_kw: float, minutes: float, acting: set[str]) -> None:
    now, real = window(power_kw, minutes), [load for load in FOUR if load.id[-1] in acting]
    found = ask(power_kw, "".join(acting), minutes=minutes)
    alone = decide(100.0, now, real, Memory(), now_ms=now.now_ms)
    assert [p for p in found.proposals if p.point.id[-1] in acting] == list(alone.proposals)
