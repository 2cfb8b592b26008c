"""The priority array."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from core.priority import SLOTS, Entry, PriorityArray, Slot


def entry(value: float, expires_ms: int | None = 1000) -> Entry:
    return Entry(value, "test", "because", expires_ms)


def test_the_lowest_occupied_slot_wins() -> None:
    array = PriorityArray().put(Slot.SCHEDULE, entry(16, None)).put(Slot.SUPERVISORY, entry(19))
    assert array.winner(0) == (12, entry(19))
    assert array.put(Slot.PERSON, entry(22)).winner(0) == (8, entry(22))


def test_relinquishing_falls_to_the_next() -> None:
    array = PriorityArray().put(12, entry(19)).put(8, entry(22))
    assert array.relinquish(8).winner(0) == (12, entry(19))
    assert array.relinquish(8).relinquish(12).winner(0) is None


def test_an_entry_counts_until_just_before_it_expires() -> None:
    array = PriorityArray().put(8, entry(22, 1000)).put(16, entry(16, None))
    assert array.winner(999) == (8, entry(22, 1000))
    assert array.winner(1000) == (16, entry(16, None))


def test_only_the_schedule_may_stay_for_ever() -> None:
    with pytest.raises(DomainError):
        PriorityArray().put(8, entry(22, None))


@pytest.mark.parametrize("slot", [0, 17, -1])
def test_there_are_sixteen_slots(slot: int) -> None:
    with pytest.raises(DomainError):
        PriorityArray().put(slot, entry(1))


@given(st.lists(st.tuples(st.sampled_from(SLOTS), st.floats(0, 30), st.integers(1, 100))), st.integers(0, 110))
def test_the_winner_is_the_lowest_that_has_not_expired(puts: list[tuple[int, float, int]], now_ms: int) -> None:
    array = PriorityArray()
    for slot, value, expires_ms in puts:
        array = array.put(slot, entry(value, expires_ms))
    last = {slot: (value, expires_ms) for slot, value, expires_ms in puts}
    alive = sorted(slot for slot, (_, expires_ms) in last.items() if expires_ms > now_ms)
    winner = array.winner(now_ms)
    assert (winner[0] if winner else None) == (alive[0] if alive else None)
    kept, gone = array.expire(now_ms)
    assert sorted(kept.slots) == alive
    assert sorted([*kept.slots, *gone]) == sorted(last)
