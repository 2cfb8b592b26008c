"""Base load that stays on: nights and free days that use more than nights and free days did."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec
import numpy as np

from predict.anomalies.days import DayType

NIGHT_HOURS: Final = range(0, 6)
KEPT_PARTS: Final = 120
_REFERENCE_PARTS: Final = 10
_LEAST_REFERENCE: Final = 3
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
        Median of (actual - expected) as a multiple of the base load; None where too little is known.
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
    actual, expected = np.array([r[2] for r in rows]), np.array([r[3] for r in rows])
    enough = len(rows) >= _LEAST_SHARE * whole and base_kwh > 0
    excess = float(np.median(actual - expected)) / base_kwh if enough else None
    return Part(
        ordinal, rows[0][0], rows[-1][0] + hour_ms, kind, excess, float(actual.sum()), float(expected.sum()), len(rows)
    )


def raised(parts: Sequence[Part], index: int = -1) -> float | None:
    """How far off-hours stand above the same sort of off-hours before them, as a multiple of the base load."""
    part = parts[index]
    if part.excess is None:
        return None
    before = parts[: len(parts) + index if index < 0 else index]
    usual = []
    for other in reversed(before):
        if other.ordinal < part.ordinal - _LOOK_BACK_DAYS or len(usual) >= _REFERENCE_PARTS:
            break
        if other.kind == part.kind and other.excess is not None and not other.set_aside:
            usual.append(other.excess)
    if len(usual) < _LEAST_REFERENCE:
        return None
    return part.excess - float(np.median(usual))


def base_statistic(parts: Sequence[Part]) -> float:
    """The smaller rise of the last two off-hours in a row, as a multiple of the base load; 0 where one is unknown."""
    if len(parts) < 2 or parts[-1].ordinal - parts[-2].ordinal > 1:
        return 0.0
    last, before = raised(parts), raised(parts, -2)
    return 0.0 if last is None or before is None else max(0.0, min(last, before))
