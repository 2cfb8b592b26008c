"""The level of a meter: how far its last days lie from what was usual before them, in every part of the day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from predict.anomalies.days import Day, DayType
from predict.series import Floats

WINDOWS: Final = (3, 5)
"""Days over which a level shift must have lasted: the shorter finds large ones sooner."""
REFERENCE_DAYS: Final = 21
"""Usable days before the window that say what was usual."""
DRIFT_WINDOW_DAYS: Final = 7
DRIFT_LAG_DAYS: Final = 30
"""A drift is seen against days at least so long ago."""
KEPT_DAYS: Final = 120
_LOOK_BACK_DAYS: Final = 75
_SPARED_BLOCKS: Final = 1
"""So many of the six blocks of the day may stay behind the shift."""
_LEAST_SHARE: Final = 0.6
_LEAST_OF_TYPE: Final = {DayType.WORKING: 4, DayType.FREE: 2}


def deviation(days: Sequence[Day], window: int, lag: int = 0) -> Floats | None:
    """Mean log-ratio of the last days above the reference's, per block of the day and sort of day.

    Parameters
    ----------
    days
        Consecutive local days, oldest first; the last one ends the window.
    window
        Local days in the window.
    lag
        Days between the reference and the window.

    Returns
    -------
    ndarray of shape (2, 6) or None
        Rows for working and free days of the window, NaN where it has none; None when too little is known.
    """
    if not days:
        return None
    first = days[-1].ordinal - window + 1
    recent = [d for d in days[-window:] if d.ordinal >= first and _usable(d)]
    if len(recent) < _LEAST_SHARE * window:
        return None
    rows = np.full((2, len(recent[0].ratio or ())), np.nan)
    for kind in (DayType.WORKING, DayType.FREE):
        mine = [d.ratio for d in recent if d.kind == kind]
        if not mine:
            continue
        usual = reference(days, kind, first - lag)
        if usual is None:
            return None
        rows[kind] = np.mean(np.array(mine), axis=0) - usual
    return rows


def reference(days: Sequence[Day], kind: DayType, before: int) -> Floats | None:
    """Median log-ratio of each block over the usable days of one sort before an ordinal; None where they are too few."""
    chosen: list[list[float]] = []
    seen = 0
    for day in reversed(days):
        if day.ordinal >= before:
            continue
        if day.ordinal < before - _LOOK_BACK_DAYS or seen >= REFERENCE_DAYS:
            break
        if _usable(day) and not day.set_aside:
            seen += 1
            if day.kind == kind and day.ratio is not None:
                chosen.append(day.ratio)
    if len(chosen) < _LEAST_OF_TYPE[kind]:
        return None
    return np.asarray(np.median(np.array(chosen), axis=0), np.float64)


def common_shift(rows: Floats | None, weights: tuple[int, int]) -> float:
    """Shift that (nearly) all parts of the day and both sorts of days share, as a log-ratio with its sign; 0 for none.

    People change daytime, equipment changes nights; a meter's level, a tariff of losses or a factor of ten changes
    everything. So the second smallest deviation of the six blocks counts, and working days must show it as well.

    Parameters
    ----------
    rows
        Of `deviation`.
    weights
        Working and free days in the window.
    """
    if rows is None or not weights[DayType.WORKING]:
        return 0.0
    total = np.zeros(rows.shape[1])
    for kind, count in enumerate(weights):
        if count:
            total += count * rows[kind]
    total = np.sort(total / sum(weights))
    low, high = float(total[_SPARED_BLOCKS]), float(total[-1 - _SPARED_BLOCKS])
    shift = low if low > 0 else high if high < 0 else 0.0
    for kind, count in enumerate(weights):
        if count and np.sign(shift) * float(np.median(rows[kind])) < abs(shift) / 2:
            return 0.0
    return shift


def window_weights(days: Sequence[Day], window: int) -> tuple[int, int]:
    """Usable working and free days among the last ones."""
    first = days[-1].ordinal - window + 1 if days else 0
    kinds = [d.kind for d in days[-window:] if d.ordinal >= first and _usable(d)]
    return kinds.count(DayType.WORKING), kinds.count(DayType.FREE)


def shift_statistic(days: Sequence[Day], window: int) -> float:
    """Common shift of the last `window` days against the `REFERENCE_DAYS` before."""
    return common_shift(deviation(days, window), window_weights(days, window))


def drift_statistic(days: Sequence[Day]) -> float:
    """Common shift of the last week against what was usual a month before."""
    rows = deviation(days, DRIFT_WINDOW_DAYS, DRIFT_LAG_DAYS)
    return common_shift(rows, window_weights(days, DRIFT_WINDOW_DAYS))


def standing_shift(days: Sequence[Day], window: int) -> float | None:
    """Median deviation of the last days from the days that are not set aside; None when too little is known."""
    rows = deviation(days, window)
    return None if rows is None else float(np.nanmedian(rows))


def _usable(day: Day) -> bool:
    return day.ratio is not None and day.kind != DayType.BREAK
