"""Linear models with Gaussian priors: what they hold to be true, and how well they foretell the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from predict.series import Floats

_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Posterior:
    """Coefficients given the data.

    Attributes
    ----------
    mean, covariance
        Shapes (k,) and (k, k).
    log_evidence
        Log density of the data under the model, coefficients integrated out (up to what all models of the same data
        and noise share).
    """

    mean: Floats
    covariance: Floats
    log_evidence: float


class LinearModel:
    """``y = X b + noise`` with independent Gaussian priors on b and known precisions of the noise.

    The work that does not depend on y is done once, so that many scalings of y are compared cheaply.

    Parameters
    ----------
    x
        Shape (n, k).
    prior_mean, prior_sd
        Shape (k,).
    precision
        Shape (n,): 1 / variance of each row's noise; 0 leaves a row out.
    """

    def __init__(self, x: Floats, prior_mean: Floats, prior_sd: Floats, precision: Floats) -> None:
        self._x, self._mean, self._precision = x, prior_mean, precision
        self._weighted = x * precision[:, None]
        self._prior_precision = 1.0 / prior_sd**2
        self._factor = cho_factor(x.T @ self._weighted + np.diag(self._prior_precision))
        self._log_volume = float(2 * np.sum(np.log(np.diag(self._factor[0]))) - np.sum(np.log(self._prior_precision)))
        self._offset = x @ prior_mean

    def fit(self, y: Floats) -> Posterior:
        """Coefficients and evidence for one `y`, shape (n,)."""
        rest = y - self._offset
        pull = self._weighted.T @ rest
        move = cho_solve(self._factor, pull)
        misfit = float(rest @ (self._precision * rest) - pull @ move)
        covariance = cho_solve(self._factor, np.eye(len(move)))
        return Posterior(self._mean + move, covariance, -0.5 * (misfit + self._log_volume))

    def log_evidence(self, y: Floats) -> float:
        """Only the evidence of one `y`."""
        rest = y - self._offset
        pull = self._weighted.T @ rest
        return -0.5 * float(rest @ (self._precision * rest) - pull @ cho_solve(self._factor, pull) + self._log_volume)


class Terms:
    """Columns of a linear model with their names and priors.

    Attributes
    ----------
    place
        Name to position.
    """

    def __init__(self) -> None:
        self.place: dict[str, int] = {}
        self._columns: list[Floats] = []
        self._mean: list[float] = []
        self._sd: list[float] = []

    def add(self, name: str, column: Floats, mean: float, sd: float) -> None:
        """Add a column unless it is constant zero."""
        if np.any(np.abs(column) > _NOTHING):
            self.place[name] = len(self._columns)
            self._columns.append(column)
            self._mean.append(mean)
            self._sd.append(sd)

    @property
    def matrix(self) -> Floats:
        """Shape (n, k)."""
        return np.stack(self._columns, 1)

    @property
    def prior(self) -> tuple[Floats, Floats]:
        """Means and standard deviations, shapes (k,)."""
        return np.array(self._mean), np.array(self._sd)


@dataclass(frozen=True, slots=True)
class Noise:
    """Errors of a model by group of hours, and their memory.

    Attributes
    ----------
    variance
        Shape (n,).
    inflation
        See `inflation`.
    sd
        Of all hours.
    """

    variance: Floats
    inflation: float
    sd: float

    def precision(self, known: Floats) -> Floats:
        """What each row weighs, shape (n,)."""
        return np.asarray(known / (self.variance * self.inflation), np.float64)


def noise_of(residuals: Floats, known: Floats, group: npt.NDArray[np.int64], floor: float) -> Noise:
    """Noise of residuals, of each group of hours by itself; a group with few hours borrows from the others.

    Parameters
    ----------
    floor
        No group's variance is less than this share of all hours'.
    """
    weight = np.bincount(group, weights=known)
    square = np.bincount(group, weights=known * residuals**2)
    overall = max(float(np.sum(square)) / max(float(np.sum(weight)), 1.0), _NOTHING**2)
    variance = np.maximum((square + 4 * overall) / (weight + 4), floor * overall)[group]
    return Noise(variance, inflation(residuals / np.sqrt(variance), known), float(np.sqrt(overall)))


def inflation(residuals: Floats, known: Floats) -> float:
    """How many times too sure one would be if hourly `residuals` were taken as independent (at least 1).

    The ratio of the variance of sums over a day to that of independent hours, and of two days to a day beyond it.
    """
    values = np.where(known > 0, residuals, 0.0)
    spread = float(np.sum(values**2)) / max(float(np.sum(known > 0)), 1.0)
    if spread <= 0:
        return 1.0
    days = values[: len(values) // 24 * 24].reshape(-1, 24).sum(axis=1)
    days = days - days.mean() if len(days) > 2 else days
    worst = float(np.mean(days**2)) / (24 * spread) if len(days) else 1.0
    pairs = days[: len(days) // 3 * 3].reshape(-1, 3).sum(axis=1)
    if len(pairs) > 3:
        worst = max(worst, float(np.mean(pairs**2)) / (72 * spread))
    return max(worst, 1.0)
