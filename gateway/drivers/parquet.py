"""Parquet recordings, one row group at a time; imported only by who has pyarrow (the extra ``data``)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from heapq import merge
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.readings import Reading
from gateway.drivers.recording import Column, time_of

_DIGITS = {"float": 7, "halffloat": 4}  # of Arrow's narrow floats; beyond them stand digits nobody recorded


def parquet_rows(path: Path, columns: Mapping[str, Column], time_column: str, value_column: str) -> Iterator[Reading]:
    """Rows that belong to `columns` (by point id), in order of time; KeyError names a column that is not there."""
    times: dict[str, array[int]] = {p: array("q") for p in columns}
    values: dict[str, array[float]] = {p: array("d") for p in columns}
    with pq.ParquetFile(path) as file:
        present = file.schema_arrow.names
        needed = {time_column, *(c.column or value_column for c in columns.values())}
        needed.update(name for c in columns.values() for name in c.where)
        for name in sorted(needed):
            if name not in present:
                raise KeyError(name)
        needed.update({"point"} & set(present))
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=sorted(needed))
            for point, column in columns.items():
                own = _own(table, point, column)
                times[point].extend(_times(own[time_column]))
                values[point].extend(_values(own[column.column or value_column], column))
    yield from merge(*(_in_order(p, times[p], values[p]) for p in columns), key=lambda reading: reading.time_ms)


def _own(table: pa.Table, point: str, column: Column) -> pa.Table:
    where = column.where or ({"point": point} if "point" in table.column_names else {})
    for name, value in where.items():
        table = table.filter(pc.equal(pc.cast(table[name], pa.string()), value))
    return table


def _times(cells: pa.ChunkedArray) -> list[int]:
    if pa.types.is_timestamp(cells.type):
        whole: list[int] = pc.cast(pc.cast(cells, pa.timestamp("ms", "UTC"), safe=False), pa.int64()).to_pylist()
        return whole
    if pa.types.is_integer(cells.type):
        plain: list[int] = cells.to_pylist()
        return plain
    return [time_of(text) for text in cells.to_pylist()]


def _values(cells: pa.ChunkedArray, column: Column) -> Iterator[float]:
    digits = _DIGITS.get(str(cells.type), 15)
    for cell in cells.to_pylist():
        value = math.nan if cell is None else cell * column.scale + column.offset
        yield float(f"{value:.{digits}g}")


def _in_order(point: str, times: array[int], values: array[float]) -> Iterator[Reading]:
    order = range(len(times))
    if any(times[i] > times[i + 1] for i in range(len(times) - 1)):
        order = sorted(order, key=times.__getitem__)  # type: ignore[assignment] # a range or a list of the same
    for i in order:
        if math.isfinite(values[i]):
            yield Reading(point, times[i], values[i])
