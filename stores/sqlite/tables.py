"""What each table of the embedded store holds, as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from stores.buckets import Summaries
from stores.port import Series
from stores.sqlite.chunk import pack, pack_series, unpack, unpack_series
from stores.sqlite.database import Database
from stores.sqlite.months import month_of
from stores.sqlite.segment import ROW, Rows, cut, merge_series, series_of, settle, unpack_rows

_SUMMARIES: Final = (np.int64, np.int64, np.float64, np.float64, np.float64, np.float64, np.float64)
SMALL_SEGMENT_ROWS: Final = 4096
_SMALL_SEGMENTS: Final = 64


class ChunkMonth(NamedTuple):
    """The chunks of one month of a series."""

    month: int
    parts: int
    rows: int
    first_ms: int
    last_ms: int


class Part(NamedTuple):
    """One chunk of a month."""

    part: int
    rows: int


class Rolled(NamedTuple):
    """One month of a series after its raw readings were dropped: a row of the roll-up table."""

    step_ms: int
    summaries: Summaries


def insert_segment(database: Database, rows: Rows) -> None:
    """Add rows as they came, above all that is there."""
    times = rows["time_ms"]
    database.execute(
        "INSERT INTO segment (first_ms, last_ms, rows, data) VALUES (?, ?, ?, ?)",
        (int(times.min()), int(times.max()), len(rows), rows.tobytes()),
    )


def join_small_segments(database: Database) -> None:
    """Make one of the newest segments when they are many and small; call it within a transaction."""
    tail = []
    for key, rows in database.execute("SELECT id, rows FROM segment ORDER BY id DESC LIMIT 1000"):
        if rows >= SMALL_SEGMENT_ROWS:
            break
        tail.append(key)
    if len(tail) < _SMALL_SEGMENTS:
        return
    blobs = database.execute("SELECT data FROM segment WHERE id >= ? ORDER BY id", (tail[-1],))
    rows = settle(np.concatenate([unpack_rows(data) for (data,) in blobs]))
    database.execute("DELETE FROM segment WHERE id >= ?", (tail[-1],))
    insert_segment(database, rows)


def take_rows(database: Database, end_ms: int) -> Rows:
    """Take rows before `end_ms` out of all segments, settled; call it within a transaction."""
    taken = [np.empty(0, ROW)]
    found = database.execute("SELECT id, data FROM segment WHERE first_ms < ? ORDER BY id", (end_ms,)).fetchall()
    for key, data in found:
        rows = unpack_rows(data)
        before = rows["time_ms"] < end_ms
        taken.append(rows[before])
        rest = rows[~before]
        if len(rest):
            span = (int(rest["time_ms"].min()), len(rest), rest.tobytes(), key)
            database.execute("UPDATE segment SET first_ms = ?, rows = ?, data = ? WHERE id = ?", span)
        else:
            database.execute("DELETE FROM segment WHERE id = ?", (key,))
    return settle(np.concatenate(taken))


def hot_series(database: Database, series: int, start_ms: int, end_ms: int) -> Series:
    """Readings of one series in segments, ``start_ms <= time < end_ms``."""
    found = database.execute(
        "SELECT data FROM segment WHERE first_ms < ? AND last_ms >= ? ORDER BY id", (end_ms, start_ms)
    )
    parts = []
    for (data,) in found:
        rows = unpack_rows(data)
        rows = rows[rows["series"] == series]
        if len(rows):
            parts.append(series_of(settle(rows)))
    return cut(merge_series(parts), start_ms, end_ms)


def chunk_months(database: Database, series: int, first: int, last: int) -> list[ChunkMonth]:
    """Records of one series in ``first <= month <= last``."""
    found = database.execute(
        "SELECT month, count(*), sum(rows), min(first_ms), max(last_ms) FROM chunk"
        " WHERE series = ? AND month BETWEEN ? AND ? GROUP BY month ORDER BY month",
        (series, first, last),
    )
    return [ChunkMonth(*row) for row in found]


def stored_months(database: Database, series: int) -> tuple[int, int]:
    """First and last month in which there can be readings of one series; the first is later when there are none."""
    months = [
        month
        for table in ("chunk", "rollup")
        for month in database.execute(
            f"SELECT min(month), max(month) FROM {table} WHERE series = ?",  # noqa: S608 - names from this line
            (series,),
        ).fetchone()
    ]
    spans = database.execute("SELECT min(first_ms), max(last_ms) FROM segment").fetchone()
    months += [None if time_ms is None else month_of(time_ms) for time_ms in spans]
    there = [month for month in months if month is not None]
    return (min(there), max(there)) if there else (0, -1)


def chunk_parts(database: Database, series: int, first: int, last: int) -> list[Series]:
    """Chunks of one series in ``first <= month <= last``; a later part stands above an earlier one."""
    found = database.execute(
        "SELECT data FROM chunk WHERE series = ? AND month BETWEEN ? AND ? ORDER BY month, part", (series, first, last)
    )
    return [unpack_series(data) for (data,) in found]


def insert_chunk(database: Database, series: int, month: int, part: int, readings: Series) -> None:
    """Add one part of a month."""
    span = (int(readings.time_ms[0]), int(readings.time_ms[-1]), len(readings.time_ms))
    database.execute(
        "INSERT INTO chunk (series, month, part, first_ms, last_ms, rows, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (series, month, part, *span, pack_series(readings)),
    )


def last_part(database: Database, series: int, month: int) -> Part | None:
    """The part of a month that stands above the others, None when there is none."""
    found = database.execute(
        "SELECT part, rows FROM chunk WHERE series = ? AND month = ? ORDER BY part DESC LIMIT 1", (series, month)
    ).fetchone()
    return Part(*found) if found else None


def take_part(database: Database, series: int, month: int, part: int) -> Series:
    """Take one part out of a month; call it within a transaction."""
    key = (series, month, part)
    where = "WHERE series = ? AND month = ? AND part = ?"
    (data,) = database.execute(f"SELECT data FROM chunk {where}", key).fetchone()  # noqa: S608 - the line above
    database.execute(f"DELETE FROM chunk {where}", key)  # noqa: S608 - the line above
    return unpack_series(data)


def delete_chunks(database: Database, series: int, month: int) -> None:
    """Drop every part of a month."""
    database.execute("DELETE FROM chunk WHERE series = ? AND month = ?", (series, month))


def rolled_months(database: Database, series: int, first: int, last: int) -> dict[int, Rolled]:
    """Roll-ups of one series in ``first <= month <= last``."""
    found = database.execute(
        "SELECT month, step_ms, data FROM rollup WHERE series = ? AND month BETWEEN ? AND ? ORDER BY month",
        (series, first, last),
    )
    return {month: Rolled(step_ms, Summaries(*unpack(data, _SUMMARIES))) for month, step_ms, data in found}


def put_rolled(database: Database, series: int, month: int, rolled: Rolled) -> None:
    """Store the roll-up of a month in place of the one that is there."""
    groups = rolled.summaries
    columns: Sequence[np.ndarray] = (
        groups.time_ms, groups.count, groups.total, groups.minimum, groups.maximum, groups.first, groups.last,
    )  # fmt: skip
    database.execute(
        "INSERT OR REPLACE INTO rollup (series, month, step_ms, data) VALUES (?, ?, ?, ?)",
        (series, month, rolled.step_ms, pack(columns)),
    )


def open_readings(readings: Series, rolled: Rolled) -> Series:
    """Readings in steps that are not rolled up: a step that is, is closed and takes no more."""
    starts = readings.time_ms // rolled.step_ms * rolled.step_ms
    late = ~np.isin(starts, rolled.summaries.time_ms)
    return Series(readings.time_ms[late], readings.value[late], readings.quality[late])
