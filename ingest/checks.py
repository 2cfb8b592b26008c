"""Quality checks on many readings at once: they mark, they never delete, and late readings disturb nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS
from core.points import Counter
from core.readings import BAD_FROM, UNCERTAIN_FROM, Quality
from core.registers import StepKind, register_step
from ingest.series import NEVER, SeriesTable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8]

_REGISTER_MARKS: Final = {
    StepKind.RESET: Quality.UNCERTAIN_REGISTER_RESET,
    StepKind.IMPLAUSIBLE: Quality.BAD_REGISTER_RATE,
}


class Columns(NamedTuple):
    """Readings as columns of one length.

    Attributes
    ----------
    row
        Row in the `SeriesTable`.
    time_ms
        UTC milliseconds.
    value
        In the points' units.
    quality
        Codes as they came, or as they are judged.
    """

    row: Ints
    time_ms: Ints
    value: Floats
    quality: Codes


@dataclass(frozen=True, slots=True)
class Standing:
    """Where points stand after some readings, to be written into the table once.

    Attributes
    ----------
    row, last_ms, last_value, since_ms
        See `SeriesTable.columns`.
    suspects
        By row; None: the suspicion is gone.
    """

    row: Ints
    last_ms: Ints
    last_value: Floats
    since_ms: Ints
    suspects: dict[int, tuple[int, float] | None] = field(default_factory=dict)


class Verdict(NamedTuple):
    """Judged readings.

    Attributes
    ----------
    quality
        One code a reading: the sender's, or a worse one of ours.
    in_order
        Positions of the readings that were compared with the one before them.
    late
        Positions of readings that are not newer than what is known; compared with nothing.
    standing
        Where the points stand now.
    """

    quality: Codes
    in_order: Ints
    late: Ints
    standing: Standing


def judge(table: SeriesTable, readings: Columns, ahead_ms: int) -> Verdict:
    """Judge readings against their points' definitions and what the points read before; changes nothing.

    Parameters
    ----------
    table
        Definitions and standing of the points.
    readings
        In the order of arrival, any order of time.
    ahead_ms
        Readings measured after this are ahead of the clock, UTC milliseconds.
    """
    columns = table.columns
    row, time_ms, value = readings.row, readings.time_ms, readings.value
    quality = readings.quality.copy()
    ahead = time_ms > ahead_ms
    _mark(quality, ahead, Quality.UNCERTAIN_CLOCK)
    _mark(quality, ~columns["declared"][row] & (quality < UNCERTAIN_FROM), Quality.UNCERTAIN_UNDECLARED)
    outside = (value < columns["minimum"][row]) | (value > columns["maximum"][row])
    _mark(quality, outside, Quality.BAD_RANGE)

    # A reading ahead of the clock or a bad one says nothing about the next.
    comparable = columns["in_order"][row] & ~ahead & (quality < BAD_FROM)
    newer = time_ms > columns["last_ms"][row]
    in_order = np.flatnonzero(comparable & newer)
    in_order = in_order[np.lexsort((time_ms[in_order], row[in_order]))]
    with np.errstate(over="ignore"):  # values near the largest number differ by infinity, which is a jump as well
        marks, standing = _compare(table, Columns(row[in_order], time_ms[in_order], value[in_order], quality[in_order]))
    quality[in_order] = np.maximum(quality[in_order], marks)
    return Verdict(quality, in_order, np.flatnonzero(comparable & ~newer), standing)


def take_over(table: SeriesTable, standing: Standing) -> None:
    """Write where points stand now into the table."""
    for name in ("last_ms", "last_value", "since_ms"):
        table.columns[name][standing.row] = getattr(standing, name)
    for row, suspect in standing.suspects.items():
        if suspect is None:
            table.suspects.pop(row, None)
        else:
            table.suspects[row] = suspect


def _mark(quality: Codes, where: Flags, code: Quality) -> None:
    if where.any():
        quality[where] = np.maximum(quality[where], code)


def _compare(table: SeriesTable, readings: Columns) -> tuple[Codes, Standing]:
    """Marks from comparing each reading with the one before it; readings come sorted by row and time."""
    row, time_ms, value, _ = readings
    known = {name: column[row] for name, column in table.columns.items()}
    first = np.ones(len(row), np.bool_)
    first[1:] = row[1:] != row[:-1]
    last = np.ones(len(row), np.bool_)
    last[:-1] = first[1:]
    before_ms = np.where(first, known["last_ms"], np.roll(time_ms, 1))
    before = np.where(first, known["last_value"], np.roll(value, 1))
    comparable = before_ms != NEVER

    marks = np.zeros(len(row), np.uint8)
    since_ms = _unchanged_since(first, comparable & (value == before), time_ms, known["since_ms"])
    _mark(marks, time_ms - since_ms >= known["stuck_after_ms"], Quality.UNCERTAIN_STUCK)
    _mark(marks, comparable & (np.abs(value - before) > known["max_step"]), Quality.UNCERTAIN_JUMP)

    standing = Standing(row[last], time_ms[last], value[last], since_ms[last])
    # Nearly every step of a register simply counts, and that is seen for all of them at once.
    change = value - before
    bound = known["max_rate_per_h"] * (time_ms - before_ms) / HOUR_MS + 2 * known["resolution"]
    irregular = known["register"] & comparable & ~((change >= 0) & (change <= bound))
    doubtful = {int(r) for r in np.unique(row[irregular])} | (table.suspects.keys() & set(standing.row.tolist()))
    for number in sorted(doubtful):
        _walk(table, number, readings, marks, standing)
    return marks, standing


def _unchanged_since(first: Flags, same: Flags, time_ms: Ints, since_ms: Ints) -> Ints:
    """Time from which each value has stood: of its own run, or from before where the run goes on."""
    begins = np.where(same, since_ms, time_ms)
    runs = np.maximum.accumulate(np.where(first | ~same, np.arange(len(first)), 0))
    result: Ints = begins[runs]
    return result


def _walk(table: SeriesTable, row: int, readings: Columns, marks: Codes, standing: Standing) -> None:
    """Judge one register step by step, into `marks` and `standing`."""
    known = {name: column[row] for name, column in table.columns.items()}
    at = slice(*np.searchsorted(readings.row, (row, row + 1)).tolist())
    last = (int(known["last_ms"]), float(known["last_value"])) if known["last_ms"] != NEVER else None
    steps = zip(readings.time_ms[at].tolist(), readings.value[at].tolist(), strict=True)
    found, last, suspect = walk_register(table.counters[row], last, table.suspects.get(row), steps)
    marks[at] = np.maximum(marks[at], np.array(found, np.uint8))
    standing.suspects[row] = suspect
    if last is not None:
        position = np.searchsorted(standing.row, row)
        standing.last_ms[position], standing.last_value[position] = last


def walk_register(
    counter: Counter,
    last: tuple[int, float] | None,
    suspect: tuple[int, float] | None,
    readings: Iterable[tuple[int, float]],
) -> tuple[list[int], tuple[int, float] | None, tuple[int, float] | None]:
    """Judge readings of one register in the order of time.

    One implausible reading is a glitch: it is bad, and the next is compared with the good one before it. When the next
    counts on from the glitch instead, the meter was replaced: from there on it is believed.

    Parameters
    ----------
    counter
        What the register can do.
    last
        Time and value of the last believed reading.
    suspect
        Time and value of the implausible reading right before, if it was one.
    readings
        Times, ascending, and values.

    Returns
    -------
    tuple
        A `Quality` code for each reading, the new `last`, the new `suspect`.
    """
    marks: list[int] = []
    for time_ms, value in readings:
        mark = Quality.GOOD
        if last is not None and time_ms > last[0]:
            mark = _REGISTER_MARKS.get(register_step(last[1], value, time_ms - last[0], counter).kind, Quality.GOOD)
            if mark is Quality.BAD_REGISTER_RATE and suspect is not None and time_ms > suspect[0]:
                onward = register_step(suspect[1], value, time_ms - suspect[0], counter).kind
                if onward in (StepKind.COUNTED, StepKind.JITTER):
                    mark = Quality.UNCERTAIN_REGISTER_RESET
        marks.append(mark)
        if mark is Quality.BAD_REGISTER_RATE:
            suspect = time_ms, value
        else:
            last, suspect = (time_ms, value), None
    return marks, last, suspect
