"""Air systems of real EnergyPlus models: which zones they feed, their supply temperature, and their outdoor air."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

import pytest

from simulators.energyplus import EnergyPlusBuilding, shipped

pytestmark = pytest.mark.system
HOUR_MS = 3_600_000
MONDAY, THURSDAY = date(2023, 1, 9), date(2023, 1, 12)


def opened(model: str) -> EnergyPlusBuilding:
    return EnergyPlusBuilding(*shipped(model, "usa_il_chicago"), MONDAY, THURSDAY, steps_per_hour=6)


@pytest.fixture
def medium() -> Iterator[EnergyPlusBuilding]:
    with opened("ref:medium_office") as found:
        yield found


def to(building: EnergyPlusBuilding, hour: float) -> None:
    """Go on to an hour since Monday's midnight."""
    building.step(building.end_ms - 72 * HOUR_MS + round(hour * HOUR_MS))


def test_each_system_of_the_medium_office_feeds_its_storey(medium: EnergyPlusBuilding) -> None:
    feeds = {point.name: set(point.feeds) for point in medium.points if point.feeds}
    zones = {point.zone for point in medium.points if point.zone}

    assert len(feeds) == 3
    assert set.union(*feeds.values()) == zones
    assert sum(map(len, feeds.values())) == len(zones) == 15
    for served in feeds.values():
        assert len({name.partition("-")[2][:3] for name in served}) == 1, served


def test_the_medium_office_has_its_floor_area(medium: EnergyPlusBuilding) -> None:
    areas = medium.floor_area_m2

    assert set(areas) == {point.zone for point in medium.points if point.zone}
    assert sum(areas.values()) == pytest.approx(4982, rel=0.01)  # DOE's reference building


def test_a_supply_temperature_that_is_written_is_in_force_until_it_is_handed_back(medium: EnergyPlusBuilding) -> None:
    name = next(n for n in medium.writable if n.endswith("/supply-temperature-setpoint"))
    system = name.partition("/")[0]
    to(medium, 10)
    own = medium.read(name)
    medium.write(name, own + 4.0)
    to(medium, 12)

    assert medium.read(name) == pytest.approx(own + 4.0)
    assert medium.read(f"{system}/supply-temperature") == pytest.approx(own + 4.0, abs=1.0)
    medium.write(name, math.nan)
    to(medium, 14)
    assert medium.read(name) == pytest.approx(own)
    assert medium.read(f"{system}/supply-temperature") == pytest.approx(own, abs=1.0)


def test_a_share_of_outdoor_air_is_kept(medium: EnergyPlusBuilding) -> None:
    names = [name for name in medium.writable if name.endswith("/outdoor-air")]
    medium.write(names[0], 0.5)
    medium.write(names[1], 0.0)
    for hour in (10, 12, 15):
        to(medium, hour)
        assert medium.read(names[0]) == pytest.approx(0.5, abs=0.02)
        assert medium.read(names[1]) == pytest.approx(0.0, abs=0.02)
        assert medium.read(f"{names[0].partition('/')[0]}/supply-flow") > 0


def test_fans_that_rested_start_again_with_outdoor_air_written() -> None:
    # The school's exhausts hold a fan back for good where its outdoor air is kept at a share of no flow.
    with opened("ref:secondary_school") as school:
        systems = [name.partition("/")[0] for name in school.writable if name.endswith("/outdoor-air")]
        for system in systems:
            school.write(f"{system}/outdoor-air", 0.3)
            school.write(f"{system}/fan", 0)
        to(school, 10)
        assert {school.read(f"{system}/fan") for system in systems} == {0}
        for system in systems:
            school.write(f"{system}/fan", 1)
        to(school, 12)

        for system in systems:
            assert school.read(f"{system}/supply-flow") > 0.3, system
            assert school.read(f"{system}/outdoor-air") >= 0.28, system


def test_without_a_fan_to_write_the_models_own_schedule_starts_it_again(medium: EnergyPlusBuilding) -> None:
    name = next(name for name in medium.writable if name.endswith("/outdoor-air"))
    system = name.partition("/")[0]
    medium.write(name, 0.3)
    seen = []
    for hour in range(1, 60):
        to(medium, hour)
        seen.append(medium.read(f"{system}/fan"))

    assert 0 in seen[:30]  # it rested in the night
    assert seen[33] == seen[34] == 1  # and ran on Tuesday's morning


def test_what_a_kitchen_exhausts_is_made_up_for() -> None:
    with opened("ref:primary_school") as school:
        kitchen = next(
            point.name.partition("/")[0] for point in school.points if any("kitchen" in zone for zone in point.feeds)
        )
        to(school, 12)
        own_c = school.read(next(n for n in school.names if "kitchen" in n and n.endswith("/temperature")))
        school.write(f"{kitchen}/outdoor-air", 0.0)
        to(school, 14)

        # With none asked for, what leaves through the hood still has to come in, and the system goes on.
        assert school.read(f"{kitchen}/outdoor-air") > 0.2
        assert school.read(f"{kitchen}/supply-flow") > 0
        now_c = school.read(next(n for n in school.names if "kitchen" in n and n.endswith("/temperature")))
        assert now_c == pytest.approx(own_c, abs=4.0)
