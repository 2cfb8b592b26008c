"""Intervals that keep their word."""

import numpy as np
import pytest

from predict.forecast.interval import Spread

RANDOM = np.random.default_rng(4)


def coverage(errors: np.ndarray) -> float:
    """Share of the last two thirds of the hours inside."""
    spread, inside = Spread.empty(), []
    for day, error in enumerate(errors):
        off = day % 7 >= 5
        size = spread.size(1.0, off=off)
        if size is not None:
            low, high = spread.quantile * size
            inside.append((error >= low) & (error <= high))
        spread.see(error, 1.0, off=off)
    return float(np.mean(inside[len(inside) // 3 :]))


@pytest.mark.parametrize(
    "errors",
    [
        RANDOM.normal(0, 1, (400, 24)),
        RANDOM.exponential(1, (400, 24)) - 1,
        RANDOM.standard_t(2, (400, 24)),
        RANDOM.normal(0, 1, (400, 24)) * np.linspace(0.2, 5, 24),
        RANDOM.normal(0, 1, (400, 24)) * np.linspace(1, 10, 400)[:, None],
        RANDOM.normal(0.5, 1, (400, 24)),
    ],
    ids=["normal", "skewed", "heavy tails", "by the hour", "growing", "biased"],
)
def test_four_hours_in_five_are_inside_whatever_the_errors_are(errors: np.ndarray) -> None:
    assert coverage(errors) == pytest.approx(0.8, abs=0.03)


def test_a_day_without_readings_changes_nothing() -> None:
    random = np.random.default_rng(4)
    spread = Spread.empty()
    spread.see(random.normal(size=24), 1.0, off=False)
    power, quantile = spread.power.copy(), spread.quantile.copy()
    spread.see(np.full(24, np.nan), 1.0, off=False)
    assert (spread.power == power).all()
    assert (spread.quantile == quantile).all()


def test_days_off_borrow_from_working_days_until_they_have_their_own() -> None:
    spread = Spread.empty()
    assert spread.size(1.0, off=True) is None
    spread.see(np.full(24, 2.0), 1.0, off=False)
    assert spread.size(1.0, off=True) == pytest.approx(np.full(24, 2.0))
    spread.see(np.full(24, 0.5), 1.0, off=True)
    assert spread.power[1] == pytest.approx(np.full(24, 0.25))


def test_one_broken_hour_does_not_blow_up_the_interval() -> None:
    random = np.random.default_rng(4)
    spread = Spread.empty()
    for _ in range(10):
        spread.see(random.normal(size=24), 1.0, off=False)
    usual = spread.size(1.0, off=False)
    broken = random.normal(size=24)
    broken[7] = 1e9
    spread.see(broken, 1.0, off=False)
    wider = spread.size(1.0, off=False)
    assert usual is not None
    assert wider is not None
    assert wider.max() < 3 * usual.max()


def test_after_a_restless_day_the_interval_is_wider_and_after_a_calm_one_narrower() -> None:
    sizes = []
    for last in (0.2, 1.0, 5.0):
        spread = Spread.empty()
        for day in range(30):
            spread.see(np.resize([1.0, -1.0], 24) * (last if day == 29 else 1.0), 1.0, off=False)
        sizes.append(spread.size(1.0, off=True))
    calm, usual, restless = (float(size.mean()) for size in sizes if size is not None)
    assert calm < 0.8 * usual
    assert restless > 1.2 * usual
