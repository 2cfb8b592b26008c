"""A segment: the rows of a write as they came, in one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stores.faults import StoreDamagedError
from stores.port import Series

ROW: Final = np.dtype([("series", "<i4"), ("time_ms", "<i8"), ("value", "<f8"), ("quality", "u1")])
Rows: TypeAlias = npt.NDArray[Any]
"""Shape (n,) of `ROW`."""


def rows_of(
    series: npt.NDArray[np.int32],
    time_ms: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint8],
) -> Rows:
    """Columns as rows, in the order they came."""
    rows = np.empty(len(series), ROW)
    rows["series"], rows["time_ms"], rows["value"], rows["quality"] = series, time_ms, value, quality
    return rows


def unpack_rows(data: bytes) -> Rows:
    """Rows of a stored segment."""
    try:
        return np.frombuffer(data, ROW)
    except ValueError as error:
        raise StoreDamagedError(f"damaged segment: {error}") from error


def settle(rows: Rows) -> Rows:
    """Rows sorted by series and time, one of each: of equals the last one that came."""
    rows = rows[np.lexsort((rows["time_ms"], rows["series"]))]
    keep = np.ones(len(rows), np.bool_)
    keep[:-1] = (np.diff(rows["series"]) != 0) | (np.diff(rows["time_ms"]) != 0)
    settled: Rows = rows[keep]
    return settled


def newest(rows: Rows) -> Rows:
    """The row with the newest time of each series, sorted by series: of equals the last one that came."""
    if not (np.diff(rows["time_ms"]) >= 0).all():
        rows = rows[np.argsort(rows["time_ms"], kind="stable")]
    lowest = int(rows["series"].min())
    place = np.full(int(rows["series"].max()) - lowest + 1, -1)
    place[rows["series"] - lowest] = np.arange(len(rows))  # of equal indices the last one stays
    found: Rows = rows[place[place >= 0]]
    return found


def split_by_series(rows: Rows) -> Iterator[tuple[int, Series]]:
    """Each series of settled rows."""
    for part in np.split(rows, np.flatnonzero(np.diff(rows["series"])) + 1):
        if len(part):
            yield int(part["series"][0]), series_of(part)


def series_of(rows: Rows) -> Series:
    """Rows of one series without it, as columns of their own."""
    return Series(*(np.ascontiguousarray(rows[name]) for name in ("time_ms", "value", "quality")))


def merge_series(parts: Sequence[Series]) -> Series:
    """Several parts of one series as one, sorted by time: of equals that of the last part."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Series(np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))
    time_ms = np.concatenate([part.time_ms for part in parts])
    value = np.concatenate([part.value for part in parts])
    quality = np.concatenate([part.quality for part in parts])
    if (np.diff(time_ms) > 0).all():
        return Series(time_ms, value, quality)
    order = np.argsort(time_ms, kind="stable")
    time_ms = time_ms[order]
    keep = np.append(np.diff(time_ms) != 0, True)
    order = order[keep]
    return Series(time_ms[keep], value[order], quality[order])


def cut(series: Series, start_ms: int, end_ms: int) -> Series:
    """Readings with ``start_ms <= time < end_ms``."""
    low, high = np.searchsorted(series.time_ms, (start_ms, end_ms))
    return Series(series.time_ms[low:high], series.value[low:high], series.quality[low:high])
