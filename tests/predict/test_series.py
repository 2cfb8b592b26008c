"""Hours of energy from readings of any measure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, MINUTE_MS, Calendar
from core.errors import DomainError
from core.points import Counter, Measure, Point
from core.registers import register_step
from predict.series import fill_short_gaps, hour_edges, pieces, register_amounts, spread, usable
from stores.port import Series

T0 = 1_767_222_000_000  # 2026-01-01 00:00 in Rome
ROME = Calendar("Europe/Rome")
COUNTER = Counter(rollover=1000.0, max_rate_per_h=60.0, resolution=0.1)
REGISTER = Point("s/b/energy", "Building_Electrical_Meter", "kW.h", Measure.REGISTER, counter=COUNTER)
POWER = Point("s/b/power", "Electrical_Power_Sensor", "W")
INTERVAL = Point("s/b/use", "Building_Gas_Meter", "MW.h", Measure.INTERVAL)


def series(minutes: list[float], values: list[float], quality: list[int] | None = None) -> Series:
    times = T0 + np.array(minutes, np.float64) * MINUTE_MS
    return Series(times.astype(np.int64), np.array(values, float), np.array(quality or [0] * len(values), np.uint8))


def hours(readings: Series, meter: Point, count: int) -> tuple[list[float], list[float]]:
    result = spread(*pieces(usable(readings), meter), T0 + np.arange(count + 1) * HOUR_MS)
    return result.kwh.round(6).tolist(), result.coverage.round(3).tolist()


@given(
    st.lists(st.tuples(st.integers(1, 7_200_000), st.floats(0, 999.9)), min_size=2, max_size=40),
    st.sampled_from([COUNTER, Counter(1e6, 1e4), Counter(100.0, 5.0, 1.0)]),
)
def test_whole_arrays_count_as_single_steps_do(readings: list[tuple[int, float]], counter: Counter) -> None:
    times = T0 + np.cumsum([step for step, _ in readings])
    values = np.array([value for _, value in readings])
    amounts = register_amounts(times, values, counter)
    held = values[0]
    for i, amount in enumerate(amounts):
        flickers = 0 < values[i] - values[i + 1] <= counter.jitter
        after = max(held, values[i + 1]) if flickers or values[i + 1] >= values[i] else values[i + 1]
        expected = register_step(held, after, int(times[i + 1] - times[i]), counter).amount
        assert np.isnan(amount) if expected is None else amount == pytest.approx(expected, abs=1e-6)
        held = after


def test_a_flickering_digit_counts_nothing() -> None:
    values = np.array([41_234.7, 41_234.6, 41_234.7, 41_234.6, 41_234.8])
    amounts = register_amounts(T0 + np.arange(5) * MINUTE_MS, values, COUNTER)
    assert amounts.sum() == pytest.approx(0.1)


@given(st.lists(st.tuples(st.integers(1, 90), st.floats(0, 100)), min_size=1, max_size=60))
def test_spreading_keeps_every_kilowatt_hour(steps: list[tuple[int, float]]) -> None:
    bounds = T0 + np.cumsum([0] + [minutes for minutes, _ in steps]) * MINUTE_MS
    kwh = np.array([amount for _, amount in steps])
    edges = T0 + np.arange((bounds[-1] - T0) // HOUR_MS + 2) * HOUR_MS
    result = spread(bounds[:-1], bounds[1:], kwh, edges)
    # The last hour may be partly known; what is NaN holds what is missing from the sum.
    assert np.nansum(result.kwh * result.coverage) <= kwh.sum() + 1e-6
    whole = result.coverage == 1
    if whole.all():
        assert result.kwh.sum() == pytest.approx(kwh.sum())


def test_a_register_polled_across_the_hour_is_interpolated() -> None:
    polled = series(list(np.arange(-5, 130, 7)), list(np.arange(-5, 130, 7) / 60 * 12 + 100))
    assert hours(polled, REGISTER, 2) == ([12.0, 12.0], [1.0, 1.0])


def test_a_register_that_rolls_over_goes_on_counting() -> None:
    assert hours(series([0, 60, 120], [995, 5, 20]), REGISTER, 2) == ([10.0, 15.0], [1.0, 1.0])


def test_hours_inside_a_long_gap_are_unknown() -> None:
    kwh, coverage = hours(series([0, 60, 240, 300], [0, 10, 40, 50]), REGISTER, 5)
    assert coverage == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert kwh[0] == kwh[4] == 10
    assert np.isnan(kwh[1:4]).all()


def test_power_is_integrated() -> None:
    assert hours(series(list(range(0, 61, 15)), [1000, 2000, 3000, 2000, 1000]), POWER, 1) == ([2.0], [1.0])


def test_intervals_of_a_quarter_add_up_and_a_missing_one_makes_the_hour_unknown() -> None:
    kwh, coverage = hours(series([0, 15, 30, 45, 60, 75, 105], [0.001] * 7), INTERVAL, 2)
    assert coverage == [1.0, 0.75]
    assert kwh[0] == 4.0
    assert np.isnan(kwh[1])


def test_hourly_intervals_need_nothing_but_themselves() -> None:
    kwh, coverage = hours(series([0, 60, 180], [0.001, 0.002, 0.004]), INTERVAL, 4)
    assert coverage == [1.0, 1.0, 0.0, 1.0]
    assert kwh[:2] + kwh[3:] == [1.0, 2.0, 4.0]


def test_bad_readings_count_for_nothing() -> None:
    assert hours(series([0, 30, 60], [0, 900, 20], [0, 129, 0]), REGISTER, 1) == ([20.0], [1.0])


@pytest.mark.parametrize(
    "meter",
    [Point("s/b/gas", "Building_Gas_Meter", "m3", Measure.INTERVAL), Point("s/b/t", "Temperature_Sensor", "Cel")],
)
def test_what_is_no_energy_is_refused(meter: Point) -> None:
    with pytest.raises(DomainError, match=meter.id):
        pieces(series([0], [1]), meter)


@pytest.mark.parametrize(
    ("values", "filled"),
    [
        ([1, None, 3], [1, 2, 3]),
        ([1, None, None, None, 5], [1, None, None, None, 5]),
        ([None, 1, None], [None, 1, None]),
        ([None, None], [None, None]),
    ],
    ids=["short", "long", "ends", "nothing known"],
)
def test_only_short_gaps_between_known_values_are_filled(
    values: list[float | None], filled: list[float | None]
) -> None:
    result = fill_short_gaps(np.array(values, float), max_fill=2)
    np.testing.assert_array_equal(result, np.array(filled, float))


@pytest.mark.parametrize(("start", "end", "count"), [(0, 0, 0), (0, 1, 1), (0, 60, 1), (59, 61, 2), (0, 120, 2)])
def test_hours_cover_the_period(start: int, end: int, count: int) -> None:
    edges = hour_edges(T0 + start * MINUTE_MS, T0 + end * MINUTE_MS, ROME)
    assert len(edges) == count + 1
    assert edges[0] == T0
