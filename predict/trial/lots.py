"""What lots alone can explain: the saving that a trial shows, and the savings that its lots do not contradict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import DomainError
from predict.series import Floats
from predict.trial.plan import Bools

DRAWS: Final = 1999
LEVEL: Final = 0.1
"""Savings whose probability is below this lie outside of the 90 % interval."""
_SPARE: Final = 3
"""Degrees of freedom that covariates must leave."""
_LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Share:
    """A saving as a share of what would have been used, with its 90 % interval.

    Attributes
    ----------
    saved, low, high
        0.1: a tenth less. An end is infinite where the trial has too few blocks to bound it.
    p_value
        How often lots alone make at least such a difference when control does nothing.
    """

    saved: float
    low: float
    high: float
    p_value: float


def switches(states: Bools) -> Floats:
    """Shape of `states`, blocks last: 1 where control went on, -1 where it went off, 0 where it stayed or began."""
    numbers = states.astype(np.float64)
    return np.diff(numbers, axis=-1, prepend=numbers[..., :1])


def estimate(
    power_kw: Floats, covariates: Floats, is_on: Bools, draws: Bools, switched: tuple[Floats, Floats] | None = None
) -> Share:
    """Saving that the lots tell, by randomisation inference.

    Parameters
    ----------
    power_kw
        Shape (n,): mean power of each block.
    covariates
        Shape (n, k): what else it depends on, not changed by control; the first ones are the most important.
    is_on
        Shape (n,): with control.
    draws
        Shape (count, n): other plans, drawn as this one was.
    switched
        `switches` of the plan and of the draws, shapes (n,) and (count, n): what a block takes over from the one before
        is estimated beside the saving and taken out of it. None: nothing is taken over behind the wash-out.

    Raises
    ------
    DomainError
        Fewer than two blocks of a kind, or no use to save of.

    Notes
    -----
    If control saves the share ``s`` of every block, then ``y (1 + m z)``, with z = 1 for blocks that are on and
    m = s / (1 - s), is what they would have used without. Under the true s it has nothing to do with the lots, so its
    adjusted difference between on and off, ``A + m B``, is one among those of all plans that might have been drawn:
    each is ``A_k + m B_k``, and the share of them that are as large is the probability of s, exact whatever the errors'
    memory and distribution. Both are linear in m, so every draw keeps the interval of m in which its difference is the
    larger one, and the interval of the saving is a quantile of their ends. The difference is adjusted by least squares
    on the covariates, which makes it smaller but cannot make it wrong. What is taken over from the block before is one
    more unknown; the draws are freed of its estimate, which is close to exact, no more.

    References
    ----------
    P. R. Rosenbaum, "Covariance adjustment in randomized experiments and observational studies", Statistical Science
    17 (2002) 286-327. W. Lin, "Agnostic notes on regression adjustments", Annals of Applied Statistics 7 (2013).
    """
    n = len(power_kw)
    if min(is_on.sum(), (~is_on).sum()) < 2:
        raise DomainError("fewer than two blocks with control, or without")
    x = np.column_stack([np.ones(n), _scaled(covariates[:, : max(n - 2 - _SPARE, 0)])])
    basis = _basis(x)

    def rest(values: Floats) -> Floats:
        return values - basis @ (basis.T @ values)

    def free(rows: Floats) -> Floats:
        return rows - (rows @ basis) @ basis.T

    lots = free(np.vstack([is_on, draws]).astype(np.float64))
    if switched is not None:
        turns = free(np.vstack(switched))
        weight = np.sum(turns**2, axis=1)
        slope = np.where(weight > _LEAST * n, np.sum(lots * turns, axis=1) / np.where(weight > 0, weight, 1.0), 0.0)
        lots -= slope[:, None] * turns
    size = np.sum(lots**2, axis=1)
    # A draw that the covariates (or the blocks left out) make all alike has no difference to tell.
    tells = size > _LEAST * n
    if not tells[0]:
        raise DomainError("weather and calendar alone tell the blocks with control from those without")
    size = np.where(tells, size, 1.0)
    a, b = (lots @ rest(values) / size for values in (power_kw, power_kw * is_on))
    if not (b[0] > 0 and power_kw[is_on].mean() > 0):
        raise DomainError("what is fed back outweighs what is used")
    best = float(-a[0] / b[0])
    if switched is not None and weight[0] > _LEAST * n:
        without = rest(power_kw * (1 + best * is_on))
        a -= float(turns[0] @ without) / weight[0] * (lots @ rest(switched[0]) / size)
    low, high = _kept(a[1:], b[1:], float(a[0]), float(b[0]), best)
    low, high = np.where(tells[1:], low, -np.inf), np.where(tells[1:], high, np.inf)
    # The plan itself is one of those that might have been drawn.
    beyond = math.ceil(LEVEL * (len(draws) + 1) - 1e-9) - 1
    ends = np.sort(low)[beyond - 1], np.sort(high)[::-1][beyond - 1]
    p_value = (1 + int(np.sum((low <= 0) & (high >= 0)))) / (len(draws) + 1)
    return Share(_share(best), _share(float(ends[0])), _share(float(ends[1])), p_value)


def _kept(a: Floats, b: Floats, a0: float, b0: float, best: float) -> tuple[Floats, Floats]:
    """Interval of m around `best` in which ``|a + m b| >= |a0 + m b0|``, of each draw."""
    bounded = np.abs(b) < b0 * (1 - _LEAST)
    first = np.where(bounded, -(a - a0) / np.where(bounded, b - b0, 1.0), np.nan)
    second = np.where(bounded, -(a + a0) / np.where(bounded, b + b0, 1.0), np.nan)
    low, high = np.minimum(first, second), np.maximum(first, second)
    # The same lots, or the opposite ones: they never contradict.
    return np.where(bounded, np.minimum(low, best), -np.inf), np.where(bounded, np.maximum(high, best), np.inf)


def _share(m: float) -> float:
    if m == math.inf:
        return 1.0
    return m / (1 + m) if m > -1 else -math.inf


def _scaled(columns: Floats) -> Floats:
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred[:, spread > _LEAST] / spread[spread > _LEAST], np.float64)


def _basis(x: Floats) -> Floats:
    """Orthonormal columns that span those of `x`."""
    u, sizes, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(u[:, sizes > 1e-6 * sizes[0]], np.float64)
