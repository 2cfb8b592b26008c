"""Rows as columns: what every store checks before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from core.codec import Row
from core.errors import DomainError

MAX_ABS_TIME_MS: Final = 9_223_372_036_000
"""Nanoseconds since 1970 in 64 bits, as InfluxDB counts them, end in the year 2262."""


point_of: Final = itemgetter(0)
_time_of: Final = itemgetter(1)
_value_of: Final = itemgetter(2)
_quality_of: Final = itemgetter(3)


class Columns(NamedTuple):
    """Measured rows in the order they came, without their points, as columns of one length."""

    time_ms: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]


def columns_of(rows: Sequence[Row]) -> Columns:
    """Turn at least one row into columns.

    Raises
    ------
    DomainError
        A value is not finite, a quality not of 0 to 255, or a time beyond what stores hold; names the first such row.
    """
    # Getters mapped in C take half the time of a comprehension; ingest has about a microsecond a row for all of this.
    count = len(rows)
    try:
        time_ms = np.fromiter(map(_time_of, rows), np.int64, count)
        value = np.fromiter(map(_value_of, rows), np.float64, count)
        quality = np.fromiter(map(_quality_of, rows), np.uint8, count)
    except (IndexError, OverflowError, TypeError, ValueError) as error:
        raise DomainError(f"not a row of point, time, value and quality: {error}") from error
    if not np.isfinite(value).all():
        point, time, wrong, _ = rows[int(np.flatnonzero(~np.isfinite(value))[0])]
        raise DomainError(f"{point} at {time}: {wrong} is not a finite number")
    if time_ms.min() < -MAX_ABS_TIME_MS or time_ms.max() > MAX_ABS_TIME_MS:
        point, time, _, _ = rows[int(np.flatnonzero(np.abs(time_ms) > MAX_ABS_TIME_MS)[0])]
        raise DomainError(f"{point}: time {time} is not in milliseconds since 1970")
    return Columns(time_ms, value, quality)


def clamp_ms(time_ms: int) -> int:
    """The nearest time that a store can hold, so that any range may be asked for."""
    return max(-MAX_ABS_TIME_MS, min(time_ms, MAX_ABS_TIME_MS + 1))
