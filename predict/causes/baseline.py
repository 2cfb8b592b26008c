"""What the reference alone foretells of the reporting period, from weather and time of day: a check from above."""

from __future__ import annotations

from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, Noise, Terms, noise_of
from predict.causes.pair import SLOTS, Pair
from predict.series import Floats
from predict.twin.lag import filled

KNOTS_C: Final = (0.0, 6.0, 12.0, 18.0)
EXTRAPOLATION: Final = 0.5
"""By so much of itself a change that the weather makes is doubtful."""
DRIFT: Final = 1.5
"""Errors in another period are larger than those in the fit."""


def foretold(pair: Pair, kwh: Floats) -> tuple[Floats, float]:
    """Energy per hour as the reference would have it, shape (n,), and the sd of its mean over the reporting period.

    Parameters
    ----------
    kwh
        Shape (n,): energy that depends on the weather, NaN where unknown; only the reference's hours are looked at.
    """
    first = pair.settled & ~pair.later & np.isfinite(kwh)
    y = filled(np.where(pair.later, np.nan, kwh))
    level = max(float(np.mean(y[first])) if first.any() else 1.0, 1e-9)
    terms = Terms()
    outdoor = [pair.outdoor_c, *(pair.lag(pair.outdoor_c, h) for h in (8.0, 32.0))]
    for i, values in enumerate(outdoor):
        terms.add(f"outdoor {i}", values - 8.0, -0.03 * level, 0.05 * level)
    for knot in KNOTS_C:
        terms.add(f"above {knot}", np.maximum(outdoor[1] - knot, 0.0), 0.0, 0.03 * level)
    if pair.comfort is not None:
        terms.add("day", pair.usual(pair.comfort) * (pair.outdoor_c - 8.0), 0.0, 0.05 * level)
    if pair.sun_w_m2 is not None:
        for h in (1.0, 4.0, 24.0):
            terms.add(f"sun {h}", pair.lag(pair.sun_w_m2, h) / 100, 0.0, 0.1 * level)
    if pair.wind_m_s is not None:
        terms.add("wind", pair.wind_m_s * (20.0 - pair.outdoor_c) / 20, 0.0, 0.05 * level)
    for slot in range(SLOTS):
        terms.add(f"slot {slot}", (pair.slot == slot).astype(float), level, 2 * level)
    x, known = terms.matrix, first.astype(float)
    noise = Noise(np.full(pair.hours, (0.3 * level) ** 2), 1.0, level)
    expected = np.full(pair.hours, level)
    for _ in range(2):
        found = LinearModel(x, *terms.prior, noise.precision(known)).fit(y)
        expected = x @ found.mean
        noise = noise_of(y - expected, known, pair.slot, 0.05)
    middle = x[pair.later].mean(axis=0)
    share = 1 / max(float(np.sum(first)), 1.0) + 1 / max(float(np.sum(pair.later)), 1.0)
    chance = noise.sd * np.sqrt(noise.inflation * share)
    chance = DRIFT * float(np.hypot(chance, np.sqrt(middle @ found.covariance @ middle)))
    # The further the weather takes it from what was seen, the less is it to be believed.
    moved = float(np.mean(expected[pair.later])) - float(np.mean(y[first])) if first.any() else 0.0
    return expected, float(np.hypot(chance, EXTRAPOLATION * moved))
