"""Weekly ridges."""

import numpy as np
import pytest

from predict.forecast.ridge import apply, coefficients, weekly_sums

RANDOM = np.random.default_rng(1)
DAYS = 140
DESIGN = np.concatenate([np.ones((24, DAYS, 1)), RANDOM.normal(size=(24, DAYS, 2))], axis=2)
TARGET = (DESIGN @ np.array([3.0, 2.0, -1.0])).T


def test_a_linear_law_is_found_and_told_ahead() -> None:
    sums = weekly_sums(DESIGN, TARGET, np.ones((DAYS, 24)))
    found = coefficients(sums, 5, DAYS // 7 - 1, 0.001)
    assert found[-1] == pytest.approx(np.tile([3.0, 2.0, -1.0], (24, 1)), abs=0.02)
    told = apply(DESIGN, found, 5)
    assert told[35:] == pytest.approx(TARGET[35:], abs=0.1)
    assert not told[:35].any()


def test_a_week_is_told_from_the_weeks_before_it_alone() -> None:
    other = TARGET.copy()
    other[70:] = 1e3
    before, after = (
        coefficients(weekly_sums(DESIGN, target, np.ones((DAYS, 24))), 5, 15, 1.0) for target in (TARGET, other)
    )
    assert before[: 70 // 7 - 5 + 1] == pytest.approx(after[: 70 // 7 - 5 + 1], rel=1e-9)
    assert not np.allclose(before[70 // 7 - 5 + 2], after[70 // 7 - 5 + 2])


def test_hours_without_weight_teach_nothing() -> None:
    weight = np.ones((DAYS, 24))
    weight[::3] = 0
    spoilt = np.where(weight > 0, TARGET, 1e6)
    found = coefficients(weekly_sums(DESIGN, spoilt, weight), 19, 19, 0.001)
    assert found[-1] == pytest.approx(np.tile([3.0, 2.0, -1.0], (24, 1)), abs=0.02)


@pytest.mark.parametrize("days", [1, 6, 7, 8])
def test_less_than_a_week_gives_coefficients_too(days: int) -> None:
    sums = weekly_sums(DESIGN[:, :days], TARGET[:days], np.ones((days, 24)))
    found = coefficients(sums, 0, (days - 1) // 7, 1.0)
    assert np.isfinite(apply(DESIGN[:, :days], found, 0)).all()
