"""The calendar of a model's site: time zone from the weather file's place, holidays from the model."""

from __future__ import annotations

import re
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

from core.calendar import Calendar
from core.errors import ConfigError
from simulators.idf.model import Idf

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PLACE: Final = re.compile(r"([+-]\d{4,7})([+-]\d{5,7})")


def site_calendar(model: Idf, weather: Path, year: int) -> Calendar:
    """Time zone and holidays of a site.

    A model without daylight saving keeps its standard time all year.

    Raises
    ------
    ConfigError
        The weather file cannot be read.
    """
    try:
        with weather.open(encoding="latin-1") as file:
            place = file.readline().split(",")
        latitude, longitude, offset_h = (float(place[i]) for i in (6, 7, 8))
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{weather} is not a readable EPW file: {error}") from error
    saves = any(model.all("RunPeriodControl:DaylightSavingTime"))
    name = nearest_zone(latitude, longitude, offset_h) if saves else fixed_zone(offset_h)
    return Calendar(name, holidays_of(model, year))


def fixed_zone(offset_h: float) -> str:
    """IANA name of a zone that is so far ahead of UTC all year; whole hours only, others are rounded."""
    hours = round(offset_h)
    return "Etc/UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"


def nearest_zone(latitude: float, longitude: float, offset_h: float) -> str:
    """IANA zone whose place of reference is nearest among those of that standard time; degrees north and east."""
    best, distance = fixed_zone(offset_h), float("inf")
    table = (files("tzdata") / "zoneinfo" / "zone1970.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        if line.startswith("#"):
            continue
        _, place, name = line.split("\t")[:3]
        if (found := _PLACE.fullmatch(place)) is None:
            continue
        north, east = (_degrees(text, size) for text, size in zip(found.groups(), (2, 3), strict=True))
        away = (north - latitude) ** 2 + (east - longitude) ** 2
        if away < distance and abs(_standard_offset_h(name) - offset_h) < 1e-6:
            best, distance = name, away
    return best


def holidays_of(model: Idf, year: int) -> frozenset[date]:
    """Days of a year that the model calls holidays."""
    days: set[date] = set()
    for item in model.all("RunPeriodControl:SpecialDays"):
        if item.field(3).casefold() not in ("holiday", ""):
            continue
        first = day_of(item.field(1), year)
        length = int(float(item.field(2) or 1))
        days |= {first + timedelta(days=k) for k in range(length)}
    return frozenset(days)


def day_of(text: str, year: int) -> date:
    """Date of ``January 1``, ``1 Jan``, ``7/4``, ``3rd Monday in January`` or ``Last Monday in May``.

    Raises
    ------
    ConfigError
        It is none of these.
    """
    words = text.casefold().replace(",", " ").split()
    try:
        if "in" in words:
            month = _month(words[words.index("in") + 1])
            weekday = _DAYS.index(words[1])
            if words[0] == "last":
                last = (date(year + month // 12, month % 12 + 1, 1)) - timedelta(days=1)
                return last - timedelta(days=(last.weekday() - weekday) % 7)
            first = date(year, month, 1)
            return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (int(words[0][0]) - 1))
        if len(words) == 1:
            month_text, day_text = words[0].split("/")[:2]
            return date(year, int(month_text), int(day_text))
        name, day = words if words[0][0].isalpha() else (words[1], words[0])
        return date(year, _month(name), int(day))
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{text!r} is no day of a year: {error}") from error


def _month(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1


def _degrees(text: str, size: int) -> float:
    sign = -1 if text[0] == "-" else 1
    digits = text[1:]
    seconds = float(digits[size + 2 :] or 0)
    return sign * (float(digits[:size]) + float(digits[size : size + 2]) / 60 + seconds / 3600)


def _standard_offset_h(name: str) -> float:
    calendar = Calendar(name)
    offsets = []
    for month in (1, 7):
        local = calendar.local(calendar.midnight(date(2023, month, 1)))
        offset, saved = local.utcoffset(), local.dst()
        offsets.append(((offset or timedelta()) - (saved or timedelta())).total_seconds() / 3600)
    return min(offsets)
