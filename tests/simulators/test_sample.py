"""The Cambridge sample that comes with the project is what its page says."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

SAMPLE = Path(__file__).parents[2] / "data" / "cambridge"
HOURS = 2 * 8760


@pytest.mark.parametrize("building", ["b24", "b25", "b109"])
@pytest.mark.parametrize("meter", ["electricity", "gas"])
def test_every_meter_has_two_whole_years(building: str, meter: str) -> None:
    rows = parquet.read_table(SAMPLE / "meters.parquet", filters=[("building", "==", building), ("meter", "==", meter)])

    times, kwh = rows["time_utc"].to_numpy(), rows["kwh"].to_numpy()

    assert times[0] == np.datetime64("2018-01-01T00")
    assert (np.diff(times) == np.timedelta64(1, "h")).all()
    assert times.size == HOURS
    assert np.isfinite(kwh).mean() > 0.9
    assert np.nanmin(kwh) >= 0


def test_weather_covers_both_years() -> None:
    weather = parquet.read_table(SAMPLE / "weather.parquet")

    temperature_c = weather["temp_c"].to_numpy()
    assert temperature_c.size == HOURS
    assert -15 < temperature_c.min() < temperature_c.max() < 42


def test_the_licences_come_along() -> None:
    page = (SAMPLE / "README.md").read_text()

    assert "Copyright (c) 2023 Energy Efficient Cities Initiative, University of Cambridge" in page
    assert "Open Government Licence v3.0" in page
    assert "CEDA" in page
