"""From the store to a baseline in the registry, and from both to the gap."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar, Step
from core.config.models import Building, Site, SqliteStore
from core.errors import DomainError, NotFoundError
from core.points import Counter, Measure, Point
from predict.baseline import KIND, DayBaseline
from predict.fit import BaselineFigures, fit_building, latest_baseline
from predict.gap import building_gap, expected_energy
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore

ROME = Calendar("Europe/Rome")
BUILDING = "torino/calvino"
GAS = Point(f"{BUILDING}/gas", "Building_Gas_Meter", "kW.h", Measure.REGISTER, counter=Counter(1e6, 500, 1.0))
POWER = Point(f"{BUILDING}/electricity", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
LOST = Point(f"{BUILDING}/lost", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
YEAR = (ROME.midnight(date(2025, 1, 1)), ROME.midnight(date(2026, 1, 1)))
TIMES = np.arange(YEAR[0], ROME.midnight(date(2026, 2, 1)) + HOUR_MS, HOUR_MS)
RNG = np.random.default_rng(4)
TEMPERATURE = 12 - 10 * np.cos((TIMES - YEAR[0]) / 86_400_000 / 365 * 2 * np.pi) + RNG.normal(0, 2, len(TIMES))
USE = 20 + 2 * np.maximum(16 - TEMPERATURE, 0) + RNG.normal(0, 1, len(TIMES))
MORE = np.where(YEAR[1] <= TIMES, 1.2, 1.0)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("year")
    with SqliteReadingStore(SqliteStore(path=str(directory / "readings.db"))) as store:
        times = TIMES.tolist()
        # In a register the energy of an hour shows at its end; it rolls over in spring.
        register = np.concatenate([[0], np.cumsum(USE * MORE)[:-1]]) + 950_000
        store.write([(GAS.id, t, round(v % 1e6), 0) for t, v in zip(times, register.tolist(), strict=True)])
        store.write([(POWER.id, t, v, 0) for t, v in zip(times, USE.tolist(), strict=True)])
        store.write([(OUTDOOR.id, t, v, 0) for t, v in zip(times, TEMPERATURE.tolist(), strict=True)])
    return directory


@pytest.fixture
def store(places: Path) -> Iterator[SqliteReadingStore]:
    with SqliteReadingStore(SqliteStore(path=str(places / "readings.db"))) as opened:
        yield opened


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as opened:
        opened.put_site(Site(id="torino", timezone="Europe/Rome"))
        opened.put_building(
            Building(
                id=BUILDING,
                meters=[GAS.id, POWER.id, LOST.id],
                outdoor_temperature=OUTDOOR.id,
                baseline_start=date(2025, 1, 1),
                baseline_end=date(2026, 1, 1),
            )
        )
        opened.declare_points("torino/cellar", [GAS, POWER, LOST, OUTDOOR], YEAR[0])
        yield opened


def test_each_meter_gets_a_baseline_with_its_period_and_figures(store: SqliteReadingStore, registry: Registry) -> None:
    gas, power, lost = fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    assert (lost.record, lost.reason) == (None, f"{LOST.id} has no readings to fit")
    assert gas.record is not None
    assert power.record is not None
    assert (gas.record.kind, gas.record.version) == (KIND, 1)
    assert (gas.record.start_ms, gas.record.end_ms) == YEAR
    kept = msgspec.convert(gas.record.figures, BaselineFigures)
    assert kept.disqualified == []
    assert kept.fit.cv_rmse is not None
    assert kept.fit.cv_rmse < 10
    assert kept.data.valid_days == 365
    assert kept.temperature == OUTDOOR.id


def test_the_same_data_gives_the_same_model_under_a_new_version(store: SqliteReadingStore, registry: Registry) -> None:
    first, second = (fit_building(store, registry, BUILDING, now_ms=YEAR[1])[0].record for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.version, second.version) == (1, 2)
    assert first.figures == second.figures
    model, record = latest_baseline(registry, GAS.id, ROME)
    assert isinstance(model, DayBaseline)
    assert record.version == 2


def test_the_gap_finds_what_is_used_beyond_the_baseline(store: SqliteReadingStore, registry: Registry) -> None:
    fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    end = ROME.midnight(date(2026, 2, 1))
    result = building_gap(store, registry, BUILDING, YEAR[1], end, Step.WEEK)
    gas, power = result.meters
    january = USE[(YEAR[1] <= TIMES) & (end > TIMES)].sum()
    assert gas.total.coverage == 1
    assert gas.total.actual_kwh == pytest.approx(1.2 * january, rel=0.001)
    assert gas.total.gap_kwh == pytest.approx(0.2 * january, rel=0.15)
    assert gas.total.is_significant
    assert power.total.predicted_kwh == pytest.approx(january, rel=0.02)
    assert abs(power.total.gap_kwh) < 0.02 * january
    assert gas.steps.gap_kwh.sum() == pytest.approx(gas.total.gap_kwh)
    assert list(result.missing) == [LOST.id]


def test_a_gap_beyond_the_stored_readings_says_what_it_covers(store: SqliteReadingStore, registry: Registry) -> None:
    fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    start, end = ROME.midnight(date(2026, 1, 25)), ROME.midnight(date(2026, 2, 8))
    power = building_gap(store, registry, BUILDING, start, end, Step.DAY).meters[1]
    assert power.total.coverage == pytest.approx(0.5, abs=0.01)
    assert power.steps.coverage.tolist()[:7] == [1.0] * 7
    assert np.isnan(power.steps.gap_kwh[9:]).all()


def test_expected_energy_needs_no_reading_of_the_meter(store: SqliteReadingStore, registry: Registry) -> None:
    fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    day = ROME.day_bounds(date(2026, 1, 14))
    expected = expected_energy(store, registry, GAS.id, ROME, start_ms=day[0], end_ms=day[1])
    assert expected.time_ms.tolist() == list(range(*day, HOUR_MS))
    here = (day[0] <= TIMES) & (day[1] > TIMES)
    assert expected.kwh.sum() == pytest.approx(USE[here].sum(), rel=0.1)


def test_unknown_buildings_and_missing_baselines_are_named(store: SqliteReadingStore, registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="torino/nowhere"):
        fit_building(store, registry, "torino/nowhere", now_ms=0)
    result = building_gap(store, registry, BUILDING, *YEAR, Step.MONTH)
    assert result.meters == []
    assert "no baseline yet" in result.missing[GAS.id]
    with pytest.raises(NotFoundError, match="no baseline yet"):
        expected_energy(store, registry, GAS.id, ROME, start_ms=YEAR[0], end_ms=YEAR[1])


def test_a_baseline_of_another_time_zone_is_named_and_not_used(store: SqliteReadingStore, registry: Registry) -> None:
    fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    registry.put_site(Site(id="torino", timezone="Europe/London"))
    result = building_gap(store, registry, BUILDING, *YEAR, Step.MONTH)
    assert result.meters == []
    assert "fit it again" in result.missing[GAS.id]


@pytest.mark.parametrize(("start", "end", "step"), [(0, 0, Step.DAY), (0, HOUR_MS, Step.MINUTE_15)])
def test_a_gap_that_makes_no_sense_is_refused(
    store: SqliteReadingStore, registry: Registry, start: int, end: int, step: Step
) -> None:
    fit_building(store, registry, BUILDING, now_ms=YEAR[1])
    with pytest.raises(DomainError):
        building_gap(store, registry, BUILDING, YEAR[1] + start, YEAR[1] + end, step)
