import pytest

from core.errors import ConfigError
from core.points import Measure, Point
from core.units import check_unit
from simulators.idf.model import Idf
from simulators.idf.points import exchange_of, present, running, slug
from tests.simulators.idf.models import TEXT, model


def test_points_are_found_from_the_model() -> None:
    points = {point.name: point for point in exchange_of(model()).points}

    assert {"north/temperature", "south/people", "main-hall/heating-setpoint", "system-1/fan"} <= points.keys()
    assert {"outdoor-temperature", "solar-irradiance", "electricity", "gas/heating"} <= points.keys()
    assert points["main-hall/temperature"].zone == "main-hall"


def test_what_can_be_written_has_its_actuator() -> None:
    found = exchange_of(model())
    writable = {point.name: found.actuators[point.actuator] for point in found.points if point.actuator is not None}

    assert writable["north/heating-setpoint"].key == "North"
    assert writable["system-1/fan"].insist
    damper = writable["system-1/outdoor-air"]
    assert damper.key == "Damper"
    assert damper.times is not None
    assert found.variables[damper.times] == ("System Node Mass Flow Rate", "Mixed")


def test_set_points_of_a_thermostat_know_their_schedules() -> None:
    found = exchange_of(model())
    assert len(found.bands) == 3  # two zones of a list, and the hall
    band = found.bands[2]

    assert [found.actuators[i].control for i in (band.heating, band.cooling)] == [
        "Heating Setpoint",
        "Cooling Setpoint",
    ]
    assert found.actuators[band.heating].key == "Main Hall"
    assert found.variables[band.heating_schedule] == ("Schedule Value", "HEATING")
    assert found.variables[band.cooling_schedule] == ("Schedule Value", "Cooling")


def test_points_speak_brick_and_ucum() -> None:
    for point in exchange_of(model()).points:
        Point(f"site/building/{point.name}", point.brick_class, point.unit, measure=Measure.INSTANT)
        check_unit(point.unit)


def test_a_buildings_meter_is_the_sum_of_its_end_uses() -> None:
    found = exchange_of(model())
    whole = next(point for point in found.points if point.name == "gas")

    assert {found.meters[i] for i in whole.meters} >= {"Heating:NaturalGas", "WaterSystems:NaturalGas"}
    assert "NaturalGas:Facility" not in found.meters


def test_only_what_the_engine_knows_is_present() -> None:
    found = exchange_of(model())
    values = [None if key == "South" else 1.0 for _, key in found.variables]
    energy = [1.0 if meter == "Fans:Electricity" else None for meter in found.meters]
    names = {point.name for point in found.points if present(point, values, energy)}

    assert "north/temperature" in names
    assert "south/temperature" not in names
    assert {name for name in names if name.startswith(("electricity", "gas", "district"))} == {
        "electricity",
        "electricity/fans",
    }


AIR = """
NodeList, Supply Nodes, Fan Out;
NodeList, Inlets North, North In;
ZoneHVAC:EquipmentConnections, North, , Inlets North, , , North Return;
ZoneHVAC:EquipmentConnections, South, , South In, , , South Return;
ZoneHVAC:EquipmentConnections, Main Hall, , Hall In, , , Hall Return;
AirLoopHVAC:ZoneSplitter, Splitter 1, Demand in, North Damper, South Damper;
AirTerminal:SingleDuct:VAV:Reheat, North box, , North Damper Out, North Damper, 1, , North In;
AirTerminal:SingleDuct:VAV:NoReheat, South box, , South In, South Damper, 1;
AirLoopHVAC, System 2, , List, 1, Branches 2, , Return 2, Demand out 2, Demand in 2, Supply Nodes;
AirLoopHVAC:SupplyPlenum, Plenum, Zone, Node, Demand in 2, Hall Damper;
AirTerminal:SingleDuct:ConstantVolume:NoReheat, Hall box, , Hall Damper, Hall In, 1;
SetpointManager:Scheduled, Manager 1, Temperature, Cold, Supply;
SetpointManager:MixedAir, Mixed 1, Temperature, Supply, Fan In 1, Fan Out 1, Coil Out;
SetpointManager:MixedAir, Mixed 2, Temperature, Fan Out, Fan In 2, Fan Out 2, Coil Out 2;
SetpointManager:SingleZone:Reheat, Manager 2, Temperature, 10, 40, Main Hall, Node, Hall In, Fan Out;
"""


def test_an_air_system_tells_which_zones_it_feeds() -> None:
    points = {point.name: point for point in exchange_of(Idf.parse(TEXT + AIR)).points}

    assert points["system-1/fan"].feeds == ("north", "south")
    assert points["system-2/fan"].feeds == ("main-hall",)
    assert all(not point.feeds for name, point in points.items() if not name.endswith("/fan"))


def test_a_supply_temperature_is_set_at_every_node_that_follows_it() -> None:
    found = exchange_of(Idf.parse(TEXT + AIR))
    points = {point.name: point for point in found.points}
    point = points["system-1/supply-temperature-setpoint"]

    assert point.actuator is not None
    driven = [found.actuators[k] for k in (point.actuator, *point.also)]
    assert [actuator.key for actuator in driven] == ["Supply", "Coil Out"]
    assert all(actuator.insist for actuator in driven)
    assert found.variables[point.variables[0]] == ("System Node Setpoint Temperature", "Supply")


def test_a_supply_temperature_that_follows_one_zone_cannot_be_set() -> None:
    names = {point.name for point in exchange_of(Idf.parse(TEXT + AIR)).points}

    assert "system-2/supply-temperature" in names
    assert "system-2/supply-temperature-setpoint" not in names


def test_outdoor_air_knows_what_returns() -> None:
    found = exchange_of(model())
    point = next(point for point in found.points if point.name == "system-1/outdoor-air")
    assert point.actuator is not None
    back = found.actuators[point.actuator].back

    assert back is not None
    assert found.variables[back] == ("System Node Mass Flow Rate", "Return")


def test_the_floor_area_of_each_zone_is_asked_for() -> None:
    found = exchange_of(model())
    asked = {p.zone: found.constants[p.constant] for p in found.points if p.constant is not None}

    assert asked == {
        "north": ("Zone Floor Area", "North"),
        "south": ("Zone Floor Area", "South"),
        "main-hall": ("Zone Floor Area", "Main Hall"),
    }


def test_names_that_cannot_be_told_apart_are_an_error() -> None:
    text = "".join(f"ZoneControl:Thermostat, {name}, {name};" for name in ("Room 1", "Room_1"))

    with pytest.raises(ConfigError, match="room-1/temperature"):
        exchange_of(Idf.parse(text))


def test_a_model_without_a_thermostat_is_an_error() -> None:
    with pytest.raises(ConfigError, match="thermostat"):
        exchange_of(Idf.parse("Version, 26.1;"))


def test_small_things() -> None:
    assert slug("PSZ-AC:1_Fan ") == "psz-ac-1-fan"
    assert (running(0.0), running(0.5)) == (0.0, 1.0)
