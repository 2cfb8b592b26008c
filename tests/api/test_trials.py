"""Trials over REST: planned, started, stopped and evaluated, by those who may."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.commands import Command, Outcome, Result
from core.config.models import Building
from core.priority import Slot
from stores.registry import Registry
from tests.api.conftest import DAY_MS, GAS, OUTDOOR, SETPOINT, World, problem

# The day after the world's now.
NEW = {
    "building": "torino/calvino",
    "start": "2026-01-15",
    "end": "2026-02-12",
    "seed": 5,
    "reason": "What is it worth?",
}


def planned(operator: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = operator.post("/api/v1/trials", json=NEW | changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert operator.get(answer.headers["location"]).json() == body
    return body


def test_a_trial_is_planned_started_and_stopped(operator: httpx.Client, viewer: httpx.Client) -> None:
    body = planned(operator)
    assert (body["state"], body["unit"], body["by"], body["washout_h"], body["seed"]) == (
        "planned",
        "day",
        "anna",
        6,
        5,
    )
    assert body["start"] == "2026-01-15T00:00:00+01:00"
    assert sum(block["is_on"] for block in body["blocks"]) == 14
    started = operator.post(f"/api/v1/trials/{body['id']}/start").json()
    assert (started["state"], started["started_by"]) == ("running", "anna")
    assert problem(operator.post("/api/v1/trials", json=NEW)) == (409, "conflict")
    stopped = operator.post(f"/api/v1/trials/{body['id']}/stop", json={"reason": "a pipe broke"}).json()
    assert (stopped["state"], stopped["ended_reason"], stopped["ended_by"]) == ("aborted", "a pipe broke", "anna")
    assert viewer.get("/api/v1/trials?building=torino/calvino").json()["items"] == [stopped]
    assert viewer.get("/api/v1/trials?building=torino/other").json()["items"] == []
    assert problem(operator.post(f"/api/v1/trials/{body['id']}/start")) == (409, "conflict")


def test_time_alone_ends_a_trial(operator: httpx.Client, world: World) -> None:
    body = planned(operator)
    world.clock.advance_to(world.clock.now_ms() + 60 * DAY_MS)
    assert operator.get(f"/api/v1/trials/{body['id']}").json()["ended_reason"] == "Nobody started it."
    assert planned(operator, start="2026-04-01", end="2026-04-29")["state"] == "planned"


def test_seeds_are_drawn_when_nobody_gives_one(operator: httpx.Client) -> None:
    first = planned(operator, seed=None)
    operator.post(f"/api/v1/trials/{first['id']}/stop", json={"reason": "again"})
    assert planned(operator, seed=None)["seed"] != first["seed"]


def test_the_evaluation_names_the_saving_and_who_disturbed(operator: httpx.Client, world: World) -> None:
    body = planned(operator)
    operator.post(f"/api/v1/trials/{body['id']}/start")
    drive(world.registry, body["id"])
    metered(world.registry, world, body["id"])
    early = operator.get(f"/api/v1/trials/{body['id']}/evaluation").json()
    assert early["state"] == "running"
    assert not early["meters"][0]["may_claim"]
    world.clock.advance_to(world.clock.now_ms() + 40 * DAY_MS)
    found = operator.get(f"/api/v1/trials/{body['id']}/evaluation").json()
    assert (found["trial"], found["state"]) == (body["id"], "ended")
    (gas,) = found["meters"]
    assert (gas["meter"], gas["may_claim"], gas["reasons"], gas["excluded"]) == (GAS.id, True, [], [])
    assert gas["saving"]["share_low"] < 0.2 < gas["saving"]["share_high"]
    assert gas["saving"]["share"] == pytest.approx(0.2, abs=0.03)
    assert gas["saving"] == gas["intention_to_treat"]
    assert (gas["adjusted_by"], list(found["missing"])) == ("weather and calendar", ["torino/calvino/el"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"end": "2026-01-15"}, 422), ({"start": "2026-01-10"}, 422), ({"unit": "hour"}, 422), ({"reason": " "}, 422),
        ({"unit": "week", "end": "2026-02-11"}, 422), ({"building": "torino/nothing"}, 404), ({"seed": -1}, 422),
        ({"washout_h": 13}, 422),
    ],
)  # fmt: skip
def test_a_trial_without_sense_is_refused(operator: httpx.Client, changes: dict[str, Any], status: int) -> None:
    assert problem(operator.post("/api/v1/trials", json=NEW | changes))[0] == status
    assert operator.get("/api/v1/trials").json()["items"] == []


def test_who_reads_may_not_plan(viewer: httpx.Client) -> None:
    for path, body in (("", NEW), ("/x/start", {}), ("/x/stop", {"reason": "r"})):
        assert problem(viewer.post(f"/api/v1/trials{path}", json=body))[0] == 403
    for path in ("/x", "/x/evaluation"):
        assert problem(viewer.get(f"/api/v1/trials{path}"))[0] == 404


def drive(registry: Registry, trial_id: str) -> None:
    """Commands of control in each block that is on."""
    value = registry.trial(trial_id)
    assert value is not None
    for block in value.plan.blocks:
        if block.is_on:
            at_ms = block.start_ms + 8 * HOUR_MS
            name = f"c{at_ms}"
            registry.queue_command(
                Command(name, SETPOINT.id, Slot.SUPERVISORY, 19.0, "control", "x", at_ms, at_ms + HOUR_MS)
            )
            registry.record_result(Result(name, SETPOINT.id, Outcome.APPLIED, at_ms + 1))


def metered(registry: Registry, world: World, trial_id: str) -> None:
    """Gas that follows the weather, and a fifth less with control."""
    value = registry.trial(trial_id)
    assert value is not None
    registry.put_building(
        Building(id="torino/calvino", meters=[GAS.id, "torino/calvino/el"], outdoor_temperature=OUTDOOR.id)
    )
    times = np.arange(value.plan.start_ms, value.plan.end_ms + HOUR_MS, HOUR_MS)
    rng = np.random.default_rng(1)
    outdoor = 4 + 4 * np.sin(times / DAY_MS) + rng.normal(0, 1, len(times))
    driven = np.array([(b := value.plan.block_at(t)) is not None and b.is_on for t in times.tolist()])
    used = (20 + 2 * (16 - outdoor) + rng.normal(0, 1, len(times))) * np.where(driven, 0.8, 1)
    register = 1_000 + np.concatenate([[0], np.cumsum(used)[:-1]])
    for point, values in ((OUTDOOR, outdoor), (GAS, register)):
        world.store.write([(point.id, t, v, 0) for t, v in zip(times.tolist(), values.tolist(), strict=True)])
