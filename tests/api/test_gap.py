"""The gap over REST, with a baseline fitted on stored readings."""

from __future__ import annotations

from datetime import date

import httpx
import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.config.models import Building
from predict.fit import fit_building
from tests.api.conftest import GAS, NOW_MS, OUTDOOR, World, problem

DAYS = 60


@pytest.fixture
def fitted(world: World) -> World:
    """Sixty days of gas use that follows the weather; in the last five days half as much again is used."""
    times = NOW_MS - HOUR_MS * np.arange(DAYS * 24, -1, -1)
    hour = np.arange(len(times))
    outdoor_c = 5 + 5 * np.sin(hour / 24 * 2 * np.pi) + 3 * np.sin(hour / 200)
    used_kwh = 40 - 2 * outdoor_c + np.random.default_rng(1).normal(0, 1, len(times))
    used_kwh[times >= NOW_MS - 5 * 24 * HOUR_MS] *= 1.5
    register = 1_000 + np.concatenate([[0], np.cumsum(used_kwh)[:-1]])
    world.store.write([(OUTDOOR.id, int(t), float(v), 0) for t, v in zip(times, outdoor_c, strict=True)])
    world.store.write([(GAS.id, int(t), float(v), 0) for t, v in zip(times, register, strict=True)])
    world.registry.put_building(
        Building(
            id="torino/calvino",
            meters=[GAS.id, "torino/calvino/el"],
            outdoor_temperature=OUTDOOR.id,
            baseline_end=date(2026, 1, 4),
        )
    )
    fit_building(world.store, world.registry, "torino/calvino", NOW_MS)
    return world


def test_gap_of_a_building_is_actual_minus_predicted_with_its_uncertainty(viewer: httpx.Client, fitted: World) -> None:
    body = viewer.get("/api/v1/gap?building=torino/calvino&start=2026-01-09&end=2026-01-14&step=day").json()
    (gas,) = body["meters"]
    assert (gas["meter"], gas["baseline"], len(gas["steps"])) == (GAS.id, "days v1", 5)
    total = gas["total"]
    assert total["gap_kwh"] == pytest.approx(total["actual_kwh"] - total["predicted_kwh"])
    assert total["gap_kwh"] / total["predicted_kwh"] == pytest.approx(0.5, abs=0.1)
    assert 0 < total["uncertainty_kwh"] < total["gap_kwh"]
    assert gas["is_significant"] is True
    assert total["coverage"] == pytest.approx(1.0, abs=0.02)
    assert sum(s["gap_kwh"] for s in gas["steps"]) == pytest.approx(total["gap_kwh"])
    assert gas["steps"][0]["start"] == "2026-01-09T00:00:00+01:00"
    assert gas["may_claim_savings"] is False
    assert "year" in " ".join(gas["disqualified"])
    assert body["missing"].keys() == {"torino/calvino/el"}


def test_gap_of_one_meter_is_that_of_the_building(viewer: httpx.Client, fitted: World) -> None:
    period = "start=2026-01-09&end=2026-01-14&step=week"
    whole = viewer.get(f"/api/v1/gap?building=torino/calvino&{period}").json()
    alone = viewer.get(f"/api/v1/gap?meter={GAS.id}&{period}").json()
    assert alone["meters"] == whole["meters"]


def test_hours_without_readings_have_no_gap(viewer: httpx.Client, fitted: World) -> None:
    body = viewer.get(f"/api/v1/gap?meter={GAS.id}&start=2026-02-01&end=2026-02-02&step=hour").json()
    steps = body["meters"][0]["steps"]
    assert len(steps) == 24
    assert all(s["gap_kwh"] is None and s["coverage"] == 0 for s in steps)


def test_fitted_baseline_shows_its_figures(viewer: httpx.Client, fitted: World) -> None:
    latest = viewer.get("/api/v1/buildings/torino/calvino/baselines").json()["items"][0]["latest"]
    assert 0 < latest["fit"]["cv_rmse"] < 10
    assert abs(latest["fit"]["nmbe"]) < 5
    assert 45 < latest["sufficiency"]["days"] < 52
    assert latest["may_claim_savings"] is False


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (422, "request.invalid")),
        (f"building=torino/calvino&meter={GAS.id}", (422, "request.invalid")),
        ("building=torino/nothing", (404, "not-found")),
        (f"meter={OUTDOOR.id}", (404, "not-found")),
        ("building=torino/calvino&step=5min", (422, "domain.invalid")),
        ("building=torino/calvino&start=1980-01-01&step=year", (422, "request.invalid")),
    ],
)
def test_question_without_an_answer_says_why(
    viewer: httpx.Client, fitted: World, query: str, expected: tuple[int, str]
) -> None:
    assert problem(viewer.get(f"/api/v1/gap?{query}")) == expected
