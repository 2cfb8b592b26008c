import pytest

from core.errors import ConfigError
from simulators import calvino
from simulators.building import RCBuilding
from simulators.port import SimulatedBuilding, described, load


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


def test_a_building_to_evaluate_explains_itself() -> None:
    library = calvino.build(0, seed=1, step_s=300)
    with pytest.raises(ConfigError, match=r"RCBuilding .* has no end_ms, step_ms, points"):
        described(library)


def test_a_point_that_is_not_explained_is_named() -> None:
    class Hut:
        time_ms, end_ms, step_ms = 0, 3_600_000, 60_000
        names, writable, points = ("hall/temperature",), (), ()

        def step(self, until_ms: int) -> None: ...
        def read(self, name: str) -> float: ...

        def write(self, name: str, value: float) -> None: ...
        def close(self) -> None: ...

    with pytest.raises(ConfigError, match="Hut does not say what hall/temperature is"):
        described(Hut())
