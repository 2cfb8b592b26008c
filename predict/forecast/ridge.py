"""Ridge regressions of every hour of the day, refitted each week on the weeks before, near seasons first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from predict.forecast.days import HOURS
from predict.series import Floats

WEEK: Final = 7
HALF_LIFE_DAYS: Final = 500.0
SEASON_SHARE: Final = 0.7
SEASON_DAYS: Final = 40.0
"""A week's weight: halved every 500 days; 70 % of it hang on how near its season is (a Gaussian of 40 days)."""
_YEAR: Final = 365.0
NEIGHBOUR_SHARE: Final = 0.3
"""What the hours before and after count for in the fit of an hour."""


@dataclass(frozen=True, slots=True)
class WeeklySums:
    """Sums of products of each whole week.

    Attributes
    ----------
    products
        Shape (w, 24, p, p + 1): sums of weight · x xᵀ, and in the last column of weight · x y.
    weight, hours
        Shape (w,): sum of the weights, and how many there are.
    """

    products: npt.NDArray[np.float32]
    weight: Floats
    hours: Floats


def weekly_sums(design: Floats, target: Floats, weight: Floats) -> WeeklySums:
    """Sums of products by the week; a week that has not ended teaches nothing yet.

    Parameters
    ----------
    design
        Shape (24, d, p).
    target, weight
        Shape (d, 24); where the weight is 0 the target counts for nothing.
    """
    hours, days, width = design.shape
    weeks = days // WEEK
    if not weeks:
        return WeeklySums(np.zeros((1, hours, width, width + 1), np.float32), np.zeros(1), np.zeros(1))
    used = weeks * WEEK
    both = np.empty((hours, used, width + 1), np.float32)
    both[:, :, :width] = design[:, :used]
    both[:, :, width] = target[:used].T
    weighted = both[:, :, :width] * weight[:used].T.astype(np.float32)[:, :, None]
    by_week = weight[:used].reshape(weeks, -1)
    # One product for both: a matrix times a single column rounds differently from one run to the next.
    left = weighted.reshape(hours, weeks, WEEK, width).transpose(1, 0, 3, 2)
    products = left @ both.reshape(hours, weeks, WEEK, width + 1).swapaxes(0, 1)
    return WeeklySums(products, by_week.sum(axis=1), (by_week > 0).sum(axis=1).astype(np.float64))


def coefficients(sums: WeeklySums, first: int, last: int, ridge: float) -> Floats:
    """Coefficients in force in the weeks first to last, each learnt from the weeks before it alone.

    Parameters
    ----------
    sums
        Of at least `last` weeks.
    first, last
        Weeks, `last` included; it may be the week after those summed.
    ridge
        In hours of mean weight.

    Returns
    -------
    ndarray of shape (last - first + 1, 24, p)
    """
    weeks, hours, width, _ = sums.products.shape
    now, then = np.arange(first, last + 1)[:, None] * float(WEEK), np.arange(weeks)[None, :] * float(WEEK)
    apart = np.abs((now - then + _YEAR / 2) % _YEAR - _YEAR / 2)
    near = 1 - SEASON_SHARE + 2 * SEASON_SHARE * np.exp(-0.5 * (apart / SEASON_DAYS) ** 2)
    past = then < now
    count = np.where(past, near * 0.5 ** ((now - then) / HALF_LIFE_DAYS), 0.0)
    total = (count.astype(np.float32) @ sums.products.reshape(weeks, -1)).reshape(-1, hours, width, width + 1)
    mean_weight = (past @ sums.weight) / np.maximum(past @ sums.hours, 1.0)
    both = total.astype(np.float64)
    both[:, 1:] += NEIGHBOUR_SHARE * total[:, :-1]
    both[:, :-1] += NEIGHBOUR_SHARE * total[:, 1:]
    both[:, 0] += NEIGHBOUR_SHARE * total[:, -1]
    both[:, -1] += NEIGHBOUR_SHARE * total[:, 0]
    diagonal = np.arange(width)
    both[:, :, diagonal, diagonal] += np.maximum(ridge * mean_weight, 1e-9)[:, None, None]
    return np.asarray(np.linalg.solve(both[..., :-1], both[..., -1:])[..., 0], np.float64)


def apply(design: Floats, coefficient: Floats, first: int) -> Floats:
    """Shape (d, 24): predictions of whole weeks from week `first` on; zero before.

    Parameters
    ----------
    design
        Shape (24, d, p).
    coefficient
        Shape (w, 24, p): of week `first` and those after it.
    """
    days = design.shape[1]
    found = np.zeros((days, HOURS))
    for i, of_week in enumerate(coefficient):
        rows = slice((first + i) * WEEK, min((first + i + 1) * WEEK, days))
        found[rows] = (design[:, rows] @ of_week[:, :, None])[:, :, 0].T
    return found
