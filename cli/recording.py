"""Reads a recorded period of a building from a folder: points.csv and readings.parquet."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from cli.columns import UNKNOWN_TIME, Words, numbers, read_columns, times, words
from core.errors import DomainError
from predict.causes.record import Record, RecordedPoint
from predict.series import Floats, Times

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
    # What has no name or no time belongs nowhere.
    whole = np.flatnonzero((names.code >= 0) & (time_ms != UNKNOWN_TIME))
    order = whole[np.argsort(names.code[whole], kind="stable")]
    found, starts = np.unique(names.code[order], return_index=True)
    points = []
    for number, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=False):
        name = names.names[number]
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


def _points(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DomainError(f"{path}: {error}") from error
    missing = [name for name in _COLUMNS[:3] if not rows or name not in rows[0]]
    if missing:
        raise DomainError(f"{path}: no column {', '.join(missing)}")
    cells = [{k: (v or "").strip() for k, v in row.items() if k in _COLUMNS} for row in rows]
    return {row["point"]: row for row in cells if row["point"]}


def _readings(path: Path) -> tuple[Words, Times, Floats]:
    held = read_columns(path, ["point", "time_utc", "value"])
    names = words(held["point"])
    time_ms = times(held["time_utc"], f"{path}: time_utc")
    return names, time_ms, numbers(held["value"], f"{path}: value")
