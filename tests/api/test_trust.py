"""Trust, advice and the switch over REST: who may, what is on record, and what is sent."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from core.commands import Command
from core.config.control import Control
from core.config.models import Building
from core.priority import Slot
from stores.registry import Advice, AdviceState, Role, TrustMode
from tests.api.conftest import LOCKED, NOW_MS, SETPOINT, World, problem

BUILDING = "/api/v1/buildings/torino/calvino"
TRUST, STOP, RELEASE, ADVICE = (f"{BUILDING}/{name}" for name in ("trust", "stop", "release", "advice"))
QUARTER_MS = 900_000


@pytest.fixture(autouse=True)
def controlled(world: World) -> World:
    """The library may be driven, as far as its configuration goes."""
    control = Control(mode="drive", setpoints=[SETPOINT.id])
    world.registry.put_building(Building(id="torino/calvino", name="Biblioteca", control=control))
    return world


@pytest.fixture
def administrator(server: object, world: World, viewer: httpx.Client) -> Iterator[httpx.Client]:
    secret = world.registry.create_key("ada", Role.ADMINISTRATOR, NOW_MS)
    with httpx.Client(base_url=viewer.base_url, headers={"X-API-Key": secret}) as client:
        yield client


def trust(client: httpx.Client, mode: str, point: str | None = None) -> httpx.Response:
    return client.post(TRUST, json={"mode": mode, "reason": "It made sense", "point": point})


def offer(world: World, name: str = "a1", state: AdviceState = AdviceState.WAITING) -> None:
    waits = state is AdviceState.WAITING
    advice = Advice(
        id=name, building="torino/calvino", point=SETPOINT.id, slot=12, value=20.5, strategy="setback",
        why="Occupied until 19:00.", effect="-2 kWh", model="towt v3", mode=TrustMode.SUPERVISE, state=state,
        since_ms=NOW_MS - QUARTER_MS, expires_ms=NOW_MS + 2 * QUARTER_MS if waits else None, lasts_ms=3 * QUARTER_MS,
    )  # fmt: skip
    world.registry.put_advice(begun=[advice], now_ms=NOW_MS)


def drive(world: World) -> None:
    """Something of control's is in force."""
    world.registry.set_trust("torino/calvino", TrustMode.DRIVE, by="ada", why="go", now_ms=NOW_MS - 1)
    command = Command("c1", SETPOINT.id, Slot.SUPERVISORY, 20.5, "control", "why", NOW_MS - 1, NOW_MS + QUARTER_MS)
    world.registry.queue_command(command)
    world.registry.mark_sent("c1", NOW_MS)


def newest(world: World) -> tuple[int, float | None, str, str]:
    command = world.registry.commands()[0].command
    return command.slot, command.value, command.by, command.why


class TestTrust:
    def test_everything_starts_in_advise(self, viewer: httpx.Client) -> None:
        body = viewer.get(TRUST).json()
        assert (body["ceiling"], body["mode"], body["effective"], body["stopped"]) == (
            "drive",
            "advise",
            "advise",
            None,
        )
        assert body["points"][1:] == [{"point": SETPOINT.id, "mode": "advise", "own": False, "effective": "advise"}]
        assert [p["point"] for p in body["points"]] == [LOCKED.id, SETPOINT.id]
        assert (body["history"], body["switch"]) == ([], [])

    def test_administrator_raises_on_record(self, administrator: httpx.Client, viewer: httpx.Client) -> None:
        assert trust(administrator, "supervise").status_code == 200
        answer = trust(administrator, "drive", SETPOINT.id).json()
        assert answer == viewer.get(TRUST).json()
        assert answer["effective"] == "supervise"
        assert answer["points"][1:] == [{"point": SETPOINT.id, "mode": "drive", "own": True, "effective": "supervise"}]
        assert answer["history"] == [
            {"time": "2026-01-13T23:00:00Z", "by": "ada", "reason": "It made sense", "point": point,
             "before": before, "after": after}
            for point, before, after in [(SETPOINT.id, "supervise", "drive"), (None, "advise", "supervise")]
        ]  # fmt: skip

    @pytest.mark.parametrize("mode", ["supervise", "drive"])
    def test_operator_does_not_raise(self, operator: httpx.Client, world: World, mode: str) -> None:
        assert problem(trust(operator, mode)) == (403, "not-permitted")
        assert problem(trust(operator, mode, SETPOINT.id)) == (403, "not-permitted")
        assert world.registry.trust_changes("torino/calvino") == []

    def test_operator_lowers_and_what_is_in_force_is_let_go(self, operator: httpx.Client, world: World) -> None:
        drive(world)
        assert trust(operator, "supervise").json()["effective"] == "supervise"
        assert world.registry.commands()[0].command.id == "c1"
        assert trust(operator, "advise").json()["effective"] == "advise"
        assert newest(world)[:3] == (Slot.SUPERVISORY, None, "control")
        assert world.queued

    @pytest.mark.parametrize("path", [TRUST, STOP, RELEASE, f"{ADVICE}/a1/approve"])
    def test_viewer_decides_nothing(self, viewer: httpx.Client, world: World, path: str) -> None:
        offer(world)
        body = {"reason": "?"} | ({"mode": "advise"} if path == TRUST else {})
        assert problem(viewer.post(path, json=body)) == (403, "not-permitted")

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"mode": "race", "reason": "?"}, (422, "request.invalid")),
            ({"mode": "off", "reason": "?"}, (422, "domain.invalid")),
            ({"mode": "drive", "reason": "  "}, (422, "request.invalid")),
            ({"mode": "drive"}, (422, "request.invalid")),
            ({"mode": "drive", "reason": "?", "point": "torino/calvino/gas"}, (404, "not-found")),
            ({"mode": "drive", "reason": "?", "point": "elsewhere/b/temperature"}, (404, "not-found")),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, administrator: httpx.Client, body: dict[str, str], expected: tuple[int, str]
    ) -> None:
        assert problem(administrator.post(TRUST, json=body)) == expected

    def test_nobody_goes_beyond_the_configuration(self, administrator: httpx.Client, world: World) -> None:
        for control in (Control(mode="supervise"), None):
            world.registry.put_building(Building(id="torino/calvino", control=control))
            assert problem(trust(administrator, "drive")) == (409, "conflict")
        assert trust(administrator, "drive").json()["ceiling"] == "off"

    @pytest.mark.parametrize("name", ["trust", "advice"])
    def test_unknown_building_is_not_found(self, viewer: httpx.Client, name: str) -> None:
        assert problem(viewer.get(f"/api/v1/buildings/torino/nothing/{name}")) == (404, "not-found")


class TestSwitch:
    def test_operator_stops_and_everything_of_ours_is_let_go(self, operator: httpx.Client, world: World) -> None:
        drive(world)
        person = Command("p1", SETPOINT.id, Slot.PERSON, 22.0, "anna", "cold", NOW_MS, NOW_MS + QUARTER_MS)
        world.registry.queue_command(person)
        answer = operator.post(STOP, json={"reason": "Smoke in the hall"})
        assert answer.status_code == 200
        assert answer.json()["stopped"] == {"time": "2026-01-13T23:00:00Z", "by": "anna", "reason": "Smoke in the hall"}
        assert (answer.json()["mode"], answer.json()["effective"]) == ("drive", "advise")
        assert newest(world) == (12, None, "control", "Control was stopped by anna: Smoke in the hall")
        assert [c.command.id for c in world.registry.commands() if c.command.slot == Slot.PERSON] == ["p1"]
        assert world.queued
        shown = operator.get(BUILDING).json()["control"]
        assert shown == {
            "ceiling": "drive",
            "mode": "drive",
            "effective": "advise",
            "stopped": answer.json()["stopped"],
        }

    def test_only_an_administrator_releases(self, operator: httpx.Client, administrator: httpx.Client) -> None:
        reason = {"reason": "Only toast"}
        assert problem(administrator.post(RELEASE, json=reason)) == (409, "conflict")
        operator.post(STOP, json={"reason": "Smoke"})
        assert problem(operator.post(RELEASE, json=reason)) == (403, "not-permitted")
        body = administrator.post(RELEASE, json=reason).json()
        assert body["stopped"] is None
        assert [(line["stopped"], line["by"], line["reason"]) for line in body["switch"]] == [
            (False, "ada", "Only toast"),
            (True, "anna", "Smoke"),
        ]
        assert operator.get(BUILDING).json()["control"]["stopped"] is None

    def test_a_stop_says_why(self, operator: httpx.Client, world: World) -> None:
        assert problem(operator.post(STOP, json={})) == (422, "request.invalid")
        assert problem(operator.post("/api/v1/buildings/torino/nothing/stop", json={"reason": "?"})) == (
            404,
            "not-found",
        )
        assert world.registry.stopped_buildings() == {}


class TestAdvice:
    def test_it_says_what_would_be_sent_and_why(self, viewer: httpx.Client, world: World) -> None:
        offer(world, state=AdviceState.ADVISED)
        (item,) = viewer.get(ADVICE).json()["items"]
        assert item == {
            "id": "a1", "point": SETPOINT.id, "slot": 12, "value": 20.5, "since": "2026-01-13T22:45:00Z",
            "strategy": "setback", "model": "towt v3", "why": "Occupied until 19:00.", "expected_effect": "-2 kWh",
            "mode": "advise", "state": "advised", "awaits_approval": False, "lapses": None, "approved_by": "",
            "approved": None, "approval_reason": "", "command": "", "ended": None,
        }  # fmt: skip

    def test_operator_approves_and_it_goes(
        self, operator: httpx.Client, administrator: httpx.Client, world: World
    ) -> None:
        trust(administrator, "supervise")
        offer(world)
        (waiting,) = operator.get(ADVICE).json()["items"]
        assert (waiting["mode"], waiting["state"], waiting["awaits_approval"], waiting["lapses"]) == (
            "supervise", "waiting", True, "2026-01-13T23:30:00Z",
        )  # fmt: skip
        answer = operator.post(f"{ADVICE}/a1/approve", json={"reason": "Fits the plan"})
        assert answer.status_code == 202
        body = answer.json()
        assert (body["state"], body["approved_by"], body["approved"], body["approval_reason"]) == (
            "approved", "anna", "2026-01-13T23:00:00Z", "Fits the plan",
        )  # fmt: skip
        command = operator.get(f"/api/v1/commands/{body['command']}").json()
        assert (command["slot"], command["value"], command["by"]) == (12, 20.5, "control")
        assert (command["origin_model"], command["expected_effect"]) == ("setback towt v3", "-2 kWh")
        assert command["why"] == "Occupied until 19:00. Approved by anna: Fits the plan"
        assert world.queued
        assert problem(operator.post(f"{ADVICE}/a1/approve")) == (409, "conflict")

    def test_without_a_body_it_is_a_yes_too(
        self, operator: httpx.Client, administrator: httpx.Client, world: World
    ) -> None:
        trust(administrator, "supervise")
        offer(world)
        assert operator.post(f"{ADVICE}/a1/approve").status_code == 202

    def test_what_lapsed_is_not_approved(
        self, operator: httpx.Client, administrator: httpx.Client, world: World
    ) -> None:
        trust(administrator, "supervise")
        offer(world)
        world.clock.advance(2 * QUARTER_MS)
        (item,) = operator.get(ADVICE).json()["items"]
        assert (item["state"], item["awaits_approval"]) == ("lapsed", False)
        assert problem(operator.post(f"{ADVICE}/a1/approve")) == (409, "conflict")
        assert world.registry.commands() == []

    def test_nothing_is_approved_while_control_is_stopped_or_advises(
        self, operator: httpx.Client, administrator: httpx.Client, world: World
    ) -> None:
        offer(world)
        assert operator.get(ADVICE).json()["items"][0]["awaits_approval"] is False
        assert problem(operator.post(f"{ADVICE}/a1/approve")) == (409, "conflict")
        trust(administrator, "supervise")
        operator.post(STOP, json={"reason": "Smoke"})
        assert problem(operator.post(f"{ADVICE}/a1/approve")) == (409, "conflict")
        assert world.registry.commands() == []

    def test_advice_of_another_building_is_not_found(self, operator: httpx.Client, world: World) -> None:
        world.registry.put_building(Building(id="torino/other"))
        offer(world)
        assert problem(operator.post("/api/v1/buildings/torino/other/advice/a1/approve")) == (404, "not-found")
        assert problem(operator.post(f"{ADVICE}/a9/approve")) == (404, "not-found")

    def test_history_goes_back_in_pages(self, viewer: httpx.Client, world: World) -> None:
        offer(world)
        for i in range(2, 5):
            world.registry.put_advice(ended={f"a{i - 1}": AdviceState.WITHDRAWN}, now_ms=NOW_MS)
            offer(world, f"a{i}")
        assert [a["id"] for a in viewer.get(ADVICE).json()["items"]] == ["a4"]
        seen, cursor = [], ""
        while cursor is not None:
            page = viewer.get(f"{ADVICE}?history=true&limit=3{cursor and '&cursor=' + cursor}").json()
            seen += [(a["id"], a["state"]) for a in page["items"]]
            cursor = page["next"]
        assert seen == [("a4", "waiting"), ("a3", "withdrawn"), ("a2", "withdrawn"), ("a1", "withdrawn")]
        assert viewer.get(f"{ADVICE}?point=torino/calvino/other/heating-setpoint").json()["items"] == []
