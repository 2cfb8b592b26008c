import pytest

from core.errors import ConfigError
from simulators import calvino
from simulators.building import RCBuilding
from simulators.port import SimulatedBuilding, load


def test_buildings_are_found_by_name() -> None:
    building: SimulatedBuilding = load("simulators.calvino:build")(0, seed=1, step_s=300)

    assert isinstance(building, RCBuilding)
    assert {entry.name for entry in calvino.register_map()} == set(building.names)
    assert set(building.writable) <= set(building.names)


@pytest.mark.parametrize(
    "reference", ["simulators.calvino", "simulators.calvino:castle", "no.such:thing", ":", "a..b:c"]
)
def test_what_cannot_be_found_is_named(reference: str) -> None:
    with pytest.raises(ConfigError, match=reference):
        load(reference)
