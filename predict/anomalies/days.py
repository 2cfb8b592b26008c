"""Local days of a meter as the detectors see them: what sort of day, and its six blocks of four hours."""

from __future__ import annotations

import math
from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec

from core.calendar import Calendar

BLOCKS: Final = 6
BLOCK_HOURS: Final = 24 // BLOCKS
_CLUSTER_GAP_DAYS: Final = 8
_CLUSTER_DAYS: Final = 6
_CLUSTER_LEAST: Final = 3
_CLUSTER_MARGIN_DAYS: Final = 5


class DayType(IntEnum):
    """What people do on a local day."""

    WORKING = 0
    FREE = 1
    BREAK = 2


class Day(msgspec.Struct, array_like=True):
    """A local day that has passed.

    Attributes
    ----------
    ordinal
        Proleptic ordinal of the local date.
    start_ms
        Its first hour that was fed, UTC milliseconds.
    kind
        A `DayType`.
    ratio
        Log-ratio of actual to expected energy of each block of four hours; None where too little is known.
    actual_kwh, expected_kwh, hours
        Sums over the hours in which both are known, and their count.
    set_aside
        Part of an event: no reference for what is normal.
    """

    ordinal: int
    start_ms: int
    kind: int
    ratio: list[float] | None
    actual_kwh: float
    expected_kwh: float
    hours: int
    set_aside: bool = False


def day_type(day: date, calendar: Calendar) -> DayType:
    """Working, free, or in a break: the days of a cluster of holidays, like those around Christmas and New Year.

    A break runs from five days before the first to five days after the last of three or more holidays that lie no more
    than eight days apart and span at least six. Nobody knows from one year how empty a building is in it.
    """
    if _in_break(day, calendar):
        return DayType.BREAK
    return DayType.WORKING if calendar.is_working_day(day) else DayType.FREE


@lru_cache(maxsize=4096)
def _in_break(day: date, calendar: Calendar) -> bool:
    reach = _CLUSTER_GAP_DAYS + _CLUSTER_MARGIN_DAYS
    around = [i for i in range(-2 * reach, 2 * reach + 1) if calendar.is_holiday(day + timedelta(days=i))]
    cluster: list[int] = []
    for i in around:
        if cluster and i - cluster[-1] > _CLUSTER_GAP_DAYS:
            if _covers(cluster):
                return True
            cluster = []
        cluster.append(i)
    return _covers(cluster)


def _covers(cluster: list[int]) -> bool:
    """Whether day 0 lies in the break that these holidays make."""
    if len(cluster) < _CLUSTER_LEAST or cluster[-1] - cluster[0] < _CLUSTER_DAYS:
        return False
    return cluster[0] - _CLUSTER_MARGIN_DAYS <= 0 <= cluster[-1] + _CLUSTER_MARGIN_DAYS


def block_ratios(hour: list[int], actual: list[float], expected: list[float], floor_kwh: float) -> list[float] | None:
    """Log-ratio of actual to expected energy of each block of four local hours.

    Parameters
    ----------
    hour
        Local hour of each known hour of one day, 0 to 23.
    actual, expected
        kWh of these hours.
    floor_kwh
        Added to both for each hour, so that next to nothing is not infinitely less than little.

    Returns
    -------
    list of six, or None when a block has fewer than three known hours.
    """
    count, used, wanted = [0] * BLOCKS, [0.0] * BLOCKS, [0.0] * BLOCKS
    for h, a, e in zip(hour, actual, expected, strict=True):
        block = h // BLOCK_HOURS
        count[block] += 1
        used[block] += max(a, 0.0) + floor_kwh
        wanted[block] += max(e, 0.0) + floor_kwh
    if min(count) < BLOCK_HOURS - 1:
        return None
    return [math.log(u / w) for u, w in zip(used, wanted, strict=True)]
