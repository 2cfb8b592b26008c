"""Readings as columns: what is written, and what every store checks before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from core.codec import Row
from core.errors import DomainError

MAX_ABS_TIME_MS: Final = 9_223_372_036_000
"""Nanoseconds since 1970 in 64 bits, as InfluxDB counts them, end in the year 2262."""

_point_of: Final = itemgetter(0)
_time_of: Final = itemgetter(1)
_value_of: Final = itemgetter(2)
_quality_of: Final = itemgetter(3)


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of many points in the order they came, as columns of one length.

    Attributes
    ----------
    points
        Ids, each once; may hold more than occur.
    which
        Shape (n,): the place of each reading's point in `points`.
    time_ms
        Shape (n,), int64, UTC milliseconds.
    value
        Shape (n,), float64, in the points' units.
    quality
        Shape (n,), uint8, `core.readings.Quality` codes.
    """

    points: Sequence[str]
    which: npt.NDArray[np.int64]
    time_ms: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.which)

    def occurring(self) -> npt.NDArray[np.int64]:
        """Places in `points` that have readings, ascending."""
        occurs = np.zeros(len(self.points), np.bool_)
        occurs[self.which] = True
        return np.flatnonzero(occurs)


def columns_of(rows: Sequence[Row]) -> Columns:
    """Turn rows into columns.

    Raises
    ------
    DomainError
        A quality is not of 0 to 255, a time not of 64 bits, or it is no row at all.
    """
    # Getters mapped in C take half the time of a comprehension.
    count = len(rows)
    try:
        places = {point: place for place, point in enumerate(dict.fromkeys(map(_point_of, rows)))}
        return Columns(
            list(places),
            np.fromiter(map(places.__getitem__, map(_point_of, rows)), np.int64, count),
            np.fromiter(map(_time_of, rows), np.int64, count),
            np.fromiter(map(_value_of, rows), np.float64, count),
            np.fromiter(map(_quality_of, rows), np.uint8, count),
        )
    except (IndexError, OverflowError, TypeError, ValueError) as error:
        raise DomainError(f"not a row of point, time, value and quality: {error}") from error


def check_columns(readings: Columns) -> None:
    """Check what no type tells.

    Raises
    ------
    DomainError
        Columns differ in length, a point is not in the list, a value is not finite, or a time beyond what stores hold;
        names the first such reading.
    """
    points, which, time_ms, value = readings.points, readings.which, readings.time_ms, readings.value
    if not len(which) == len(time_ms) == len(value) == len(readings.quality):
        raise DomainError("columns of different lengths are no readings")
    if not len(which):
        return
    if which.min() < 0 or which.max() >= len(points):
        raise DomainError(f"a reading of none of the {len(points)} points named")
    if not np.isfinite(value).all():
        at = int(np.flatnonzero(~np.isfinite(value))[0])
        raise DomainError(f"{points[which[at]]} at {time_ms[at]}: {value[at]} is not a finite number")
    if time_ms.min() < -MAX_ABS_TIME_MS or time_ms.max() > MAX_ABS_TIME_MS:
        at = int(np.flatnonzero((time_ms < -MAX_ABS_TIME_MS) | (time_ms > MAX_ABS_TIME_MS))[0])
        raise DomainError(f"{points[which[at]]}: time {time_ms[at]} is not in milliseconds since 1970")


def clamp_ms(time_ms: int) -> int:
    """The nearest time that a store can hold, so that any range may be asked for."""
    return max(-MAX_ABS_TIME_MS, min(time_ms, MAX_ABS_TIME_MS + 1))
