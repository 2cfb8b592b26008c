"""Reads batches that are written as our own encoder writes them, many at once, straight into columns."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from core.codec import MAX_PAYLOAD_BYTES
from ingest.checks import Floats, Ints
from ingest.salvage import MAX_BATCH_ID
from ingest.series import SeriesTable

_HEAD: Final = b'{"id":"'
_ROWS: Final = b'","rows":[["'
_NEXT: Final = b'],["'
_END: Final = b']]}"'
_IN_NUMBERS: Final = b"0123456789.-+eE"
_INNER_ROW: Final = np.frombuffer(b",,," + _NEXT, np.uint8)
_LAST_ROW: Final = np.frombuffer(b",,," + _END, np.uint8)

_numbers: Final = msgspec.json.Decoder(list[Any])


class Canonical(NamedTuple):
    """What canonical payloads hold.

    Attributes
    ----------
    at
        Which payloads they are.
    ids, counts
        Id of the batch and number of readings of each of these.
    row, time_ms, value, quality
        Readings of all of them, as columns of one length; every point is in the table.
    """

    at: list[int]
    ids: list[str]
    counts: Ints
    row: Ints
    time_ms: Ints
    value: Floats
    quality: Ints


def read_canonical(payloads: Sequence[bytes], table: SeriesTable) -> Canonical | None:
    """Read those of `payloads` that are ``{"id":"…","rows":[["point",time,value,quality],…]}`` without a space.

    What it returns is what `ingest.salvage.read_batch` makes of them. It knows nothing but this form and points of the
    table: payloads that begin or end otherwise are left out, and when anything in the others is not as it must be, the
    answer for all of them is None.
    """
    at: list[int] = []
    heads: list[bytes] = []
    bodies: list[bytes] = []
    for position, payload in enumerate(payloads):
        head, _, body = payload.partition(_ROWS)
        if head.startswith(_HEAD) and body.endswith(b"]]}") and len(payload) <= MAX_PAYLOAD_BYTES:
            at.append(position)
            heads.append(head)
            bodies.append(body)
    ids = _read_ids(heads)
    if ids is None:
        return None
    # Quotation marks stand around points and nowhere else, and now between two bodies as well.
    pieces = b'"'.join(bodies).split(b'"')
    row = table.rows_of_bytes(pieces[0::2])
    if row is None:
        return None
    numbers = b'"'.join(pieces[1::2])
    counts = _count_rows(numbers, len(bodies))
    if counts is None or len(row) != counts.sum():
        return None
    columns = _read_numbers(numbers, len(row))
    return None if columns is None else Canonical(at, ids, counts, row, *columns)


def _read_ids(heads: list[bytes]) -> list[str] | None:
    """Ids out of what stands before the rows; None unless they are plain ASCII that JSON writes as it is."""
    joined = b'"'.join(heads)
    if not joined.isascii():
        return None
    text = joined.decode()
    if not text.isprintable() or "\\" in text or text.count('"') != 4 * len(heads) - 1:
        return None
    ids = text[len(_HEAD) :].split('"' + _HEAD.decode())
    return ids if max(map(len, ids)) <= MAX_BATCH_ID else None


def _count_rows(numbers: bytes, bodies: int) -> Ints | None:
    """Rows of each body; None unless every piece is three commas and the brackets that must stand behind them."""
    skeleton = np.frombuffer(numbers.translate(None, _IN_NUMBERS) + b'"', np.uint8)
    if len(skeleton) % len(_INNER_ROW):
        return None
    rows = skeleton.reshape(-1, len(_INNER_ROW))
    last = rows[:, 5] == _LAST_ROW[5]
    if not (rows == np.where(last[:, None], _LAST_ROW, _INNER_ROW)).all():
        return None
    # Every body ends with a last row; one for each therefore means that none stands within.
    ends = np.flatnonzero(last)
    return np.diff(ends, prepend=-1) if len(ends) == bodies else None


def _read_numbers(numbers: bytes, count: int) -> tuple[Ints, Floats, Ints] | None:
    """Times, values and qualities; None when one is no number of JSON or does not fit into its column."""
    # Only whole separators go: a bracket or a mark that has anything else beside it stays, and is no JSON.
    text = numbers.replace(_NEXT + b",", b",").replace(_END + b",", b",")
    if not text.startswith(b","):
        return None
    try:
        flat = _numbers.decode(b"[" + text[1:-3] + b"]")
        # Packing takes half the time of numpy, and takes no float for an integer.
        times = struct.pack(f"{count}q", *flat[0::3])
        values = struct.pack(f"{count}d", *flat[1::3])
        qualities = struct.pack(f"{count}q", *flat[2::3])
    except (msgspec.DecodeError, struct.error, OverflowError):
        return None
    return np.frombuffer(times, np.int64), np.frombuffer(values, np.float64), np.frombuffer(qualities, np.int64)
