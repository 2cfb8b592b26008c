"""Hours of what was recorded: means of what is measured, energy of what is counted."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.calendar import HOUR_MS
from core.points import Counter
from core.units import UNITS, convert
from predict.series import Floats, Times, fill_short_gaps, register_amounts, spread

STEP_BACK_SHARE: Final = 0.02
"""A counter steps back (jitter, roll-over, exchange) in no more than this share of its readings."""
LONGEST_INTERVAL_MS: Final = 24 * HOUR_MS
_FASTEST: Final = 50.0
"""A register counts at most so many times its usual step at once."""


def in_order(time_ms: Times, value: Floats) -> tuple[Times, Floats]:
    """Known readings by time, the last of those that share one."""
    known = np.isfinite(value)
    time_ms, value = time_ms[known], value[known]
    order = np.argsort(time_ms, kind="stable")
    time_ms, value = time_ms[order], value[order]
    last = np.append(np.diff(time_ms) > 0, True) if len(time_ms) else np.zeros(0, bool)
    return time_ms[last], value[last]


def hourly_mean(time_ms: Times, value: Floats, edges_ms: Times) -> Floats:
    """Mean of a measured quantity per hour, shape (n,); up to six unknown hours are interpolated, others are NaN."""
    hours = len(edges_ms) - 1
    bin_of = np.searchsorted(edges_ms, time_ms, side="right") - 1
    inside = (bin_of >= 0) & (bin_of < hours)
    count = np.bincount(bin_of[inside], minlength=hours)
    total = np.bincount(bin_of[inside], weights=value[inside], minlength=hours)
    return fill_short_gaps(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def hourly_held(time_ms: Times, value: Floats, edges_ms: Times) -> Floats:
    """Mean per hour of what holds until it is reported anew (set-points, states, counts), shape (n,)."""
    if not len(time_ms):
        return np.full(len(edges_ms) - 1, np.nan)
    if len(time_ms) >= (len(edges_ms) - 1) // 2:
        return hourly_mean(time_ms, value, edges_ms)
    # Reported by change: the area under a staircase, the first value standing for what was before it.
    knots = np.concatenate([[min(edges_ms[0], time_ms[0]) - 1], time_ms, [max(edges_ms[-1], time_ms[-1]) + 1]])
    levels = np.concatenate([[value[0]], value])
    area = np.concatenate([[0.0], np.cumsum(np.diff(knots) * levels)])
    return np.asarray(np.diff(np.interp(edges_ms, knots, area)) / np.diff(edges_ms), np.float64)


def hourly_kwh(time_ms: Times, value: Floats, unit: str, edges_ms: Times) -> Floats:
    """Energy per hour of a meter, shape (n,), NaN where unknown.

    A power is integrated; of an energy the readings tell whether they are a counter's (they hardly ever step back) or
    amounts of intervals that begin at the readings' times.
    """
    hours = len(edges_ms) - 1
    if len(time_ms) < 2:
        return np.full(hours, np.nan)
    length = np.diff(time_ms)
    if UNITS[unit].dimension == "power":
        kilowatts = value * convert(1.0, unit, "kW")
        amount = (kilowatts[1:] + kilowatts[:-1]) / 2 * length / HOUR_MS
        start, end = time_ms[:-1], time_ms[1:]
    elif is_register(value):
        amount = register_amounts(time_ms, value, _counter(time_ms, value)) * convert(1.0, unit, "kW.h")
        start, end = time_ms[:-1], time_ms[1:]
    else:
        usual = int(np.median(length))
        amount = value * convert(1.0, unit, "kW.h")
        start = time_ms
        end = np.asarray(time_ms + np.append(np.minimum(length, usual), usual), np.int64)
    keep = np.isfinite(amount) & (end - start <= LONGEST_INTERVAL_MS)
    return spread(start[keep], end[keep], amount[keep], edges_ms).kwh


def is_register(value: Floats) -> bool:
    """Whether readings of an energy are a counter's."""
    if len(value) < 3:
        return False
    steps = np.diff(value)
    back = float(np.mean(steps < 0))
    moved = float(np.sum(np.maximum(steps, 0.0)))
    return back <= STEP_BACK_SHARE and moved > 0 and float(np.max(value)) >= 0.3 * moved


def _counter(time_ms: Times, value: Floats) -> Counter:
    steps = np.diff(value)
    ahead = steps[steps > 0]
    rate = ahead / (np.diff(time_ms)[steps > 0] / HOUR_MS)
    digit = float(np.min(ahead))
    largest = float(np.max(value))
    rollover = float(10.0 ** np.ceil(np.log10(max(largest, 10.0))))
    return Counter(rollover=rollover, max_rate_per_h=float(np.quantile(rate, 0.95)) * _FASTEST, resolution=digit)
