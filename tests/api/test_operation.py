"""Health, metrics, gateways and dead letters, for those who keep the platform running; and the server itself."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.health import HealthStatus, judge
from api.server import AddressError, ApiServer
from core.codec import GatewayState, Status
from core.commands import Command
from tests.api.conftest import NOW_MS, SETPOINT, START_MS, TEMPERATURE, World


@pytest.mark.parametrize(
    ("newest_ms", "expected"),
    [
        (None, HealthStatus.NO_DATA),
        (NOW_MS, HealthStatus.OK),
        (NOW_MS + 60_000, HealthStatus.OK),
        (NOW_MS - 900_000, HealthStatus.OK),
        (NOW_MS - 900_001, HealthStatus.STALE),
    ],
)
def test_health_is_the_age_of_the_newest_reading(newest_ms: int | None, expected: HealthStatus) -> None:
    assert judge(newest_ms, NOW_MS, 900).status is expected


def test_health_tells_the_age_in_numbers(nobody: httpx.Client) -> None:
    body = nobody.get("/health").json()
    age_s = (NOW_MS - (START_MS + 143 * 600_000)) / 1000
    assert body == {
        "status": "stale",
        "newest_reading": "2026-01-12T22:50:00Z",
        "age_s": age_s,
        "stale_after_s": 900.0,
    }


def test_metrics_tell_the_state_of_the_platform(viewer: httpx.Client, world: World) -> None:
    world.registry.queue_command(Command("c1", SETPOINT.id, 12, 19.0, "control", "night", NOW_MS, NOW_MS + 1_000))
    world.registry.put_dead_letter("t", b"", "c", "r", NOW_MS)
    viewer.get("/api/v1/points/torino/calvino/nothing")
    answer = viewer.get("/metrics")
    samples = {
        (s.name, *sorted(s.labels.values())): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }
    assert samples["promessa_points",] == 6
    assert samples["promessa_dead_letters",] == 1
    assert samples["promessa_commands", "queued"] == 1
    assert samples["promessa_gateway_up", "g1", "torino"] == 1
    assert samples["promessa_gateway_dropped_batches_total", "readonly", "torino"] == 3
    assert samples["promessa_newest_reading_timestamp_seconds",] == (START_MS + 143 * 600_000) / 1000
    assert samples["promessa_http_requests_total", "/api/v1/points/{point_id:path}", "404", "GET"] == 1


def test_gateways_show_what_somebody_should_look_at(viewer: httpx.Client) -> None:
    first, second = viewer.get("/api/v1/gateways").json()["items"]
    assert (first["gateway"], first["status"], first["last_seen_age_s"], first["points"]) == ("g1", "online", 5.0, 4)
    assert (second["read_only"], second["dropped_batches"], second["alarms"]) == (True, 3, ["The spool is full."])


def test_time_that_no_calendar_has_is_still_shown(viewer: httpx.Client, world: World) -> None:
    world.registry.put_gateway_state("torino", "g1", GatewayState(Status.ONLINE, 2**62), NOW_MS)
    assert viewer.get("/api/v1/gateways").json()["items"][0]["since"].startswith("2100-")


def test_dead_letters_show_why(viewer: httpx.Client, world: World) -> None:
    for i in range(3):
        world.registry.put_dead_letter("promessa/v1/a/b/readings", b"\xff{" * i, "payload.undecodable", f"no {i}", i)
    page = viewer.get("/api/v1/dead-letters?limit=2").json()
    assert page["total"] == 3
    assert [(x["reason"], x["payload"], x["size_bytes"]) for x in page["items"]] == [
        ("no 2", "\ufffd{\ufffd{", 4),
        ("no 1", "\ufffd{", 2),
    ]
    rest = viewer.get("/api/v1/dead-letters", params={"cursor": page["next"]}).json()
    assert [x["reason"] for x in rest["items"]] == ["no 0"]


def test_openapi_documents_every_operation(nobody: httpx.Client) -> None:
    schema = nobody.get("/openapi.json").json()
    operations = [op for path in schema["paths"].values() for op in path.values()]
    assert all(op["tags"] and op["description"] and op["summary"] for op in operations)
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert schema["components"]["schemas"]["Problem"]["properties"]["code"]
    assert schema["components"]["schemas"]["FieldProblem"]
    override = schema["paths"]["/api/v1/commands"]["post"]
    assert {"202", "401", "403", "404", "409", "422"} <= override["responses"].keys()
    assert override["security"]


def test_many_threads_read_at_once(viewer: httpx.Client) -> None:
    statuses = []
    url = f"/api/v1/readings?point={TEMPERATURE.id}&end=2026-01-13&step=hour"

    def read() -> None:
        statuses.extend(viewer.get(url).status_code for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40


def test_server_stops_and_frees_its_port(server: ApiServer) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    server.stop()
    assert not server.is_alive
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_taken_port_is_said_in_one_line(server: ApiServer) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(AddressError, match=str(port)):
        ApiServer(server._server.config.app, "127.0.0.1", port).start()


def test_documentation_names_every_resource(nobody: httpx.Client) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    documented = {(m, p.split("?")[0]) for m, p in re.findall(r"\| `(GET|POST) ([^`]+)`", text)}
    schema = nobody.get("/openapi.json").json()["paths"]
    served = {(m.upper(), _named(p)) for p, operations in schema.items() for m in operations}
    assert documented == served


def _named(path: str) -> str:
    return re.sub(r"\{\w+_id(:path)?\}", "{id}", path)
