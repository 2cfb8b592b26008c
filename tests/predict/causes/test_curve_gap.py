"""The gap to what was predicted and promised is split by cause; the parts sum to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.evaluate.simulated import Simulated
from core.calendar import Calendar
from core.config.models import SqliteStore
from core.errors import DomainError, NotFoundError
from predict.causes.explanation import CAUSES, UNEXPLAINED, WEATHER, Explanation
from predict.causes.record import RecordedPoint
from predict.curve_gap import Layer, combined, explain_curves, same_days
from predict.curves import PAIRS
from predict.fit import fit_building
from stores.registry import Assumptions, PromiseKind, Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.causes.kept import keep_records, put_building

BUILDING = "torino/school"
TURIN = Calendar("Europe/Rome")
SPAN = tuple[int, int]


def at(text: str) -> int:
    return TURIN.midnight(date.fromisoformat(text))


def mean(found: Simulated, name: str) -> float:
    return float(np.mean(next(p.value for p in found.record.points if p.name == name)))


class World(NamedTuple):
    store: SqliteReadingStore
    registry: Registry
    before: Simulated
    now: Simulated
    clean: Simulated
    span: SPAN

    def explain(self, first: str, second: str, span: SPAN | None = None) -> Explanation:
        found = explain_curves(self.store, self.registry, BUILDING, (first, second), *(span or self.span))
        total = sum(part.kwh for part in found.parts)
        assert total == pytest.approx(found.total_kwh, abs=1e-6)
        assert found.total_kwh == pytest.approx(found.reporting_kwh - found.reference_kwh, abs=1e-6)
        assert sum(sum(row.values()) for row in found.by_carrier.values()) == pytest.approx(total, abs=1e-6)
        assert all(part.low <= part.kwh <= part.high for part in found.parts)
        return found

    def promise(self, assumes: Assumptions) -> None:
        """What the building used in the baseline period is what it was promised to use."""
        for carrier, kwh in (("gas", self.before.gas_kwh), ("electricity", self.before.electricity_kwh)):
            self.registry.put_promise(
                BUILDING,
                carrier,
                PromiseKind.CERTIFICATE,
                valid_from=date(2024, 1, 1),
                kwh=(kwh * 31 / 35, kwh * 28 / 35, *[0.0] * 10),
                source="certificate 7",
                now_ms=0,
                assumes=assumes,
            )


@pytest.fixture
def world(school: Callable[..., Simulated], tmp_path: Path) -> Iterator[World]:
    """A school whose baseline is five weeks of 2025; in those of 2026 it is kept 1 K warmer, in milder weather."""
    before, now = school(2025), school(2026, "setpoint_offset_k", 1.0)
    with (
        Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry,
        SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store,
    ):
        put_building(registry, BUILDING, baseline_end=date(2025, 2, 18))
        spans = keep_records(store, registry, BUILDING, [before.record, now.record])
        fit_building(store, registry, BUILDING, spans[1][1])
        yield World(store, registry, before, now, school(2026), spans[1])


def test_the_gap_to_the_prediction_is_what_changed_since_the_baseline_period(world: World) -> None:
    parts = {p.cause: p.kwh for p in world.explain("actual", "predicted").parts}
    assert parts["setpoint"] == pytest.approx(world.now.gas_kwh - world.clean.gas_kwh, rel=0.25)
    assert parts[WEATHER] == 0
    assert abs(parts[UNEXPLAINED]) < 0.2 * parts["setpoint"]


def test_the_gap_to_a_promise_has_the_weather_and_the_set_point_in_it(world: World) -> None:
    normal = mean(world.before, "outdoor-temperature")
    world.promise(Assumptions(outdoor_c=(normal, normal, *[10.0] * 10)))
    found = {p.cause: p for p in world.explain("actual", "promised").parts}
    assert found["setpoint"].kwh == pytest.approx(world.now.gas_kwh - world.clean.gas_kwh, rel=0.25)
    milder = world.clean.kwh - world.before.kwh
    assert milder < -1000
    assert found[WEATHER].kwh == pytest.approx(milder, rel=0.25)
    assert found[WEATHER].low < milder < found[WEATHER].high
    # Cause by cause the three gaps close.
    whole, first, second = (
        {p.cause: p.kwh for p in world.explain(*pair).parts}
        for pair in (("actual", "promised"), ("actual", "predicted"), ("predicted", "promised"))
    )
    for cause in CAUSES:
        assert whole[cause] == pytest.approx(first[cause] + second[cause], abs=1e-6)


def test_what_departs_from_the_promise_s_assumptions_is_told_apart(world: World) -> None:
    gas, heat = (mean_rate(world.before, name) for name in ("gas", "heat"))
    world.promise(Assumptions(room_c=17.0, efficiency=1.1 * heat / gas))
    found = world.explain("predicted", "promised")
    parts = {p.cause: p.kwh for p in found.parts}
    # A tenth less heat than promised out of the same gas.
    assert parts["system_efficiency"] == pytest.approx(world.before.gas_kwh * (1 - 1 / 1.1), rel=0.1)
    assert 0.02 < parts["setpoint"] / world.before.gas_kwh < 0.2
    assert parts[WEATHER] == 0
    assert any("for which weather" in sentence for sentence in found.missing)


def mean_rate(found: Simulated, name: str) -> float:
    point: RecordedPoint = next(p for p in found.record.points if p.name == name)
    return float(point.value[-1] - point.value[0])


def test_days_that_the_baseline_period_does_not_hold_are_unexplained_and_it_says_so(world: World) -> None:
    found = world.explain("actual", "predicted", (world.span[0] + 20 * 86_400_000, world.span[1] + 20 * 86_400_000))
    assert all(p.kwh == 0 for p in found.parts if p.cause != UNEXPLAINED)
    assert any("does not hold the same days" in sentence for sentence in found.missing)


@pytest.mark.parametrize(
    ("pair", "building", "error", "says"),
    [
        (("promised", "actual"), BUILDING, DomainError, "is none of"),
        (("actual", "promised"), BUILDING, DomainError, "not both known"),
        (PAIRS[0], "torino/nowhere", NotFoundError, "nowhere"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    world: World, pair: tuple[str, str], building: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        explain_curves(world.store, world.registry, building, pair, *world.span)


KWH = st.floats(-1e6, 1e6)


@given(
    st.dictionaries(st.sampled_from(["gas", "electricity"]), KWH),
    st.lists(st.tuples(st.sampled_from(CAUSES[:-1]), KWH)),
)
def test_layers_close_whatever_they_hold(gap: dict[str, float], parts: list[tuple[str, float]]) -> None:
    layer, other = Layer(gap), Layer(dict(gap))
    for cause, kwh in parts:
        layer.add("gas", cause, kwh, abs(kwh) / 3)
    found = combined([layer, other], (1.0, 2.0), 5.0, [], ["a", "a"])
    assert sum(p.kwh for p in found.parts) == pytest.approx(2 * sum(gap.values()), abs=1e-3)
    half = {p.cause: (p.high - p.low) / 2 for p in found.parts}
    assert half[UNEXPLAINED] >= max(half.values()) * 0.999
    assert found.missing == ("a",)


@pytest.mark.parametrize(
    ("period", "extent", "expected"),
    [
        (("2026-01-13", "2026-02-17"), ("2024-01-01", "2026-01-01"), ("2025-01-13", "2025-02-17")),
        (("2025-12-20", "2026-01-10"), ("2024-01-01", "2025-01-01"), None),
        (("2025-12-20", "2026-01-10"), ("2023-07-01", "2024-07-01"), ("2023-12-20", "2024-01-10")),
        (("2024-02-29", "2024-03-29"), ("2023-01-01", "2024-01-01"), ("2023-02-28", "2023-03-29")),
        (("2026-01-01", "2027-01-01"), ("2024-01-01", "2025-01-01"), ("2024-01-01", "2025-01-01")),
        (("2026-03-01", "2026-04-05"), ("2025-03-10", "2026-03-01"), None),
    ],
    ids=["last year", "over new year in no year", "two years back", "leap day", "whole year", "not all of it"],
)
def test_the_same_days_of_an_earlier_year(
    period: tuple[str, str], extent: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    first, last = (at(day) for day in period)
    found = same_days(first, last, (at(extent[0]), at(extent[1])), TURIN)
    assert found == (None if expected is None else (at(expected[0]), at(expected[1])))
