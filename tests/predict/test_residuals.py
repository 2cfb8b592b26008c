"""Uncertainty of sums of predicted hours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predict.residuals import REDDY_CLARIDGE, T_90, Residuals, describe, sum_uncertainty_kwh


def ar1(rho: float, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.zeros(n)
    values[0] = rng.normal()
    for i in range(1, n):
        values[i] = rho * values[i - 1] + np.sqrt(1 - rho**2) * rng.normal()
    return values


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_long_sums_have_the_width_of_guideline_14_annex_b(rho: float) -> None:
    n, m, sigma = 8760, 2000, 3.0
    effective = n * (1 - rho) / (1 + rho)
    expected = REDDY_CLARIDGE * T_90 * sigma * np.sqrt(m * n / effective * (1 + 2 / effective))
    width = sum_uncertainty_kwh(Residuals(n, sigma, rho, 0.0, 0.0), m)
    assert width == pytest.approx(expected, rel=0.01)


def test_a_single_hour_has_the_width_of_one_error() -> None:
    width = sum_uncertainty_kwh(Residuals(8760, 3.0, 0.9, 0.0, 0.0), 1)
    assert width == pytest.approx(REDDY_CLARIDGE * T_90 * 3.0, rel=0.01)


def test_errors_that_last_for_days_widen_the_month() -> None:
    independent = describe(np.random.default_rng(1).normal(0, 1, 8760))
    lasting = describe(np.repeat(np.random.default_rng(1).normal(0, 1, 730), 12))
    assert sum_uncertainty_kwh(lasting, 720) > 3 * sum_uncertainty_kwh(independent, 720)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
@pytest.mark.parametrize("hours", [1, 24, 168, 720])
def test_nine_of_ten_sums_lie_within(rho: float, hours: int) -> None:
    errors = ar1(rho, 8760 * 4, seed=7)
    described = describe(errors[:8760])
    later = errors[8760:]
    sums = later[: len(later) // hours * hours].reshape(-1, hours).sum(axis=1)
    assert np.mean(np.abs(sums) <= sum_uncertainty_kwh(described, hours)) >= 0.88


@given(st.floats(0, 0.99), st.floats(0, 0.99), st.integers(1, 9000))
def test_a_longer_period_is_never_more_certain_in_kwh(rho: float, day_rho: float, hours: int) -> None:
    residuals = Residuals(8000, 1.0, rho, 10.0, day_rho)
    shorter, longer = sum_uncertainty_kwh(residuals, [hours, hours + 1])
    assert longer >= shorter - 1e-9


def test_unknown_hours_do_not_count() -> None:
    errors = np.random.default_rng(1).normal(0, 2, 2400)
    errors[::2] = np.nan
    described = describe(errors)
    assert described.hours == 1200
    assert described.sigma_kwh == pytest.approx(2, rel=0.1)
