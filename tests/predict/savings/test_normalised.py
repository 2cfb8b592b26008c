"""Savings of a normal year: the weather of the reporting period has no say in them."""

from __future__ import annotations

import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.errors import DomainError, NotFoundError
from predict.baseline import Prediction
from predict.residuals import Residuals, sum_uncertainty_kwh
from predict.savings.normalised import MeterNormalised, building_normalised, normalised
from stores.registry import Adjustment, Basis
from tests.predict.savings.town import BUILDING, END, EXPECTED, HEAT, ROME, SAVED, TIMES, Town, month

ERRORS = Residuals(8760, 2.0, 0.5, 20.0, 0.3)
NORMAL_YEAR = ROME.day_of(month(1)).year - 1
"""The baseline's own."""


def predicted(kwh: np.ndarray, extrapolated: np.ndarray | None = None) -> Prediction:
    time_ms = HOUR_MS * np.arange(len(kwh), dtype=np.int64)
    return Prediction(time_ms, kwh, np.zeros(len(kwh), bool) if extrapolated is None else extrapolated)


def test_it_is_the_difference_of_two_models_over_the_hours_that_both_know() -> None:
    before, after = np.full(1000, 10.0), np.full(1000, 8.0)
    before[:100], after[900:] = np.nan, np.nan
    outside = np.zeros(1000, bool)
    outside[500:580] = True
    found = normalised((predicted(before), ERRORS), (predicted(after, outside), ERRORS))
    assert found.saving_kwh == pytest.approx(1600)
    assert found.saving_kwh == pytest.approx(found.baseline_kwh - found.reporting_kwh)
    assert found.coverage == pytest.approx(0.8)
    assert found.extrapolated == pytest.approx(0.1)
    assert found.uncertainty_kwh == pytest.approx(np.sqrt(2) * float(sum_uncertainty_kwh(ERRORS, 800)))
    assert found.fraction == pytest.approx(found.uncertainty_kwh / 1600)


def test_without_weather_there_is_no_normal_year() -> None:
    nothing = predicted(np.full(24, np.nan))
    with pytest.raises(DomainError, match="normal year"):
        normalised((nothing, ERRORS), (nothing, ERRORS))


def of_town(town: Town, normal_year: int = NORMAL_YEAR) -> tuple[MeterNormalised, dict[str, str]]:
    found, missing = building_normalised(
        town.store, town.registry, BUILDING, start_ms=month(1), end_ms=END, normal_year=normal_year, now_ms=END
    )
    return found[0], missing


def test_a_tenth_saved_is_a_tenth_of_the_normal_year(town: Town) -> None:
    heat, _ = of_town(town)
    year = float(EXPECTED[month(1) > TIMES].sum())
    assert (heat.meter, heat.normal_year, heat.disqualified) == (HEAT.id, NORMAL_YEAR, [])
    assert heat.total.baseline_kwh == pytest.approx(year, rel=0.05)
    assert heat.total.saving_kwh == pytest.approx(SAVED * year, rel=0.15)
    assert heat.total.is_significant
    assert heat.total.coverage > 0.98


def test_adjustments_that_it_does_not_know_are_a_reason(town: Town) -> None:
    town.registry.enter_adjustment(
        Adjustment(id="a", meter=HEAT.id, start_ms=month(3), end_ms=None, basis=Basis.PER_DAY, amount=5.0, why="w",
                   by="anna", entered_ms=0)
    )  # fmt: skip
    assert any("adjustments" in reason for reason in of_town(town)[0].disqualified)


def test_a_year_without_weather_and_an_unknown_building_are_refused(town: Town) -> None:
    found, missing = building_normalised(
        town.store, town.registry, BUILDING, start_ms=month(1), end_ms=END, normal_year=1999, now_ms=END
    )
    assert found == []
    assert "normal year" in missing[HEAT.id]
    with pytest.raises(NotFoundError):
        building_normalised(
            town.store, town.registry, "torino/nowhere", start_ms=0, end_ms=1, normal_year=2024, now_ms=END
        )
