"""Promises and rates are kept by operators and never lost; curves answer for every carrier."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import World, problem

PROMISE = {
    "building": "torino/calvino",
    "carrier": "gas",
    "kind": "contract",
    "valid_from": "2025-10-01",
    "kwh": [160_000],
    "source": "EPC 2024/17",
}
RATE = {"site": "torino", "carrier": "gas", "kind": "price", "year": 2025, "value": 0.11, "source": "ARERA 2025"}


def test_a_promise_is_kept_as_versions_and_shown_in_the_curves(
    viewer: httpx.Client, operator: httpx.Client, world: World
) -> None:
    assert operator.post("/api/v1/promises", json=PROMISE).json()["version"] == 1
    second = operator.post("/api/v1/promises", json=PROMISE | {"kwh": [12_000.0] * 12})
    assert (second.status_code, second.json()["version"], second.json()["even"]) == (201, 2, False)
    kept = viewer.get("/api/v1/promises?building=torino/calvino").json()["items"]
    assert [p["version"] for p in kept] == [2, 1]
    assert sum(kept[1]["monthly_kwh"]) == pytest.approx(160_000)
    body = viewer.get("/api/v1/curves?building=torino/calvino&start=2025-11-01&end=2026-01-01").json()
    (gas,) = body["carriers"]
    assert gas["promise"] == "contract v2: EPC 2024/17"
    assert [s["promised_kwh"] for s in gas["steps"]] == [12_000, 12_000]
    assert {g["first"] for g in gas["gaps"]} == {"actual", "predicted"}
    assert "torino/calvino/gas" in body["missing"]


def test_rates_hold_for_a_site_or_everywhere(viewer: httpx.Client, operator: httpx.Client) -> None:
    for rate in (RATE, RATE | {"site": "", "value": 0.1}, RATE | {"value": 0.12}):
        assert operator.post("/api/v1/rates", json=rate).status_code == 201
    kept = viewer.get("/api/v1/rates?site=torino").json()["items"]
    assert [(r["site"], r["value"], r["version"]) for r in kept] == [
        ("torino", 0.12, 2),
        ("", 0.1, 1),
        ("torino", 0.11, 1),
    ]


def test_viewers_promise_nothing(viewer: httpx.Client) -> None:
    assert problem(viewer.post("/api/v1/promises", json=PROMISE)) == (403, "not-permitted")
    assert problem(viewer.post("/api/v1/rates", json=RATE)) == (403, "not-permitted")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"kwh": [1.0, 2.0]}, 422),
        ({"kwh": [-1.0]}, 422),
        ({"source": " "}, 422),
        ({"kind": "hope"}, 422),
        ({"building": "torino/elsewhere"}, 404),
    ],
    ids=["two figures", "negative", "no source", "no such kind", "no such building"],
)
def test_what_is_no_promise_is_refused(operator: httpx.Client, change: dict[str, object], status: int) -> None:
    assert operator.post("/api/v1/promises", json=PROMISE | change).status_code == status
