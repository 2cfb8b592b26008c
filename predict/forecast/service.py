"""From the store to a forecast: reads what is known at the issue, keeps the forecaster in the registry."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import ConflictError, DomainError
from core.points import Point, building_of
from predict.fit import find_building, find_point
from predict.forecast.forecaster import HISTORY_DAYS, KIND, Forecast, LoadForecaster
from predict.series import MAX_GAP_MS, Floats, Times, hour_edges, hourly_temperature, pieces, spread, usable
from stores.port import ReadingStore
from stores.registry import Registry

log = logging.getLogger("promessa.predict")

LEARN_DAYS: Final = 2 * 365
"""What a forecaster learns from, at most."""
REFIT_AFTER_DAYS: Final = 7
MAX_HOURS: Final = 7 * 24
FORECAST_SUFFIX: Final = "-forecast"
"""A point named like the outdoor temperature with this behind it holds its forecast: readings of times to come."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast and where it comes from.

    Attributes
    ----------
    meter
        Point id.
    forecast
        The hours to come.
    version
        Of the forecaster in the registry; None when it was fitted for this answer alone.
    learnt_until_ms
        End of what the forecaster learnt from, UTC milliseconds.
    """

    meter: str
    forecast: Forecast
    version: int | None
    learnt_until_ms: int


@dataclass(frozen=True, slots=True)
class _Known:
    """Hours up to the horizon as far as they are known at the issue."""

    time_ms: Times
    kwh: Floats
    temperature_c: Floats


def issue_forecast(
    store: ReadingStore,
    registry: Registry,
    meter_id: str,
    *,
    issue_ms: int,
    hours: int,
    now_ms: int,
    keep: bool,
) -> tuple[Issued, Calendar]:
    """Forecast of a meter, issued at any time, in the past too: nothing measured later is looked at.

    Parameters
    ----------
    issue_ms, now_ms
        UTC milliseconds; the forecast begins with the hour of the issue.
    hours
        How many, at most a week.
    keep
        Keep a forecaster that had to be fitted as the meter's next version, when the issue is not in the past.

    Raises
    ------
    NotFoundError
        The meter, its building or its site is not in the registry.
    DomainError
        The meter measures no energy, or the horizon is not between an hour and a week.
    """
    if not 1 <= hours <= MAX_HOURS:
        raise DomainError(f"a forecast has 1 to {MAX_HOURS} hours, not {hours}")
    building, calendar = find_building(registry, building_of(meter_id))
    meter = find_point(registry, meter_id, "meter")
    sensor = registry.point(building.outdoor_temperature) if building.outdoor_temperature else None
    expected = registry.point(sensor.id + FORECAST_SUFFIX) if sensor else None
    known = _read(store, meter, sensor, expected, calendar, issue_ms, hours)
    model, version = _latest(registry, meter_id, calendar, issue_ms)
    if model is None:
        model = LoadForecaster(calendar)
        past = known.time_ms < calendar.midnight(calendar.day_of(issue_ms))
        model.fit(known.time_ms[past], known.kwh[past], known.temperature_c[past])
        if keep and issue_ms >= now_ms - HOUR_MS:
            version = _keep(registry, meter_id, model, int(known.time_ms[0]), now_ms)
    recent = known.time_ms >= issue_ms - (HISTORY_DAYS + 1) * 24 * HOUR_MS
    found = model.predict(
        known.time_ms[recent], known.kwh[recent], known.temperature_c[recent], issue_ms=issue_ms, hours=hours
    )
    return Issued(meter_id, found, version, model.learnt_until_ms_), calendar


def _latest(
    registry: Registry, meter_id: str, calendar: Calendar, issue_ms: int
) -> tuple[LoadForecaster | None, int | None]:
    """Newest forecaster of the meter, if it is fresh and learnt nothing from after the issue."""
    record = registry.latest_model(meter_id, KIND)
    if record is None or not issue_ms - REFIT_AFTER_DAYS * 24 * HOUR_MS <= record.end_ms <= issue_ms:
        return None, None
    try:
        return LoadForecaster.from_bytes(record.blob, calendar), record.version
    except DomainError as error:  # of an older format, or the site has moved: it is fitted again
        log.info("forecaster_unusable meter=%s version=%d reason=%r", meter_id, record.version, error.message)
        return None, None


def _keep(registry: Registry, meter_id: str, model: LoadForecaster, start_ms: int, now_ms: int) -> int | None:
    period = (start_ms, model.learnt_until_ms_)
    try:
        record = registry.put_model(
            meter_id,
            KIND,
            period=period,
            figures={"second_day": model.second_day_},
            blob=model.to_bytes(),
            now_ms=now_ms,
        )
    except ConflictError:  # another process kept one in this moment: as good as this one
        return None
    log.info("forecaster_fitted meter=%s version=%d", meter_id, record.version)
    return record.version


def _read(
    store: ReadingStore,
    meter: Point,
    sensor: Point | None,
    expected: Point | None,
    calendar: Calendar,
    issue_ms: int,
    hours: int,
) -> _Known:
    extent = store.extent(meter.id)
    first = max(issue_ms - LEARN_DAYS * 24 * HOUR_MS, min(extent.first_ms, issue_ms) if extent else issue_ms)
    start = calendar.midnight(calendar.day_of(first))
    midnight = calendar.midnight(calendar.day_of(issue_ms))
    if start >= midnight:  # there is always a day to learn from, be it an unknown one
        start = calendar.midnight(calendar.day_of(midnight - 1))
    edges = hour_edges(start, issue_ms + (hours + 1) * HOUR_MS, calendar)
    # Not `hourly_energy`: it looks at readings after its end, and here those have not been measured yet.
    series = usable(store.read(meter.id, start - MAX_GAP_MS, issue_ms + 1))
    kwh = spread(*pieces(series, meter), edges).kwh
    issue_hour = issue_ms // HOUR_MS * HOUR_MS
    time_ms = edges[:-1]
    temperature = np.full(len(time_ms), np.nan)
    for point, from_ms, to_ms in ((sensor, start, issue_hour), (expected, issue_hour, int(edges[-1]))):
        if point is not None and from_ms < to_ms:
            here = (time_ms >= from_ms) & (time_ms < to_ms)
            temperature[here] = hourly_temperature(store, point, from_ms, to_ms, calendar)[: int(here.sum())]
    return _Known(time_ms, np.where(time_ms < issue_hour, kwh, np.nan), temperature)
