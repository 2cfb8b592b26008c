"""Reads a recorded period of a building from a folder: points.csv and readings.parquet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import DomainError
from predict.causes.record import Record, RecordedPoint

POINTS: Final = "points.csv"
READINGS: Final = "readings.parquet"
_COLUMNS: Final = ("point", "brick_class", "unit", "zone")


def read_record(directory: Path) -> Record:
    """Points and readings of a folder; points without readings and readings without a point are left out.

    Raises
    ------
    DomainError
        A file or column is missing or cannot be read, or nothing is in it.
    """
    described = _points(directory / POINTS)
    names, time_ms, value = _readings(directory / READINGS)
    order = np.argsort(names.code, kind="stable")
    found, starts = np.unique(names.code[order], return_index=True)
    points = []
    for number, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
        name = names.words[number]
        if (about := described.get(name)) is not None:
            points.append(
                RecordedPoint(
                    name=name,
                    brick_class=about["brick_class"],
                    unit=about["unit"],
                    zone=about.get("zone") or "",
                    time_ms=time_ms[rows],
                    value=value[rows],
                )
            )
    if not points:
        raise DomainError(f"{directory}: no reading belongs to a point of {POINTS}")
    return Record(tuple(points))


class _Words:
    def __init__(self, column: Any) -> None:
        words = column.cast("string").dictionary_encode().combine_chunks()
        self.code = np.asarray(words.indices.fill_null(0), np.int64)
        self.words: list[str] = words.dictionary.to_pylist()


def _points(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DomainError(f"{path}: {error}") from error
    missing = [name for name in _COLUMNS[:3] if not rows or name not in rows[0]]
    if missing:
        raise DomainError(f"{path}: no column {', '.join(missing)}")
    return {row["point"]: {k: (v or "").strip() for k, v in row.items() if k in _COLUMNS} for row in rows}


def _readings(path: Path) -> tuple[_Words, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DomainError("reading Parquet needs the extra 'data': pip install 'promessa[data]'") from error
    try:
        table = pq.read_table(path, columns=["point", "time_utc", "value"])
        moments = table.column("time_utc")
        if pa.types.is_timestamp(moments.type):
            time_ms = moments.to_numpy().astype("datetime64[ms]").astype(np.int64)
        elif pa.types.is_integer(moments.type):
            time_ms = np.asarray(moments.to_numpy(), np.int64)
        else:
            text = [str(t).replace("Z", "+00:00").split("+", maxsplit=1)[0] for t in moments.to_pylist()]
            time_ms = np.array(text, dtype="datetime64[ms]").astype(np.int64)
        value = np.asarray(table.column("value").cast("double").to_numpy(zero_copy_only=False), np.float64)
        return _Words(table.column("point")), time_ms, value
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise DomainError(f"{path}: {error}") from error
