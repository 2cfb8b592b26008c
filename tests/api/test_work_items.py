"""Work items over REST."""

from __future__ import annotations

import httpx

from stores.registry import WorkItem, WorkState
from tests.api.conftest import NOW_MS, World, problem


def found(name: str, cause: str, state: WorkState = WorkState.OPEN) -> WorkItem:
    return WorkItem(
        id=name, building="torino/calvino", cause=cause, state=state, since_ms=NOW_MS - 9, evaluated_ms=NOW_MS - 5,
        evaluations=2, updated_ms=NOW_MS - 1,
        evidence={"kwh": 900.0, "low_kwh": 500.0, "high_kwh": 1300.0, "eur": None, "advice": "Look."},
    )  # fmt: skip


def test_items_are_listed_acknowledged_and_closed(operator: httpx.Client, viewer: httpx.Client, world: World) -> None:
    world.registry.put_work_items([found("w1", "envelope"), found("w2", "setpoint", WorkState.CORRECTED)])
    body = viewer.get("/api/v1/work-items?building=torino/calvino&limit=1").json()
    (item,) = body["items"]
    assert (item["id"], item["cause"], item["state"], item["kwh"], item["eur"]) == (
        "w2",
        "setpoint",
        "corrected",
        900,
        None,
    )
    rest = viewer.get(f"/api/v1/work-items?limit=1&cursor={body['next']}").json()
    assert ([i["id"] for i in rest["items"]], rest["next"]) == (["w1"], None)
    assert [i["id"] for i in viewer.get("/api/v1/work-items?state=open").json()["items"]] == ["w1"]
    assert viewer.get("/api/v1/work-items?ongoing=false").json()["items"] == []
    seen = operator.post("/api/v1/work-items/w1/acknowledge", json={"reason": "ordered"}).json()
    assert (seen["state"], seen["acknowledged_by"], seen["notes"][0]["reason"]) == ("open", "anna", "ordered")
    closed = operator.post("/api/v1/work-items/w1/close", json={"reason": "mended"}).json()
    assert (closed["state"], closed["closed_by"], closed["closed_reason"], closed["ongoing"]) == (
        "closed", "anna", "mended", True,
    )  # fmt: skip
    assert [n["what"] for n in closed["notes"]] == ["acknowledged", "closed"]
    assert viewer.get("/api/v1/work-items/w1").json() == closed
    assert problem(operator.post("/api/v1/work-items/w1/close", json={"reason": "again"})) == (409, "conflict")


def test_what_cannot_be_is_refused(operator: httpx.Client, viewer: httpx.Client) -> None:
    assert problem(viewer.get("/api/v1/work-items/w9"))[0] == 404
    assert problem(operator.post("/api/v1/work-items/w9/close", json={"reason": "x"}))[0] == 404
    assert problem(operator.post("/api/v1/work-items/w9/close", json={"reason": " "}))[0] == 422
    assert problem(viewer.post("/api/v1/work-items/w9/close", json={"reason": "x"}))[0] == 403
    assert problem(viewer.post("/api/v1/work-items/w9/acknowledge", json={"reason": "x"}))[0] == 403
    assert problem(viewer.get("/api/v1/work-items?state=lost"))[0] == 422
