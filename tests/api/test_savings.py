"""Savings, adjustments, contracts and ledgers over REST, with a baseline fitted on stored readings."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar
from core.config.models import Building
from predict.fit import BASELINE_KIND, fit_building
from stores.registry import ModelRole
from tests.api.conftest import GAS, NOW_MS, OUTDOOR, World, problem

ROME = Calendar("Europe/Rome")
START = ROME.midnight(date(2024, 11, 1))
SPLIT = ROME.midnight(date(2025, 11, 1))
WING = {
    "meter": GAS.id, "start": "2025-12-01", "basis": "per-day", "amount": 10.0, "reason": "The new wing",
    "evidence": "plan 7",
}  # fmt: skip
CONTRACT = {
    "id": "calvino", "building": "torino/calvino", "client": "City", "contractor": "ESCO", "start": "2025-11-01",
    "end": "2026-11-01", "settlement": "month", "share_of_excess": 0.5, "reason": "signed",
    "terms": [{"meter": GAS.id, "guaranteed_percent": 5.0,
               "prices": [{"start": "2025-01-01", "per_kwh": 0.1, "source": "tariff"}]}],
}  # fmt: skip


@pytest.fixture
def fitted(world: World) -> World:
    """A year of gas that follows the weather; since November a tenth less is used."""
    times = np.arange(START, NOW_MS + HOUR_MS, HOUR_MS)
    rng = np.random.default_rng(1)
    outdoor = 12 + 9 * np.sin(np.arange(len(times)) / 8760 * 2 * np.pi) + rng.normal(0, 2, len(times))
    used = (30 + 2 * np.maximum(18 - outdoor, 0) + rng.normal(0, 1, len(times))) * np.where(times >= SPLIT, 0.9, 1)
    register = 1_000 + np.concatenate([[0], np.cumsum(used)[:-1]])
    world.store.write([(OUTDOOR.id, int(t), float(v), 0) for t, v in zip(times, outdoor, strict=True)])
    world.store.write([(GAS.id, int(t), float(v), 0) for t, v in zip(times, register, strict=True)])
    world.registry.put_building(
        Building(
            id="torino/calvino",
            meters=[GAS.id, "torino/calvino/el"],
            outdoor_temperature=OUTDOOR.id,
            baseline_start=date(2024, 11, 1),
            baseline_end=date(2025, 11, 1),
        )
    )
    fit_building(world.store, world.registry, "torino/calvino", NOW_MS)
    return world


def savings(client: httpx.Client, query: str = "building=torino/calvino") -> dict[str, Any]:
    answer = client.get(f"/api/v1/savings?{query}&start=2025-11-01&end=2026-01-01")
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_savings_are_those_of_option_c(viewer: httpx.Client, fitted: World) -> None:
    body = savings(viewer)
    (gas,) = body["meters"]
    total = gas["total"]
    assert (gas["meter"], gas["baseline"], gas["may_claim_savings"], gas["is_significant"]) == (
        GAS.id, f"{BASELINE_KIND} v1", True, True,
    )  # fmt: skip
    assert total["saving_kwh"] / (total["actual_kwh"] + total["saving_kwh"]) == pytest.approx(0.1, abs=0.01)
    assert total["fraction"] == pytest.approx(total["uncertainty_kwh"] / total["saving_kwh"])
    assert [s["start"] for s in gas["steps"]] == ["2025-11-01T00:00:00+01:00", "2025-12-01T00:00:00+01:00"]
    assert gas["steps"][-1]["to_date_kwh"] == pytest.approx(total["saving_kwh"])
    assert list(body["missing"]) == ["torino/calvino/el"]
    assert savings(viewer, f"meter={GAS.id}")["meters"] == body["meters"]


def test_an_adjustment_is_entered_counts_and_is_superseded(operator: httpx.Client, fitted: World) -> None:
    before = savings(operator)["meters"][0]["total"]
    answer = operator.post("/api/v1/adjustments", json=WING)
    assert answer.status_code == 201
    entered = answer.json()
    assert (entered["by"], entered["reason"], entered["in_force"]) == ("anna", "The new wing", True)
    assert entered["start"] == "2025-11-30T23:00:00Z"
    assert operator.get(answer.headers["location"]).json() == entered
    adjusted = savings(operator)["meters"][0]
    assert adjusted["total"]["saving_kwh"] == pytest.approx(before["saving_kwh"] + 310)
    assert adjusted["adjusted_kwh"] == {entered["id"]: pytest.approx(310)}
    assert [a["id"] for a in adjusted["adjustments"]] == [entered["id"]]

    fitted.clock.advance(60_000)
    done = operator.post(
        f"/api/v1/adjustments/{entered['id']}/supersede",
        json={"reason": "measured now", "replacement": WING | {"amount": 12.0}},
    )
    assert done.status_code == 200
    assert (done.json()["in_force"], done.json()["superseded_by"]) == (False, "anna")
    everything = operator.get("/api/v1/adjustments?building=torino/calvino").json()["items"]
    assert [(a["amount"], a["in_force"], a["replaces"]) for a in everything] == [
        (10.0, False, None), (12.0, True, entered["id"]),
    ]  # fmt: skip
    assert len(operator.get("/api/v1/adjustments?in_force=true").json()["items"]) == 1
    assert savings(operator)["meters"][0]["total"]["adjustment_kwh"] == pytest.approx(372)
    again = operator.post(f"/api/v1/adjustments/{entered['id']}/supersede", json={"reason": "x"})
    assert problem(again) == (409, "conflict")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"end": "2025-12-01"}, (422, "domain.invalid")),
        ({"meter": "torino/calvino/nothing"}, (404, "not-found")),
        ({"reason": "  "}, (422, "request.invalid")),
        ({"basis": "per-week"}, (422, "request.invalid")),
        ({"start": "soon"}, (422, "request.invalid")),
        ({"by": "somebody else"}, (422, "request.invalid")),
    ],
)
def test_an_adjustment_without_sense_is_refused(
    operator: httpx.Client, fitted: World, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(operator.post("/api/v1/adjustments", json=WING | changes)) == expected
    assert fitted.registry.adjustments() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("adjustments", WING),
        ("adjustments/x/supersede", {"reason": "r"}),
        ("contracts", CONTRACT),
        ("contracts/calvino/ledger", {}),
    ],
)
def test_a_viewer_only_reads(viewer: httpx.Client, fitted: World, path: str, body: dict[str, Any]) -> None:
    assert problem(viewer.post(f"/api/v1/{path}", json=body)) == (403, "not-permitted")


def test_a_contract_is_entered_frozen_and_verified(operator: httpx.Client, viewer: httpx.Client, fitted: World) -> None:
    answer = operator.post("/api/v1/contracts", json=CONTRACT)
    assert answer.status_code == 201, answer.text
    entered = answer.json()
    assert (entered["id"], entered["version"], entered["by"], entered["reason"]) == ("calvino", 1, "anna", "signed")
    (term,) = entered["definition"]["terms"]
    assert (term["baseline_kind"], term["baseline_version"]) == (BASELINE_KIND, 1)
    assert viewer.get(answer.headers["location"]).json() == entered
    assert viewer.get("/api/v1/contracts").json()["items"] == [entered]

    frozen = operator.post("/api/v1/contracts/calvino/ledger").json()["items"]
    assert [(f["line"]["type"], f["line"].get("month", f["line"].get("period"))) for f in frozen] == [
        ("month", "2025-11"), ("month", "2025-12"), ("settlement", "2025-11"), ("settlement", "2025-12"),
    ]  # fmt: skip
    assert all(f["line"]["by"] == "anna" for f in frozen)
    assert frozen[2]["line"]["account"]["payment"] > 0
    assert operator.post("/api/v1/contracts/calvino/ledger").json()["items"] == []
    first = viewer.get("/api/v1/contracts/calvino/ledger?limit=3").json()
    rest = viewer.get(f"/api/v1/contracts/calvino/ledger?limit=3&cursor={first['next']}").json()
    assert first["items"] + rest["items"] == frozen
    assert rest["next"] is None

    assert viewer.get("/api/v1/contracts/calvino/ledger/verification").json()["holds"] is True
    fitted.store.write([(OUTDOOR.id, SPLIT + 5 * HOUR_MS, 35.0, 0)])
    found = viewer.get("/api/v1/contracts/calvino/ledger/verification").json()
    assert found["holds"] is False
    assert [(f["position"], f["reasons"]) for f in found["lines"] if not f["holds"]] == [
        (1, ["weather: the outdoor temperature was corrected or came late."])
    ]


def test_an_amended_contract_keeps_its_former_version(operator: httpx.Client, fitted: World) -> None:
    operator.post("/api/v1/contracts", json=CONTRACT)
    amended = operator.post("/api/v1/contracts", json=CONTRACT | {"share_of_excess": 0.3, "reason": "amended"})
    assert amended.json()["version"] == 2
    former = operator.get("/api/v1/contracts/calvino?version=1").json()
    assert former["definition"]["share_of_excess"] == 0.5
    moved = operator.post("/api/v1/contracts", json=CONTRACT | {"client": "Region"})
    assert problem(moved) == (422, "domain.invalid")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"start": "2025-11-02"}, (422, "domain.invalid")),
        ({"terms": []}, (422, "request.invalid")),
        ({"id": "Calvino!"}, (422, "domain.invalid")),
        ({"terms": [CONTRACT["terms"][0] | {"meter": "torino/calvino/el"}]}, (404, "not-found")),  # type: ignore[index]
    ],
)
def test_a_contract_without_sense_is_refused(
    operator: httpx.Client, fitted: World, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(operator.post("/api/v1/contracts", json=CONTRACT | changes)) == expected
    assert fitted.registry.contracts() == []


@pytest.mark.parametrize(
    "path", ["adjustments/x", "contracts/x", "contracts/x/ledger", "contracts/x/ledger/verification"]
)
def test_what_is_not_there_is_not_found(viewer: httpx.Client, fitted: World, path: str) -> None:
    assert problem(viewer.get(f"/api/v1/{path}")) == (404, "not-found")


def test_baselines_name_the_champion_and_why(viewer: httpx.Client, fitted: World) -> None:
    fit_building(fitted.store, fitted.registry, "torino/calvino", NOW_MS)
    fitted.registry.give_role(GAS.id, BASELINE_KIND, 1, ModelRole.CHAMPION, by="anna", reason="agreed", now_ms=NOW_MS)
    gas = viewer.get("/api/v1/buildings/torino/calvino/baselines").json()["items"][0]
    assert (gas["latest"]["version"], gas["latest"]["role"], gas["latest"]["role_reason"]) == (1, "champion", "agreed")
    assert [(v["version"], v["role"]) for v in gas["versions"]] == [(2, "retired"), (1, "champion")]


def test_normalised_savings_are_those_of_a_normal_year(viewer: httpx.Client, fitted: World) -> None:
    asked = "/api/v1/savings/normalised?building=torino/calvino&start=2025-11-01&end=2026-01-10"
    body = viewer.get(f"{asked}&normal_year=2025").json()
    (gas,) = body["meters"]
    assert gas["saving_kwh"] == pytest.approx(gas["baseline_kwh"] - gas["reporting_kwh"])
    assert gas["may_claim_savings"] is False  # ten weeks are no year
    assert any(reason.startswith("Reporting period: ") for reason in gas["disqualified"])
    assert gas["coverage"] > 0.95
    assert body["missing"].keys() == {"torino/calvino/el"}
    empty = viewer.get(f"{asked}&normal_year=1999").json()
    assert "normal year" in empty["missing"][GAS.id]
    assert problem(viewer.get(asked.replace("calvino", "nowhere") + "&normal_year=2025")) == (404, "not-found")
