"""Readings become hours: counters, amounts and powers are told apart by unit and behaviour."""

from __future__ import annotations

import numpy as np
import pytest

from core.calendar import HOUR_MS
from predict.causes.hours import hourly_held, hourly_kwh, hourly_mean, in_order, is_register

QUARTER = HOUR_MS // 4
TIMES = np.arange(0, 48 * HOUR_MS + 1, QUARTER, dtype=np.int64)
EDGES = np.arange(0, 48 * HOUR_MS + 1, HOUR_MS, dtype=np.int64)
POWER_KW = 5.0 + 3.0 * np.sin(TIMES / HOUR_MS / 4)


def total(value: np.ndarray, unit: str) -> float:
    return float(np.nansum(hourly_kwh(TIMES, value, unit, EDGES)))


def test_a_counter_an_amount_and_a_power_tell_the_same_energy() -> None:
    amount = (POWER_KW[1:] + POWER_KW[:-1]) / 8
    counter = 1000.0 + np.concatenate([[0.0], np.cumsum(amount)])
    energies = [
        total(POWER_KW, "kW"),
        total(POWER_KW * 1000, "W"),
        total(counter, "kW.h"),
        total(counter * 3.6, "MJ"),
        total(np.append(amount, 0.0), "kW.h"),
    ]
    assert energies == pytest.approx([energies[0]] * 5, rel=0.01)


def test_a_counter_that_flickers_and_rolls_over_counts_on() -> None:
    counter = (999_900.0 + np.round(np.cumsum(POWER_KW / 4), 1)) % 1_000_000
    counter[50] = counter[49] - 0.1
    assert is_register(counter)
    assert total(counter, "kW.h") == pytest.approx(float(np.sum(POWER_KW[1:] / 4)), rel=0.02)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.cumsum(np.ones(99)), True), (POWER_KW, False), (np.zeros(99), False), (np.ones(2), False)],
    ids=["counter", "amounts", "nothing", "two"],
)
def test_counters_hardly_ever_step_back(value: np.ndarray, expected: bool) -> None:  # noqa: FBT001
    assert is_register(value) is expected


def test_hours_that_nobody_counted_are_unknown() -> None:
    keep = (TIMES < 10 * HOUR_MS) | (TIMES > 40 * HOUR_MS)
    hours = hourly_kwh(TIMES[keep], POWER_KW[keep], "kW", EDGES)
    assert np.isnan(hours[15:35]).all()
    assert np.isfinite(hours[:9]).all()


def test_what_is_reported_by_change_holds_until_then() -> None:
    held = hourly_held(np.array([0, 90 * 60_000]), np.array([16.0, 20.0]), EDGES[:13])
    assert held[:4] == pytest.approx([16.0, 18.0, 20.0, 20.0])


def test_means_bridge_short_gaps_only() -> None:
    times = np.array([0, 3, 20]) * HOUR_MS
    means = hourly_mean(times, np.array([1.0, 4.0, 9.0]), EDGES)
    assert means[:4] == pytest.approx([1, 2, 3, 4])
    assert np.isnan(means[10])


def test_readings_out_of_order_or_twice_are_put_right() -> None:
    times, values = in_order(np.array([3, 1, 1, 2]), np.array([3.0, 0.0, 1.0, np.nan]))
    assert times.tolist() == [1, 3]
    assert values.tolist() == [1.0, 3.0]
