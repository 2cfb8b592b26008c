"""What `cli.evaluate.archive` makes of a folder of recorded meters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.evaluate.archive import read_archive
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
        ("building,timezone,train_year_heat\nb,Europe/Rome,x\n", "'x' is not a year"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, buildings: str, said: str) -> None:
    with pytest.raises(DomainError, match=said):
        list(read_archive(write(tmp_path, buildings)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=r"weather\.parquet"):
        list(read_archive(tmp_path))
