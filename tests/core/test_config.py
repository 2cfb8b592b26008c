"""The configuration names the line that is wrong."""

import pytest

from core.config import load_config
from core.errors import ConfigError, SecretMissingError

GOOD = """
[broker]
host = "broker.example"

[[sites]]
id = "torino"
timezone = "Europe/Rome"
country = "IT"
subdivision = "TO"

[[buildings]]
id = "torino/calvino"
meters = ["torino/calvino/gas"]

[buildings.control]
mode = "drive"
occupied = [{ days = ["mon"], from = "09:00", to = "19:00", value = 1 }]
heating_seasons = [{ start = 2026-10-15, end = 2027-04-15, source = "DPR 74/2013" }]

[gateway]
id = "calvino"
site = "torino"

[[gateway.devices]]
name = "plant"
driver = "modbus"

[[gateway.devices.points]]
id = "torino/calvino/gas"
brick_class = "Building_Gas_Meter"
unit = "kW.h"

[[gateway.devices.points]]
id = "torino/calvino/heat"
brick_class = "Building_Gas_Meter"
unit = "kW.h"
"""


def test_a_good_file_is_read() -> None:
    config = load_config(GOOD)
    assert config.site("torino") is not None
    assert config.buildings[0].control is not None
    assert config.gateway is not None
    assert [p.id for p in config.gateway.devices[0].points] == ["torino/calvino/gas", "torino/calvino/heat"]


def test_the_environment_lies_over_the_file() -> None:
    environ = {"PROMESSA_BROKER__HOST": "other", "PROMESSA_BROKER__PORT": "8883", "PROMESSA_BROKER__PASSWORD": "1234",
               "PROMESSA_TEST_INFLUX_URL": "x", "HOME": "/"}  # fmt: skip
    broker = load_config(GOOD, environ).broker
    assert (broker.host, broker.port, broker.password) == ("other", 8883, "1234")


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (('host = "broker.example"', 'port = "many"'), 3, "broker.port: Expected `int`, got `str`"),
        (('host = "broker.example"', "hots = 1"), 3, "unknown field `hots`"),
        (('country = "IT"', "country = 3"), 8, "sites[0].country"),
        (('mode = "drive"', 'mode = "race"'), 16, "buildings[0].control.mode"),
        (('id = "torino/calvino/heat"', 'id = "Heat"'), 33, "'Heat' is not a point id"),
        (('name = "plant"', "nam = 1"), 25, "gateway.devices[0]"),
        (('[gateway]\nid = "calvino"', "[gateway]\nid = 7"), 21, "gateway.id"),
        (("[broker]", "[broker"), 2, "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(change: tuple[str, str], line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(GOOD.replace(*change), source="promessa.toml")
    assert says in caught.value.message
    assert f"promessa.toml:{line}" in caught.value.message or f"line {line}" in caught.value.message


def test_a_mistake_in_the_environment_is_named_with_its_variable() -> None:
    with pytest.raises(ConfigError, match=r"^PROMESSA_BROKER__PORT: broker\.port: Expected `int`"):
        load_config(GOOD, {"PROMESSA_BROKER__PORT": "many"})


def test_nothing_starts_without_a_credential() -> None:
    with pytest.raises(SecretMissingError, match="promessa enroll"):
        load_config(GOOD).broker.require_credential("gateway")
