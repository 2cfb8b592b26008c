"""Points of an FMU follow from what it says; the names here are those that BOPTEST's test cases have."""

from __future__ import annotations

import math

import pytest

from core.errors import ConfigError
from simulators.fmi.description import Description, Variable, parsed, tags_of
from simulators.fmi.naming import Named, Naming
from simulators.fmi.points import FmuPoint, points_of
from tests.simulators.fmi.archive import SOURCE, XML


def fmu(*variables: Variable, **tags: list[str]) -> Description:
    return Description("m", "g", variables, tags={tag: tuple(names) for tag, names in tags.items()})


def output(name: str, unit: str, description: str = "") -> Variable:
    return Variable(name, 0, "Real", "output", description, unit)


def overwrite(
    base: str, unit: str, description: str = "", *, low: float = 283.15, high: float = 303.15
) -> list[Variable]:
    return [
        Variable(f"{base}_u", 0, "Real", "input", description, unit, low=low, high=high),
        Variable(f"{base}_activate", 0, "Boolean", "input", f"Activation for {description}"),
    ]


def found(description: Description, naming: Naming | None = None) -> dict[str, FmuPoint]:
    return {point.name: point for point in points_of(description, naming).points}


def test_two_zones_with_tags() -> None:
    tags = tags_of((SOURCE / "kpis.json").read_bytes(), "kpis.json")
    points = found(parsed("two zones", XML.encode(), tags))

    assert {name: (p.brick_class, p.unit, p.zone) for name, p in points.items() if p.zone} == {
        "north/temperature": ("Zone_Air_Temperature_Sensor", "Cel", "north"),
        "north/heating-setpoint": ("Zone_Air_Heating_Temperature_Setpoint", "Cel", "north"),
        "north/co2": ("Zone_CO2_Level_Sensor", "[ppm]", "north"),
        "north/people": ("Occupancy_Count_Sensor", "{person}", "north"),
        "south/temperature": ("Zone_Air_Temperature_Sensor", "Cel", "south"),
        "south/heating-setpoint": ("Zone_Air_Heating_Temperature_Setpoint", "Cel", "south"),
    }
    heating = points["north/heating-setpoint"]
    assert (heating.low, heating.high) == (5.0, 35.0)
    assert heating.activate is not None
    assert {name for name, p in points.items() if p.register} == {
        "electricity", "electricity/fans", "gas", "gas/heating",
    }  # fmt: skip


def test_one_zone_needs_no_name() -> None:
    """BESTEST with a fan coil: nothing says which zone."""
    points = found(
        fmu(
            *overwrite("con_oveTSetHea", "K", "Zone temperature setpoint for heating"),
            *overwrite("con_oveTSetCoo", "K", "Zone temperature setpoint for cooling"),
            *overwrite("fcu_oveTSup", "K", "Supply air temperature setpoint"),
            *overwrite("fcu_oveFan", "1", "Fan control signal as air mass flow rate normalized", low=0, high=1),
            output("con_reaTSetHea_y", "K", "Zone air temperature setpoint for heating"),
            output("zon_reaTRooAir_y", "K", "Zone air temperature"),
            output("fcu_reaTSup_y", "K", "Supply air temperature"),
            output("zon_reaCO2RooAir_y", "ppm", "Zone air CO2 concentration"),
            output("zon_weaSta_reaWeaTDryBul_y", "K", "Outside drybulb temperature measurement"),
            output("zon_weaSta_reaWeaTWetBul_y", "K", "Wet bulb temperature measurement"),
            output("zon_weaSta_reaWeaHGloHor_y", "W/m2", "Global horizontal solar irradiation measurement"),
            output("zon_weaSta_reaWeaHHorIR_y", "W/m2", "Horizontal infrared irradiation measurement"),
            output("zon_weaSta_reaWeaWinSpe_y", "m/s", "Wind speed measurement"),
            output("fcu_reaPFan_y", "W", "Supply fan electrical power consumption"),
            output("fcu_reaPCoo_y", "W", "Cooling electrical power consumption"),
            output("fcu_reaPHea_y", "W", "Heating thermal power consumption"),
            output("zon_reaPLig_y", "W", "Lighting power submeter"),
            ElectricPower=["fcu_reaPCoo_y", "fcu_reaPFan_y"],
            GasPower=["fcu_reaPHea_y"],
            AirZoneTemperature=["zon_reaTRooAir_y"],
        )
    )
    assert {name: p.brick_class for name, p in points.items() if p.zone == "zone"} == {
        "zone/heating-setpoint": "Zone_Air_Heating_Temperature_Setpoint",
        "zone/cooling-setpoint": "Zone_Air_Cooling_Temperature_Setpoint",
        "zone/temperature": "Zone_Air_Temperature_Sensor",
        "zone/co2": "Zone_CO2_Level_Sensor",
    }
    assert points["zone/heating-setpoint"].reads[0].variable.name == "con_reaTSetHea_y"  # it shows what is in force
    assert points["zone/cooling-setpoint"].reads == ()
    assert points["fcu-ovetsup"].brick_class == "Temperature_Setpoint"
    assert points["fcu-ovefan"].brick_class == "Fan_Command"
    assert points["outdoor-temperature"].reads[0].variable.name == "zon_weaSta_reaWeaTDryBul_y"
    assert {"solar-irradiance", "wind-speed", "zon-weasta-reaweatwetbul"} <= set(points)
    parts = {name: {s.variable.name for s in p.reads} for name, p in points.items() if p.register}
    assert parts == {
        "electricity": {"fcu_reaPCoo_y", "fcu_reaPFan_y"},
        "electricity/cooling": {"fcu_reaPCoo_y"},
        "electricity/fans": {"fcu_reaPFan_y"},
        "gas": {"fcu_reaPHea_y"},
        "gas/heating": {"fcu_reaPHea_y"},
    }


def test_many_zones_are_told_by_descriptions_alone() -> None:
    """The residential building: no tags, water to radiators, rooms that only descriptions name."""
    points = found(
        fmu(
            *overwrite("conHeaLiv_oveTSetHea", "K", "Air temperature heating setpoint for zone Liv"),
            *overwrite("conHeaLiv_oveActHea", "1", "Actuator signal for heating valve for zone Liv", low=0, high=1),
            *overwrite("conHeaRo1_oveTSetHea", "K", "Air temperature heating setpoint for zone Ro1"),
            *overwrite("conCooRo1_oveTSetCoo", "K", "Air temperature cooling setpoint for zone Ro1"),
            *overwrite("oveTSetSup", "K", "Supply water temperature setpoint to radiators"),
            *overwrite("oveTSetPum", "K", "Heating zone air temperature setpoint used to control circulation pump"),
            *overwrite(
                "oveEmiPum", "1", "Control signal to the circulation pump of the emission system", low=0, high=1
            ),
            output("reaTSetHea_y", "K", "Building heating air setpoint temperature"),
            output("conHeaLiv_reaTZon_y", "K", "Air temperature of zone Liv"),
            output("conHeaRo1_reaTZon_y", "K", "Air temperature of zone Ro1"),
            output("extBth_reaCO2RooAir_y", "ppm", "Air CO2 concentration of zone Bth"),
            output("reaTSup_y", "K", "Supply water temperature measurement to radiators"),
            output("boi_reaGasBoi_y", "W", "Boiler gas power use"),
            output("boi_reaPpum_y", "W", "Boiler pump electrical power use"),
            output("conCooRo1_reaPCoo_y", "W", "Cooling electrical power use in zone Ro1"),
            output("reaHeaLiv_y", "W", "Heating delivered to Liv"),
        )
    )
    assert {name for name, p in points.items() if p.zone == "liv"} == {
        "liv/heating-setpoint", "liv/temperature", "conhealiv-oveacthea",
    }  # fmt: skip
    assert {name for name, p in points.items() if p.zone == "ro1"} == {
        "ro1/heating-setpoint", "ro1/cooling-setpoint", "ro1/temperature", "concooro1-reapcoo",
    }  # fmt: skip
    assert "bth/co2" in points
    assert points["conhealiv-oveacthea"].brick_class == "Valve_Command"
    assert points["supply-temperature-setpoint"].brick_class == "Leaving_Hot_Water_Temperature_Setpoint"
    assert "supply-temperature" in points
    assert points["ovetsetpum"].brick_class == "Temperature_Setpoint"  # it is no thermostat
    assert points["reatsethea"].brick_class == "Heating_Temperature_Setpoint"  # of no zone
    assert {name for name, p in points.items() if p.register} == {
        "electricity", "electricity/cooling", "electricity/pumps", "gas", "gas/heating",
    }  # fmt: skip


def test_a_zone_in_short_is_the_zone_of_the_tag() -> None:
    """The office with an air system: tags say Core, descriptions say cor; of two sensors the tagged one counts."""
    points = found(
        fmu(
            *overwrite("hvac_oveZonSupCor_TZonHeaSet", "K", "Zone air temperature heating setpoint for zone cor"),
            *overwrite("hvac_oveZonActCor_yDam", "1", "Damper position setpoint for zone cor", low=0, high=1),
            output("hvac_reaZonCor_TSup_y", "K", "Supply air temperature to zone measurement for zone cor"),
            output("hvac_reaZonCor_TRoo2_y", "K", "Second zone air temperature measurement for zone cor"),
            output("hvac_reaZonCor_TZon_y", "K", "Zone air temperature measurement for zone cor"),
            output("hvac_reaZonNor_TZon_y", "K", "Zone air temperature measurement for zone nor"),
            output("heaPum_reaPHeaPum_y", "W", "Heat pump electrical power consumption"),
            **{
                "AirZoneTemperature[Core]": ["hvac_reaZonCor_TZon_y"],
                "AirZoneTemperature[North]": ["hvac_reaZonNor_TZon_y"],
                "ElectricPower": ["heaPum_reaPHeaPum_y"],
            },
        )
    )
    assert {p.zone for p in points.values()} == {"core", "north", ""}
    assert points["core/temperature"].reads[0].variable.name == "hvac_reaZonCor_TZon_y"
    assert points["hvac-reazoncor-troo2"].brick_class == "Temperature_Sensor"
    assert points["hvac-reazoncor-tsup"].brick_class == "Temperature_Sensor"
    assert points["hvac-ovezonactcor-ydam"].brick_class == "Damper_Command"
    assert "core/heating-setpoint" in points
    assert "electricity/heating" in points  # a heat pump heats


def test_a_temperature_that_no_tag_names_is_no_zone_where_others_are_tagged() -> None:
    attic = output("reaTAti_y", "K", "Air temperature of zone Ati")
    living = output("conHeaLiv_reaTZon_y", "K", "Air temperature of zone Liv")
    assert set(found(fmu(attic, living))) == {"ati/temperature", "liv/temperature"}
    tagged = found(fmu(attic, living, **{"AirZoneTemperature[Liv]": ["conHeaLiv_reaTZon_y"]}))
    assert {name: p.brick_class for name, p in tagged.items()} == {
        "reatati": "Temperature_Sensor",
        "liv/temperature": "Zone_Air_Temperature_Sensor",
    }


def test_an_operative_temperature_counts_where_the_air_is_not_measured() -> None:
    operative = output("reaTRoo_y", "K", "Operative zone temperature")
    air = output("reaTZon_y", "K", "Zone air temperature")
    alone = found(fmu(operative, *overwrite("oveTSet", "K", "Zone operative temperature setpoint")))
    assert {name: p.brick_class for name, p in alone.items()} == {
        "zone/temperature": "Zone_Air_Temperature_Sensor",
        "zone/temperature-setpoint": "Zone_Air_Temperature_Setpoint",
    }
    both = found(fmu(operative, air))
    assert both["zone/temperature"].reads[0].variable is air
    tagged = found(fmu(operative, air, **{"OperativeZoneTemperature[1]": ["reaTRoo_y"]}))
    assert tagged["zone-1/temperature"].reads[0].variable is operative


def test_water_of_several_plants_is_not_guessed() -> None:
    coil = [
        output("hvac_reaAhu_THeaCoiRet_y", "K", "Heating coil return water temperature measurement for AHU"),
        output("hvac_reaAhu_THeaCoiSup_y", "K", "Heating coil supply water temperature measurement for AHU"),
        output("chi_reaTSup_y", "K", "Supply water temperature of chiller"),
    ]
    heat_pump = [
        output("heaPum_reaTRet_y", "K", "Return water temperature of heat pump"),
        output("heaPum_reaTSup_y", "K", "Supply water temperature of heat pump"),
    ]
    assert {"supply-temperature", "return-temperature", "chi-reatsup"} == set(found(fmu(*coil)))
    several = found(fmu(*coil, *heat_pump))
    assert {p.brick_class for p in several.values()} == {"Temperature_Sensor"}
    assert len(several) == 5


@pytest.mark.parametrize(
    ("base", "description", "name"),
    [
        ("oveTSetSup", "Supply temperature setpoint of the heater", "supply-temperature-setpoint"),
        ("oveTSetSup", "Supply water temperature setpoint to radiators", "supply-temperature-setpoint"),
        ("hvac_oveAhu_TSupSet", "Supply air temperature setpoint for AHU", "hvac-oveahu-tsupset"),
        ("chi_oveTSet", "Supply chilled water temperature setpoint", "chi-ovetset"),
        ("oveTSetHea", "Zone operative temperature setpoint for heating", "zone/heating-setpoint"),
        ("con_oveTSetCoo", "Zone temperature setpoint for cooling", "zone/cooling-setpoint"),
        ("oveTSetRooHea", "", "zone/heating-setpoint"),
        ("floor1_zon2_oveTSetRooCoo", "cooling temperature set point in zone 2", "zone-2/cooling-setpoint"),
    ],
)
def test_set_points_are_told_apart(base: str, description: str, name: str) -> None:
    assert set(found(fmu(*overwrite(base, "K", description)))) == {name}


@pytest.mark.parametrize(
    ("name", "description", "registers"),
    [
        ("chi_reaPChi_y", "Electric power consumed by chiller", {"electricity", "electricity/cooling"}),
        ("heaPum_reaPHeaPum_y", "Electric power consumed by heat pump", {"electricity", "electricity/heating"}),
        (
            "hvac_reaAhu_PPumHea_y",
            "Electrical power measurement of heating coil pump",
            {"electricity", "electricity/pumps"},
        ),
        ("hvac_reaAhu_PFanSup_y", "Electrical power measurement of supply fan", {"electricity", "electricity/fans"}),
        ("boi_reaGasBoi_y", "Boiler gas power use", {"gas", "gas/heating"}),
        ("reaQ_y", "District heating power for domestic hot water", {"district-heat", "district-heat/hot-water"}),
        ("reaHeaLiv_y", "Heating delivered to Liv", set()),
        ("reaP_y", "Total electrical power", set()),  # its parts may be there as well
    ],
)
def test_energy_without_tags_is_what_descriptions_say(name: str, description: str, registers: set[str]) -> None:
    assert {p.name for p in found(fmu(output(name, "W", description))).values() if p.register} == registers


def test_zones_that_are_numbers_become_names() -> None:
    points = found(fmu(output("TZone_y", "K"), **{"AirZoneTemperature[1]": ["TZone_y"]}))
    assert list(points) == ["zone-1/temperature"]


def test_limits_are_in_the_unit_of_the_point_and_may_be_none() -> None:
    points = found(
        fmu(
            *overwrite("oveP", "W", "Power", low=0.0, high=5000.0),
            *overwrite("oveT", "K", "Loop temperature", low=-math.inf, high=math.inf),
        )
    )
    assert (points["ovep"].low, points["ovep"].high) == (0.0, 5.0)
    assert (points["ovet"].low, points["ovet"].high) == (-math.inf, math.inf)


def test_a_unit_that_is_not_known_leaves_a_variable_out_until_it_is_named() -> None:
    description = fmu(output("height_y", "m"), output("TRoo_y", "kelvins", "Zone air temperature"))
    everything = points_of(fmu(*description.variables, output("x_y", "1")))
    assert everything.left_out == {
        "height_y": "its unit 'm' is not known",
        "TRoo_y": "its unit 'kelvins' is not known",
    }
    with pytest.raises(ConfigError, match="no inputs and outputs"):
        points_of(description)
    assert list(found(description, Naming({"TRoo": Named(unit="K")}))) == ["zone/temperature"]


def test_naming_goes_before_what_is_found() -> None:
    description = fmu(
        *overwrite("oveTSetHea", "K", "Heating setpoint"),
        output("reaT1_y", "K", "Probe 1"),
        output("reaT2_y", "K", "Probe 2"),
        output("p_y", "W", "Total"),
    )
    points = found(
        description,
        Naming(
            {
                "oveTSetHea": Named(zone="hall", minimum=18.0, maximum=22.0),
                "reaT1": Named(name="hall/temperature", brick_class="Zone_Air_Temperature_Sensor", zone="hall"),
                "reaT2": Named(ignore=True),
            },
            {"electricity/heating": ["p_y"]},
        ),
    )
    assert set(points) == {"hall/heating-setpoint", "hall/temperature", "p", "electricity", "electricity/heating"}
    assert (points["hall/heating-setpoint"].low, points["hall/heating-setpoint"].high) == (18.0, 22.0)
    assert points["hall/temperature"].zone == "hall"


@pytest.mark.parametrize(
    ("naming", "match"),
    [
        (Naming({"reaT9": Named(zone="hall")}), "no input or output reaT9"),
        (Naming(energy={"gas": ["boi_y"]}), "energy.gas: boi_y is no output of power"),
        (Naming({"reaT1": Named(name="a"), "reaT2": Named(name="a")}), "gives a twice"),
    ],
)
def test_naming_that_fits_nothing_is_an_error(naming: Naming, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        points_of(fmu(output("reaT1_y", "K"), output("reaT2_y", "K")), naming)
