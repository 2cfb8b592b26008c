"""The baseline of days: what it finds again, what it does with holes, holidays and little data, how sure it is."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.baseline import DayBaseline
from predict.figures import figures
from predict.week import hour_of_week

HOLIDAYS = frozenset({date(2025, 12, 25), date(2026, 1, 6), date(2026, 5, 1), date(2026, 6, 2), date(2026, 12, 25)})
ROME = Calendar("Europe/Rome", HOLIDAYS)
TIMES = np.arange(ROME.midnight(date(2025, 7, 1)), ROME.midnight(date(2026, 7, 1)), HOUR_MS)
NEXT = np.arange(ROME.midnight(date(2026, 7, 1)), ROME.midnight(date(2027, 1, 1)), HOUR_MS)


def weather(times: np.ndarray, seed: int = 1) -> np.ndarray:
    days = times / 86_400_000
    noise = np.convolve(np.random.default_rng(seed).normal(0, 3, len(times) + 47), np.ones(48) / 48, mode="valid")
    return 12 - 11 * np.cos((days - 15) / 365.25 * 2 * np.pi) + 4 * np.sin(days * 2 * np.pi) + 4 * noise


def building(times: np.ndarray, temperature: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """A gas meter: 3 kWh for every degree below 16 while people are there, 1 otherwise; closed on holidays."""
    slot = hour_of_week(times, ROME)
    busy = (slot < 120) & (slot % 24 >= 7) & (slot % 24 < 19)
    errors = np.random.default_rng(2).normal(0, noise, len(times)) if noise else 0.0
    return 10 + 20 * busy + np.where(busy, 3.0, 1.0) * np.maximum(16 - temperature, 0) + errors


def test_a_building_with_change_points_is_found_again() -> None:
    temperature, later = weather(TIMES), weather(NEXT, seed=5)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    result = figures(building(NEXT, later), model.predict(NEXT, later).kwh)
    assert result.cv_rmse is not None
    assert result.nmbe is not None
    assert result.cv_rmse < 9
    assert abs(result.nmbe) < 2


def test_the_fit_is_unbiased_as_a_whole_and_in_the_cold() -> None:
    temperature = weather(TIMES)
    kwh = building(TIMES, temperature, noise=3)
    predicted = DayBaseline(ROME).fit(TIMES, temperature, kwh).predict(TIMES, temperature).kwh
    cold = temperature < np.quantile(temperature, 0.1)
    assert figures(kwh, predicted).nmbe == pytest.approx(0, abs=0.3)
    assert figures(kwh[cold], predicted[cold]).nmbe == pytest.approx(0, abs=3)


def test_holidays_are_predicted_as_holidays() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    start, end = ROME.day_bounds(date(2026, 12, 25))
    day = np.arange(start, end, HOUR_MS)
    cold = np.full(24, 5.0)
    assert model.predict(day, cold).kwh == pytest.approx(building(day, cold), rel=0.25)


def test_holidays_never_seen_are_like_sundays() -> None:
    times = np.arange(ROME.midnight(date(2026, 2, 2)), ROME.midnight(date(2026, 2, 23)), HOUR_MS)
    model = DayBaseline(ROME).fit(times, weather(times), building(times, weather(times)))
    start, end = ROME.day_bounds(date(2026, 5, 1))
    holiday, sunday, friday = (np.arange(start, end, HOUR_MS) + days * 24 * HOUR_MS for days in (0, 2, 7))
    cold = np.full(24, 5.0)
    on_holiday, on_sunday, on_friday = (model.predict(day, cold).kwh[7:19].mean() for day in (holiday, sunday, friday))
    assert abs(on_holiday - on_sunday) < 0.35 * abs(on_friday - on_sunday)


def test_missing_hours_are_left_out_of_the_fit() -> None:
    temperature = weather(TIMES)
    kwh = building(TIMES, temperature)
    holes = np.random.default_rng(3).random(len(TIMES))
    kwh[holes < 0.1] = np.nan
    temperature[holes > 0.95] = np.nan
    model = DayBaseline(ROME).fit(TIMES, temperature, kwh)
    later = weather(NEXT, seed=5)
    result = figures(building(NEXT, later), model.predict(NEXT, later).kwh)
    assert result.cv_rmse is not None
    assert result.cv_rmse < 10


def test_without_a_temperature_nothing_is_predicted() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    temperature[100:110] = np.nan
    assert np.flatnonzero(np.isnan(model.predict(TIMES, temperature).kwh)).tolist() == list(range(100, 110))


def test_weather_beyond_the_baseline_period_is_marked() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    low, high = model.temperature_range_c_
    marked = model.predict(TIMES[:3], np.array([low - 0.1, low, high + 0.1])).extrapolated
    assert marked.tolist() == [True, False, True]


def test_extreme_weather_does_not_make_an_absurd_prediction() -> None:
    temperature = weather(TIMES)
    kwh = building(TIMES, temperature)
    model = DayBaseline(ROME).fit(TIMES, temperature, kwh)
    arctic = model.predict(TIMES[:168], np.full(168, -60.0)).kwh
    assert arctic.max() < 2 * kwh.max()


def test_what_never_was_negative_is_not_predicted_negative() -> None:
    temperature = weather(TIMES)
    kwh = np.maximum(building(TIMES, temperature, noise=8) - 25, 0)
    model = DayBaseline(ROME).fit(TIMES, temperature, kwh)
    assert model.predict(NEXT, weather(NEXT, seed=5)).kwh.min() >= 0


def test_a_meter_that_also_produces_keeps_its_sign() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, -building(TIMES, temperature))
    assert model.predict(TIMES, temperature).kwh.max() < 0


@pytest.mark.parametrize("hours", [1, 2, 24, 24 * 14])
def test_little_data_gives_a_model_and_no_error(hours: int) -> None:
    times = TIMES[:hours]
    model = DayBaseline(ROME).fit(times, np.full(hours, 7.0), np.full(hours, 5.0))
    assert model.predict(TIMES[:168], np.full(168, 7.0)).kwh == pytest.approx(np.full(168, 5.0), abs=0.5)


@pytest.mark.parametrize(("hours", "is_known"), [(1, False), (24 * 14, True)], ids=["an hour", "two weeks"])
def test_errors_are_judged_on_days_left_out(hours: int, *, is_known: bool) -> None:
    temperature = weather(TIMES[:hours])
    model = DayBaseline(ROME).fit(TIMES[:hours], temperature, building(TIMES[:hours], temperature, noise=3))
    assert np.isfinite(model.residuals_.sigma_kwh) == is_known


def test_cross_validated_errors_are_larger_than_those_of_the_fit() -> None:
    temperature = weather(TIMES)
    kwh = building(TIMES, temperature, noise=3)
    model = DayBaseline(ROME).fit(TIMES, temperature, kwh)
    inside = figures(kwh, model.predict(TIMES, temperature).kwh).cv_rmse
    outside = figures(kwh, model.cross_validated_kwh_).cv_rmse
    assert inside is not None
    assert outside is not None
    assert inside < outside < 2 * inside


def test_no_data_is_refused() -> None:
    with pytest.raises(DomainError, match="energy and outdoor temperature"):
        DayBaseline(ROME).fit(TIMES[:2], np.array([1.0, np.nan]), np.array([np.nan, 1.0]))


def test_a_model_comes_back_from_its_bytes_as_it_was() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    again = DayBaseline.from_bytes(model.to_bytes(), ROME)
    later = weather(NEXT, seed=5)
    np.testing.assert_allclose(again.predict(NEXT, later).kwh, model.predict(NEXT, later).kwh, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(again.spread_kwh(NEXT, later), model.spread_kwh(NEXT, later), rtol=1e-3)
    assert again.residuals_ == model.residuals_
    assert again.to_bytes() == model.to_bytes()


@pytest.mark.parametrize("calendar", [Calendar("Europe/London", HOLIDAYS), ROME], ids=["other zone", "no blob"])
def test_bytes_that_do_not_fit_are_refused(calendar: Calendar) -> None:
    model = DayBaseline(ROME).fit(TIMES[:48], np.arange(48.0), np.ones(48))
    with pytest.raises(DomainError):
        DayBaseline.from_bytes(b"\x00" if calendar is ROME else model.to_bytes(), calendar)


def test_a_prediction_may_start_anywhere_after_its_warm_up() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    whole = model.predict(TIMES, temperature).kwh
    first = model.warm_up_ms // HOUR_MS
    part = model.predict(TIMES[1000 - first :], temperature[1000 - first :]).kwh[first:]
    assert part == pytest.approx(whole[1000:], rel=0.05, abs=0.5)


def sunny_building(times: np.ndarray, temperature: np.ndarray, sun: np.ndarray) -> np.ndarray:
    return building(times, temperature) - 0.03 * np.minimum(sun, 300)


def irradiance(times: np.ndarray, seed: int) -> np.ndarray:
    days = (times // 86_400_000).astype(int)
    clear = np.random.default_rng(seed).uniform(0.1, 1.0, days.max() - days.min() + 1)[days - days.min()]
    return 600 * clear * np.maximum(np.sin((times / 86_400_000 % 1 - 0.25) * 2 * np.pi), 0)


def test_the_sun_counts_where_it_is_measured() -> None:
    temperature, later = weather(TIMES), weather(NEXT, seed=5)
    sun, later_sun = irradiance(TIMES, 1), irradiance(NEXT, 2)
    kwh, truth = sunny_building(TIMES, temperature, sun), sunny_building(NEXT, later, later_sun)
    seeing = DayBaseline(ROME).fit(TIMES, temperature, kwh, sun).predict(NEXT, later, later_sun)
    blind = DayBaseline(ROME).fit(TIMES, temperature, kwh).predict(NEXT, later)
    assert figures(truth, seeing.kwh).cv_rmse < 0.9 * figures(truth, blind.kwh).cv_rmse  # type: ignore[operator]


def test_a_sun_sensor_that_is_gone_counts_as_usual_sun() -> None:
    temperature, sun = weather(TIMES), irradiance(TIMES, 1)
    model = DayBaseline(ROME).fit(TIMES, temperature, sunny_building(TIMES, temperature, sun), sun)
    dark = model.predict(TIMES, temperature, np.full(len(TIMES), np.nan)).kwh
    assert np.isfinite(dark).all()
    assert dark.mean() == pytest.approx(model.predict(TIMES, temperature, sun).kwh.mean(), rel=0.02)


def test_a_day_that_has_only_begun_is_judged_by_its_hours() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    start, end = (np.searchsorted(TIMES, at) for at in ROME.day_bounds(date(2026, 2, 4)))
    first = start - model.warm_up_ms // HOUR_MS
    whole = model.predict(TIMES[first:end], temperature[first:end]).kwh[-24:]
    begun = model.predict(TIMES[first : start + 8], temperature[first : start + 8]).kwh[-8:]
    assert begun == pytest.approx(whole[:8], rel=0.15)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2025, 10, 26)], ids=["23 hours", "25 hours"])
def test_days_of_the_clock_change_have_all_their_hours(day: date) -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature))
    start, end = ROME.day_bounds(day)
    here = np.arange(start, end, HOUR_MS)
    cold = np.full(len(here), 5.0)
    sunday = building(here, cold)
    assert model.predict(here, cold).kwh == pytest.approx(sunday, rel=0.2)


def test_what_is_far_from_anything_seen_is_less_certain() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    later = TIMES + 400 * 24 * HOUR_MS
    assert model.spread_kwh(later, temperature).mean() > 1.1 * model.spread_kwh(TIMES, temperature).mean()


def test_sums_of_many_hours_err_less_than_if_all_erred_together_and_more_than_if_alone() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    month = np.where(np.arange(len(TIMES)) < 720, 0, -1)
    (spread,) = model.sum_spread_kwh(TIMES, temperature, month)
    hourly = model.spread_kwh(TIMES, temperature)[:720]
    assert np.sqrt(np.sum(hourly**2)) < spread < np.sum(hourly)


def test_the_sum_of_one_hour_is_about_as_uncertain_as_the_hour() -> None:
    temperature = weather(TIMES)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    one = np.where(np.arange(len(TIMES)) == 1000, 1, -1)
    nothing, hour = model.sum_spread_kwh(TIMES, temperature, one)
    assert nothing == 0.0
    assert hour == pytest.approx(model.spread_kwh(TIMES, temperature)[1000], rel=0.3)


def test_the_interval_holds_most_of_another_year() -> None:
    temperature, later = weather(TIMES), weather(NEXT, seed=5)
    model = DayBaseline(ROME).fit(TIMES, temperature, building(TIMES, temperature, noise=3))
    expected, low, high = model.interval_kwh(NEXT, later)
    truth = np.random.default_rng(8).normal(building(NEXT, later), 3)
    assert np.all((low <= expected.kwh) & (expected.kwh <= high))
    assert 0.75 < np.mean((low <= truth) & (truth <= high)) < 0.97


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_no_holes_in_the_data_make_holes_or_nonsense_in_the_prediction(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    times = TIMES[: 24 * days]
    temperature, kwh = weather(times), building(times, weather(times), noise=3)
    kwh[rng.random(len(times)) < rng.random()] = np.nan
    kwh[0], keep = 12.0, TIMES[: 24 * 60]
    predicted = DayBaseline(ROME).fit(times, temperature, kwh).predict(keep, weather(keep)).kwh
    assert np.isfinite(predicted).all()
    assert predicted.max() < 5 * np.nanmax(kwh)
