"""Guideline 14 figures, sufficiency and reasons against a baseline."""

from datetime import date

import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar
from predict.figures import Figures, Sufficiency, disqualifications, figures, sufficiency

ROME = Calendar("Europe/Rome")
NAN = float("nan")


def test_figures_are_those_of_the_formulas() -> None:
    result = figures(np.array([10.0, 12.0, 8.0, NAN]), np.array([9.0, 13.0, 6.0, 5.0]))
    assert result.hours == 3
    assert result.mean_kwh == 10
    assert result.cv_rmse == pytest.approx(100 * np.sqrt(6 / 3) / 10)
    assert result.nmbe == pytest.approx(100 * 2 / (3 * 10))
    assert result.r2 == pytest.approx(1 - 6 / 8)


@pytest.mark.parametrize(
    ("actual", "predicted"), [([], []), ([NAN], [1.0]), ([0.0, 0.0], [1.0, 1.0])], ids=["none", "unknown", "zero"]
)
def test_figures_that_are_not_defined_are_none(actual: list[float], predicted: list[float]) -> None:
    result = figures(np.array(actual), np.array(predicted))
    assert (result.cv_rmse, result.nmbe, result.r2) == (None, None, None)


@pytest.mark.parametrize(
    ("missing_hours", "valid_days"), [(0, 3), (2, 3), (3, 2)], ids=["all", "two of a day", "three of a day"]
)
def test_a_day_is_valid_with_nine_tenths_of_its_hours(missing_hours: int, valid_days: int) -> None:
    start = ROME.midnight(date(2026, 10, 24))
    times = np.arange(start, ROME.midnight(date(2026, 10, 27)), HOUR_MS)
    kwh = np.ones(len(times))
    kwh[26 : 26 + missing_hours] = NAN
    held = sufficiency(times, kwh, np.ones(len(times)), ROME)
    assert len(times) == 73
    assert held.valid_days == valid_days
    assert held.coverage == pytest.approx(1 - missing_hours / 73)


YEAR = Sufficiency(days=365, valid_days=360, coverage=0.99)


@pytest.mark.parametrize(
    ("fit", "held", "named"),
    [
        (Figures(8760, 1.0, 29.9, 9.9, 0.9), YEAR, []),
        (Figures(8760, 1.0, 30.1, 0.0, 0.9), YEAR, ["CV(RMSE)"]),
        (Figures(8760, 1.0, 20.0, -10.1, 0.9), YEAR, ["NMBE"]),
        (Figures(0, None, None, None, None), YEAR, ["CV(RMSE)", "NMBE"]),
        (Figures(8760, 1.0, 20.0, 0.0, 0.9), Sufficiency(300, 300, 1.0), ["300 days"]),
        (Figures(8760, 1.0, 20.0, 0.0, 0.9), Sufficiency(365, 320, 0.88), ["320 of 365 days"]),
    ],
)
def test_a_baseline_says_why_it_makes_no_claim(fit: Figures, held: Sufficiency, named: list[str]) -> None:
    reasons = disqualifications(fit, held)
    assert len(reasons) == len(named)
    assert all(name in reason for name, reason in zip(named, reasons, strict=True))
