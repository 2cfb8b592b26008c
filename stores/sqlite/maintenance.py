"""What the embedded store does now and then: compaction into chunks, roll-ups, retention."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import numpy as np

from core.calendar import HOUR_MS, MINUTE_MS
from core.config.models import Rollup
from stores.buckets import aggregate_series, filled_steps, merge_summaries
from stores.port import Series
from stores.sqlite.database import Database
from stores.sqlite.months import month_of, month_start
from stores.sqlite.segment import merge_series, split_by_series
from stores.sqlite.tables import (
    Rolled,
    chunk_parts,
    delete_chunks,
    insert_chunk,
    last_part,
    open_readings,
    put_rolled,
    rolled_months,
    take_part,
    take_rows,
)

log = logging.getLogger("promessa.stores")

DAY_MS: Final = 24 * HOUR_MS
_STEP_MS: Final = {"15min": 15 * MINUTE_MS, "hour": HOUR_MS}
_MAX_SLICE_ROWS: Final = 1_000_000


def compact(database: Database, before_ms: int) -> None:
    """Move readings measured before `before_ms` from segments into chunks, a slice of time after the other.

    Each slice is one transaction, so that a kill loses and doubles nothing, and readers see either side.
    """
    while (end_ms := _slice_end(database, before_ms)) is not None:
        with database.transaction("compact"):
            rows = take_rows(database, end_ms)
            if len(rows):  # another process may have been here first
                month = month_of(end_ms - 1)
                for series, readings in split_by_series(rows):
                    _add_part(database, series, month, readings)
        log.info("readings_compacted rows=%d before_ms=%d", len(rows), end_ms)


def _slice_end(database: Database, before_ms: int) -> int | None:
    """Where the next slice ends: within one month, and if it can be with no more rows than fit well in memory."""
    start, end, rows = None, before_ms, 0
    found = database.execute("SELECT first_ms, rows FROM segment WHERE first_ms < ? ORDER BY first_ms", (before_ms,))
    for first_ms, count in found:
        if start is None:
            start = first_ms
            end = min(before_ms, month_start(month_of(first_ms) + 1))
        if first_ms >= end:
            break
        rows += count
        if rows > _MAX_SLICE_ROWS and first_ms > start:
            end = first_ms
            break
    found.close()
    return None if start is None else end


def _add_part(database: Database, series: int, month: int, readings: Series) -> None:
    """Add a part to a month, together with the newest parts that are no larger.

    So a month in the making has few parts, and a reading is packed few times, however often something is added.
    """
    last = last_part(database, series, month)
    while last and last.rows <= len(readings.time_ms):
        readings = merge_series([take_part(database, series, month, last.part), readings])
        last = last_part(database, series, month)
    insert_chunk(database, series, month, last.part + 1 if last else 0, readings)


def join_parts(database: Database, before_ms: int) -> None:
    """Make one chunk of the parts of every month that ended before `before_ms`."""
    for series, month in _months(database, "part > 0 AND month < ?", month_of(before_ms)):
        with database.transaction("join chunks"):
            parts = chunk_parts(database, series, month, month)
            if len(parts) > 1:
                delete_chunks(database, series, month)
                insert_chunk(database, series, month, 0, merge_series(parts))


def retire(database: Database, retention: Sequence[Rollup], now_ms: int, compacted_ms: int) -> None:
    """Roll up and drop raw readings of months that ended longer ago than each point's rule keeps them.

    Parameters
    ----------
    database
        The store's file.
    retention
        Rules; the first whose pattern matches a point counts.
    now_ms
        UTC milliseconds.
    compacted_ms
        Nothing before it is in a segment any more.
    """
    if not any(rule.keep_raw_days for rule in retention):
        return
    points = dict(database.execute("SELECT id, point FROM series").fetchall())
    newest = month_of(now_ms)
    for series, month in _months(database, "month < ?", newest):
        rule = next((r for r in retention if fnmatchcase(points[series], r.points)), None)
        if rule is None or not rule.keep_raw_days:
            continue
        if month_start(month + 1) > min(now_ms - rule.keep_raw_days * DAY_MS, compacted_ms):
            continue
        with database.transaction("roll up"):
            _roll_up(database, series, month, rule)


def _roll_up(database: Database, series: int, month: int, rule: Rollup) -> None:
    if rule.step:
        present = rolled_months(database, series, month, month).get(month)
        step_ms = present.step_ms if present else _STEP_MS[rule.step]
        readings = merge_series(chunk_parts(database, series, month, month))
        if present:
            readings = open_readings(readings, present)
        edges = np.arange(month_start(month), month_start(month + 1) + 1, step_ms, dtype=np.int64)
        groups = filled_steps(aggregate_series(readings, edges))
        if present:
            groups = merge_summaries([present.summaries, groups])
        if len(groups.time_ms):
            put_rolled(database, series, month, Rolled(step_ms, groups))
    delete_chunks(database, series, month)
    log.info("readings_retired series=%d month=%d step=%s", series, month, rule.step or "none")


def _months(database: Database, where: str, month: int) -> Iterator[tuple[int, int]]:
    # `where` is one of the constants above, never anything from outside.
    found = database.execute(f"SELECT DISTINCT series, month FROM chunk WHERE {where}", (month,))  # noqa: S608
    yield from found.fetchall()
