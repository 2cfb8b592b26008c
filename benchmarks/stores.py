"""Speed and size of the stores: ``python -m benchmarks.stores [--json] [--rows N] [--no-influxdb]``."""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, MINUTE_MS, Calendar, Step
from core.codec import Row
from core.config.models import InfluxStore, SqliteStore
from stores.influx import InfluxReadingStore
from stores.port import ReadingStore
from stores.sqlite import SqliteReadingStore
from tests.servers.influxdb import InfluxServer

POINTS: Final = 1000
START_MS: Final = 1_704_067_200_000
DAY_MS: Final = 24 * HOUR_MS
ROME: Final = Calendar("Europe/Rome")
METER: Final = "torino/calvino/electricity"

Figures = dict[str, float]
_decoder = msgspec.json.Decoder(list[Row])


def batches(rows: int, size: int) -> Iterator[list[Row]]:
    """Batches as ingest has them: 1,000 sensors read every 10 s, to two decimals, just decoded."""
    rng = np.random.default_rng(1)
    names = [f"torino/building-{i // 20}/floor-{i % 4}/sensor-{i}" for i in range(POINTS)]
    made: list[Row] = []
    for i in range(-(-rows // POINTS)):
        values = np.round(rng.random(POINTS) * 100, 2).tolist()
        made += [(name, START_MS + i * 10_000, value, 0) for name, value in zip(names, values, strict=True)]
        while len(made) >= size:
            yield _decoder.decode(msgspec.json.encode(made[:size]))
            made = made[size:]


def rate(write: Callable[[Sequence[Row]], None], rows: int, size: int) -> tuple[float, float]:
    """Durable readings a second, and microseconds of our processor time a reading, which a busy machine moves less.

    Making the rows is not counted.
    """
    spent_s, busy_s, written = 0.0, 0.0, 0
    for batch in batches(rows, size):
        start, busy = time.perf_counter(), time.process_time()
        write(batch)
        spent_s += time.perf_counter() - start
        busy_s += time.process_time() - busy
        written += len(batch)
    return written / spent_s, busy_s / written * 1e6


def median_ms(call: Callable[[], object], times: int = 9) -> float:
    """Median duration of a call, milliseconds."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent)


class RowTable:
    """The peer: one table row a reading, primary key in the given order, nothing else kept."""

    def __init__(self, path: Path, key: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA cache_size=-32768")
        self._connection.execute(
            "CREATE TABLE hot (time INTEGER, series INTEGER, value REAL, quality INTEGER,"
            f" PRIMARY KEY ({key})) WITHOUT ROWID"
        )
        self._series: dict[str, int] = {}
        self._insert = "INSERT OR REPLACE INTO hot (time, series, value, quality) VALUES " + ", ".join(
            ["(?, ?, ?, ?)"] * 1000
        )

    def write(self, rows: Sequence[Row]) -> None:
        """Write whole thousands of rows in one transaction, a thousand a statement."""
        series = self._series
        for row in rows:
            series.setdefault(row[0], len(series))
        flat = [x for point, time_ms, value, quality in rows for x in (time_ms, series[point], value, quality)]
        self._connection.execute("BEGIN IMMEDIATE")
        for start in range(0, len(flat), 4000):
            self._connection.execute(self._insert, flat[start : start + 4000])
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def sqlite_rates(directory: Path, rows: int) -> Figures:
    """Durable readings a second, and the same in one row a reading with either key."""
    figures: Figures = {}
    for size in (5_000, 50_000):
        with SqliteReadingStore(SqliteStore(path=str(directory / f"store-{size}.db"))) as store:
            ours, ours_us = rate(store.write, rows, size)
        figures[f"readings_per_s_batch_{size}"] = ours
        figures[f"processor_us_batch_{size}"] = ours_us
        for key in ("time, series", "series, time"):
            peer = RowTable(directory / f"{key}-{size}.db", key)
            theirs, theirs_us = rate(peer.write, rows, size)
            peer.close()
            name = key.replace(", ", "_")
            figures[f"row_table_{name}_per_s_batch_{size}"] = theirs
            figures[f"row_table_{name}_processor_us_batch_{size}"] = theirs_us
            figures[f"ratio_to_row_table_{name}_batch_{size}"] = ours / theirs
    return figures


def meter_year() -> list[Row]:
    """A year of an office's meter, read every 15 minutes, to 0.1 kWh."""
    rng = np.random.default_rng(1)
    count = 366 * 96
    power_kw = np.maximum(0, 20 + 15 * np.sin(np.arange(count) / 96 * 2 * np.pi) + rng.normal(0, 3, count))
    register_kwh = np.round(np.cumsum(power_kw / 4), 1)
    return [(METER, START_MS + i * 15 * MINUTE_MS, value, 0) for i, value in enumerate(register_kwh.tolist())]


def reading_figures(store: ReadingStore) -> Figures:
    """Milliseconds to answer for one series over a year."""
    end_ms = START_MS + 366 * DAY_MS
    return {
        "year_by_hour_ms": median_ms(lambda: store.aggregate(METER, START_MS, end_ms, Step.HOUR, ROME)),
        "year_by_month_ms": median_ms(lambda: store.aggregate(METER, START_MS, end_ms, Step.MONTH, ROME)),
        "year_raw_ms": median_ms(lambda: store.read(METER, START_MS, end_ms)),
        "extent_ms": median_ms(lambda: store.extent(METER)),
        "latest_of_all_ms": median_ms(store.latest),
    }


def sqlite_year(directory: Path) -> Figures:
    """Compaction of a year, its size, and answers from it."""
    path = directory / "year.db"
    rows = meter_year()
    with SqliteReadingStore(SqliteStore(path=str(path))) as store:
        store.write(rows)
        start = time.perf_counter()
        store.maintain(START_MS + 400 * DAY_MS)
        figures = {"compacted_per_s": len(rows) / (time.perf_counter() - start)}
        figures |= reading_figures(store)
    connection = sqlite3.connect(path)
    (chunk_bytes,) = connection.execute("SELECT sum(length(data)) FROM chunk").fetchone()
    connection.close()
    return {"bytes_per_reading": chunk_bytes / len(rows), **figures}


def influx_figures(settings: Callable[[], InfluxStore], rows: int) -> Figures:
    """Durable readings a second, and answers for a year."""
    figures: Figures = {}
    for size in (5_000, 50_000):
        with InfluxReadingStore(settings()) as store:
            per_s, processor_us = rate(store.write, rows, size)
        figures[f"readings_per_s_batch_{size}"] = per_s
        figures[f"processor_us_batch_{size}"] = processor_us
    with InfluxReadingStore(settings()) as store:
        store.write(meter_year())
        figures |= reading_figures(store)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rows", type=int, default=1_000_000, help="readings to write in each run")
    parser.add_argument("--no-influxdb", action="store_true", help="leave InfluxDB out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        report = {"sqlite": sqlite_rates(directory, options.rows) | sqlite_year(directory)}
        if not options.no_influxdb:
            (directory / "influxdb").mkdir()
            with InfluxServer(directory / "influxdb") as server:
                report["influxdb"] = influx_figures(server.database, options.rows)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for store, figures in report.items():
        for figure, value in figures.items():
            print(f"{store:10s} {figure:52s} {value:14,.2f}")


if __name__ == "__main__":
    main()
