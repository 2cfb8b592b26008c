"""Day-ahead forecasts of recorded hours: none sees past its midnight."""

from datetime import date

import numpy as np
import pytest

from core.calendar import HOUR_MS
from predict.figures import figures
from predict.forecast.recorded import DayAhead, day_ahead
from predict.forecast.walk import Model
from tests.predict.forecast.office import ROME, hours, load, weather

TIMES = hours(date(2025, 1, 1), date(2026, 5, 1))
TEMPERATURE = weather(TIMES)
SUN = np.maximum(0, 600 * np.sin((TIMES / 86_400_000 - 0.25) * 2 * np.pi))
USE = load(TIMES, TEMPERATURE)
START = ROME.midnight(date(2025, 12, 1))
CUT = ROME.midnight(date(2026, 2, 10))


def run(kwh: np.ndarray = USE, temperature: np.ndarray = TEMPERATURE, sun: np.ndarray = SUN) -> DayAhead:
    """All midnights from December on."""
    return day_ahead(ROME, TIMES, kwh, temperature, sun, START)


@pytest.fixture(scope="module")
def plain() -> DayAhead:
    return run()


def test_each_hour_is_issued_at_its_own_midnight(plain: DayAhead) -> None:
    asked = TIMES >= START
    assert plain.time_ms.tolist() == TIMES[asked].tolist()
    midnights = [ROME.midnight(ROME.day_of(int(t))) for t in plain.time_ms]
    assert plain.issue_ms.tolist() == midnights
    assert set(plain.model) == {Model.BLEND}
    assert not any(plain.persisted)


def test_an_office_is_forecast_well_and_the_interval_keeps_its_word(plain: DayAhead) -> None:
    actual = USE[TIMES >= START]
    week_before = USE[np.flatnonzero(TIMES >= START) - 168]
    ours, naive = figures(actual, plain.kwh), figures(actual, week_before)
    assert ours.cv_rmse is not None
    assert naive.cv_rmse is not None
    assert ours.cv_rmse < 0.6 * naive.cv_rmse
    assert ours.nmbe == pytest.approx(0, abs=1)
    assert np.mean((actual >= plain.p10) & (actual <= plain.p90)) == pytest.approx(0.8, abs=0.03)
    assert ((plain.p10 <= plain.kwh) & (plain.kwh <= plain.p90)).all()


@pytest.mark.parametrize("change", ["larger", "gone", "noise"])
def test_readings_after_an_issue_change_nothing_in_it(plain: DayAhead, change: str) -> None:
    kwh = USE.copy()
    after = TIMES >= CUT
    random = np.random.default_rng(8)
    kwh[after] = {"larger": 50 * USE[after], "gone": np.nan, "noise": random.exponential(9, after.sum())}[change]
    other = run(kwh)
    told = plain.issue_ms <= CUT
    for name in ("kwh", "p10", "p90"):
        assert getattr(plain, name)[told] == pytest.approx(getattr(other, name)[told], rel=1e-9)
    assert not (plain.kwh[~told] == other.kwh[~told]).all()


def test_weather_after_the_day_forecast_changes_nothing_in_it(plain: DayAhead) -> None:
    after = TIMES >= CUT
    other = run(temperature=np.where(after, -40.0, TEMPERATURE), sun=np.where(after, 0.0, SUN))
    told = plain.time_ms < CUT
    assert plain.kwh[told] == pytest.approx(other.kwh[told], rel=1e-9)
    assert not (plain.kwh[~told] == other.kwh[~told]).all()


def test_gaps_leave_no_hour_without_a_forecast(plain: DayAhead) -> None:
    kwh, temperature = USE.copy(), TEMPERATURE.copy()
    kwh[np.random.default_rng(1).random(len(kwh)) < 0.1] = np.nan
    kwh[(TIMES >= CUT) & (TIMES < CUT + 20 * 24 * HOUR_MS)] = np.nan
    cold_gap = (TIMES >= CUT) & (TIMES < CUT + 30 * 24 * HOUR_MS)
    temperature[cold_gap] = np.nan
    other = run(kwh, temperature, np.full(len(TIMES), np.nan))
    assert np.isfinite(other.kwh).all()
    assert np.isfinite(other.p10).all()
    assert np.isfinite(other.p90).all()
    assert sum(other.persisted) == 30 * 24
    actual = USE[TIMES >= START]
    spoilt = figures(actual, other.kwh)
    assert spoilt.cv_rmse is not None
    assert spoilt.cv_rmse < 25


def test_a_new_meter_is_spoken_for_by_simpler_models_first() -> None:
    begin = ROME.midnight(date(2025, 12, 10)) + 5 * HOUR_MS
    found = run(np.where(begin <= TIMES, USE, np.nan))
    first = dict(zip(found.issue_ms.tolist(), found.model, strict=True))
    spoke = list(dict.fromkeys(found.model))
    assert spoke == [Model.NOTHING, Model.FEW_DAYS, Model.PROFILE, Model.BLEND]
    assert first[ROME.midnight(date(2025, 12, 13))] is Model.FEW_DAYS
    silent = np.array([model is Model.NOTHING for model in found.model])
    assert np.isnan(found.kwh[silent]).all()
    assert np.isfinite(found.kwh[~silent]).all()
    assert np.isfinite(found.p90[~silent]).all()
    blend = np.array([model is Model.BLEND for model in found.model])
    told = figures(USE[TIMES >= START][blend], found.kwh[blend])
    assert told.cv_rmse is not None
    assert told.cv_rmse < 25


def test_a_meter_without_readings_gets_no_numbers() -> None:
    found = run(np.full(len(TIMES), np.nan))
    assert len(found.kwh) == int((TIMES >= START).sum())
    assert np.isnan(found.kwh).all()
    assert set(found.model) == {Model.NOTHING}


@pytest.mark.parametrize("kwh", [np.zeros(len(TIMES)), np.full(len(TIMES), 7.0), np.where(USE > 60, 1e9, USE)])
def test_strange_meters_are_forecast_within_what_they_showed(kwh: np.ndarray) -> None:
    found = run(kwh)
    assert np.isfinite(found.kwh).all()
    assert found.kwh.min() >= 0
    assert found.kwh.max() <= 1.2 * kwh.max() + 1e-9
