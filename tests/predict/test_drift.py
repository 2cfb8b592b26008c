"""Drift: found where a building changes, not where it only varies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import HOUR_MS
from predict.drift import Drift, find_drift
from predict.residuals import describe

DAYS = 120
TIMES = np.arange(DAYS * 24, dtype=np.int64) * HOUR_MS
EXPECTED = 50 + 20 * np.sin(TIMES / HOUR_MS / 24 * 2 * np.pi)
RESIDUALS = describe(np.random.default_rng(0).normal(0, 5, 8760))


def drift(change: np.ndarray | float, seed: int = 1, minimum_percent: float = 5.0) -> Drift | None:
    noise = np.random.default_rng(seed).normal(0, 5, len(TIMES))
    return find_drift(TIMES, EXPECTED * change + noise, EXPECTED, RESIDUALS, minimum_percent)


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_no_drift(seed: int) -> None:
    found = drift(1.0, seed)
    assert found is not None
    assert not found.drifted
    assert abs(found.bias_percent) < 2
    assert found.since_ms is None
    assert found.sentence.startswith("no drift")


@pytest.mark.parametrize(("factor", "sign"), [(1.1, 1), (0.9, -1)])
def test_a_level_that_moves_is_found_with_its_size_and_beginning(factor: float, sign: int) -> None:
    moved_at = 60 * 24
    found = drift(np.where(np.arange(len(TIMES)) >= moved_at, factor, 1.0))
    assert found is not None
    assert found.recently
    assert found.bias_percent == pytest.approx(sign * 10, abs=1.5)
    assert found.since_ms is not None
    # The first window that is beyond holds days from before the move, at most its own length of them.
    assert TIMES[moved_at] - 30 * 24 * HOUR_MS < found.since_ms <= TIMES[moved_at]
    assert abs(found.since_fit_percent) == pytest.approx(5, abs=1)
    assert ("more" if sign > 0 else "less") in found.sentence


def test_what_has_gone_back_is_no_drift_any_more() -> None:
    found = drift(np.where(np.arange(len(TIMES)) < 20 * 24, 1.2, 1.0))
    assert found is not None
    assert not found.drifted
    assert found.since_fit_percent == pytest.approx(3.3, abs=1)


def test_what_lasts_is_seen_since_the_fit_where_30_days_are_too_uncertain() -> None:
    rough = describe(np.repeat(np.random.default_rng(0).normal(0, 10, 365), 24))
    found = find_drift(TIMES, EXPECTED * 1.08, EXPECTED, rough)
    assert found is not None
    assert (found.recently, found.lastingly, found.drifted) == (False, True, True)
    assert found.since_ms == TIMES[0]
    assert "8.0 % more than expected since its period" in found.sentence


def test_a_bias_that_does_not_matter_is_no_drift() -> None:
    assert not drift(1.04).drifted  # type: ignore[union-attr]
    assert drift(1.04, minimum_percent=2.0).drifted  # type: ignore[union-attr]


def test_unknown_hours_are_left_out_and_unknown_windows_say_nothing() -> None:
    actual = EXPECTED * 1.1
    actual[-20 * 24 :] = np.nan
    found = find_drift(TIMES, actual, EXPECTED, RESIDUALS)
    assert found is not None
    assert found.bias_percent == pytest.approx(10)
    assert found.known_hours == 100 * 24
    assert find_drift(TIMES, np.full(len(TIMES), np.nan), EXPECTED, RESIDUALS) is None
    assert find_drift(TIMES[:700], actual[:700], EXPECTED[:700], RESIDUALS) is None
    assert find_drift(TIMES, EXPECTED, np.zeros(len(TIMES)), RESIDUALS) is None


def test_a_baseline_that_does_not_know_its_errors_never_drifts() -> None:
    unknown = describe(np.full(48, np.nan))
    found = find_drift(TIMES, EXPECTED * 2, EXPECTED, unknown)
    assert found is not None
    assert not found.drifted


@settings(max_examples=30)
@given(st.floats(0.5, 2.0), st.floats(0.01, 100.0))
def test_the_unit_does_not_matter(change: float, scale: float) -> None:
    residuals = describe(scale * np.random.default_rng(0).normal(0, 5, 8760))
    one = find_drift(TIMES, EXPECTED * change, EXPECTED, RESIDUALS)
    other = find_drift(TIMES, scale * EXPECTED * change, scale * EXPECTED, residuals)
    assert one is not None
    assert other is not None
    assert one.drifted == other.drifted
    assert one.bias_percent == pytest.approx(other.bias_percent)
