"""Hours of energy and of weather from the store, with what is known of each hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS, MINUTE_MS, Calendar, Step
from core.errors import DomainError
from core.points import Counter, Measure, Point
from core.readings import BAD_FROM
from core.units import UNITS, convert
from stores.port import ReadingStore, Series

Times: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

MAX_GAP_MS: Final = 90 * MINUTE_MS
"""Between readings further apart than this nobody knows in which hour the energy was used."""
MIN_COVERAGE: Final = 0.9
"""An hour known for less than this is unknown; one known for more is scaled to the whole hour."""
MAX_FILL_H: Final = 6
"""Temperatures unknown for no longer than this are interpolated."""


@dataclass(frozen=True, slots=True)
class Outdoors:
    """Who measures the weather that a baseline uses.

    Attributes
    ----------
    temperature
        Outdoor air temperature.
    irradiance
        Global horizontal; None where nobody measures it.
    """

    temperature: Point
    irradiance: Point | None = None

    def hours(
        self, store: ReadingStore, start_ms: int, end_ms: int, calendar: Calendar
    ) -> tuple[Floats, Floats | None]:
        """Hourly means of both (degrees Celsius, W/m2) in the hours that cover ``[start_ms, end_ms)``; else NaN."""
        temperature = hourly_temperature(store, self.temperature, start_ms, end_ms, calendar)
        if self.irradiance is None:
            return temperature, None
        edges = hour_edges(start_ms, end_ms, calendar)
        buckets = store.aggregate(self.irradiance.id, int(edges[0]), int(edges[-1]), Step.HOUR, calendar)
        return temperature, np.asarray(buckets.mean) * convert(1.0, self.irradiance.unit, "W/m2")


@dataclass(frozen=True, slots=True)
class HourlyEnergy:
    """Energy of one meter per hour, consecutive hours aligned to the site's clock.

    Attributes
    ----------
    time_ms
        Shape (n,): start of each hour, UTC milliseconds.
    kwh
        Shape (n,): consumption positive, production negative; NaN where unknown.
    coverage
        Shape (n,): share of the hour that is known, 0 to 1.
    """

    time_ms: Times
    kwh: Floats
    coverage: Floats


def hour_edges(start_ms: int, end_ms: int, calendar: Calendar) -> Times:
    """Edges of the hours that cover ``[start_ms, end_ms)``; n hours have n + 1 edges."""
    first = calendar.floor(start_ms, Step.HOUR)
    hours = max(0, -((first - end_ms) // HOUR_MS))
    return first + np.arange(hours + 1, dtype=np.int64) * HOUR_MS


def hourly_energy(store: ReadingStore, meter: Point, start_ms: int, end_ms: int, calendar: Calendar) -> HourlyEnergy:
    """Energy of `meter` in the hours that cover ``[start_ms, end_ms)``, from what the store holds.

    Raises
    ------
    DomainError
        The meter's unit is neither energy nor (for instant values) power.
    """
    edges = hour_edges(start_ms, end_ms, calendar)
    # Readings just outside tell about the first and last hour.
    series = usable(store.read(meter.id, int(edges[0]) - MAX_GAP_MS, int(edges[-1]) + MAX_GAP_MS))
    return spread(*pieces(series, meter), edges)


def hourly_temperature(store: ReadingStore, sensor: Point, start_ms: int, end_ms: int, calendar: Calendar) -> Floats:
    """Mean of `sensor` (degrees Celsius) in the hours that cover ``[start_ms, end_ms)``; NaN where unknown.

    Unknown hours between known ones no more than `MAX_FILL_H` apart are interpolated: outdoor air moves slowly.
    """
    edges = hour_edges(start_ms, end_ms, calendar)
    buckets = store.aggregate(sensor.id, int(edges[0]), int(edges[-1]), Step.HOUR, calendar)
    scale = convert(1.0, sensor.unit, "Cel") - convert(0.0, sensor.unit, "Cel")
    return fill_short_gaps(np.asarray(buckets.mean) * scale + convert(0.0, sensor.unit, "Cel"))


def fill_short_gaps(values: Floats, max_fill: int = MAX_FILL_H) -> Floats:
    """Interpolate runs of up to `max_fill` NaN between known values; longer ones and the ends stay NaN."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return values.copy()
    index = np.arange(len(values))
    before = np.searchsorted(known, index, side="right") - 1
    after = np.minimum(np.searchsorted(known, index), len(known) - 1)
    inside = (before >= 0) & (index <= known[-1])
    short = inside & (known[after] - known[np.maximum(before, 0)] - 1 <= max_fill)
    return np.where(short, np.interp(index, known, values[known]), np.nan)


def fill_as_usual(values: Floats, time_ms: Times) -> Floats:
    """Unknown hours as is usual for their season and time of day; all NaN where nothing is known.

    Parameters
    ----------
    values, time_ms
        Shape (n,): of hours, NaN where unknown, and their starts, UTC milliseconds.

    Notes
    -----
    Least squares on the products of the first harmonics of the year and of the (UTC) day.
    """
    known = np.isfinite(values)
    if known.all() or not known.any():
        return values.copy()
    day = time_ms / (24 * HOUR_MS)
    year, hour = (_first_harmonic(2 * np.pi * angle) for angle in (day / 365.25, day % 1.0))
    basis = (year[:, :, None] * hour[:, None, :]).reshape(len(values), -1)
    # A little ridge, so that a week of data does not tell stories about the other half of the year.
    gram = basis[known].T @ basis[known] + np.diag([1e-9] + [24.0] * (basis.shape[1] - 1))
    usual = basis @ np.linalg.solve(gram, basis[known].T @ values[known])
    return np.where(known, values, usual)


def _first_harmonic(angle: Floats) -> Floats:
    return np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)


def usable(series: Series) -> Series:
    """The readings that count in sums: good and uncertain ones with a finite value."""
    keep = (series.quality < BAD_FROM) & np.isfinite(series.value)
    return Series(series.time_ms[keep], series.value[keep], series.quality[keep])


def pieces(series: Series, meter: Point) -> tuple[Times, Times, Floats]:
    """Intervals of known energy, apart from each other and in order: start, end (UTC ms) and kWh of each."""
    unit = UNITS[meter.unit]
    if meter.measure is Measure.INSTANT:
        if unit.dimension != "power":
            raise DomainError(f"{meter.id}: {meter.unit} is not a power, so it has no energy")
        kilowatts = series.value * convert(1.0, meter.unit, "kW")
        amount = (kilowatts[1:] + kilowatts[:-1]) / 2 * np.diff(series.time_ms) / HOUR_MS
        return _short(series.time_ms[:-1], series.time_ms[1:], amount)
    if unit.dimension != "energy":
        raise DomainError(f"{meter.id}: {meter.unit} is not an energy: scale it to kW.h where it is read")
    factor = convert(1.0, meter.unit, "kW.h")
    if meter.counter is not None:
        amount = register_amounts(series.time_ms, series.value, meter.counter) * factor
        return _short(series.time_ms[:-1], series.time_ms[1:], amount)
    return series.time_ms, _interval_ends(series.time_ms), series.value * factor


def _short(start_ms: Times, end_ms: Times, amount: Floats) -> tuple[Times, Times, Floats]:
    keep = np.isfinite(amount) & (end_ms - start_ms <= MAX_GAP_MS)
    return start_ms[keep], end_ms[keep], amount[keep]


def _interval_ends(start_ms: Times) -> Times:
    """A reading says when its interval starts, not how long it is: the usual distance, at most an hour."""
    if len(start_ms) < 3:
        return start_ms + HOUR_MS
    steps = np.diff(start_ms)
    usual = min(int(np.median(steps)), HOUR_MS)
    return np.asarray(start_ms + np.append(np.minimum(steps, usual), usual), np.int64)


def register_amounts(time_ms: Times, value: Floats, counter: Counter) -> Floats:
    """What a register counted between consecutive readings: `core.registers.register_step` for whole arrays.

    Parameters
    ----------
    time_ms, value
        Shape (n,), times strictly ascending.

    Returns
    -------
    ndarray of shape (n - 1,)
        In the register's unit, never negative; NaN where nobody can know.
    """
    held = _without_jitter(value, counter)
    change, after = np.diff(held), held[1:]
    bound = counter.max_rate_per_h * np.diff(time_ms) / HOUR_MS + 2 * counter.resolution
    around = change + counter.rollover
    return np.select(
        [(change >= 0) & (change <= bound), change > bound,
         (around >= 0) & (around <= bound), (after >= 0) & (after <= bound)],
        [change, np.full_like(change, np.nan), around, after],
        np.nan,
    )  # fmt: skip


def _without_jitter(value: Floats, counter: Counter) -> Floats:
    """Hold the highest value between larger steps back: a digit that flickers down and up again has counted nothing."""
    if not len(value):
        return value
    # Each run is lifted above all before it, so that one accumulation serves them all.
    lift = 1.0 + float(value.max() - value.min())
    run = np.cumsum(np.append(0.0, np.diff(value) < -counter.jitter)) * lift
    return np.asarray(np.maximum.accumulate(value + run) - run, np.float64)


def spread(start_ms: Times, end_ms: Times, kwh: Floats, edges_ms: Times) -> HourlyEnergy:
    """Spread intervals of known energy over hours, evenly within each interval.

    Parameters
    ----------
    start_ms, end_ms, kwh
        Shape (m,): intervals that do not overlap, in order.
    edges_ms
        Shape (n + 1,): edges of the hours.
    """
    hours = len(edges_ms) - 1
    if not len(kwh):
        return HourlyEnergy(edges_ms[:-1], np.full(hours, np.nan), np.zeros(hours))
    # Cumulative energy and cumulative known time are piecewise linear, flat where nothing is known.
    knots = np.stack([start_ms, end_ms], 1).ravel().astype(np.float64)
    energy = _cumulative(knots, kwh, edges_ms)
    known = _cumulative(knots, (end_ms - start_ms).astype(np.float64), edges_ms)
    coverage = np.clip(known / np.diff(edges_ms), 0.0, 1.0)
    enough = coverage >= MIN_COVERAGE
    return HourlyEnergy(edges_ms[:-1], np.where(enough, energy / np.where(enough, coverage, 1.0), np.nan), coverage)


def _cumulative(knots: Floats, amounts: Floats, edges_ms: Times) -> Floats:
    steps = np.stack([np.zeros_like(amounts), amounts], 1).ravel()
    return np.diff(np.interp(edges_ms.astype(np.float64), knots, np.cumsum(steps)))
