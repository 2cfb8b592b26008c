"""Hours in which no heat comes: how fast a building lets go of a change in its temperature."""

from __future__ import annotations

from typing import Final

import numpy as np

from predict.causes.pair import Pair, setpoint_levels
from predict.series import Floats
from predict.twin.lag import filled

OFF_SHARE: Final = 0.05
"""Less heat than this share of a high load is none."""
SURPLUS_K: Final = 0.2
SURPLUS: Final = 0.7
"""Sun and people heat more than is needed: of a change then, this share is never missed."""
USUAL_H: Final = 40.0
SHORTEST_H: Final = 8.0
LONGEST_H: Final = 200.0
_SETTLE_H: Final = 2


def unpaid_share(pair: Pair, heating: Floats | None) -> Floats:
    """Share of a change of losses or gains that no heat pays for, in each hour, shape (n,).

    0 while heat is on, since thermostats undo the change; ``1 - exp(-age / tau)`` since it went off, while the rooms
    cool from the day's temperature; `SURPLUS` while they are warmer than that anyway.

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
    share = np.asarray(1 - np.exp(-age / time_constant_h(pair, age)), np.float64)
    if pair.inside_c is None or pair.heating_c is None:
        return share
    for rows in (slice(None, pair.split), slice(pair.split, None)):
        day_c = setpoint_levels(pair.heating_c[rows])[1]
        warm = off[rows] & (pair.inside_c[rows] > day_c + SURPLUS_K)
        share[rows] = np.where(warm, SURPLUS, share[rows])
    return share


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
