"""The newest reading of every series, some hundred series a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from stores.sqlite.database import Database
from stores.sqlite.segment import ROW, Rows, unpack_rows

PAGE_SERIES: Final = 256
"""A record of so many costs little more to write than one of one series, and a batch touches few of them."""

_NEVER_MS: Final = np.iinfo(np.int64).min


def put_latest(database: Database, rows: Rows) -> None:
    """Put rows, one a series and sorted by it, where they are not older than what is there; within a transaction."""
    pages = rows["series"] // PAGE_SERIES
    for part in np.split(rows, np.flatnonzero(np.diff(pages)) + 1):
        page = int(part["series"][0]) // PAGE_SERIES
        slots = _page(database, page)
        place = part["series"] % PAGE_SERIES
        newer = part["time_ms"] >= slots["time_ms"][place]
        slots[place[newer]] = part[newer]
        database.execute("INSERT OR REPLACE INTO latest (page, data) VALUES (?, ?)", (page, slots.tobytes()))


def latest_rows(database: Database, series: Iterable[int] | None = None) -> Rows:
    """Newest row of each of the series that have one (of all by default), in no particular order."""
    if series is None:
        pages = [unpack_rows(data) for (data,) in database.execute("SELECT data FROM latest")]
        rows = np.concatenate(pages) if pages else np.empty(0, ROW)
    else:
        wanted = np.fromiter(series, np.int64)
        numbers = np.unique(wanted // PAGE_SERIES).tolist()
        rows = np.concatenate([np.empty(0, ROW), *(_page(database, page) for page in numbers)])
        rows = rows[np.isin(rows["series"], wanted)]
    there: Rows = rows[rows["time_ms"] != _NEVER_MS]
    return there


def _page(database: Database, page: int) -> Rows:
    found = database.execute("SELECT data FROM latest WHERE page = ?", (page,)).fetchone()
    if found:
        return unpack_rows(found[0]).copy()
    slots = np.zeros(PAGE_SERIES, ROW)
    slots["time_ms"] = _NEVER_MS
    return slots
