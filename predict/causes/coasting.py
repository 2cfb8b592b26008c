"""Hours in which no heat comes: how fast a building lets go of a change in its temperature."""

from __future__ import annotations

from typing import Final

import numpy as np

from predict.causes.pair import Bools, Pair, setpoint_levels
from predict.series import Floats
from predict.twin.lag import filled

HEATED_SHARE: Final = 0.15
OFF_SHARE: Final = 0.05
"""Less heat than this share of a high load is none."""
FREE_K: Final = 0.8
"""A zone that is warmer than its set-point by more than a thermostat's band asks for no heat."""
SURPLUS: Final = 0.7
"""Sun and people heat more than is needed: of a change then, this share is never missed."""
USUAL_H: Final = 40.0
SHORTEST_H: Final = 8.0
LONGEST_H: Final = 200.0
_SETTLE_H: Final = 2


class Coasting:
    """Shares of a change of losses or gains that no heat pays for; arrays of shape (n,).

    Parameters
    ----------
    heating
        Heat or fuel per hour, shape (n,); None when nobody knows: then all of it is paid for.

    Attributes
    ----------
    building
        0 while heat is on, since thermostats undo the change; ``1 - exp(-age / tau)`` since it went off.
    zones
        The same, mean over the zones: a zone that is warmer than its thermostat asks for pays nothing though others
        do, and what it is too warm by during the day is hardly ever missed (`SURPLUS`).
    """

    def __init__(self, pair: Pair, heating: Floats | None) -> None:
        self.building = self.zones = np.zeros(pair.hours)
        if heating is None:
            return
        load = filled(heating)
        high = float(np.quantile(load, 0.95))
        off = load < OFF_SHARE * high
        age = np.zeros(pair.hours)
        for k in range(1, pair.hours):
            age[k] = age[k - 1] + 1 if off[k] and k != pair.split else 0.0
        tau_h = time_constant_h(pair, age)
        self.building = self.zones = np.asarray(1 - np.exp(-age / tau_h), np.float64)
        if pair.zone_heating_c is not None:
            heated = load > HEATED_SHARE * high
            shares = [
                _of_zone(pair, pair.zone_c[:, i], told, heated, tau_h)
                for i, told in enumerate(pair.zone_heating_c.T)
                if np.isfinite(told).all()
            ]
            self.zones = np.asarray(np.maximum(np.mean(shares, axis=0), self.building), np.float64)


def _of_zone(pair: Pair, inside: Floats, told: Floats, heated: Bools, tau_h: float) -> Floats:
    """The share of one zone."""
    share = np.zeros(pair.hours)
    fade = float(np.exp(-1 / tau_h))
    for rows in (range(pair.split), range(pair.split, pair.hours)):
        part = slice(rows.start, rows.stop)
        day_c = setpoint_levels(told[part])[1]
        held = heated[part] & (told[part] > day_c - 0.1)
        # A thermostat holds what it holds: its offset is no surplus.
        offset = max(float(np.median((inside - told)[part][held])), 0.0) if held.any() else 0.0
        left = 1.0
        for k in rows:
            left = left * fade if inside[k] > told[k] + offset + FREE_K else 1.0
            share[k] = SURPLUS if left < 1 and inside[k] > day_c + offset + FREE_K else 1 - left
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
    slope = float(np.mean(-ahead[rows])) / max(float(np.mean(difference)), 1.0)
    return float(np.clip(1 / max(slope, 1e-6), SHORTEST_H, LONGEST_H))
