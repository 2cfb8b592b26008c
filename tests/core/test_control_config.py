"""What control may do: sections that make no sense are refused when they are read."""

from datetime import date
from typing import Any

import pytest

from core.config.control import AirSystem, Control, DemandLimit, SheddableLoad
from core.config.load_shift import LoadShift, ShiftableLoad
from core.config.models import Building
from core.config.zone import Zone
from core.errors import DomainError

LIMIT: dict[str, Any] = {"meter": "torino/calvino/electricity", "limit_kw": 50}
SHIFTABLE: dict[str, Any] = {"point": "torino/calvino/tank", "run_hours": 3, "power_kw": 2}
TANK = ShiftableLoad(point="torino/calvino/boiler", run_hours=3, power_kw=2)
LOAD: dict[str, Any] = {"point": "torino/calvino/pump", "shed_value": 0, "rank": 1, "expected_kw": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit_kw": 0},
        {"limit_kw": float("inf")},
        {"window_minutes": 0},
        {"window_minutes": 7},
        {"decide_every_s": 0},
        {"decide_every_s": 901},
        {"stale_after_s": 0},
        {"loads": [SheddableLoad(**LOAD), SheddableLoad(**LOAD)]},
    ],
)
def test_a_demand_limit_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    DemandLimit(**LIMIT)
    with pytest.raises(DomainError):
        DemandLimit(**(LIMIT | wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected_kw": 0},
        {"least_shed_s": 4000},
        {"rest_s": -1},
        {"comfort_sensor": "torino/calvino/hall/temperature"},
        {"comfort_low": 19.0},
    ],
)
def test_a_load_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    SheddableLoad(**LOAD)
    with pytest.raises(DomainError):
        SheddableLoad(**(LOAD | wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"decide_every_s": 0}, "above 0"),
        ({"stale_after_s": -1}, "above 0"),
        ({"setback": 21.0}, "do not ascend: 21, 20, 26"),
        ({"comfort_minimum": 27.0}, "do not ascend"),
        ({"reference_start": date(2026, 1, 1)}, "a start and a later end"),
        ({"reference_end": date(2026, 1, 1)}, "a start and a later end"),
        ({"reference_start": date(2026, 1, 2), "reference_end": date(2026, 1, 2)}, "a start and a later end"),
        ({"air_systems": [AirSystem(name="ahu", zones=["hall", "attic"])]}, "air system ahu feeds attic"),
        ({"air_systems": [AirSystem(name="ahu", zones=["first/hall"])]}, "air system ahu feeds first/hall"),
        ({"zones": [Zone(name="hall"), Zone(name="attic")]}, "zones: attic, where"),
        ({"zones": [Zone(name="hall"), Zone(name="hall")]}, "twice"),
        ({"load_shift": LoadShift(loads=[TANK, ShiftableLoad(**SHIFTABLE)])}, "tank is driven by other strategies"),
    ],
)
def test_control_that_makes_no_sense(wrong: dict[str, Any], said: str) -> None:
    right: dict[str, Any] = {
        "setpoints": ["torino/calvino/hall/heating-setpoint", "torino/calvino/floor/office/heating-setpoint"],
        "air_systems": [AirSystem(name="ahu", zones=["hall", "floor/office"])],
        "zones": [Zone(name="hall", floor_area_m2=120, design_people=40), Zone(name="floor/office")],
        "supply_setpoint": "torino/calvino/tank",
        "load_shift": LoadShift(loads=[TANK]),
        "reference_start": date(2026, 1, 1),
        "reference_end": date(2026, 1, 2),
    }
    Control(**right)
    if "reference_start" in wrong or "reference_end" in wrong:
        del right["reference_start"], right["reference_end"]
    with pytest.raises(DomainError, match=said):
        Control(**(right | wrong))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"floor_area_m2": 0}, "above 0"),
        ({"floor_area_m2": float("nan")}, "above 0"),
        ({"floor_area_m2": float("inf")}, "above 0"),
        ({"design_people": -1}, "0 or more"),
        ({"design_people": float("inf")}, "0 or more"),
        ({"floor_area_m2": 40, "design_people": 121}, "121 people do not fit on 40 m²"),
    ],
)
def test_a_zone_that_makes_no_sense(wrong: dict[str, Any], said: str) -> None:
    Zone(name="hall", floor_area_m2=40, design_people=120), Zone(name="store", design_people=0)
    with pytest.raises(DomainError, match=said):
        Zone(name="hall", **wrong)


@pytest.mark.parametrize(("building_m2", "fits"), [(None, True), (200.0, True), (197.0, True), (150.0, False)])
def test_zones_are_no_larger_than_their_building(*, building_m2: float | None, fits: bool) -> None:
    control = Control(
        setpoints=["torino/calvino/hall/heating-setpoint", "torino/calvino/office/heating-setpoint"],
        zones=[Zone(name="hall", floor_area_m2=120), Zone(name="office", floor_area_m2=80)],
    )
    if fits:
        Building(id="torino/calvino", floor_area_m2=building_m2, control=control)
    else:
        with pytest.raises(DomainError, match="200 m²"):
            Building(id="torino/calvino", floor_area_m2=building_m2, control=control)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"run_hours": 0}, "above 0"),
        ({"power_kw": float("inf")}, "above 0"),
        ({"on_value": 0}, "differ"),
        ({"days": ["mon", "funday"]}, "funday"),
        ({"not_before": "25:00"}, "HH:MM"),
        ({"not_before": "24:00"}, "earlier"),
        ({"not_before": "22:00", "ready_by": "00:30"}, "3 h do not fit from 22:00 to 00:30"),
        ({"not_before": "04:00", "ready_by": "06:00"}, "do not fit"),
        ({"run_hours": 25}, "do not fit"),
    ],
)
def test_a_load_to_shift_that_makes_no_sense(wrong: dict[str, Any], said: str) -> None:
    for right in ({}, {"not_before": "22:00", "ready_by": "06:00"}, {"not_before": "06:00", "ready_by": "06:00"}):
        ShiftableLoad(**(SHIFTABLE | right))
    with pytest.raises(DomainError, match=said):
        ShiftableLoad(**(SHIFTABLE | wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"most_k": -0.1},
        {"carbon_eur_per_tonne": float("nan")},
        {"loads": [ShiftableLoad(**SHIFTABLE), ShiftableLoad(**SHIFTABLE)]},
    ],
)
def test_load_shifting_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    LoadShift(most_k=0.0, carbon_eur_per_tonne=80.0)
    with pytest.raises(DomainError):
        LoadShift(**wrong)
