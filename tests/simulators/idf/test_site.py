"""The calendar of a model's site."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from simulators.idf.model import Idf
from simulators.idf.site import day_of, fixed_zone, holidays_of, nearest_zone, site_calendar
from tests.simulators.idf.models import model

SAVING = "RunPeriodControl:DaylightSavingTime, 2nd Sunday in March, 1st Sunday in November;"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("January 1", date(2023, 1, 1)),
        ("1 January", date(2023, 1, 1)),
        ("Dec 25", date(2023, 12, 25)),
        ("7/4", date(2023, 7, 4)),
        ("3rd Monday in January", date(2023, 1, 16)),
        ("1st Monday in September", date(2023, 9, 4)),
        ("4th Thursday in November", date(2023, 11, 23)),
        ("Last Monday in May", date(2023, 5, 29)),
        ("last sunday IN december", date(2023, 12, 31)),
        ("Last Friday in February", date(2023, 2, 24)),
    ],
)
def test_days_as_models_write_them(text: str, day: date) -> None:
    assert day_of(text, 2023) == day


@pytest.mark.parametrize(
    "text", ["", "someday", "13/1", "2/30", "Smarch 1", "3rd Moonday in May", "Monday in May", "5/", "x/y", "in"]
)
def test_what_is_no_day_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="is no day of a year"):
        day_of(text, 2023)


@given(st.integers(1980, 2060), st.integers(1, 12), st.integers(0, 6))
def test_the_last_weekday_of_a_month_is_in_its_last_week(year: int, month: int, weekday: int) -> None:
    found = day_of(f"Last {WEEKDAYS[weekday]} in {MONTHS[month - 1]}", year)
    first = day_of(f"1st {WEEKDAYS[weekday]} in {MONTHS[month - 1]}", year)

    assert (found.month, found.weekday()) == (first.month, first.weekday()) == (month, weekday)
    assert first.day <= 7
    assert (found - first).days in (21, 28)


def test_holidays_come_from_the_model() -> None:
    text = (
        "RunPeriodControl:SpecialDays, New Year, January 1, 1, Holiday;"
        "RunPeriodControl:SpecialDays, Winter, 12/24, 3, Holiday;"
        "RunPeriodControl:SpecialDays, Test, July 1, 1, SummerDesignDay;"
    )

    assert holidays_of(Idf.parse(text), 2023) == {date(2023, 1, 1), *(date(2023, 12, d) for d in (24, 25, 26))}


@pytest.mark.parametrize(
    ("north", "east", "offset_h", "zone"),
    [
        pytest.param(41.98, -87.9, -6.0, "America/Chicago", id="Chicago"),
        pytest.param(39.83, -104.65, -7.0, "America/Denver", id="Denver"),
        pytest.param(41.8, 12.25, 1.0, "Europe/Rome", id="Rome"),
        pytest.param(33.45, -111.98, -7.0, "America/Phoenix", id="Phoenix"),
        pytest.param(10.0, 10.0, 13.75, "Etc/GMT-14", id="of no country"),
    ],
)
def test_the_zone_of_a_place(north: float, east: float, offset_h: float, zone: str) -> None:
    assert nearest_zone(north, east, offset_h) == zone


@pytest.mark.parametrize(("offset_h", "zone"), [(0.0, "Etc/UTC"), (-6.0, "Etc/GMT+6"), (1.0, "Etc/GMT-1")])
def test_zones_without_summer_time(offset_h: float, zone: str) -> None:
    assert fixed_zone(offset_h) == zone


def epw(folder: Path, line: str = "LOCATION,Chicago,IL,USA,TMY3,725300,41.98,-87.92,-6.0,201.0") -> Path:
    path = folder / "place.epw"
    path.write_text(f"{line}\nDESIGN CONDITIONS,0\n")
    return path


def test_a_model_with_summer_time_has_that_of_its_place(tmp_path: Path) -> None:
    calendar = site_calendar(Idf.parse(SAVING), epw(tmp_path), 2023)

    assert calendar.timezone == "America/Chicago"
    winter, summer = (calendar.midnight(date(2023, month, 5)) // 3_600_000 % 24 for month in (1, 7))
    assert (winter, summer) == (6, 5)


def test_a_model_without_summer_time_keeps_its_standard_time(tmp_path: Path) -> None:
    calendar = site_calendar(model(), epw(tmp_path), 2023)

    assert calendar.timezone == "Etc/GMT+6"
    assert calendar.midnight(date(2023, 7, 1)) % 86_400_000 == 6 * 3_600_000
    assert calendar.is_holiday(date(2023, 1, 1))
    assert not calendar.is_holiday(date(2023, 1, 2))


@pytest.mark.parametrize("line", ["", "LOCATION,Chicago", "LOCATION,a,b,c,d,e,north,east,-6"])
def test_what_is_no_weather_file_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="not a readable EPW"):
        site_calendar(model(), epw(tmp_path, line), 2023)
    with pytest.raises(ConfigError, match="not a readable EPW"):
        site_calendar(model(), tmp_path / "none.epw", 2023)
