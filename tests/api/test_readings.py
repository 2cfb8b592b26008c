"""Readings: raw in pages, or by step of the site's calendar."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calendar import HOUR_MS
from tests.api.conftest import GAS, START_MS, STRANGER, TEMPERATURE, World, problem

URL = f"/api/v1/readings?point={TEMPERATURE.id}"


def test_raw_readings_come_with_local_time_and_quality(viewer: httpx.Client) -> None:
    body = viewer.get(f"{URL}&start=2026-01-12&end=2026-01-13&limit=8").json()
    assert (body["point"], body["unit"], len(body["items"])) == (TEMPERATURE.id, "Cel", 8)
    assert body["items"][0] == {
        "time": "2026-01-12T00:00:00+01:00",
        "time_ms": START_MS,
        "value": 20.0,
        "quality": "good",
    }
    assert body["items"][7]["quality"] == "bad.range"


@pytest.mark.parametrize("limit", [1, 7, 143, 144, 145, 10_000])
def test_pages_join_to_all_readings(viewer: httpx.Client, limit: int) -> None:
    times, cursor = [], ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = viewer.get(f"{URL}&start=2026-01-12&end=2026-01-13&limit={limit}{more}").json()
        times += [r["time_ms"] for r in page["items"]]
        cursor = page["next"]
        if limit == 1 and len(times) > 5:
            return
    assert times == [START_MS + i * 600_000 for i in range(144)]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-12T06:00", "2026-01-12T07:00"),
        ("2026-01-12T05:00:00Z", "2026-01-12T07:00:00+01:00"),
        (str(START_MS + 6 * HOUR_MS), str(START_MS + 7 * HOUR_MS)),
    ],
)
def test_forms_of_time_mean_the_same(viewer: httpx.Client, start: str, end: str) -> None:
    body = viewer.get(f"{URL}&start={quote(start)}&end={quote(end)}").json()
    assert [r["time_ms"] for r in body["items"]] == [START_MS + 6 * HOUR_MS + i * 600_000 for i in range(6)]


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("mean", 22.8), ("min", 20.0), ("max", 25.0), ("sum", 114.0), ("count", 5.0), ("first", 20.0), ("last", 25.0)],
)
def test_hour_is_aggregated_without_bad_readings(viewer: httpx.Client, aggregate: str, expected: float) -> None:
    query = f"&start=2026-01-12T01:00&end=2026-01-12T02:00&step=hour&aggregate={aggregate}"
    (bucket,) = viewer.get(URL + query).json()["items"]
    assert (bucket["value"], bucket["count"]) == (pytest.approx(expected), 5)
    assert bucket["start"] == "2026-01-12T01:00:00+01:00"


def test_days_are_the_sites_own_with_23_hours_in_spring(viewer: httpx.Client, world: World) -> None:
    body = viewer.get(f"{URL}&start=2026-03-28&end=2026-03-31&step=day").json()
    assert [b["start"] for b in body["items"]] == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
    ]
    assert all(b["value"] is None and b["count"] == 0 for b in body["items"])


def test_last_day_is_the_default(viewer: httpx.Client) -> None:
    assert viewer.get(URL).json()["items"] == []
    assert len(viewer.get(f"{URL}&end=2026-01-13").json()["items"]) == 144


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("&start=yesterday", "start"),
        ("&start=2026-01-12T00:00:00+01:00", "start"),
        ("&start=2026-01-13&end=2026-01-12", "end"),
        ("&end=1969-12-31", "end"),
        ("&end=99999999999999999", "end"),
        ("&start=1980-01-01&step=5min", "step"),
        ("&cursor=!", "cursor"),
    ],
)
def test_query_of_no_use_names_its_field(viewer: httpx.Client, query: str, field: str) -> None:
    answer = viewer.get(URL + query)
    assert problem(answer) == (422, "request.invalid")
    assert answer.json()["field"] == field


def test_point_of_an_unknown_site_has_no_local_time(viewer: httpx.Client) -> None:
    assert problem(viewer.get(f"/api/v1/readings?point={STRANGER.id}")) == (409, "conflict")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["readings", "points", "gap", "commands", "dead-letters"]),
    query=st.dictionaries(
        st.sampled_from(
            ["point", "start", "end", "step", "aggregate", "limit", "cursor", "building", "meter", "open_only"]
        ),
        st.one_of(
            st.text(max_size=40),
            st.integers(-(2**70), 2**70).map(str),
            st.datetimes().map(lambda d: d.isoformat()),
            st.sampled_from(["hour", "day", "year", "min", TEMPERATURE.id, GAS.id, "torino/calvino", "1", "\0", "NaN"]),
        ),
    ),
)
def test_no_query_breaks_the_server(viewer: httpx.Client, path: str, query: dict[str, str]) -> None:
    query = {"point": TEMPERATURE.id} | query if path == "readings" else query
    assert viewer.get(f"/api/v1/{path}", params=query).status_code < 500
