import socket
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from pymodbus.client import ModbusTcpClient

from core.clock import SimulatedClock, to_ms
from core.errors import DeviceError, DomainError, NotFoundError
from gateway.drivers.modbus import ModbusDriver
from simulators import calvino
from simulators.__main__ import main
from simulators.modbus import UNIT, ModbusBuilding, serve
from simulators.registermap import Entry

pytestmark = pytest.mark.system

HOUR_MS = 3_600_000
START_MS = to_ms(datetime(2025, 1, 14, tzinfo=calvino.calendar().zone))
ENTRIES = {entry.name: entry for entry in calvino.register_map()}


@pytest.fixture
def device() -> Iterator[ModbusBuilding]:
    with ModbusBuilding(calvino.build(START_MS, seed=1, step_s=300), calvino.register_map()) as served:
        yield served


@pytest.fixture
def client(device: ModbusBuilding) -> Iterator[ModbusTcpClient]:
    connection = ModbusTcpClient("127.0.0.1", port=device.port, timeout=5)
    assert connection.connect()
    yield connection
    connection.close()


def read(client: ModbusTcpClient, name: str) -> float:
    entry = ENTRIES[name]
    ask = {
        "input": client.read_input_registers,
        "holding": client.read_holding_registers,
        "coil": client.read_coils,
        "discrete": client.read_discrete_inputs,
    }[entry.table]
    answer = ask(entry.address, count=entry.size, device_id=UNIT)
    assert not answer.isError(), answer
    return entry.value([int(bit) for bit in answer.bits] if entry.is_bit else answer.registers)


def test_registers_serve_the_new_state_right_after_a_step(device: ModbusBuilding, client: ModbusTcpClient) -> None:
    before = read(client, "electricity")

    device.step(START_MS + 12 * HOUR_MS)

    assert read(client, "electricity") > before + 10
    assert read(client, "hall/temperature") == pytest.approx(20, abs=2)
    assert read(client, "reading-room/occupancy") > 0
    assert read(client, "boiler-status") in (0.0, 1.0)


def test_written_set_points_reach_the_building(device: ModbusBuilding, client: ModbusTcpClient) -> None:
    entry = ENTRIES["hall/heating-setpoint"]

    client.write_register(entry.address, entry.cells(15.5)[0], device_id=UNIT)
    client.write_registers(0, ENTRIES["supply-temperature-setpoint"].cells(48.25), device_id=UNIT)

    assert read(client, "hall/heating-setpoint") == pytest.approx(15.5)
    assert read(client, "supply-temperature-setpoint") == 48.25
    device.step(START_MS + 10 * HOUR_MS)
    assert read(client, "hall/temperature") < read(client, "offices/temperature") - 0.5


def test_coil_switches_the_boiler_off(device: ModbusBuilding, client: ModbusTcpClient) -> None:
    client.write_coil(0, False, device_id=UNIT)
    gas = read(client, "gas")

    device.step(START_MS + 6 * HOUR_MS)

    assert read(client, "boiler-enable") == 0.0
    assert read(client, "gas") == gas


@pytest.mark.parametrize(
    ("address", "cells", "code"),
    [
        (ENTRIES["hall/heating-setpoint"].address, [990], 3),
        (0, [17_000], 2),  # half of a float
        (0, [0x7FC0, 0], 3),  # no number
        (90, [1], 2),
    ],
)
def test_device_refuses_what_it_cannot_do(client: ModbusTcpClient, address: int, cells: list[int], code: int) -> None:
    before = [read(client, f"{zone.name}/heating-setpoint") for zone in calvino.design().zones]

    answer = client.write_registers(address, cells, device_id=UNIT)

    assert answer.isError()
    assert answer.exception_code == code
    assert [read(client, f"{zone.name}/heating-setpoint") for zone in calvino.design().zones] == before


def test_measurements_cannot_be_written_and_stray_addresses_not_read(client: ModbusTcpClient) -> None:
    assert client.read_input_registers(500, count=1, device_id=UNIT).isError()
    assert client.read_holding_registers(0, count=60, device_id=UNIT).isError()


def test_the_gateway_reads_and_drives_every_point(device: ModbusBuilding) -> None:
    clock = SimulatedClock(START_MS)
    configured = calvino.device("127.0.0.1", device.port)
    driver = ModbusDriver(configured, clock, read_only=False)
    device.step(START_MS + 9 * HOUR_MS)
    try:
        harvest = driver.read([point.id for point in configured.points])
        assert harvest.errors == {}
        assert {r.point for r in harvest.readings} == {point.id for point in configured.points}
        for point in configured.points:
            if point.limits is not None:
                driver.write(point.id, point.limits.minimum)
                assert driver.read([point.id]).readings[0].value == pytest.approx(point.limits.minimum)
    finally:
        driver.close()


def test_stopped_device_is_gone_and_comes_back_on_its_port(device: ModbusBuilding) -> None:
    port = device.port
    device.stop()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=2):
        pass

    device.start()

    assert device.port == port
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def test_a_taken_port_is_named(device: ModbusBuilding) -> None:
    second = ModbusBuilding(calvino.build(START_MS, step_s=300), calvino.register_map(), port=device.port)

    with pytest.raises(DeviceError, match=str(device.port)):
        second.start()


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (Entry(name="attic/temperature", table="input", address=0), NotFoundError),
        (Entry(name="hall/temperature", table="holding", address=0), DomainError),
    ],
)
def test_a_map_that_does_not_fit_the_building_is_refused(entry: Entry, error: type[Exception]) -> None:
    with pytest.raises(error):
        ModbusBuilding(calvino.build(START_MS, step_s=300), [entry])


def test_serving_runs_the_building_ahead_of_the_clock() -> None:
    device = ModbusBuilding(calvino.build(START_MS, step_s=300), calvino.register_map())
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(device, stop), kwargs={"speed": 7200.0})

    thread.start()
    waited = threading.Event()
    for _ in range(100):
        if device.time_ms >= START_MS + HOUR_MS:
            break
        waited.wait(0.1)
    stop.set()
    thread.join(timeout=10)

    assert device.time_ms >= START_MS + HOUR_MS
    assert not thread.is_alive()


def test_serving_ends_at_once_even_where_it_cannot_keep_up() -> None:
    device = ModbusBuilding(calvino.build(START_MS, step_s=300), calvino.register_map())
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(device, stop), kwargs={"speed": 1e9})

    thread.start()
    threading.Event().wait(0.6)
    stop.set()
    thread.join(timeout=3)

    assert not thread.is_alive()
    assert device.time_ms > START_MS


def test_less_than_a_step_is_left_for_the_next_time(device: ModbusBuilding) -> None:
    device.step(START_MS + HOUR_MS + 1000)

    assert device.time_ms == START_MS + HOUR_MS


def test_serving_needs_a_speed() -> None:
    device = ModbusBuilding(calvino.build(START_MS, step_s=300), calvino.register_map())

    with pytest.raises(DomainError, match="speed"):
        serve(device, threading.Event(), speed=0)


def test_command_line_says_why_it_cannot_serve(device: ModbusBuilding, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(device.port)]) == DeviceError.exit_status
    assert str(device.port) in capsys.readouterr().err
