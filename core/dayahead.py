"""Reads a file of day-ahead prices or carbon intensities; what is wrong is named by line and column."""

from __future__ import annotations

import csv
import io
import math
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from core.calendar import HOUR_MS
from core.clock import to_ms
from core.codec import MAX_TIME_MS
from core.errors import DomainError
from core.tariff import MARKET_STEPS_MS, Market, RateKind, check_value

MAX_ROWS: Final = 200_000
_COLUMNS: Final = ("time", "price")


class Unit(StrEnum):
    """Of the values in a file."""

    EUR_KWH = "EUR/kWh"
    EUR_MWH = "EUR/MWh"
    G_KWH = "g/kWh"
    KG_MWH = "kg/MWh"

    @property
    def kind(self) -> RateKind:
        """What is measured in it."""
        return RateKind.PRICE if self.value.startswith("EUR") else RateKind.EMISSION

    @property
    def factor(self) -> float:
        """Turns it into EUR/kWh or g/kWh."""
        return 0.001 if self is Unit.EUR_MWH else 1.0


def read_market(text: str, *, scope: str, carrier: str, unit: Unit, source: str) -> Market:
    """Values of a CSV file with the columns ``time`` and ``price``, in any order of rows; other columns are left.

    Parameters
    ----------
    text
        Separated by commas, or by semicolons, and then decimals may have a comma. A time is the start of what the
        value holds for, ISO 8601 with its offset, so that the hour that comes twice is two.

    Raises
    ------
    DomainError
        A column is missing, or a line holds what is no time with an offset, no price, a time twice, or one between
        the others' steps of 15, 30 or 60 minutes; says which line and column.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")  # spreadsheets begin a file with it
    first = text.partition("\n")[0]
    separator = ";" if ";" in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise DomainError(
                f"line 1: no column {' and '.join(missing)}; it holds {', '.join(header)[:80] or 'nothing'}"
            )
        where = [header.index(name) for name in _COLUMNS]
        rows: dict[int, tuple[float, int]] = {}
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if len(cells) <= max(where):
                raise DomainError(f"line {line}: {len(cells)} columns of {len(header)}")
            start_ms = _time(cells[where[0]].strip(), line)
            if start_ms in rows:
                raise DomainError(f"line {line}, column time: the same time as in line {rows[start_ms][1]}")
            rows[start_ms] = _price(cells[where[1]].strip(), line, unit, decimal_comma=separator == ";"), line
            if len(rows) > MAX_ROWS:
                raise DomainError(f"line {line}: a file has at most {MAX_ROWS} rows")
    except csv.Error as error:
        raise DomainError(f"line {reader.line_num}: {error}") from error
    if not rows:
        raise DomainError("line 2: the file has no rows")
    starts = sorted(rows)
    return Market(
        scope=scope,
        carrier=carrier,
        kind=unit.kind,
        step_ms=_step(starts, rows),
        starts_ms=tuple(starts),
        values=tuple(rows[start][0] for start in starts),
        source=source,
    )


def _time(cell: str, line: int) -> int:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError as error:
        raise DomainError(
            f"line {line}, column time: {cell[:40]!r} is not a time like 2026-01-31T08:00+01:00"
        ) from error
    if moment.tzinfo is None:
        raise DomainError(f"line {line}, column time: {cell[:40]!r} has no offset, like +01:00 or Z")
    time_ms = to_ms(moment)
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise DomainError(f"line {line}, column time: {cell[:40]!r} is not between 1970 and 2100")
    return time_ms


def _price(cell: str, line: int, unit: Unit, *, decimal_comma: bool) -> float:
    where = f"line {line}, column price"
    try:
        value = float(cell.replace(",", ".") if decimal_comma else cell) * unit.factor
    except ValueError as error:
        raise DomainError(f"{where}: {cell[:40]!r} is no number") from error
    if not math.isfinite(value):
        raise DomainError(f"{where}: {cell[:40]!r} is no number")
    return check_value(unit.kind, value, where)


def _step(starts: list[int], rows: dict[int, tuple[float, int]]) -> int:
    step_ms = min((b - a for a, b in pairwise(starts)), default=HOUR_MS)
    step_ms = min(step_ms, HOUR_MS)  # a file with gaps only
    if step_ms not in MARKET_STEPS_MS:
        line = next(rows[b][1] for a, b in pairwise(starts) if b - a == step_ms)
        raise DomainError(f"line {line}, column time: {step_ms / 60_000:g} minutes after another; use 15, 30 or 60")
    for start in starts:
        if (start - starts[0]) % step_ms or start % MARKET_STEPS_MS[0]:
            minutes = step_ms // 60_000
            raise DomainError(f"line {rows[start][1]}, column time: not in steps of {minutes} minutes with the others")
    return step_ms
