"""The fractional uncertainty of a saving: ASHRAE Guideline 14 annex B, with the memory of the model's errors."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from core.errors import DomainError
from predict.residuals import REDDY_CLARIDGE, effective_count, half_width
from predict.series import Floats

GUIDELINE_LIMIT: Final = 0.5
"""Guideline 14 accepts a saving that is known to within half of itself, at 68 % confidence."""
GUIDELINE_CONFIDENCE: Final = 0.68
_SUN_BALTAZAR: Final = {
    "monthly": (-0.00022, 0.03306, 0.94054),
    "daily": (-0.00024, 0.03535, 1.00286),
}


class Inflation(StrEnum):
    """What stands for the design matrix in the simplified formula.

    Attributes
    ----------
    SIMPLE
        1.26, whatever the length: Reddy and Claridge (2000), Guideline 14-2002; for hourly data still the usual one.
    MONTHLY, DAILY
        The polynomial of Sun and Baltazar (2013) in the months of the reporting period: Guideline 14-2014.
    """

    SIMPLE = "simple"
    MONTHLY = "monthly"
    DAILY = "daily"


def inflation_factor(inflation: Inflation, months: float) -> float:
    """1.26, or ``a M**2 + b M + c`` for a reporting period of `months` months.

    Raises
    ------
    DomainError
        The reporting period has no length.
    """
    if inflation is Inflation.SIMPLE:
        return REDDY_CLARIDGE
    if months <= 0:
        raise DomainError("the reporting period must have a length")
    return float(np.polyval(_SUN_BALTAZAR[inflation], months))


def student_t(confidence: float, degrees_of_freedom: float) -> float:
    """Two-sided quantile of Student's distribution.

    Raises
    ------
    DomainError
        The confidence is not between 0 and 1, or there are no degrees of freedom.
    """
    if not 0 < confidence < 1 or degrees_of_freedom <= 0:
        raise DomainError(f"no Student's t for {confidence} and {degrees_of_freedom} degrees of freedom")
    return float(stdtrit(degrees_of_freedom, (1 + confidence) / 2))


def fractional_savings_uncertainty(
    *,
    cv_rmse: float,
    savings_fraction: float,
    baseline_points: float,
    reporting_points: float,
    rho: float = 0.0,
    parameters: int = 0,
    confidence: float = 0.9,
    factor: float = REDDY_CLARIDGE,
) -> float:
    """Half width of the interval of a saving as a share of the saving.

    Parameters
    ----------
    cv_rmse
        Of the baseline, as a fraction (not percent).
    savings_fraction
        F: saving divided by what the baseline predicts; its sign does not matter.
    baseline_points, reporting_points
        n and m, both in the model's interval.
    rho
        Lag-one correlation of the baseline's errors; a negative one counts as none.
    parameters
        Of the model, for the degrees of freedom.
    confidence
        Two-sided.
    factor
        See `inflation_factor`.

    Returns
    -------
    float
        Infinity where nothing was saved: any uncertainty is infinitely larger than that.

    Raises
    ------
    DomainError
        A count is not positive, or the correlation not below 1.

    Notes
    -----
    ::

        FSU = t factor CV(RMSE) / F sqrt(n/n' (1 + 2/n') / m),   n' = n (1 - rho) / (1 + rho)

    with t for n - p degrees of freedom.

    References
    ----------
    ASHRAE Guideline 14-2014, annex B. T. A. Reddy, D. E. Claridge, "Uncertainty of 'measured' energy savings from
    statistical baseline models", HVAC&R Research 6 (2000) 3-20. Y. Sun, J.-C. Baltazar, "Analysis and improvement on
    the estimation of building energy savings uncertainty", ASHRAE Transactions 119 (2013). CalTRACK 2.0, 4.3.2.4.
    """
    if baseline_points <= 0 or reporting_points <= 0 or not rho < 1:
        raise DomainError("a savings uncertainty needs points before and after, and a correlation below 1")
    correlation = max(rho, 0.0)
    effective = effective_count(baseline_points, correlation)
    width = half_width(
        cv_rmse,
        reporting_points,
        effective,
        baseline_points / effective,
        t=student_t(confidence, baseline_points - parameters),
        factor=factor,
    )
    saved = abs(savings_fraction) * reporting_points
    return float(width) / saved if saved else float("inf")


def as_fraction(uncertainty_kwh: npt.ArrayLike, saving_kwh: npt.ArrayLike) -> Floats:
    """Uncertainty of a saving as a share of it; infinity where nothing was saved, NaN where nothing is known."""
    width, saved = np.asarray(uncertainty_kwh, np.float64), np.abs(np.asarray(saving_kwh, np.float64))
    share = np.divide(width, saved, out=np.full(np.broadcast(width, saved).shape, np.inf), where=saved > 0)
    return np.where(np.isfinite(width) & np.isfinite(saved), share, np.nan)
