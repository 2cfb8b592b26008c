"""Non-routine adjustments by the hour: what people know, in kWh of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from core.calendar import HOUR_MS, Calendar, Step
from predict.series import Floats, Times
from stores.registry import Adjustment, Basis

_STEP_OF: Final = {Basis.PER_DAY: Step.DAY, Basis.PER_MONTH: Step.MONTH}


def hourly_adjustment(adjustment: Adjustment, time_ms: Times, predicted_kwh: Floats, calendar: Calendar) -> Floats:
    """What one adjustment adds to the baseline in each hour.

    Parameters
    ----------
    adjustment
        Its period is half open; an hour that it covers in part takes that part.
    time_ms
        Shape (n,): starts of consecutive hours, UTC milliseconds.
    predicted_kwh
        Shape (n,): of the baseline, NaN where unknown; a percentage of it is unknown too.

    Returns
    -------
    ndarray of shape (n,)
        kWh; 0 outside of the adjustment's period.
    """
    if not len(time_ms):
        return np.zeros(0)
    end_ms = adjustment.end_ms if adjustment.end_ms is not None else int(time_ms[-1]) + HOUR_MS
    share = np.clip((np.minimum(time_ms + HOUR_MS, end_ms) - np.maximum(time_ms, adjustment.start_ms)) / HOUR_MS, 0, 1)
    if adjustment.basis is Basis.PERCENT:
        return np.where(share > 0, share * adjustment.amount / 100 * predicted_kwh, 0.0)
    return share * adjustment.amount / _hours_of_step(time_ms, calendar, _STEP_OF[adjustment.basis])


def hourly_total(parts: Sequence[Floats], hours: int) -> Floats:
    """Sum of several adjustments by the hour; zeros where there are none."""
    return np.sum(parts, axis=0) if len(parts) else np.zeros(hours)


def combined_uncertainty_kwh(
    model_kwh: Floats, adjustments: Sequence[Adjustment], amounts_kwh: Sequence[Floats]
) -> Floats:
    """Uncertainty of a saving whose baseline was adjusted: model and adjustments are independent of each other.

    Parameters
    ----------
    model_kwh
        Any shape: half width of the model's interval.
    adjustments, amounts_kwh
        Each adjustment and its kWh in the same sums, of the same shape. One adjustment is as wrong in every hour, so
        its uncertainty grows with its sum.
    """
    variance = np.square(model_kwh)
    for adjustment, kwh in zip(adjustments, amounts_kwh, strict=True):
        variance = variance + np.square(adjustment.uncertainty_percent / 100 * kwh)
    return np.asarray(np.sqrt(variance), np.float64)


def _hours_of_step(time_ms: Times, calendar: Calendar, step: Step) -> Floats:
    """Hours in the local day or month that holds each hour."""
    edges = np.array(calendar.edges(int(time_ms[0]), int(time_ms[-1]) + 1, step), np.int64)
    hours = np.diff(edges) / HOUR_MS
    return np.asarray(hours[np.searchsorted(edges, time_ms, side="right") - 1], np.float64)
