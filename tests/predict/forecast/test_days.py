"""Local days of 24 columns."""

from datetime import date

import numpy as np
import pytest

from core.calendar import HOUR_MS
from predict.forecast.days import SUNDAY, fill_load, fill_weather, lay_out, without_spikes
from tests.predict.forecast.office import ROME, hours


@pytest.mark.parametrize(
    ("day", "length", "absent"),
    [(date(2026, 3, 29), 23, [2]), (date(2026, 10, 25), 25, []), (date(2026, 5, 4), 24, [])],
)
def test_every_hour_of_a_day_has_its_place(day: date, length: int, absent: list[int]) -> None:
    start, end = ROME.day_bounds(day)
    times = np.arange(start, end, HOUR_MS, dtype=np.int64)
    days = lay_out(times, ROME)
    assert (len(times), len(days)) == (length, 1)
    assert [ROME.local(int(t)).hour for t in times] == days.column.tolist()
    grid = days.grid(np.arange(length, dtype=float))
    assert np.flatnonzero(np.isnan(grid[0])).tolist() == absent


def test_the_hour_that_comes_twice_is_the_mean_of_both_and_stands_for_both() -> None:
    days = lay_out(hours(date(2026, 10, 25), date(2026, 10, 26)), ROME)
    grid = days.grid(np.arange(25, dtype=float))
    assert grid[0, 2] == 2.5
    assert days.hours(grid)[2:4].tolist() == [2.5, 2.5]


def test_a_part_is_what_it_would_be_laid_out_alone() -> None:
    whole = lay_out(hours(date(2025, 12, 20), date(2026, 1, 10)), ROME)
    part, alone = whole.part(4, 9), lay_out(hours(date(2025, 12, 24), date(2025, 12, 29)), ROME)
    assert part.first == alone.first
    assert (part.kind == alone.kind).all()
    assert (part.row == alone.row).all()
    assert (part.midnight_ms == alone.midnight_ms).all()
    assert part.kind[1] == SUNDAY  # Christmas was a Thursday


def test_unknown_load_is_that_of_a_week_before_else_of_the_day_before() -> None:
    grid = np.arange(10, dtype=float)[:, None] + np.zeros((1, 24))
    grid[8, 3] = grid[2, 5] = np.nan
    filled = fill_load(grid)
    assert (filled[8, 3], filled[2, 5]) == (1, 1)
    assert fill_load(np.full((2, 24), np.nan)).tolist() == np.zeros((2, 24)).tolist()


def test_weather_is_interpolated_within_a_day_and_else_that_of_the_day_before() -> None:
    grid = np.repeat([[1.0], [2.0], [3.0]], 24, axis=1)
    grid[1, 4:6] = np.nan
    grid[1, 6] = 8.0
    grid[2] = np.nan
    filled, persisted = fill_weather(grid, 10.0)
    assert filled[1, 3:7].tolist() == [2, 4, 6, 8]
    assert filled[2].tolist() == filled[1].tolist()
    assert persisted.tolist() == [False, False, True]
    assert fill_weather(np.full((1, 24), np.nan), 10.0)[0].tolist() == [[10.0] * 24]


def test_a_lone_hour_that_no_meter_can_mean_is_unknown() -> None:
    grid = np.full((20, 24), 10.0)
    grid[10, 5] = 40.0
    assert np.argwhere(np.isnan(without_spikes(grid))).tolist() == [[10, 5]]


def test_what_lasts_or_comes_again_and_again_is_no_spike() -> None:
    step, pulses, early = np.full((20, 24), 10.0), np.zeros((20, 24)), np.full((20, 24), 10.0)
    step[10:] = 100.0
    pulses[:, ::4] = 11.0  # a gas meter of coarse pulses
    early[2, 3] = 40.0  # in the first week nothing is doubted
    for grid in (step, pulses, early):
        assert without_spikes(grid).tolist() == grid.tolist()


def test_later_days_do_not_make_a_spike() -> None:
    grid = np.random.default_rng(1).exponential(10, (30, 24))
    cut = grid.copy()
    cut[20:] = np.nan
    np.testing.assert_array_equal(without_spikes(grid)[:20], without_spikes(cut)[:20])
