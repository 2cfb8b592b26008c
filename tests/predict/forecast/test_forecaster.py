"""One meter's forecaster, issued at any hour."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.forecast.forecaster import LoadForecaster
from predict.forecast.recorded import day_ahead
from predict.forecast.walk import Model
from tests.predict.forecast.office import ROME, hours, load, weather

TIMES = hours(date(2025, 6, 1), date(2026, 4, 10))
TEMPERATURE = weather(TIMES)
USE = load(TIMES, TEMPERATURE)
LEARNT = ROME.midnight(date(2026, 3, 16))
MONDAY = ROME.midnight(date(2026, 3, 23))
PAST = TIMES < LEARNT


@pytest.fixture(scope="module")
def model() -> LoadForecaster:
    return LoadForecaster(ROME).fit(TIMES[PAST], USE[PAST], TEMPERATURE[PAST])


@pytest.mark.parametrize("hour", [0, 9, 23])
def test_two_days_are_forecast_from_any_hour_on(model: LoadForecaster, hour: int) -> None:
    issue = MONDAY + hour * HOUR_MS
    found = model.predict(TIMES, USE, TEMPERATURE, issue_ms=issue + 1, hours=48)
    assert found.issue_ms == issue
    assert found.time_ms.tolist() == [issue + i * HOUR_MS for i in range(48)]
    assert set(found.model) == {Model.BLEND}
    assert set(found.degraded) == {()}
    assert ((found.p10 <= found.kwh) & (found.kwh <= found.p90)).all()
    actual = USE[np.isin(TIMES, found.time_ms)]
    assert np.abs(found.kwh - actual).mean() / actual.mean() < 0.1


@pytest.mark.parametrize("hour", [0, 13])
def test_nothing_after_the_issue_nor_beyond_the_horizon_is_seen(model: LoadForecaster, hour: int) -> None:
    issue = MONDAY + hour * HOUR_MS
    plain = model.predict(TIMES, USE, TEMPERATURE, issue_ms=issue)
    kwh = np.where(issue <= TIMES, 1e5, USE)
    temperature = np.where(issue + 48 * HOUR_MS <= TIMES, -50.0, TEMPERATURE)
    other = model.predict(TIMES, kwh, temperature, issue_ms=issue)
    for name in ("kwh", "p10", "p90"):
        assert getattr(plain, name) == pytest.approx(getattr(other, name), rel=1e-9)
    earlier = np.where((issue > TIMES) & (issue - 24 * HOUR_MS <= TIMES), 1.3 * USE, USE)
    assert model.predict(TIMES, earlier, TEMPERATURE, issue_ms=issue).kwh[0] > plain.kwh[0]


def test_fitting_sees_nothing_of_the_future_either(model: LoadForecaster) -> None:
    again = LoadForecaster(ROME).fit(TIMES[PAST], USE[PAST], TEMPERATURE[PAST])
    assert again.to_bytes() == model.to_bytes()


def test_a_colder_forecast_means_more_heat(model: LoadForecaster) -> None:
    cold = np.where(TIMES >= MONDAY, TEMPERATURE - 6, TEMPERATURE)
    usual, more = (model.predict(TIMES, USE, t, issue_ms=MONDAY).kwh for t in (TEMPERATURE, cold))
    assert more.sum() > usual.sum() + 48 * 6


def test_at_midnight_it_says_what_the_recorded_run_says(model: LoadForecaster) -> None:
    found = model.predict(TIMES, USE, TEMPERATURE, issue_ms=LEARNT, hours=24)
    blind = np.full(len(TIMES), np.nan)
    recorded = day_ahead(ROME, TIMES, USE, TEMPERATURE, blind, LEARNT)
    assert found.kwh == pytest.approx(recorded.kwh[:24], rel=0.02)


def test_the_interval_is_no_narrower_a_day_later(model: LoadForecaster) -> None:
    assert model.second_day_ >= 1
    found = model.predict(TIMES, USE, TEMPERATURE, issue_ms=MONDAY)
    width = (found.p90 - found.p10).reshape(2, 24).sum(axis=1)
    assert width[1] >= 0.95 * width[0]


def test_the_next_hours_are_surer_by_day_than_from_midnight(model: LoadForecaster) -> None:
    at_midnight, at_nine = (
        model.predict(TIMES, USE, TEMPERATURE, issue_ms=MONDAY + h * HOUR_MS, hours=24 - h) for h in (0, 9)
    )
    assert (at_nine.p90 - at_nine.p10)[0] <= (at_midnight.p90 - at_midnight.p10)[9] * 1.001


def test_a_blob_opens_and_says_the_same(model: LoadForecaster) -> None:
    opened = LoadForecaster.from_bytes(model.to_bytes(), ROME)
    assert opened.learnt_until_ms_ == LEARNT
    for a, b in zip(*(m.predict(TIMES, USE, TEMPERATURE, issue_ms=MONDAY).kwh for m in (model, opened)), strict=True):
        assert a == pytest.approx(b)
    assert opened.get_params() == {"calendar": ROME}


@pytest.mark.parametrize(
    ("blob", "calendar", "said"),
    [(b"nonsense", ROME, "no forecaster"), (None, Calendar("Europe/London"), "Europe/Rome")],
)
def test_a_blob_that_does_not_fit_is_refused(
    model: LoadForecaster, blob: bytes | None, calendar: Calendar, said: str
) -> None:
    with pytest.raises(DomainError, match=said):
        LoadForecaster.from_bytes(model.to_bytes() if blob is None else blob, calendar)


@pytest.mark.parametrize(
    ("days_known", "speaks"),
    [(0, Model.NOTHING), (0.5, Model.MEAN), (3, Model.FEW_DAYS), (20, Model.PROFILE), (90, Model.BLEND)],
)
def test_with_less_history_simpler_models_speak(days_known: float, speaks: Model) -> None:
    issue = MONDAY + (10 if days_known == 0.5 else 0) * HOUR_MS
    start = issue - round(days_known * 24) * HOUR_MS
    kwh = np.where((start <= TIMES) & (issue > TIMES), USE, np.nan)
    young = LoadForecaster(ROME).fit(TIMES[issue > TIMES], kwh[issue > TIMES], TEMPERATURE[issue > TIMES])
    young = LoadForecaster.from_bytes(young.to_bytes(), ROME)
    found = young.predict(TIMES, kwh, TEMPERATURE, issue_ms=issue)
    if days_known == 0.5:
        assert set(found.model) <= {Model.MEAN, Model.FEW_DAYS}
    else:
        assert set(found.model) == {speaks}
    assert np.isfinite(found.kwh).all() == (speaks is not Model.NOTHING)
    assert np.isfinite(found.p90).all() == (speaks is not Model.NOTHING)
    assert ("little history" in found.degraded[0]) == (speaks is not Model.BLEND)
    assert found.kwh[np.isfinite(found.kwh)].max(initial=0) <= 1.3 * USE.max()


def test_missing_weather_and_missing_readings_are_named(model: LoadForecaster) -> None:
    dark = np.where(TIMES >= MONDAY - 24 * HOUR_MS, np.nan, TEMPERATURE)
    gone = np.where(TIMES >= MONDAY - 24 * HOUR_MS, np.nan, USE)
    found = model.predict(TIMES, gone, dark, issue_ms=MONDAY)
    assert np.isfinite(found.kwh).all()
    assert set(found.degraded) == {
        ("readings of the day before are missing", "no weather forecast: that of the day before")
    }


def test_the_day_of_the_clock_change_is_forecast_whole(model: LoadForecaster) -> None:
    issue = ROME.midnight(date(2026, 3, 28)) + 12 * HOUR_MS
    found = model.predict(TIMES, USE, TEMPERATURE, issue_ms=issue, hours=48)
    assert len(found.kwh) == 48
    assert np.isfinite(found.kwh).all()


def test_what_makes_no_forecast_is_refused(model: LoadForecaster) -> None:
    with pytest.raises(DomainError, match="at least one hour"):
        model.predict(TIMES, USE, TEMPERATURE, issue_ms=MONDAY, hours=0)
    empty = np.zeros(0)
    with pytest.raises(DomainError, match="hours to learn from"):
        LoadForecaster(ROME).fit(empty.astype(np.int64), empty, empty)
