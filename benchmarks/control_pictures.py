"""Pictures of `benchmarks.control`: energy by end use, and one cold working day of a zone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq

from cli.evaluate.control import TRACE, Controller
from cli.options import number
from predict.series import Floats

Reports = Mapping[tuple[str, str], Mapping[str, Any]]
USE_COLOURS: Final = {
    "Heating:NaturalGas": "#c8553d",
    "Heating:Electricity": "#e8a15b",
    "Cooling:Electricity": "#4f86c6",
    "Fans:Electricity": "#7aa874",
    "Pumps:Electricity": "#9a8fbf",
}
OTHER_COLOUR: Final = "#999999"
LINE_COLOURS: Final = {Controller.EMBEDDED.value: "#888888", Controller.RULES.value: "#c8553d"}
WIDTH: Final = 900
_LEFT, _RIGHT = 210, 70
_DAY_LEFT, _DAY_RIGHT = 60, 20
_ROW = 20
_WORKDAYS = 5


def draw(reports: Reports, results: Path, target: Path) -> list[Path]:
    """Draw what the reports allow; returns the files.

    Parameters
    ----------
    reports
        By case and label of the controller.
    results
        Directory of the runs, for their traces.
    target
        Directory for the pictures.
    """
    target.mkdir(parents=True, exist_ok=True)
    drawn = []
    if reports:
        drawn.append(target / "control-energy.svg")
        drawn[-1].write_text(energy_bars(reports), encoding="utf-8")
    for case in dict.fromkeys(case for case, _ in reports):
        wanted = [(case, label) for label in LINE_COLOURS]
        if all(key in reports for key in wanted):
            days = {label: _traced(results / f"{case}-{label}" / TRACE, reports[case, label]) for _, label in wanted}
            if picture := zone_day(case, days, int(reports[wanted[0]]["key"]["learn_days"])):
                drawn.append(target / f"control-day-{case}.svg")
                drawn[-1].write_text(picture, encoding="utf-8")
    return drawn


def energy_bars(reports: Reports) -> str:
    """Site energy over the floor area by end use, a bar for each case and controller."""
    shares = {
        key: {use: kwh / report["floor_area_m2"] for use, kwh in report["end_uses_kwh"].items()}
        for key, report in reports.items()
    }
    most = max((sum(uses.values()) for uses in shares.values()), default=0.0) or 1.0
    scale = (WIDTH - _LEFT - _RIGHT) / most
    used = list(dict.fromkeys(use for uses in shares.values() for use, kwh_m2 in uses.items() if kwh_m2 > 0))
    order = [u for u in USE_COLOURS if u in used] + [u for u in used if u not in USE_COLOURS]
    parts = [_text(_LEFT, 20, "Site energy for heating, cooling, fans and pumps, kWh/m²", weight="bold")]
    x = float(_LEFT)
    for use in order:
        name = use.replace(":", ", ").replace("NaturalGas", "gas").replace("Electricity", "electric")
        parts += [_box(x, 32, 10, 10, USE_COLOURS.get(use, OTHER_COLOUR)), _text(x + 14, 41, name)]
        x += 26 + 6.5 * len(name)
    y, before = 58.0, ""
    for (case, label), uses in shares.items():
        if case != before:
            parts.append(_text(8, y + 13, case, weight="bold"))
            y, before = y + _ROW, case
        parts.append(_text(_LEFT - 8, y + 13, label, anchor="end"))
        x = float(_LEFT)
        for use in order:
            width = max(uses.get(use, 0.0), 0.0) * scale
            parts.append(_box(x, y, width, _ROW - 4, USE_COLOURS.get(use, OTHER_COLOUR)))
            x += width
        parts.append(_text(x + 6, y + 13, number(sum(uses.values()))))
        y += _ROW
    return _document(parts, y + 16)


@dataclass(frozen=True)
class Traced:
    """A run's table by column, and its local times."""

    columns: Mapping[str, np.ndarray[Any, np.dtype[Any]]]
    times: Sequence[datetime]

    def of(self, zone: str, day: date) -> dict[str, Floats]:
        """Columns of a zone on a day, and ``hour``, the local hour of each row."""
        rows = [k for k, t in enumerate(self.times) if t.date() == day and self.columns["zone"][k] == zone]
        hours = [self.times[k].hour + self.times[k].minute / 60 for k in rows]
        numbers = {name: v[rows].astype(float) for name, v in self.columns.items() if v.dtype.kind == "f"}
        return numbers | {"hour": np.array(hours)}


def _traced(path: Path, report: Mapping[str, Any]) -> Traced:
    table = pq.read_table(path)
    zone = ZoneInfo(report["timezone"])
    times = [t.astimezone(zone) for t in table["time_utc"].to_pylist()]
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names if name != "time_utc"}
    return Traced(columns, times)


def zone_day(case: str, traced: Mapping[str, Traced], learn_days: int) -> str:
    """One cold working day of the zone with the most people: temperature, set-points, people and outdoor air.

    Empty when there is no such day or no zone with people.
    """
    own = traced[Controller.EMBEDDED.value]
    day, zone = _coldest_day(own, learn_days), _busiest_zone(own)
    if day is None or zone is None:
        return ""
    days = {label: one.of(zone, day) for label, one in traced.items()}
    air = {label: columns["outdoor_air_fraction"] * _fan(columns) * 100 for label, columns in days.items()}
    hours = {label: columns["hour"] for label, columns in days.items()}
    parts = [_text(_DAY_LEFT, 20, f"{case}, {zone}, {day:%A %-d %B}: the coldest working day", weight="bold")]
    x = float(_DAY_LEFT)
    for label, colour in LINE_COLOURS.items():
        parts += [_box(x, 32, 10, 10, colour), _text(x + 14, 41, label)]
        x += 90
    parts.append(_text(x, 41, "solid: zone air; dashed: heating set-point; dotted: cooling set-point"))
    own_day = days[Controller.EMBEDDED.value]
    panels: list[tuple[str, float, list[tuple[str, str, Floats]]]] = [
        ("°C", 230.0, [
            (label, style, columns[name])
            for name, style in (("heating_setpoint_c", "6 4"), ("cooling_setpoint_c", "2 3"), ("temperature_c", ""))
            for label, columns in days.items()
        ]),
        ("people", 70.0, [(Controller.EMBEDDED.value, "", own_day["people"])]),
        ("outdoor air, % of supply", 90.0, [(label, "", values) for label, values in air.items()]),
        ("°C outdoors", 70.0, [(Controller.EMBEDDED.value, "", own_day["outdoor_temperature_c"])]),
    ]  # fmt: skip
    top = 66.0
    for title, height, lines in panels:
        parts += _panel(title, top, height, lines, hours)
        top += height + 34
    return _document(parts, top + 4)


def _panel(
    title: str, top: float, height: float, lines: list[tuple[str, str, Floats]], hours: Mapping[str, Floats]
) -> list[str]:
    known = np.concatenate([values[np.isfinite(values)] for _, _, values in lines]) if lines else np.zeros(0)
    if not known.size:
        return [_text(_DAY_LEFT, top + 14, f"{title}: not measured")]
    low, high = math.floor(known.min()), math.ceil(known.max())
    high = max(high, low + 1)
    wide = WIDTH - _DAY_LEFT - _DAY_RIGHT
    parts = [_text(_DAY_LEFT, top - 5, title)]
    for value in dict.fromkeys((low, (low + high) / 2, high)):
        y = top + height * (high - value) / (high - low)
        parts.append(f'<line x1="{_DAY_LEFT}" x2="{WIDTH - _DAY_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(_DAY_LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    parts += [
        _text(_DAY_LEFT + wide * hour / 24, top + height + 15, f"{hour:02d}:00", anchor="middle")
        for hour in range(0, 25, 3)
    ]
    for label, dashes, values in lines:
        points = " ".join(
            f"{_DAY_LEFT + wide * hour / 24:.1f},{top + height * (high - value) / (high - low):.1f}"
            for hour, value in zip(hours[label], values, strict=True)
            if math.isfinite(value)
        )
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{LINE_COLOURS[label]}" stroke-width="1.6"{dashed}/>'
        )
    return parts


def _fan(columns: Mapping[str, Floats]) -> Floats:
    fan = columns["fan"]
    return np.where(np.isfinite(fan), fan, 1.0)


def _coldest_day(traced: Traced, learn_days: int) -> date | None:
    first = min(t.date() for t in traced.times).toordinal() + learn_days
    by_day: dict[date, list[float]] = {}
    for moment, outdoor_c in zip(traced.times, traced.columns["outdoor_temperature_c"], strict=True):
        day = moment.date()
        if day.toordinal() > first and day.weekday() < _WORKDAYS:  # the day after learning still begins as the other
            by_day.setdefault(day, []).append(float(outdoor_c))
    return min(by_day, key=lambda day: float(np.mean(by_day[day])), default=None)


def _busiest_zone(traced: Traced) -> str | None:
    zones, people = traced.columns["zone"], np.nan_to_num(traced.columns["people"])
    sums = {str(zone): float(people[zones == zone].sum()) for zone in np.unique(zones.astype(str))}
    zone = max(sums, key=lambda name: sums[name], default=None)
    return zone if zone is not None and sums[zone] > 0 else None


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _document(parts: Sequence[str], height: float) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="12" fill="#222222">'
    )
    body = "\n".join(filter(None, parts))
    return f'{head}\n<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
