"""A person's overrides and releases, and the record of all commands."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.commands import Command, Outcome, Result
from tests.api.conftest import GAS, LOCKED, NOW_MS, SETPOINT, World, problem

BODY = {"point": SETPOINT.id, "value": 21.5, "reason": "Evening lecture"}
HOUR_MS = 3_600_000


def command(command_id: str, slot: int = 12, **changes: object) -> Command:
    values = {
        "id": command_id, "point": SETPOINT.id, "slot": slot, "value": 19.0, "by": "control", "why": "night",
        "issued_ms": NOW_MS, "expires_ms": NOW_MS + HOUR_MS,
    }  # fmt: skip
    return Command(**values | changes)


def test_override_is_queued_in_the_persons_slot(operator: httpx.Client, world: World) -> None:
    answer = operator.post("/api/v1/commands", json=BODY)
    assert answer.status_code == 202
    (queued,) = world.registry.queued_commands()
    assert (queued.point, queued.slot, queued.value, queued.by) == (SETPOINT.id, 8, 21.5, "anna")
    assert (queued.why, queued.issued_ms, queued.expires_ms) == ("Evening lecture", NOW_MS, NOW_MS + 2 * HOUR_MS)
    assert answer.headers["location"] == f"/api/v1/commands/{queued.id}"
    assert operator.get(answer.headers["location"]).json() | {"history": []} == answer.json() | {"history": []}
    assert world.queued == [1]


@pytest.mark.parametrize(
    ("more", "expires_ms"),
    [
        ({"duration_s": 600}, NOW_MS + 600_000),
        ({"duration_s": 7 * 86_400}, NOW_MS + 7 * 24 * HOUR_MS),
        ({"expires": "2026-01-14T06:00:00+01:00"}, NOW_MS + 6 * HOUR_MS),
    ],
)
def test_override_expires_when_the_person_says(
    operator: httpx.Client, world: World, more: dict[str, object], expires_ms: int
) -> None:
    assert operator.post("/api/v1/commands", json=BODY | more).status_code == 202
    assert world.registry.queued_commands()[0].expires_ms == expires_ms


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"value": 26.01}, (422, "command.outside-limits")),
        ({"value": 4.99}, (422, "command.outside-limits")),
        ({"point": GAS.id}, (409, "command.not-driven")),
        ({"point": LOCKED.id, "value": 40}, (409, "command.not-driven")),
        ({"point": "torino/calvino/nothing"}, (404, "not-found")),
        ({"value": None}, (422, "request.invalid")),
        ({"reason": "   "}, (422, "request.invalid")),
        ({"duration_s": 0}, (422, "request.invalid")),
        ({"duration_s": 7 * 86_400 + 1}, (422, "request.invalid")),
        ({"expires": "2026-01-13T00:00:00Z"}, (422, "request.invalid")),
        ({"expires": "2026-01-22T00:00:00Z"}, (422, "request.invalid")),
        ({"expires": "2026-01-15T00:00:00"}, (422, "request.invalid")),
        ({"expires": "2026-01-15T00:00:00Z", "duration_s": 600}, (422, "request.invalid")),
        ({"slot": 2}, (422, "request.invalid")),
    ],
)
def test_override_of_no_use_is_refused_and_nothing_is_queued(
    operator: httpx.Client, world: World, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    assert problem(operator.post("/api/v1/commands", json=BODY | changes)) == expected
    assert world.registry.commands() == []
    assert world.queued == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"value": NaN}', b"\xff", b'{"value": 1e999}'])
def test_body_that_is_no_override_is_refused(operator: httpx.Client, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    status, code = problem(operator.post("/api/v1/commands", content=content, headers=headers))
    assert (status in (400, 422), code) == (True, "request.invalid")


def test_refusal_names_the_limits(operator: httpx.Client) -> None:
    body = operator.post("/api/v1/commands", json=BODY | {"value": 30}).json()
    assert (body["minimum"], body["maximum"], body["unit"]) == (5, 26, "Cel")


def test_same_idempotency_key_is_one_command(operator: httpx.Client, world: World) -> None:
    headers = {"Idempotency-Key": "lecture-17"}
    first = operator.post("/api/v1/commands", json=BODY, headers=headers)
    world.clock.advance(5_000)
    again = operator.post("/api/v1/commands", json=BODY, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert len(world.registry.commands()) == 1


def test_idempotency_key_of_another_request_is_refused(operator: httpx.Client, world: World) -> None:
    headers = {"Idempotency-Key": "lecture-17"}
    operator.post("/api/v1/commands", json=BODY, headers=headers)
    answer = operator.post("/api/v1/commands", json=BODY | {"value": 22}, headers=headers)
    assert problem(answer) == (422, "command.idempotency-key-reused")
    assert len(world.registry.commands()) == 1


def test_release_relinquishes_the_persons_slot(operator: httpx.Client, world: World) -> None:
    operator.post("/api/v1/commands", json=BODY | {"duration_s": 7 * 86_400})
    override = world.registry.queued_commands()[0]
    world.registry.mark_sent(override.id, NOW_MS)
    answer = operator.post("/api/v1/commands/release", json={"point": SETPOINT.id, "reason": "cancelled"})
    assert answer.status_code == 202
    (queued,) = world.registry.queued_commands()
    assert (queued.slot, queued.value, queued.why) == (8, None, "cancelled")
    assert queued.expires_ms >= override.expires_ms


def test_release_of_what_is_not_driven_is_refused(operator: httpx.Client) -> None:
    answer = operator.post("/api/v1/commands/release", json={"point": GAS.id, "reason": "x"})
    assert problem(answer) == (409, "command.not-driven")


def test_command_shows_its_history(viewer: httpx.Client, world: World) -> None:
    world.registry.queue_command(command("c1"), "towt v3", "-2 kWh by noon")
    world.registry.mark_sent("c1", NOW_MS + 1_000)
    world.registry.record_result(Result("c1", SETPOINT.id, Outcome.APPLIED, NOW_MS + 2_000, read_back=19.0))
    world.registry.record_result(Result("c1", SETPOINT.id, Outcome.FAILED, NOW_MS + 3_000, "late"))
    body = viewer.get("/api/v1/commands/c1").json()
    assert (body["state"], body["read_back"], body["origin_model"]) == ("applied", 19.0, "towt v3")
    assert [(e["state"], e["counted"]) for e in body["history"]] == [
        ("queued", True),
        ("sent", True),
        ("applied", True),
        ("failed", False),
    ]


def test_commands_are_filtered_and_paged(viewer: httpx.Client, world: World) -> None:
    for i in range(5):
        world.registry.queue_command(command(f"c{i}", slot=i + 3))
    world.registry.record_result(Result("c4", SETPOINT.id, Outcome.REJECTED, NOW_MS, "no"))
    page = viewer.get("/api/v1/commands?limit=2").json()
    assert [c["id"] for c in page["items"]] == ["c4", "c3"]
    rest = viewer.get("/api/v1/commands", params={"limit": 10, "cursor": page["next"]}).json()
    assert ([c["id"] for c in rest["items"]], rest["next"]) == (["c2", "c1", "c0"], None)
    opened = viewer.get("/api/v1/commands?open_only=true&building=torino/calvino").json()["items"]
    assert [c["id"] for c in opened] == ["c3", "c2", "c1", "c0"]
    assert viewer.get("/api/v1/commands?building=torino/other").json()["items"] == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*BODY, "duration_s", "expires", "x"]), inner, max_size=5)
        ),
        max_leaves=8,
    ),
    path=st.sampled_from(["commands", "commands/release"]),
    key=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
def test_no_body_breaks_the_server(operator: httpx.Client, body: object, path: str, key: str) -> None:
    if isinstance(body, dict):
        body = BODY | body
    answer = operator.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key.strip()})
    assert answer.status_code < 500
