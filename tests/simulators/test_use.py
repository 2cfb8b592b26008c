from datetime import date, timedelta

import numpy as np
import pytest

from simulators import calvino
from simulators.design import Variation
from simulators.use import DayOfUse, day_of_use

MONDAY = date(2025, 1, 13)
SUNDAY = date(2025, 1, 19)
SAN_GIOVANNI = date(2025, 6, 24)
READING_ROOM = 0


def use_of(day: date, *, step_s: int = 600, ghi: float = 0.0, seed: int = 1, **knobs: float) -> DayOfUse:
    calendar, design = calvino.calendar(), calvino.design()
    times = np.arange(*calendar.day_bounds(day), step_s * 1000)
    return day_of_use(
        design.zones,
        design.opening,
        calendar,
        day,
        time_ms=times,
        ghi_w_m2=np.full(times.size, ghi),
        variation=Variation(**knobs),
        seed=seed,
    )


def at(hour: float, step_s: int = 600) -> int:
    return round(hour * 3600 / step_s)


def test_people_are_there_while_it_is_open() -> None:
    use = use_of(MONDAY)

    assert use.people[: at(8.5)].sum() == 0
    assert use.people[at(19) :].sum() == 0
    assert use.people[at(16), READING_ROOM] > 20
    assert (use.people == np.round(use.people)).all()


@pytest.mark.parametrize("day", [SUNDAY, SAN_GIOVANNI, date(2025, 12, 25)])
def test_nobody_comes_on_sundays_and_holidays(day: date) -> None:
    use = use_of(day)

    assert use.people.sum() == 0
    assert use.ventilation.sum() == 0
    assert use.lighting_w.sum() == 0
    assert use.equipment_w.min() > 0  # what is never switched off


def test_days_differ_and_are_repeatable() -> None:
    one, again, other = use_of(MONDAY), use_of(MONDAY), use_of(MONDAY + timedelta(days=1))

    assert np.array_equal(one.people, again.people)
    assert not np.array_equal(one.people, other.people)
    assert not np.array_equal(one.people, use_of(MONDAY, seed=2).people)


def test_the_step_changes_nothing_about_who_is_there() -> None:
    coarse, fine = use_of(MONDAY, step_s=600), use_of(MONDAY, step_s=60)

    assert np.array_equal(coarse.people, fine.people[::10])


def test_lectures_fill_the_hall_on_some_evenings() -> None:
    hall = 3
    tuesdays = [use_of(date(2025, 1, 14) + timedelta(weeks=k)).people[at(17.5), hall] for k in range(20)]

    assert 4 <= sum(count > 30 for count in tuesdays) <= 16


def test_daylight_saves_light() -> None:
    assert use_of(MONDAY, ghi=500.0).lighting_w.sum() < 0.6 * use_of(MONDAY).lighting_w.sum()


def test_extra_hours_run_ventilation_and_light_into_the_evening() -> None:
    design, longer = use_of(MONDAY), use_of(MONDAY, plant_extra_hours=2.0)

    assert design.ventilation[at(20)].sum() == 0
    assert longer.ventilation[at(20)].sum() > 0
    assert longer.lighting_w.sum() > design.lighting_w.sum()
    assert np.array_equal(longer.people, design.people)


@pytest.mark.parametrize(("day", "hours"), [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (MONDAY, 24)])
def test_local_days_have_their_own_length(day: date, hours: int) -> None:
    assert use_of(day, step_s=600).people.shape[0] == hours * 6


def test_opening_follows_the_wall_clock_after_the_clock_change() -> None:
    use = use_of(date(2025, 3, 31))

    assert use.people[: at(8.5)].sum() == 0
    assert use.people[at(11)].sum() > 0
