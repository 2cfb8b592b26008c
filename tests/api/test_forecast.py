"""The forecast over REST."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.config.models import Building
from predict.forecast.forecaster import KIND
from predict.forecast.service import issue_forecast
from tests.api.conftest import GAS, NOW_MS, OUTDOOR, World, problem


@pytest.fixture
def measured(world: World) -> World:
    """Seventy days of gas use that follows the hour."""
    times = NOW_MS - HOUR_MS * np.arange(70 * 24, -1, -1)
    used_kwh = 40 + 20 * np.sin(np.arange(len(times)) / 24 * 2 * np.pi)
    register = 1_000 + np.concatenate([[0], np.cumsum(used_kwh)[:-1]])
    world.store.write([(GAS.id, int(t), float(v), 0) for t, v in zip(times, register, strict=True)])
    world.store.write([(OUTDOOR.id, int(t), 5.0, 0) for t in times])
    world.registry.put_building(
        Building(id="torino/calvino", meters=[GAS.id, "torino/calvino/el"], outdoor_temperature=OUTDOOR.id)
    )
    return world


def test_the_next_hours_come_with_interval_and_speaker(viewer: httpx.Client, measured: World) -> None:
    body = viewer.get(f"/api/v1/forecast?meter={GAS.id}").json()
    assert (body["meter"], body["version"], len(body["hours"])) == (GAS.id, None, 48)
    assert body["issue"] == "2026-01-14T00:00:00+01:00"
    first = body["hours"][0]
    assert first["start"] == "2026-01-14T00:00:00+01:00"
    assert first["model"] == "blend"
    assert first["degraded"] == ["no weather forecast: that of the day before"]
    assert all(hour["p10"] <= hour["kwh"] <= hour["p90"] for hour in body["hours"])
    expected = 40 + 20 * np.sin((70 * 24 + np.arange(48)) / 24 * 2 * np.pi)
    assert [hour["kwh"] for hour in body["hours"]] == pytest.approx(expected, rel=0.1, abs=2)


def test_it_can_be_issued_in_the_past(viewer: httpx.Client, measured: World) -> None:
    body = viewer.get(f"/api/v1/forecast?meter={GAS.id}&issue=2026-01-10T15:30&hours=6").json()
    assert [hour["start"][11:16] for hour in body["hours"]] == ["15:00", "16:00", "17:00", "18:00", "19:00", "20:00"]
    assert body["learnt_until"] <= body["issue"]


def test_a_kept_forecaster_is_used_and_is_no_baseline(viewer: httpx.Client, measured: World) -> None:
    issue_forecast(measured.store, measured.registry, GAS.id, issue_ms=NOW_MS, hours=1, now_ms=NOW_MS, keep=True)
    assert measured.registry.latest_model(GAS.id, KIND) is not None
    assert viewer.get(f"/api/v1/forecast?meter={GAS.id}&hours=3").json()["version"] == 1
    baselines = viewer.get("/api/v1/buildings/torino/calvino/baselines").json()["items"]
    assert all(item["versions"] == [] for item in baselines)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (422, "request.invalid")),
        (f"meter={GAS.id}&hours=0", (422, "request.invalid")),
        (f"meter={GAS.id}&hours=1000", (422, "request.invalid")),
        (f"meter={GAS.id}&issue=soon", (422, "request.invalid")),
        ("meter=torino/calvino/nothing", (404, "not-found")),
        ("meter=torino/nowhere/gas", (404, "not-found")),
        (f"meter={OUTDOOR.id}", (422, "domain.invalid")),
    ],
)
def test_question_without_an_answer_says_why(
    viewer: httpx.Client, measured: World, query: str, expected: tuple[int, str]
) -> None:
    assert problem(viewer.get(f"/api/v1/forecast?{query}")) == expected
