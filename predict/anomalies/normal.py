"""What is normal for one meter, learnt from a reference period: sizes, and thresholds that it seldom passed itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.anomalies.baseload import BASE_WINDOWS, Part, held, raised, usual_sizes
from predict.anomalies.days import DayType, day_type
from predict.anomalies.level import WINDOWS, drift_statistic, shift_statistic
from predict.anomalies.memory import NEIGHBOURS, ZERO_BINS, Hour, Memory, Scales, same, step, zero_bin
from predict.series import Floats, Times

LEAST_DAYS: Final = 60
_YEAR_DAYS: Final = 365.0
_SLOTS: Final = 48


class Sensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """How often a threshold may be passed in a year like the reference, and what is never worth an event.

    Attributes
    ----------
    …_per_year
        Excursions that the reference period itself may show, by kind.
    …_margin
        Factor on what the reference period itself reached: next year is never quite like it.
    …_least
        Lowest threshold: scales of the hour (spike), nats (stuck), log-ratio (shift, drift), share of the base load in
        the most restless of the off-hours.
    """

    spikes_per_year: float = 1.0
    stuck_per_year: float = 0.5
    shifts_per_year: float = 4.0
    drifts_per_year: float = 1.0
    base_per_year: float = 3.0
    spike_margin: float = 1.5
    stuck_margin: float = 1.02
    shift_margin: float = 1.1
    drift_margin: float = 1.25
    base_margin: float = 1.05
    spike_least: float = 6.5
    stuck_least: float = 14.0
    shift_least: float = 0.095
    drift_least: float = 0.12
    base_least: float = 0.15


class Normal(msgspec.Struct, frozen=True, kw_only=True):
    """What is normal for one meter.

    Attributes
    ----------
    scales
        By which hours are judged.
    spike, stuck, drift
        Thresholds of the statistics.
    shift, base
        Thresholds of a shift and of base load that stays on, for each of their windows.
    """

    scales: Scales
    spike: float
    stuck: float
    shift: list[float]
    drift: float
    base: list[float]


def hours(time_ms: Times, actual: Floats, expected: Floats, calendar: Calendar) -> Iterator[Hour]:
    """Hours with their place in the local calendar."""
    kinds: dict[int, DayType] = {}
    local = [calendar.local(int(t)) for t in time_ms]
    following = [*local[1:], calendar.local(int(time_ms[-1]) + HOUR_MS)] if local else []
    stamps = time_ms.tolist()
    for i, (t, here, a, e) in enumerate(zip(stamps, local, actual.tolist(), expected.tolist(), strict=True)):
        ordinal = here.toordinal()
        if ordinal not in kinds:
            kinds[ordinal] = day_type(here.date(), calendar)
        after = following[i]
        if i + 1 < len(stamps) and stamps[i + 1] != t + HOUR_MS:
            after = calendar.local(t + HOUR_MS)
        yield Hour(t, here.hour, ordinal, kinds[ordinal], after.toordinal() != ordinal, a, e)


def learn(
    time_ms: Times,
    actual_kwh: Floats,
    expected_kwh: Floats,
    calendar: Calendar,
    sensitivity: Sensitivity | None = None,
) -> Normal:
    """Learn what is normal from a reference period.

    Parameters
    ----------
    time_ms
        Shape (n,): start of each hour, ascending, UTC milliseconds.
    actual_kwh, expected_kwh
        Shape (n,), NaN where unknown. What is expected should come from a fit on other months (cross-validated), or the
        thresholds will be too narrow for a later year.
    calendar
        The site's.

    Raises
    ------
    DomainError
        Fewer than `LEAST_DAYS` days are known.
    """
    sensitivity = sensitivity or Sensitivity()
    known = int(np.isfinite(actual_kwh + expected_kwh).sum())
    if known < LEAST_DAYS * 24:
        raise DomainError(f"anomalies need {LEAST_DAYS} days of readings and weather to learn from, not {known // 24}")
    fed = list(hours(time_ms, actual_kwh, expected_kwh, calendar))
    scales = _scales(fed)
    memory = Memory()
    spikes, runs = np.zeros(len(fed)), np.zeros(len(fed))
    shifts: list[list[float]] = [[] for _ in WINDOWS]
    drifts: list[float] = []
    parts: list[Part] = []
    rises: list[float | None] = []
    for i, hour in enumerate(fed):
        newest = memory.parts[-1].end_ms if memory.parts else 0
        new = step(memory, scales, hour)
        spikes[i] = abs(new.spike.score) if new.spike else 0.0
        runs[i] = new.ended.surprise if new.ended else 0.0
        if new.days:
            for series, window in zip(shifts, WINDOWS, strict=True):
                series.append(abs(shift_statistic(memory.days, window)))
            drifts.append(abs(drift_statistic(memory.days)))
            for index, part in enumerate(memory.parts):
                if part.start_ms >= newest:
                    parts.append(part)
                    rises.append(raised(memory.parts, index))
    sizes = usual_sizes([part.kind for part in parts], rises)
    scales = msgspec.structs.replace(scales, off_hours=sizes)
    bases = [_held_by_day(parts, rises, sizes, window) for window in BASE_WINDOWS]
    years = known / 24 / _YEAR_DAYS
    s = sensitivity
    return Normal(
        scales=scales,
        spike=threshold(spikes, s.spikes_per_year * years, 6, s.spike_least, s.spike_margin),
        stuck=threshold(runs, s.stuck_per_year * years, 1, s.stuck_least, s.stuck_margin),
        shift=[threshold(np.array(x), s.shifts_per_year * years, 10, s.shift_least, s.shift_margin) for x in shifts],
        drift=threshold(np.array(drifts), s.drifts_per_year * years, 30, s.drift_least, s.drift_margin),
        base=[threshold(x, s.base_per_year * years, 7, s.base_least / max(sizes), s.base_margin) for x in bases],
    )


def _held_by_day(parts: list[Part], rises: list[float | None], sizes: list[float], window: int) -> Floats:
    """Largest statistic of base load on each local day from the first to the last."""
    if not parts:
        return np.zeros(0)
    by_day = np.zeros(parts[-1].ordinal - parts[0].ordinal + 1)
    for end in range(window, len(parts) + 1):
        last = slice(end - window, end)
        at = parts[end - 1].ordinal - parts[0].ordinal
        by_day[at] = max(by_day[at], held(parts[last], rises[last], sizes)[0])
    return by_day


def threshold(statistic: Floats, excursions: float, apart: int, least: float, margin: float = 1.0) -> float:
    """Level that a statistic passes in no more than so many separate excursions, and never below `least`.

    Parameters
    ----------
    statistic
        Shape (n,), one value for each step in time.
    excursions
        How many are allowed (rounded down).
    apart
        Steps between two passages from which they count as two.
    margin
        Factor on the level found.
    """
    peaks: list[float] = []
    left = np.where(statistic >= least, statistic, 0.0)
    # Highest first: a passage belongs to the excursion of a higher one nearby.
    taken = np.zeros(len(left), np.bool_)
    for index in np.argsort(left)[::-1]:
        if left[index] <= 0 or len(peaks) > excursions:
            break
        near = slice(max(0, index - apart), index + apart + 1)
        if not taken[near].any():
            peaks.append(float(left[index]))
        taken[index] = True
    allowed = int(excursions)
    return max(least, peaks[allowed] * margin) if len(peaks) > allowed else least


def _scales(fed: list[Hour]) -> Scales:
    actual, expected = np.array([h.actual for h in fed]), np.array([h.expected for h in fed])
    slot = np.array([h.slot for h in fed])
    mean = float(np.nanmean(actual))
    night = np.array([h.clock < 6 for h in fed]) & np.isfinite(actual)
    base = max(float(np.median(actual[night])) if night.any() else 0.0, 0.1 * mean)
    repeat, repeat_zero = _repeats(fed, actual, slot, mean)
    return Scales(mean, base, _spike_scales(actual - expected, slot, mean), repeat, repeat_zero)


def _spike_scales(residual: Floats, slot: npt.NDArray[np.int64], mean: float) -> list[float]:
    """Nine tenths of the hours stand out less than 1.645 times so much, as in a normal distribution."""
    n = NEIGHBOURS
    padded = np.concatenate([np.full(n, np.nan), residual, np.full(n, np.nan)])
    before, after = (
        np.stack([padded[i : i + len(residual)] for i in side]) for side in (range(n), range(n + 1, 2 * n + 1))
    )
    whole = np.isfinite(before).all(axis=0) & np.isfinite(after).all(axis=0) & np.isfinite(residual)
    left, right = (residual[whole] - np.median(side[:, whole], axis=0) for side in (before, after))
    stands = np.where(left * right > 0, np.minimum(np.abs(left), np.abs(right)), 0.0)
    usual = _size(stands)
    own = [_size(stands[slot[whole] == s]) for s in range(_SLOTS)]
    # A quiet hour of a lively meter is no licence to cry at every flicker.
    return [max(float(np.hypot(size, 0.5 * usual)), 0.005 * abs(mean), 1e-9) for size in own]


def _size(values: Floats) -> float:
    return float(np.quantile(np.abs(values), 0.9)) / 1.645 if len(values) >= 10 else 0.0


def _repeats(
    fed: list[Hour], actual: Floats, slot: npt.NDArray[np.int64], mean: float
) -> tuple[list[float], list[float]]:
    again = np.array([False, *(same(b, a) for a, b in pairwise(actual.tolist()))])
    after_again = np.concatenate([[False], again[:-1]])
    zero = np.abs(actual) <= 1e-6
    possible = np.isfinite(actual) & np.concatenate([[False], np.isfinite(actual[:-1])])
    bins = np.array([zero_bin(h.expected, mean) for h in fed])

    def probability(chosen: npt.NDArray[np.bool_], least: float) -> float:
        plain = (np.sum(again & chosen) + 0.1) / (np.sum(chosen) + 1.0)
        conditional = (np.sum(again & after_again & chosen) + 2 * plain) / (np.sum(after_again & chosen) + 2.0)
        return float(np.clip(max(plain, conditional), least, 0.9995))

    nonzero = [probability(possible & ~zero & (slot == s), 0.1) for s in range(_SLOTS)]
    # Whether a zero is followed by another one.
    before_zero = np.concatenate([[False], zero[:-1]])
    zeros = [probability(possible & before_zero & (bins == b), 0.1) for b in range(len(ZERO_BINS) + 1)]
    return nonzero, zeros
