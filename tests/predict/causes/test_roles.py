"""Points are known by their Brick class, unit and name, whichever of the usual ones."""

from __future__ import annotations

import pytest

from core.errors import DomainError
from predict.causes.roles import Carrier, EndUse, Role, known_unit, meter_kind, role_of


@pytest.mark.parametrize(
    ("brick_class", "unit", "role"),
    [
        ("Outside_Air_Temperature_Sensor", "Cel", Role.OUTDOOR),
        ("Outdoor_Air_Temperature_Sensor", "Cel", Role.OUTDOOR),
        ("Zone_Air_Temperature_Sensor", "Cel", Role.TEMPERATURE),
        ("Room_Air_Temperature_Sensor", "[degF]", Role.TEMPERATURE),
        ("Leaving_Hot_Water_Temperature_Sensor", "Cel", Role.OTHER),
        ("Supply_Air_Temperature_Sensor", "Cel", Role.OTHER),
        ("Outside_Air_Dewpoint_Sensor", "Cel", Role.OTHER),
        ("Zone_Air_Heating_Temperature_Setpoint", "Cel", Role.HEATING_SETPOINT),
        ("Zone_Air_Temperature_Setpoint", "Cel", Role.HEATING_SETPOINT),
        ("Zone_Air_Cooling_Temperature_Setpoint", "Cel", Role.COOLING_SETPOINT),
        ("Leaving_Hot_Water_Temperature_Setpoint", "Cel", Role.OTHER),
        ("Solar_Irradiance_Sensor", "W/m2", Role.SUN),
        ("Wind_Speed_Sensor", "m/s", Role.WIND),
        ("Occupancy_Count_Sensor", "{person}", Role.PEOPLE),
        ("Zone_CO2_Level_Sensor", "[ppm]", Role.CO2),
        ("Fan_On_Off_Status", "1", Role.FAN),
        ("On_Off_Status", "1", Role.OTHER),
        ("Building_Gas_Meter", "kW.h", Role.METER),
        ("Electrical_Meter", "kW", Role.METER),
        ("Thermal_Power_Sensor", "kW", Role.OTHER),
    ],
)
def test_roles(brick_class: str, unit: str, role: Role) -> None:
    assert role_of(brick_class, unit, "x") is role


@pytest.mark.parametrize(
    ("brick_class", "name", "carrier", "end_use"),
    [
        ("Building_Gas_Meter", "gas", Carrier.GAS, EndUse.WHOLE),
        ("Gas_Meter", "gas/heating", Carrier.GAS, EndUse.HEATING),
        ("Building_Electrical_Meter", "e", Carrier.ELECTRICITY, EndUse.WHOLE),
        ("Electrical_Meter", "Fans:Electricity", Carrier.ELECTRICITY, EndUse.FANS),
        ("Meter", "Heating:NaturalGas", Carrier.GAS, EndUse.HEATING),
        ("Electrical_Meter", "electricity/lights", Carrier.ELECTRICITY, EndUse.LIGHTING),
        ("Thermal_Energy_Usage_Sensor", "heat", Carrier.HEAT, EndUse.HEATING),
        ("Chilled_Water_Meter", "cold", Carrier.COLD, EndUse.COOLING),
    ],
)
def test_meters(brick_class: str, name: str, carrier: Carrier, end_use: EndUse) -> None:
    kind = meter_kind(brick_class, name)
    assert (kind.carrier, kind.end_use) == (carrier, end_use)


@pytest.mark.parametrize(("text", "code"), [("kWh", "kW.h"), ("°C", "Cel"), ("W/m²", "W/m2"), ("J", "J"), ("", "1")])
def test_units_as_people_write_them(text: str, code: str) -> None:
    assert known_unit(text) == code


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(DomainError, match="furlong"):
        known_unit("furlong")
