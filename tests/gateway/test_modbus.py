"""The Modbus driver against a real server: decoding, blocks, bad registers, dead devices, read-only lines."""

from __future__ import annotations

import math
import os
import select
import socket
import struct
import threading
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus import FramerType

from core.clock import SimulatedClock
from core.config.models import Device, DevicePoint
from core.errors import ConfigError, DeviceError, NotPermittedError
from core.points import Limits
from gateway.driver import DeviceRefusedError, load_driver
from gateway.drivers.modbus import ModbusDriver
from gateway.drivers.registers import Register, plan_blocks, split_block
from tests.servers.modbus import ModbusServer

NOW_MS = 1_700_000_000_000


def point(name: str, *, limits: Limits | None = None, **source: Any) -> DevicePoint:
    return DevicePoint(
        id=f"torino/calvino/{name}", brick_class="Temperature_Sensor", unit="Cel", source=source, limits=limits
    )


def driver(port: int, *points: DevicePoint, read_only: bool = False, **options: Any) -> ModbusDriver:
    device = Device(
        name="plant",
        driver="modbus",
        points=list(points),
        options={"host": "127.0.0.1", "port": port, "timeout_s": 0.3, "retries": 0, **options},
    )
    return ModbusDriver(device, SimulatedClock(NOW_MS), read_only=read_only)


def values(d: ModbusDriver, *names: str) -> dict[str, float]:
    return {r.point.rsplit("/", 1)[1]: r.value for r in d.read([f"torino/calvino/{n}" for n in names]).readings}


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def serial_line() -> Iterator[tuple[str, str]]:
    """The two ends of a serial wire: pseudo terminals with a thread that passes bytes on, but none to unit 5."""
    ends = [os.openpty() for _ in range(2)]
    (first, first_port), (second, second_port) = ends
    for _, port in ends:
        tty.setraw(port)
    stop_read, stop_write = os.pipe()

    def carry() -> None:
        while stop_read not in (ready := select.select([first, second, stop_read], [], [])[0]):
            for end in ready:
                frame = os.read(end, 512)
                if frame[0] != 5:
                    os.write(second if end == first else first, frame)

    thread = threading.Thread(target=carry)
    thread.start()
    yield os.ttyname(first_port), os.ttyname(second_port)
    os.write(stop_write, b".")
    thread.join(5)
    for end in (first, first_port, second, second_port, stop_read, stop_write):
        os.close(end)


@pytest.mark.parametrize(
    ("source", "cells", "value"),
    [
        ({"type": "uint16"}, [65535], 65535),
        ({"type": "int16"}, [65535], -1),
        ({"type": "int16", "scale": 0.1}, [213], 21.3),
        ({"type": "int16", "scale": 0.1, "offset": -40.0}, [613], 21.3),
        ({"type": "uint16", "byte_order": "little", "word_order": "little"}, [0x0100], 1),
        ({"type": "uint16", "byte_order": "little"}, [0x0100], 1),
        ({"type": "uint32"}, [1, 2], 0x10002),
        ({"type": "uint32", "word_order": "little"}, [2, 1], 0x10002),
        ({"type": "uint32", "byte_order": "little"}, [0x0100, 0x0200], 0x10002),
        ({"type": "uint32", "byte_order": "little", "word_order": "little"}, [0x0200, 0x0100], 0x10002),
        ({"type": "int32"}, [0xFFFF, 0xFFFE], -2),
        ({"type": "int64"}, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD], -3),
        ({"type": "uint64"}, [0, 1, 0, 0], 2**32),
        ({"type": "float32"}, [0x41AA, 0x6666], 21.2999992),
        ({"type": "float32", "word_order": "little"}, [0x6666, 0x41AA], 21.2999992),
        ({"type": "float64"}, list(struct.unpack(">4H", struct.pack(">d", 21.3))), 21.3),
        ({"type": "float32"}, list(struct.unpack(">2H", struct.pack(">f", math.nan))), None),
        ({"type": "int16", "invalid": [-32768]}, [0x8000], None),
        ({"bit": 3}, [0b1000], 1),
        ({"bit": 2}, [0b1000], 0),
        ({"table": "coil"}, [1], 1),
    ],
)
def test_register_decodes(source: dict[str, Any], cells: list[int], value: float | None) -> None:
    register = Register(address=0, **source)
    assert register.value(cells) == value


@given(
    kind=st.sampled_from(["int16", "uint16", "int32", "uint32", "float32", "float64"]),
    word=st.sampled_from(["big", "little"]),
    byte=st.sampled_from(["big", "little"]),
    scale=st.sampled_from([1.0, 0.1, 0.01, 10.0, -0.5]),
    value=st.floats(-300, 300),
)
@settings(deadline=None)
def test_what_is_written_reads_back_within_tolerance(
    kind: Any, word: Any, byte: Any, scale: float, value: float
) -> None:
    register = Register(address=0, type=kind, word_order=word, byte_order=byte, scale=scale)
    if kind.startswith("u") and value / scale < 0:
        value = -value
    read = register.value(register.cells(value))
    assert read is not None
    assert abs(read - value) <= register.tolerance(value)


@given(st.dictionaries(st.integers(0, 2000), st.sampled_from(["uint16", "int32", "float64"]), min_size=1, max_size=80))
@settings(deadline=None)
def test_blocks_hold_every_point_once_within_their_bounds(layout: dict[int, Any]) -> None:
    registers = {f"p{a}": Register(address=a, type=k) for a, k in layout.items()}
    blocks = plan_blocks(registers, max_words=20, max_gap=3)
    assert sorted(p for b in blocks for p in b.points) == sorted(registers)
    for block in blocks:
        assert block.length <= 20
        for name in block.points:
            register = registers[name]
            assert block.start <= register.address
            assert register.address + register.size <= block.start + block.length
        if len(block.points) > 1:
            assert sorted(p for b in split_block(block, registers) for p in b.points) == sorted(block.points)


@pytest.mark.parametrize(
    "source",
    [{"address": -1}, {"address": 65535, "type": "int32"}, {"address": 1, "scale": 0}, {"address": 1, "bit": 16},
     {"address": 1, "type": "int32", "bit": 1}, {"address": 1, "table": "rom"}, {}, {"address": 1, "typ": "int16"}],
)  # fmt: skip
def test_wrong_source_names_its_point(source: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="torino/calvino/t"):
        driver(502, point("t", **source))


@pytest.mark.parametrize(
    "source",
    [{"address": 1, "table": "input"}, {"address": 1, "bit": 2}, {"address": 1, "type": "uint16", "scale": 0.001}],
)
def test_point_that_cannot_take_its_limits_is_a_configuration_error(source: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="setpoint"):
        driver(502, point("setpoint", limits=Limits(5, 90, 20), **source))


def test_unknown_driver_is_named() -> None:
    with pytest.raises(ConfigError, match="no driver 'knx'"):
        load_driver(Device(name="d", driver="knx"), SimulatedClock(0), read_only=False)


def test_driver_is_found_by_entry_point() -> None:
    device = Device(name="d", driver="modbus", options={"host": "127.0.0.1"})
    assert isinstance(load_driver(device, SimulatedClock(0), read_only=False), ModbusDriver)


def test_reads_all_four_tables_in_few_requests() -> None:
    with ModbusServer({0: 1, 1: 2, 2: 0, 3: 4}, {7: 70}, {0: True, 1: False}, {4: True}) as server:
        d = driver(
            server.port,
            point("a", address=0),
            point("b", address=1),
            point("c", address=3),
            point("i", address=7, table="input"),
            point("x", address=0, table="coil"),
            point("y", address=1, table="coil"),
            point("z", address=4, table="discrete"),
        )
        harvest = d.read([f"torino/calvino/{n}" for n in "abcixyz"])
        assert {r.point[-1]: r.value for r in harvest.readings} == {
            "a": 1, "b": 2, "c": 4, "i": 70, "x": 1, "y": 0, "z": 1
        }  # fmt: skip
        assert {r.time_ms for r in harvest.readings} == {NOW_MS}
        assert sorted(server.seen) == [1, 2, 3, 4]
        d.close()


def test_a_bad_register_loses_no_other_and_is_remembered() -> None:
    cells = {a: a for a in range(60) if a != 33}
    with ModbusServer(cells) as server:
        names = [f"r{a}" for a in range(60)]
        d = driver(server.port, *(point(f"r{a}", address=a) for a in range(60)))
        points = [f"torino/calvino/{n}" for n in names]
        harvest = d.read(points)
        assert {r.value for r in harvest.readings} == set(cells)
        assert harvest.errors == {"torino/calvino/r33": "the device answers: illegal address"}
        first = len(server.seen)
        assert len(d.read(points).readings) == 59
        assert len(server.seen) - first < first
        d.close()


def test_unknown_number_is_an_error_and_no_reading() -> None:
    nan = struct.unpack(">2H", struct.pack(">f", math.nan))
    with ModbusServer({0: nan[0], 1: nan[1], 2: 5}) as server:
        d = driver(server.port, point("broken", address=0, type="float32"), point("fine", address=2))
        harvest = d.read(["torino/calvino/broken", "torino/calvino/fine"])
        assert [r.value for r in harvest.readings] == [5]
        assert "no number" in harvest.errors["torino/calvino/broken"]
        d.close()


@pytest.mark.parametrize(
    ("source", "value", "cells", "function"),
    [
        ({"address": 0, "type": "int16", "scale": 0.1}, 21.5, [215], 6),
        ({"address": 0, "type": "float32"}, 21.5, [0x41AC, 0], 16),
        ({"address": 0, "type": "uint32", "word_order": "little"}, 65538, [2, 1], 16),
    ],
)
def test_writes_and_reads_back(source: dict[str, Any], value: float, cells: list[int], function: int) -> None:
    with ModbusServer({0: 0, 1: 0}) as server:
        d = driver(server.port, point("setpoint", **source))
        d.write("torino/calvino/setpoint", value)
        assert server.holding(0, len(cells)) == cells
        assert server.writes == [function]
        assert values(d, "setpoint")["setpoint"] == value
        d.close()


def test_writes_a_coil() -> None:
    with ModbusServer(coils={0: False, 1: False}) as server:
        d = driver(server.port, point("pump", address=1, table="coil"))
        d.write("torino/calvino/pump", 1.0)
        assert server.coil(1)
        d.close()


def test_refused_write_says_so() -> None:
    with ModbusServer({0: 0}) as server:
        d = driver(server.port, point("setpoint", address=9))
        with pytest.raises(DeviceRefusedError, match="illegal address"):
            d.write("torino/calvino/setpoint", 1)
        with pytest.raises(DeviceRefusedError, match="does not fit"):
            d.write("torino/calvino/setpoint", 1e9)
        d.close()


def test_write_to_a_device_that_has_gone_is_a_device_error() -> None:
    with ModbusServer({0: 0}) as server:
        d = driver(server.port, point("setpoint", address=0))
        assert values(d, "setpoint") == {"setpoint": 0}
    with pytest.raises(DeviceError, match="plant"):
        d.write("torino/calvino/setpoint", 1)
    d.close()


def test_a_device_that_goes_half_way_keeps_what_it_said() -> None:
    with ModbusServer({0: 1, 100: 2, 200: 3}) as server:
        d = driver(server.port, *(point(f"r{a}", address=a) for a in (0, 100, 200)))
        server.silent_after = 1
        harvest = d.read([f"torino/calvino/r{a}" for a in (0, 100, 200)])
        assert [r.value for r in harvest.readings] == [1]
        assert set(harvest.errors) == {"torino/calvino/r100", "torino/calvino/r200"}
        d.close()


@pytest.mark.parametrize(
    "options",
    [{"host": ""}, {"transport": "rtu"}, {"unit": 256}, {"timeout_s": 0}, {"max_block": 200}, {"tiemout_s": 1}],
)
def test_wrong_options_name_the_device(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="plant"):
        driver(502, **options)


def test_read_only_line_sends_no_write_whoever_asks() -> None:
    with ModbusServer({0: 7}, coils={0: False}) as server:
        d = driver(server.port, point("setpoint", address=0), read_only=True)
        assert values(d, "setpoint") == {"setpoint": 7}
        with pytest.raises(NotPermittedError):
            d.write("torino/calvino/setpoint", 1)
        client = d._line.client
        for write in (
            lambda: client.write_register(0, 1, device_id=1),
            lambda: client.write_registers(0, [1], device_id=1),
            lambda: client.write_coil(0, True, device_id=1),
            lambda: client.mask_write_register(address=0, and_mask=0, or_mask=1, device_id=1),
            lambda: client.readwrite_registers(read_address=0, read_count=1, write_address=0, values=[1], device_id=1),
        ):
            with pytest.raises(NotPermittedError):
                write()
        assert server.writes == []
        assert server.holding(0) == [7]
        d.close()


def test_dead_device_costs_one_time_out(silent_port: int) -> None:
    d = driver(silent_port, *(point(f"r{a}", address=a * 50) for a in range(20)))
    began = time.monotonic()
    with pytest.raises(DeviceError, match="no answer"):
        d.read([f"torino/calvino/r{a}" for a in range(20)])
    assert time.monotonic() - began < 1.0
    d.close()


def test_refused_connection_is_a_device_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DeviceError, match="no connection"):
            driver(unused.getsockname()[1], point("t", address=0)).read(["torino/calvino/t"])


def test_reconnects_when_the_device_is_back() -> None:
    with ModbusServer({0: 1}) as server:
        d = driver(server.port, point("t", address=0))
        assert values(d, "t") == {"t": 1}
        port = server.port
    with pytest.raises(DeviceError):
        d.read(["torino/calvino/t"])
    with ModbusServer({0: 2}, port=port):
        assert values(d, "t") == {"t": 2}
        d.close()


def test_a_serial_line_carries_several_units(serial_line: tuple[str, str]) -> None:
    ours, theirs = serial_line
    with ModbusServer({0: 21, 1: 0}, units=(3, 4), serial=theirs) as server:
        server.put_holding(0, [22], unit=4)
        line = {"transport": "rtu", "serial_port": ours, "parity": "N", "host": ""}
        three = driver(0, point("t", address=0), point("s", address=1), unit=3, **line)
        four = driver(0, point("t", address=0), unit=4, **line)
        gone = driver(0, point("t", address=0), unit=5, **line)
        for _ in range(3):
            assert (values(three, "t"), values(four, "t")) == ({"t": 21}, {"t": 22})
            with pytest.raises(DeviceError):
                gone.read(["torino/calvino/t"])
        three.write("torino/calvino/s", 7)
        assert server.holding(1, unit=3) == [7]
        three.close(), four.close(), gone.close()


def test_rtu_frames_of_several_units() -> None:
    with ModbusServer({0: 21}, units=(3, 4), framer=FramerType.RTU) as server:
        server.put_holding(0, [22], unit=4)
        three = driver(server.port, point("t", address=0), transport="rtu-over-tcp", unit=3)
        four = driver(server.port, point("t", address=0), transport="rtu-over-tcp", unit=4)
        assert (values(three, "t"), values(four, "t")) == ({"t": 21}, {"t": 22})
        three.close(), four.close()
