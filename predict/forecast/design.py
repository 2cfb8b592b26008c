"""What the forecast sees of each day when it begins: recent load, calendar and the weather expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from predict.forecast.days import HOURS, SATURDAY, Days, fill_load, fill_weather, without_spikes
from predict.series import Floats

LEVEL_DAYS: Final = 7
SPREAD_DAYS: Final = 14
_YEAR_DAYS: Final = 365
_SCALE_DAYS: Final = 120
_WEEKDAY_RATE, _WORK_RATE, _OFF_RATE = 0.35, 0.3, 0.5
"""Exponential smoothing of the profiles of the same weekday, of working days and of days off."""
_USUAL_C, _HEATING_BELOW_C, _COOLING_ABOVE_C = 10.0, 14.0, 18.0
_FROST_BELOW_C: Final = 12.0
_BREAK_FROM, _BREAK_TO = 357, 2
"""Days of the year between which most buildings rest at its end."""


@dataclass(frozen=True, slots=True)
class History:
    """Grids of shape (d, 24) and what follows from them; row `d` of every property knows only rows before it.

    Attributes
    ----------
    days
        The calendar of the rows.
    load
        kWh, NaN where unknown or a spike.
    filled
        kWh without holes.
    temperature_c, irradiance_wm2
        Without holes; of each day itself.
    persisted
        Shape (d,): the day's temperature is the day before's.
    level, spread
        Shape (d,): mean of the 7 days before; deviation over the 14 days before with a floor of a tenth of the year's.
    scale
        Shape (d,): size of the load over the 120 days before.
    """

    days: Days
    load: Floats
    filled: Floats
    temperature_c: Floats
    irradiance_wm2: Floats
    persisted: npt.NDArray[np.bool_]
    level: Floats
    spread: Floats
    scale: Floats


def look_back(days: Days, load: Floats, temperature_c: Floats, irradiance_wm2: Floats) -> History:
    """History of grids with holes, each of shape (d, 24)."""
    load = without_spikes(load)
    filled = fill_load(load)
    temperature, persisted = fill_weather(temperature_c, _USUAL_C)
    irradiance, _ = fill_weather(irradiance_wm2, 0.0)
    mean, square = filled.mean(axis=1), (filled**2).mean(axis=1)
    level = before(mean, LEVEL_DAYS)
    short = np.maximum(before(square, SPREAD_DAYS) - before(mean, SPREAD_DAYS) ** 2, 0.0)
    power = before(square, _YEAR_DAYS)
    year = np.maximum(power - before(mean, _YEAR_DAYS) ** 2, 0.0)
    floor = 1e-6 * np.maximum(power, 1e-9)
    scale = before(filled.std(axis=1) + np.abs(mean), _SCALE_DAYS)
    return History(
        days=days,
        load=load,
        filled=filled,
        temperature_c=temperature,
        irradiance_wm2=irradiance,
        persisted=persisted,
        level=level,
        spread=np.sqrt(short + 0.01 * year + floor),
        scale=np.sqrt(scale**2 + 0.01 * power + floor),
    )


def before(values: Floats, days: int) -> Floats:
    """Mean of up to so many rows before each row; the first row, which has none, is 0."""
    total = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    row = np.arange(len(values))
    start = np.maximum(row - days, 0)
    count = np.maximum(row - start, 1).reshape((-1,) + (1,) * (values.ndim - 1))
    return np.asarray((total[row] - total[start]) / count, np.float64)


def lag(values: Floats, days: int) -> Floats:
    """Each row's value so many rows before; rows that have none take the first."""
    return np.concatenate([np.repeat(values[:1], min(days, len(values)), axis=0), values[:-days]])


@dataclass(frozen=True, slots=True)
class Profiles:
    """Shape (d, 24) each, kWh: what days like this one used lately.

    Attributes
    ----------
    weekday
        Smoothed over the same weekdays.
    group
        Smoothed over the same group: working days, Saturdays, Sundays with holidays.
    last
        The latest day of the same group.
    """

    weekday: Floats
    group: Floats
    last: Floats


def group_of(kind: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0 for a working day, 1 for a Saturday, 2 for a Sunday or holiday."""
    return np.maximum(kind - (SATURDAY - 1), 0)


def profiles(filled: Floats, kind: npt.NDArray[np.int64]) -> Profiles:
    """Recent profiles of days like each; of a sort never seen before, the day before's."""
    found = Profiles(*(np.zeros_like(filled) for _ in range(3)))
    group = group_of(kind)
    by_weekday: dict[int, Floats] = {}
    by_group: dict[int, Floats] = {}
    latest: dict[int, Floats] = {}
    for day, (k, g) in enumerate(zip(kind.tolist(), group.tolist(), strict=True)):
        own, yesterday = filled[day], filled[max(day - 1, 0)]
        found.group[day] = by_group.get(g, yesterday)
        found.weekday[day] = by_weekday.get(k, found.group[day])
        found.last[day] = latest.get(g, yesterday)
        latest[g] = own
        rate = _OFF_RATE if g else _WORK_RATE
        by_group[g] = by_group[g] + rate * (own - by_group[g]) if g in by_group else own
        by_weekday[k] = by_weekday[k] + _WEEKDAY_RATE * (own - by_weekday[k]) if k in by_weekday else own
    if len(filled):  # nothing came before the first day
        for table in (found.weekday, found.group, found.last):
            table[0] = 0.0
    return found


def _load_columns(h: History, near: Profiles) -> list[Floats]:
    """Columns in kWh, of shape (d, 24) or (d, 1)."""
    y1, y2, y7 = (lag(h.filled, k) for k in (1, 2, 7))
    mean = h.filled.mean(axis=1)
    whole = [lag(mean, 1), y1[:, 21:].mean(axis=1), near.last.mean(axis=1), before(mean, 3), before(mean, SPREAD_DAYS),
             before(mean, 28), lag(mean, 7)]  # fmt: skip
    hourly = [y1, y2, y7, near.weekday, near.group, near.last, np.roll(y1, 1, axis=1), np.roll(y1, -1, axis=1)]
    return hourly + [column[:, None] for column in whole]


def _weather_columns(h: History) -> list[Floats]:
    t, sun = h.temperature_c, h.irradiance_wm2
    day = t.mean(axis=1, keepdims=True)
    usual = before(day, LEVEL_DAYS)
    cold, hot = np.maximum(_FROST_BELOW_C - t, 0.0) / 8, np.maximum(t - _COOLING_ABOVE_C, 0.0) / 5
    cold_new, hot_new = cold - before(cold, LEVEL_DAYS), hot - before(hot, LEVEL_DAYS)
    heating = np.maximum(_HEATING_BELOW_C - day, 0.0)
    bright = sun.mean(axis=1, keepdims=True)
    off = (h.days.kind >= SATURDAY)[:, None]
    return [
        (t - usual) / 5, (day - usual) / 5, (day - lag(day, 1)) / 5, (heating - before(heating, LEVEL_DAYS)) / 5,
        (sun - before(sun, LEVEL_DAYS)) / 200, (bright - before(bright, LEVEL_DAYS)) / 100, (t - _USUAL_C) / 8,
        cold_new, hot_new, cold_new.mean(axis=1, keepdims=True), hot_new.mean(axis=1, keepdims=True),
        (t - lag(t, 1)) / 5, off * cold_new, off * (day - usual) / 5,
    ]  # fmt: skip


def _calendar_columns(days: Days) -> list[Floats]:
    angle = 2 * np.pi * days.day_of_year / 365.25
    holiday = days.holiday.astype(np.float64)
    rest = (days.day_of_year >= _BREAK_FROM) | (days.day_of_year <= _BREAK_TO)
    flags = [days.kind == k for k in range(7)]
    after_off = lag(days.kind.astype(np.float64), 1) >= SATURDAY
    columns = [np.ones(len(days)), holiday, lag(holiday, 1), np.sin(angle), np.cos(angle), rest, *flags, after_off]
    return [np.asarray(column, np.float64)[:, None] for column in columns]


def _stack(columns: list[Floats], days: int) -> Floats:
    table = np.empty((HOURS, days, len(columns)))
    for i, column in enumerate(columns):
        table[:, :, i] = column.T
    return table


def relative_design(h: History, near: Profiles) -> Floats:
    """Shape (24, d, p): the load as distance from its recent level, in recent spreads."""
    level, spread = h.level[:, None], h.spread[:, None]
    load = [(column - level) / spread for column in _load_columns(h, near)]
    group = group_of(h.days.kind)
    same = (group == lag(group.astype(np.float64), 1))[:, None]
    load += [load[0] * same, load[8] * same, load[9] * same]  # yesterday counts for more if it was such a day
    trend = [np.clip(level / spread, 0, 10), np.clip(np.log(spread / np.maximum(before(spread, 60), 1e-12)), -2, 2)]
    return _stack(load + trend + _weather_columns(h) + _calendar_columns(h.days), len(h.days))


def absolute_design(h: History, near: Profiles) -> Floats:
    """Shape (24, d, p): the load as a share of its size over the months before, and degrees of heating."""
    scale = h.scale[:, None]
    load = [column / scale for column in _load_columns(h, near)]
    load.append(h.level[:, None] / scale)
    degrees = np.maximum(_HEATING_BELOW_C + 1 - h.temperature_c, 0.0) / 8
    whole = degrees.mean(axis=1, keepdims=True)
    heat = [degrees, whole, before(whole, 3)]
    return _stack(load + heat + _weather_columns(h) + _calendar_columns(h.days), len(h.days))
