"""What a watch remembers of a meter: the last hours, the run of equal values, the last days and off-hours."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec

from core.calendar import HOUR_MS
from predict.anomalies.baseload import KEPT_PARTS, Part, off_parts
from predict.anomalies.days import Day, DayType, block_ratios
from predict.anomalies.level import KEPT_DAYS

NEIGHBOURS: Final = 3
"""Hours on each side that a spike stands out of."""
_LEAST_NEIGHBOURS: Final = 2
ZERO_BINS: Final = (0.1, 0.3, 0.6)
"""Expected use as a share of the mean, at which zeros become less and less usual."""
_LONGEST_GAP_H: Final = 24
_LOW_USE: Final = 0.5
"""A day that is expected to use less than this share of the mean says nothing of the level: boilers in summer."""
_LEAST_HOURS_OF_DAY: Final = 18


class Scales(msgspec.Struct, frozen=True):
    """Sizes learnt from a reference period, by which hours are judged.

    Attributes
    ----------
    mean_kwh, base_kwh
        Mean of an hour; typical hour of nights.
    spike
        By how much an hour usually stands out of those on both sides, per local hour on working (first 24) and free
        days, kWh.
    repeat
        Probability that a value follows itself once more, per local hour on working and free days.
    repeat_zero
        The same of a zero, by how much is expected (`ZERO_BINS`).
    off_hours
        How restless each sort of off-hours is, see `predict.anomalies.baseload.usual_sizes`.
    """

    mean_kwh: float
    base_kwh: float
    spike: list[float]
    repeat: list[float]
    repeat_zero: list[float]
    off_hours: list[float] = msgspec.field(default_factory=lambda: [1.0, 1.0, 1.0])


class Hour(NamedTuple):
    """One hour of a meter.

    Attributes
    ----------
    clock, ordinal, kind
        Local hour, proleptic ordinal of the local date, and its `DayType`.
    ends_day
        Whether the next hour belongs to another local date.
    actual, expected
        kWh, NaN where unknown.
    """

    time_ms: int
    clock: int
    ordinal: int
    kind: DayType
    ends_day: bool
    actual: float
    expected: float

    @property
    def slot(self) -> int:
        """Its place in tables of 48: local hour, free days behind working ones."""
        return self.clock + (0 if self.kind is DayType.WORKING else 24)


class Run(msgspec.Struct):
    """The run of equal values that goes on.

    Attributes
    ----------
    surprise
        Sum of -log P(value repeats) over the run: how many nats it is away from usual.
    """

    value: float
    since_ms: int
    last_ms: int
    length: int = 1
    surprise: float = 0.0
    expected_kwh: float = 0.0


class Spike(NamedTuple):
    """An hour judged by its neighbours, three hours later."""

    time_ms: int
    score: float
    actual: float
    usual: float


class Memory(msgspec.Struct):
    """State of a watch; grows with nothing but its fixed windows."""

    recent: list[Hour] = []
    rows: list[tuple[int, int, float, float]] = []
    ordinal: int | None = None
    kind: int = 0
    days: list[Day] = []
    parts: list[Part] = []
    run: Run | None = None
    last_ms: int | None = None


class Step(NamedTuple):
    """What an hour brought.

    Attributes
    ----------
    spike
        Judgement of the hour three hours before; None when it cannot be judged.
    ended
        The run of equal values that this hour ended, if any.
    days
        How many local days were closed (0 or 1; 2 when the day before had not ended in what was fed).
    """

    spike: Spike | None
    ended: Run | None
    days: int


def step(memory: Memory, scales: Scales, hour: Hour, *, mask_run: bool = False) -> Step:
    """Take in the next hour.

    Parameters
    ----------
    mask_run
        The run of equal values is known to be wrong: its hours tell nothing of level and base load.
    """
    closed = 0
    if memory.ordinal is not None and hour.ordinal != memory.ordinal:
        closed += _close_day(memory, scales)
    memory.ordinal, memory.kind, memory.last_ms = hour.ordinal, int(hour.kind), hour.time_ms
    spike = _judge(memory, scales, hour)
    ended = _follow_run(memory, scales, hour)
    masked = mask_run and ended is None
    if math.isfinite(hour.actual) and math.isfinite(hour.expected) and not masked:
        memory.rows.append((hour.time_ms, hour.clock, hour.actual, hour.expected))
    if hour.ends_day:
        closed += _close_day(memory, scales)
    return Step(spike, ended, closed)


def forget(memory: Memory, start_ms: int, end_ms: int) -> None:
    """Take hours out of the day that goes on."""
    memory.rows = [r for r in memory.rows if not start_ms <= r[0] < end_ms]


def _judge(memory: Memory, scales: Scales, hour: Hour) -> Spike | None:
    recent = memory.recent
    if recent and hour.time_ms != recent[-1].time_ms + HOUR_MS:
        recent.clear()
    recent.append(hour)
    if len(recent) > 2 * NEIGHBOURS + 1:
        del recent[0]
    if len(recent) < 2 * NEIGHBOURS + 1:
        return None
    centre = recent[NEIGHBOURS]
    own = centre.actual - centre.expected
    before, after = _side(recent[:NEIGHBOURS]), _side(recent[NEIGHBOURS + 1 :])
    if not math.isfinite(own) or before is None or after is None:
        return None
    stands = stands_out(own, before, after)
    return Spike(centre.time_ms, stands / scales.spike[centre.slot], centre.actual, centre.actual - stands)


def stands_out(own: float, before: float, after: float) -> float:
    """By how much a value lies beyond both of its sides; 0 on a step or between them."""
    left, right = own - before, own - after
    if left * right <= 0:
        return 0.0
    return left if abs(left) < abs(right) else right


def _side(hours: list[Hour]) -> float | None:
    """Median of (actual - expected) on one side; None where two of its hours are not known."""
    known = sorted(d for h in hours if math.isfinite(d := h.actual - h.expected))
    if len(known) < _LEAST_NEIGHBOURS:
        return None
    return (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2


def _follow_run(memory: Memory, scales: Scales, hour: Hour) -> Run | None:
    if not math.isfinite(hour.actual):
        return None
    run = memory.run
    gap_h = 0 if run is None else (hour.time_ms - run.last_ms) // HOUR_MS
    if run is not None and gap_h <= _LONGEST_GAP_H and same(hour.actual, run.value):
        run.length += 1
        run.last_ms = hour.time_ms
        run.surprise -= math.log(_repeat(scales, hour))
        run.expected_kwh += hour.expected if math.isfinite(hour.expected) else run.value
        return None
    expected = hour.expected if math.isfinite(hour.expected) else hour.actual
    memory.run = Run(hour.actual, hour.time_ms, hour.time_ms, expected_kwh=expected)
    return run


def same(a: float, b: float) -> bool:
    """Whether two values are equal to a meter's last digit."""
    return abs(a - b) <= 1e-6 * max(1.0, abs(a))


def zero_bin(expected: float, mean_kwh: float) -> int:
    """Which of the `repeat_zero` applies; where nothing is expected, or nobody knows, zeros are usual."""
    if not math.isfinite(expected) or mean_kwh <= 0:
        return 0
    return sum(expected / mean_kwh >= edge for edge in ZERO_BINS)


def _repeat(scales: Scales, hour: Hour) -> float:
    if same(hour.actual, 0.0):
        return scales.repeat_zero[zero_bin(hour.expected, scales.mean_kwh)]
    return scales.repeat[hour.slot]


def _close_day(memory: Memory, scales: Scales) -> int:
    ordinal, rows, kind = memory.ordinal, memory.rows, DayType(memory.kind)
    memory.ordinal, memory.rows = None, []
    if ordinal is None or not rows:
        return 0
    clocks, actual, expected = [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]
    used, wanted = math.fsum(actual), math.fsum(expected)
    says = len(rows) >= _LEAST_HOURS_OF_DAY and wanted >= _LOW_USE * scales.mean_kwh * len(rows)
    floor_kwh = 0.15 * scales.mean_kwh
    ratio = block_ratios(clocks, actual, expected, floor_kwh) if says else None
    memory.days.append(Day(ordinal, rows[0][0], int(kind), ratio, used, wanted, len(rows)))
    memory.parts += off_parts(ordinal, kind, rows, scales.base_kwh, HOUR_MS)
    del memory.days[:-KEPT_DAYS], memory.parts[:-KEPT_PARTS]
    return 1
