"""What the embedded store promises beyond the port: it survives kills, is small, and keeps what retention says."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar, Step
from core.codec import Row
from core.config.models import Rollup, SqliteStore
from core.errors import StoreError
from core.readings import Quality
from stores.faults import StoreDamagedError
from stores.sqlite import SqliteReadingStore
from stores.sqlite.database import Database

ROOT = Path(__file__).parents[2]
UTC = Calendar("UTC")
POINT = "torino/calvino/electricity"
DAY_MS = 24 * HOUR_MS
START_MS = UTC.midnight(date(2023, 1, 1))
FOREVER = (-(10**14), 10**14)


def open_at(path: Path, retention: Sequence[Rollup] = ()) -> SqliteReadingStore:
    return SqliteReadingStore(SqliteStore(path=str(path), compact_after_days=1, retention=list(retention)))


def quarter_hours(days: int, point: str = POINT) -> list[Row]:
    """A register that counts an office's consumption, to 0.1 kWh."""
    rng = np.random.default_rng(1)
    power_kw = 20 + 15 * np.sin(np.arange(days * 96) / 96 * 2 * np.pi) + rng.normal(0, 2, days * 96)
    register_kwh = np.round(np.cumsum(power_kw / 4), 1)
    return [(point, START_MS + i * 15 * 60_000, value, 0) for i, value in enumerate(register_kwh.tolist())]


def stored_bytes(path: Path) -> int:
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT coalesce(sum(length(data)), 0) FROM chunk").fetchone()
    connection.close()
    return int(tables[0])


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    program = textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


WRITER = """
    import sys
    from core.config.models import SqliteStore
    from stores.sqlite import SqliteReadingStore
    store = SqliteReadingStore(SqliteStore(path=sys.argv[1], compact_after_days=1))
    day_ms = 86_400_000
    for batch in range(1_000_000):
        store.write([("torino/calvino/electricity", batch * day_ms + i, float(i), 0) for i in range(200)])
        print(batch, flush=True)
        if batch % 7 == 6:
            store.maintain(batch * day_ms)
"""


@pytest.mark.system
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    acknowledged = -1
    for written in (5, 40, 90):
        writer = python(WRITER, str(path))
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged = max(acknowledged, int(line))
            if int(line) >= written:
                writer.send_signal(signal.SIGKILL)
                break
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout)])
        writer.wait()
        with open_at(path) as store:
            series = store.read(POINT, *FOREVER)
            batches, counts = np.unique(series.time_ms // DAY_MS, return_counts=True)
            # A batch that was not acknowledged may be there as well, but then as a whole.
            assert set(range(acknowledged + 1)) <= set(batches.tolist()) <= set(range(acknowledged + 2))
            assert set(counts.tolist()) == {200}
            extent = store.extent(POINT)
            assert extent is not None
            assert extent.count == len(series.time_ms)


@pytest.mark.system
def test_another_process_reads_whole_batches_while_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    with open_at(path) as reader:
        writer = python(WRITER, str(path))
        try:
            assert writer.stdout is not None
            seen = 0
            for line in writer.stdout:
                latest_ms = reader.latest()[POINT].time_ms
                series = reader.read(POINT, *FOREVER)
                assert len(series.time_ms) % 200 == 0
                assert len(series.time_ms) >= max(seen, 200 * (int(line) + 1))
                assert latest_ms in series.time_ms
                assert latest_ms >= int(line) * DAY_MS
                seen = len(series.time_ms)
                if int(line) > 60:
                    break
        finally:
            writer.kill()
            writer.wait()


OPENER = """
    import os, sys
    from core.config.models import SqliteStore
    from stores.sqlite import SqliteReadingStore
    sys.stdin.readline()
    with SqliteReadingStore(SqliteStore(path=sys.argv[1])) as store:
        store.write([("torino/calvino/electricity", os.getpid(), 1.0, 0)])
"""


@pytest.mark.system
def test_processes_that_start_together_make_one_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "readings.db"
    processes = [python(OPENER, str(path)) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4
    with open_at(path) as store:
        assert len(store.read(POINT, *FOREVER).time_ms) == 4


def test_regular_meter_data_takes_under_three_bytes_a_reading(tmp_path: Path) -> None:
    rows = quarter_hours(days=365)
    path = tmp_path / "readings.db"
    with open_at(path) as store:
        store.write(rows)
        store.maintain(START_MS + 500 * DAY_MS)
        assert store.read(POINT, *FOREVER).value.tolist() == [row[2] for row in rows]
    assert 0 < stored_bytes(path) < 3 * len(rows)


def test_daily_maintenance_ends_in_one_chunk_a_month(tmp_path: Path) -> None:
    rows = quarter_hours(days=70)
    path = tmp_path / "readings.db"
    with open_at(path) as store:
        for day in range(70):
            store.write(rows[day * 96 : (day + 1) * 96])
            store.maintain(START_MS + (day + 1) * DAY_MS)
        store.maintain(START_MS + 100 * DAY_MS)
        assert store.read(POINT, *FOREVER).value.tolist() == [row[2] for row in rows]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT month, count(*) FROM chunk GROUP BY month").fetchall()[:2] == [(636, 1), (637, 1)]
    assert connection.execute("SELECT count(*) FROM segment").fetchone() == (0,)
    connection.close()


def test_new_readings_stay_in_segments(tmp_path: Path) -> None:
    with open_at(tmp_path / "readings.db") as store:
        store.write(quarter_hours(days=3))
        store.maintain(START_MS + 3 * DAY_MS)
        assert stored_bytes(tmp_path / "readings.db") > 0
        assert len(store.read(POINT, START_MS, START_MS + 3 * DAY_MS).time_ms) == 288


def test_old_readings_are_rolled_up_by_rule(tmp_path: Path) -> None:
    rows = quarter_hours(days=59)
    rows[1] = (POINT, rows[1][1], 1e6, Quality.BAD_RANGE)
    with open_at(tmp_path / "readings.db", [Rollup(points="*/electricity", keep_raw_days=30)]) as store:
        store.write(rows)
        before = store.aggregate(POINT, START_MS, START_MS + 59 * DAY_MS, Step.DAY, UTC)
        store.maintain(START_MS + 62 * DAY_MS)
        january = store.read(POINT, START_MS, START_MS + 31 * DAY_MS)
        assert len(january.time_ms) == 31 * 24
        assert set(january.quality.tolist()) == {Quality.UNCERTAIN_ESTIMATED}
        assert january.value[1] == pytest.approx(sum(row[2] for row in rows[4:8]) / 4)
        assert len(store.read(POINT, START_MS + 31 * DAY_MS, START_MS + 59 * DAY_MS).time_ms) == 28 * 96
        after = store.aggregate(POINT, START_MS, START_MS + 59 * DAY_MS, Step.DAY, UTC)
        for name in ("count", "minimum", "maximum", "first", "last"):
            assert getattr(after, name).tolist() == getattr(before, name).tolist()
        np.testing.assert_allclose(after.total, before.total)
        extent = store.extent(POINT)
        assert extent is not None
        assert extent.count == 31 * 24 + 28 * 96


def test_a_rolled_up_step_takes_no_more_but_an_empty_one_does(tmp_path: Path) -> None:
    rows = quarter_hours(days=31)[96:]
    with open_at(tmp_path / "readings.db", [Rollup(keep_raw_days=30)]) as store:
        store.write(rows)
        store.maintain(START_MS + 80 * DAY_MS)
        store.write([*rows[:4], (POINT, START_MS, 5.0, 0), (POINT, START_MS + 1, 7.0, 0)])
        for _ in range(2):
            hours = store.aggregate(POINT, START_MS, START_MS + 31 * DAY_MS, Step.HOUR, UTC)
            assert hours.count.tolist() == [2] + [0] * 23 + [4] * 30 * 24
            assert hours.mean[0] == 6.0
            store.maintain(START_MS + 80 * DAY_MS)
        assert len(store.read(POINT, START_MS, START_MS + DAY_MS).time_ms) == 1


def test_the_first_rule_that_matches_counts_and_may_keep_nothing(tmp_path: Path) -> None:
    kept, dropped = "torino/calvino/keep", "torino/calvino/drop"
    rules = [Rollup(points="*/keep"), Rollup(points="*", keep_raw_days=10, step="")]
    with open_at(tmp_path / "readings.db", rules) as store:
        store.write(quarter_hours(days=31, point=kept) + quarter_hours(days=31, point=dropped))
        store.maintain(START_MS + 80 * DAY_MS)
        assert len(store.read(kept, *FOREVER).time_ms) == 31 * 96
        assert len(store.read(dropped, *FOREVER).time_ms) == 0
        assert store.extent(dropped) is None


def test_a_locked_file_is_a_store_error_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "readings.db"
    monkeypatch.setattr("stores.sqlite.database.BUSY_TIMEOUT_S", 0.05)
    with open_at(path) as store:
        store.write([(POINT, 1, 1.0, 0)])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"readings\.db.*write 1 rows.*locked"):
            store.write([(POINT, 2, 2.0, 0)])
        assert len(store.read(POINT, *FOREVER).time_ms) == 1
        other.execute("ROLLBACK")
        other.close()
        store.write([(POINT, 2, 2.0, 0)])
        assert len(store.read(POINT, *FOREVER).time_ms) == 2


def test_a_full_disk_is_a_store_error_and_what_was_written_stays(tmp_path: Path) -> None:
    with open_at(tmp_path / "readings.db") as store:
        store.write([(POINT, 1, 1.0, 0)])
        database: Database = store._database
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError, match="full"):
            store.write(quarter_hours(days=30))
        assert store.read(POINT, *FOREVER).value.tolist() == [1.0]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreDamagedError, match=r"readings\.db"):
        open_at(path)


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE site (id)")
    connection.close()
    with pytest.raises(StoreDamagedError, match="not a store of readings"):
        open_at(path)


@pytest.mark.parametrize("table", ["segment", "chunk"])
def test_damaged_data_is_an_error_and_no_wrong_reading(tmp_path: Path, table: str) -> None:
    path = tmp_path / "readings.db"
    with open_at(path) as store:
        store.write(quarter_hours(days=3))
        if table == "chunk":
            store.maintain(START_MS + 30 * DAY_MS)
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE {table} SET data = substr(data, 1, length(data) - 5)")
    connection.commit()
    connection.close()
    with open_at(path) as store, pytest.raises(StoreDamagedError, match=r"readings\.db.*damaged"):
        store.read(POINT, *FOREVER)


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        open_at(tmp_path / "file" / "readings.db")
