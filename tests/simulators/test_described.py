"""What every building that can be evaluated keeps to, whatever engine is behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.errors import DomainError, NotFoundError, UnavailableError
from core.points import Counter, Measure, Point
from simulators.port import DescribedBuilding, described

pytestmark = pytest.mark.system
HOUR_MS = 3_600_000
FIRST, END = date(2023, 1, 9), date(2023, 1, 10)
Made = Callable[[], DescribedBuilding]


def energyplus(_: Path) -> Made:
    from simulators.energyplus import EnergyPlusBuilding, shipped

    model, weather = shipped("ref:small_office", "usa_il_chicago")
    return lambda: EnergyPlusBuilding(model, weather, FIRST, END, steps_per_hour=4)


def fmu(directory: Path) -> Made:
    from simulators.fmu import FmuBuilding
    from tests.simulators.fmi.archive import two_zones

    file = two_zones(directory)
    return lambda: FmuBuilding(file, FIRST, END, step_s=900)


ENGINES = [
    pytest.param(
        make, id=engine, marks=pytest.mark.skipif(find_spec(engine) is None, reason=f"{engine} is not installed")
    )
    for make, engine in ((energyplus, "pyenergyplus"), (fmu, "fmpy"))
]


@pytest.fixture(params=ENGINES, scope="module")
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return request.param(tmp_path_factory.mktemp("described"))  # type: ignore[no-any-return]


@pytest.fixture
def building(make: Made) -> Iterator[DescribedBuilding]:
    found = make()
    yield found
    found.close()


def set_point(building: DescribedBuilding) -> str:
    return next(p.name for p in building.points if p.brick_class == "Zone_Air_Heating_Temperature_Setpoint")


def test_it_has_everything_and_its_points_are_points(building: DescribedBuilding) -> None:
    described(building)
    assert [point.name for point in building.points] == list(building.names)
    assert set(building.writable) < set(building.names)
    for point in building.points:
        counter = Counter(rollover=1e9, max_rate_per_h=1e6) if point.unit == "kW.h" else None
        measure = Measure.INSTANT if counter is None else Measure.REGISTER
        Point(
            id=f"city/house/{point.name}",
            brick_class=point.brick_class,
            unit=point.unit,
            measure=measure,
            counter=counter,
        )
        assert not point.zone or point.name.startswith(f"{point.zone}/")


def test_zones_can_be_controlled_and_energy_is_counted(building: DescribedBuilding) -> None:
    by_zone: dict[str, set[str]] = {}
    for point in building.points:
        by_zone.setdefault(point.zone, set()).add(point.brick_class)
    by_zone.pop("", None)
    assert len(by_zone) > 1
    assert all("Zone_Air_Temperature_Sensor" in classes for classes in by_zone.values())
    assert {"gas", "gas/heating", "electricity/fans"} <= set(building.names)


def test_it_goes_on_in_whole_steps_to_its_end(building: DescribedBuilding) -> None:
    start, step = building.time_ms, building.step_ms
    assert building.end_ms - start == 24 * HOUR_MS
    building.step(start + step - 1)
    assert building.time_ms == start
    building.step(start + 2 * step + 1)
    assert building.time_ms == start + 2 * step
    building.step(start)
    assert building.time_ms == start + 2 * step
    with pytest.raises(DomainError, match="ends"):
        building.step(building.end_ms + 1)
    building.step(building.end_ms)
    assert building.time_ms == building.end_ms


def test_a_write_holds_until_nan_hands_it_back(building: DescribedBuilding) -> None:
    name, start = set_point(building), building.time_ms
    building.write(name, 18.25)
    building.step(start + 12 * HOUR_MS)
    assert building.read(name) == pytest.approx(18.25)
    building.write(name, math.nan)
    building.step(start + 13 * HOUR_MS)
    assert building.read(name) == pytest.approx(21.0)


def test_registers_begin_at_nothing_and_never_fall(building: DescribedBuilding) -> None:
    registers = [point.name for point in building.points if point.unit == "kW.h"]
    before = dict.fromkeys(registers, 0.0)
    assert {name: building.read(name) for name in registers} == before
    while building.time_ms < building.end_ms:
        building.step(building.time_ms + HOUR_MS)
        after = {name: building.read(name) for name in registers}
        assert all(after[name] >= before[name] for name in registers)
        before = after
    assert before["gas"] > 0


def test_the_same_run_again_is_the_same(make: Made) -> None:
    runs = []
    for _ in range(2):
        building = make()
        building.write(set_point(building), 22.0)
        building.step(building.end_ms)
        runs.append({name: building.read(name) for name in building.names})
        building.close()
    assert runs[0] == pytest.approx(runs[1], rel=0, abs=0, nan_ok=True)


def test_what_is_not_there_is_an_error(building: DescribedBuilding) -> None:
    for call in (lambda: building.read("cellar/temperature"), lambda: building.write("cellar/heating-setpoint", 20.0)):
        with pytest.raises(NotFoundError, match="cellar"):
            call()
    with pytest.raises(DomainError, match="cannot be written"):
        building.write("gas", 1.0)
    with pytest.raises(DomainError, match="not 90"):
        building.write(set_point(building), 90.0)


def test_it_can_be_closed_early_and_twice(make: Made) -> None:
    building = make()
    building.step(building.time_ms + HOUR_MS)
    building.close()
    building.close()
    with pytest.raises(UnavailableError):
        building.step(building.end_ms)
