"""Sifts payloads of readings: what may be stored as columns, and the rest with the reason of its refusal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
import numpy as np

from core.codec import MAX_TIME_MS, Row
from core.errors import CodecError
from ingest.canonical import Canonical, read_canonical
from ingest.checks import Columns, Flags, Floats, Ints
from ingest.salvage import Fault, read_batch
from ingest.series import SeriesTable
from ingest.sources import MIN_TIME_MS, Refusal, Source, refuse

_LETTER_ROWS: Final = 50

_writers_of: Final = attrgetter("writers")


class RefusedRow(NamedTuple):
    """A row that is not stored, and why; `payload` is the position of the one that it came in."""

    payload: int
    row: Row
    refusal: Refusal


class Sifted(NamedTuple):
    """Payloads without what was refused.

    Attributes
    ----------
    columns
        Readings that may be stored, in the order of arrival.
    payload
        Position of the payload that each came in, ascending.
    ids
        Id of the batch in each payload; empty when there is nothing to acknowledge to its sender.
    refused
        How many readings may not be stored.
    faults
        What is put aside, with the position of its payload.
    """

    columns: Columns
    payload: Ints
    ids: list[str]
    refused: int
    faults: list[tuple[int, Fault]]


class _Arrived(NamedTuple):
    """Some of the readings as columns, with the position of the payload of each; any number may stand for a quality."""

    payload: Ints
    row: Ints
    time_ms: Ints
    value: Floats
    quality: Ints

    def at(self, positions: Ints | Flags) -> _Arrived:
        """Some of these."""
        payload, row, time_ms, value, quality = self
        return _Arrived(payload[positions], row[positions], time_ms[positions], value[positions], quality[positions])


def sift(sources: Sequence[Source], payloads: Sequence[bytes], table: SeriesTable) -> Sifted:
    """Decode payloads and separate what may be stored from what is refused; undeclared points enter the table.

    Parameters
    ----------
    sources, payloads
        Where each payload came from, and itself.
    """
    ids = [""] * len(payloads)
    faults: list[tuple[int, Fault]] = []
    refused: list[RefusedRow] = []
    writers = np.fromiter(chain.from_iterable(map(_writers_of, sources)), np.int64, 2 * len(sources)).reshape(-1, 2)
    parts: list[_Arrived] = []
    canonical = read_canonical(payloads, table)
    others: Sequence[int] = range(len(payloads))
    if canonical is not None:
        for at, name in zip(canonical.at, canonical.ids, strict=True):
            ids[at] = name
        parts.append(_sift_canonical(canonical, sources, writers, table, refused))
        others = sorted(set(others).difference(canonical.at)) if len(canonical.at) < len(payloads) else ()
    if others:
        places: list[int] = []
        rows: list[Row] = []
        for at in others:
            try:
                batch, wrong = read_batch(payloads[at])
            except CodecError as error:
                faults.append((at, Fault(payloads[at], error.code, error.message)))
                continue
            faults += [(at, fault) for fault in wrong]
            ids[at] = batch.id
            rows += batch.rows
            places += [at] * len(batch.rows)
        parts.append(_sift_rows(rows, places, sources, writers, table, refused))
    payload, row, time_ms, value, quality = parts[0] if len(parts) == 1 else _in_order(parts)
    columns = Columns(row, time_ms, value, quality.astype(np.uint8))
    return Sifted(columns, payload, ids, len(refused), faults + _faults_of(refused))


def _sift_canonical(
    found: Canonical, sources: Sequence[Source], writers: Ints, table: SeriesTable, refused: list[RefusedRow]
) -> _Arrived:
    payload = np.repeat(np.array(found.at, np.int64), found.counts)
    arrived = _Arrived(payload, found.row, found.time_ms, found.value, found.quality)
    keep = np.ones(len(payload), np.bool_)
    for position in _doubtful(arrived, writers, table).tolist():
        at, number, time_ms, value, quality = (column[position].item() for column in arrived)
        row = (table.points[number], time_ms, value, quality)
        refusal = refuse(row, sources[at], table)
        if refusal is not None:
            refused.append(RefusedRow(at, row, refusal))
            keep[position] = False
    return arrived if keep.all() else arrived.at(keep)


def _sift_rows(
    rows: list[Row],
    places: list[int],
    sources: Sequence[Source],
    writers: Ints,
    table: SeriesTable,
    refused: list[RefusedRow],
) -> _Arrived:
    arrived = _columns(rows, places, table)
    if arrived is None:
        suspected = list(range(len(rows)))
    else:
        suspected = _doubtful(arrived, writers, table).tolist()
        if not suspected:
            return arrived
    wrong = set()
    for position in suspected:
        refusal = refuse(rows[position], sources[places[position]], table)
        if refusal is not None:
            refused.append(RefusedRow(places[position], rows[position], refusal))
            wrong.add(position)
    kept = [position for position in range(len(rows)) if position not in wrong]
    arrived = _columns([rows[position] for position in kept], [places[position] for position in kept], table)
    assert arrived is not None  # noqa: S101 - what does not fit a column has been refused
    return arrived


def _columns(rows: list[Row], places: list[int], table: SeriesTable) -> _Arrived | None:
    """Rows as columns; None when a number does not fit into one."""
    if not rows:
        empty = np.zeros(0, np.int64)
        return _Arrived(empty, empty, empty, np.zeros(0), empty)
    points, times, values, qualities = zip(*rows, strict=True)
    try:
        return _Arrived(
            np.array(places, np.int64),
            table.rows(points, len(rows)),
            np.array(times, np.int64),
            np.array(values, np.float64),
            np.array(qualities, np.int64),
        )
    except OverflowError:
        return None


def _doubtful(arrived: _Arrived, writers: Ints, table: SeriesTable) -> Ints:
    """Positions of readings that are wrong, or of a point not known yet; `writers` may write by payload."""
    payload, row, time_ms, value, quality = arrived
    owner = table.columns["owner"][row]
    gateway, site = writers[payload].T
    return np.flatnonzero(
        (row < 0)
        | ((owner != gateway) & (owner != site))
        | (time_ms < MIN_TIME_MS)
        | (time_ms > MAX_TIME_MS)
        | ~np.isfinite(value)
        | (quality < 0)
        | (quality > 255)
    )


def _in_order(parts: Sequence[_Arrived]) -> _Arrived:
    """Several parts as one, in the order of their payloads."""
    payload, row, time_ms, value, quality = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Arrived(payload, row, time_ms, value, quality).at(np.argsort(payload, kind="stable"))


def _faults_of(rows: Sequence[RefusedRow]) -> list[tuple[int, Fault]]:
    """One fault for each payload and code, with its first rows."""
    groups: defaultdict[tuple[int, str], list[RefusedRow]] = defaultdict(list)
    for refused in rows:
        groups[refused.payload, refused.refusal.code].append(refused)
    faults = []
    for (at, code), group in groups.items():
        payload = msgspec.json.encode([refused.row for refused in group[:_LETTER_ROWS]])
        more = f" (and {len(group) - 1} more of this message)" if len(group) > 1 else ""
        faults.append((at, Fault(payload, code, group[0].refusal.reason + more)))
    return faults
