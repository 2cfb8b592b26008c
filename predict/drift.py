"""Drift: a building that no longer uses what its baseline expects, seen in the errors since the fit."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from predict.residuals import Residuals, sum_uncertainty_kwh
from predict.series import Floats, Times

WINDOW_DAYS: Final = 30
BEYOND: Final = 1.5
"""Times its 90 % uncertainty that the bias of 30 days must reach; in-period errors know nothing of the years."""
BEYOND_SINCE_FIT: Final = 1.0
"""The same of all days since the fit: what lasts is seen there first, because what passes has cancelled out."""
MIN_KNOWN: Final = 0.5
"""A window known for less says nothing."""
_DAY: Final = 24


class Drift(msgspec.Struct, frozen=True):
    """Bias since the fit; positive: more is used than the baseline expects.

    Attributes
    ----------
    bias_percent
        Of the newest 30 days that are known well enough, percent of what was predicted.
    uncertainty_percent
        Half width of its 90 % interval by the baseline's own errors.
    since_fit_percent, since_fit_uncertainty_percent
        The same of all hours since the fit.
    recently, lastingly
        Whether the one or the other is a drift: beyond 1.5 times its uncertainty over 30 days, beyond its uncertainty
        since the fit, and large enough to matter.
    since_ms
        Beginning of the unbroken run of 30 days that drift up to now, else of all that was watched, UTC milliseconds;
        None without a drift.
    known_hours
        Since the fit.
    """

    bias_percent: float
    uncertainty_percent: float
    since_fit_percent: float
    since_fit_uncertainty_percent: float
    recently: bool
    lastingly: bool
    since_ms: int | None
    known_hours: int

    @property
    def drifted(self) -> bool:
        """Whether the baseline is not what the building does any more."""
        return self.recently or self.lastingly

    @property
    def sentence(self) -> str:
        """For people."""
        if self.lastingly and not self.recently:
            bias, width, when = self.since_fit_percent, self.since_fit_uncertainty_percent, "since its period"
        else:
            bias, width, when = self.bias_percent, self.uncertainty_percent, "over 30 days"
        size = f"{abs(bias):.1f} % {'more' if bias > 0 else 'less'} than expected {when} (± {width:.1f} %)"
        return f"drifts: {size}" if self.drifted else f"no drift: {size}"


def find_drift(
    time_ms: Times, actual_kwh: Floats, predicted_kwh: Floats, residuals: Residuals, minimum_percent: float = 5.0
) -> Drift | None:
    """Rolling bias of 30 days against what the baseline's own errors allow; no I/O.

    Parameters
    ----------
    time_ms
        Shape (n,): consecutive hours after the baseline period, UTC milliseconds.
    actual_kwh, predicted_kwh
        Shape (n,), NaN where unknown.
    residuals
        Of the baseline.
    minimum_percent
        A smaller bias is no drift, however certain.

    Returns
    -------
    Drift or None
        None while no window of 30 days is known for at least half of its hours, or nothing was predicted.
    """
    known = np.isfinite(actual_kwh) & np.isfinite(predicted_kwh)
    window = WINDOW_DAYS * _DAY
    ends = np.arange(window, len(time_ms) + 1, _DAY)
    if not len(ends):
        return None
    error = _windows(np.where(known, actual_kwh - predicted_kwh, 0.0), ends, window)
    expected = _windows(np.where(known, predicted_kwh, 0.0), ends, window)
    count = _windows(known.astype(np.float64), ends, window)
    usable = (count >= MIN_KNOWN * window) & (np.abs(expected) > 0)
    if not usable.any():
        return None
    width = sum_uncertainty_kwh(residuals, np.maximum(count, 1))
    scale = 100 / np.where(usable, np.abs(expected), np.inf)
    # An unknown uncertainty (of a fit on hardly any data) is never exceeded.
    beyond = usable & (np.abs(error) > BEYOND * np.nan_to_num(width, nan=np.inf))
    beyond &= np.abs(error) * scale >= minimum_percent
    newest = int(np.flatnonzero(usable)[-1])
    recently = bool(beyond[newest])
    total, hours = float(np.abs(predicted_kwh[known].sum())), int(known.sum())
    bias = float((actual_kwh - predicted_kwh)[known].sum())
    band = float(sum_uncertainty_kwh(residuals, hours))
    lastingly = abs(bias) > BEYOND_SINCE_FIT * np.nan_to_num(band, nan=np.inf)
    lastingly = bool(lastingly and abs(bias) >= minimum_percent / 100 * total)
    since = _since(time_ms, ends, window, beyond, usable, newest) if recently else int(time_ms[0])
    return Drift(
        bias_percent=float(error[newest] * scale[newest]),
        uncertainty_percent=float(width[newest] * scale[newest]),
        since_fit_percent=100 * bias / total,
        since_fit_uncertainty_percent=100 * band / total,
        recently=recently,
        lastingly=lastingly,
        since_ms=since if recently or lastingly else None,
        known_hours=hours,
    )


def _since(
    time_ms: Times,
    ends: Times,
    window: int,
    beyond: npt.NDArray[np.bool_],
    usable: npt.NDArray[np.bool_],
    newest: int,
) -> int:
    first = newest
    for at in range(newest, -1, -1):
        if usable[at] and not beyond[at]:
            break
        if beyond[at]:
            first = at
    return int(time_ms[ends[first] - window])


def _windows(values: Floats, ends: Times, window: int) -> Floats:
    running = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(running[ends] - running[ends - window], np.float64)
