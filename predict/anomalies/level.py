"""The level of a meter: how far its last days lie from what was usual before them, in every part of the day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

from predict.anomalies.days import Day, DayType

Rows: TypeAlias = tuple[list[float] | None, list[float] | None]
"""Of working and of free days: deviation of each block of the day."""

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
_SHARED: Final = 0.5
"""Working and free days must each show this share of the shift."""
_LEAST_OF_TYPE: Final = {DayType.WORKING: 4, DayType.FREE: 2}
LEAST_WORKING: Final = 2
"""Working days that must show a shift: weekends tell of people and of what they left on."""
_DAYTIME: Final = slice(2, 5)
"""Blocks from 8 to 20 h."""
_DAYTIME_DAYS: Final = 35
_DAYTIME_RECENT: Final = 3


def deviation(days: Sequence[Day], window: int, lag: int = 0) -> Rows | None:
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
    tuple of two, or None
        Six blocks of the working and of the free days of the window, None where it has none of them; None when too
        little is known.
    """
    recent = _recent(days, window)
    if len(recent) < _LEAST_SHARE * window:
        return None
    first = days[-1].ordinal - window + 1
    rows: list[list[float] | None] = [None, None]
    for kind in (DayType.WORKING, DayType.FREE):
        mine = [d.ratio for d in recent if d.kind == kind and d.ratio is not None]
        if not mine:
            continue
        usual = reference(days, kind, first - lag)
        if usual is None:
            return None
        rows[kind] = [sum(block) / len(mine) - u for block, u in zip(zip(*mine, strict=True), usual, strict=True)]
    return rows[0], rows[1]


def reference(days: Sequence[Day], kind: DayType, before: int) -> list[float] | None:
    """Median log-ratio of each block over the usable days of one sort before an ordinal; None where too few."""
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
    return [median(block) for block in zip(*chosen, strict=True)]


def common_shift(rows: Rows | None, weights: tuple[int, int]) -> float:
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
    if rows is None or weights[DayType.WORKING] < LEAST_WORKING:
        return 0.0
    present = [(row, weight) for row, weight in zip(rows, weights, strict=True) if row is not None]
    many = sum(weight for _, weight in present)
    blocks = range(len(present[0][0]))
    total = sorted(sum(weight * row[i] for row, weight in present) / many for i in blocks)
    low, high = total[_SPARED_BLOCKS], total[-1 - _SPARED_BLOCKS]
    shift = low if low > 0 else high if high < 0 else 0.0
    sign = 1.0 if shift > 0 else -1.0
    for kind, row in zip(DayType, rows, strict=False):
        if row is None:
            continue
        # What stays on at night and on free days raises half of a working day: that is base load, no level.
        behind = (
            sorted(sign * value for value in row)[_SPARED_BLOCKS] if kind is DayType.WORKING else sign * median(row)
        )
        if behind < _SHARED * abs(shift):
            return 0.0
    return shift


def median(values: Sequence[float]) -> float:
    """Median; faster than numpy's for the few values of a window."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def window_weights(days: Sequence[Day], window: int) -> tuple[int, int]:
    """Usable working and free days among the last ones."""
    kinds = [d.kind for d in _recent(days, window)]
    return kinds.count(DayType.WORKING), kinds.count(DayType.FREE)


def working_days(days: Sequence[Day], since_ms: int) -> int:
    """Usable working days from a time on (UTC milliseconds)."""
    return sum(d.start_ms >= since_ms and d.kind == DayType.WORKING and _usable(d) for d in days)


def shift_statistic(days: Sequence[Day], window: int) -> float:
    """Common shift of the last `window` days against the `REFERENCE_DAYS` before."""
    return common_shift(deviation(days, window), window_weights(days, window))


def drift_statistic(days: Sequence[Day]) -> float:
    """Common shift of the last week against what was usual a month before."""
    rows = deviation(days, DRIFT_WINDOW_DAYS, DRIFT_LAG_DAYS)
    return common_shift(rows, window_weights(days, DRIFT_WINDOW_DAYS))


def daytime_rise(days: Sequence[Day]) -> float | None:
    """By how much the daytime of working days is higher of late, as a log-ratio; None when too little is known.

    The larger of two rises: of the last working day above the `REFERENCE_DAYS`, and of the last three above those of
    five weeks, from which weekends take their measure as well.
    """
    working = [d for d in days if d.kind == DayType.WORKING and d.ratio is not None]
    if not working or working[-1].ordinal < days[-1].ordinal - 5:
        return None
    recent = working[-_DAYTIME_RECENT:]
    before = [
        d
        for d in working[:-_DAYTIME_RECENT]
        if not d.set_aside and d.ordinal >= days[-1].ordinal - _DAYTIME_DAYS
    ]  # fmt: skip
    rises = []
    usual = reference(days, DayType.WORKING, working[-1].ordinal)
    if usual is not None:
        rises.append(_daytime(working[-1]) - sum(usual[_DAYTIME]) / 3)
    if len(before) >= _LEAST_OF_TYPE[DayType.WORKING]:
        rises.append(sum(map(_daytime, recent)) / len(recent) - median([_daytime(d) for d in before]))
    return max(rises, default=None)


def _daytime(day: Day) -> float:
    return sum(day.ratio[_DAYTIME]) / 3 if day.ratio is not None else 0.0


def onset(days: Sequence[Day], window: int, shift: float) -> int:
    """Start (UTC milliseconds) of the first day of the window that shows a third of the shift.

    Parameters
    ----------
    days
        Consecutive local days, oldest first; the last one ends the window.
    window
        Local days in the window.
    shift
        Log-ratio with its sign.
    """
    first = days[-1].ordinal - window + 1
    for day in days:
        if day.ordinal >= first and day.ratio is not None and day.kind != DayType.BREAK:
            usual = reference(days, DayType(day.kind), first)
            if usual is None:
                continue
            moved = median([r - u for r, u in zip(day.ratio, usual, strict=True)])
            if math.copysign(1.0, shift) * moved >= abs(shift) / 3:
                return day.start_ms
    return next(d.start_ms for d in days if d.ordinal >= first)


def standing_shift(days: Sequence[Day], window: int) -> float | None:
    """Median deviation of the last days from the days that are not set aside; None when too little is known."""
    rows = deviation(days, window)
    return None if rows is None else median([value for row in rows if row is not None for value in row])


def _recent(days: Sequence[Day], window: int) -> list[Day]:
    first = days[-1].ordinal - window + 1 if days else 0
    return [d for d in days[-window:] if d.ordinal >= first and _usable(d)]


def _usable(day: Day) -> bool:
    return day.ratio is not None and day.kind != DayType.BREAK
