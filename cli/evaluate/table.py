"""What the evaluations write and print: predictions as Parquet, figures as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import DomainError

_TIMES: Final = ("time_utc", "issue_utc")


class PredictionFile:
    """A Parquet file that grows by one meter at a time, so that memory stays bounded; complete once it is closed.

    Parameters
    ----------
    path
        Written beside itself and put in place at the end.

    Raises
    ------
    DomainError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".part")
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Nothing is opened before the first meter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in place unless something went wrong."""
        if self._writer is None:
            return
        self._writer.close()
        if kind is not None:
            self._partial.unlink(missing_ok=True)
            return
        try:
            self._partial.replace(self._path)
        except OSError as problem:
            self._partial.unlink(missing_ok=True)
            raise DomainError(f"{self._path}: {problem.strerror}") from problem

    def write(self, building: str, meter: str, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Append the hours of one meter; columns of times are UTC milliseconds."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = len(next(iter(columns.values())))
        made = {"building": pa.array([building] * rows, pa.string()), "meter": pa.array([meter] * rows, pa.string())}
        for name, values in columns.items():
            if name in _TIMES:
                made[name] = pa.array(values.astype("datetime64[ms]"), pa.timestamp("ms", tz="UTC"))
            else:
                made[name] = pa.array(np.asarray(values, np.float64))
        table = pa.table(made)
        try:
            if self._writer is None:
                self._partial.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(self._partial, table.schema, compression="zstd")
            self._writer.write_table(table)
        except OSError as problem:
            raise DomainError(f"{self._path}: {problem.strerror or problem}") from problem


def require_one(rows: Sequence[Mapping[str, Any]]) -> None:
    """Let a command fail that could do nothing for any meter.

    Raises
    ------
    DomainError
        Every row has a reason why there is nothing; the first is named.
    """
    if all(row["reason"] for row in rows):
        first = rows[0]
        raise DomainError(f"no meter could be predicted; {first['building']} {first['meter']}: {first['reason']}")


Summary: TypeAlias = dict[str, dict[str, dict[str, float]]]


def summarise(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Summary:
    """Median, mean and number of each figure over the meters of each kind; unknown figures count for nothing."""
    found: Summary = {}
    for kind in sorted({row["meter"] for row in rows}):
        known = {name: [float(row[name]) for row in rows if row["meter"] == kind and row.get(name) is not None]
                 for name in names}  # fmt: skip
        found[kind] = {
            "median": {name: round(median(values), 4) for name, values in known.items() if values},
            "mean": {name: round(fmean(values), 4) for name, values in known.items() if values},
            "meters": {name: len(values) for name, values in known.items()},
        }
    return found


def show_summary(summary: Summary) -> None:
    """Print medians and means, a line a kind and figure set."""
    from rich.table import Table

    from cli.options import number, out

    names = list(dict.fromkeys(name for found in summary.values() for name in found["median"]))
    table = Table("", "meters", *names, box=None)
    for kind, found in summary.items():
        for what in ("median", "mean"):
            shown = (number(found[what].get(name)) for name in names)
            table.add_row(f"{what} {kind}", str(max(found["meters"].values(), default=0)), *shown)
    out.print(table)


def each(items: Sequence[Any], what: str, *, quiet: bool) -> Iterator[Any]:
    """Go through `items` with a progress bar on the terminal's error stream."""
    from rich.progress import track

    from cli.options import err

    yield from track(items, what, console=err, disable=quiet, transient=True)
