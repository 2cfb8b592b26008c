"""How good a baseline is, and whether its data suffice: ASHRAE Guideline 14 figures, limits and reasons against it."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar
from predict.series import Floats, Times

CV_RMSE_LIMIT: Final = {"hour": 30.0, "month": 15.0}
NMBE_LIMIT: Final = {"hour": 10.0, "month": 5.0}
"""Percent; ASHRAE Guideline 14, whole-building calibrated models."""
MIN_DAYS: Final = 0.9 * 365
MIN_COVERAGE: Final = 0.9
"""Sufficiency as OpenDSM asks: share of valid days, and share of known hours in a valid day."""


class Figures(msgspec.Struct, frozen=True):
    """Agreement of actual `y` and predicted `p` over the hours in which both are known.

    Attributes
    ----------
    hours
        Number of such hours.
    mean_kwh
        Mean of the actual, kWh per hour; this and all below are None where they are not defined.
    cv_rmse
        ``100 * sqrt(mean((y - p)**2)) / mean(y)``, percent.
    nmbe
        ``100 * sum(y - p) / (n * mean(y))``, percent; positive: more was used than predicted.
    r2
        Coefficient of determination.
    """

    hours: int
    mean_kwh: float | None
    cv_rmse: float | None
    nmbe: float | None
    r2: float | None


class Sufficiency(msgspec.Struct, frozen=True):
    """What a baseline period holds.

    Attributes
    ----------
    days
        Length of the period, days.
    valid_days
        Local days with at least 90 % of their hours known.
    coverage
        Share of all hours known, 0 to 1.
    """

    days: float
    valid_days: int
    coverage: float


def figures(actual: Floats, predicted: Floats) -> Figures:
    """Figures of a prediction (kWh per hour, shape (n,), NaN where unknown)."""
    both = np.isfinite(actual) & np.isfinite(predicted)
    y, residual = actual[both], actual[both] - predicted[both]
    if not len(y):
        return Figures(0, None, None, None, None)
    mean, variation = float(y.mean()), float(np.sum((y - y.mean()) ** 2))
    return Figures(
        hours=len(y),
        mean_kwh=mean,
        cv_rmse=100 * float(np.sqrt(np.mean(residual**2))) / mean if mean else None,
        nmbe=100 * float(residual.mean()) / mean if mean else None,
        r2=1 - float(np.sum(residual**2)) / variation if variation else None,
    )


def sufficiency(time_ms: Times, kwh: Floats, temperature_c: Floats, calendar: Calendar) -> Sufficiency:
    """What a baseline period holds; an hour counts when energy and temperature are both known.

    Parameters
    ----------
    time_ms
        Shape (n,): starts of consecutive hours, UTC milliseconds.
    kwh, temperature_c
        Shape (n,), NaN where unknown.
    """
    known = np.isfinite(kwh) & np.isfinite(temperature_c)
    if not len(time_ms):
        return Sufficiency(0.0, 0, 0.0)
    valid, at = 0, int(time_ms[0])
    while at <= time_ms[-1]:
        start, end = calendar.day_bounds(calendar.day_of(at))
        here = slice(*np.searchsorted(time_ms, (start, end)))
        valid += int(known[here].sum() >= MIN_COVERAGE * (end - start) / HOUR_MS)
        at = end
    return Sufficiency(len(time_ms) / 24, valid, float(known.mean()))


def disqualifications(fit: Figures, held: Sufficiency, step: str = "hour") -> list[str]:
    """Why no savings may be claimed with a baseline, in sentences; empty when they may."""
    reasons = []
    if held.days < MIN_DAYS:
        reasons.append(f"The baseline period has {held.days:.0f} days; about a year ({MIN_DAYS:.0f} days) is needed.")
    if held.days and held.valid_days < MIN_COVERAGE * held.days:
        reasons.append(
            f"{held.valid_days} of {held.days:.0f} days have 90 % of their hours; {MIN_COVERAGE:.0%} of them must."
        )
    for name, value, limit in (("CV(RMSE)", fit.cv_rmse, CV_RMSE_LIMIT[step]), ("NMBE", fit.nmbe, NMBE_LIMIT[step])):
        if value is None:
            reasons.append(f"{name} is not defined: the mean use is zero or unknown.")
        elif abs(value) > limit:
            reasons.append(f"{name} of {value:.1f} % is beyond the {limit:.0f} % of ASHRAE Guideline 14.")
    return reasons
