"""Intervals that keep their word: sizes of recent errors by the hour, quantiles moved by every hit and miss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from predict.forecast.days import HOURS
from predict.series import Floats

LOW, HIGH = 0.1, 0.9
_START: Final = 1.2816
"""The normal's, until something was seen."""
_RATE_WORK, _RATE_OFF = 0.12, 0.24
_STEP: Final = 0.03
_UNREST_SHARE: Final = 0.3
_LARGEST_UNREST: Final = 3.0
_LARGEST_JUMP: Final = 16.0
"""One error counts for at most four times the usual size."""


@dataclass(slots=True)
class Spread:
    """State of the intervals; it begins empty and sees one day after another.

    Attributes
    ----------
    power
        Shape (2, 24): smoothed squared error of each hour of working days and of days off, in units of the day's scale.
    seen
        Shape (2,): days of each sort.
    quantile
        Shape (2, 24): 10 % and 90 % quantile of the errors in those sizes.
    unrest
        What the latest day does to the next one's sizes: a restless day is followed by another.

    Notes
    -----
    The quantiles follow the gradient of the pinball loss, ``q += step (a - 1{z < q})``: over time the share of hours
    below tends to *a* whatever the errors do (adaptive conformal inference; Gibbs and Candès 2021, Angelopoulos, Candès
    and Tibshirani 2023).
    """

    power: Floats
    seen: Floats
    quantile: Floats
    unrest: float = 1.0

    @classmethod
    def empty(cls) -> Spread:
        """Nothing was seen yet."""
        return cls(np.ones((2, HOURS)), np.zeros(2), np.repeat([[-_START], [_START]], HOURS, axis=1))

    def size(self, scale: float, *, off: bool) -> Floats | None:
        """Shape (24,): usual size of the errors of a day of `scale`, or None before any was seen."""
        sort = self._sort(off=off)
        return None if sort is None else np.asarray(np.sqrt(self.power[sort]) * scale * self.unrest, np.float64)

    def see(self, error: Floats, scale: float, *, off: bool) -> None:
        """Learn from a day's errors, shape (24,), NaN where unknown; a day without any changes nothing."""
        known = np.isfinite(error)
        if not known.any() or scale <= 0:
            return
        size = self.size(scale, off=off)
        if size is not None:
            z = np.where(known, error, 0.0) / np.maximum(size, 1e-12)
            for row, share in enumerate((LOW, HIGH)):
                gradient = np.where(known, share - (z < self.quantile[row]), 0.0)
                self.quantile[row] += _STEP * _smooth(gradient)
            usual = float(np.sqrt(np.mean(np.minimum(z[known] ** 2, _LARGEST_UNREST**2))))
            self.unrest = min(max(usual, 1 / _LARGEST_UNREST), _LARGEST_UNREST) ** _UNREST_SHARE
        mine = int(off)
        squared = np.where(known, (np.where(known, error, 0.0) / scale) ** 2, np.nan)
        if self.seen[mine]:
            squared = np.where(known, np.minimum(squared, _LARGEST_JUMP * self.power[mine]), self.power[mine])
            rate = max(_RATE_OFF if off else _RATE_WORK, 1 / (self.seen[mine] + 1))
            self.power[mine] += rate * (_smooth(squared) - self.power[mine])
        else:
            self.power[mine] = _smooth(np.where(known, squared, np.nanmean(squared)))
        self.power[mine] = np.maximum(self.power[mine], 1e-12)
        self.seen[mine] += 1

    def _sort(self, *, off: bool) -> int | None:
        for sort in (int(off), int(not off)):
            if self.seen[sort]:
                return sort
        return None


_SMOOTHING: Final = sum(
    share * np.roll(np.eye(HOURS), shift, axis=0) for shift, share in ((-1, 0.25), (0, 0.5), (1, 0.25))
)


def _smooth(values: Floats) -> Floats:
    """Of a day, shape (24,): each hour with its neighbours."""
    return np.asarray(_SMOOTHING @ values, np.float64)
