"""A Gaussian process over days whose values are whole days of 24 hours: the linear algebra, without buildings in it.

Days are alike by a covariance K between days, hours by a covariance B between the hours of a day, and both together by
their product (a matrix-variate normal). Then the mean needs no B at all, one triangular factor serves all hours, and
days can be left out in closed form.

References
----------
C. E. Rasmussen, C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press 2006, sections 2.2 and 5.4.2.
O. Stegle et al., "Efficient inference in matrix-variate Gaussian models with iid observation noise", NIPS 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from predict.baseline.days import Indices
from predict.series import Floats

_JITTER: Final = 1e-6
_ROUNDS: Final = 2
"""Times that unknown hours are filled with what the rest of the data expects there."""


@dataclass(frozen=True, slots=True)
class DayProcess:
    """A Gaussian process over days, after it has seen some.

    Attributes
    ----------
    factor
        Shape (m, m): lower triangular factor of the covariance of the days seen, noise included.
    weights
        Shape (m, 24): what each of them contributes to a prediction.
    noise
        Variance of a single day, in units of B.
    hours_cov
        Shape (24, 24): B, the covariance of the hours of a day, in the square of the values' unit.
    """

    factor: Floats
    weights: Floats
    noise: float
    hours_cov: Floats

    @property
    def hour_spread(self) -> Floats:
        """Standard deviation of each hour of a day of unit variance, shape (24,)."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.hours_cov), 0.0)), np.float64)

    @property
    def inverse(self) -> Floats:
        """Inverse of the covariance of the days seen, shape (m, m)."""
        return np.asarray(cho_solve((self.factor, True), np.eye(len(self.factor)), check_finite=False), np.float64)

    def mean(self, cross: Floats) -> Floats:
        """Expected values of days, shape (d, 24), from their covariance with the days seen, shape (d, m)."""
        return cross @ self.weights

    def covariance(self, cross: Floats, own: Floats) -> Floats:
        """Covariance of days not seen, shape (d, d), in units of B, noise included; `own` is the prior's, (d, d)."""
        half = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        return np.asarray(own - half.T @ half + self.noise * np.eye(len(own)), np.float64)

    def variance(self, cross: Floats, own: Floats) -> Floats:
        """Its diagonal alone, shape (d,), from the prior's, shape (d,)."""
        half = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        return np.asarray(np.maximum(own - np.sum(half**2, axis=0), 0.0) + self.noise, np.float64)


def condition(covariance: Floats, noise: float, values: Floats) -> tuple[DayProcess, Floats]:
    """The process after it has seen `values`, and these values completed.

    Parameters
    ----------
    covariance
        Shape (m, m): of the days, without noise.
    noise
        Variance of a single day on top of it.
    values
        Shape (m, 24): around zero; NaN where unknown, each day with at least one known hour.
    """
    unknown = ~np.isfinite(values)
    complete = np.where(unknown, 0.0, values)
    factor, _ = cho_factor(covariance + noise * np.eye(len(covariance)), lower=True, check_finite=False)
    weights = cho_solve((factor, True), complete, check_finite=False)
    for _ in range(_ROUNDS if unknown.any() else 0):
        complete[unknown] = (covariance @ weights)[unknown]
        weights = cho_solve((factor, True), complete, check_finite=False)
    hours_cov = complete.T @ weights / len(complete)
    return DayProcess(np.tril(factor), weights, noise, hours_cov), complete


def evidence(process: DayProcess) -> float:
    """Logarithm of the likelihood of what the process has seen, B at its most likely value, up to a constant.

    Needs more days than a day has hours, else B is singular and the answer means nothing.
    """
    days, hours = process.weights.shape
    half_determinant = float(np.log(np.diag(process.factor)).sum())
    scale = np.trace(process.hours_cov) / hours
    _, hours_determinant = np.linalg.slogdet(process.hours_cov + _JITTER * scale * np.eye(hours))
    return float(-hours * half_determinant - days / 2 * hours_determinant)


def left_out(inverse: Floats, weights: Floats, group: Indices) -> tuple[Floats, Floats]:
    """Errors of some days as all others expect them, shape (g, 24), and the variance of each expected then, shape (g,).

    Parameters
    ----------
    inverse
        Shape (m, m): `DayProcess.inverse`.
    weights
        Shape (m, 24): of the process.
    group
        Indices of the days that are left out together.
    """
    own = np.linalg.inv(inverse[np.ix_(group, group)])
    return own @ weights[group], np.diag(own)
