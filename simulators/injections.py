"""Anomalies put into a recorded meter, with a seed: the same seed and meter, the same anomalies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY_H: Final = 24
_LEAST_KNOWN: Final = 0.9
_TRIES: Final = 40
_SEEN_SHARE: Final = 0.5
"""A shift of what is hardly there cannot be seen: the meter must use this share of its mean where one is put."""
_APART_DAYS: Final = {"short": 4, "long": 24}
"""Days left alone after an anomaly, so that the next one is another one."""


class Sort(StrEnum):
    """What is put in; the names are those of `predict.anomalies.event.Kind`."""

    SPIKE = "spike"
    STUCK = "stuck"
    LEVEL_SHIFT = "level_shift"
    DRIFT = "drift"
    BASE_LOAD = "base_load"


MIX: Final = (
    Sort.SPIKE, Sort.SPIKE, Sort.STUCK, Sort.STUCK, Sort.LEVEL_SHIFT, Sort.LEVEL_SHIFT, Sort.DRIFT, Sort.BASE_LOAD,
    Sort.BASE_LOAD,
)  # fmt: skip
"""What a meter-year gets."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One anomaly that was put in.

    Attributes
    ----------
    start_ms, end_ms
        Half open, UTC milliseconds.
    size
        Spike: multiple of the spread. Stuck: hours. Shift: share of the level, signed. Drift: share reached at its end.
        Base load: share of the night's use that is added.
    """

    sort: Sort
    start_ms: int
    end_ms: int
    size: float


def inject(
    time_ms: Times,
    kwh: Floats,
    calendar: Calendar,
    rng: np.random.Generator,
    *,
    first: int,
    mix: Iterable[Sort] = MIX,
) -> tuple[Floats, list[Injected]]:
    """Put anomalies into a meter at random times, apart from each other.

    Parameters
    ----------
    time_ms, kwh
        Shape (n,): consecutive hours; NaN where unknown, which stays so.
    first
        Index of the hour from which on anomalies are put in; what lies before says what is usual.
    mix
        What to put in, in random order; what finds no room is left out.

    Returns
    -------
    tuple
        The changed energy, and what was put in, by time.
    """
    changed = kwh.copy()
    placed: list[Injected] = []
    taken: list[tuple[int, int]] = []
    order = list(mix)
    rng.shuffle(order)
    # Long ones first: short ones find room between them.
    order.sort(key=_length, reverse=True)
    for sort in order:
        for _ in range(_TRIES):
            start, hours = _draw(sort, time_ms, calendar, rng, first)
            end = start + hours
            room = _APART_DAYS["long" if hours > 5 * _DAY_H else "short"] * _DAY_H
            if end + room > len(kwh) or any(start < e and s < end + room for s, e in taken):
                continue
            found = _APPLY[sort](changed, kwh, start, end, calendar, time_ms, rng)
            if found is None:
                continue
            placed.append(Injected(sort, int(time_ms[start]), int(time_ms[end - 1]) + HOUR_MS, found))
            taken.append((start, end + room))
            break
    return _rounded(changed, kwh), sorted(placed, key=lambda i: i.start_ms)


def shift_from(kwh: Floats, start: int, share: float) -> Floats:
    """The meter with its level moved by a signed share from an hour on."""
    changed = kwh.copy()
    changed[start:] *= 1 + share
    return _rounded(changed, kwh)


def can_show_shift(kwh: Floats, start: int, hours: int) -> bool:
    """Whether enough is known and used in these hours for a shift to be there at all."""
    return _known(kwh[start : start + hours]) and _used(kwh, start, start + hours)


def _length(sort: Sort) -> int:
    return {Sort.DRIFT: 3, Sort.LEVEL_SHIFT: 2, Sort.BASE_LOAD: 1}.get(sort, 0)


def _draw(sort: Sort, time_ms: Times, calendar: Calendar, rng: np.random.Generator, first: int) -> tuple[int, int]:
    start = int(rng.integers(first, max(first + 1, len(time_ms) - 48)))
    match sort:
        case Sort.SPIKE:
            return start, int(rng.choice([1, 1, 1, 2]))
        case Sort.STUCK:
            return start, int(rng.integers(12, 49))
        case Sort.LEVEL_SHIFT:
            return start, int(rng.integers(21, 36)) * _DAY_H
        case Sort.DRIFT:
            return start, int(rng.integers(40, 61)) * _DAY_H
        case Sort.BASE_LOAD:
            local = calendar.local(int(time_ms[start]))
            if rng.random() < 0.5:  # a weekend: Friday 20:00 to Monday 06:00
                start += (4 - local.weekday()) % 7 * _DAY_H + 20 - local.hour
                return max(start, first), 58
            start += 20 - local.hour  # some nights on end
            return max(start, first), int(rng.integers(4, 11)) * _DAY_H


def _spike(
    changed: Floats, kwh: Floats, start: int, end: int, calendar: Calendar, time_ms: Times, rng: np.random.Generator
) -> float | None:
    del calendar, time_ms
    here = slice(start, end)
    spread = _spread(kwh)
    size = float(rng.uniform(4.0, 10.0))
    if not _known(kwh[start - 6 : end + 6]) or spread <= 0:
        return None
    down = rng.random() < 0.25 and kwh[here].min() >= 4 * spread
    amount = -min(size * spread, float(kwh[here].min())) if down else size * spread
    changed[here] += amount
    return amount / spread


def _stuck(
    changed: Floats, kwh: Floats, start: int, end: int, calendar: Calendar, time_ms: Times, rng: np.random.Generator
) -> float | None:
    del calendar, time_ms, rng
    # A meter that rests anyway cannot be seen to hang.
    if not _known(kwh[start:end], 1.0) or not _used(kwh, start, end) or kwh[start] <= 0 or _rests(kwh[start:end]):
        return None
    changed[start:end] = kwh[start]
    return float(end - start)


def _level_shift(
    changed: Floats, kwh: Floats, start: int, end: int, calendar: Calendar, time_ms: Times, rng: np.random.Generator
) -> float | None:
    del calendar, time_ms
    if not can_show_shift(kwh, start, end - start):
        return None
    share = float(rng.uniform(0.15, 0.30) * rng.choice([-1.0, 1.0]))
    changed[start:end] *= 1 + share
    return share


def _drift(
    changed: Floats, kwh: Floats, start: int, end: int, calendar: Calendar, time_ms: Times, rng: np.random.Generator
) -> float | None:
    del calendar, time_ms
    if not can_show_shift(kwh, start, end - start):
        return None
    share = float(rng.uniform(0.25, 0.45) * rng.choice([-1.0, 1.0]))
    changed[start:end] *= 1 + share * np.linspace(0.0, 1.0, end - start)
    return share


def _base_load(
    changed: Floats, kwh: Floats, start: int, end: int, calendar: Calendar, time_ms: Times, rng: np.random.Generator
) -> float | None:
    local = [calendar.local(int(t)) for t in time_ms[start - 14 * _DAY_H : end]]
    clock = np.array([moment.hour for moment in local])
    free = np.array([not calendar.is_working_day(moment.date()) for moment in local])
    off = (clock < 6) | (clock >= 20) | free
    before, here = slice(start - 14 * _DAY_H, start), slice(start, end)
    nights = kwh[before][clock[: 14 * _DAY_H] < 6]
    if not _known(kwh[before]) or not _known(kwh[here]):
        return None
    base = float(np.nanmedian(nights))
    if base < 0.15 * float(np.nanmean(kwh)):
        return None
    share = float(rng.uniform(0.2, 0.5))
    changed[here] += np.where(off[14 * _DAY_H :], share * base, 0.0)
    return share


_APPLY: Final = {
    Sort.SPIKE: _spike,
    Sort.STUCK: _stuck,
    Sort.LEVEL_SHIFT: _level_shift,
    Sort.DRIFT: _drift,
    Sort.BASE_LOAD: _base_load,
}


def _spread(kwh: Floats) -> float:
    """Standard deviation around the median of the hour of the week, without the largest percent."""
    hour = np.arange(len(kwh)) % 168
    usual = np.array(
        [np.nanmedian(kwh[hour == h]) if np.isfinite(kwh[hour == h]).any() else np.nan for h in range(168)]
    )
    rest = np.abs(kwh - usual[hour])
    rest = rest[np.isfinite(rest)]
    return float(np.sqrt(np.mean(rest[rest <= np.quantile(rest, 0.99)] ** 2))) if len(rest) else 0.0


def _known(kwh: Floats, share: float = _LEAST_KNOWN) -> bool:
    return len(kwh) > 0 and float(np.isfinite(kwh).mean()) >= share


def _used(kwh: Floats, start: int, end: int) -> bool:
    return float(np.nanmean(kwh[start:end])) >= _SEEN_SHARE * float(np.nanmean(kwh))


def _rests(kwh: Floats) -> bool:
    return float(np.mean(np.abs(np.diff(kwh)) < 1e-6)) > 0.5


def _rounded(changed: Floats, kwh: Floats) -> Floats:
    """To the meter's last digit, where it has one of a tenth."""
    known = kwh[np.isfinite(kwh)]
    if len(known) and bool(np.all(np.abs(known * 10 - np.round(known * 10)) < 1e-3)):
        return np.round(changed, 1)
    return changed
