"""What a saving is worth under a contract."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predict.savings.settlement import guaranteed, mean_price, settle

KWH = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("verified", "promised", "excess", "shortfall", "payment"),
    [
        (1200.0, 1000.0, 200.0, 0.0, 10.0),
        (1000.0, 1000.0, 0.0, 0.0, 0.0),
        (700.0, 1000.0, 0.0, 300.0, -24.0),
        (-100.0, 1000.0, 0.0, 1100.0, -88.0),
    ],
)
def test_excess_is_shared_and_shortfall_made_good(
    verified: float, promised: float, excess: float, shortfall: float, payment: float
) -> None:
    account = settle(
        verified_kwh=verified,
        guaranteed_kwh=promised,
        price_per_kwh=0.1,
        share_of_excess=0.5,
        penalty_for_shortfall=0.8,
    )
    assert (account.excess_kwh, account.shortfall_kwh, account.payment) == (excess, shortfall, payment)
    assert account.value == pytest.approx(verified * 0.1)


@given(KWH, st.floats(0, 1e6), st.floats(0, 2), st.floats(0, 1), st.floats(0, 2))
def test_more_saving_never_pays_the_contractor_less(
    verified: float, promised: float, price: float, share: float, penalty: float
) -> None:
    def pay(kwh: float) -> float:
        return settle(
            verified_kwh=kwh,
            guaranteed_kwh=promised,
            price_per_kwh=price,
            share_of_excess=share,
            penalty_for_shortfall=penalty,
        ).payment

    assert pay(verified + 1000) >= pay(verified)
    assert pay(promised) == 0


def test_a_guarantee_counts_over_the_hours_that_are_known() -> None:
    assert guaranteed(1000.0, None, 50_000.0, 0.95) == 950.0
    assert guaranteed(None, 20.0, 50_000.0, 0.95) == 10_000.0


def test_prices_weigh_by_what_the_baseline_expects() -> None:
    assert mean_price([300.0, 100.0], [0.1, 0.2]) == pytest.approx(0.125)
    assert mean_price([0.0, 0.0], [0.1, 0.2]) == pytest.approx(0.15)
