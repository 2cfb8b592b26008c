"""Hourly signals of a building in one period, put together from whatever points there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.calendar import HOUR_MS
from core.errors import DomainError
from core.units import convert
from predict.causes.hours import hourly_held, hourly_kwh, hourly_mean, in_order
from predict.causes.record import Record, RecordedPoint
from predict.causes.roles import Carrier, EndUse, MeterKind, Role, known_unit, meter_kind, role_of
from predict.series import Floats, Times

MIN_HOURS: Final = 7 * 24
"""Shorter than a week there is no telling of use from chance."""
MIN_METER_COVERAGE: Final = 0.5
SILENT_MS: Final = 96 * HOUR_MS
"""A counter of people that says nothing for longer (than a long week-end) is not there yet, or no more."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Energy of one meter, kWh per hour, shape (n,); NaN where unknown."""

    name: str
    kind: MeterKind
    kwh: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Consecutive hours of a building; arrays of shape (n,), NaN where unknown, None where nothing measures it.

    Attributes
    ----------
    time_ms
        Start of each hour, UTC milliseconds.
    outdoor_c, sun_w_m2, wind_m_s
        Weather.
    zones
        Names of the zones whose temperature is known, in the order of the columns below.
    zone_c
        Shape (n, zones).
    heating_c, cooling_c
        Set-points in force, shape (n, zones), NaN columns where a zone has none; None without any.
    heads
        People present by each point that counts them.
    zone_co2_ppm
        Shape (n, k), of the zones that measure it.
    fan
        Share of the hour in which ventilation runs, mean of those that tell.
    meters
        Of energy that is bought, and of heat and cold within.
    """

    time_ms: Times
    outdoor_c: Floats | None
    sun_w_m2: Floats | None
    wind_m_s: Floats | None
    zones: tuple[str, ...]
    zone_c: Floats
    heating_c: Floats | None
    cooling_c: Floats | None
    heads: dict[str, Floats]
    zone_co2_ppm: Floats | None
    fan: Floats | None
    meters: tuple[Meter, ...]

    @property
    def hours(self) -> int:
        """How many."""
        return len(self.time_ms)

    @property
    def people(self) -> Floats | None:
        """People that are counted, shape (n,): a counter that is silent counts none; None without any."""
        return np.nansum(np.stack(list(self.heads.values()), 1), axis=1) if self.heads else None


@dataclass(frozen=True, slots=True)
class _Tagged:
    point: RecordedPoint
    unit: str
    role: Role
    time_ms: Times
    value: Floats


def read_signals(record: Record) -> Signals:
    """Hourly signals of a record.

    Raises
    ------
    DomainError
        There is no energy meter in it, or it covers less than a week.
    """
    tagged = [t for t in (_tag(p) for p in record.points) if t is not None and len(t.time_ms) > 1]
    meters = [t for t in tagged if t.role is Role.METER]
    if not meters:
        raise DomainError("no energy meter is in the record: a Brick class with Meter, or a unit of energy")
    edges = _edges(tagged)
    zones = sorted({t.point.zone or t.point.name for t in tagged if t.role is Role.TEMPERATURE})
    # Plena and attics have temperatures but nobody heats them.
    ruled = {t.point.zone for t in tagged if t.role is Role.HEATING_SETPOINT and t.point.zone}
    zones = [z for z in zones if z in ruled] or zones

    def of(role: Role) -> list[_Tagged]:
        return [t for t in tagged if t.role is role]

    def mean_of(role: Role, unit: str, hourly: Callable[[Times, Floats, Times], Floats]) -> Floats | None:
        found = [hourly(t.time_ms, _in_unit(t, unit), edges) for t in of(role)]
        return _mean(np.stack(found, 1)) if found else None

    return Signals(
        time_ms=edges[:-1],
        outdoor_c=mean_of(Role.OUTDOOR, "Cel", hourly_mean),
        sun_w_m2=mean_of(Role.SUN, "W/m2", hourly_mean),
        wind_m_s=mean_of(Role.WIND, "m/s", hourly_mean),
        zones=tuple(zones),
        zone_c=_by_zone(of(Role.TEMPERATURE), zones, edges, hourly_mean),
        heating_c=_setpoints(of(Role.HEATING_SETPOINT), zones, edges),
        cooling_c=_setpoints(of(Role.COOLING_SETPOINT), zones, edges),
        heads={t.point.name: _present(t, edges) for t in of(Role.PEOPLE)},
        zone_co2_ppm=np.stack([hourly_mean(t.time_ms, t.value, edges) for t in of(Role.CO2)], 1)
        if of(Role.CO2)
        else None,
        fan=mean_of(Role.FAN, "1", hourly_held),
        meters=tuple(_meters(meters, edges)),
    )


def _tag(point: RecordedPoint) -> _Tagged | None:
    try:
        unit = known_unit(point.unit)
    except DomainError:
        return None
    role = role_of(point.brick_class, unit, point.name)
    return _Tagged(point, unit, role, *in_order(point.time_ms, point.value))


def _edges(tagged: Iterable[_Tagged]) -> Times:
    """Edges of the whole hours that the meters and the weather cover."""
    sure = [t for t in tagged if t.role in (Role.METER, Role.OUTDOOR, Role.TEMPERATURE)]
    first = max(int(np.quantile([t.time_ms[0] for t in sure], 0.5)), min(int(t.time_ms[0]) for t in sure))
    last = int(np.quantile([t.time_ms[-1] + np.median(np.diff(t.time_ms)) for t in sure], 0.5))
    start, end = -(-first // HOUR_MS) * HOUR_MS, last // HOUR_MS * HOUR_MS
    if end - start < MIN_HOURS * HOUR_MS:
        raise DomainError(f"the record covers {max(end - start, 0) // HOUR_MS} hours; a week is the least")
    return np.arange(start, end + 1, HOUR_MS, dtype=np.int64)


def _meters(found: Iterable[_Tagged], edges: Times) -> Iterable[Meter]:
    for t in found:
        kwh = hourly_kwh(t.time_ms, t.value, t.unit, edges)
        if np.isfinite(kwh).mean() >= MIN_METER_COVERAGE:
            yield Meter(t.point.name, meter_kind(t.point.brick_class, t.point.name), kwh)


def _by_zone(
    found: list[_Tagged], zones: list[str], edges: Times, hourly: Callable[[Times, Floats, Times], Floats]
) -> Floats:
    columns = np.full((len(edges) - 1, len(zones)), np.nan)
    for i, zone in enumerate(zones):
        of_zone = [
            hourly(t.time_ms, _in_unit(t, "Cel"), edges) for t in found if (t.point.zone or t.point.name) == zone
        ]
        if of_zone:
            columns[:, i] = _mean(np.stack(of_zone, 1))
    return columns


def _present(t: _Tagged, edges: Times) -> Floats:
    """People per hour; days before the first and after the last reading of a counter are unknown, not empty."""
    heads = hourly_held(t.time_ms, t.value, edges)
    silent = (edges[1:] < t.time_ms[0] - SILENT_MS) | (edges[:-1] > t.time_ms[-1] + SILENT_MS)
    return np.where(silent, np.nan, heads)


def _setpoints(found: list[_Tagged], zones: list[str], edges: Times) -> Floats | None:
    if not found:
        return None
    columns = _by_zone(found, zones, edges, hourly_held)
    common = [hourly_held(t.time_ms, _in_unit(t, "Cel"), edges) for t in found if not t.point.zone]
    if common:
        shared = _mean(np.stack(common, 1))
        columns = np.where(np.isnan(columns), shared[:, None], columns)
    return columns if np.isfinite(columns).any() else None


def _in_unit(tagged: _Tagged, unit: str) -> Floats:
    scale = convert(1.0, tagged.unit, unit) - convert(0.0, tagged.unit, unit)
    return tagged.value * scale + convert(0.0, tagged.unit, unit)


def _mean(columns: Floats) -> Floats:
    known = np.isfinite(columns)
    count = known.sum(axis=1)
    total = np.where(known, columns, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


__all__ = ["Carrier", "EndUse", "Meter", "Signals", "read_signals"]
