"""Work items in the registry: one of a cause while it goes on; what people say stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.errors import ConflictError, DomainError, NotFoundError
from stores.registry import Registry, WorkItem, WorkNote, WorkState


def item(name: str = "w1", **changes: Any) -> WorkItem:
    usual = {
        "id": name, "building": "torino/calvino", "cause": "envelope", "state": WorkState.OPEN, "since_ms": 1,
        "evaluated_ms": 2, "evaluations": 2, "updated_ms": 3, "evidence": {"kwh": 900.0, "eur": None},
    }  # fmt: skip
    return WorkItem(**usual | changes)


def test_is_kept_brought_up_to_date_and_listed(registry: Registry) -> None:
    registry.put_work_items([item(), item("w2", cause="setpoint", state=WorkState.SUSPECTED)])
    first = registry.work_item("w1")
    assert first == item(sequence=1)
    registry.acknowledge_work_item("w1", by="anna", why="the window is ordered", now_ms=5)
    registry.put_work_items([item(evidence={"kwh": 950.0}, updated_ms=9)])
    kept = registry.work_item("w1")
    assert kept is not None
    assert (kept.evidence, kept.acknowledged_by, kept.acknowledged_ms, kept.sequence) == ({"kwh": 950.0}, "anna", 5, 1)
    assert [i.id for i in registry.work_items()] == ["w2", "w1"]
    assert [i.id for i in registry.work_items("torino/calvino", state=WorkState.OPEN)] == ["w1"]
    assert [i.id for i in registry.work_items(after=2)] == ["w1"]
    assert registry.work_items(ongoing=False) == registry.work_items("torino/other") == []
    assert registry.work_item("w9") is None


def test_a_cause_has_one_item_while_it_goes_on(registry: Registry) -> None:
    registry.put_work_items([item()])
    with pytest.raises(ConflictError):
        registry.put_work_items([item("w2")])
    registry.put_work_items([item("w3", building="torino/other")])
    registry.put_work_items([item(state=WorkState.CLOSED, ongoing=False, closed_why="gone", closed_ms=9)])
    registry.put_work_items([item("w2")])
    assert [i.id for i in registry.work_items("torino/calvino", ongoing=True)] == ["w2"]


def test_a_person_closes_with_a_note_and_an_evaluation_does_not_open_it(registry: Registry) -> None:
    registry.put_work_items([item()])
    closed = registry.close_work_item("w1", by="anna", why="it is listed", now_ms=7)
    assert (closed.state, closed.closed_by, closed.closed_why, closed.closed_ms, closed.ongoing) == (
        WorkState.CLOSED, "anna", "it is listed", 7, True,
    )  # fmt: skip
    with pytest.raises(ConflictError):  # an evaluation that had read it before
        registry.put_work_items([item(updated_ms=8)])
    registry.put_work_items([msgspec.structs.replace(closed, evidence={"kwh": 1.0})])
    assert registry.work_item("w1") == msgspec.structs.replace(closed, evidence={"kwh": 1.0})
    with pytest.raises(ConflictError, match="it is listed"):
        registry.close_work_item("w1", by="bruno", why="again", now_ms=9)
    registry.acknowledge_work_item("w1", by="bruno", why="seen", now_ms=10)
    assert registry.work_notes("w1") == [
        WorkNote(7, "anna", "closed", "it is listed"), WorkNote(10, "bruno", "acknowledged", "seen"),
    ]  # fmt: skip


def test_who_says_nothing_or_of_nothing_is_refused(registry: Registry) -> None:
    registry.put_work_items([item()])
    with pytest.raises(DomainError):
        registry.close_work_item("w1", by="anna", why=" ", now_ms=1)
    with pytest.raises(DomainError):
        registry.acknowledge_work_item("w1", by="", why="x", now_ms=1)
    with pytest.raises(NotFoundError):
        registry.acknowledge_work_item("w9", by="anna", why="x", now_ms=1)
    assert registry.work_notes("w1") == []
