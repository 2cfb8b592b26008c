"""First-order lags: how the masses of a building remember what happened."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from predict.series import Floats


def lagged(values: Floats, time_constant_h: float, step_h: float = 1.0) -> Floats:
    """Exact response of a first-order lag to a staircase of `values`, shape (n,); begins in balance with its first day.

    Parameters
    ----------
    values
        Consecutive steps, none unknown.
    time_constant_h, step_h
        Hours.
    """
    if not len(values):
        return values.copy()
    fade = float(np.exp(-step_h / time_constant_h))
    start = float(np.mean(values[: max(1, round(24 / step_h))]))
    answer, _ = lfilter([1 - fade], [1.0, -fade], values, zi=np.array([fade * start]))
    return np.asarray(answer, np.float64)


def filled(values: Floats) -> Floats:
    """`values` with what is unknown interpolated, the ends held; all unknown gives zeros."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros_like(values)
    return np.asarray(np.interp(np.arange(len(values)), known, values[known]), np.float64)
