"""Non-routine adjustments by the hour."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar
from predict.savings.adjustment import combined_uncertainty_kwh, hourly_adjustment, hourly_total
from stores.registry import Adjustment, Basis

ROME = Calendar("Europe/Rome")
SUMMER_TIME = date(2026, 3, 29)
WINTER_TIME = date(2026, 10, 25)


def adjustment(start: date, end: date | None, basis: Basis, amount: float, **more: Any) -> Adjustment:
    return Adjustment(
        id="a", meter="torino/calvino/gas", start_ms=ROME.midnight(start), end_ms=end and ROME.midnight(end),
        basis=basis, amount=amount, why="w", by="anna", entered_ms=0, **more,
    )  # fmt: skip


def hours(start: date, end: date) -> np.ndarray:
    return np.arange(ROME.midnight(start), ROME.midnight(end), HOUR_MS)


@pytest.mark.parametrize(("day", "length"), [(SUMMER_TIME, 23), (date(2026, 5, 5), 24), (WINTER_TIME, 25)])
def test_a_day_has_its_amount_whether_it_has_23_24_or_25_hours(day: date, length: int) -> None:
    time_ms = hours(day, date.fromordinal(day.toordinal() + 1))
    kwh = hourly_adjustment(adjustment(day, None, Basis.PER_DAY, 50.0), time_ms, np.ones(length), ROME)
    assert len(time_ms) == length
    assert kwh.tolist() == pytest.approx([50.0 / length] * length)


def test_each_month_has_its_amount_whatever_its_length() -> None:
    time_ms = hours(date(2026, 1, 1), date(2026, 5, 1))
    kwh = hourly_adjustment(
        adjustment(date(2026, 2, 1), date(2026, 4, 1), Basis.PER_MONTH, 300.0), time_ms, np.ones(len(time_ms)), ROME
    )
    months = np.array([ROME.local(int(t)).month for t in time_ms])
    assert [kwh[months == m].sum() for m in (1, 2, 3, 4)] == pytest.approx([0, 300, 300, 0])


def test_a_month_that_begins_midway_has_its_part() -> None:
    time_ms = hours(date(2026, 4, 1), date(2026, 5, 1))
    half = adjustment(date(2026, 4, 16), None, Basis.PER_MONTH, 300.0)
    assert hourly_adjustment(half, time_ms, np.ones(len(time_ms)), ROME).sum() == pytest.approx(150)


def test_a_percentage_follows_the_baseline_and_is_unknown_with_it() -> None:
    time_ms = hours(date(2026, 5, 5), date(2026, 5, 6))
    predicted = np.linspace(1, 24, 24)
    predicted[20] = np.nan
    kwh = hourly_adjustment(adjustment(date(2026, 5, 5), None, Basis.PERCENT, -20.0), time_ms, predicted, ROME)
    assert kwh[:20] == pytest.approx(-0.2 * predicted[:20])
    assert np.isnan(kwh[20])


def test_an_hour_covered_in_part_takes_that_part() -> None:
    time_ms = hours(date(2026, 5, 5), date(2026, 5, 6))
    begins = adjustment(date(2026, 5, 5), None, Basis.PER_DAY, 24.0)
    late = Adjustment(
        **{f: getattr(begins, f) for f in begins.__struct_fields__} | {"start_ms": int(time_ms[3]) + 900_000}
    )
    assert hourly_adjustment(late, time_ms, np.ones(24), ROME)[:5].tolist() == pytest.approx([0, 0, 0, 0.75, 1])


@given(st.integers(0, 60), st.integers(1, 60), st.floats(-1e4, 1e4))
def test_the_days_of_a_period_sum_to_their_amounts(first: int, days: int, amount: float) -> None:
    start = date.fromordinal(date(2026, 3, 1).toordinal() + first)
    end = date.fromordinal(start.toordinal() + days)
    time_ms = hours(date(2026, 3, 1), date(2026, 8, 1))
    kwh = hourly_adjustment(adjustment(start, end, Basis.PER_DAY, amount), time_ms, np.ones(len(time_ms)), ROME)
    assert kwh.sum() == pytest.approx(days * amount, abs=1e-6)


def test_no_hours_and_no_adjustments_are_nothing() -> None:
    nothing = np.zeros(0, np.int64)
    assert len(hourly_adjustment(adjustment(SUMMER_TIME, None, Basis.PER_DAY, 1), nothing, np.zeros(0), ROME)) == 0
    assert hourly_total([], 3).tolist() == [0, 0, 0]


def test_uncertainties_of_model_and_adjustments_add_as_squares() -> None:
    sure = adjustment(SUMMER_TIME, None, Basis.PER_DAY, 1)
    rough = adjustment(SUMMER_TIME, None, Basis.PER_DAY, 1, uncertainty_percent=40.0)
    width = combined_uncertainty_kwh(
        np.array([3.0, 0.0]), [sure, rough], [np.array([9.0, 9.0]), np.array([10.0, -10.0])]
    )
    assert width.tolist() == pytest.approx([5.0, 4.0])
