"""Quality checks as functions of values: tables of cases, and what holds for all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.points import Counter, Measure, Plausible, Point
from core.readings import BAD_FROM, Quality
from ingest.checks import Columns, judge, take_over, walk_register
from ingest.marks import Marks
from ingest.series import SeriesTable

GOOD, STUCK, JUMP, RESET = (
    Quality.GOOD,
    Quality.UNCERTAIN_STUCK,
    Quality.UNCERTAIN_JUMP,
    Quality.UNCERTAIN_REGISTER_RESET,
)
RANGE, RATE = Quality.BAD_RANGE, Quality.BAD_REGISTER_RATE
T0 = 1_780_000_000_000
HOUR = 3_600_000
COUNTER = Counter(rollover=1000.0, max_rate_per_h=10.0, resolution=0.5)


def sensor(name: str = "site/b/t", **plausible: float) -> Point:
    return Point(name, "Zone_Air_Temperature_Sensor", "Cel", plausible=Plausible(**plausible))  # type: ignore[arg-type]


def register(name: str = "site/b/m") -> Point:
    return Point(name, "Building_Electrical_Meter", "kW.h", Measure.REGISTER, counter=COUNTER)


def table_of(*points: Point) -> SeriesTable:
    table = SeriesTable()
    table.declare(points, {})
    return table


def columns(table: SeriesTable, rows: list[tuple[str, int, float, int]]) -> Columns:
    points, times, values, qualities = zip(*rows, strict=True)
    return Columns(
        table.rows(points, len(rows)),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(qualities, np.uint8),
    )


def judged(table: SeriesTable, rows: list[tuple[str, int, float, int]], ahead_ms: int = 10 * T0) -> list[int]:
    verdict = judge(table, columns(table, rows), ahead_ms)
    take_over(table, verdict.standing)
    return verdict.quality.tolist()


def hourly(values: list[float], point: str) -> list[tuple[str, int, float, int]]:
    return [(point, T0 + i * HOUR, value, 0) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("point", "values", "expected"),
    [
        (sensor(), [20, -300, 1e308], [GOOD] * 3),
        (sensor(minimum=0, maximum=50), [0, 50, 51, -1, 20], [GOOD, GOOD, RANGE, RANGE, GOOD]),
        (sensor(max_step=5), [20, 25, 31, 30, 20], [GOOD, GOOD, JUMP, GOOD, JUMP]),
        (sensor(max_step=5, maximum=50), [20, 850, 21], [GOOD, RANGE, GOOD]),
        (sensor(stuck_after_s=7200), [20, 20, 20, 20, 21, 21], [GOOD, GOOD, STUCK, STUCK, GOOD, GOOD]),
        (sensor(stuck_after_s=7200, max_step=1), [5, 5, 5, 9], [GOOD, GOOD, STUCK, JUMP]),
        (register(), [990, 999, 5, 14], [GOOD] * 4),
        (register(), [100, 99.6, 105], [GOOD] * 3),
        (register(), [500, 3, 8], [GOOD, RESET, GOOD]),
        (register(), [500, 700, 505], [GOOD, RATE, GOOD]),
        (register(), [500, 700, 708, 709], [GOOD, RATE, RESET, GOOD]),
        (register(), [500, 700, 300, 512], [GOOD, RATE, RATE, GOOD]),
    ],
)  # fmt: skip
def test_checks_mark_the_same_in_one_go_and_one_by_one(point: Point, values: list[float], expected: list[int]) -> None:
    rows = hourly(values, point.id)
    assert judged(table_of(point), rows) == expected
    table = table_of(point)
    assert [judged(table, [row])[0] for row in rows] == expected


def test_order_of_arrival_within_a_load_does_not_matter() -> None:
    rows = hourly([20, 21, 40, 41], "site/b/t")
    shuffled = [rows[i] for i in (2, 0, 3, 1)]
    assert judged(table_of(sensor(max_step=5)), shuffled) == [JUMP, GOOD, GOOD, GOOD]


def test_points_do_not_disturb_each_other() -> None:
    table = table_of(sensor("site/b/one", max_step=1), sensor("site/b/two", max_step=1))
    rows = [("site/b/one", T0, 1.0, 0), ("site/b/two", T0, 100.0, 0), ("site/b/one", T0 + 1, 1.5, 0)]
    assert judged(table, rows) == [GOOD] * 3


@pytest.mark.parametrize("quality", [64, 128, 255])
def test_mark_of_the_sender_is_never_improved(quality: int) -> None:
    table = table_of(sensor(minimum=0, maximum=50))
    assert judged(table, [("site/b/t", T0, 20.0, quality)]) == [quality]
    assert judged(table, [("site/b/t", T0 + 1, 99.0, quality)]) == [max(quality, RANGE)]


def test_late_reading_is_compared_with_nothing_and_changes_nothing() -> None:
    table = table_of(sensor(max_step=1))
    judged(table, [("site/b/t", T0, 20.0, 0)])
    assert judged(table, [("site/b/t", T0 - HOUR, 90.0, 0), ("site/b/t", T0, 90.0, 0)]) == [GOOD, GOOD]
    assert judged(table, [("site/b/t", T0 + 1, 20.5, 0)]) == [GOOD]


@pytest.mark.parametrize(("time_ms", "quality"), [(T0 + HOUR, 0), (T0, 128)])
def test_reading_ahead_or_bad_is_nothing_to_compare_with(time_ms: int, quality: int) -> None:
    table = table_of(sensor(max_step=1))
    judged(table, [("site/b/t", time_ms, 90.0, quality)], ahead_ms=T0)
    assert judged(table, [("site/b/t", T0 - 2, 20.0, 0), ("site/b/t", T0 - 1, 20.5, 0)], ahead_ms=T0) == [GOOD, GOOD]


def test_changed_definition_counts_from_then_on() -> None:
    table = table_of(sensor(maximum=50))
    assert judged(table, [("site/b/t", T0, 60.0, 0)]) == [RANGE]
    table.declare([sensor(maximum=80)], {})
    assert judged(table, [("site/b/t", T0 + 1, 60.0, 0)]) == [GOOD]


def test_marks_are_recalled_for_the_same_reading_only() -> None:
    table = table_of(sensor(max_step=1))
    marks = Marks()
    readings = columns(table, [("site/b/t", T0, 1.0, 0), ("site/b/t", T0 + 1, 9.0, 0)])
    marks.remember(readings, np.array([GOOD, JUMP], np.uint8), np.array([0, 1]))
    quality = np.zeros(2, np.uint8)
    marks.recall(readings, quality, np.array([0, 1]))
    assert quality.tolist() == [GOOD, JUMP]


readings = st.lists(
    st.tuples(
        st.sampled_from(["site/b/t", "site/b/m"]),
        st.integers(T0, T0 + 20 * HOUR),
        st.floats(0, 1000, allow_nan=False) | st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([0, 64, 128]),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[:2],
)


@given(readings)
def test_in_one_go_is_as_one_by_one_in_the_order_of_time(rows: list[tuple[str, int, float, int]]) -> None:
    points = sensor(minimum=-1e6, maximum=1e6, max_step=100, stuck_after_s=7200), register()
    rows = sorted(rows, key=lambda row: row[1])
    table = table_of(*points)
    assert judged(table_of(*points), rows) == [judged(table, [row])[0] for row in rows]


@given(st.lists(st.floats(0, 999), min_size=1, max_size=30))
def test_register_is_believed_again_after_two_readings_that_fit(values: list[float]) -> None:
    times = range(T0, T0 + (len(values) + 2) * HOUR, HOUR)
    tail = [values[-1], values[-1]]
    marks, last, suspect = walk_register(COUNTER, None, None, zip(times, values + tail, strict=True))
    assert marks[-1] < BAD_FROM
    assert (last, suspect) == ((times[-1], values[-1]), None)
