"""Policies and tariffs over HTTP: entered by operators, read by anybody, resolved at a time."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import problem

LAW = {
    "id": "law-e", "scope": "torino", "rank": "law", "issued": "2013-04-16", "valid_from": "2013-07-12",
    "source": "DPR 74/2013, zone E", "season": {"from": "10-15", "to": "04-16"},
    "hours": [{"from": "05:00", "to": "23:00"}], "hours_per_day": 14.0, "heating_maximum_c": 22.0,
}  # fmt: skip
EXTENDS = {
    "id": "o-17", "scope": "torino/calvino", "rank": "ordinance", "issued": "2026-04-14", "valid_from": "2026-04-16",
    "valid_to": "2026-04-23", "source": "Ordinance 17/2026", "heating": "allowed", "hours_per_day": 7.0,
}  # fmt: skip
TARIFF = {
    "id": "city", "scope": "torino", "carrier": "electricity", "kind": "price", "valid_from": "2026-01-01",
    "source": "contract 7", "schedule": {
        "default": 0.15, "blocks": [{"days": ["mon", "wed"], "from": "08:00", "to": "19:00", "value": 0.25}],
    },
}  # fmt: skip


def enter(client: httpx.Client, policy: dict[str, Any], **changes: Any) -> httpx.Response:
    return client.post("/api/v1/policies", json={"policy": policy | changes, "why": "zone E"})


def in_force(client: httpx.Client, at: str) -> dict[str, Any]:
    answer = client.get("/api/v1/policies/in-force", params={"building": "torino/calvino", "at": at})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_ordinance_is_entered_holds_and_is_ended(operator: httpx.Client, viewer: httpx.Client) -> None:
    assert enter(operator, LAW).status_code == 201
    kept = enter(operator, EXTENDS).json()
    assert (kept["version"], kept["by"], kept["why"], kept["heating"]) == (1, "anna", "zone E", "allowed")
    holds = in_force(viewer, "2026-04-20T12:00")
    assert (holds["heating"], holds["hours_per_day"]["value"]) == ("allowed", 7)
    assert "Ordinance 17/2026" in holds["heating_source"]
    assert holds["heating_maximum_c"]["value"] == 22
    assert in_force(viewer, "2026-04-23T00:00")["heating"] == "forbidden"
    assert in_force(viewer, "2026-01-14T03:00")["in_hours"] is False
    ended = operator.post("/api/v1/policies/o-17/end", json={"on": "2026-04-18", "why": "it got warm"})
    assert (ended.status_code, ended.json()["version"]) == (200, 2)
    assert in_force(viewer, "2026-04-20T12:00")["heating"] == "forbidden"
    versions = viewer.get("/api/v1/policies/o-17").json()["items"]
    assert [(v["version"], v["valid_to"]) for v in versions] == [(2, "2026-04-18"), (1, "2026-04-23")]
    listed = viewer.get("/api/v1/policies", params={"scope": "torino/calvino"}).json()["items"]
    assert [(p["id"], p["season"]) for p in listed] == [("law-e", LAW["season"]), ("o-17", None)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"scope": "milano"}, 409),
        ({"scope": "torino/nowhere"}, 404),
        ({"scope": "Torino"}, 409),
        ({"source": ""}, 422),
        ({"season": {"from": "13-40", "to": "04-16"}}, 422),
        ({"hours": [{"from": "23:00", "to": "05:00"}]}, 422),
        ({"heating": "allowed"}, 422),
        ({"heating_maximum_c": 80.0}, 422),
        ({"exempt": ["lunch"]}, 422),
        ({"surprise": 1}, 422),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(operator: httpx.Client, changes: dict[str, Any], status: int) -> None:
    assert problem(enter(operator, LAW, **changes))[0] == status
    assert operator.get("/api/v1/policies").json()["items"] == []


def test_only_operators_write(viewer: httpx.Client) -> None:
    assert problem(enter(viewer, LAW))[0] == 403
    assert problem(viewer.post("/api/v1/policies/law-e/end", json={"on": "2026-04-18", "why": "w"}))[0] == 403
    assert problem(viewer.post("/api/v1/tariffs", json={"tariff": TARIFF, "why": "w"}))[0] == 403
    body = {"scope": "torino", "source": "x", "csv": "time,price\n2026-01-14T00:00Z,0.1\n"}
    assert problem(viewer.post("/api/v1/tariffs/day-ahead", json=body))[0] == 403


def test_what_is_not_there(viewer: httpx.Client, operator: httpx.Client) -> None:
    assert problem(viewer.get("/api/v1/policies/none"))[0] == 404
    assert problem(viewer.get("/api/v1/policies/in-force", params={"building": "torino/nowhere"}))[0] == 404
    assert problem(operator.post("/api/v1/policies/none/end", json={"on": "2026-04-18", "why": "w"}))[0] == 404


def hourly(client: httpx.Client, **params: str) -> list[dict[str, Any]]:
    usual = {"scope": "torino/calvino", "start": "2026-01-14T07:00", "end": "2026-01-14T10:00"}
    answer = client.get("/api/v1/tariffs/hourly", params=usual | params)
    assert answer.status_code == 200, answer.text
    steps: list[dict[str, Any]] = answer.json()["steps"]
    return steps


def test_prices_hour_by_hour(operator: httpx.Client, viewer: httpx.Client) -> None:
    assert [s["value"] for s in hourly(viewer)] == [None] * 3
    kept = operator.post("/api/v1/tariffs", json={"tariff": TARIFF, "why": "new contract"})
    assert (kept.status_code, kept.json()["version"]) == (201, 1)
    assert [s["value"] for s in hourly(viewer)] == [0.15, 0.25, 0.25]
    body = {
        "scope": "torino",
        "source": "exchange",
        "unit": "EUR/MWh",
        "csv": "time,price\n2026-01-14T09:00+01:00,90\n",
    }
    imported = operator.post("/api/v1/tariffs/day-ahead", json=body)
    assert (imported.status_code, imported.json()["values"], imported.json()["by"]) == (201, 1, "anna")
    steps = hourly(viewer)
    assert [(s["value"], s["source"]) for s in steps] == [
        (0.15, "contract 7"),
        (0.25, "contract 7"),
        (0.09, "exchange"),
    ]
    assert steps[0]["start"] == "2026-01-14T07:00:00+01:00"
    assert [s["value"] for s in hourly(viewer, kind="emission")] == [None] * 3
    listed = viewer.get("/api/v1/tariffs", params={"scope": "torino"}).json()["items"]
    assert [t["schedule"]["blocks"][0]["from"] for t in listed] == ["08:00"]


def test_a_file_that_is_wrong_says_where(operator: httpx.Client) -> None:
    body = {"scope": "torino", "source": "exchange", "csv": "time,price\n2026-01-14T09:00,0.1\n"}
    answer = operator.post("/api/v1/tariffs/day-ahead", json=body)
    assert problem(answer)[0] == 422
    assert "line 2, column time" in answer.json()["detail"]


def test_steps_are_quarters_or_hours_and_not_too_many(viewer: httpx.Client) -> None:
    for params in ({"step": "day"}, {"end": "2030-01-01"}, {"end": "2026-01-01"}):
        usual = {"scope": "torino", "start": "2026-01-14"}
        assert problem(viewer.get("/api/v1/tariffs/hourly", params=usual | params))[0] == 422
