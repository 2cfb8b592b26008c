"""What was asked of a building lately."""

import pytest

from control.arbiter import BY
from control.ledger import Ledger
from core.commands import Command, Outcome, Result
from core.priority import Slot
from stores.registry import Registry
from tests.control.views import setpoint

NOW = 1_768_380_000_000
HOUR = 3_600_000
POINT = setpoint().id


def put(
    registry: Registry, name: str, value: float | None, outcome: Outcome | None = Outcome.APPLIED, *, slot: int = 12,
    at_ms: int = NOW, lasts_ms: int = HOUR, by: str = BY,
) -> None:  # fmt: skip
    registry.queue_command(Command(name, POINT, slot, value, by, "Because.", at_ms, at_ms + lasts_ms))
    if outcome is not None:
        registry.record_result(Result(name, POINT, outcome, at_ms))


def read(registry: Registry, now_ms: int = NOW) -> Ledger:
    ledger = Ledger(registry, "torino/calvino")
    ledger.refresh(now_ms)
    return ledger


@pytest.mark.parametrize(
    ("outcome", "live", "rejected"),
    [
        (None, True, False),
        (Outcome.APPLIED, True, False),
        (Outcome.REJECTED, False, True),
        (Outcome.FAILED, False, True),
        (Outcome.SUPERSEDED, False, False),
    ],
)
def test_our_newest_command_stands(registry: Registry, outcome: Outcome | None, *, live: bool, rejected: bool) -> None:
    put(registry, "old", 16.0)
    put(registry, "new", 20.5, outcome)
    standing = read(registry).standing(POINT)
    assert standing is not None
    assert (standing.value, standing.is_live, standing.is_rejected) == (20.5, live, rejected)


@pytest.mark.parametrize(
    ("person", "held"),
    [
        ([], False),
        ([("p", 22.0, Outcome.APPLIED)], True),
        ([("p", 22.0, None)], True),
        ([("p", 22.0, Outcome.REJECTED)], False),
        ([("p", 22.0, Outcome.APPLIED), ("q", None, Outcome.APPLIED)], False),
        ([("p", 22.0, Outcome.APPLIED), ("q", 30.0, Outcome.REJECTED)], True),
        ([("p", 22.0, Outcome.APPLIED), ("q", 24.0, Outcome.FAILED)], False),
        ([("p", 22.0, Outcome.APPLIED), ("q", 24.0, Outcome.FAILED), ("r", 24.0, None)], True),
    ],
    ids=[
        "nobody",
        "in force",
        "on its way",
        "refused",
        "released",
        "a second one refused",
        "a second one failed",
        "a second one tried again",
    ],
)
def test_a_stronger_slot_holds_a_point(
    registry: Registry, person: list[tuple[str, float | None, Outcome | None]], *, held: bool
) -> None:
    for name, value, outcome in person:
        put(registry, name, value, outcome, slot=8, by="anna")
    put(registry, "ours", 20.5)
    assert read(registry).is_held(POINT, NOW) == held
    assert not read(registry).is_held(POINT, NOW + HOUR)


def test_a_long_override_is_not_forgotten_among_many_commands(registry: Registry) -> None:
    put(registry, "p", 22.0, slot=8, by="anna", lasts_ms=200 * HOUR)
    ledger = read(registry)
    for i in range(100):
        put(registry, f"c{i}", 20.0 + i % 2, at_ms=NOW + i * HOUR)
        ledger.refresh(NOW + i * HOUR)
    assert ledger.is_held(POINT, NOW + 100 * HOUR)
    assert read(registry, NOW + 100 * HOUR).is_held(POINT, NOW + 100 * HOUR)


def test_an_open_command_is_followed_to_its_end_behind_newer_ones(registry: Registry) -> None:
    put(registry, "p", 22.0, outcome=None, slot=8, by="anna", lasts_ms=200 * HOUR)
    ledger = read(registry)
    for i in range(60):
        put(registry, f"c{i}", 20.0 + i % 2, at_ms=NOW + i)
    registry.record_result(Result("p", POINT, Outcome.REJECTED, NOW + 100))
    ledger.refresh(NOW + 100)
    assert not ledger.is_held(POINT, NOW + 100)


def test_commands_of_other_hands_in_our_slot_are_not_ours(registry: Registry) -> None:
    put(registry, "x", 20.5, by="somebody")
    assert read(registry).standing(POINT) is None


def test_an_override_from_a_clock_that_was_ahead_holds_no_longer_than_it_was_meant_to(registry: Registry) -> None:
    put(registry, "p", 22.0, outcome=None, slot=8, by="anna", at_ms=NOW + 24 * HOUR, lasts_ms=2 * HOUR)
    registry.record_result(Result("p", POINT, Outcome.APPLIED, NOW))
    put(registry, "ours", 20.5, at_ms=NOW)
    assert read(registry).is_held(POINT, NOW + HOUR)
    assert not read(registry, NOW + 2 * HOUR).is_held(POINT, NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("slot", "by", "holds_supervisory", "holds_limit"),
    [(8, "anna", True, True), (10, "grid operator", True, False), (10, BY, False, False), (12, BY, False, False)],
    ids=["a person", "somebody else's demand limit", "our demand limit", "ourselves"],
)
def test_what_holds_which_of_our_slots(
    registry: Registry, slot: int, by: str, *, holds_supervisory: bool, holds_limit: bool
) -> None:
    put(registry, "x", 16.0, slot=slot, by=by)
    ledger = read(registry)
    assert ledger.is_held(POINT, NOW) == holds_supervisory
    assert ledger.is_held(POINT, NOW, Slot.DEMAND_LIMIT) == holds_limit


def test_each_slot_of_a_point_stands_for_itself(registry: Registry) -> None:
    put(registry, "limit", 16.0, slot=10)
    put(registry, "ours", 20.5)
    ledger = read(registry)
    limit, ours = ledger.standing(POINT, Slot.DEMAND_LIMIT), ledger.standing(POINT)
    assert limit is not None
    assert ours is not None
    assert (limit.value, ours.value) == (16.0, 20.5)
