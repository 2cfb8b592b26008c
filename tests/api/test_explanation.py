"""The gap by cause over REST: what `promessa gap explain` finds, with its worth; the parts sum to the gap."""

from __future__ import annotations

from datetime import date
from functools import cache

import httpx
import pytest

from api.errors import BusyError
from api.explanation import Turn
from cli.evaluate.simulated import TYPES, simulate_period
from core.config.models import Building
from predict.causes.explanation import CAUSES
from predict.causes.record import Record
from predict.causes.stored import explain_stored
from predict.design_model import keep_design
from predict.fit import fit_building
from simulators.design import Variation
from stores.registry import RateKind
from tests.api.conftest import World, problem
from tests.predict.causes.kept import keep_records

SCHOOL = "torino/school"
PERIODS = "start={}&end={}&reference_start={}&reference_end={}"
Spans = list[tuple[int, int]]


@cache
def winter(year: int, offset_k: float) -> Record:
    variation = Variation(setpoint_offset_k=offset_k)
    return simulate_period(TYPES[1], date(year, 1, 13), 21, seed=2, variation=variation).record


@pytest.fixture
def spans(world: World) -> Spans:
    """Three weeks of a school in two winters, in the second of them 1 K warmer."""
    world.registry.put_building(Building(id=SCHOOL))
    return keep_records(world.store, world.registry, SCHOOL, [winter(2025, 0.0), winter(2026, 1.0)])


def explanation(client: httpx.Client, spans: Spans) -> httpx.Response:
    reference, reporting = spans
    return client.get(f"/api/v1/gap/explanation?building={SCHOOL}&" + PERIODS.format(*reporting, *reference))


def test_the_parts_sum_to_the_gap_in_kwh_euro_and_co2(viewer: httpx.Client, world: World, spans: Spans) -> None:
    for carrier, price, emission in (("gas", 0.11, 0.2), ("electricity", 0.25, 0.3)):
        for kind, value in ((RateKind.PRICE, price), (RateKind.EMISSION, emission)):
            world.registry.put_rate("torino", carrier, kind, year=2025, value=value, source="s", now_ms=0)
    answer = explanation(viewer, spans)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [c["cause"] for c in body["causes"]] == list(CAUSES)
    assert body["ranked"][0] == "setpoint"
    assert body["total"]["kwh"] == pytest.approx(body["first_kwh"] - body["second_kwh"])
    for unit in ("kwh", "eur", "kg_co2"):
        assert sum(c[unit] for c in body["causes"]) == pytest.approx(body["total"][unit], abs=1e-6)
        assert sum(c[unit] for c in body["carriers"]) == pytest.approx(body["total"][unit], abs=1e-6)
    for carrier in body["carriers"]:
        assert sum(carrier["causes"].values()) == pytest.approx(carrier["kwh"], abs=1e-6)
    by_carrier = {c["carrier"]: c["kwh"] for c in body["carriers"]}
    assert body["total"]["eur"] == pytest.approx(0.11 * by_carrier["gas"] + 0.25 * by_carrier["electricity"])
    assert all(c["low_kwh"] <= c["kwh"] <= c["high_kwh"] for c in body["causes"])
    assert body["reporting"]["start"].startswith("2026-01-13T00:00:00+01:00")
    # The resource says what the command says.
    direct = explain_stored(world.store, world.registry, SCHOOL, *spans)
    assert {c["cause"]: c["kwh"] for c in body["causes"]} == {p.cause: p.kwh for p in direct.parts}


def test_without_rates_the_worth_is_not_known(viewer: httpx.Client, spans: Spans) -> None:
    body = explanation(viewer, spans).json()
    assert (body["total"]["eur"], body["total"]["kg_co2"]) == (None, None)
    assert body["total"]["kwh"] == pytest.approx(sum(c["kwh"] for c in body["causes"]), abs=1e-6)


@pytest.mark.parametrize(
    ("building", "periods", "expected"),
    [
        ("torino/nowhere", ("2026-01-12", "2026-02-01", "2025-01-12", "2025-02-01"), (404, "not-found")),
        ("torino/calvino", ("2026-02-01", "2026-01-12", "2025-01-12", "2025-02-01"), (422, "request.invalid")),
        ("torino/calvino", ("2026-01-12", "2026-02-01", "2020-01-12", "2025-02-01"), (422, "request.invalid")),
        ("torino/calvino", ("2026-01-12", "2026-02-01", "2025-01-12", "2025-02-01"), (422, "domain.invalid")),
    ],
    ids=["no building", "backwards", "too long", "nothing recorded"],
)
def test_what_cannot_be_explained_is_a_problem(
    viewer: httpx.Client, building: str, periods: tuple[str, ...], expected: tuple[int, str]
) -> None:
    answer = viewer.get(f"/api/v1/gap/explanation?building={building}&" + PERIODS.format(*periods))
    assert problem(answer) == expected


def test_who_comes_while_another_is_explained_waits_and_is_told_when_it_takes_too_long() -> None:
    turn = Turn(patience_s=0.01)
    with turn, pytest.raises(BusyError), turn:
        pass
    with turn:
        pass


@pytest.fixture
def promised(world: World, spans: Spans) -> Spans:
    """The school with a baseline of its first three weeks, and a contract for gas that names its weather."""
    world.registry.put_building(
        Building(
            id=SCHOOL,
            meters=[f"{SCHOOL}/gas"],
            outdoor_temperature=f"{SCHOOL}/outdoor-temperature",
            baseline_end=date(2025, 2, 3),
        )
    )
    fit_building(world.store, world.registry, SCHOOL, spans[1][1])
    return spans


def test_the_gap_to_a_promise_has_causes(viewer: httpx.Client, operator: httpx.Client, promised: Spans) -> None:
    promise = {
        "building": SCHOOL, "carrier": "gas", "kind": "contract", "valid_from": "2024-01-01", "kwh": [9000.0] * 12,
        "source": "EPC 2025/3", "assumes": {"outdoor_c": [5.0] * 12, "room_c": 18.0},
    }  # fmt: skip
    kept = operator.post("/api/v1/promises", json=promise)
    assert kept.status_code == 201, kept.text
    assert (kept.json()["assumes"]["room_c"], kept.json()["assumes"]["efficiency"]) == (18.0, None)
    (listed,) = viewer.get(f"/api/v1/promises?building={SCHOOL}").json()["items"]
    assert listed["assumes"]["outdoor_c"] == [5.0] * 12
    start, end = promised[1][0], promised[1][1] - 1
    asked = f"building={SCHOOL}&start={start}&end={end}"
    body = viewer.get(f"/api/v1/curves/explanation?{asked}").json()
    assert (body["first"], body["second"], body["reference"]) == ("actual", "promised", None)
    parts = {c["cause"]: c["kwh"] for c in body["causes"]}
    assert parts["weather"] != 0
    assert parts["setpoint"] > 500
    assert sum(parts.values()) == pytest.approx(body["total"]["kwh"], abs=1e-6)
    (curve,) = (c for c in viewer.get(f"/api/v1/curves?{asked}&step=month").json()["carriers"] if c["carrier"] == "gas")
    (gap,) = (g for g in curve["gaps"] if (g["first"], g["second"]) == ("actual", "promised"))
    assert body["total"]["kwh"] == pytest.approx(gap["kwh"])


def test_a_design_model_is_explained_where_there_is_one(viewer: httpx.Client, world: World, spans: Spans) -> None:
    start, end = spans[1]
    asked = f"/api/v1/curves/explanation?building={SCHOOL}&start={start}&end={end}&second=design"
    assert problem(viewer.get(asked)) == (404, "not-found")
    assert problem(viewer.get(f"{asked}&first=predicted")) == (422, "domain.invalid")
    keep_design(world.registry, SCHOOL, winter(2025, 0.0), source="model", now_ms=0)
    body = viewer.get(asked).json()
    assert body["ranked"][0] == "setpoint"
    assert sum(c["kwh"] for c in body["causes"]) == pytest.approx(body["total"]["kwh"], abs=1e-6)


@pytest.mark.parametrize("assumes", [{"outdoor_c": [1.0, 2.0]}, {"efficiency": 0}, {"room_c": 99}])
def test_a_promise_that_rests_on_nonsense_is_refused(operator: httpx.Client, assumes: dict[str, object]) -> None:
    promise = {
        "building": "torino/calvino", "carrier": "gas", "kind": "design", "valid_from": "2025-01-01", "kwh": [1],
        "source": "x", "assumes": assumes,
    }  # fmt: skip
    assert operator.post("/api/v1/promises", json=promise).status_code == 422
