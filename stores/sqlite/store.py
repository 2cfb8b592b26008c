"""The embedded store: readings in one SQLite file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from core.calendar import Calendar, Step
from core.codec import Row
from core.config.models import SqliteStore
from core.points import check_point_id
from core.readings import Quality, Reading
from stores.buckets import (
    Summaries,
    aggregate_series,
    aggregate_summaries,
    cut_summaries,
    merge_summaries,
    step_edges,
    summarise,
)
from stores.columns import MAX_ABS_TIME_MS, Columns, check_columns, clamp_ms, columns_of
from stores.port import Buckets, Extent, Series
from stores.sqlite.database import Database
from stores.sqlite.latest import latest_rows, put_latest
from stores.sqlite.maintenance import DAY_MS, compact, join_parts, retire
from stores.sqlite.months import month_of, month_start, months_of
from stores.sqlite.segment import cut, merge_series, newest, rows_of
from stores.sqlite.tables import (
    chunk_months,
    chunk_parts,
    hot_series,
    insert_segment,
    join_small_segments,
    open_readings,
    rolled_months,
    stored_months,
)

_JOIN_EVERY_WRITES: Final = 64


class SqliteReadingStore:
    """`stores.port.ReadingStore` in one file; see docs/stores.md for its layout.

    Parameters
    ----------
    settings
        File, compaction and retention.

    Raises
    ------
    StoreError
        The file cannot be opened.
    """

    def __init__(self, settings: SqliteStore) -> None:
        self._settings = settings
        self._database = Database(settings.path)
        self._series: dict[str, int] = {}
        self._writes = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; see the port. A point id that is none is a DomainError, as is a value that is not finite."""
        self.write_columns(columns_of(rows))

    def write_columns(self, readings: Columns) -> None:
        """Write columns; see the port."""
        if not len(readings):
            return
        check_columns(readings)
        segment = rows_of(self._series_of(readings), readings.time_ms, readings.value, readings.quality)
        with self._database.transaction(f"write {len(readings)} rows"):
            insert_segment(self._database, segment)
            put_latest(self._database, newest(segment))
            self._writes += 1
            if self._writes % _JOIN_EVERY_WRITES == 0:
                join_small_segments(self._database)

    def latest(self, points: Iterable[str] | None = None) -> dict[str, Reading]:
        """Newest reading of each point; see the port."""
        with self._reading("read latest values"):
            if points is None:
                names = dict(self._database.execute("SELECT id, point FROM series").fetchall())
                rows = latest_rows(self._database)
            else:
                names = {series: point for point in points if (series := self._find(point)) is not None}
                rows = latest_rows(self._database, names)
        return {names[series]: Reading(names[series], *rest) for series, *rest in rows.tolist()}

    def read(self, point: str, start_ms: int, end_ms: int, limit: int | None = None) -> Series:
        """Readings of a range; see the port.

        Where raw readings have been rolled up, each step gives its mean at its start, marked as estimated.
        """
        start_ms, end_ms = clamp_ms(start_ms), clamp_ms(end_ms)
        with self._reading(f"read {point}"):
            series = self._find(point)
            if series is None or start_ms >= end_ms or limit == 0:
                return merge_series([])
            if limit is None:
                return _with_means(*self._piece(series, start_ms, end_ms))
            parts, rows = [], 0
            for low, high in self._months(series, start_ms, end_ms):
                parts.append(_with_means(*self._piece(series, low, high)))
                rows += len(parts[-1].time_ms)
                if rows >= limit:
                    break
        found = merge_series(parts)
        return Series(found.time_ms[:limit], found.value[:limit], found.quality[:limit])

    def aggregate(self, point: str, start_ms: int, end_ms: int, step: Step, calendar: Calendar) -> Buckets:
        """Usable readings per step; see the port. A rolled-up step counts in the step in which it begins."""
        edges = step_edges(start_ms, end_ms, step, calendar)
        with self._reading(f"aggregate {point}"):
            series = self._find(point)
            if series is None:
                return aggregate_series(merge_series([]), edges)
            readings, rolled = self._piece(series, clamp_ms(start_ms), clamp_ms(end_ms))
        return aggregate_summaries(merge_summaries([*rolled, summarise(readings)]), edges)

    def extent(self, point: str) -> Extent | None:
        """Count and time span; see the port. A rolled-up step counts as one reading."""
        first, last = month_of(-MAX_ABS_TIME_MS), month_of(MAX_ABS_TIME_MS)
        with self._reading(f"measure {point}"):
            series = self._find(point)
            if series is None:
                return None
            hot = hot_series(self._database, series, -MAX_ABS_TIME_MS, MAX_ABS_TIME_MS + 1)
            chunks = chunk_months(self._database, series, first, last)
            # Months in more than one place may hold a time twice and are read; of the others the record tells.
            several = months_of(hot.time_ms) | {chunk.month for chunk in chunks if chunk.parts > 1}
            several |= rolled_months(self._database, series, first, last).keys()
            extents = [Extent(c.rows, c.first_ms, c.last_ms) for c in chunks if c.month not in several]
            for month in several:
                times = _with_means(*self._piece(series, month_start(month), month_start(month + 1))).time_ms
                if len(times):
                    extents.append(Extent(len(times), int(times[0]), int(times[-1])))
        if not extents:
            return None
        return Extent(sum(e.count for e in extents), min(e.first_ms for e in extents), max(e.last_ms for e in extents))

    def points(self) -> list[str]:
        """Ids of all points that have readings, sorted."""
        return sorted(self.latest())

    def maintain(self, now_ms: int) -> None:
        """Compact readings of whole UTC days before `compact_after_days`, join chunks, roll up and drop by retention.

        Parameters
        ----------
        now_ms
            UTC milliseconds.
        """
        compacted_ms = (now_ms // DAY_MS - self._settings.compact_after_days) * DAY_MS
        with self._database.naming("maintain"):
            compact(self._database, compacted_ms)
            join_parts(self._database, compacted_ms)
            retire(self._database, self._settings.retention, now_ms, compacted_ms)

    def close(self) -> None:
        """Close the file; what was written is there already."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reading(self, doing: str) -> AbstractContextManager[None]:
        return self._database.transaction(doing, write=False)

    def _piece(self, series: int, start_ms: int, end_ms: int) -> tuple[Series, list[Summaries]]:
        """Raw readings of a range and what is rolled up of it; segments stand above chunks, roll-ups are closed."""
        first, last = month_of(start_ms), month_of(end_ms - 1)
        raw = merge_series(
            [
                *chunk_parts(self._database, series, first, last),
                hot_series(self._database, series, start_ms, end_ms),
            ]
        )
        raw = cut(raw, start_ms, end_ms)
        rolled = list(rolled_months(self._database, series, first, last).values())
        for month in rolled:
            raw = open_readings(raw, month)
        return raw, [cut_summaries(month.summaries, start_ms, end_ms) for month in rolled]

    def _months(self, series: int, start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
        """Ranges of a month each that cover what there can be of a series in a range."""
        first, last = stored_months(self._database, series)
        low, high = max(first, month_of(start_ms)), min(last, month_of(end_ms - 1))
        for month in range(low, high + 1):
            yield max(start_ms, month_start(month)), min(end_ms, month_start(month + 1))

    def _find(self, point: str) -> int | None:
        """Number of a point's series, None when nothing of it was ever written."""
        if point not in self._series:
            found = self._database.execute("SELECT id FROM series WHERE point = ?", (point,)).fetchone()
            if found is None:
                return None
            self._series[point] = found[0]
        return self._series[point]

    def _series_of(self, readings: Columns) -> npt.NDArray[np.int32]:
        """Number of each reading's series; each point is looked up once."""
        places = readings.occurring()
        series = np.zeros(len(readings.points), np.int32)
        series[places] = self._numbers([readings.points[place] for place in places.tolist()])
        numbers: npt.NDArray[np.int32] = series[readings.which]
        return numbers

    def _numbers(self, points: Sequence[str]) -> list[int]:
        """Number of each point's series; new points get theirs in a transaction of their own."""
        fresh = sorted({check_point_id(point) for point in points if point not in self._series})
        if fresh:
            with self._database.transaction(f"add {len(fresh)} points"):
                self._database.execute_many("INSERT OR IGNORE INTO series (point) VALUES (?)", [(p,) for p in fresh])
            with self._reading("find points"):
                for point in fresh:
                    self._find(point)
        return [self._series[point] for point in points]


def _with_means(readings: Series, rolled: list[Summaries]) -> Series:
    """Readings, and where they are gone the mean of each step that is left of them."""
    if not rolled:
        return readings
    means = [
        Series(m.time_ms, m.total / m.count, np.full(len(m.time_ms), Quality.UNCERTAIN_ESTIMATED, np.uint8))
        for m in rolled
    ]
    return merge_series([*means, readings])
