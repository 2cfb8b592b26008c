import pytest

from core.errors import ConfigError
from core.points import Measure, Point
from core.units import check_unit
from simulators.idf.model import Idf
from simulators.idf.points import exchange_of, present, running, slug
from tests.simulators.idf.models import model


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
