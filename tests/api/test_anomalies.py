"""Anomalies over REST: filtered, paged, acknowledged by people who may, counted for Prometheus."""

from __future__ import annotations

import httpx
import pytest

from stores.registry import AnomalyRecord
from tests.api.conftest import GAS, START_MS, World, problem

HOUR_MS = 3_600_000


@pytest.fixture
def told(world: World) -> World:
    """Two open events and one that is over."""
    evidence = {"expected": 10.0, "actual": 14.0, "unit": "kW.h", "hours": 20, "excess_kwh": 80.0, "cost_eur": None,
                "confidence": 0.8, "explanation": "The whole level lies 40 % above."}  # fmt: skip

    def event(name: str, kind: str, building: str = "torino/calvino", end_ms: int | None = None) -> AnomalyRecord:
        return AnomalyRecord(
            id=name, building=building, subject=GAS.id, kind=kind, start_ms=START_MS, opened_ms=START_MS + HOUR_MS,
            updated_ms=START_MS + 2 * HOUR_MS, end_ms=end_ms, closing="returned" if end_ms else "", evidence=evidence,
        )  # fmt: skip

    world.registry.put_anomalies(
        [event("a1", "level_shift"), event("a2", "spike", end_ms=START_MS + HOUR_MS), event("a3", "drift", "torino/b")]
    )
    return world


def names(client: httpx.Client, query: str) -> list[str]:
    return [item["id"] for item in client.get(f"/api/v1/anomalies?{query}").json()["items"]]


def test_anomaly_shows_its_evidence(viewer: httpx.Client, told: World) -> None:
    body = viewer.get("/api/v1/anomalies/a1").json()
    assert (body["kind"], body["state"], body["excess_kwh"], body["cost_eur"]) == ("level_shift", "open", 80.0, None)
    assert body["since"] == "2026-01-11T23:00:00Z"
    assert (body["ended"], body["acknowledgements"]) == (None, [])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a3", "a2", "a1"]),
        ("building=torino/calvino", ["a2", "a1"]),
        ("state=open", ["a3", "a1"]),
        ("state=closed", ["a2"]),
        ("kind=drift", ["a3"]),
        ("kind=stuck", []),
    ],
)
def test_anomalies_are_filtered_last_found_first(
    viewer: httpx.Client, told: World, query: str, expected: list[str]
) -> None:
    assert names(viewer, query) == expected


def test_pages_go_through_all(viewer: httpx.Client, told: World) -> None:
    first = viewer.get("/api/v1/anomalies?limit=2").json()
    assert names(viewer, f"limit=2&cursor={first['next']}") == ["a1"]


def test_operator_acknowledges_and_every_line_stays(operator: httpx.Client, told: World) -> None:
    for reason in ("New tenant", "Still there"):
        answer = operator.post("/api/v1/anomalies/a1/acknowledge", json={"reason": reason})
        assert answer.status_code == 200
    body = operator.get("/api/v1/anomalies/a1").json()
    assert body["acknowledged_by"] == "anna"
    assert [(line["by"], line["why"]) for line in body["acknowledgements"]] == [
        ("anna", "New tenant"),
        ("anna", "Still there"),
    ]
    assert body["state"] == "open"


def test_who_may_not_or_asks_for_nothing_is_told_so(viewer: httpx.Client, operator: httpx.Client, told: World) -> None:
    reason = {"reason": "?"}
    assert problem(viewer.post("/api/v1/anomalies/a1/acknowledge", json=reason)) == (403, "not-permitted")
    assert problem(operator.post("/api/v1/anomalies/zz/acknowledge", json=reason)) == (404, "not-found")
    assert problem(operator.post("/api/v1/anomalies/a1/acknowledge", json={"reason": " "})) == (422, "request.invalid")
    assert problem(viewer.get("/api/v1/anomalies/zz")) == (404, "not-found")
    assert problem(viewer.get("/api/v1/anomalies?kind=nonsense")) == (422, "request.invalid")


def test_open_ones_are_counted_for_prometheus(viewer: httpx.Client, told: World) -> None:
    text = viewer.get("/metrics").text
    assert 'promessa_anomalies_open{kind="level_shift"} 1.0' in text
    assert 'promessa_anomalies_open{kind="spike"} 0.0' in text
