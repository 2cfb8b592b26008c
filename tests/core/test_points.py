"""Points, their ids and their limits."""

from collections.abc import Callable

import pytest

from core.errors import DomainError
from core.points import Counter, Limits, Measure, Plausible, Point, building_of, is_point_id, site_of, zone_of


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("torino/calvino/electricity", True),
        ("torino/calvino/reading-room/temperature", True),
        ("a/b/c/d/e/f/g/h", True),
        ("a/b/c/d/e/f/g/h/i", False),
        ("torino/calvino", False),
        ("Torino/calvino/x", False),
        ("torino//x", False),
        ("torino/calvino/x ", False),
        ("torino/calvino/-x", False),
        ("torino/calvino/x\n", False),
        ("torino/calvino/" + "x" * 200, False),
        ("torino/+/#", False),
        ("", False),
    ],
)
def test_point_ids_have_one_form(text: str, *, valid: bool) -> None:
    assert is_point_id(text) is valid


def test_site_building_and_zone_come_from_the_id() -> None:
    assert site_of("torino/calvino/hall/co2") == "torino"
    assert building_of("torino/calvino/hall/co2") == "torino/calvino"
    assert zone_of("torino/calvino/hall/co2") == "torino/calvino/hall"
    assert zone_of("torino/calvino/gas") is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point("a/b/c", "zone temperature", "Cel"),
        lambda: Point("a/b/c", "Zone_Air_Temperature_Sensor", "°C"),
        lambda: Point("a/b/c", "Building_Electrical_Meter", "kW.h", Measure.REGISTER),
        lambda: Point("a/b/c", "Building_Electrical_Meter", "kW.h", counter=Counter(1e6, 100)),
        lambda: Limits(5, 26, 30),
        lambda: Limits(5, 26, 18, max_step=0),
        lambda: Plausible(10, 5),
        lambda: Counter(0, 1),
    ],
)
def test_what_contradicts_itself_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DomainError):
        make()
