"""Who may do what, and how every error looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import NOW_MS, World, problem

READS = [
    "/api/v1/buildings",
    "/api/v1/buildings/torino/calvino",
    "/api/v1/buildings/torino/calvino/baselines",
    "/api/v1/buildings/torino/calvino/trust",
    "/api/v1/buildings/torino/calvino/advice",
    "/api/v1/points",
    "/api/v1/points/torino/calvino/gas",
    "/api/v1/readings?point=torino/calvino/gas",
    "/api/v1/gap?building=torino/calvino",
    "/api/v1/commands",
    "/api/v1/gateways",
    "/api/v1/dead-letters",
    "/metrics",
]


@pytest.mark.parametrize("path", READS)
def test_reading_needs_a_key(nobody: httpx.Client, path: str) -> None:
    answer = nobody.get(path)
    assert problem(answer) == (401, "auth.required")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", READS)
def test_viewer_reads_everything(viewer: httpx.Client, path: str) -> None:
    assert viewer.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"X-API-Key": ""},
        {"X-API-Key": "promessa_\xff"},
    ],
)
def test_key_that_is_none_opens_nothing(nobody: httpx.Client, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert problem(nobody.get("/api/v1/points", headers=raw)) == (401, "auth.required")


@pytest.mark.parametrize("path", ["/api/v1/commands", "/api/v1/commands/release"])
def test_viewer_may_not_command(viewer: httpx.Client, world: World, path: str) -> None:
    body = {"point": "torino/calvino/hall/heating-setpoint", "value": 21, "reason": "cold"}
    assert problem(viewer.post(path, json=body)) == (403, "not-permitted")
    assert world.registry.commands() == []


def test_revoked_key_ends_at_once(viewer: httpx.Client, world: World) -> None:
    assert viewer.get("/api/v1/points").status_code == 200
    world.registry.revoke_key("vera", NOW_MS)
    assert problem(viewer.get("/api/v1/points")) == (401, "auth.required")


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs"])
def test_some_pages_need_no_key(nobody: httpx.Client, path: str) -> None:
    assert nobody.get(path).status_code == 200


def test_the_root_leads_to_the_documentation(nobody: httpx.Client) -> None:
    assert nobody.get("/").headers["location"] == "/docs"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/nothing", (404, "not-found")),
        ("GET", "/nothing", (404, "not-found")),
        ("DELETE", "/api/v1/gateways", (405, "method-not-allowed")),
        ("GET", "/api/v1/points/torino/calvino/nothing", (404, "not-found")),
        ("GET", "/api/v1/buildings/torino/nothing", (404, "not-found")),
        ("GET", "/api/v1/commands/nothing", (404, "not-found")),
        ("GET", "/api/v1/points?limit=many", (422, "request.invalid")),
        ("GET", "/api/v1/points?cursor=%C3%A4", (422, "request.invalid")),
        ("GET", "/api/v1/points?cursor=WyJvdGhlciIsMV0", (422, "request.invalid")),
    ],
)
def test_every_error_is_a_problem(viewer: httpx.Client, method: str, path: str, expected: tuple[int, str]) -> None:
    assert problem(viewer.request(method, path)) == expected


def test_form_error_names_the_field(viewer: httpx.Client) -> None:
    body = viewer.get("/api/v1/points?limit=0").json()
    assert [e["field"] for e in body["errors"]] == ["query.limit"]


def test_store_that_does_not_answer_says_try_again_and_no_more(viewer: httpx.Client, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection:
        connection.execute("ALTER TABLE api_key RENAME TO gone")
    answer = viewer.get("/api/v1/points")
    assert problem(answer) == (503, "store.unavailable")
    assert answer.headers["retry-after"]
    assert "registry" not in answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_body_of_a_stranger_is_not_read_to_its_end(nobody: httpx.Client, *, chunked: bool) -> None:
    body = b"[" * 10_000_000
    content = (body[i : i + 65_536] for i in range(0, len(body), 65_536)) if chunked else body
    try:
        answer = nobody.post("/api/v1/commands", content=content, headers={"Content-Type": "application/json"})
    except httpx.TransportError:
        return  # the server hung up while the rest was on its way, as it may
    assert problem(answer) == (413, "request.too-large")
