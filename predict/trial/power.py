"""How long a trial must be for a saving to stand out of a meter's own noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy import stats

from core.errors import DomainError
from predict.residuals import Residuals
from predict.trial.plan import MOST_BLOCKS
from stores.registry import TrialUnit

CONFIDENCE: Final = 0.9
"""Of the two-sided interval; a claim needs its lower end above nothing, which luck alone does in one case of twenty."""
POWER: Final = 0.8
DAYS: Final = {TrialUnit.DAY: 1, TrialUnit.WEEK: 7}
_STEP: Final = {TrialUnit.DAY: 14, TrialUnit.WEEK: 2}
"""Lengths that leave no weekday without its partner, and no week alone."""
_FEWEST: Final = {TrialUnit.DAY: 14, TrialUnit.WEEK: 8}
"""With fewer blocks there are so few ways to draw them that no result would be rare enough."""


@dataclass(frozen=True, slots=True)
class Length:
    """A trial that is long enough.

    Attributes
    ----------
    unit, blocks, days
        How many of them, half with control.
    """

    unit: TrialUnit
    blocks: int
    days: int


def noise_kw(residuals: Residuals, unit: TrialUnit, washout_h: int) -> float:
    """Standard deviation of a block's mean power around the baseline, kW, as much as it counts.

    Parameters
    ----------
    residuals
        Of the baseline on months it was not fitted on.
    washout_h
        Hours of each block that do not count: what is left is averaged over less.

    Notes
    -----
    What a day takes over from the day before is estimated beside the saving. What is left to tell the saving is the
    mean of two days' lots, of half the variance, which adds up neighbours' errors: ``2 (1 + rho)`` times the variance.
    """
    day_kw = residuals.day_sigma_kwh / 24
    if unit is TrialUnit.DAY:
        shorter = _of_mean(24 - washout_h, residuals.rho) / _of_mean(24, residuals.rho)
        return day_kw * math.sqrt(shorter * 2 * (1 + residuals.day_rho))
    return day_kw * math.sqrt(_of_mean(DAYS[unit] - washout_h / 24, residuals.day_rho))


def needed(saving_kw: float, sigma_kw: float, unit: TrialUnit, power: float = POWER) -> Length | None:
    """Shortest trial in which a saving is found with probability `power`; None when none is long enough.

    Parameters
    ----------
    saving_kw, sigma_kw
        Saving, and standard deviation of a block (`noise_kw`), mean power.

    Raises
    ------
    DomainError
        The saving is not above nothing, or the noise is not known.
    """
    if not (saving_kw > 0 and sigma_kw >= 0):
        raise DomainError("the length of a trial follows from a saving above nothing and a known noise")
    step = _STEP[unit]
    for blocks in range(-(-_FEWEST[unit] // step) * step, MOST_BLOCKS + 1, step):
        if detectable_kw(sigma_kw, blocks, power) <= saving_kw:
            return Length(unit, blocks, blocks * DAYS[unit])
    return None


def detectable_kw(sigma_kw: float, blocks: int, power: float = POWER) -> float:
    """Smallest saving, kW, that a trial of so many blocks (half of them on) finds with probability `power`.

    Notes
    -----
    Lots make the difference of two means of N/2 blocks each have the variance ``4 sigma**2 / N``, whatever the memory
    of the errors. ``(t_confidence + t_power) 2 sigma / sqrt(N)``, with Student's t for N - 4 degrees of freedom: two
    means, the slope against the baseline, and what is taken over.
    """
    freedom = blocks - 4
    if freedom < 1:
        return math.inf
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) + stats.t.ppf(power, freedom)
    return float(reach * 2 * sigma_kw / math.sqrt(blocks))


def _of_mean(m: float, rho: float) -> float:
    """Variance of the mean of `m` errors of a first-order process of variance 1."""
    inflation = (1 + rho) / (1 - rho) - 2 * rho * (1 - rho**m) / (m * (1 - rho) ** 2)
    return float(max(inflation, 1.0) / m)
