"""Base load that stays on: nights and free days that use more than nights and free days did."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from predict.anomalies.days import DayType

NIGHT_HOURS: Final = range(6)
KEPT_PARTS: Final = 120
BASE_WINDOWS: Final = (3, 5)
"""Off-hours in a row that must stand above the usual: the fewer, the sooner, the more the larger the rise."""
LEAST_RISE: Final = 0.15
"""A smaller share of the base load is never worth an event."""
_LEAST_SIZE: Final = 0.2
_SIZED_PARTS: Final = 9
_REFERENCE_PARTS: Final = 16
_LEAST_REFERENCE: Final = 3
_LEAST_AFTER: Final = 2
_LOOK_BACK_DAYS: Final = 60
_LEAST_SHARE: Final = 0.7


class PartKind(IntEnum):
    """Which off-hours."""

    NIGHT_BEFORE_WORK = 0
    NIGHT_BEFORE_FREE = 1
    FREE_DAY = 2


class Part(msgspec.Struct, array_like=True):
    """Off-hours that have passed: a night from midnight to six, or the rest of a free day.

    Attributes
    ----------
    ordinal
        Of the local date.
    start_ms, end_ms
        Half open, UTC milliseconds.
    kind
        A `PartKind`.
    excess
        Lower quartile of (actual - expected) as a multiple of the base load; None where too little is known.
    actual_kwh, expected_kwh, hours
        Sums over the hours known.
    set_aside
        Part of an event: no reference for what is normal.
    """

    ordinal: int
    start_ms: int
    end_ms: int
    kind: int
    excess: float | None
    actual_kwh: float
    expected_kwh: float
    hours: int
    set_aside: bool = False


class Moved(NamedTuple):
    """That the level of the meter is another one.

    Attributes
    ----------
    since_ms
        From when on, UTC milliseconds.
    per_kwh
        By what each kWh an hour that was used before has grown, as a multiple of the base load.
    """

    since_ms: int
    per_kwh: float


def off_parts(
    ordinal: int, kind: DayType, rows: Sequence[tuple[int, int, float, float]], base_kwh: float, hour_ms: int
) -> list[Part]:
    """Off-hours of a local day.

    Parameters
    ----------
    rows
        Start (UTC ms), local hour, actual and expected kWh of each known hour.
    base_kwh
        Base load in kWh an hour.
    """
    if kind == DayType.BREAK:
        return []
    night = [r for r in rows if r[1] in NIGHT_HOURS]
    first = PartKind.NIGHT_BEFORE_WORK if kind == DayType.WORKING else PartKind.NIGHT_BEFORE_FREE
    parts = [_part(ordinal, first, night, len(NIGHT_HOURS), base_kwh, hour_ms)]
    if kind == DayType.FREE:
        rest = [r for r in rows if r[1] not in NIGHT_HOURS]
        parts.append(_part(ordinal, PartKind.FREE_DAY, rest, 24 - len(NIGHT_HOURS), base_kwh, hour_ms))
    return [p for p in parts if p is not None]


def _part(
    ordinal: int, kind: PartKind, rows: list[tuple[int, int, float, float]], whole: int, base_kwh: float, hour_ms: int
) -> Part | None:
    if not rows:
        return None
    enough = len(rows) >= _LEAST_SHARE * whole and base_kwh > 0
    excess = sorted(r[2] - r[3] for r in rows)[len(rows) // 4] / base_kwh if enough else None
    used, wanted = math.fsum(r[2] for r in rows), math.fsum(r[3] for r in rows)
    return Part(ordinal, rows[0][0], rows[-1][0] + hour_ms, kind, excess, used, wanted, len(rows))


def raised(parts: Sequence[Part], index: int = -1, moved: Moved | None = None) -> float | None:
    """How far off-hours stand above the same sort of off-hours before them, as a multiple of the base load.

    Parameters
    ----------
    moved
        When it did, they must stand above those since then, and above those before, grown as the level has.

    Returns
    -------
    float or None
        None when there is too little to compare with.
    """
    part = parts[index]
    if part.excess is None:
        return None
    before = [
        p
        for p in parts[: len(parts) + index if index < 0 else index]
        if p.kind == part.kind and p.excess is not None and not p.set_aside
        and p.ordinal >= part.ordinal - _LOOK_BACK_DAYS
    ]  # fmt: skip
    rises = []
    for earlier, least in ((True, _LEAST_REFERENCE), (False, _LEAST_AFTER)):
        side = [p for p in before if moved is None or (p.start_ms < moved.since_ms) == earlier][-_REFERENCE_PARTS:]
        usual = [
            p.excess + (0.0 if moved is None or not earlier else moved.per_kwh * p.actual_kwh / p.hours)
            for p in side
            if p.excess is not None
        ]
        if len(usual) < least:
            return None
        rises.append(part.excess - statistics.median(usual))
        if moved is None:
            break
    return min(rises)


def usual_sizes(kinds: Sequence[int], rises: Sequence[float | None]) -> list[float]:
    """By how much each `PartKind` rises and falls by itself, relative to the mean of the three.

    Parameters
    ----------
    kinds, rises
        A `PartKind` and what `raised` says of it, for every part of a reference period.
    """
    sizes: list[float | None] = []
    for kind in PartKind:
        mine = sorted(abs(r) for k, r in zip(kinds, rises, strict=True) if k == kind and r is not None)
        sizes.append(mine[int(0.8 * len(mine))] if len(mine) >= _SIZED_PARTS else None)
    # What is seldom seen is as restless as the most restless.
    highest = max((size for size in sizes if size is not None), default=0.0)
    filled = [highest if size is None else size for size in sizes]
    mean = sum(filled) / len(filled)
    return [max(size / mean, _LEAST_SIZE) for size in filled] if mean > 0 else [1.0] * len(filled)


def held(parts: Sequence[Part], rises: Sequence[float | None], sizes: Sequence[float]) -> tuple[float, float]:
    """How far off-hours in a row stand above the usual, nearly all of them: over their usual size, and as it is.

    Of three in a row the smallest rise counts, of five the second smallest; 0 where one is unknown, where they are not
    in a row, or below `LEAST_RISE`.

    Parameters
    ----------
    parts, rises
        The off-hours, oldest first, and what `raised` says of each.
    sizes
        Of `usual_sizes`.

    Returns
    -------
    tuple
        Statistic, and multiple of the base load.
    """
    known = sorted(rise for rise in rises if rise is not None)
    if len(known) < len(parts) or any(b.ordinal - a.ordinal > 1 for a, b in pairwise(parts)):
        return 0.0, 0.0
    spared = len(parts) // 4
    if not known or known[spared] < LEAST_RISE:
        return 0.0, 0.0
    scaled = sorted(rise / sizes[part.kind] for part, rise in zip(parts, rises, strict=True) if rise is not None)
    return scaled[spared], known[spared]


def base_statistic(
    parts: Sequence[Part], window: int, sizes: Sequence[float], moved: Moved | None = None
) -> tuple[float, float]:
    """What `held` says of the last `window` off-hours; of fewer (0, 0)."""
    if len(parts) < window:
        return 0.0, 0.0
    rises = [raised(parts, -i, moved) for i in range(window, 0, -1)]
    return held(parts[-window:], rises, sizes)
