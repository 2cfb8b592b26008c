"""Anomalies in the registry: one row an event however often it is found, and every acknowledgement kept."""

from __future__ import annotations

import pytest

from core.errors import NotFoundError
from stores.registry import Acknowledgement, AnomalyRecord, Registry, WatchRecord


def event(name: str = "a1", **changes: object) -> AnomalyRecord:
    values = {
        "id": name, "building": "s/b", "subject": "s/b/el", "kind": "spike", "start_ms": 1_000, "opened_ms": 2_000,
        "updated_ms": 2_000, "evidence": {"excess_kwh": 12.5, "cost_eur": None},
    }  # fmt: skip
    return AnomalyRecord(**values | changes)


def test_event_found_again_is_the_same_row_brought_up_to_date(registry: Registry) -> None:
    registry.put_anomalies([event()])
    registry.acknowledge_anomaly("a1", "anna", "known", 5_000)
    registry.put_anomalies([event(updated_ms=9_000, end_ms=8_000, closing="returned")])
    (kept,) = registry.anomalies()
    assert (kept.updated_ms, kept.end_ms, kept.closing, kept.is_open) == (9_000, 8_000, "returned", False)
    assert kept.acknowledged_by == "anna"
    assert kept.evidence == {"excess_kwh": 12.5, "cost_eur": None}


def test_events_are_found_by_building_subject_kind_state_and_time_newest_first(registry: Registry) -> None:
    registry.put_anomalies(
        [
            event("a1"),
            event("a2", kind="stuck", end_ms=3_000),
            event("a3", building="s/c", subject="s/c/gas", updated_ms=7_000),
        ]
    )

    def names(*where: str, **how: object) -> list[str]:
        return [a.id for a in registry.anomalies(*where, **how)]

    assert names() == ["a3", "a2", "a1"]
    assert names("s/b") == ["a2", "a1"]
    assert names(None, "s/c/gas") == ["a3"]
    assert names(kind="stuck") == ["a2"]
    assert names(is_open=True) == ["a3", "a1"]
    assert names(is_open=False) == ["a2"]
    assert names(start_ms=2_000) == ["a3"]
    first = registry.anomalies(limit=2)
    assert names(limit=2, after=first[-1].sequence) == ["a1"]
    assert registry.count_open_anomalies() == {"spike": 2}


def test_putting_nothing_changes_nothing(registry: Registry) -> None:
    registry.put_anomalies([])
    assert registry.anomalies() == []
    assert registry.anomaly("a1") is None


def test_every_acknowledgement_stays(registry: Registry) -> None:
    registry.put_anomalies([event()])
    registry.acknowledge_anomaly("a1", "anna", "the pump was tested", 5_000)
    kept = registry.acknowledge_anomaly("a1", "bruno", "and again", 6_000)
    assert (kept.acknowledged_by, kept.acknowledged_ms) == ("bruno", 6_000)
    assert registry.acknowledgements("a1") == [
        Acknowledgement(5_000, "anna", "the pump was tested"),
        Acknowledgement(6_000, "bruno", "and again"),
    ]


def test_unknown_event_cannot_be_acknowledged(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="nothing"):
        registry.acknowledge_anomaly("nothing", "anna", "?", 5_000)
    assert registry.acknowledgements("nothing") == []


def test_watch_comes_back_as_it_was_left(registry: Registry) -> None:
    assert registry.watch("s/b/el") is None
    registry.put_watch("s/b/el", WatchRecord("towt v1", 1_000, b"\x00\x01"))
    later = WatchRecord("towt v2", 2_000, b"\x02")
    registry.put_watch("s/b/el", later)
    assert registry.watch("s/b/el") == later
