"""Temperatures of both periods under the same weather and use, and whether it is kept warmer than it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from predict.causes.evidence import LinearModel, inflation
from predict.causes.pair import SLOTS, Bools, Pair, setpoint_levels
from predict.series import Floats
from predict.twin.lag import filled

SETTLED_H: Final = 5
"""A room has reached its set-point so many hours after it went up."""
LEAST_K: Final = 0.3
"""A smaller shift is a thermostat's own spread."""
HEATING_SHARE: Final = 0.15
_DEVIATIONS: Final = 3.0
_SPREAD_K: Final = 0.05


@dataclass(frozen=True, slots=True)
class Comfort:
    """How much warmer the reporting period is kept.

    Attributes
    ----------
    held_k, held_sd
        Shift of the temperature in hours in which thermostats hold it, at equal weather and use, K.
    mean_k
        What that makes of all hours, nights and warm-up included, K; 0 when it is not significant.
    mean_sd
        Its standard deviation.
    longer_k
        Shift of all hours' mean because the day's set-point stands longer or shorter, K.
    told_k
        Change of the day's set-point as measured; NaN when it is not.
    drift_k
        Shift of all hours' mean that no set-point accounts for: what a changed envelope does to nights.
    """

    held_k: float
    held_sd: float
    mean_k: float
    mean_sd: float
    longer_k: float
    told_k: float
    drift_k: float

    @property
    def significant(self) -> bool:
        """Whether temperatures or set-points were shifted at all."""
        return self.mean_k != 0.0


NOTHING: Final = Comfort(0.0, np.nan, 0.0, 0.0, 0.0, np.nan, 0.0)


def compare_comfort(pair: Pair, heating: Floats | None) -> Comfort:
    """Shift of the temperatures between the periods; `heating` is heat per hour, shape (n,), None when unknown."""
    if pair.inside_c is None:
        return NOTHING
    drivers = _drivers(pair)
    high = pair.comfort > 0.9 if pair.comfort is not None else pair.open_day
    heated = np.ones(pair.hours, bool)
    if heating is not None:
        load = filled(heating)
        heated = load > HEATING_SHARE * np.quantile(load, 0.95)
    hold = high & heated & (_age(high, pair.split) >= (SETTLED_H if pair.comfort is not None else 0))
    if min(np.sum(hold & pair.later), np.sum(hold & ~pair.later)) < 24:
        hold = heated
    held_k, held_sd = _shift(pair, drivers, pair.slot, hold)
    mean_k, mean_sd = _shift(pair, drivers, pair.slot + SLOTS * high, np.ones(pair.hours, bool))
    longer_k = 0.0
    if pair.comfort is not None:
        longer_k = _shift(pair, drivers, pair.slot, np.ones(pair.hours, bool))[0] - mean_k
        share = float(np.mean(pair.comfort[pair.later]) - np.mean(pair.usual(pair.comfort)[pair.later]))
        if abs(share) < 0.02 or longer_k * share < 0:
            longer_k = 0.0
    told_k = night_k = np.nan
    if pair.heating_c is not None:
        before, after = setpoint_levels(pair.heating_c[: pair.split]), setpoint_levels(pair.heating_c[pair.split :])
        told_k, night_k = after[1] - before[1], after[0] - before[0]
    moved = max(abs(np.nan_to_num(told_k)), abs(np.nan_to_num(night_k))) >= LEAST_K
    sure = abs(held_k) > max(LEAST_K, _DEVIATIONS * np.hypot(held_sd, _SPREAD_K))
    if moved and max(abs(held_k), abs(mean_k)) > 0.1:
        sure = True
    if not sure:
        return Comfort(held_k, held_sd, 0.0, 0.0, longer_k, told_k, mean_k)
    # Nights float: they follow by no more than the days are shifted, unless the set-back itself was moved.
    bound = max(abs(held_k), abs(np.nan_to_num(told_k)), abs(np.nan_to_num(night_k)))
    mean_k = float(np.clip(mean_k, -bound, bound))
    spread = float(np.hypot(mean_sd, 0.07 * mean_k))
    return Comfort(held_k, held_sd, mean_k, spread, longer_k, told_k, mean_k - held_k)


def _shift(pair: Pair, drivers: Floats, group: Floats | np.ndarray, rows: Bools) -> tuple[float, float]:
    """Shift of the indoor temperature in the reporting period at equal drivers and group of hours, and its sd."""
    inside = pair.inside_c if pair.inside_c is not None else np.zeros(pair.hours)
    groups = np.unique(group)
    x = np.column_stack([drivers, group[:, None] == groups[None, :], pair.later])
    spread = np.concatenate([np.std(drivers, axis=0), np.ones(len(groups) + 1)])
    sd = np.concatenate([3.0 / np.maximum(spread[: drivers.shape[1]], 1e-9), np.full(len(groups), 5.0), [2.0]])
    mean = np.concatenate([np.zeros(drivers.shape[1]), np.full(len(groups), float(np.mean(inside))), [0.0]])
    known = (rows & pair.settled).astype(float)
    wide, found = 1.0, None
    variance = 0.25
    for _ in range(2):
        found = LinearModel(x, mean, sd, known / (variance * wide)).fit(inside)
        residual = inside - x @ found.mean
        variance = max(float(np.sum(known * residual**2) / max(np.sum(known), 1.0)), 1e-4)
        wide = inflation(residual, known)
    found = LinearModel(x, mean, sd, known / (variance * wide)).fit(inside)
    return float(found.mean[-1]), float(np.sqrt(found.covariance[-1, -1]))


def _drivers(pair: Pair) -> Floats:
    columns = [pair.outdoor_c, *(pair.lag(pair.outdoor_c, h) for h in (8.0, 32.0))]
    if pair.sun_w_m2 is not None:
        columns += [pair.sun_w_m2, *(pair.lag(pair.sun_w_m2, h) for h in (4.0, 24.0))]
    if pair.people is not None:
        columns += [pair.people, pair.lag(pair.people, 4.0)]
    return np.stack(columns, 1)


def _age(on: Bools, split: int) -> Floats:
    """Hours since something went on, 0 while it is off."""
    age = np.zeros(len(on))
    for k in range(1, len(on)):
        age[k] = age[k - 1] + 1 if on[k] and k != split else 0.0
    return age
