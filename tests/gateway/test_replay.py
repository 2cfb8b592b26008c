"""The replay driver: recorded rows come when the clock reaches them, each at the time it was measured."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.clock import SimulatedClock, to_ms
from core.config.models import Device, DevicePoint
from core.errors import ConfigError, DeviceError, NotPermittedError
from core.points import Limits, Measure
from gateway.drivers.replay import ReplayDriver

HOUR = 3_600_000
START = to_ms(datetime(2017, 3, 26, tzinfo=UTC))
ELECTRICITY = "cambridge/b24/electricity"
GAS = "cambridge/b24/gas"
OUTDOOR = "cambridge/outdoor/temperature"


def point(name: str, **source: Any) -> DevicePoint:
    return DevicePoint(id=name, brick_class="Building_Meter", unit="kW.h", measure=Measure.INTERVAL, source=source)


def replay(clock: SimulatedClock, path: Path, *points: DevicePoint, **options: Any) -> ReplayDriver:
    device = Device(name="archive", driver="replay", points=list(points), options={"path": str(path), **options})
    return ReplayDriver(device, clock, read_only=False)


def long_csv(path: Path) -> Path:
    lines = ["point,time_utc,value"]
    for hour in range(4):
        stamp = datetime.fromtimestamp((START + hour * HOUR) / 1000, UTC).isoformat()
        lines += [f"{ELECTRICITY},{stamp},{hour + 0.5}", f"{GAS},{stamp},{'' if hour == 1 else hour * 10}"]
    path.write_text("\n".join(lines) + "\n")
    return path


def cambridge(folder: Path) -> Path:
    stamps = pa.array([START + h * HOUR for h in range(3)], pa.timestamp("ms", "UTC")).cast(pa.timestamp("ns", "UTC"))
    rows = [("b1", "gas", 9.0), ("b24", "electricity", 12.1), ("b24", "gas", 3.0)]
    tables = [
        pa.table(
            {
                "building": pa.array([building] * 3).dictionary_encode(),
                "meter": pa.array([meter] * 3).dictionary_encode(),
                "time_utc": stamps,
                "kwh": pa.array([kwh, None if meter == "gas" else float("nan"), kwh + 1], pa.float32()),
            }
        )
        for building, meter, kwh in rows
    ]
    folder.mkdir()
    pq.write_table(pa.concat_tables(tables), folder / "meters.parquet", row_group_size=4)
    backwards = stamps.take(pa.array([2, 1, 0]))
    pq.write_table(pa.table({"time_utc": backwards, "temp_c": [2.0, 1.0, 0.0]}), folder / "weather.parquet")
    return folder


def test_rows_come_when_the_clock_reaches_them_at_their_own_time(tmp_path: Path) -> None:
    clock = SimulatedClock(START - 1)
    d = replay(clock, long_csv(tmp_path / "r.csv"), point(ELECTRICITY), point(GAS))
    both = [ELECTRICITY, GAS]
    assert d.read(both).readings == []
    clock.advance_to(START)
    assert d.read(both).readings == [(ELECTRICITY, START, 0.5, 0), (GAS, START, 0.0, 0)]
    clock.advance_to(START + 3 * HOUR - 1)
    rows = d.read(both).readings
    assert [(r.point, r.time_ms) for r in rows] == [
        (ELECTRICITY, START + HOUR),
        (ELECTRICITY, START + 2 * HOUR),
        (GAS, START + 2 * HOUR),
    ]
    assert d.read(both).readings == []


def test_memory_is_bounded_and_says_that_there_is_more(tmp_path: Path) -> None:
    d = replay(SimulatedClock(START + 9 * HOUR), long_csv(tmp_path / "r.csv"), point(ELECTRICITY), max_rows=3)
    first = d.read([ELECTRICITY])
    second = d.read([ELECTRICITY])
    assert (len(first.readings), first.more, len(second.readings), second.more) == (3, True, 1, False)


def test_start_skips_what_was_before(tmp_path: Path) -> None:
    path = long_csv(tmp_path / "r.csv")
    d = replay(SimulatedClock(START + 9 * HOUR), path, point(ELECTRICITY), start="2017-03-26T02:30:00")
    assert [r.time_ms for r in d.read([ELECTRICITY]).readings] == [START + 3 * HOUR]


def test_cambridge_layout_in_parquet(tmp_path: Path) -> None:
    d = replay(
        SimulatedClock(START + 9 * HOUR),
        cambridge(tmp_path / "archive"),
        point(ELECTRICITY, file="meters.parquet", where={"building": "b24", "meter": "electricity"}, column="kwh"),
        point(GAS, file="meters.parquet", where={"building": "b24", "meter": "gas"}, column="kwh"),
        point(OUTDOOR, file="weather.parquet", column="temp_c"),
    )
    rows = d.read([ELECTRICITY, GAS, OUTDOOR]).readings
    assert sorted(rows, key=lambda r: (r.point, r.time_ms)) == [
        (ELECTRICITY, START, 12.1, 0),
        (ELECTRICITY, START + 2 * HOUR, 13.1, 0),
        (GAS, START, 3.0, 0),
        (GAS, START + 2 * HOUR, 4.0, 0),
        (OUTDOOR, START, 0.0, 0),
        (OUTDOOR, START + HOUR, 1.0, 0),
        (OUTDOOR, START + 2 * HOUR, 2.0, 0),
    ]
    assert [r.time_ms for r in rows] == sorted(r.time_ms for r in rows)


def test_wide_csv_of_milliseconds_with_scale(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(f"time_ms,electricity_wh,t\n{START},1500,20.5\n")
    d = replay(
        SimulatedClock(START),
        path,
        point(ELECTRICITY, column="electricity_wh", scale=0.001),
        point(OUTDOOR, column="t"),
        time_column="time_ms",
    )
    assert d.read([ELECTRICITY, OUTDOOR]).readings == [(ELECTRICITY, START, 1.5, 0), (OUTDOOR, START, 20.5, 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"time_utc,kwh\n{START},1\n", "no column 'value'"),
        ("time_utc,value\nyesterday,1\n", "yesterday"),
        (f"time_utc,value\n{START},1\n{START - 1},1\n", "line 3 is earlier"),
        (f"time_utc,value\n{START},much\n", "much"),
    ],
)
def test_broken_recording_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(DeviceError, match=message):
        replay(SimulatedClock(START), path, point(ELECTRICITY)).read([ELECTRICITY])


def test_missing_file_and_missing_column_are_device_errors(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no file .*absent\.csv"):
        replay(SimulatedClock(START), tmp_path / "absent.csv", point(ELECTRICITY)).open()
    folder = cambridge(tmp_path / "archive")
    d = replay(SimulatedClock(START), folder, point(GAS, file="meters.parquet", column="mwh"))
    with pytest.raises(DeviceError, match="no column 'mwh'"):
        d.read([GAS])


def test_parquet_without_its_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cambridge(tmp_path / "archive")
    monkeypatch.delitem(sys.modules, "gateway.drivers.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    d = replay(SimulatedClock(START), folder, point(GAS, file="meters.parquet", column="kwh"))
    with pytest.raises(DeviceError, match="extra 'data'"):
        d.read([GAS])


def test_a_recording_cannot_be_driven(tmp_path: Path) -> None:
    with pytest.raises(NotPermittedError):
        replay(SimulatedClock(START), tmp_path).write(GAS, 1)
    driven = DevicePoint(id=GAS, brick_class="Setpoint", unit="Cel", limits=Limits(0, 1, 0))
    with pytest.raises(ConfigError, match="cannot have limits"):
        replay(SimulatedClock(START), tmp_path, driven)
