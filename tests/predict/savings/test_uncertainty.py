"""Fractional savings uncertainty against published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from predict.residuals import effective_count
from predict.savings.uncertainty import (
    Inflation,
    as_fraction,
    fractional_savings_uncertainty,
    inflation_factor,
    student_t,
)

# n, m, parameters, CV(RMSE), rho, predicted and actual of the reporting period, published absolute uncertainty at 90 %.
# "Shared M&V test vectors" of the CAMBER project (mv_vectors/1, generated at 10577f0): annex B on two real meters of
# the Building Data Genome 2 and on synthetic ones. They write 1 + 2/n where annex B has 1 + 2/n' (the same without
# correlation); CV(RMSE) is published to four digits.
PUBLISHED = {
    "steam, daily, rho 0.84": (366, 365, 3, 0.2236, 0.8363701, 14_604_500.0, 13_194_800.0, 1_190_092.0),
    "gas, daily, rho 0.57": (365, 357, 5, 0.1618, 0.5737235, 1_692_488.0, 1_546_713.0, 57_877.74),
    "straight line, daily": (365, 365, 2, 0.0407, 0.06236787, 169_322.7, 152_901.2, 798.01),
    "heating, daily": (365, 365, 3, 0.0406, 0.02727733, 189_945.6, 170_337.3, 862.15),
    "straight line, monthly": (12, 12, 2, 0.0064, 0.0, 169_326.9, 152_901.2, 771.47),
    # Their monthly cases with fewer than 10 degrees of freedom take t from the row of 10, so they are left out.
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_vectors_are_met(case: str) -> None:
    n, m, parameters, cv_rmse, rho, predicted, actual, published = PUBLISHED[case]
    saved = predicted - actual
    fraction = fractional_savings_uncertainty(
        cv_rmse=cv_rmse,
        savings_fraction=saved / predicted,
        baseline_points=n,
        reporting_points=m,
        rho=rho,
        parameters=parameters,
    )
    as_published = math.sqrt((1 + 2 / n) / (1 + 2 / effective_count(n, rho)))
    assert fraction * saved * as_published == pytest.approx(published, rel=0.004)


def test_monthly_form_agrees_with_the_building_performance_lab() -> None:
    # Unit test of changepointmodel (CUNY Building Performance Lab), "modified eq. B-28": 0.269.
    found = fractional_savings_uncertainty(
        cv_rmse=0.5, savings_fraction=1.0, baseline_points=12, reporting_points=12, parameters=2, confidence=0.8
    )
    assert found == pytest.approx(0.269, abs=0.0006)


def test_six_months_of_daily_data_by_hand() -> None:
    # CV 10 %, saving 10 %, a year before, 182 days after, 68 %: 1.26 · 0.1/0.1 · sqrt((1 + 2/365)/182), t = 0.996.
    found = fractional_savings_uncertainty(
        cv_rmse=0.1, savings_fraction=0.1, baseline_points=365, reporting_points=182, confidence=0.68
    )
    assert found == pytest.approx(0.0936 * 0.9958, rel=0.002)


@pytest.mark.parametrize(
    ("inflation", "months", "expected"),
    [
        (Inflation.SIMPLE, 12, 1.26),
        (Inflation.MONTHLY, 12, 0.94054 + 0.03306 * 12 - 0.00022 * 144),
        (Inflation.DAILY, 12, 1.00286 + 0.03535 * 12 - 0.00024 * 144),
        (Inflation.DAILY, 1, 1.03797),
    ],
)
def test_inflation_is_simple_or_of_sun_and_baltazar(inflation: Inflation, months: float, expected: float) -> None:
    assert inflation_factor(inflation, months) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("confidence", "freedom", "expected"), [(0.8, 10, 1.372), (0.9, 363, 1.649), (0.68, 1e9, 0.9945)]
)
def test_students_t_is_that_of_the_tables(confidence: float, freedom: float, expected: float) -> None:
    assert student_t(confidence, freedom) == pytest.approx(expected, abs=0.0006)


@given(st.floats(0, 0.98), st.floats(0.001, 0.01), st.floats(0.01, 0.9), st.integers(1, 8760))
def test_memory_and_small_savings_only_add_uncertainty(rho: float, step: float, fraction: float, m: int) -> None:
    def width(correlation: float, saved: float) -> float:
        return fractional_savings_uncertainty(
            cv_rmse=0.2, savings_fraction=saved, baseline_points=8760, reporting_points=m, rho=correlation
        )

    assert width(rho + step, fraction) > width(rho, fraction)
    assert width(rho, fraction / 2) == pytest.approx(2 * width(rho, fraction))
    assert width(-rho, fraction) == width(0, fraction)


def test_what_saves_nothing_is_infinitely_uncertain() -> None:
    assert fractional_savings_uncertainty(
        cv_rmse=0.1, savings_fraction=0.0, baseline_points=365, reporting_points=30
    ) == float("inf")
    shares = as_fraction(np.array([1.0, 1.0, np.nan]), np.array([-2.0, 0.0, 1.0]))
    assert shares.tolist()[:2] == [0.5, float("inf")]
    assert np.isnan(shares[2])


@pytest.mark.parametrize(
    "changes", [{"baseline_points": 0}, {"reporting_points": 0}, {"rho": 1.0}, {"confidence": 1.0}, {"parameters": 365}]
)
def test_figures_that_make_no_sense_are_refused(changes: dict[str, float]) -> None:
    usual = {"cv_rmse": 0.1, "savings_fraction": 0.1, "baseline_points": 365, "reporting_points": 30}
    with pytest.raises(DomainError):
        fractional_savings_uncertainty(**usual | changes)  # type: ignore[arg-type]
    with pytest.raises(DomainError):
        inflation_factor(Inflation.DAILY, 0)
