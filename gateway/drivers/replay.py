"""Replays recorded data, CSV or Parquet, as if it were measured now: each row when the clock reaches its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from pathlib import Path

import msgspec

from core.clock import Clock
from core.config.loader import convert_options
from core.config.models import Device
from core.errors import ConfigError, DeviceError, NotPermittedError
from core.readings import Reading
from gateway.driver import Harvest
from gateway.drivers.recording import Column, csv_rows, time_of


class ReplayOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recording's own keys.

    Attributes
    ----------
    path
        File, or folder of files that the points name; ``.parquet`` needs the ``data`` extra, all else is CSV.
    time_column
        Column of the time a row was measured: UTC milliseconds, or ISO 8601 (UTC where it names no zone).
    value_column
        Column of values, where a point does not name its own.
    start
        Skip what was measured before (ISO 8601); empty: begin with the first row.
    max_rows
        Most readings of one read.
    """

    path: str
    time_column: str = "time_utc"
    value_column: str = "value"
    start: str = ""
    max_rows: int = 5000


class ReplayDriver:
    """A recording as a device; see `gateway.driver.Driver`.

    A CSV file is read as a stream and must be in order of time. A Parquet file need not be: of its rows only those of
    the wanted points are kept, 16 bytes each.
    """

    def __init__(self, device: Device, clock: Clock, *, read_only: bool) -> None:
        del read_only  # nothing can be written to a recording
        where = f"device {device.name!r}: options"
        self._clock = clock
        self._options = convert_options(device.options, ReplayOptions, where)
        try:
            self._start_ms = time_of(self._options.start) if self._options.start else 0
        except ValueError as error:
            raise ConfigError(f"{where}: start: {error}") from error
        self._columns = {p.id: convert_options(p.source, Column, f"point {p.id!r}: source") for p in device.points}
        for point in device.points:
            if point.limits is not None:
                raise ConfigError(f"point {point.id!r}: a replayed point cannot have limits")
        self._rows: Iterator[Reading] | None = None
        self._ahead: Reading | None = None

    def open(self) -> None:
        """Open the files; DeviceError when one is missing or is not as described."""
        if self._rows is not None:
            return
        try:
            self._rows = merge(*(self._stream(path, points) for path, points in self._files().items()), key=_measured)
        except OSError as error:
            raise DeviceError(f"replay: {error}") from error

    def read(self, points: Sequence[str]) -> Harvest:
        """Return what was measured since the last read, up to the clock's now; each row at its own time."""
        self.open()
        now_ms = self._clock.now_ms()
        wanted = set(points)
        readings: list[Reading] = []
        try:
            while len(readings) < self._options.max_rows:
                row = self._ahead or self._next()
                if row is None or row.time_ms > now_ms:
                    self._ahead = row
                    return Harvest(readings)
                self._ahead = None
                if row.time_ms >= self._start_ms and row.point in wanted:
                    readings.append(row)
        except (OSError, ValueError, KeyError) as error:
            raise DeviceError(f"replay of {self._options.path}: {_explain(error)}") from error
        return Harvest(readings, more=True)

    def write(self, point: str, value: float) -> None:
        """Refuse: what was recorded does not change."""
        raise NotPermittedError(f"{point}: a recording cannot be driven to {value:g}")

    def tolerance(self, point: str, value: float) -> float:
        """Nothing is written, so nothing is rounded."""
        del point, value
        return 0.0

    def close(self) -> None:
        """Let go of the files; the next read begins again, which stores nothing twice."""
        self._rows = self._ahead = None

    def _next(self) -> Reading | None:
        return next(self._rows, None) if self._rows is not None else None

    def _files(self) -> dict[Path, list[str]]:
        files: dict[Path, list[str]] = {}
        for point, column in self._columns.items():
            path = Path(self._options.path, column.file) if column.file else Path(self._options.path)
            if not path.is_file():
                raise DeviceError(f"replay: there is no file {path} for {point}")
            files.setdefault(path, []).append(point)
        return files

    def _stream(self, path: Path, points: list[str]) -> Iterator[Reading]:
        columns = {p: self._columns[p] for p in points}
        time_column, value_column = self._options.time_column, self._options.value_column
        if path.suffix != ".parquet":
            return csv_rows(path, columns, time_column, value_column)
        try:
            from gateway.drivers.parquet import parquet_rows  # noqa: PLC0415 - pyarrow is large, and an extra
        except ImportError as error:
            raise DeviceError(f"replay: {path} is Parquet: install the extra 'data' (promessa[data])") from error
        return parquet_rows(path, columns, time_column, value_column)


def _measured(reading: Reading) -> int:
    return reading.time_ms


def _explain(error: Exception) -> str:
    return f"no column {error}" if isinstance(error, KeyError) else str(error)
