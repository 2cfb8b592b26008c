from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from simulators.idf.model import IdfObject
from simulators.idf.schedules import (
    DAY_MINUTES,
    DayBlock,
    Steps,
    blocks,
    changed,
    compact,
    daily,
    prolonged,
    replaced,
    scaled,
    shifted,
)
from tests.simulators.idf.models import model


def at(steps: Steps, hour: float) -> float:
    return next(value for until, value in steps if hour * 60 < until)


def days_of(schedule: IdfObject) -> dict[tuple[str, str], Steps]:
    return {(block.through, day): block.steps for block in blocks(schedule) for day in block.days}


def test_a_schedule_is_read_by_days() -> None:
    first, *_ = blocks(model().find("Schedule:", "Heating"))

    assert first.days == ("Weekdays", "SummerDesignDay")
    assert first.steps == ((360, 15.0), (1200, 21.0), (1440, 15.0))


def test_what_is_written_is_read_back() -> None:
    days = (
        DayBlock("6/30", ("Weekdays",), "Interpolate: Average", ((90, 0.25), (1440, 1.5))),
        DayBlock("12/31", ("AllDays",), "", ((1440, 0.0),)),
    )

    assert blocks(compact("any", days)) == days


@pytest.mark.parametrize(
    "fields",
    [
        ("broken", "", "Through: 12/31", "For: AllDays", "Until: 12:00", "1"),
        ("broken", "", "Through: 12/31", "Until: 24:00", "1"),
        ("broken", "", "Through: 12/31", "For: AllDays", "Until: 24:00", "often"),
        ("broken", ""),
    ],
)
def test_a_broken_schedule_is_an_error(fields: tuple[str, ...]) -> None:
    with pytest.raises(DomainError, match="broken"):
        blocks(IdfObject("Schedule:Compact", fields))


def test_other_classes_of_schedules_are_an_error() -> None:
    with pytest.raises(DomainError, match="Schedule:File"):
        blocks(IdfObject("Schedule:File", ("people", "", "people.csv")))


def test_words_that_are_no_days_are_passed_over() -> None:
    schedule = IdfObject("Schedule:Compact", ("s", "", "Through: 12/31", "For: Weedends Sunday", "Until: 24:00", "0"))

    assert blocks(schedule)[0].days == ("Sunday",)


def test_design_days_stay_as_they_are() -> None:
    days = days_of(changed(model().find("Schedule:", "Heating"), shifted(1.0)))

    assert days["12/31", "Weekdays"] == ((360, 16.0), (1200, 22.0), (1440, 16.0))
    assert days["12/31", "SummerDesignDay"] == ((360, 15.0), (1200, 21.0), (1440, 15.0))
    assert days["12/31", "WinterDesignDay"] == ((1440, 21.0),)
    assert days["12/31", "AllOtherDays"] == ((1440, 16.0),)


def test_design_days_within_all_days_are_kept_apart() -> None:
    days = days_of(changed(model().find("Schedule:", "Leak"), scaled(1.5), "Leak more"))

    assert days["12/31", "SummerDesignDay"] == days["12/31", "WinterDesignDay"] == ((1440, 1.0),)
    assert days["12/31", "AllOtherDays"] == ((1440, 1.5),)


def test_a_constant_becomes_a_schedule_of_days() -> None:
    assert days_of(changed(model().find("Schedule:", "Always"), scaled(2.0)))["12/31", "AllOtherDays"] == ((1440, 2.0),)


@pytest.mark.parametrize(
    ("steps", "longer"),
    [
        (((360, 15.0), (1200, 21.0), (1440, 15.0)), ((360, 15.0), (1320, 21.0), (1440, 15.0))),
        (((360, 0.0), (1380, 1.0), (1440, 0.0)), ((300, 0.0), (1440, 1.0))),  # an hour is left, the other is earlier
        (((1440, 1.0),), ((1440, 1.0),)),
        (
            ((360, 0.0), (720, 1.0), (780, 0.0), (1200, 1.0), (1440, 0.0)),
            ((360, 0.0), (720, 1.0), (780, 0.0), (1320, 1.0), (1440, 0.0)),
        ),
        (((360, 0.0), (1200, 1.0), (1260, 0.5), (1440, 0.0)), ((360, 0.0), (1200, 1.0), (1380, 0.5), (1440, 0.0))),
    ],
)
def test_working_hours_end_later(steps: Steps, longer: Steps) -> None:
    assert prolonged(120)(steps) == longer


def test_a_cooling_set_point_rises_later() -> None:
    assert prolonged(120, falling=False)(((360, 30.0), (1200, 24.0), (1440, 30.0))) == (
        (360, 30.0),
        (1320, 24.0),
        (1440, 30.0),
    )


@given(
    st.floats(-50, 50),
    st.floats(0.1, 50),
    st.integers(0, DAY_MINUTES - 2),
    st.integers(1, DAY_MINUTES),
    st.integers(0, 2000),
)
def test_a_working_day_grows_by_so_much(low: float, rise: float, start: int, length: int, minutes: int) -> None:
    end = min(start + length, DAY_MINUTES - 1)
    before: Steps = ((start, low), (end, low + rise), (DAY_MINUTES, low)) if start else ((end, low + rise), (1440, low))
    after = prolonged(minutes)(before)
    worked = sum(
        until - begin for begin, (until, value) in zip([0, *(u for u, _ in after)], after, strict=False) if value > low
    )

    assert after[-1][0] == DAY_MINUTES
    assert worked == min(end - start + minutes, DAY_MINUTES)


def test_days_are_multiplied_one_by_one() -> None:
    days = days_of(daily(model().find("Schedule:", "Presence"), date(2023, 6, 29), [2.0, 3.0, 4.0], "used"))

    assert days["6/28", "Weekdays"] == ((1440, 0.5),)
    assert days["6/29", "Weekdays"] == ((1440, 1.0),)
    assert days["6/30", "Weekdays"] == ((1440, 1.5),)
    assert days["7/1", "AllOtherDays"] == ((1440, 1.0),)  # 0.25 from July on
    assert days["7/1", "SummerDesignDay"] == ((1440, 0.25),)
    assert days["12/31", "AllDays"] == ((1440, 0.25),)


def test_days_begin_on_the_first_of_january() -> None:
    schedule = daily(model().find("Schedule:", "Leak"), date(2023, 1, 1), [0.5], "used")

    assert [block.through for block in blocks(schedule)] == ["1/1", "1/1", "12/31"]


def test_days_beyond_the_year_are_an_error() -> None:
    with pytest.raises(DomainError, match="end of a year"):
        daily(model().find("Schedule:", "Leak"), date(2023, 12, 31), [1.0, 1.0], "used")


def test_a_date_in_words_is_an_error() -> None:
    words = IdfObject("Schedule:Compact", ("s", "", "Through: June 30", "For: AllDays", "Until: 24:00", "0"))

    with pytest.raises(DomainError, match="June 30"):
        daily(words, date(2023, 1, 1), [1.0], "used")


def test_a_schedule_is_changed_for_all_that_follow_it() -> None:
    idf = replaced(model(), "heating", shifted(1.0))

    assert at(days_of(idf.find("Schedule:", "Heating"))["12/31", "Weekdays"], 12) == 22.0
    assert len(idf.objects) == len(model().objects)
