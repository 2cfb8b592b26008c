"""``promessa evaluate forecast`` on a small made-up archive."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import DomainError
from tests.predict.forecast.office import hours, load, weather

TIMES = hours(date(2024, 1, 1), date(2026, 1, 1))


def archive(folder: Path, last: date) -> Path:
    """One building of Rome, whose meter ends on `last`."""
    temperature = weather(TIMES)
    use = load(TIMES, temperature)
    held = hours(date(2024, 1, 1), last).shape[0]
    stamp = pa.timestamp("ms", tz="UTC")
    meters = {"building": ["b"] * held, "meter": ["electricity"] * held, "time_utc": pa.array(TIMES[:held], stamp),
              "kwh": use[:held]}  # fmt: skip
    pq.write_table(pa.table(meters), folder / "meters.parquet")
    pq.write_table(pa.table({"time_utc": pa.array(TIMES, stamp), "temp_c": temperature}), folder / "weather.parquet")
    (folder / "buildings.csv").write_text("building,timezone,train_year_electricity\nb,Europe/Rome,2024\n")
    return folder


def test_every_hour_of_the_next_year_is_forecast_and_scored(tmp_path: Path) -> None:
    out = tmp_path / "pred.parquet"
    result = CliRunner().invoke(
        app, ["evaluate", "forecast", str(archive(tmp_path, date(2025, 12, 1))), "--out", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    table = pq.read_table(out)
    assert table.column_names[:7] == ["building", "meter", "issue_utc", "time_utc", "predicted", "p10", "p90"]
    assert table.num_rows == 8760  # also of December, in which nothing was measured
    assert np.isfinite(table["predicted"].to_numpy()).all()
    lead_h = (table["time_utc"].to_numpy() - table["issue_utc"].to_numpy()) / np.timedelta64(1, "h")
    assert (lead_h.min(), lead_h.max()) == (0, 24)
    document = json.loads(result.stdout)
    (row,) = document["meters"]
    assert (row["building"], row["meter"], row["hours"]) == ("b", "electricity", 8760)
    assert row["scored_hours"] == 8760 - 31 * 24
    assert row["mase"] < 0.8
    assert row["coverage"] == pytest.approx(80, abs=3)
    assert row["cpu_s"] > 0
    assert row["spoke"] == {"blend": 8760}
    assert document["medians"]["electricity"]["cv_rmse"] == row["cv_rmse"]


def test_without_json_a_table_is_shown(tmp_path: Path) -> None:
    out = tmp_path / "pred.parquet"
    result = CliRunner().invoke(
        app, ["evaluate", "forecast", str(archive(tmp_path, date(2025, 3, 1))), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "electricity" in result.stdout
    assert "8,760 hours of 1 meters" in result.stdout


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "forecast", str(tmp_path), "--out", str(tmp_path / "p.parquet")])
    assert isinstance(result.exception, DomainError)
    assert "weather.parquet" in result.exception.message
    folder = archive(tmp_path, date(2025, 1, 1))
    result = CliRunner().invoke(
        app, ["evaluate", "forecast", str(folder), "--out", str(folder / "buildings.csv" / "p")]
    )
    assert isinstance(result.exception, DomainError)
    assert "buildings.csv/p: " in result.exception.message
