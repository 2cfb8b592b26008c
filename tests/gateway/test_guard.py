"""The guard's decisions as tables."""

from __future__ import annotations

import pytest

from core.commands import Command, Outcome
from core.config.models import FrostProtection
from core.points import Limits
from core.priority import Entry, PriorityArray
from gateway.guard import Force, Wait, in_force, is_stale, judge, needs_protection, next_move

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
        (command(slot=1), {}, Outcome.REJECTED, "above the gateway's own protection"),
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
