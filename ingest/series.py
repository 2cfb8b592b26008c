"""What ingest knows of each point: who may write it, what it can plausibly read, and where it stood last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.points import Counter, Point
from core.readings import Reading, is_usable

NEVER: Final = 0
"""Stands for no time at all in `last_ms`."""

_ROWS_AT_FIRST: Final = 64
_FOREVER_MS: Final = np.iinfo(np.int64).max

_COLUMNS: Final = {
    "owner": np.int64,
    "declared": np.bool_,
    "minimum": np.float64,
    "maximum": np.float64,
    "in_order": np.bool_,
    "max_step": np.float64,
    "stuck_after_ms": np.int64,
    "register": np.bool_,
    "max_rate_per_h": np.float64,
    "resolution": np.float64,
    "last_ms": np.int64,
    "last_value": np.float64,
    "since_ms": np.int64,
}
_DEFAULTS: Final = {
    "minimum": -np.inf,
    "maximum": np.inf,
    "max_step": np.inf,
    "stuck_after_ms": _FOREVER_MS,
    "max_rate_per_h": np.inf,
    "last_value": np.nan,
}


class SeriesTable:
    """One row for each point, as columns, so that checks run on many readings at once.

    Attributes
    ----------
    points
        Ids, by row.
    columns
        By name, each of shape (≥ len(self),). ``owner`` is a number from `writer`; ``in_order`` says that a reading
        is compared with the one before it; ``last_ms``, ``last_value`` are that reading's, ``since_ms`` the time from
        which its value has stood unchanged.
    counters
        What the registers among them can do, by row.
    suspects
        Time and value of the implausible reading that a register gave last, by row.
    """

    def __init__(self) -> None:
        self.columns = _blank(_ROWS_AT_FIRST)
        self.counters: dict[int, Counter] = {}
        self.suspects: dict[int, tuple[int, float]] = {}
        self.points: list[str] = []
        self._rows: dict[str, int] = {}
        self._rows_of_bytes: dict[bytes, int] = {}
        self._writers: dict[str, int] = {}
        self._undeclared: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, points: Sequence[str], count: int) -> npt.NDArray[np.int64]:
        """Row of each of `count` points, -1 where there is none."""
        known = self._rows
        try:
            return np.fromiter(map(known.__getitem__, points), np.int64, count)
        except KeyError:
            return np.fromiter([known.get(p, -1) for p in points], np.int64, count)

    def rows_of_bytes(self, points: Sequence[bytes]) -> npt.NDArray[np.int64] | None:
        """Row of each point, whose ids come undecoded; None when there is one that is not known."""
        try:
            return np.fromiter(map(self._rows_of_bytes.__getitem__, points), np.int64, len(points))
        except KeyError:
            return None

    def writer(self, name: str) -> int:
        """Number that stands for a gateway (``site/gateway``) or for a whole site in the ``owner`` column."""
        return self._writers.setdefault(name, len(self._writers))

    def owner(self, point_id: str) -> int | None:
        """Who may write a point, as a number from `writer`; None when nothing is known of it."""
        row = self._rows.get(point_id)
        return None if row is None else int(self.columns["owner"][row])

    def declare(self, points: Iterable[Point], owners: Mapping[str, str]) -> None:
        """Take over definitions and owners; where a point stood last is kept."""
        for point in points:
            if point.id in self._rows and not self.columns["declared"][self._rows[point.id]]:
                self._undeclared[int(self.columns["owner"][self._rows[point.id]])] -= 1
            row = self._row(point.id)
            self._define(row, point, self.writer(owners.get(point.id, point.site)))

    def undeclared(self, writer: int) -> int:
        """How many points nobody declared are open to `writer`."""
        return self._undeclared.get(writer, 0)

    def add_undeclared(self, point_id: str, writer: int) -> None:
        """Add a point that nobody has declared, open to `writer`."""
        row = self._row(point_id)
        self.columns["owner"][row] = writer
        self._undeclared[writer] = self.undeclared(writer) + 1

    def unseeded(self) -> list[str]:
        """Points whose readings are compared with the one before, and for which that one is not known yet."""
        waiting = self.columns["in_order"] & (self.columns["last_ms"] == NEVER)
        return [point for point, row in self._rows.items() if waiting[row]]

    def seed(self, latest: Mapping[str, Reading]) -> None:
        """Take up where the store stands, for points of which nothing is known yet."""
        for reading in latest.values():
            row = self._rows.get(reading.point)
            if row is not None and self.columns["last_ms"][row] == NEVER and is_usable(reading.quality):
                self.columns["last_ms"][row] = self.columns["since_ms"][row] = reading.time_ms
                self.columns["last_value"][row] = reading.value

    def _row(self, point_id: str) -> int:
        row = self._rows.setdefault(point_id, len(self._rows))
        if row == len(self.points):
            self.points.append(point_id)
            self._rows_of_bytes[point_id.encode()] = row
        if row >= len(self.columns["owner"]):
            more = _blank(row)
            self.columns = {name: np.concatenate((column, more[name])) for name, column in self.columns.items()}
        return row

    def _define(self, row: int, point: Point, owner: int) -> None:
        plausible, counter = point.plausible, point.counter
        values: dict[str, Any] = {"owner": owner, "declared": True, "register": counter is not None}
        for name in ("minimum", "maximum", "max_step"):
            limit = getattr(plausible, name, None)
            values[name] = _DEFAULTS[name] if limit is None else limit
        stuck_after_s = plausible.stuck_after_s if plausible else None
        values["stuck_after_ms"] = _FOREVER_MS if stuck_after_s is None else stuck_after_s * 1000
        self.counters.pop(row, None)
        if counter is not None:
            self.counters[row] = counter
            values |= {"max_rate_per_h": counter.max_rate_per_h, "resolution": counter.resolution}
        values["in_order"] = (
            counter is not None
            or stuck_after_s is not None
            or (plausible is not None and plausible.max_step is not None)
        )
        for name, value in values.items():
            self.columns[name][row] = value


def _blank(rows: int) -> dict[str, npt.NDArray[Any]]:
    return {name: np.full(rows, _DEFAULTS.get(name, 0), kind) for name, kind in _COLUMNS.items()}
