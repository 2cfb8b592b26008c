"""Reads a folder of recorded meters: meters.parquet, weather.parquet, buildings.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cli.columns import UNKNOWN_TIME, Words, numbers, read_columns, times, words
from core.calendar import HOUR_MS, Calendar, site_holidays
from core.errors import DomainError, PromessaError
from predict.series import Floats, Times

METERS: Final = "meters.parquet"
WEATHER: Final = "weather.parquet"
BUILDINGS: Final = "buildings.csv"
_TRAIN_YEAR: Final = "train_year_"
_NO_YEAR: Final = ("", "nan", "none", "null", "na", "n/a", "<na>")
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_IMPLAUSIBLE: Final = 100.0
"""A meter does not count so many times what it counts in 95 % of its hours of use."""
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
    implausible_hours
        Hours whose energy is taken as unknown: many times what the training year has.
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
    implausible_hours: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A meter that buildings.csv lists and that cannot be read, and the reason in a sentence."""

    building: str
    meter: str
    reason: str


def read_archive(directory: Path) -> list[Recorded]:
    """Every readable meter of the folder that has a training year; raises as `read_listed`."""
    return [meter for meter in read_listed(directory) if isinstance(meter, Recorded)]


def read_listed(directory: Path) -> list[Recorded | Refused]:
    """Every meter of the folder that has a training year, in the order of buildings.csv; of one listed twice the first.

    Raises
    ------
    DomainError
        A file or a column is missing or unreadable, or no meter has a training year.
    """
    weather = _read(directory / WEATHER, ["temp_c"], ["ghi_wm2", "rh_pct"])
    meters = _read(directory / METERS, ["kwh"], [], names=["building", "meter"])
    rows = _rows_of(meters["building"], meters["meter"])
    found: dict[tuple[str, str], Recorded | Refused] = {}
    for about in _read_buildings(directory / BUILDINGS):
        for column, year in about.items():
            name = (about["building"], column.removeprefix(_TRAIN_YEAR))
            if not column.startswith(_TRAIN_YEAR) or year.lower() in _NO_YEAR or name in found:
                continue
            mine = rows.get(name, np.zeros(0, np.intp))
            try:
                calendar = _calendar(about.get("timezone") or "")
                found[name] = _recorded(*name, calendar, _whole_year(year), weather,
                                        meters["time_utc"][mine], meters["kwh"][mine])  # fmt: skip
            except PromessaError as error:
                found[name] = Refused(*name, error.message)
    if not found:
        raise DomainError(f"{directory / BUILDINGS}: no building has a training year (column {_TRAIN_YEAR}<meter>)")
    return list(found.values())


def _recorded(
    building: str,
    meter: str,
    calendar: Calendar,
    train_year: int,
    weather: dict[str, Any],
    time_ms: Times,
    kwh: Floats,
) -> Recorded:
    starts = [calendar.midnight(date(train_year + i, 1, 1)) for i in range(3)]
    grid = _minutes_past(time_ms if len(time_ms) else weather["time_utc"], starts[0])
    start, middle, end = (-(-(at - grid) // HOUR_MS) * HOUR_MS + grid for at in starts)
    hours = np.arange(start, end, HOUR_MS, dtype=np.int64)
    energy, left_out = _plausible(
        _by_hour(time_ms, kwh, start, len(hours), total=True), training=(middle - start) // HOUR_MS
    )
    temperature, irradiance, humidity = (
        _by_hour(weather["time_utc"], weather[name], start, len(hours), total=False)
        for name in ("temp_c", "ghi_wm2", "rh_pct")
    )
    return Recorded(
        building=building,
        meter=meter,
        calendar=calendar,
        time_ms=hours,
        kwh=energy,
        temperature_c=temperature,
        irradiance_wm2=irradiance,
        humidity_pct=humidity,
        train_end=(middle - start) // HOUR_MS,
        implausible_hours=left_out,
    )


def _minutes_past(times: Times, midnight_ms: int) -> int:
    """Milliseconds past the whole UTC hour at which the recorded hours begin.

    Where local midnight is no whole hour of UTC (India, Nepal), files have hours of UTC or hours of the local clock.
    """
    local = midnight_ms % HOUR_MS
    known = times[times != UNKNOWN_TIME]
    return local if local and len(known) and np.mean(known % HOUR_MS == local) > 0.5 else 0


def _by_hour(times: Times, values: Floats, start: int, hours: int, *, total: bool) -> Floats:
    """Values by the hour, shape (hours,); NaN where nothing is known.

    The last known value of a time counts. Of shorter intervals energies are added up (`total`), where the hour has as
    many as usual, and weather is averaged.
    """
    inside = (times >= start) & (times < start + hours * HOUR_MS) & np.isfinite(values)
    times, values = times[inside], values[inside]
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    last = np.append(np.diff(times) > 0, True) if len(times) else np.zeros(0, bool)
    times, values = times[last], values[last]
    hour = (times - start) // HOUR_MS
    count = np.bincount(hour, minlength=hours)
    usual = int(np.median(count[count > 0])) if len(times) else 1
    placed = np.full(hours, np.nan)
    if usual > 1 or not total:
        sums = np.bincount(hour, values, minlength=hours)
        enough = count >= (usual if total else 1)
        placed[enough] = sums[enough] / (1 if total else count[enough])
    else:
        placed[hour] = values
    return placed


def _plausible(kwh: Floats, training: int) -> tuple[Floats, int]:
    """`kwh` without what no meter can mean, by the training year alone, and how many hours that leaves out.

    Nothing is judged when that year has nothing: the second year must not tell what a forecast in it may know.
    """
    size = np.abs(kwh[:training])
    used = size[size > 0]
    limit = _IMPLAUSIBLE * float(np.quantile(used, 0.95)) if len(used) else np.inf
    beyond = np.abs(kwh) > limit
    return np.where(beyond, np.nan, kwh), int(beyond.sum())


def _rows_of(building: Words, meter: Words) -> dict[tuple[str, str], npt.NDArray[np.intp]]:
    named = np.flatnonzero((building.code >= 0) & (meter.code >= 0))
    owner = (building.code * max(1, len(meter.names)) + meter.code)[named]
    order = np.argsort(owner, kind="stable")
    found, starts = np.unique(owner[order], return_index=True)
    names = [(building.names[i // len(meter.names)], meter.names[i % len(meter.names)]) for i in found.tolist()]
    return {name: named[rows] for name, rows in zip(names, np.split(order, starts[1:]), strict=False)}


def _read(path: Path, required: list[str], optional: list[str], names: Sequence[str] = ()) -> dict[str, Any]:
    held = read_columns(path, [*names, "time_utc", *required], optional)
    columns: dict[str, Any] = {"time_utc": times(held["time_utc"], f"{path}: time_utc")}
    for name in (*names, *required, *optional):
        column = held[name]
        if column is None:
            columns[name] = np.full(len(columns["time_utc"]), np.nan)
        elif name in names:
            columns[name] = words(column)
        else:
            columns[name] = numbers(column, f"{path}: {name}")
    return columns


def _read_buildings(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = [
                {str(k).strip(): str(v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)
            ]
    except OSError as error:
        raise DomainError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DomainError(f"{path}: {error}") from error
    if found and "building" not in found[0]:
        raise DomainError(f"{path}: no column building")
    return [row for row in found if row["building"]]


def _whole_year(text: str) -> int:
    try:
        year = float(text)
    except ValueError as error:
        raise DomainError(f"{text!r} is not a year") from error
    if not _FIRST_YEAR <= year <= _LAST_YEAR or year != int(year):
        raise DomainError(f"{text!r} is not a year")
    return int(year)


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
