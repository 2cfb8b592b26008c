"""Two ways to see a shift of 15 % within five days, against each other: ``python -m benchmarks.level_shifts DIR``.

Each gives a statistic a day. Its threshold is the K-th highest excursion of the meter's second year as recorded: that
is what would be reached if the threshold were known beforehand: more than a
threshold learnt from the first year can be expected to reach at the same rate.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cli.evaluate.archive import Recorded, read_archive
from predict.anomalies.days import BLOCKS, Day, DayType, block_ratios, day_type
from predict.anomalies.level import WINDOWS, shift_statistic
from predict.baseline import DayBaseline
from predict.series import fill_short_gaps
from simulators.injections import can_show_shift, shift_from

Floats = npt.NDArray[np.float64]
WAYS: Final = ("in use", "matched filter")
EXCURSIONS: Final = (1, 2, 3, 4, 6)
_TRIALS: Final = 12
_APART: Final = 14
_FLOOR: Final = 0.15


class Case:
    """The days of a meter, and what is usual of them."""

    def __init__(self, r: Recorded) -> None:
        temperature, split = fill_short_gaps(r.temperature_c), r.train_end
        model = DayBaseline(r.calendar).fit(r.time_ms[:split], temperature[:split], r.kwh[:split])
        self.expected = model.predict(r.time_ms, temperature).kwh
        self.expected[:split] = model.cross_validated_kwh_
        self.floor = _FLOOR * float(np.nanmean(r.kwh[:split]))
        local = [r.calendar.local(int(t)) for t in r.time_ms]
        self.clock = [moment.hour for moment in local]
        day = np.array([moment.toordinal() for moment in local])
        self.day = day - day[0]
        self.kind = np.array([day_type(date.fromordinal(int(d)), r.calendar) for d in range(day[0], day[-1] + 1)])
        self.split = int(self.day[split])
        self.first = np.searchsorted(self.day, np.arange(len(self.kind) + 1))
        self.ratio = self.ratios(r.kwh, range(len(self.kind)))
        self.usual = np.array([self._usual(d) for d in range(len(self.kind))])
        self.inverse = [self._inverse(kind) for kind in (DayType.WORKING, DayType.FREE)]

    def ratios(self, kwh: Floats, days: range) -> Floats:
        """Log-ratio of each block, shape (days, 6), NaN where the day tells nothing."""
        rows = np.full((len(days), BLOCKS), np.nan)
        for i, d in enumerate(days):
            here = np.arange(self.first[d], self.first[d + 1])
            here = here[np.isfinite(kwh[here] + self.expected[here])]
            wanted = self.expected[here]
            if len(here) < 20 or self.kind[d] == DayType.BREAK or wanted.mean() < 0.5 * self.floor / _FLOOR:
                continue
            found = block_ratios([self.clock[h] for h in here], kwh[here].tolist(), wanted.tolist(), self.floor)
            if found is not None:
                rows[i] = found
        return rows

    def _usual(self, d: int) -> Floats:
        """Mean of the last days of the sort, without the four that may belong to the same window."""
        before = np.arange(max(0, d - 75), max(0, d - 4))
        chosen = before[np.isfinite(self.ratio[before, 0]) & (self.kind[before] == self.kind[d])][-21:]
        return self.ratio[chosen].mean(axis=0) if len(chosen) > 1 else np.full(BLOCKS, np.nan)

    def _inverse(self, kind: DayType) -> Floats:
        """Inverse of the robust covariance of the blocks of a natural day."""
        rest = (self.ratio - self.usual)[: self.split]
        known = np.isfinite(rest).all(axis=1)
        mine = known & (self.kind[: self.split] == kind)
        rows = rest[mine] if mine.sum() >= 15 else rest[known]
        if len(rows) < 15:
            return np.eye(BLOCKS)
        scale = 1.4826 * np.median(np.abs(rows), axis=0) + 0.004
        z = rows / scale
        z /= np.maximum(1.0, np.sqrt((z**2).mean(axis=1)) / 2)[:, None]
        r = z.T @ z / len(z)
        r = 0.85 * r + 0.15 * np.diag(np.diag(r))
        return np.linalg.inv(r * np.outer(scale, scale) + 0.008**2 * np.eye(BLOCKS))

    def statistics(self, ratio: Floats, days: range) -> Floats:
        """Both statistics of each day, shape (2, days)."""
        return np.array([[self._in_use(ratio, d) for d in days], [self._filtered(ratio, d) for d in days]])

    def _in_use(self, ratio: Floats, last: int) -> float:
        span = range(max(0, last - 90), last + 1)
        rows = [ratio[d].tolist() if np.isfinite(ratio[d, 0]) else None for d in span]
        days = [Day(d, d, int(self.kind[d]), row, 0.0, 0.0, 24) for d, row in zip(span, rows, strict=True)]
        return max(abs(shift_statistic(days, window)) for window in WINDOWS)

    def _filtered(self, ratio: Floats, last: int) -> float:
        """Step shared by all blocks over its standard error, which what does not fit a step makes larger."""
        best = 0.0
        for window in (2, 3, 4, 5):
            here = [
                d for d in range(max(0, last - window + 1), last + 1) if np.isfinite(ratio[d] - self.usual[d]).all()
            ]
            if len(here) < max(2, 0.6 * window) or not (self.kind[here] == DayType.WORKING).any():
                continue
            step = precision = total = 0.0
            for d in here:
                rest, inverse = ratio[d] - self.usual[d], self.inverse[int(self.kind[d] != DayType.WORKING)]
                step += float(inverse.sum(axis=0) @ rest)
                precision += float(inverse.sum())
                total += float(rest @ inverse @ rest)
            size = step / precision
            if abs(size) >= 0.06:
                misfit = (max(total - step * size, 0.0) + 10) / (BLOCKS * len(here) + 10)
                best = max(best, abs(step) / np.sqrt(precision * misfit))
        return best


def excursions(statistic: Floats) -> Floats:
    """Peaks, highest first, that lie so far apart that they are no one event."""
    left, peaks = statistic.copy(), []
    while left.max() > 0:
        at = int(left.argmax())
        peaks.append(left[at])
        left[max(0, at - _APART) : at + _APART + 1] = 0
    return np.array([*peaks, *[0.0] * (max(EXCURSIONS) + 1)])


def found(r: Recorded, seed: int) -> Floats:
    """Of each way and each number of excursions allowed: shifts found and tried; shape (2, 5, 2)."""
    case = Case(r)
    bare = case.statistics(case.ratio, range(case.split, len(case.kind)))
    highest = np.array([excursions(row)[list(EXCURSIONS)] for row in bare])
    rng = np.random.default_rng([seed, *f"{r.building}/{r.meter}".encode()])
    count = np.zeros((len(WAYS), len(EXCURSIONS), 2))
    for trial, begin in enumerate(rng.integers(r.train_end + 168, len(r.kwh) - 168, _TRIALS).tolist()):
        if not can_show_shift(r.kwh, begin - 14 * 24, 19 * 24):
            continue
        day = int(case.day[begin])
        days = range(day, min(day + 5, len(case.kind)))
        ratio = case.ratio.copy()
        ratio[day : days.stop] = case.ratios(shift_from(r.kwh, begin, 0.15 if trial % 2 == 0 else -0.15), days)
        height = case.statistics(ratio, days).max(axis=1)
        around = bare[:, max(0, day - case.split - 10) : day - case.split + 5].max(axis=1)
        free = around[:, None] <= highest
        count[..., 0] += free & (height[:, None] > highest)
        count[..., 1] += free
    return count


def main() -> None:
    """Print the share of shifts found by each way, for both halves of the buildings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with meters.parquet, weather.parquet and buildings.csv")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    order: list[str] = []
    halves = np.zeros((2, len(WAYS), len(EXCURSIONS), 2))
    for r in read_archive(arguments.directory):
        if r.building not in order:
            order.append(r.building)
        halves[order.index(r.building) % 2] += found(r, arguments.seed)
    print("natural excursions a year", *EXCURSIONS, sep="\t")
    for name, half in zip(("development", "confirmation"), halves, strict=True):
        for way, row in zip(WAYS, half, strict=True):
            print(
                f"{name}, {way}",
                *(f"{hit:.0f}/{tried:.0f} = {hit / max(tried, 1):.2f}" for hit, tried in row),
                sep="\t",
            )


if __name__ == "__main__":
    main()
