"""From the store to a forecast, and the forecaster in the registry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.config.models import Building, Site, SqliteStore
from core.errors import DomainError, NotFoundError
from core.points import Counter, Measure, Point
from predict.forecast.forecaster import KIND
from predict.forecast.service import Issued, issue_forecast
from predict.forecast.walk import Model
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.forecast.office import ROME, hours, load, weather

BUILDING = "torino/calvino"
METER = Point(f"{BUILDING}/electricity", "Building_Electrical_Meter", "kW.h", Measure.REGISTER,
              counter=Counter(1e7, 500, 1.0))  # fmt: skip
NEW = Point(f"{BUILDING}/new", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
WATER = Point(f"{BUILDING}/water", "Building_Water_Meter", "m3", Measure.INTERVAL)
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
EXPECTED = Point(f"{OUTDOOR.id}-forecast", "Outside_Air_Temperature_Sensor", "Cel")
TIMES = hours(date(2025, 10, 1), date(2026, 3, 1))
TEMPERATURE = weather(TIMES)
USE = load(TIMES, TEMPERATURE)
NOW = ROME.midnight(date(2026, 2, 11)) + 9 * HOUR_MS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteReadingStore]:
    """Readings up to March; `NOW` lies before, so what comes after it must not be seen."""
    folder = tmp_path_factory.mktemp("forecast")
    with SqliteReadingStore(SqliteStore(path=str(folder / "readings.db"))) as opened:
        register = np.concatenate([[0], np.cumsum(USE)[:-1]])
        opened.write([(METER.id, t, v, 0) for t, v in zip(TIMES.tolist(), register.tolist(), strict=True)])
        young = TIMES >= NOW - 3 * 24 * HOUR_MS
        opened.write([(NEW.id, t, v, 0) for t, v in zip(TIMES[young].tolist(), USE[young].tolist(), strict=True)])
        for point in (OUTDOOR, EXPECTED):
            opened.write([(point.id, t, v, 0) for t, v in zip(TIMES.tolist(), TEMPERATURE.tolist(), strict=True)])
        yield opened


def open_registry(folder: Path, points: list[Point]) -> Registry:
    registry = Registry.open(f"sqlite:///{folder}/registry.db")
    registry.put_site(Site(id="torino", timezone="Europe/Rome"))
    registry.put_building(Building(id=BUILDING, meters=[METER.id, NEW.id], outdoor_temperature=OUTDOOR.id))
    registry.declare_points("torino/cellar", points, NOW)
    return registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with open_registry(tmp_path, [METER, NEW, WATER, OUTDOOR, EXPECTED]) as opened:
        yield opened


def ask(store: SqliteReadingStore, registry: Registry, meter: str = METER.id, *, issue_ms: int = NOW) -> Issued:
    return issue_forecast(store, registry, meter, issue_ms=issue_ms, hours=48, now_ms=NOW, keep=True)[0]


def test_a_meter_is_forecast_from_what_is_stored(store: SqliteReadingStore, registry: Registry) -> None:
    found = ask(store, registry)
    actual = USE[np.isin(TIMES, found.forecast.time_ms)]
    assert set(found.forecast.model) == {Model.BLEND}
    assert set(found.forecast.degraded) == {()}
    assert np.abs(found.forecast.kwh - actual).mean() / actual.mean() < 0.12


def test_the_forecaster_is_kept_and_used_again_for_a_week(store: SqliteReadingStore, registry: Registry) -> None:
    first, again = ask(store, registry), ask(store, registry)
    assert (first.version, again.version) == (1, 1)
    assert first.forecast.kwh == pytest.approx(again.forecast.kwh)
    later = NOW + 10 * 24 * HOUR_MS
    found, _ = issue_forecast(store, registry, METER.id, issue_ms=later, hours=24, now_ms=later, keep=True)
    assert found.version == 2
    assert [record.version for record in registry.models(METER.id) if record.kind == KIND] == [2, 1]


def test_an_issue_in_the_past_uses_no_forecaster_of_later(store: SqliteReadingStore, registry: Registry) -> None:
    ask(store, registry)
    past = NOW - 20 * 24 * HOUR_MS
    found = ask(store, registry, issue_ms=past)
    assert found.version is None
    assert found.learnt_until_ms <= past
    assert len(registry.models(METER.id)) == 1


def test_readings_stored_later_change_no_forecast(
    store: SqliteReadingStore, registry: Registry, tmp_path: Path
) -> None:
    with SqliteReadingStore(SqliteStore(path=str(tmp_path / "short.db"))) as short:
        for point in (METER, OUTDOOR, EXPECTED):
            series = store.read(point.id, 0, NOW + 1 if point is not EXPECTED else NOW + 48 * HOUR_MS)
            rows = zip(series.time_ms.tolist(), series.value.tolist(), strict=True)
            short.write([(point.id, t, v, 0) for t, v in rows])
        assert ask(short, registry).forecast.kwh == pytest.approx(ask(store, registry).forecast.kwh, rel=1e-9)


def test_without_a_weather_forecast_the_day_before_stands_for_it(store: SqliteReadingStore, tmp_path: Path) -> None:
    with open_registry(tmp_path, [METER, OUTDOOR]) as registry:
        found = ask(store, registry).forecast
    assert np.isfinite(found.kwh).all()
    assert found.degraded[-1] == ("no weather forecast: that of the day before",)


def test_a_meter_of_three_days_is_forecast_by_a_simpler_model(store: SqliteReadingStore, registry: Registry) -> None:
    found = ask(store, registry, NEW.id).forecast
    assert set(found.model) == {Model.FEW_DAYS}
    assert np.isfinite(found.kwh).all()


def test_what_cannot_be_forecast_says_why(store: SqliteReadingStore, registry: Registry) -> None:
    with pytest.raises(NotFoundError):
        ask(store, registry, f"{BUILDING}/nothing")
    with pytest.raises(DomainError, match="is not an energy"):
        ask(store, registry, WATER.id)
    with pytest.raises(DomainError, match="1 to 168 hours"):
        issue_forecast(store, registry, METER.id, issue_ms=NOW, hours=500, now_ms=NOW, keep=False)


def test_a_meter_without_readings_is_said_to_have_none(store: SqliteReadingStore, tmp_path: Path) -> None:
    silent = Point(f"{BUILDING}/silent", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
    with open_registry(tmp_path, [silent, OUTDOOR]) as registry:
        found = ask(store, registry, silent.id).forecast
    assert set(found.model) == {Model.NOTHING}
    assert np.isnan(found.kwh).all()
