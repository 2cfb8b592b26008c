"""A recording as a stream of readings in order of time: what belongs to which point, and CSV files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from core.clock import to_ms
from core.readings import Reading


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a point's rows are.

    Attributes
    ----------
    file
        Within the device's `path`, when that is a folder.
    where
        Rows that are its own, by column: ``{building = "b24", meter = "gas"}``; without any, rows whose column
        ``point`` is the point's id, or all rows where there is no such column.
    column
        Column of its values; empty: the device's `value_column`.
    scale, offset
        ``value = recorded * scale + offset``.
    """

    file: str = ""
    where: dict[str, str] = {}
    column: str = ""
    scale: float = 1.0
    offset: float = 0.0


def csv_rows(path: Path, columns: Mapping[str, Column], time_column: str, value_column: str) -> Iterator[Reading]:
    """Rows of a CSV file that belong to `columns` (by point id); ValueError when they go back in time."""
    last_ms = 0
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            time_ms = time_of(row[time_column])
            if time_ms < last_ms:
                raise ValueError(f"line {number} is earlier than the one before it: sort the file by time")
            last_ms = time_ms
            for point, column in columns.items():
                if _belongs(row, point, column):
                    text = row[column.column or value_column]
                    value = float(text) * column.scale + column.offset if text else math.nan
                    if math.isfinite(value):
                        yield Reading(point, time_ms, value)


def _belongs(row: Mapping[str, str], point: str, column: Column) -> bool:
    if column.where:
        return all(row[name] == value for name, value in column.where.items())
    return bool(row.get("point", point) == point)


def time_of(text: str) -> int:
    """UTC milliseconds of a text; digits are milliseconds already, a time without a zone is UTC."""
    if text.lstrip("-").isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
