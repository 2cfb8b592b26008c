"""Columns in few bytes, without loss: deltas, shuffled by byte, through zlib."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from stores.faults import StoreDamagedError
from stores.port import Series

Column: TypeAlias = npt.NDArray[Any]
"""Shape (n,) of int64, float64 or uint8."""

_HEAD: Final = struct.Struct("<BI")
_INTS: Final = struct.Struct("<Bq")
_VERSION: Final = 1
_WIDTHS: Final = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u8"))
_MAX_DECIMALS: Final = 6
_NOT_DECIMAL: Final = 255
_EXACT_INTEGERS: Final = 2.0**53
_SERIES: Final = (np.int64, np.float64, np.uint8)


def pack_series(series: Series) -> bytes:
    """Encode one series; about 2 bytes a reading for a meter that is read regularly."""
    return pack([series.time_ms, series.value, series.quality])


def unpack_series(data: bytes) -> Series:
    """Decode what `pack_series` made."""
    time_ms, value, quality = unpack(data, _SERIES)
    return Series(time_ms, value, quality)


def pack(columns: Sequence[Column]) -> bytes:
    """Encode columns of one length."""
    body = b"".join(_pack_column(column) for column in columns)
    return _HEAD.pack(_VERSION, len(columns[0])) + zlib.compress(body, 6)


def unpack(data: bytes, kinds: Sequence[type[Any]]) -> list[Column]:
    """Decode what `pack` made of columns of these kinds.

    Raises
    ------
    StoreDamagedError
        The bytes are not what was packed.
    """
    try:
        version, length = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise StoreDamagedError(f"chunk of format {version}; this release reads {_VERSION}")
        body = memoryview(zlib.decompress(data[_HEAD.size :]))
        columns = []
        for kind in kinds:
            column, body = _unpack_column(body, length, kind)
            columns.append(column)
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise StoreDamagedError(f"damaged chunk: {error}") from error
    return columns


def _pack_column(column: Column) -> bytes:
    if column.dtype == np.uint8:
        return column.tobytes()
    if column.dtype == np.int64:
        return _pack_ints(column)
    decimals = _decimals(column)
    if decimals == _NOT_DECIMAL:
        return bytes([decimals]) + _shuffle(column.astype("<f8"))
    return bytes([decimals]) + _pack_ints(np.rint(column * 10.0**decimals).astype(np.int64))


def _unpack_column(body: memoryview, length: int, kind: type[Any]) -> tuple[Column, memoryview]:
    if kind is np.uint8:
        return np.frombuffer(body, np.uint8, length), body[length:]
    if kind is np.int64:
        return _unpack_ints(body, length)
    decimals, body = body[0], body[1:]
    if decimals == _NOT_DECIMAL:
        return _unshuffle(body, length, np.dtype("<f8")), body[8 * length :]
    scaled, body = _unpack_ints(body, length)
    return scaled / 10.0**decimals, body


def _decimals(values: npt.NDArray[np.float64]) -> int:
    """Fewest decimals with which every value comes back bit by bit."""
    found = 0
    for sample in (values[:32], values):  # most answers are clear from a few values
        found = next((d for d in range(found, _MAX_DECIMALS + 1) if _comes_back(sample, d)), _NOT_DECIMAL)
        if found == _NOT_DECIMAL:
            break
    return found


def _comes_back(values: npt.NDArray[np.float64], decimals: int) -> bool:
    with np.errstate(over="ignore"):
        scaled = np.rint(values * 10.0**decimals)
    if np.abs(scaled).max(initial=0.0) >= _EXACT_INTEGERS:
        return False
    # Compared as bits through integers, because that is what is stored: -0.0 would come back as 0.0.
    back = scaled.astype(np.int64) / 10.0**decimals
    return bool((back.view(np.int64) == values.view(np.int64)).all())


def _pack_ints(values: npt.NDArray[np.int64]) -> bytes:
    deltas = np.diff(values)
    # Zigzag: small differences of either sign become small numbers.
    folded = ((deltas << 1) ^ (deltas >> 63)).view(np.uint64)
    largest = int(folded.max(initial=0))
    width = next(w for w in _WIDTHS if largest < 1 << 8 * w.itemsize)
    first = int(values[0]) if len(values) else 0
    return _INTS.pack(width.itemsize, first) + _shuffle(folded.astype(width))


def _unpack_ints(body: memoryview, length: int) -> tuple[npt.NDArray[np.int64], memoryview]:
    itemsize, first = _INTS.unpack_from(body)
    count = max(length - 1, 0)
    folded = _unshuffle(body[_INTS.size :], count, np.dtype(f"<u{itemsize}")).astype(np.uint64)
    values = np.empty(length, np.int64)
    values[:1] = first
    values[1:] = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(np.int64)
    return np.cumsum(values), body[_INTS.size + count * itemsize :]


def _shuffle(values: Column) -> bytes:
    """All first bytes, then all second bytes, …: bytes that are alike stand together."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.dtype.itemsize).T.tobytes()


def _unshuffle(body: memoryview, length: int, kind: np.dtype[Any]) -> Column:
    planes = np.frombuffer(body, np.uint8, length * kind.itemsize).reshape(kind.itemsize, length)
    return np.ascontiguousarray(planes.T).view(kind).reshape(length)
