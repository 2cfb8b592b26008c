"""Shedding as tables, and a day of a small building with its meter: the limit, the order, the times, the comfort."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.demand_limit import (
    RESTORE_EVERY_S,
    Decision,
    Load,
    Memory,
    Sheddable,
    Window,
    decide,
    window_of_power,
    window_of_register,
)
from control.view import Input
from core.calendar import HOUR_MS, MINUTE_MS
from core.errors import DomainError
from core.points import Limits, Point
from core.priority import Slot

START = 1_768_400_100_000 // 900_000 * 900_000
QUARTER = 15 * MINUTE_MS


def sheddable(rank: int, kw: float = 10.0, **changes: Any) -> Sheddable:
    point = Point(f"torino/calvino/load-{rank}", "On_Off_Command", "1", limits=Limits(0, 30, 1))
    return replace(Sheddable(point, 0.0, rank, kw), **changes)


FOUR = [Load(sheddable(rank)) for rank in (1, 2, 3, 4)]


def window(power_kw: float, minutes: float = 0.0, mean_kw: float | None = None) -> Window:
    used = (power_kw if mean_kw is None else mean_kw) * minutes / 60
    return Window(START, START + QUARTER, START + int(minutes * MINUTE_MS), used, power_kw)


def ask(power_kw: float, minutes: float = 0.0, memory: Memory | None = None, **changes: Any) -> Decision:
    now = window(power_kw, minutes, changes.pop("mean_kw", None))
    given = {"loads": FOUR, "now_ms": now.now_ms} | changes
    return decide(100.0, given.pop("window", now), given.pop("loads"), memory or Memory(), **given)


def shed(decision: Decision) -> list[str]:
    return [p.point.id[-1] for p in decision.proposals if p.value is not None]


@pytest.mark.parametrize(
    ("power_kw", "minutes", "mean_kw", "expected"),
    [
        (90, 0, None, ""),
        (97, 0, None, ""),
        (105, 0, None, "1"),
        (115, 0, None, "12"),
        (200, 0, None, "1234"),
        (105, 10, 80, ""),
        (105, 10, 110, "1234"),
        (105, 10, 98, "1"),
        (60, 14.9, 99, ""),
    ],
    ids=[
        "below", "below with the guard", "a little above", "more above", "all there is", "a light window bears it",
        "a heavy window does not", "just", "nearly over",
    ],
)  # fmt: skip
def test_what_is_shed(power_kw: float, minutes: float, mean_kw: float | None, expected: str) -> None:
    decision = ask(power_kw, minutes, mean_kw=mean_kw)
    assert "".join(shed(decision)) == expected
    assert {p.slot for p in decision.proposals} == {Slot.DEMAND_LIMIT}
    assert len(decision.proposals) == 4
    assert all(p.why.endswith(".") for p in decision.proposals)


def test_the_sentence_says_what_is_projected_and_what_is_missing() -> None:
    decision = ask(200)
    assert "200 kW, 100 kW is the limit" in decision.proposals[0].why
    assert decision.projected_kw == pytest.approx(200)
    assert decision.short_kw == pytest.approx(200 - 40 - 98)
    assert ask(90).short_kw == 0
    assert set(decision.until_ms.values()) == {START + HOUR_MS}
    assert ask(90).until_ms == {}


SHED = Memory({load.id: START - 10 * MINUTE_MS for load in FOUR})


def test_loads_come_back_in_reverse_order_one_at_a_time() -> None:
    memory, order, now = SHED, [], START
    for _ in range(30):
        before = set(memory.shed)
        decision = decide(100.0, replace(window(20), now_ms=now), FOUR, memory, now_ms=now)
        memory = decision.memory
        order += [(name[-1], now) for name in before - set(memory.shed)]
        now += 30_000
    assert [name for name, _ in order] == ["4", "3", "2", "1"]
    assert all(b - a >= RESTORE_EVERY_S * 1000 for (_, a), (_, b) in pairwise(order))


@pytest.mark.parametrize(("power_kw", "comes_back"), [(79, True), (81, False), (95, False)])
def test_a_load_comes_back_only_with_room(*, power_kw: float, comes_back: bool) -> None:
    assert (len(ask(power_kw, memory=SHED).memory.shed) == 3) is comes_back


def test_a_light_window_is_no_reason_to_overload_the_next() -> None:
    assert len(ask(85, 12, memory=SHED, mean_kw=40).memory.shed) == 4


def test_a_pause_is_kept() -> None:
    memory = Memory({FOUR[0].id: START - 4 * MINUTE_MS})
    assert shed(ask(20, memory=memory)) == ["1"]
    assert shed(ask(20, 1.0, memory=memory)) == []


@pytest.mark.parametrize(("minutes_ago", "stays"), [(58, True), (59, True), (59.5, False), (70, False), (-1, False)])
def test_nothing_is_shed_longer_than_it_may(*, minutes_ago: float, stays: bool) -> None:
    memory = Memory({FOUR[0].id: START - int(minutes_ago * MINUTE_MS)})
    decision = ask(200, memory=memory)
    assert ("1" in shed(decision)) is stays
    again = ask(200, 1.0, memory=decision.memory)
    assert ("1" in shed(again)) is (minutes_ago == 58), "what came back rests"


def room(temperature: Input | float, **changes: Any) -> Load:
    measured = temperature if isinstance(temperature, Input) else Input(temperature)
    return Load(sheddable(1, low=20.0, high=26.0, **changes), measured)


@pytest.mark.parametrize(
    ("temperature", "starts", "stays"),
    [(21.0, True, True), (20.4, False, True), (20.05, False, False), (19.0, False, False), (25.0, True, True),
     (26.5, False, False), (Input(None, "no reading for 75 min"), False, False)],
)  # fmt: skip
def test_comfort_comes_before_the_limit(*, temperature: Input | float, starts: bool, stays: bool) -> None:
    load = room(temperature)
    assert bool(shed(ask(200, loads=[load]))) is starts
    decision = ask(200, loads=[load], memory=Memory({load.id: START - MINUTE_MS}))
    assert bool(shed(decision)) is stays
    assert stays or "Let go" in decision.proposals[0].why


def test_without_a_meter_everything_comes_back_at_once() -> None:
    decision = ask(0, memory=SHED, window=None)
    assert (shed(decision), decision.memory.shed, decision.projected_kw) == ([], {}, None)
    assert all("meter" in p.why for p in decision.proposals)


def test_a_load_that_is_no_more_configured_is_forgotten() -> None:
    assert ask(20, memory=Memory({"torino/calvino/gone": START})).memory.shed == {}


@pytest.mark.parametrize(
    "changes", [{"expected_kw": 0.0}, {"least_shed_s": 4000}, {"shed_value": 31.0}, {"rest_s": -1}]
)
def test_a_load_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        sheddable(1, **changes)


class TestWindow:
    def test_a_power_meter(self) -> None:
        samples = [(START - MINUTE_MS, 60.0), (START + MINUTE_MS, 120.0), (START + 3 * MINUTE_MS, 30.0)]
        found = window_of_power(samples, now_ms=START + 5 * MINUTE_MS)
        assert found is not None
        assert (found.start_ms, found.end_ms, found.power_kw) == (START, START + QUARTER, 30.0)
        assert found.energy_kwh == pytest.approx((60 + 120 * 2 + 30 * 2) / 60)
        assert found.projected_kw == pytest.approx((60 + 240 + 60 + 300) / 15)

    def test_a_total(self) -> None:
        samples = [(START + i * MINUTE_MS, 500 + i * 1.5) for i in range(-2, 6)]
        found = window_of_register(samples, now_ms=START + 5 * MINUTE_MS + 10_000)
        assert found is not None
        assert found.power_kw == pytest.approx(90)
        assert found.projected_kw == pytest.approx(90)

    @pytest.mark.parametrize(
        "samples",
        [[], [(START - QUARTER, 60.0)], [(START, 60.0), (START + 4 * MINUTE_MS, 60.0)], [(START + HOUR_MS, 1.0)],
         [(START + 4 * MINUTE_MS, float("nan"))]],
        ids=["none", "old", "a hole", "of the future", "no number"],
    )  # fmt: skip
    def test_no_meter(self, samples: list[tuple[int, float]]) -> None:
        assert window_of_power(samples, now_ms=START + 5 * MINUTE_MS) is None

    def test_a_total_that_was_reset(self) -> None:
        samples = [(START, 500.0), (START + MINUTE_MS, 501.0), (START + 2 * MINUTE_MS, 0.0)]
        assert window_of_register(samples, now_ms=START + 2 * MINUTE_MS) is None
        assert window_of_register(samples[:1], now_ms=START) is None


def day(seed: int, hours: int = 12) -> tuple[list[float], list[float], list[tuple[int, str, bool]], float]:
    """Means of the windows without and with the limit, all switchings, and the coldest that a shed room became."""
    dice = random.Random(seed)
    loads = [
        Load(sheddable(1, 15, longest_shed_s=1800)),
        Load(sheddable(2, 12, longest_shed_s=2700, least_shed_s=600)),
        Load(sheddable(3, 20, low=20.0), Input(22.0)),
        Load(sheddable(4, 15)),
    ]
    base, temperature, memory, samples, switched = 45.0, 22.0, Memory(), [], []
    free, held, coldest = [0.0] * (hours * 4), [0.0] * (hours * 4), temperature
    for minute in range(hours * 60):
        now = START + minute * MINUTE_MS
        peak = 30 if (minute // 60) % 6 in (2, 3) and minute % 60 < 40 else 0
        base += dice.uniform(-2, 2) + 0.1 * (45 - base)
        is_shed = {load.id for load in loads} & memory.shed.keys()
        power = base + peak + sum(load.sheddable.expected_kw for load in loads if load.id not in is_shed) * 0.75
        temperature += (-0.03 if loads[2].id in is_shed else 0.02) * (1 if temperature < 22.5 else -0.5)
        coldest = min(coldest, temperature)
        free[minute // 15] += (base + peak + 62 * 0.75) / 15
        held[minute // 15] += power / 15
        samples = [*samples[-20:], (now, power)]
        loads[2] = replace(loads[2], measured=Input(temperature))
        before = set(memory.shed)
        memory = decide(100.0, window_of_power(samples, now_ms=now), loads, memory, now_ms=now).memory
        switched += [(now, name, True) for name in memory.shed.keys() - before]
        switched += [(now, name, False) for name in before - memory.shed.keys()]
    return free, held, switched, coldest


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_day_stays_below_the_limit_and_within_every_time(seed: int) -> None:
    free, held, switched, coldest = day(seed)
    assert max(free) > 110
    assert max(held) < max(free) - 8
    assert sum(mean > 101 for mean in held) <= 0.35 * sum(mean > 101 for mean in free)
    assert coldest >= 20.0
    longest = {1: 1800, 2: 2700, 3: 3600, 4: 3600}
    least = {1: 300, 2: 600, 3: 0, 4: 300}
    for name in {name for _, name, _ in switched}:
        mine = [(at, on) for at, n, on in switched if n == name]
        assert all(a[1] != b[1] for a, b in pairwise(mine))
        for (begin, on), (end, _) in pairwise(mine):
            rank = int(name[-1])
            if on:
                assert least[rank] * 1000 <= end - begin <= longest[rank] * 1000
            else:
                assert end - begin >= 1800 * 1000


@settings(deadline=None)
@given(
    turns=st.lists(
        st.tuples(st.integers(1, 300), st.floats(0, 300), st.floats(18, 24), st.booleans()), min_size=1, max_size=60
    )
)
def test_whatever_is_measured_and_however_late(turns: list[tuple[int, float, float, bool]]) -> None:
    loads = [Load(sheddable(1, longest_shed_s=900)), room(22.0, longest_shed_s=1200), Load(sheddable(3))]
    loads[1] = replace(loads[1], sheddable=replace(loads[1].sheddable, point=sheddable(2).point, rank=2))
    memory, now, since = Memory(), START, dict[str, int]()
    for wait_s, power_kw, temperature, is_metered in turns:
        now += wait_s * 1000
        assert all(now - since[load.id] <= load.sheddable.longest_shed_s * 1000 for load in loads if load.id in since)
        loads[1] = replace(loads[1], measured=Input(temperature))
        seen = window_of_power([(now, power_kw)], now_ms=now) if is_metered else None
        decision = decide(100.0, seen, loads, memory, now_ms=now, next_decision_s=300)
        memory = decision.memory
        told = {p.point.id: p.value for p in decision.proposals}
        assert {name for name, value in told.items() if value is not None} == set(memory.shed)
        assert is_metered or not memory.shed
        assert temperature > 20 or loads[1].id not in memory.shed
        since = {name: since.get(name, now) for name in memory.shed}
        assert since == memory.shed
