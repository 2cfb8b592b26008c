"""Promised energy by step, whose promise counts, and gaps in kWh, euro and CO2."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import Calendar, Step
from predict.curves import Curves, curves_of, promised_kwh
from predict.gap import BuildingGap
from stores.registry import Promise, PromiseKind, Rate, RateKind

TURIN = Calendar("Europe/Rome")
MONTHLY = tuple(float(100 * m) for m in range(1, 13))


def promise(
    kind: PromiseKind = PromiseKind.DESIGN, version: int = 1, factor: float = 1.0, since: str = "2025-01-01"
) -> Promise:
    return Promise(
        "torino/b", "gas", kind, version, date.fromisoformat(since), tuple(factor * m for m in MONTHLY), False, "x", 0
    )


def edges(first: str, last: str, step: Step) -> np.ndarray:
    start, end = (TURIN.midnight(date.fromisoformat(d)) for d in (first, last))
    return np.array(TURIN.edges(start, end, step), np.int64)


def test_months_get_their_own_figure_and_days_their_share() -> None:
    assert promised_kwh([promise()], edges("2025-01-01", "2026-01-01", Step.MONTH), TURIN) == pytest.approx(MONTHLY)
    days = promised_kwh([promise()], edges("2025-02-01", "2025-03-01", Step.DAY), TURIN)
    assert days == pytest.approx([200 / 28] * 28)


@given(st.sampled_from([Step.DAY, Step.WEEK, Step.MONTH]), st.integers(1, 400))
def test_however_it_is_cut_the_promise_is_the_same(step: Step, days: int) -> None:
    start = TURIN.midnight(date(2025, 1, 1))
    end = start + days * 86_400_000
    cut = np.clip(np.array(TURIN.edges(start, end, step), np.int64), start, end)
    whole = promised_kwh([promise()], np.array([start, end]), TURIN)
    assert np.nansum(promised_kwh([promise()], cut, TURIN)) == pytest.approx(whole[0])


def test_a_contract_counts_before_a_design_and_the_newest_version_before_older_ones() -> None:
    all_of = [
        promise(),
        promise(PromiseKind.CONTRACT, 1, 0.5, "2025-07-01"),
        promise(PromiseKind.CONTRACT, 2, 0.25, "2025-07-01"),
    ]
    found = promised_kwh(all_of, edges("2025-06-01", "2025-08-01", Step.MONTH), TURIN)
    assert found == pytest.approx([600, 0.25 * 700])


def test_before_any_promise_nothing_was_promised() -> None:
    found = promised_kwh([promise(since="2025-03-01")], edges("2025-02-01", "2025-04-01", Step.MONTH), TURIN)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(300)


def test_gaps_are_counted_in_euro_and_co2_of_their_year() -> None:
    start, end = (TURIN.midnight(date(y, m, 1)) for y, m in ((2025, 12), (2026, 2)))
    rates = [
        Rate("", "gas", RateKind.PRICE, 2025, 1, 0.1, "x", 0),
        Rate("torino", "gas", RateKind.PRICE, 2025, 1, 0.2, "x", 0),
        Rate("torino", "gas", RateKind.PRICE, 2026, 1, 0.3, "x", 0),
    ]
    gap = BuildingGap("torino/b", start, end, Step.MONTH, [], {})
    found = curves_of("gas", gap, [], [promise()], rates, calendar=TURIN)
    assert found.price_eur_kwh == pytest.approx([0.2, 0.3])
    assert np.isnan(found.emission_kg_kwh).all()
    assert np.isnan(found.totals("actual", "promised")).all()
    assert found.promised_kwh == pytest.approx([1200, 100])


def test_a_gap_runs_over_the_steps_in_which_both_are_known() -> None:
    some = np.array([10.0, np.nan, 30.0])
    found = Curves(
        carrier="gas",
        edges_ms=np.arange(4),
        promised_kwh=np.array([8.0, 8.0, 8.0]),
        predicted_kwh=np.array([np.nan, 9.0, 9.0]),
        actual_kwh=some,
        coverage=np.ones(3),
        price_eur_kwh=np.array([0.1, 0.1, 0.2]),
        emission_kg_kwh=np.array([0.2, 0.2, np.nan]),
        promise=None,
    )
    assert found.totals("actual", "promised")[:2] == pytest.approx((24.0, 0.2 + 4.4))
    assert np.isnan(found.totals("actual", "promised")[2])
    assert found.totals("actual", "predicted")[0] == pytest.approx(21.0)
