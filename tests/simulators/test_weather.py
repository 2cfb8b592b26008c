from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.clock import to_ms
from core.errors import DomainError
from simulators.solar import DAY_MS
from simulators.weather import IRRADIATION_MJ_M2, MAXIMUM_C, MINIMUM_C, EpwWeather, TurinWeather

HOUR_MS = 3_600_000


def at(text: str) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


def hourly(start: str, end: str) -> np.ndarray:
    return np.arange(at(start), at(end), HOUR_MS)


def test_twenty_years_keep_the_normals_of_turin() -> None:
    times = hourly("2001-01-01", "2021-01-01")
    months = times.astype("datetime64[ms]").astype("datetime64[M]").astype(int) % 12

    weather = TurinWeather(seed=3).at(times)

    for month in range(12):
        days = weather.temperature_c[months == month].reshape(-1, 24)
        assert days.min(axis=1).mean() == pytest.approx(MINIMUM_C[month], abs=1.3)
        assert days.max(axis=1).mean() == pytest.approx(MAXIMUM_C[month], abs=1.3)
        irradiation = weather.ghi_w_m2[months == month].mean() * 86_400 / 1e6
        assert irradiation == pytest.approx(IRRADIATION_MJ_M2[month], rel=0.12)


def test_heating_degree_days_are_those_of_climate_zone_e() -> None:
    times = hourly("2001-01-01", "2021-01-01")

    daily = TurinWeather(seed=5).at(times).temperature_c.reshape(-1, 24).mean(axis=1)

    degree_days = np.where(daily < 12, 20 - daily, 0).sum() / 20
    assert 2100 < degree_days < 2900  # DPR 412/93 gives Turin 2617


def test_a_time_has_the_same_weather_whatever_period_is_asked_for() -> None:
    long = hourly("2024-12-01", "2025-03-01")
    short = hourly("2024-12-30", "2025-01-03")

    whole, part = TurinWeather(seed=1).at(long), TurinWeather(seed=1).at(short)

    inside = np.isin(long, short)
    assert np.array_equal(whole.temperature_c[inside], part.temperature_c)
    assert np.array_equal(whole.ghi_w_m2[inside], part.ghi_w_m2)
    assert np.array_equal(whole.wind_m_s[inside], part.wind_m_s)


def test_seeds_are_different_histories() -> None:
    times = hourly("2025-01-01", "2025-02-01")

    one, other = TurinWeather(seed=1).at(times), TurinWeather(seed=2).at(times)

    assert np.abs(one.temperature_c - other.temperature_c).mean() > 1


def test_days_resemble_the_day_before_and_not_the_month_before() -> None:
    daily = TurinWeather(seed=1).at(hourly("2001-01-01", "2011-01-01")).temperature_c.reshape(-1, 24).mean(axis=1)
    seasonal = np.array([daily[i::365].mean() for i in range(365)])
    anomaly = daily[:3650] - np.tile(seasonal, 10)

    assert np.corrcoef(anomaly[:-1], anomaly[1:])[0, 1] > 0.5
    assert abs(np.corrcoef(anomaly[:-30], anomaly[30:])[0, 1]) < 0.15


def test_nights_are_dark_and_wind_never_blows_backwards() -> None:
    weather = TurinWeather(seed=1).at(np.arange(at("2025-06-01"), at("2025-06-03"), 300_000))

    assert (weather.ghi_w_m2[weather.sun.cos_zenith == 0] == 0).all()
    assert weather.wind_m_s.min() > 0
    assert weather.ghi_w_m2.max() < 1200


@pytest.mark.parametrize("day", ["1969-12-31", "1995-02-28", "2096-02-29"])
def test_any_period_can_be_asked_for(day: str) -> None:
    weather = TurinWeather(seed=1).at(at(day) + np.arange(0, DAY_MS, HOUR_MS))

    assert np.isfinite(weather.temperature_c).all()
    assert weather.ghi_w_m2.max() > 20


def test_no_times_are_refused() -> None:
    with pytest.raises(DomainError, match="at least one time"):
        TurinWeather().at(np.array([], dtype=np.int64))


def write_epw(path: Path, hours: int = 8760) -> None:
    """Temperature is the hour of the year / 100, irradiance 100 W/m2 in every hour; an hour east of Greenwich."""
    header = ["LOCATION,Testville,-,ITA,IWEC,160590,45.0,7.7,1.0,250.0"]
    header += [f"HEADER {i}" for i in range(7)]
    start = np.datetime64("2001-01-01T00", "h")
    lines = []
    for i in range(hours):
        moment = (start + i).astype(datetime)
        lines.append(
            f"2001,{moment.month},{moment.day},{moment.hour + 1},60,?9,{i / 100},0,50,98000,0,0,300,100,50,80,"
            "0,0,0,0,180,2.5,5,5,10,7777,9,999999999,0,0.1,0,88,0.2,0,0"
        )
    path.write_text("\n".join(header + lines) + "\n")


def test_epw_hours_end_at_their_time_in_the_files_own_zone(tmp_path: Path) -> None:
    write_epw(tmp_path / "test.epw")
    weather = EpwWeather(tmp_path / "test.epw")

    # Row 0 is read at 01:00 local, 00:00 UTC; row 12 at 13:00 local.
    noon = weather.at(np.array([at("2025-01-01T00:00"), at("2025-01-01T12:00"), at("2025-01-01T12:30")]))

    assert noon.temperature_c == pytest.approx([0.0, 0.12, 0.125])
    assert noon.wind_m_s == pytest.approx([2.5] * 3)
    assert noon.dni_w_m2 == pytest.approx([0.0, 50.0, 50.0])
    assert weather.place.latitude == 45.0


def test_epw_year_serves_every_year(tmp_path: Path) -> None:
    write_epw(tmp_path / "test.epw")
    weather = EpwWeather(tmp_path / "test.epw")
    day = np.arange(0, DAY_MS, HOUR_MS)

    one, other = weather.at(at("2023-05-10") + day), weather.at(at("2026-05-10") + day)

    assert one.temperature_c == pytest.approx(other.temperature_c)


def test_epw_of_another_length_is_refused(tmp_path: Path) -> None:
    write_epw(tmp_path / "short.epw", hours=100)

    with pytest.raises(DomainError, match="this file has 100"):
        EpwWeather(tmp_path / "short.epw")
