"""Avoided energy of a building that saves a tenth, with adjustments and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.calendar import HOUR_MS, Step
from core.errors import DomainError, NotFoundError
from predict.fit import BASELINE_KIND, latest_baseline
from predict.residuals import sum_uncertainty_kwh
from predict.savings.avoided import MeterSavings, building_savings
from stores.registry import Adjustment, Basis
from tests.predict.savings.town import BUILDING, END, EXPECTED, HEAT, POWER, ROME, SAVED, TIMES, Town, month


def adjustment(name: str, start: int, end: int | None, basis: Basis, amount: float, **more: Any) -> Adjustment:
    return Adjustment(
        id=name, meter=HEAT.id, start_ms=start, end_ms=end, basis=basis, amount=amount, why="w", by="anna",
        entered_ms=0, **more,
    )  # fmt: skip


def heat(town: Town, start: int = month(1), end: int = END, now_ms: int = END, step: Step = Step.MONTH) -> MeterSavings:
    found = building_savings(town.store, town.registry, BUILDING, start_ms=start, end_ms=end, now_ms=now_ms, step=step)
    return found.meters[0]


def expected(start: int, end: int) -> float:
    return float(EXPECTED[(start <= TIMES) & (end > TIMES)].sum())


def test_a_tenth_saved_is_found_with_its_uncertainty(town: Town) -> None:
    saved = heat(town)
    total = saved.total
    assert (saved.meter, saved.kind, saved.version, saved.disqualified) == (HEAT.id, BASELINE_KIND, 1, [])
    assert total.coverage == 1
    assert total.saving_kwh == pytest.approx(total.baseline_kwh + total.adjustment_kwh - total.actual_kwh)
    assert total.saving_kwh == pytest.approx(SAVED * expected(month(1), END), abs=total.uncertainty_kwh)
    assert total.is_significant
    assert total.fraction == pytest.approx(total.uncertainty_kwh / total.saving_kwh)
    assert len(saved.steps.saving_kwh) == 12


def test_months_add_up_and_run_up_to_date(town: Town) -> None:
    steps, total = heat(town).steps, heat(town).total
    for name in ("baseline_kwh", "adjustment_kwh", "actual_kwh", "saving_kwh"):
        assert getattr(steps, name).sum() == pytest.approx(getattr(total, name))
    assert steps.to_date_kwh.tolist() == pytest.approx(np.cumsum(steps.saving_kwh).tolist())
    assert steps.to_date_uncertainty_kwh[-1] == pytest.approx(total.uncertainty_kwh)
    assert (np.diff(steps.to_date_uncertainty_kwh) > 0).all()
    assert total.uncertainty_kwh < steps.uncertainty_kwh.sum()


def test_an_adjustment_moves_the_baseline_by_its_amount(town: Town) -> None:
    before = heat(town).total
    town.registry.enter_adjustment(adjustment("wing", month(3), None, Basis.PER_DAY, 10.0, uncertainty_percent=20.0))
    saved = heat(town)
    assert saved.total.baseline_kwh == pytest.approx(before.baseline_kwh)
    assert saved.total.adjustment_kwh == pytest.approx(306 * 10.0)
    assert saved.total.adjusted == {"wing": pytest.approx(3060.0)}
    assert saved.total.saving_kwh == pytest.approx(before.saving_kwh + 3060.0)
    assert saved.total.uncertainty_kwh == pytest.approx(np.hypot(before.uncertainty_kwh, 0.2 * 3060.0))
    assert saved.steps.adjustment_kwh[:3].tolist() == pytest.approx([0, 0, 310.0])
    assert [a.id for a in saved.adjustments] == ["wing"]


def test_a_percentage_is_of_what_the_baseline_predicts(town: Town) -> None:
    town.registry.enter_adjustment(adjustment("closed", month(2), month(3), Basis.PERCENT, -50.0))
    steps = heat(town).steps
    assert steps.adjustment_kwh[1] == pytest.approx(-0.5 * steps.baseline_kwh[1])
    assert steps.adjustment_kwh[[0, 2]].tolist() == [0, 0]


def test_what_is_superseded_or_entered_later_does_not_count(town: Town) -> None:
    town.registry.enter_adjustment(adjustment("old", month(1), None, Basis.PER_DAY, 10.0))
    town.registry.supersede_adjustment("old", by="bruno", why="wrong", now_ms=END - 1)
    assert heat(town).total.adjusted == {}
    assert heat(town, now_ms=END - 2).total.adjusted.keys() == {"old"}
    assert heat(town, now_ms=-1).total.adjusted == {}


def test_nothing_is_scaled_up_over_missing_hours(town: Town) -> None:
    end = END + (END - month(12))
    saved = heat(town, start=month(12), end=end)
    assert saved.total.coverage == pytest.approx(0.5, abs=0.01)
    assert saved.total.saving_kwh == pytest.approx(heat(town, start=month(12)).total.saving_kwh, rel=1e-3)
    assert np.isnan(saved.steps.saving_kwh[-1])
    assert saved.steps.to_date_kwh[-1] == pytest.approx(saved.total.saving_kwh)


def test_a_period_without_any_data_has_no_saving_and_no_error(town: Town) -> None:
    saved = heat(town, start=month(14), end=month(15))
    assert saved.total.known_hours == 0
    assert np.isnan([saved.total.saving_kwh, saved.total.uncertainty_kwh, saved.total.fraction]).all()
    assert not saved.total.is_significant


def test_the_baseline_period_itself_makes_no_claim(town: Town) -> None:
    (reason,) = heat(town, start=month(12) - 365 * 24 * HOUR_MS).disqualified
    assert "baseline" in reason


def test_uncertainty_is_that_of_the_models_errors(town: Town) -> None:
    model, _ = latest_baseline(town.registry, HEAT.id, ROME)
    total = heat(town).total
    assert total.uncertainty_kwh == pytest.approx(float(sum_uncertainty_kwh(model.residuals_, total.known_hours)))


def test_meters_without_a_baseline_are_named(town: Town) -> None:
    building = town.registry.building(BUILDING)
    assert building is not None
    from msgspec.structs import replace

    town.registry.put_building(replace(building, meters=[POWER.id, f"{BUILDING}/water"]))
    found = building_savings(town.store, town.registry, BUILDING, start_ms=month(1), end_ms=END, now_ms=END)
    assert [m.meter for m in found.meters] == [POWER.id]
    assert list(found.missing) == [f"{BUILDING}/water"]
    with pytest.raises(NotFoundError):
        building_savings(town.store, town.registry, "torino/no", start_ms=0, end_ms=1, now_ms=0)
    with pytest.raises(DomainError):
        building_savings(town.store, town.registry, BUILDING, start_ms=1, end_ms=1, now_ms=0)
