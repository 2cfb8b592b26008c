"""Reads a folder of recorded meters: meters.parquet, weather.parquet, buildings.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, Calendar, site_holidays
from core.errors import DomainError, PromessaError
from predict.series import Floats, Times

METERS: Final = "meters.parquet"
WEATHER: Final = "weather.parquet"
BUILDINGS: Final = "buildings.csv"
_TRAIN_YEAR: Final = "train_year_"
_SUBDIVISIONS: Final = {"Europe/London": "ENG"}
"""Where a time zone's country has no common public holidays worth the name, the part that its city lies in."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One meter of the archive: two consecutive local years of hours.

    Attributes
    ----------
    time_ms
        Shape (n,): starts of consecutive hours of both years, UTC milliseconds; none is missing.
    kwh
        Shape (n,): energy of the hour, NaN where the file has none.
    temperature_c, irradiance_wm2, humidity_pct
        Shape (n,): outdoor air, global horizontal irradiance, relative humidity; NaN where unknown.
    train_end
        Index of the first hour of the second year.
    """

    building: str
    meter: str
    calendar: Calendar
    time_ms: Times
    kwh: Floats
    temperature_c: Floats
    irradiance_wm2: Floats
    humidity_pct: Floats
    train_end: int


def read_archive(directory: Path) -> Iterator[Recorded]:
    """Every meter of the folder that has a training year, in the order of buildings.csv.

    Raises
    ------
    DomainError
        A file or a column is missing or unreadable.
    """
    weather = _read(directory / WEATHER, ["time_utc", "temp_c"], ["ghi_wm2", "rh_pct"])
    meters = _read(directory / METERS, ["building", "meter", "time_utc", "kwh"], [])
    rows = _rows_of(meters["building"], meters["meter"])
    for about in _read_buildings(directory / BUILDINGS):
        for column, year in about.items():
            if column is None or not column.startswith(_TRAIN_YEAR) or year in ("", "nan", "NaN"):
                continue
            meter = column.removeprefix(_TRAIN_YEAR)
            mine = rows.get((about["building"], meter), np.zeros(0, np.intp))
            calendar = _calendar(about.get("timezone") or "")
            yield _recorded(about["building"], meter, calendar, _whole_year(year, about["building"]), weather,
                            meters["time_utc"][mine], meters["kwh"][mine])  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Words:
    """A column of few different words: the number of each row's, and the words."""

    code: npt.NDArray[np.int64]
    names: list[str]


def _recorded(
    building: str,
    meter: str,
    calendar: Calendar,
    train_year: int,
    weather: dict[str, Any],
    time_ms: Times,
    kwh: Floats,
) -> Recorded:
    start, middle, end = (calendar.midnight(date(train_year + i, 1, 1)) for i in range(3))
    hours = np.arange(start, end, HOUR_MS, dtype=np.int64)

    def place(times: Times, values: Floats) -> Floats:
        placed = np.full(len(hours), np.nan)
        inside = (times >= start) & (times < end)
        placed[(times[inside] - start) // HOUR_MS] = values[inside]
        return placed

    temperature, irradiance, humidity = (
        place(weather["time_utc"], weather[name]) for name in ("temp_c", "ghi_wm2", "rh_pct")
    )
    return Recorded(
        building=building,
        meter=meter,
        calendar=calendar,
        time_ms=hours,
        kwh=place(time_ms, kwh),
        temperature_c=temperature,
        irradiance_wm2=irradiance,
        humidity_pct=humidity,
        train_end=(middle - start) // HOUR_MS,
    )


def _rows_of(building: _Words, meter: _Words) -> dict[tuple[str, str], npt.NDArray[np.intp]]:
    owner = building.code * max(1, len(meter.names)) + meter.code
    order = np.argsort(owner, kind="stable")
    found, starts = np.unique(owner[order], return_index=True)
    names = [(building.names[i // len(meter.names)], meter.names[i % len(meter.names)]) for i in found.tolist()]
    return dict(zip(names, np.split(order, starts[1:]), strict=True))


def _read(path: Path, required: list[str], optional: list[str]) -> dict[str, Any]:
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError as error:
        raise DomainError("reading Parquet needs the extra 'data': pip install 'promessa[data]'") from error
    try:
        table = pq.read_table(path)
    except (OSError, ArrowException) as error:
        raise DomainError(f"{path}: {error}") from error
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise DomainError(f"{path}: no column {', '.join(missing)}")
    columns: dict[str, Any] = {}
    for name in [*required, *optional]:
        if name not in table.column_names:
            columns[name] = np.full(table.num_rows, np.nan)
        elif name == "time_utc":
            moments = table.column(name).to_numpy().astype("datetime64[ms]")
            columns[name] = moments.astype(np.int64)
        elif name in ("building", "meter"):
            words = table.column(name).cast("string").dictionary_encode().combine_chunks()
            columns[name] = _Words(np.asarray(words.indices, np.int64), words.dictionary.to_pylist())
        else:
            columns[name] = np.asarray(table.column(name).to_numpy(), np.float64)
    return columns


def _read_buildings(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DomainError(f"{path}: {error}") from error
    if found and "building" not in found[0]:
        raise DomainError(f"{path}: no column building")
    return found


def _whole_year(text: str, building: str) -> int:
    try:
        return int(float(text))
    except ValueError as error:
        raise DomainError(f"{BUILDINGS}: {building}: {text!r} is not a year") from error


@cache
def _calendar(timezone: str) -> Calendar:
    plain = Calendar(timezone)
    try:
        return Calendar(timezone, site_holidays(_country(timezone), _SUBDIVISIONS.get(timezone)))
    except PromessaError:
        return plain  # a country whose holidays nobody has written down


@cache
def _country(timezone: str) -> str:
    """ISO 3166 code of the country that a time zone's city lies in; empty when it lies in none."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        fields = line.split("\t")
        if not line.startswith("#") and len(fields) > 2 and fields[2] == timezone:
            return fields[0]
    return ""
