"""Weekly schedules in local time."""

from datetime import date, time

import pytest

from core.calendar import Calendar, site_holidays
from core.errors import DomainError
from core.schedule import Block, Schedule

ROME = Calendar("Europe/Rome", site_holidays("IT", "TO"))
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
HEATING = Schedule(16.0, [Block(WEEKDAYS, "06:00", "19:00", 20.0), Block(["holiday"], "10:00", "12:00", 18.0)])


@pytest.mark.parametrize(
    ("day", "clock", "value"),
    [
        (date(2026, 11, 20), time(5, 59), 16.0),
        (date(2026, 11, 20), time(6, 0), 20.0),
        (date(2026, 11, 20), time(18, 59), 20.0),
        (date(2026, 11, 20), time(19, 0), 16.0),
        (date(2026, 11, 21), time(10, 0), 16.0),
        (date(2026, 6, 24), time(9, 0), 16.0),
        (date(2026, 6, 24), time(11, 0), 18.0),
        (date(2026, 3, 30), time(6, 0), 20.0),
    ],
)
def test_value_follows_local_days_and_holidays(day: date, clock: time, value: float) -> None:
    assert HEATING.value_at(ROME.at(day, clock), ROME) == value


def test_the_next_change_after_the_clocks_go_forward_is_in_local_time() -> None:
    friday_evening = ROME.at(date(2026, 3, 27), time(20, 0))
    assert HEATING.next_change(friday_evening, ROME) == ROME.at(date(2026, 3, 30), time(6, 0))
    assert Schedule(20.0).next_change(friday_evening, ROME) is None


@pytest.mark.parametrize(("days", "start", "end"), [(["monday"], "06:00", "19:00"), (["mon"], "19:00", "06:00"),
                                                    (["mon"], "6", "x"), (["mon"], "06:00", "06:00")])  # fmt: skip
def test_a_block_that_makes_no_sense_is_refused(days: list[str], start: str, end: str) -> None:
    with pytest.raises(DomainError):
        Block(days, start, end, 20.0)
