"""What is learnt of a meter: thresholds that its own past seldom passed."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from core.calendar import Calendar, site_holidays
from core.errors import DomainError
from predict.anomalies.days import DayType, block_ratios, day_type
from predict.anomalies.normal import learn, threshold
from tests.predict.anomalies.meters import office


@pytest.mark.parametrize(
    ("excursions", "expected"),
    [(0, 9.0), (1, 5.0), (2, 3.0), (3, 1.0), (9, 1.0)],
)
def test_threshold_lets_so_many_separate_excursions_pass(excursions: float, expected: float) -> None:
    statistic = np.zeros(100)
    statistic[[10, 12, 40, 70]] = [9.0, 7.0, 5.0, 3.0]  # the first two are one excursion
    assert threshold(statistic, excursions, 10, 1.0) == expected


def test_margin_widens_what_was_learnt_and_leaves_the_least() -> None:
    statistic = np.array([0.0, 4.0, 0.0])
    assert threshold(statistic, 0, 1, 1.0, 1.5) == 6.0
    assert threshold(statistic, 1, 1, 1.0, 1.5) == 1.0


def test_too_little_is_refused_in_a_sentence() -> None:
    o = office()
    with pytest.raises(DomainError, match="60 days"):
        learn(o.time_ms[:1000], o.kwh[:1000], o.expected[:1000], o.calendar)


def test_unknown_hours_and_half_a_year_still_teach() -> None:
    o = office()
    kwh = np.array(o.kwh[: 180 * 24])
    kwh[::7] = np.nan
    normal = learn(o.time_ms[: 180 * 24], kwh, o.expected[: 180 * 24], o.calendar)
    assert np.isfinite([normal.spike, normal.stuck, normal.drift, *normal.shift, *normal.base]).all()
    assert normal.scales.mean_kwh == pytest.approx(float(np.nanmean(kwh)))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 3, 12), DayType.WORKING),
        (date(2025, 3, 15), DayType.FREE),
        (date(2025, 6, 24), DayType.FREE),  # Saint John, Turin's own
        (date(2025, 12, 23), DayType.BREAK),
        (date(2025, 12, 30), DayType.BREAK),
        (date(2026, 1, 5), DayType.BREAK),
        (date(2025, 12, 1), DayType.WORKING),
        (date(2026, 1, 20), DayType.WORKING),
    ],
)
def test_days_between_clustered_holidays_are_a_break(day: date, expected: DayType) -> None:
    assert day_type(day, Calendar("Europe/Rome", site_holidays("IT", "TO"))) is expected


def test_site_without_holidays_has_no_break() -> None:
    assert day_type(date(2025, 12, 30), Calendar("Europe/Rome")) is DayType.WORKING


def test_blocks_compare_energy_and_need_three_hours_of_four() -> None:
    clock = list(range(24))
    actual, expected = [2.0] * 24, [1.0] * 24
    assert block_ratios(clock, actual, expected, 0.0) == pytest.approx([np.log(2)] * 6)
    assert block_ratios(clock[1:], actual[1:], expected[1:], 0.0) is not None
    assert block_ratios(clock[2:], actual[2:], expected[2:], 0.0) is None
    assert block_ratios(clock, [0.0] * 24, [0.0] * 24, 1.0) == [0.0] * 6
