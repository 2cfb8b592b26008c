"""Modbus TCP and RTU through pymodbus: block reads, one bad register alone, writes that a read-only line refuses."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Final, Literal
from weakref import WeakValueDictionary

import msgspec
from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu import ModbusPDU

from core.clock import Clock
from core.config.loader import convert_options
from core.config.models import Device, DevicePoint
from core.errors import ConfigError, DeviceError, DomainError, NotPermittedError
from core.readings import Reading
from gateway.driver import DeviceRefusedError, Harvest
from gateway.drivers.registers import MAX_WORDS, Block, Register, plan_blocks, split_block

log = logging.getLogger("promessa.gateway.modbus")

_READ_CODES: Final = frozenset({1, 2, 3, 4})
_ILLEGAL_ADDRESS: Final = 2
_ILLEGAL_VALUE: Final = 3  # what some devices say of a block that is too long for them
_NO_PATH: Final = (10, 11)  # a Modbus gateway says that nobody answers behind it
_EXCEPTIONS: Final = {
    1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure", 5: "acknowledge",
    6: "device busy", 8: "memory parity error", 10: "gateway path unavailable", 11: "no answer behind the gateway",
}  # fmt: skip


class ModbusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A device's own keys.

    Attributes
    ----------
    transport
        ``tcp``, ``rtu`` (serial) or ``rtu-over-tcp`` (a serial server that only passes bytes on).
    host, port
        Of TCP.
    serial_port, baud_rate, parity, stop_bits
        Of RTU; the standard asks for even parity and one stop bit.
    unit
        Modbus unit (device id), 1 to 247; 0 and 255 are what some TCP devices want.
    timeout_s, retries
        For each request.
    max_block, max_gap
        See `plan_blocks`.
    """

    transport: Literal["tcp", "rtu", "rtu-over-tcp"] = "tcp"
    host: str = ""
    port: int = 502
    serial_port: str = ""
    baud_rate: int = 19200
    parity: Literal["N", "E", "O"] = "E"
    stop_bits: Literal[1, 2] = 1
    unit: int = 1
    timeout_s: float = 2.0
    retries: int = 1
    max_block: int = MAX_WORDS
    max_gap: int = 8

    def __post_init__(self) -> None:
        needed = "serial_port" if self.transport == "rtu" else "host"
        if not getattr(self, needed):
            raise DomainError(f"transport {self.transport} needs {needed}")
        if not 0 <= self.unit <= 255 or not 4 <= self.max_block <= MAX_WORDS or self.max_gap < 0:
            raise DomainError("unit is 0 to 255, max_block 4 to 125, max_gap not negative")
        if self.timeout_s <= 0 or self.retries < 0:
            raise DomainError("timeout_s is above 0, retries not negative")


class _Line:
    """A connection and the lock that keeps requests of several devices on one wire apart."""

    def __init__(self, client: ModbusTcpClient | ModbusSerialClient) -> None:
        self.client = client
        self.lock = Lock()


_serial_lines: Final[WeakValueDictionary[str, _Line]] = WeakValueDictionary()


class _NoAnswerError(Exception):
    pass


class _ExceptionAnswerError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"the device answers: {_EXCEPTIONS.get(code, f'exception {code}')}")
        self.code = code


class ModbusDriver:
    """A Modbus device; see `gateway.driver.Driver`."""

    def __init__(self, device: Device, clock: Clock, *, read_only: bool) -> None:
        where = f"device {device.name!r}"
        self._name = device.name
        self._clock = clock
        self._read_only = read_only
        self._options = convert_options(device.options, ModbusOptions, f"{where}: options")
        self._registers = {p.id: _register(p) for p in device.points}
        self._plans: dict[tuple[str, ...], list[Block]] = {}
        self._line = _line(self._options, read_only=read_only)

    def open(self) -> None:
        """Connect; a new connection forgets which registers were refused, for a device may have been changed."""
        client = self._line.client
        with self._line.lock:
            if client.connected:
                return
            self._plans.clear()
            if not client.connect():
                raise DeviceError(f"device {self._name!r}: no connection to {_peer(self._options)}")

    def read(self, points: Sequence[str]) -> Harvest:
        """Read `points` in blocks; the time of each reading is when its block had come."""
        self.open()
        key = tuple(points)
        if key not in self._plans:
            registers = {p: self._registers[p] for p in key}
            self._plans[key] = plan_blocks(registers, self._options.max_block, self._options.max_gap)
        readings: list[Reading] = []
        errors: dict[str, str] = {}
        settled: list[Block] = []
        silent = 0
        waiting = deque(self._plans[key])
        while waiting:
            block = waiting.popleft()
            try:
                cells = self._cells(block)
            except _NoAnswerError as error:
                silent += 1
                errors.update(dict.fromkeys(block.points, str(error)))
                if not readings or silent > 1:
                    # Dead or going: what was read before stands, the rest is not waited for.
                    errors.update(dict.fromkeys((p for b in waiting for p in b.points), str(error)))
                    settled += [block, *waiting]
                    break
            except _ExceptionAnswerError as error:
                if error.code in (_ILLEGAL_ADDRESS, _ILLEGAL_VALUE) and len(block.points) > 1:
                    waiting.extendleft(reversed(split_block(block, self._registers)))
                    continue
                errors.update(dict.fromkeys(block.points, str(error)))
            else:
                self._decode(block, cells, readings, errors)
            settled.append(block)
        if silent:
            self.close()
        else:
            self._plans[key] = settled
        if silent and not readings:
            raise DeviceError(f"device {self._name!r}: {next(iter(errors.values()))}")
        return Harvest(readings, errors)

    def write(self, point: str, value: float) -> None:
        """Write one point: one register with function 6, several with 16, a coil with 5."""
        if self._read_only:
            raise NotPermittedError(f"{point}: the gateway is read-only")
        self.open()
        register = self._registers[point]
        try:
            cells = register.cells(value)
        except DomainError as error:
            raise DeviceRefusedError(f"{point}: {error.message}") from error
        client, unit = self._line.client, self._options.unit
        try:
            with self._line.lock:
                if register.table == "coil":
                    answer = client.write_coil(register.address, bool(cells[0]), device_id=unit)
                elif len(cells) == 1:
                    answer = client.write_register(register.address, cells[0], device_id=unit)
                else:
                    answer = client.write_registers(register.address, cells, device_id=unit)
            self._check(answer)
        except (_NoAnswerError, ModbusException, OSError) as error:
            self.close()
            raise DeviceError(f"device {self._name!r}: {error}") from error
        except _ExceptionAnswerError as error:
            raise DeviceRefusedError(f"{point}: {error}") from error

    def tolerance(self, point: str, value: float) -> float:
        """Half a step of the register's scale, or the rounding of its floating point format."""
        return self._registers[point].tolerance(value)

    def close(self) -> None:
        """Close the connection; on a serial line the other devices open it again when they need it."""
        with self._line.lock:
            self._line.client.close()  # type: ignore[no-untyped-call] # pymodbus leaves it so

    def _cells(self, block: Block) -> Sequence[int]:
        client, unit = self._line.client, self._options.unit
        ask = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[block.table]
        try:
            with self._line.lock:
                answer = ask(block.start, count=block.length, device_id=unit)
        except (ModbusException, OSError) as error:
            raise _NoAnswerError(f"no answer from {_peer(self._options)}") from error
        self._check(answer)
        cells: Sequence[int] = answer.bits if block.table in ("coil", "discrete") else answer.registers
        if len(cells) < block.length:
            raise _ExceptionAnswerError(_ILLEGAL_VALUE)
        return cells

    @staticmethod
    def _check(answer: ModbusPDU) -> None:
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            if code in _NO_PATH:
                raise _NoAnswerError(_EXCEPTIONS[code])
            raise _ExceptionAnswerError(code)

    def _decode(self, block: Block, cells: Sequence[int], readings: list[Reading], errors: dict[str, str]) -> None:
        now_ms = self._clock.now_ms()
        for point in block.points:
            register = self._registers[point]
            at = register.address - block.start
            value = register.value(cells[at : at + register.size])
            if value is None:
                errors[point] = "the device gives no number (sensor broken or absent)"
            else:
                readings.append(Reading(point, now_ms, value))


def _register(point: DevicePoint) -> Register:
    where = f"point {point.id!r}: source"
    register = convert_options(point.source, Register, where)
    if point.limits is not None:
        if not register.writable:
            raise ConfigError(f"{where}: a point with limits needs a whole holding register or a coil")
        for value in (point.limits.minimum, point.limits.maximum, point.limits.safe_value):
            try:
                register.cells(value)
            except DomainError as error:
                raise ConfigError(f"{where}: limits: {error.message}") from error
    return register


def _refuse_writes(sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001 - pymodbus calls it so
    """Let nothing but reads onto the wire, whoever built the request; pymodbus calls it before each frame."""
    if sending and pdu.function_code not in _READ_CODES:
        raise NotPermittedError(f"read-only line: Modbus function {pdu.function_code} is not sent")
    return pdu


def _line(options: ModbusOptions, *, read_only: bool) -> _Line:
    guard = _refuse_writes if read_only else None
    if options.transport != "rtu":
        framer = FramerType.SOCKET if options.transport == "tcp" else FramerType.RTU
        return _Line(
            ModbusTcpClient(
                options.host, port=options.port, framer=framer, timeout=options.timeout_s, retries=options.retries,
                trace_pdu=guard,
            )
        )  # fmt: skip
    # One wire carries many units: they share one open port, and the first one's settings.
    key = f"{options.serial_port} {read_only}"
    line = _serial_lines.get(key)
    if line is None:
        line = _Line(
            ModbusSerialClient(
                options.serial_port, baudrate=options.baud_rate, parity=options.parity, stopbits=options.stop_bits,
                timeout=options.timeout_s, retries=options.retries, trace_pdu=guard,
            )
        )  # fmt: skip
        _serial_lines[key] = line
    return line


def _peer(options: ModbusOptions) -> str:
    place = options.serial_port if options.transport == "rtu" else f"{options.host}:{options.port}"
    return f"{place} unit {options.unit}"
