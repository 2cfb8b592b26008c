"""The `ReadingStore` port: what every store of readings promises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from core.calendar import Calendar, Step
from core.codec import Row
from core.readings import Reading
from stores.columns import Columns


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one point as columns, sorted by time, one per time.

    Attributes
    ----------
    time_ms
        Shape (n,), int64, UTC milliseconds.
    value
        Shape (n,), float64, in the point's unit.
    quality
        Shape (n,), uint8, `core.readings.Quality` codes.
    """

    time_ms: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Buckets:
    """One point per step of the site's calendar; bad readings are left out, empty steps have count 0 and NaN.

    Attributes
    ----------
    edges_ms
        Shape (n + 1,), int64: step i is ``[edges_ms[i], edges_ms[i + 1])``, UTC milliseconds.
    count
        Shape (n,), int64: usable readings in the step.
    mean, minimum, maximum, total, first, last
        Shape (n,), float64, in the point's unit.
    """

    edges_ms: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    minimum: npt.NDArray[np.float64]
    maximum: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a store holds of one point.

    Attributes
    ----------
    count
        Readings in all.
    first_ms, last_ms
        Oldest and newest measured time, UTC milliseconds.
    """

    count: int
    first_ms: int
    last_ms: int


class ReadingStore(Protocol):
    """Keeps readings; one instance is used by one thread, many processes may have one each.

    Every method raises `core.errors.StoreError` when the store cannot be reached or cannot do it now;
    then nothing of the call counts as done and it may be repeated as it was.
    """

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; durable when it returns, idempotent, the last of equal ``(point, time)`` wins.

        Parameters
        ----------
        rows
            ``(point, time_ms, value, quality)`` in any order, any age.
        """
        ...

    def write_columns(self, readings: Columns) -> None:
        """Write readings that are columns already, as `write` does; for who has many of them."""
        ...

    def latest(self, points: Iterable[str] | None = None) -> dict[str, Reading]:
        """Reading with the newest measured time of each point (of all points by default), bad ones included."""
        ...

    def read(self, point: str, start_ms: int, end_ms: int, limit: int | None = None) -> Series:
        """Readings with ``start_ms <= time < end_ms``, oldest first, at most `limit`; unknown points are empty."""
        ...

    def aggregate(self, point: str, start_ms: int, end_ms: int, step: Step, calendar: Calendar) -> Buckets:
        """Usable readings of ``[start_ms, end_ms)`` per step of the site's calendar.

        The first and last step are whole steps of the calendar, but hold only readings of the range.
        """
        ...

    def extent(self, point: str) -> Extent | None:
        """Count and time span of a point, None when there is nothing."""
        ...

    def points(self) -> list[str]:
        """Ids of all points that have readings, sorted."""
        ...

    def maintain(self, now_ms: int) -> None:
        """Do what the store needs now and then (compaction, retention); cheap when there is nothing to do."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
