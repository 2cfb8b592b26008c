"""Errors of a baseline on months it was not fitted on, and how uncertain they make a sum of predicted hours."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from predict.series import Floats

T_90: Final = 1.645
"""Two-sided 90 % confidence; with hundreds of effective hours Student's t is the normal's."""
REDDY_CLARIDGE: Final = 1.26
"""Inflation of Reddy and Claridge (2000) that ASHRAE Guideline 14 annex B uses."""
_MAX_RHO: Final = 0.99
MIN_HOURS_OF_DAY: Final = 22


class Residuals(msgspec.Struct, frozen=True):
    """Size and memory of the errors, by the hour and by the day.

    Attributes
    ----------
    hours
        How many there are.
    sigma_kwh, rho
        Root mean square of an hour, and its correlation with the hour before.
    day_sigma_kwh, day_rho
        The same of the sum of 24 hours; errors remember longer than their first lag tells.
    """

    hours: int
    sigma_kwh: float
    rho: float
    day_sigma_kwh: float
    day_rho: float


def describe(residual_kwh: Floats) -> Residuals:
    """Size and memory of residuals (actual - predicted of consecutive hours, NaN where unknown).

    Without any, the size is NaN: then no gap is ever significant.
    """
    known = np.isfinite(residual_kwh)
    hours = int(known.sum())
    sigma = float(np.sqrt(np.mean(residual_kwh[known] ** 2))) if hours else np.nan
    days = residual_kwh[: len(residual_kwh) // 24 * 24].reshape(-1, 24)
    whole = np.isfinite(days).sum(axis=1) >= MIN_HOURS_OF_DAY
    sums = np.full(len(days), np.nan)
    sums[whole] = np.nanmean(days[whole], axis=1) * 24
    day_sigma = float(np.sqrt(np.nanmean(sums**2))) if whole.any() else 24 * sigma
    return Residuals(hours, sigma, _lag_one(residual_kwh), day_sigma, _lag_one(sums))


def sum_uncertainty_kwh(residuals: Residuals, hours: npt.ArrayLike) -> Floats:
    """Half width of the 90 % interval of (actual - predicted), summed over so many consecutive hours, kWh.

    Notes
    -----
    ASHRAE Guideline 14 annex B (after Reddy and Claridge 2000) in absolute terms::

        u = 1.26 t s sqrt(m n/n' (1 + 2/n')),   n' = n (1 - rho) / (1 + rho)

    where ``n/n'`` is the inflation of a long sum of correlated errors. For short sums its exact form for a first-order
    process is used, ``1 + 2 sum_k (1 - k/m) rho**k``, which tends to it. Both are taken by the hour and, for periods of
    a day and more, by the day; the wider counts.
    """
    m = np.asarray(hours, np.float64)
    hourly = _of_sums(m, residuals.hours, residuals.sigma_kwh, residuals.rho)
    daily = _of_sums(m / 24, residuals.hours / 24, residuals.day_sigma_kwh, residuals.day_rho)
    return np.where(m >= 24, np.maximum(hourly, daily), hourly)


def effective_count(n: float, rho: float) -> float:
    """How many independent errors `n` errors with lag-one correlation `rho` are worth: n' of annex B, at least 1."""
    return max(n * (1 - rho) / (1 + rho), 1.0)


def half_width(
    sigma: float, m: npt.ArrayLike, n_effective: float, memory: npt.ArrayLike, *, t: float, factor: npt.ArrayLike
) -> Floats:
    """Half width of the interval of a sum of `m` errors, in the unit of `sigma`: annex B in absolute terms.

    ::

        u = factor t sigma sqrt(m memory (1 + 2/n'))

    Parameters
    ----------
    sigma
        Root mean square of one error.
    m
        Number of errors in the sum, any shape.
    n_effective
        n': independent errors that the baseline was fitted on.
    memory
        By how much correlation inflates the variance of the sum: n/n' in annex B.
    t
        Of Student, for the confidence wanted.
    factor
        1.26 (Reddy and Claridge), or the polynomial of Sun and Baltazar.
    """
    spread = np.sqrt(np.asarray(m, np.float64) * np.asarray(memory, np.float64) * (1 + 2 / n_effective))
    return np.asarray(np.asarray(factor, np.float64) * t * sigma * spread, np.float64)


def _of_sums(m: Floats, n: float, sigma: float, rho: float) -> Floats:
    memory = (1 + rho) / (1 - rho) - 2 * rho * (1 - rho**m) / (np.maximum(m, 1e-9) * (1 - rho) ** 2)
    inflation = np.where(m <= 1, 1.0, np.maximum(memory, 1.0))
    return half_width(sigma, m, effective_count(n, rho), inflation, t=T_90, factor=REDDY_CLARIDGE)


def _lag_one(values: Floats) -> float:
    before, after = values[:-1], values[1:]
    pairs = np.isfinite(before) & np.isfinite(after)
    power = float(np.sum(before[pairs] ** 2))
    rho = float(np.sum(before[pairs] * after[pairs])) / power if power > 0 else 0.0
    return float(np.clip(rho, 0.0, _MAX_RHO))
