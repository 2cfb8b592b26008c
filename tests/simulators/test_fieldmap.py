"""Any building that says its points, behind a field controller with overrides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import SimulatedClock
from core.errors import DomainError, NotFoundError
from core.points import Limits, Measure
from core.schedule import Schedule
from gateway.driver import DeviceRefusedError
from gateway.drivers.modbus import ModbusDriver
from simulators.fieldmap import OVERRIDE, Drive, FieldController, controller_of, device_of, map_of
from simulators.modbus import ModbusBuilding
from simulators.registermap import check_map

SETPOINT, FAN, AIR, ROOM, GAS = "hall/heating-setpoint", "ahu/fan", "ahu/outdoor-air", "hall/temperature", "gas"
OWN = {SETPOINT: 21.0, FAN: 1.0, AIR: 0.25, ROOM: 20.37, GAS: 1234.56}


@dataclass(frozen=True)
class Told:
    """A point as a building says it."""

    name: str
    brick_class: str
    unit: str
    low: float = 0.0
    high: float = 0.0


POINTS = (
    Told(ROOM, "Zone_Air_Temperature_Sensor", "Cel"),
    Told(SETPOINT, "Zone_Air_Heating_Temperature_Setpoint", "Cel", 5.0, 40.0),
    Told(FAN, "Fan_On_Off_Status", "1", 0.0, 1.0),
    Told(AIR, "Outside_Air_Flow_Setpoint", "1", 0.0, 1.0),
    Told(GAS, "Building_Gas_Meter", "kW.h"),
)
WRITABLE = (SETPOINT, FAN, AIR)


class Small:
    """A building that takes what it is told at its next step, and NaN as "follow your own schedule"."""

    def __init__(self) -> None:
        self.time_ms = 0
        self.points = POINTS
        self.names = tuple(OWN)
        self.writable = WRITABLE
        self.told: dict[str, float] = {}
        self.now = dict(OWN)

    def step(self, until_ms: int) -> None:
        self.time_ms = max(self.time_ms, until_ms)
        self.now = {name: self.told.get(name, own) for name, own in OWN.items()}

    def read(self, name: str) -> float:
        return self.now[name]

    def write(self, name: str, value: float) -> None:
        if name not in self.writable:
            raise DomainError(f"{name} cannot be written")
        if math.isnan(value):
            self.told.pop(name, None)
        else:
            self.told[name] = value


@pytest.fixture
def building() -> Small:
    return Small()


@pytest.fixture
def controller(building: Small) -> FieldController:
    return FieldController(building)


def test_an_override_reads_back_at_once_and_is_in_force_at_the_next_step(
    building: Small, controller: FieldController
) -> None:
    assert (controller.read(SETPOINT), controller.read(SETPOINT + OVERRIDE)) == (21.0, 0.0)
    controller.write(SETPOINT, 16.0)
    assert (controller.read(SETPOINT), controller.read(SETPOINT + OVERRIDE)) == (16.0, 1.0)
    assert building.read(SETPOINT) == 21.0
    controller.step(1)
    assert building.read(SETPOINT) == 16.0


def test_a_point_that_is_handed_back_follows_the_buildings_own_schedule(
    building: Small, controller: FieldController
) -> None:
    controller.write(SETPOINT, 16.0)
    controller.step(1)
    controller.write(SETPOINT + OVERRIDE, 0.0)
    controller.step(2)
    assert (building.read(SETPOINT), controller.read(SETPOINT), controller.read(SETPOINT + OVERRIDE)) == (21, 21, 0)


def test_a_switch_that_is_put_on_holds_what_is_in_force(building: Small, controller: FieldController) -> None:
    controller.write(SETPOINT + OVERRIDE, 1.0)
    assert building.told == {SETPOINT: 21.0}
    assert controller.read(SETPOINT + OVERRIDE) == 1.0


@pytest.mark.parametrize("name", [ROOM, "nowhere"])
def test_what_the_building_refuses_leaves_no_override(controller: FieldController, name: str) -> None:
    with pytest.raises((DomainError, NotFoundError)):
        controller.write(name, 20.0)
    assert name + OVERRIDE not in controller.names


def test_a_building_whose_own_point_is_named_like_a_switch_is_refused(building: Small) -> None:
    building.names = (*building.names, FAN + OVERRIDE)
    with pytest.raises(DomainError, match="override"):
        FieldController(building)


def test_each_point_has_its_place_by_what_it_is() -> None:
    entries = {entry.name: entry for entry in map_of(POINTS, WRITABLE)}
    check_map(entries.values())
    assert {name: entry.table for name, entry in entries.items()} == {
        ROOM: "input", GAS: "input", SETPOINT: "holding", AIR: "holding", FAN: "coil",
        SETPOINT + OVERRIDE: "coil", AIR + OVERRIDE: "coil", FAN + OVERRIDE: "coil",
    }  # fmt: skip
    assert (entries[SETPOINT].lowest, entries[SETPOINT].highest) == (5.0, 40.0)


@given(st.permutations(POINTS), st.sets(st.sampled_from([p.name for p in POINTS])))
def test_no_map_overlaps(points: list[Told], writable: set[str]) -> None:
    entries = map_of(points, writable)
    check_map(entries)
    assert {entry.name for entry in entries} == {p.name for p in points} | {name + OVERRIDE for name in writable}


def test_a_building_that_says_nothing_of_its_points_needs_a_map_of_its_own(building: Small) -> None:
    assert controller_of(building) is not None
    del building.points
    assert controller_of(building) is None


def test_only_what_can_be_written_can_be_driven() -> None:
    drive = Drive(Limits(0, 1, 0), Schedule(0.0))
    with pytest.raises(NotFoundError, match=ROOM):
        device_of("a/b", POINTS, WRITABLE, {ROOM: drive}, host="", port=1, poll_every_s=60)


@pytest.mark.system
class TestServed:
    """As the gateway sees it."""

    @pytest.fixture
    def driver(self, controller: FieldController) -> Iterator[ModbusDriver]:
        with ModbusBuilding(controller, map_of(POINTS, WRITABLE)) as served:
            drive = Drive(Limits(minimum=10, maximum=45, safe_value=20), Schedule(20.0))
            configured = device_of(
                "a/b", POINTS, WRITABLE, {SETPOINT: drive}, host="127.0.0.1", port=served.port, poll_every_s=60
            )
            self.points = {p.id: p for p in configured.points}
            driver = ModbusDriver(configured, SimulatedClock(0), read_only=False)
            yield driver
            driver.close()

    def test_it_reads_and_drives(self, driver: ModbusDriver, building: Small) -> None:
        harvest = driver.read(list(self.points))
        assert harvest.errors == {}
        assert {r.point: r.value for r in harvest.readings} == pytest.approx({f"a/b/{n}": v for n, v in OWN.items()})
        driver.write(f"a/b/{SETPOINT}", 16.0)
        assert driver.read([f"a/b/{SETPOINT}"]).readings[0].value == 16.0
        assert building.told == {SETPOINT: 16.0}
        assert [p.id for p in self.points.values() if p.limits] == [f"a/b/{SETPOINT}"]
        assert self.points[f"a/b/{GAS}"].measure is Measure.REGISTER

    def test_it_refuses_what_the_building_would_not_take(self, driver: ModbusDriver, building: Small) -> None:
        with pytest.raises(DeviceRefusedError, match="illegal value"):
            driver.write(f"a/b/{SETPOINT}", 45.0)
        assert building.told == {}

    def test_a_broken_sensor_gives_no_reading(self, driver: ModbusDriver, building: Small) -> None:
        building.now[ROOM] = math.nan
        harvest = driver.read(list(self.points))
        assert list(harvest.errors) == [f"a/b/{ROOM}"]
        assert len(harvest.readings) == len(POINTS) - 1
