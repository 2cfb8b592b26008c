"""Aggregation gives for any readings and edges what adding up one by one would."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar, Step
from stores.buckets import aggregate_series, aggregate_summaries, filled_steps, merge_summaries, step_edges
from stores.port import Series


def series_of(readings: dict[int, tuple[float, int]]) -> Series:
    times = sorted(readings)
    return Series(
        np.array(times, np.int64),
        np.array([readings[t][0] for t in times], np.float64),
        np.array([readings[t][1] for t in times], np.uint8),
    )


_readings = st.dictionaries(st.integers(-50, 250), st.tuples(st.integers(-100, 100).map(float), st.integers(0, 255)))
_regular = st.integers(1, 8).map(lambda k: {t: (float(t % 7), 0) for t in range(0, 200, k)})


@given(readings=st.one_of(_readings, _regular), width=st.sampled_from([1, 3, 8, 40, 200]))
def test_each_step_holds_its_usable_readings(readings: dict[int, tuple[float, int]], width: int) -> None:
    edges = np.arange(0, 201, width, dtype=np.int64)
    buckets = aggregate_series(series_of(readings), edges)
    for i, (start, end) in enumerate(pairwise(edges)):
        inside = [value for t, (value, quality) in sorted(readings.items()) if start <= t < end and quality < 128]
        assert buckets.count[i] == len(inside)
        expected = [sum(inside), min(inside), max(inside), inside[0], inside[-1]] if inside else [math.nan] * 5
        columns = (buckets.total, buckets.minimum, buckets.maximum, buckets.first, buckets.last)
        np.testing.assert_array_equal([column[i] for column in columns], expected)
        assert buckets.mean[i] == pytest.approx(sum(inside) / len(inside) if inside else math.nan, nan_ok=True)


@given(readings=_readings)
def test_steps_of_steps_are_steps_of_readings(readings: dict[int, tuple[float, int]]) -> None:
    fine, coarse = np.arange(-60, 301, 5, dtype=np.int64), np.arange(-60, 301, 40, dtype=np.int64)
    series = series_of(readings)
    steps = filled_steps(aggregate_series(series, fine))
    half = len(steps.time_ms) // 2
    parts = [type(steps)(*(getattr(steps, n)[s] for n in steps.__slots__)) for s in (slice(half, None), slice(half))]
    direct, twice = aggregate_series(series, coarse), aggregate_summaries(merge_summaries(parts), coarse)
    for name in direct.__slots__:
        np.testing.assert_array_equal(getattr(twice, name), getattr(direct, name))


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("zone", ["Europe/Rome", "UTC", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize(("start", "length"), [(0, 0), (1, 1), (3, -5), (1_711_800_000_000, 3 * 24 * HOUR_MS + 7)])
def test_edges_are_those_of_the_calendar(step: Step, zone: str, start: int, length: int) -> None:
    calendar = Calendar(zone)
    edges = step_edges(start, start + length, step, calendar)
    assert edges.tolist() == calendar.edges(start, start + length, step)
    assert edges.dtype == np.int64
