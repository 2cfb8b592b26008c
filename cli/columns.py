"""Columns of Parquet files as arrays, however the file's maker wrote times, names and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import DomainError
from predict.series import Floats, Times

UNKNOWN_TIME: Final = np.iinfo(np.int64).min
"""Stands for a time that is not given; numpy's NaT."""
_LARGEST_S, _LARGEST_MS, _LARGEST_US = 1e11, 1e14, 1e17
"""Up to here whole numbers are seconds, milliseconds, microseconds of the epoch: years up to 5138."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of few different words: the number of each row's, -1 where there is none, and the words."""

    code: npt.NDArray[np.int64]
    names: list[str]


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Columns of a Parquet file by name: pyarrow's, None for an optional one that is not there.

    Raises
    ------
    DomainError
        The file is missing or unreadable, or a required column is not in it.
    """
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError as error:
        raise DomainError("reading Parquet needs the extra 'data': pip install 'promessa[data]'") from error
    try:
        held = pq.read_schema(path).names
        if missing := [name for name in required if name not in held]:
            raise DomainError(f"{path}: no column {', '.join(missing)}")
        table = pq.read_table(path, columns=[name for name in (*required, *optional) if name in held])
    except (OSError, ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or "cannot be read"
        raise DomainError(f"{path}: {reason}") from error
    return {name: table.column(name) if name in held else None for name in (*required, *optional)}


def times(column: Any, where: str) -> Times:
    """UTC milliseconds, shape (n,), of times, of ISO 8601 text, or of whole numbers since 1970 in s, ms, us or ns.

    What has no time zone is UTC. `UNKNOWN_TIME` where there is none.

    Raises
    ------
    DomainError
        These are no times; `where` names the file and column.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_timestamp(kind):
        return np.asarray(column.to_numpy().astype("datetime64[ms]").astype(np.int64), np.int64)
    if pa.types.is_integer(kind):
        return _since_epoch(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _parsed(column.to_pylist(), where)
    raise DomainError(f"{where}: {kind} is not a time")


def numbers(column: Any, where: str) -> Floats:
    """Values of any numeric type as float64, shape (n,); NaN where there is none, and for infinite ones.

    Raises
    ------
    DomainError
        These are no numbers.
    """
    import pyarrow as pa

    try:
        values = column.cast(pa.float64(), safe=False).to_numpy()
    except pa.ArrowException as error:
        raise DomainError(f"{where}: {' '.join(str(error).split())}") from error
    found = np.asarray(values, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def words(column: Any) -> Words:
    """Names, without blanks around them, whatever type they have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    chunk = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    coded = chunk.dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return Words(np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64),
                 coded.dictionary.to_pylist())  # fmt: skip


def _since_epoch(column: Any) -> Times:
    known = column.is_valid().to_numpy()
    whole = np.asarray(column.fill_null(0).to_numpy(), np.int64)
    largest = float(np.abs(whole).max(initial=0))
    if largest < _LARGEST_S:
        at = whole * 1000
    elif largest < _LARGEST_MS:
        at = whole
    else:
        at = whole // 1000 if largest < _LARGEST_US else whole // 1_000_000
    return np.where(known, at, UNKNOWN_TIME)


def _parsed(texts: Sequence[str | None], where: str) -> Times:
    from datetime import UTC, datetime

    from core.clock import to_ms

    known: dict[str, int] = {}
    found = np.full(len(texts), UNKNOWN_TIME, np.int64)
    for i, text in enumerate(texts):
        if not text:
            continue
        if text not in known:
            try:
                moment = datetime.fromisoformat(text.strip())
            except ValueError as error:
                raise DomainError(f"{where}: {text!r} is not a time like 2026-01-31T08:00:00Z") from error
            known[text] = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        found[i] = known[text]
    return found
