"""Shares of two models, and the memory of errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predict.forecast.correction import memories, recent_means, relative_errors, shares


@pytest.fixture
def random() -> np.random.Generator:
    """Numbers of a test's own: which tests run before it, and where, makes no difference."""
    return np.random.default_rng(2)


def test_the_better_model_gets_the_share_and_only_afterwards(random: np.random.Generator) -> None:
    actual = random.normal(size=(100, 24))
    found = shares(actual, actual + random.normal(size=(100, 24)), actual, prior=0.4)
    assert found[0] == 0.4
    assert found[-1] > 0.85
    assert (np.diff(found) >= -0.05).all()


def test_a_day_changes_no_share_before_the_next(random: np.random.Generator) -> None:
    one, other, actual = (random.normal(size=(30, 24)) for _ in range(3))
    changed = actual.copy()
    changed[20:] = np.nan
    before, after = (shares(a, one, other, prior=0.5) for a in (actual, changed))
    assert (before[:21] == after[:21]).all()


@given(st.floats(-1e6, 1e6), st.floats(0, 1))
def test_a_share_is_never_outside_of_nothing_and_all(size: float, prior: float) -> None:
    actual, one = np.full((5, 24), size), np.zeros((5, 24))
    found = shares(actual, one, one + 1.0, prior=prior)
    assert ((found >= 0) & (found <= 1)).all()


def test_recent_means_know_the_hours_before_each_hour_alone() -> None:
    errors = np.arange(48, dtype=float).reshape(2, 24)
    seen = recent_means(errors)
    assert seen[1, 0].tolist() == [22.0, 11.5]
    assert seen[0, 1].tolist() == [0.0, 0.0]
    assert seen[0, 4, 0] == 2.0


def test_lasting_errors_are_remembered_and_passing_ones_are_not(random: np.random.Generator) -> None:
    lasting = np.repeat(random.normal(size=(200, 1)), 24, axis=1)
    passing = random.normal(size=(200, 24))
    long, short = (memories(errors, np.ones(200))[-1] for errors in (lasting, passing))
    assert long.weight[0].sum() > 0.8
    assert long.remaining[0] < 0.3
    assert np.abs(short.weight).max() < 0.4
    assert short.remaining.min() > 0.9


def test_errors_are_cut_and_unknown_ones_are_none() -> None:
    actual = np.array([[np.nan, 1.0, 1e9] + [0.0] * 21])
    errors = relative_errors(actual, np.zeros((1, 24)), np.array([2.0]))
    assert errors[0, :3].tolist() == pytest.approx([0.0, 0.5, 5.0])
