"""What `cli.evaluate.archive` makes of a folder of recorded meters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.columns import times
from cli.evaluate.archive import Refused, read_archive, read_listed
from core.calendar import HOUR_MS
from core.errors import DomainError

START = datetime(2018, 12, 31, 23, tzinfo=UTC)  # 2019 begins in Rome


def write(folder: Path, buildings: str = "building,timezone,train_year_heat\nb,Europe/Rome,2019\n") -> Path:
    moments = np.datetime64("2018-12-31T23:00") + np.arange(6) * np.timedelta64(1, "h")
    time = pa.array(moments.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"))
    meters = {"building": ["b"] * 6, "meter": ["heat"] * 6, "time_utc": time, "kwh": [0.0, 1.0, None, 3.0, 4.0, 5.0]}
    pq.write_table(pa.table(meters), folder / "meters.parquet")
    pq.write_table(pa.table({"time_utc": time, "temp_c": [float(i) for i in range(6)]}), folder / "weather.parquet")
    (folder / "buildings.csv").write_text(buildings)
    return folder


def test_two_local_years_of_every_hour_stand_ready(tmp_path: Path) -> None:
    (heat,) = read_archive(write(tmp_path))
    assert heat.time_ms[0] == START.timestamp() * 1000
    assert heat.train_end == 8760
    assert len(heat.time_ms) == 8760 + 8784
    assert np.all(np.diff(heat.time_ms) == HOUR_MS)
    assert heat.kwh[[0, 1, 3]].tolist() == [0.0, 1.0, 3.0]
    assert np.isnan(heat.kwh[[2, 6, -1]]).all()
    assert heat.temperature_c[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(heat.irradiance_wm2).all()


def test_holidays_are_those_of_the_time_zones_country(tmp_path: Path) -> None:
    (heat,) = read_archive(write(tmp_path))
    assert heat.calendar.is_holiday(datetime(2019, 4, 25, tzinfo=UTC).date())


def test_a_listed_meter_without_rows_is_all_unknown(tmp_path: Path) -> None:
    write(tmp_path, "building,timezone,train_year_gas\nb,Europe/Rome,2019.0\n")
    (gas,) = read_archive(tmp_path)
    assert np.isnan(gas.kwh).all()


@pytest.mark.parametrize(
    ("buildings", "said"),
    [
        ("name\nb\n", "no column building"),
        ("building,timezone,train_year_heat\nb,Europe/Rome,\n", "no building has a training year"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, buildings: str, said: str) -> None:
    with pytest.raises(DomainError, match=said):
        list(read_archive(write(tmp_path, buildings)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"weather\.parquet"):
        list(read_archive(tmp_path))


def test_one_bad_line_is_a_meter_refused_and_the_others_are_read(tmp_path: Path) -> None:
    head = "\ufeffbuilding, timezone, train_year_heat"
    rows = ["b, Europe/Rome, 2019.0", "c,Mars/Base,2019", "d,Europe/Rome,inf", "b,Europe/Rome,2019"]
    found = read_listed(write(tmp_path, "\r\n".join([head, *rows, ""])))
    assert [m.building for m in found] == ["b", "c", "d"]
    assert [m.reason for m in found if isinstance(m, Refused)] == [
        "'Mars/Base' is not an IANA time zone", "'inf' is not a year",
    ]  # fmt: skip


def test_hours_of_utc_stay_so_where_midnight_is_no_whole_hour(tmp_path: Path) -> None:
    (heat,) = read_archive(write(tmp_path, "building,timezone,train_year_heat\nb,Asia/Kolkata,2019\n"))
    assert heat.time_ms[0] == START.timestamp() * 1000 - 4 * HOUR_MS
    assert heat.kwh[4] == 0.0


def test_half_hours_are_added_up_and_the_last_known_value_of_a_time_counts(tmp_path: Path) -> None:
    write(tmp_path)
    first = np.datetime64("2018-12-31T23:00", "ms")
    minutes = np.array([0, 30, 60, 90, 120, 150, 0, 180])
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, None, 7.0]
    at = pa.array(first + minutes * np.timedelta64(1, "m"), pa.timestamp("ms"))
    names = pa.array(["b"] * 8, pa.large_string())
    table = {"building": names, "meter": pa.array(["heat"] * 8).dictionary_encode(), "time_utc": at, "kwh": values}
    pq.write_table(pa.table(table), tmp_path / "meters.parquet")
    (heat,) = read_archive(tmp_path)
    assert heat.kwh[:3].tolist() == [3.0, 7.0, 11.0]
    assert np.isnan(heat.kwh[3])


def test_what_no_meter_can_mean_is_unknown(tmp_path: Path) -> None:
    write(tmp_path)
    at = pa.array(np.datetime64("2018-12-31T23:00", "ms") + np.arange(100) * np.timedelta64(1, "h"))
    kwh = [1e300 if i == 50 else float("inf") if i == 51 else 2.0 for i in range(100)]
    pq.write_table(pa.table({"building": ["b"] * 100, "meter": ["heat"] * 100, "time_utc": at, "kwh": kwh}),
                   tmp_path / "meters.parquet")  # fmt: skip
    (heat,) = read_archive(tmp_path)
    assert np.isnan(heat.kwh[[50, 51]]).all()
    assert np.isfinite(heat.kwh[:50]).all()
    assert heat.implausible_hours == 1


@pytest.mark.parametrize("unit", ["text", "s", "ms", "us", "ns"])
def test_times_are_read_however_they_are_written(unit: str) -> None:
    moments = np.array(["2019-01-01T00:00", "2019-06-01T12:00"], "datetime64[ns]")
    written = ["2019-01-01T00:00:00Z", "2019-06-01T14:00:00+02:00"]
    column = pa.chunked_array([pa.array(written if unit == "text" else moments.astype(f"datetime64[{unit}]"))])
    expected = moments.astype("datetime64[ms]").astype(np.int64).tolist()
    assert times(column, "f").tolist() == expected
    if unit != "text":
        assert times(column.cast(pa.int64()), "f").tolist() == expected


@pytest.mark.parametrize("column", [["hello"], [1.5]])
def test_what_is_no_time_is_said(column: list[object]) -> None:
    with pytest.raises(DomainError, match=r"f: .* is not a time"):
        times(pa.chunked_array([pa.array(column)]), "f")


def test_the_second_year_does_not_tell_what_is_plausible_in_it(tmp_path: Path) -> None:
    write(tmp_path)
    at = pa.array(np.datetime64("2019-12-31T23:00", "ms") + np.arange(9) * np.timedelta64(1, "h"))
    table = {"building": ["b"] * 9, "meter": ["heat"] * 9, "time_utc": at, "kwh": [1e9, *[1.0] * 8]}
    pq.write_table(pa.table(table), tmp_path / "meters.parquet")
    (heat,) = read_archive(tmp_path)
    assert heat.kwh[heat.train_end] == 1e9
    assert heat.implausible_hours == 0
