"""Points and buildings as the API shows them."""

from __future__ import annotations

import httpx
import pytest

from core.points import Point
from tests.api.conftest import GAS, NOW_MS, SETPOINT, START_MS, TEMPERATURE, World


def ids(response: httpx.Response) -> list[str]:
    return [item["id"].removeprefix("torino/calvino/") for item in response.json()["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("building=torino/calvino&limit=2", ["boiler", "gas"]),
        ("building=elsewhere/b", ["elsewhere/b/temperature"]),
        ("building=torino/nothing", []),
        ("writable=true", ["boiler", "hall/heating-setpoint"]),
        ("brick_class=Zone_Air_Temperature_Sensor", ["elsewhere/b/temperature", "hall/temperature"]),
        ("brick_class=Zone_Air_Temperature_Sensor&building=torino/calvino", ["hall/temperature"]),
    ],
)
def test_points_are_filtered(viewer: httpx.Client, query: str, expected: list[str]) -> None:
    assert ids(viewer.get(f"/api/v1/points?{query}")) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 100])
def test_pages_join_to_the_whole_list(viewer: httpx.Client, limit: int) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = viewer.get("/api/v1/points", params=params).json()
        assert len(page["items"]) <= limit
        seen += [p["id"] for p in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(seen)
    assert len(seen) == 6


def test_unchanged_list_is_not_sent_again(viewer: httpx.Client, world: World) -> None:
    etag = viewer.get("/api/v1/points").headers["etag"]
    assert viewer.get("/api/v1/points", headers={"If-None-Match": etag}).status_code == 304
    assert viewer.get("/api/v1/points", headers={"If-None-Match": f'"x", W/{etag}'}).status_code == 304
    assert viewer.get("/api/v1/points?limit=1", headers={"If-None-Match": etag}).status_code == 200
    world.registry.declare_points("torino/g1", [Point("torino/calvino/new", "Sensor", "1")], NOW_MS)
    assert viewer.get("/api/v1/points", headers={"If-None-Match": etag}).status_code == 200


def test_point_shows_its_limits_owner_and_newest_reading(viewer: httpx.Client, world: World) -> None:
    world.store.write([(SETPOINT.id, NOW_MS - 30_000, 20.5, 65)])
    body = viewer.get(f"/api/v1/points/{SETPOINT.id}").json()
    assert body["limits"] == {"minimum": 5, "maximum": 26, "safe_value": 16, "max_step": 5, "min_interval_s": 0}
    assert (body["gateway"], body["zone"], body["building"]) == ("torino/g1", "torino/calvino/hall", "torino/calvino")
    assert body["latest"]["value"] == 20.5
    assert body["latest"]["quality"] == "uncertain.stuck"
    assert body["latest"]["age_s"] == 30.0


def test_point_without_readings_has_no_latest(viewer: httpx.Client) -> None:
    body = viewer.get(f"/api/v1/points/{GAS.id}").json()
    assert body["latest"] is None
    assert body["limits"] is None


def test_building_shows_zones_with_their_newest_readings(viewer: httpx.Client) -> None:
    (summary,) = viewer.get("/api/v1/buildings").json()["items"]
    assert (summary["id"], summary["timezone"]) == ("torino/calvino", "Europe/Rome")
    body = viewer.get("/api/v1/buildings/torino/calvino").json()
    zones = {zone["id"]: {p["id"]: p["latest"] for p in zone["points"]} for zone in body["zones"]}
    assert zones.keys() == {None, "torino/calvino/hall"}
    assert zones["torino/calvino/hall"][TEMPERATURE.id]["time_ms"] == START_MS + 143 * 600_000


def test_baselines_show_figures_and_versions(viewer: httpx.Client, world: World) -> None:
    for version in (1, 2):
        figures = {
            "fit": {"hours": 8760, "mean_kwh": 12.5, "cv_rmse": 20.0 + version, "nmbe": 0.1, "r2": None},
            "data": {"days": 365.0, "valid_days": 360, "coverage": 0.99},
            "disqualified": [] if version == 2 else ["Too few days."],
        }
        world.registry.put_model(GAS.id, "towt", period=(0, START_MS), figures=figures, blob=b"", now_ms=NOW_MS)
    gas, electricity = viewer.get("/api/v1/buildings/torino/calvino/baselines").json()["items"]
    assert (gas["meter"], gas["latest"]["version"], gas["latest"]["fit"]["cv_rmse"]) == (GAS.id, 2, 22.0)
    assert gas["latest"]["sufficiency"]["valid_days"] == 360
    assert [(v["version"], v["may_claim_savings"]) for v in gas["versions"]] == [(2, True), (1, False)]
    assert (electricity["latest"], electricity["versions"]) == (None, [])
