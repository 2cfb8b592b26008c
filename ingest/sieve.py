"""Sifts deliveries: rows that may be stored as columns, and the others with the reason of their refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.codec import MAX_TIME_MS, Row
from ingest.checks import Columns, Ints
from ingest.series import SeriesTable
from ingest.sources import MIN_TIME_MS, Refusal, Source, refuse


class Delivery(NamedTuple):
    """What one message of readings held."""

    source: Source
    id: str
    rows: list[Row]


class RefusedRow(NamedTuple):
    """A row that is not stored, and why."""

    delivery: Delivery
    row: Row
    refusal: Refusal


class Sifted(NamedTuple):
    """Deliveries without what was refused.

    Attributes
    ----------
    rows
        Rows that may be stored, in the order of arrival.
    columns
        The same as columns.
    counts
        How many of them each delivery holds.
    refused
        The others.
    """

    rows: list[Row]
    columns: Columns
    counts: list[int]
    refused: list[RefusedRow]


def sift(deliveries: Sequence[Delivery], table: SeriesTable) -> Sifted:
    """Separate what may be stored from what is refused; undeclared points enter the table."""
    rows = [row for delivery in deliveries for row in delivery.rows]
    counts = [len(delivery.rows) for delivery in deliveries]
    columns = _columns(rows, table)
    if columns is not None:
        doubtful = _doubtful(columns, deliveries, counts, table)
        if not len(doubtful):
            return _sifted(rows, columns, counts, [])
        suspected = set(doubtful.tolist())
    else:
        suspected = set(range(len(rows)))
    return _sift_each(deliveries, table, suspected)


def _sift_each(deliveries: Sequence[Delivery], table: SeriesTable, suspected: set[int]) -> Sifted:
    """Look at every suspected row (by its position) on its own."""
    kept: list[Row] = []
    counts: list[int] = []
    refused: list[RefusedRow] = []
    position = 0
    for delivery in deliveries:
        before = len(kept)
        for row in delivery.rows:
            refusal = refuse(row, delivery.source, table) if position in suspected else None
            if refusal is None:
                kept.append(row)
            else:
                refused.append(RefusedRow(delivery, row, refusal))
            position += 1
        counts.append(len(kept) - before)
    columns = _columns(kept, table)
    assert columns is not None  # noqa: S101 - what does not fit a column has been refused
    return _sifted(kept, columns, counts, refused)


def _sifted(rows: list[Row], columns: tuple[Ints, Columns], counts: list[int], refused: list[RefusedRow]) -> Sifted:
    quality, rest = columns
    return Sifted(rows, rest._replace(quality=quality.astype(np.uint8)), counts, refused)


def _columns(rows: list[Row], table: SeriesTable) -> tuple[Ints, Columns] | None:
    """Quality as it came, and the other columns; None when a number does not fit into one."""
    if not rows:
        empty = np.zeros(0, np.int64)
        return empty, Columns(empty, empty, np.zeros(0), np.zeros(0, np.uint8))
    points, times, values, qualities = zip(*rows, strict=True)
    try:
        quality = np.array(qualities, np.int64)
        return quality, Columns(
            table.rows(points, len(rows)),
            np.array(times, np.int64),
            np.array(values, np.float64),
            np.zeros(0, np.uint8),
        )
    except OverflowError:
        return None


def _doubtful(
    columns: tuple[Ints, Columns], deliveries: Sequence[Delivery], counts: list[int], table: SeriesTable
) -> Ints:
    """Positions of rows that are wrong, or of a point not known yet."""
    quality, (row, time_ms, value, _) = columns
    writers = np.array([d.source.writers for d in deliveries], np.int64)
    gateway, site = np.repeat(writers, counts, axis=0).T
    owner = table.columns["owner"][row]
    return np.flatnonzero(
        (row < 0)
        | ((owner != gateway) & (owner != site))
        | (time_ms < MIN_TIME_MS)
        | (time_ms > MAX_TIME_MS)
        | ~np.isfinite(value)
        | (quality < 0)
        | (quality > 255)
    )
