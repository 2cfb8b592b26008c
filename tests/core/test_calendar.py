"""Local days, steps and holidays."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar, Step, site_holidays
from core.clock import SimulatedClock, from_ms, to_ms
from core.errors import DomainError

ROME = Calendar("Europe/Rome", site_holidays("IT", "TO"))
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 7, 1), 24)])
def test_a_local_day_has_its_hours(day: date, hours: int) -> None:
    start, end = ROME.day_bounds(day)
    assert ROME.hours_in(day) == hours
    assert len(ROME.edges(start, end, Step.HOUR)) == hours + 1
    assert ROME.edges(start, end, Step.DAY) == [start, end]


def test_a_wall_time_that_does_not_exist_is_read_with_the_offset_before() -> None:
    assert from_ms(ROME.at(SPRING, time(2, 30))) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert ROME.at(AUTUMN, time(2, 30)) == to_ms(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert ROME.at(SPRING, time(3, 0)) == to_ms(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("step", "start"),
    [
        (Step.HOUR, datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        (Step.DAY, datetime(2026, 10, 24, 22, 0, tzinfo=UTC)),
        (Step.WEEK, datetime(2026, 10, 18, 22, 0, tzinfo=UTC)),
        (Step.MONTH, datetime(2026, 9, 30, 22, 0, tzinfo=UTC)),
        (Step.YEAR, datetime(2025, 12, 31, 23, 0, tzinfo=UTC)),
    ],
)
def test_steps_begin_in_local_time(step: Step, start: datetime) -> None:
    assert from_ms(ROME.floor(to_ms(datetime(2026, 10, 25, 2, 40, tzinfo=UTC)), step)) == start


@given(
    st.sampled_from(["Europe/Rome", "Europe/London", "Asia/Kathmandu", "America/St_Johns", "UTC"]),
    st.integers(0, 2_000_000_000_000),
    st.sampled_from([s for s in Step if s is not Step.MINUTE_5]),
)
def test_steps_tile_time(zone: str, time_ms: int, step: Step) -> None:
    calendar = Calendar(zone)
    start = calendar.floor(time_ms, step)
    end = calendar.next(start, step)
    assert start <= time_ms < end
    assert calendar.floor(start, step) == start
    assert calendar.floor(end - 1, step) == start


def test_turin_rests_on_saint_john() -> None:
    assert ROME.is_holiday(date(2026, 6, 24))
    assert not Calendar("Europe/Rome", site_holidays("IT")).is_holiday(date(2026, 6, 24))
    assert not ROME.is_working_day(date(2026, 12, 25))
    assert ROME.is_working_day(date(2026, 11, 20))
    assert Calendar("Europe/Rome", site_holidays("", extra=["11-20"])).is_holiday(date(2026, 11, 20))


@pytest.mark.parametrize(("country", "extra"), [("XX", []), ("IT", ["24/06"]), ("IT", ["02-30"])])
def test_unknown_holidays_are_refused(country: str, extra: list[str]) -> None:
    with pytest.raises(DomainError):
        site_holidays(country, extra=extra)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(DomainError):
        Calendar(zone)


def test_times_come_back_and_naive_ones_are_refused() -> None:
    assert to_ms(from_ms(1_700_000_000_123)) == 1_700_000_000_123
    with pytest.raises(ValueError, match="no time zone"):
        to_ms(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_simulated_time_never_goes_back() -> None:
    clock = SimulatedClock(10 * HOUR_MS)
    clock.advance(HOUR_MS)
    clock.advance_to(0)
    assert clock.now_ms() == 11 * HOUR_MS
