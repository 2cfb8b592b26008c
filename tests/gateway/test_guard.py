"""The guard's decisions as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands import Command, Outcome
from core.config.models import FrostProtection
from core.points import Limits, Plausible
from core.priority import Entry, PriorityArray
from gateway.guard import Force, Wait, in_force, is_plausible, is_stale, judge, lasts_until, needs_protection, next_move

NOW = 1_700_000_000_000
MINUTE = 60_000
LIMITS = Limits(5, 26, 18)
STEPPED = Limits(25, 75, 40, max_step=5, min_interval_s=300)
SETPOINT = "torino/calvino/hall/heating-setpoint"
FROST = FrostProtection(sensor="torino/calvino/hall/temperature", setpoint=SETPOINT, below=6, value=12)


def command(value: float | None = 20, slot: int = 12, issued_ms: int = NOW - 1, expires_ms: int = NOW + 1) -> Command:
    return Command("c", SETPOINT, slot, value, "control", "optimum start", issued_ms, expires_ms)


@pytest.mark.parametrize(
    ("asked", "options", "outcome", "reason"),
    [
        (command(), {}, None, ""),
        (command(5), {}, None, ""),
        (command(26), {}, None, ""),
        (command(None), {}, None, ""),
        (command(4.999), {}, Outcome.REJECTED, "outside of the limits 5 to 26"),
        (command(26.001), {}, Outcome.REJECTED, "outside of the limits"),
        (command(float("nan")), {}, Outcome.REJECTED, "outside of the limits"),
        (command(float("inf")), {}, Outcome.REJECTED, "outside of the limits"),
        (command(expires_ms=NOW), {}, Outcome.EXPIRED, "expired"),
        (command(None, expires_ms=NOW), {}, Outcome.EXPIRED, "expired"),
        *((command(slot=slot), {}, Outcome.REJECTED, "commands take") for slot in (1, 3, 4, 5, 6, 7, 9, 11, 13, 15)),
        *((command(None, slot=slot), {}, Outcome.REJECTED, "commands take") for slot in (1, 5, 9)),
        (command(), {"limits": None}, Outcome.REJECTED, "does not drive"),
        (command(), {"read_only": True}, Outcome.REJECTED, "read-only"),
        (command(), {"newest_issued_ms": NOW}, Outcome.SUPERSEDED, "issued later"),
        (command(None), {"newest_issued_ms": NOW}, Outcome.SUPERSEDED, "issued later"),
        (command(), {"newest_issued_ms": NOW - 1}, None, ""),
        (command(), {"newest_issued_ms": NOW + 300_000}, Outcome.SUPERSEDED, "issued later"),
        (command(), {"newest_issued_ms": NOW + 300_001}, None, ""),
        (command(), {"stale": "no temperature"}, Outcome.REJECTED, "no temperature"),
        (command(slot=10), {"stale": "no temperature"}, Outcome.REJECTED, "no temperature"),
        (command(slot=8), {"stale": "no temperature"}, None, ""),
        (command(None), {"stale": "no temperature"}, None, ""),
    ],
)
def test_judge(asked: Command, options: dict[str, object], outcome: Outcome | None, reason: str) -> None:
    refusal = judge(asked, **{"limits": LIMITS, "now_ms": NOW, **options})  # type: ignore[arg-type] # a table's options
    assert (refusal.outcome if refusal else None) == outcome
    assert reason in (refusal.reason if refusal else "")


@pytest.mark.parametrize(
    ("current", "target", "changed_ms", "move"),
    [
        (40, Force(12, 42), None, 42),
        (40, Force(12, 40.04), None, None),
        (40, Force(12, 60), None, 45),
        (60, Force(12, 40), None, 55),
        (40, Force(12, 45), None, 45),
        (90, Force(12, 40), None, 75),
        (10, Force(12, 40), None, 25),
        (40, Force(12, 42), NOW - 299_999, Wait(NOW + 1)),
        (40, Force(12, 42), NOW - 300_000, 42),
        (40, Force(8, 42), NOW - 1000, Wait(NOW + 299_000)),
        (40, Force(16, 42), NOW - 1000, Wait(NOW + 299_000)),
        (40, Force(2, 42), NOW - 1000, 42),
        (40, Force(12, 42), NOW + 9_999_999, 42),
        (42, Force(12, 42), NOW - 1000, None),
    ],
)
def test_next_move(current: float, target: Force, changed_ms: int | None, move: float | Wait | None) -> None:
    assert next_move(current, target, STEPPED, 0.05, now_ms=NOW, changed_ms=changed_ms) == move


@pytest.mark.parametrize(
    ("slots", "force"),
    [
        ({}, Force(16, 17)),
        ({12: Entry(21, "control", "", NOW + 1, "c")}, Force(12, 21, "c")),
        ({12: Entry(21, "control", "", NOW, "c")}, Force(16, 17)),
        ({12: Entry(21, "control", "", NOW + 1, "c"), 8: Entry(23, "anna", "", NOW + 1, "p")}, Force(8, 23, "p")),
        ({2: Entry(12, "gateway", "", NOW + 1), 8: Entry(5, "anna", "", NOW + 1, "p")}, Force(2, 12)),
    ],
)
def test_the_strongest_entry_is_in_force_and_the_schedule_beneath(slots: dict[int, Entry], force: Force) -> None:
    assert in_force(PriorityArray(slots), 17, NOW) == force


@pytest.mark.parametrize(
    ("temperature", "otherwise", "engaged", "protects"),
    [
        (5.9, 5, False, True),
        (6.0, 5, False, False),
        (6.9, 5, True, True),
        (7.0, 5, True, False),
        (3.0, 20, False, False),
        (3.0, 12, False, False),
        (None, 5, True, False),
        (None, 5, False, False),
    ],
)
def test_frost_protection(temperature: float | None, otherwise: float, engaged: bool, protects: bool) -> None:  # noqa: FBT001 - a table
    assert needs_protection(FROST, temperature, otherwise, engaged=engaged) is protects


def test_silence_is_stale_only_after_its_time() -> None:
    assert not is_stale(NOW - 30 * MINUTE, NOW, 1800)
    assert is_stale(NOW - 30 * MINUTE - 1, NOW, 1800)


@pytest.mark.parametrize(
    ("value", "plausible", "believed"),
    [
        (-127.0, None, True),
        (-127.0, Plausible(minimum=-10, maximum=45), False),
        (-10.0, Plausible(minimum=-10, maximum=45), True),
        (45.0, Plausible(minimum=-10, maximum=45), True),
        (85.0, Plausible(minimum=-10), True),
        (85.0, Plausible(maximum=45), False),
    ],
)
def test_only_what_a_sensor_can_read_is_believed(value: float, plausible: Plausible | None, *, believed: bool) -> None:
    assert is_plausible(value, plausible) is believed


@given(expires_ms=st.integers(0, 10**13), life_ms=st.integers(0, 10**10), now_ms=st.integers(0, 10**13))
def test_nothing_lasts_longer_than_its_life_whatever_the_clocks_say(expires_ms: int, life_ms: int, now_ms: int) -> None:
    until_ms = lasts_until(expires_ms, life_ms, now_ms)
    assert until_ms <= expires_ms
    assert until_ms - now_ms <= life_ms
    assert until_ms == expires_ms or expires_ms > now_ms + life_ms
