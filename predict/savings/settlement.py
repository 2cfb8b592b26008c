"""What a saving is worth under a contract: excess shared, shortfall made good."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The account of one meter over one settlement period.

    Attributes
    ----------
    guaranteed_kwh, verified_kwh
        Over the same hours: a guarantee in kWh counts for the share of the period that is known.
    excess_kwh, shortfall_kwh
        Verified beyond the guarantee, and what is missing from it; one of them is 0.
    price_per_kwh
        Mean of the months' prices, weighted by what the adjusted baseline expects of them.
    value
        Of the verified saving, in the contract's currency.
    payment
        What the client pays to the contractor beyond the contract's fees; negative: the contractor pays. Rounded to
        a hundredth.
    """

    guaranteed_kwh: float
    verified_kwh: float
    excess_kwh: float
    shortfall_kwh: float
    price_per_kwh: float
    value: float
    payment: float


def settle(
    *,
    verified_kwh: float,
    guaranteed_kwh: float,
    price_per_kwh: float,
    share_of_excess: float,
    penalty_for_shortfall: float,
) -> Settled:
    """Compare what was verified with what was guaranteed.

    Parameters
    ----------
    share_of_excess, penalty_for_shortfall
        Shares of the price of an excess that the client pays, and of a shortfall that the contractor pays.
    """
    excess = max(verified_kwh - guaranteed_kwh, 0.0)
    shortfall = max(guaranteed_kwh - verified_kwh, 0.0)
    payment = (share_of_excess * excess - penalty_for_shortfall * shortfall) * price_per_kwh
    return Settled(
        guaranteed_kwh=round(guaranteed_kwh, 3),
        verified_kwh=round(verified_kwh, 3),
        excess_kwh=round(excess, 3),
        shortfall_kwh=round(shortfall, 3),
        price_per_kwh=round(price_per_kwh, 6),
        value=round(verified_kwh * price_per_kwh, 2),
        payment=round(payment, 2) + 0.0,
    )


def guaranteed(kwh: float | None, percent: float | None, adjusted_baseline_kwh: float, known_share: float) -> float:
    """Guaranteed saving over the hours that are known: a share of the kWh, or a percentage of the adjusted baseline."""
    if kwh is not None:
        return kwh * known_share
    return (percent or 0.0) / 100 * adjusted_baseline_kwh


def mean_price(baseline_kwh: Sequence[float], prices: Sequence[float]) -> float:
    """Mean price, weighted by the energy that the adjusted baseline expects (plainly where it expects none)."""
    weight = sum(baseline_kwh)
    if weight > 0:
        return sum(kwh * price for kwh, price in zip(baseline_kwh, prices, strict=True)) / weight
    return sum(prices) / len(prices)
