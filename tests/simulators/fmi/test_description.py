"""An FMU's description is read without FMPy and without a compiler."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.errors import ConfigError
from simulators.fmi.description import BaseUnit, Variable, read
from simulators.fmi.naming import read_naming
from simulators.fmi.scale import scale_of
from tests.simulators.fmi.archive import SOURCE, XML, archive

KPIS = (SOURCE / "kpis.json").read_text()
POWER = BaseUnit((1, 2, -3, 0, 0, 0, 0, 0), 1000.0, 0.0)


def test_variables_units_tags_and_platforms_are_read(tmp_path: Path) -> None:
    fmu = archive(
        tmp_path / "a.fmu",
        {
            "modelDescription.xml": XML,
            "resources/kpis.json": KPIS,
            "binaries/linux64/twozones.so": "",
            "binaries/win64/twozones.dll": "",
            "sources/twozones.c": "",
        },
    )
    found = read(fmu)
    by_name = {variable.name: variable for variable in found.variables}

    assert found.identifier == "twozones"
    assert found.platforms == {"linux64", "win64", "c-code"}
    assert found.tags["AirZoneTemperature[North]"] == ("reaNor_TZon_y",)
    assert "None" not in found.tags
    assert by_name["conNor_oveTSetHea_u"] == Variable(
        "conNor_oveTSetHea_u", 0, "Real", "input", "Air temperature heating setpoint for zone nor", "K", False,
        278.15, 308.15, 0.0,
    )  # fmt: skip
    assert by_name["gain"].unit == "W"  # of its declared type
    assert by_name["gain"].high == math.inf  # the largest double is no limit
    assert by_name["fault"].kind == "Boolean"


def test_tags_can_stand_beside_the_fmu(tmp_path: Path) -> None:
    fmu = archive(tmp_path / "a.fmu", {"modelDescription.xml": XML, "resources/kpis.json": KPIS})
    tags = tmp_path / "kpis.json"
    tags.write_text('{"AirZoneTemperature[hall]": ["reaNor_TZon_y"]}')
    assert read(fmu, tags=tags).tags == {"AirZoneTemperature[hall]": ("reaNor_TZon_y",)}
    tags.write_text("[1]")
    with pytest.raises(ConfigError, match="not what BOPTEST writes"):
        read(fmu, tags=tags)
    with pytest.raises(ConfigError, match=r"none\.json cannot be read"):
        read(fmu, tags=tmp_path / "none.json")


@pytest.mark.parametrize(
    ("xml", "match"),
    [
        (XML.replace('fmiVersion="2.0"', 'fmiVersion="1.0"'), "is of FMI 1.0; only FMI 2.0"),
        (XML.replace('fmiVersion="2.0"', 'fmiVersion="3.0"'), "is of FMI 3.0; only FMI 2.0"),
        (XML.replace("CoSimulation", "ModelExchange"), "model exchange only"),
        (XML.replace('guid="', 'uid="'), "wrong: 'guid'"),
        (XML.replace('<Real unit="ppm"/>', ""), "reaNor_CO2Zon_y has no type"),
        (XML.replace('min="278.15"', 'min="cold"'), "cold"),
        (XML[: len(XML) // 2], "is not an FMU"),
        ("", "is not an FMU"),
    ],
)
def test_a_description_that_is_none_is_an_error(tmp_path: Path, xml: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        read(archive(tmp_path / "a.fmu", {"modelDescription.xml": xml}))


def test_a_file_that_is_no_fmu_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "a.fmu"
    text.write_text("rain")
    with pytest.raises(ConfigError, match="no zip archive"):
        read(text)
    with pytest.raises(ConfigError, match=r"no modelDescription\.xml"):
        read(archive(tmp_path / "b.fmu", {"notes.txt": ""}))
    with pytest.raises(ConfigError, match=r"none\.fmu cannot be read: No such file"):
        read(tmp_path / "none.fmu")


@pytest.mark.parametrize(
    ("variable", "value", "unit", "shown"),
    [
        ({"unit": "K"}, 293.15, "Cel", 20.0),
        ({"unit": "K", "relative": True}, 2.0, "K", 2.0),
        ({"unit": "degC"}, 20.0, "Cel", 20.0),
        ({"unit": "degC", "relative": True}, 2.0, "K", 2.0),
        ({"unit": "degF"}, 68.0, "Cel", 20.0),
        ({"unit": "W"}, 1500.0, "kW", 1.5),
        ({"unit": "kW"}, 1.5, "kW", 1.5),
        ({"unit": "horse"}, 2.0, "kW", 2.0),  # as its definition says
        ({"unit": "J"}, 3.6e6, "kW.h", 1.0),
        ({"unit": "kWh"}, 1.0, "kW.h", 1.0),
        ({"unit": "rad"}, math.pi, "deg", 180.0),
        ({"unit": "ppm"}, 800.0, "[ppm]", 800.0),
        ({"unit": "kg/s"}, 0.2, "kg/s", 0.2),
        ({"unit": ""}, 0.5, "1", 0.5),
        ({"unit": "", "kind": "Boolean"}, 1.0, "1", 1.0),
    ],
)
def test_units_are_those_of_the_platform(variable: dict[str, object], value: float, unit: str, shown: float) -> None:
    scale = scale_of(
        Variable(**{"name": "x", "reference": 0, "kind": "Real", "causality": "output"} | variable),  # type: ignore[arg-type]
        {"horse": POWER},
    )
    assert scale is not None
    assert (scale.unit, scale.point(value)) == (unit, pytest.approx(shown))
    assert scale.model(shown) == pytest.approx(value)


def test_a_unit_that_nobody_knows_has_no_scale() -> None:
    assert scale_of(Variable("x", 0, "Real", "output", unit="furlong"), {}) is None


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[points.x]\nnam = 'a'", "nam"),
        ("[energy]\ngas = 'boi'", "array"),
        ("points = [", "naming.toml"),
    ],
)
def test_a_naming_file_that_is_wrong_is_an_error(tmp_path: Path, text: str, match: str) -> None:
    file = tmp_path / "naming.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_naming(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_naming(tmp_path / "none.toml")
