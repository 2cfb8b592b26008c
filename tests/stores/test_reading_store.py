"""What every store of readings promises, held against each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar, Step
from core.codec import Row
from core.config.models import SqliteStore, Store
from core.errors import DomainError
from core.readings import Reading
from stores.columns import Columns, columns_of
from stores.port import ReadingStore, Series
from stores.readings import open_store
from tests.servers.influxdb import InfluxServer, external_influx, external_influx_is_named

ROME = Calendar("Europe/Rome")
POINT = "torino/calvino/electricity"
OTHER = "torino/calvino/reading-room/temperature"
DAY_MS = 24 * HOUR_MS
START_MS = ROME.midnight(date(2024, 1, 15))
FOREVER = (-(10**14), 10**14)

Reopen = Callable[[], ReadingStore]


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with InfluxServer(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


SERVERS = ["influxdb", "influxdb-v1-path", *(["influxdb-external"] if external_influx_is_named() else [])]
ADAPTERS = ["sqlite", *(pytest.param(name, marks=pytest.mark.system) for name in SERVERS)]


@pytest.fixture(params=ADAPTERS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Open the same empty store, as often as it is called."""
    if request.param == "sqlite":
        config = Store(kind="sqlite", sqlite=SqliteStore(path=str(tmp_path / "readings.db"), compact_after_days=1))
    elif request.param == "influxdb-external":
        config = Store(kind="influxdb", influxdb=external_influx(measurement=f"reading-{uuid4().hex}"))
    else:
        server: InfluxServer = request.getfixturevalue("influx_server")
        path = "v1" if request.param.endswith("path") else "v2"
        config = Store(kind="influxdb", influxdb=server.database(write_path=path))
    opened: list[ReadingStore] = []

    def opener() -> ReadingStore:
        opened.append(open_store(config))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Reopen) -> ReadingStore:
    return reopen()


def rows_of(series: Series) -> list[tuple[int, float, int]]:
    return list(zip(series.time_ms.tolist(), series.value.tolist(), series.quality.tolist(), strict=True))


def everything(store: ReadingStore, point: str = POINT) -> list[tuple[int, float, int]]:
    return rows_of(store.read(point, *FOREVER))


def hourly(point: str, start_ms: int, values: list[float]) -> list[Row]:
    return [(point, start_ms + i * HOUR_MS, value, 0) for i, value in enumerate(values)]


def test_empty_store_answers_emptily(store: ReadingStore) -> None:
    assert everything(store) == []
    assert store.latest() == {}
    assert store.latest([POINT]) == {}
    assert store.points() == []
    assert store.extent(POINT) is None
    assert store.aggregate(POINT, START_MS, START_MS + DAY_MS, Step.HOUR, ROME).count.tolist() == [0] * 24
    store.write([])
    store.maintain(START_MS)
    assert store.points() == []


def test_series_has_the_declared_types(store: ReadingStore) -> None:
    for series in (store.read(OTHER, *FOREVER), (store.write([(POINT, 1, 2, 3)]), store.read(POINT, *FOREVER))[1]):
        assert (series.time_ms.dtype, series.value.dtype, series.quality.dtype) == (np.int64, np.float64, np.uint8)


def test_what_is_written_is_read_back_exactly(store: ReadingStore) -> None:
    values = [0.0, -1.5, 1e-300, 1.7976931348623157e308, 0.1 + 0.2, 123456789.123, 5e-324, 2.0**53 + 2]
    rows: list[Row] = [
        (POINT, START_MS + i, value, quality)
        for i, (value, quality) in enumerate(zip(values, range(0, 256, 36), strict=True))
    ]
    store.write(rows)
    assert everything(store) == [row[1:] for row in rows]


def test_columns_are_written_as_rows_are(store: ReadingStore) -> None:
    points = ["torino/calvino/unused", OTHER, POINT]
    which, times = np.array([2, 1, 2, 2]), START_MS + np.array([3, 1, 2, 3])
    readings = Columns(points, which, times, np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 64, 128, 255], np.uint8))
    store.write_columns(readings)
    assert everything(store) == [(START_MS + 2, 3.0, 128), (START_MS + 3, 4.0, 255)]
    assert everything(store, OTHER) == [(START_MS + 1, 2.0, 64)]
    assert store.points() == sorted([POINT, OTHER])
    store.write_columns(columns_of([]))


@pytest.mark.parametrize("which", [[0, 1], [0, -1], [0], [0, 0, 0]])
def test_columns_that_do_not_fit_together_are_refused(store: ReadingStore, which: list[int]) -> None:
    times, values = START_MS + np.arange(2), np.array([1.0, 2.0])
    with pytest.raises(DomainError):
        store.write_columns(Columns([POINT], np.array(which), times, values, np.zeros(2, np.uint8)))
    assert store.points() == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_writing_again_stores_once(store: ReadingStore, times: int) -> None:
    rows = hourly(POINT, START_MS, [1.0, 2.0, 3.0])
    for _ in range(times):
        store.write(rows)
    assert everything(store) == [row[1:] for row in rows]
    assert store.extent(POINT).count == 3  # type: ignore[union-attr]  # there is one


def test_later_write_corrects(store: ReadingStore) -> None:
    store.write(hourly(POINT, START_MS, [1.0, 2.0]))
    store.write([(POINT, START_MS, 7.5, 65)])
    assert everything(store) == [(START_MS, 7.5, 65), (START_MS + HOUR_MS, 2.0, 0)]


def test_of_duplicates_in_a_batch_the_last_wins(store: ReadingStore) -> None:
    store.write([(POINT, START_MS, 1.0, 0), (OTHER, START_MS, 5.0, 0), (POINT, START_MS, 2.0, 64)])
    assert everything(store) == [(START_MS, 2.0, 64)]
    assert store.latest([POINT]) == {POINT: Reading(POINT, START_MS, 2.0, 64)}


def test_order_of_arrival_does_not_matter(store: ReadingStore) -> None:
    rows = hourly(POINT, START_MS, [float(i) for i in range(50)])
    store.write(rows[25:][::-1])
    store.write(rows[:25][::2])
    store.write(rows[1:25][::2])
    assert everything(store) == [row[1:] for row in rows]


def test_late_reading_keeps_its_measured_time(store: ReadingStore) -> None:
    store.write([(POINT, START_MS, 2.0, 0)])
    store.write([(POINT, START_MS - 400 * DAY_MS, 1.0, 0)])
    assert everything(store) == [(START_MS - 400 * DAY_MS, 1.0, 0), (START_MS, 2.0, 0)]


def test_latest_is_the_newest_by_measured_time(store: ReadingStore) -> None:
    store.write([(POINT, START_MS, 1.0, 0), (OTHER, START_MS, 20.5, 128)])
    store.write([(POINT, START_MS - 1, 9.0, 0)])
    assert store.latest() == {POINT: Reading(POINT, START_MS, 1.0, 0), OTHER: Reading(OTHER, START_MS, 20.5, 128)}
    store.write([(POINT, START_MS, 3.0, 64)])
    assert store.latest([POINT, "torino/calvino/unknown"]) == {POINT: Reading(POINT, START_MS, 3.0, 64)}
    store.write([(POINT, START_MS + 1, 4.0, 0), (POINT, START_MS - 5, 5.0, 0)])
    assert store.latest([POINT]) == {POINT: Reading(POINT, START_MS + 1, 4.0, 0)}
    assert store.latest([]) == {}


def test_range_is_half_open_and_limited(store: ReadingStore) -> None:
    store.write(hourly(POINT, START_MS, [0.0, 1.0, 2.0, 3.0]))
    inside = store.read(POINT, START_MS + HOUR_MS, START_MS + 3 * HOUR_MS)
    assert inside.value.tolist() == [1.0, 2.0]
    assert store.read(POINT, START_MS, START_MS + DAY_MS, limit=3).value.tolist() == [0.0, 1.0, 2.0]
    assert store.read(POINT, START_MS, START_MS + DAY_MS, limit=0).value.tolist() == []
    assert store.read(POINT, START_MS, START_MS).value.tolist() == []
    assert store.read(POINT, START_MS + DAY_MS, START_MS).value.tolist() == []


def test_limit_pages_through_years(store: ReadingStore) -> None:
    rows: list[Row] = [(POINT, START_MS + i * 20 * DAY_MS, float(i), 0) for i in range(40)]
    store.write(rows)
    store.maintain(START_MS + 500 * DAY_MS)
    seen: list[tuple[int, float, int]] = []
    start = FOREVER[0]
    while page := rows_of(store.read(POINT, start, FOREVER[1], limit=7)):
        assert len(page) <= 7
        seen += page
        start = page[-1][0] + 1
    assert seen == [row[1:] for row in rows]


def test_points_and_extent(store: ReadingStore) -> None:
    store.write([(POINT, START_MS + 5, 1.0, 0), (OTHER, START_MS, 1.0, 0), (POINT, START_MS - 5, 1.0, 130)])
    assert store.points() == sorted([POINT, OTHER])
    extent = store.extent(POINT)
    assert extent is not None
    assert (extent.count, extent.first_ms, extent.last_ms) == (2, START_MS - 5, START_MS + 5)
    assert store.extent("torino/calvino/unknown") is None


@pytest.mark.parametrize(
    "row",
    [
        (POINT, START_MS, math.nan, 0),
        (POINT, START_MS, math.inf, 0),
        (POINT, START_MS, -math.inf, 0),
        (POINT, START_MS, 1.0, 256),
        (POINT, START_MS, 1.0, -1),
        (POINT, 10**18, 1.0, 0),
        (POINT, 2**70, 1.0, 0),
        ("Not A Point", START_MS, 1.0, 0),
        ("torino/calvino/x' OR 'a'='a", START_MS, 1.0, 0),
        ("torino/calvino/x y=1\nreading", START_MS, 1.0, 0),
    ],
)
def test_what_is_no_reading_is_refused_before_anything_is_written(store: ReadingStore, row: Row) -> None:
    with pytest.raises(DomainError):
        store.write([(POINT, START_MS, 1.0, 0), row])
    assert store.points() == []


@pytest.mark.parametrize("point", ["x' OR 'a'='a", "a\\' OR 1=1 --", 'x" ; DROP DATABASE "y', "torino/calvino/\n"])
def test_strange_point_ids_find_nothing(store: ReadingStore, point: str) -> None:
    store.write([(POINT, START_MS, 1.0, 0)])
    assert everything(store, point) == []
    assert store.latest([point]) == {}
    assert store.extent(point) is None


def test_bad_readings_are_kept_but_left_out_of_aggregates(store: ReadingStore) -> None:
    store.write(
        [
            (POINT, START_MS + i, value, quality)
            for i, (value, quality) in enumerate([(1.0, 0), (99.0, 128), (3.0, 127), (-7.0, 255)])
        ]
    )
    assert len(everything(store)) == 4
    hour = store.aggregate(POINT, START_MS, START_MS + HOUR_MS, Step.HOUR, ROME)
    assert (hour.count.tolist(), hour.mean.tolist(), hour.total.tolist()) == ([2], [2.0], [4.0])
    assert (hour.minimum.tolist(), hour.maximum.tolist()) == ([1.0], [3.0])
    assert (hour.first.tolist(), hour.last.tolist()) == ([1.0], [3.0])


def test_empty_steps_have_no_values(store: ReadingStore) -> None:
    store.write([(POINT, START_MS, 1.0, 0), (POINT, START_MS + 2 * HOUR_MS, 2.0, 0)])
    hours = store.aggregate(POINT, START_MS, START_MS + 3 * HOUR_MS, Step.HOUR, ROME)
    assert hours.count.tolist() == [1, 0, 1]
    for column in (hours.mean, hours.minimum, hours.maximum, hours.total, hours.first, hours.last):
        assert np.isnan(column).tolist() == [False, True, False]


def test_outer_steps_are_whole_but_hold_only_the_range(store: ReadingStore) -> None:
    store.write(hourly(POINT, START_MS, [1.0] * 48))
    days = store.aggregate(POINT, START_MS + 6 * HOUR_MS, START_MS + 30 * HOUR_MS, Step.DAY, ROME)
    assert days.edges_ms.tolist() == [START_MS, START_MS + DAY_MS, START_MS + 2 * DAY_MS]
    assert days.count.tolist() == [18, 6]


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 6, 1), 24)])
def test_a_local_day_has_the_hours_it_has(store: ReadingStore, day: date, hours: int) -> None:
    start, end = ROME.day_bounds(day)
    store.write(hourly(POINT, start - DAY_MS, [1.0] * 80))
    assert store.aggregate(POINT, start, end, Step.DAY, ROME).count.tolist() == [hours]
    assert store.aggregate(POINT, start, end, Step.HOUR, ROME).count.tolist() == [1] * hours


@pytest.mark.parametrize(
    ("step", "edges"),
    [
        (Step.DAY, [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2)]),
        (Step.WEEK, [date(2024, 1, 29), date(2024, 2, 5)]),
        (Step.MONTH, [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]),
        (Step.YEAR, [date(2024, 1, 1), date(2025, 1, 1)]),
    ],
)
def test_long_steps_follow_the_calendar(store: ReadingStore, step: Step, edges: list[date]) -> None:
    start, end = ROME.midnight(date(2024, 1, 30)), ROME.midnight(date(2024, 2, 2))
    store.write(hourly(POINT, start, [2.0] * 72))
    buckets = store.aggregate(POINT, start, end, step, ROME)
    assert buckets.edges_ms.tolist() == [ROME.midnight(day) for day in edges]
    assert buckets.count.sum() == 72
    assert buckets.total.sum() == 144.0


def test_quarters_of_an_hour(store: ReadingStore) -> None:
    store.write([(POINT, START_MS + i * 60_000, float(i), 0) for i in range(60)])
    quarters = store.aggregate(POINT, START_MS, START_MS + HOUR_MS, Step.MINUTE_15, ROME)
    assert quarters.first.tolist() == [0.0, 15.0, 30.0, 45.0]
    assert quarters.last.tolist() == [14.0, 29.0, 44.0, 59.0]


def test_large_batch(store: ReadingStore) -> None:
    points = [f"torino/b{i % 7}/sensor-{i}" for i in range(400)]
    rows: list[Row] = [
        (point, START_MS + 10_000 * j, i + j / 4, 0) for j in range(50) for i, point in enumerate(points)
    ]
    store.write(rows)
    assert store.points() == sorted(points)
    assert all(len(everything(store, point)) == 50 for point in points[::40])
    latest = store.latest()
    assert latest[points[3]] == Reading(points[3], START_MS + 490_000, 3 + 49 / 4, 0)
    assert len(latest) == 400


def test_many_small_writes(store: ReadingStore) -> None:
    for i in range(300):
        store.write([(POINT, START_MS + i // 2, float(i), 0)])
    assert everything(store) == [(START_MS + i, 2.0 * i + 1, 0) for i in range(150)]


def test_readings_are_there_after_reopening(reopen: Reopen) -> None:
    rows = hourly(POINT, START_MS, [1.0, 2.0])
    with reopen() as store:
        store.write(rows)
    with reopen() as store:
        assert everything(store) == [row[1:] for row in rows]
        store.write([(OTHER, START_MS, 1.0, 0)])
        assert store.points() == sorted([POINT, OTHER])


def test_one_instance_sees_what_another_writes(reopen: Reopen) -> None:
    reader, writer = reopen(), reopen()
    assert everything(reader) == []
    writer.write([(POINT, START_MS, 1.0, 0)])
    assert everything(reader) == [(START_MS, 1.0, 0)]
    assert set(reader.latest()) == {POINT}


def test_maintenance_changes_nothing_that_is_read(store: ReadingStore) -> None:
    rows: list[Row] = [
        (p, START_MS + i * HOUR_MS, i * 0.25, i % 3 * 64) for i in range(24 * 70) for p in (POINT, OTHER)
    ]
    for i in range(0, len(rows), 500):
        store.write(rows[i : i + 500])
    before = everything(store), everything(store, OTHER), store.latest(), store.extent(POINT)
    store.maintain(START_MS + 60 * DAY_MS)
    assert (everything(store), everything(store, OTHER), store.latest(), store.extent(POINT)) == before


def test_late_and_corrected_readings_land_right_after_maintenance(store: ReadingStore) -> None:
    store.write(hourly(POINT, START_MS, [float(i) for i in range(24 * 40)]))
    later = START_MS + 90 * DAY_MS
    store.maintain(later)
    store.write([(POINT, START_MS + HOUR_MS, 500.0, 65), (POINT, START_MS + HOUR_MS + 1, 501.0, 0)])
    expected = [(START_MS, 0.0, 0), (START_MS + HOUR_MS, 500.0, 65), (START_MS + HOUR_MS + 1, 501.0, 0)]
    for _ in range(2):
        assert everything(store)[:3] == expected
        assert store.extent(POINT).count == 24 * 40 + 1  # type: ignore[union-attr]  # there is one
        store.maintain(later)


POINTS = ["a/b/one", "a/b/two"]
_written = st.lists(
    st.tuples(
        st.sampled_from(POINTS),
        st.integers(0, 100).map(lambda i: START_MS + i * 17 * HOUR_MS),
        st.one_of(st.integers(-99, 99).map(lambda i: i / 10), st.floats(allow_nan=False, allow_infinity=False)),
        st.integers(0, 255),
    ),
    max_size=30,
)
_maintained = st.integers(0, 120).map(lambda days: START_MS + days * DAY_MS)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.one_of(_written, _maintained), max_size=12))
def test_any_history_reads_as_a_dictionary_would(reopen: Reopen, actions: list[list[Row] | int]) -> None:
    name = f"x{uuid4().hex}"  # the store is shared by all examples
    model: dict[tuple[str, int], tuple[float, int]] = {}
    with reopen() as store:
        for action in actions:
            if isinstance(action, int):
                store.maintain(action)
                continue
            rows = [(f"{point}-{name}", *rest) for point, *rest in action]
            store.write(rows)  # type: ignore[arg-type]  # rest are time, value and quality
            model |= {(row[0], row[1]): (row[2], row[3]) for row in rows}  # type: ignore[misc]  # as above
        for point in (f"{p}-{name}" for p in POINTS):
            expected = sorted((time_ms, *rest) for (p, time_ms), rest in model.items() if p == point)
            assert everything(store, point) == expected
            assert store.latest([point]) == ({point: Reading(point, *expected[-1])} if expected else {})
            extent = store.extent(point)
            assert (extent.count if extent else 0) == len(expected)
            usable = [row for row in expected if row[2] < 128]
            week = store.aggregate(point, START_MS, START_MS + 120 * DAY_MS, Step.WEEK, ROME)
            assert week.count.sum() == len(usable)
