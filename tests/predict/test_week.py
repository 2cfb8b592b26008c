"""Hours of the local week."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar
from core.clock import to_ms
from predict.week import HOLIDAY_SLOT, hour_of_week

ROME = Calendar("Europe/Rome", {date(2026, 6, 24)})


def slots_of_day(day: date) -> list[int]:
    start, end = ROME.day_bounds(day)
    return hour_of_week(np.arange(start, end, HOUR_MS), ROME).tolist()


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 6, 22), list(range(24))),
        (date(2026, 3, 29), [0, 1, *range(3, 24)]),
        (date(2026, 10, 25), [0, 1, 2, 2, *range(3, 24)]),
    ],
    ids=["24 hours", "23 hours", "25 hours"],
)
def test_a_local_day_has_its_own_hours(day: date, hours: list[int]) -> None:
    assert slots_of_day(day) == [24 * day.weekday() + hour for hour in hours]


def test_a_holiday_is_a_day_of_its_own() -> None:
    assert slots_of_day(date(2026, 6, 24)) == list(range(HOLIDAY_SLOT, HOLIDAY_SLOT + 24))


def test_hours_around_midnight_belong_to_the_local_day() -> None:
    late = to_ms(datetime(2026, 6, 21, 22, tzinfo=UTC))
    assert hour_of_week(np.array([late - HOUR_MS, late]), ROME).tolist() == [167, 0]


def test_no_times_have_no_slots() -> None:
    assert len(hour_of_week(np.array([], np.int64), ROME)) == 0
