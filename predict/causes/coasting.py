"""Hours in which no heat comes: how fast a building lets go of a change in its temperature."""

from __future__ import annotations

from typing import Final

import numpy as np

from predict.causes.pair import Pair
from predict.series import Floats
from predict.twin.lag import filled

OFF_SHARE: Final = 0.05
"""Less heat than this share of a high load is none."""
USUAL_H: Final = 40.0
SHORTEST_H: Final = 8.0
LONGEST_H: Final = 200.0
_SETTLE_H: Final = 2


def coasting(pair: Pair, heating: Floats | None) -> Floats:
    """Share of a change of the heat loss that has become a change of temperature in each hour, shape (n,).

    0 while heat is on, since thermostats undo it; ``1 - exp(-age / tau)`` since it went off.

    Parameters
    ----------
    heating
        Heat or fuel per hour, shape (n,); None when nobody knows.
    """
    if heating is None:
        return np.zeros(pair.hours)
    load = filled(heating)
    off = load < OFF_SHARE * np.quantile(load, 0.95)
    age = np.zeros(pair.hours)
    for k in range(1, pair.hours):
        age[k] = age[k - 1] + 1 if off[k] and k != pair.split else 0.0
    return np.asarray(1 - np.exp(-age / time_constant_h(pair, age)), np.float64)


def time_constant_h(pair: Pair, age: Floats) -> float:
    """How fast the building cools, hours: slope of the cooling over the temperature difference."""
    if pair.inside_c is None:
        return USUAL_H
    ahead, _ = pair.change(pair.inside_c)
    rows = (age >= _SETTLE_H) & (ahead < 0)
    if np.sum(rows) < 48:
        return USUAL_H
    difference = (pair.inside_c - pair.outdoor_c)[rows]
    slope = float(np.mean(-ahead[rows]) / max(np.mean(difference), 1.0))
    return float(np.clip(1 / max(slope, 1e-6), SHORTEST_H, LONGEST_H))
