from collections.abc import Callable

import pytest

from core.errors import DomainError, NotFoundError
from simulators.idf.causes import (
    prolong_plant,
    raise_heating_setpoints,
    resize_people,
    scale_efficiency,
    scale_infiltration,
    scale_people,
)
from simulators.idf.model import Idf, IdfObject
from simulators.idf.schedules import blocks
from tests.simulators.idf.models import model


def values(idf: Idf, name: str, day: str) -> tuple[tuple[int, float], ...]:
    return next(block.steps for block in blocks(idf.find("Schedule:", name)) if day in block.days)


def test_set_points_rise_at_day_and_night() -> None:
    idf = raise_heating_setpoints(model(), 1.0)

    assert values(idf, "Heating", "Weekdays") == ((360, 16.0), (1200, 22.0), (1440, 16.0))
    assert values(idf, "Cooling", "AllDays") == values(model(), "Cooling", "AllDays")


def test_the_plant_runs_longer() -> None:
    idf = prolong_plant(model(), 2.0)

    assert values(idf, "Working hours", "Weekdays") == ((360, 0.0), (1320, 1.0), (1440, 0.0))
    assert values(idf, "Heating", "Weekdays") == ((360, 15.0), (1320, 21.0), (1440, 15.0))
    assert values(idf, "Cooling", "AllOtherDays") == ((360, 30.0), (1320, 24.0), (1440, 30.0))
    assert values(idf, "Working hours", "AllOtherDays") == ((1440, 0.0),)


def test_more_leaks_in_and_people_keep_their_own() -> None:
    idf = scale_infiltration(model(), 1.5)

    schedules = [item.field(2) for item in idf.all("ZoneInfiltration:DesignFlowRate")]
    assert [values(idf, name, "AllOtherDays") for name in schedules] == [((1440, 1.5),)] * 2
    assert values(idf, "Leak", "AllDays") == ((1440, 1.0),)  # who else follows it does not change


def test_more_people_come_to_a_building_as_it_is() -> None:
    idf = scale_people(model(), 1.3)
    staff, visitors = idf.all("People")

    assert values(idf, staff.field(2), "Weekdays") == ((1440, 0.65),)
    assert values(idf, staff.field(2), "SummerDesignDay") == ((1440, 0.0),)
    assert values(idf, visitors.field(2), "AllOtherDays") == ((1440, 1.3),)
    assert staff.field(6) == "10"


def test_a_building_is_designed_for_more_people() -> None:
    staff, visitors = resize_people(model(), 1.25).all("People")

    assert float(staff.field(6)) == 8.0  # m2 a person
    assert float(visitors.field(4)) == 50.0


def test_generators_become_worse() -> None:
    assert float(scale_efficiency(model(), 0.9).find("Coil:Heating:Fuel", "Burner").field(3)) == pytest.approx(0.72)


@pytest.mark.parametrize(
    "cause",
    [raise_heating_setpoints, prolong_plant, scale_infiltration, scale_people, resize_people, scale_efficiency],
)
def test_a_cause_without_a_place_is_an_error(cause: Callable[[Idf, float], Idf]) -> None:
    with pytest.raises(NotFoundError):
        cause(Idf.parse("Version, 26.1;"), 1.5)


def test_a_plant_that_never_stops_cannot_run_longer() -> None:
    always = Idf.parse("Fan:OnOff, Fan, Always; Schedule:Constant, Always, , 1;")

    with pytest.raises(NotFoundError, match="switched off"):
        prolong_plant(always, 2.0)


def test_a_schedule_that_cannot_be_changed_is_an_error() -> None:
    idf = Idf.parse("People, Staff, North, From file, People, 4;")

    with pytest.raises(DomainError, match="Schedule:File"):
        scale_people(idf.adding(IdfObject("Schedule:File", ("From file", "", "people.csv"))), 1.3)
