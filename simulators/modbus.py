"""A simulated building behind a real Modbus TCP server."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from core.calendar import HOUR_MS
from core.clock import from_ms, monotonic_s
from core.errors import DeviceError, DomainError, NotFoundError
from simulators.port import SimulatedBuilding
from simulators.registermap import Entry, Table, check_map

log = logging.getLogger("promessa.simulators.modbus")

UNIT: Final = 1
START_TIMEOUT_S: Final = 10.0
SERVE_STEP_S: Final = 0.2
_TABLES: Final[tuple[Table, ...]] = ("coil", "discrete", "holding", "input")
_TABLE_OF_FUNCTION: Final[dict[int, Table]] = {
    1: "coil", 5: "coil", 15: "coil", 2: "discrete", 3: "holding", 6: "holding", 16: "holding", 22: "holding",
    23: "holding", 4: "input",
}  # fmt: skip


class ModbusBuilding:
    """A building as a Modbus TCP device, unit 1, served by a thread of its own.

    Parameters
    ----------
    building
        What is served. Step it through `step` only, so that no request sees it half way.
    entries
        Its register map; a name that the building does not have raises NotFoundError.
    host, port
        Where to listen; port 0 takes a free one.

    Notes
    -----
    Values are encoded when they are asked for: after `step` returns, every request answers with the new state.
    """

    def __init__(
        self, building: SimulatedBuilding, entries: Sequence[Entry], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        check_map(entries)
        known, writable = set(building.names), set(building.writable)
        for entry in entries:
            if entry.name not in known:
                raise NotFoundError(f"the register map serves {entry.name!r}, which the building does not have")
            if entry.table in ("coil", "holding") and entry.name not in writable:
                raise DomainError(f"{entry.name} cannot be written, so it belongs into another table")
        self._building = building
        self._entries = {table: [e for e in entries if e.table == table] for table in _TABLES}
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def port(self) -> int:
        """TCP port; the one really taken once it has started."""
        return self._port

    @property
    def time_ms(self) -> int:
        """How far the building has been simulated, UTC milliseconds."""
        return self._building.time_ms

    def step(self, until_ms: int) -> None:
        """Simulate the building up to `until_ms`; requests are answered between its hours."""
        while (now_ms := self._building.time_ms) < until_ms:
            with self._lock:
                self._building.step(min(now_ms + HOUR_MS, until_ms))
            if self._building.time_ms == now_ms:  # less than one of its steps is left
                return

    def start(self) -> None:
        """Listen; DeviceError when the port cannot be had. Starting a started one changes nothing."""
        if self._thread is not None:
            return
        self._ready.clear()
        self._error = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="modbus-building", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise DeviceError(f"the Modbus server did not start on {self._host}:{self._port}")
        if self._error is not None:
            self._thread.join()
            self._thread = None
            raise DeviceError(
                f"the Modbus server cannot listen on {self._host}:{self._port}: {self._error}"
            ) from self._error

    def stop(self) -> None:
        """Close every connection and the port; it may be started again, on the same port."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = ModbusTcpServer(self._device(), address=(self._host, self._port))
        try:
            await server.serve_forever(background=True)
        except (OSError, RuntimeError) as error:
            self._error = error
            self._ready.set()
            return
        listener = cast("asyncio.Server", server.transport)
        self._port = int(listener.sockets[0].getsockname()[1])
        log.info("modbus_serving host=%s port=%d", self._host, self._port)
        self._ready.set()
        await self._stopping.wait()
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves it so

    def _device(self) -> SimDevice:
        blocks = {}
        for table in _TABLES:
            length = max((e.address + e.size for e in self._entries[table]), default=1)
            bits = table in ("coil", "discrete")
            blocks[table] = [
                SimData(
                    0,
                    count=1 if bits else length,
                    values=[False] * (-(-length // 16) * 16) if bits else 0,
                    datatype=DataType.BITS if bits else DataType.REGISTERS,
                    readonly=table in ("discrete", "input"),
                )
            ]
        return SimDevice(
            id=UNIT,
            simdata=(blocks["coil"], blocks["discrete"], blocks["holding"], blocks["input"]),
            action=self._answer,
        )

    async def _answer(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Called by pymodbus before it reads from or writes to `registers`, the first of which is `start`."""
        table = _TABLE_OF_FUNCTION[function]
        if written is not None:
            return self._take(table, address, [int(cell) for cell in written])
        bits = table in ("coil", "discrete")
        asked = range(len(registers) * 16) if bits else range(address, address + count)
        with self._lock:
            for entry in self._entries[table]:
                if entry.address >= asked.stop or entry.address + entry.size <= asked.start:
                    continue
                cells = entry.cells(self._building.read(entry.name))
                if bits:
                    word, bit = divmod(entry.address, 16)
                    registers[word] = registers[word] & ~(1 << bit) | cells[0] << bit
                else:
                    registers[entry.address - start : entry.address - start + entry.size] = cells
        return None

    def _take(self, table: Table, address: int, cells: list[int]) -> ExcCodes | None:
        """Write whole quantities into the building, all or none."""
        asked = range(address, address + len(cells))
        wanted: list[tuple[str, float]] = []
        covered = 0
        for entry in self._entries[table]:
            if entry.address not in asked or entry.addresses[-1] not in asked:
                continue
            value = entry.value(cells[entry.address - address : entry.address - address + entry.size])
            if not entry.lowest <= value <= entry.highest:
                return ExcCodes.ILLEGAL_VALUE
            wanted.append((entry.name, value))
            covered += entry.size
        if covered != len(cells):
            return ExcCodes.ILLEGAL_ADDRESS
        with self._lock:
            for name, value in wanted:
                self._building.write(name, value)
        log.debug("modbus_written count=%d address=%d", len(wanted), address)
        return None


def serve(device: ModbusBuilding, stop: threading.Event, *, speed: float = 1.0) -> None:
    """Serve a building at real or accelerated time until `stop` is set.

    Parameters
    ----------
    device
        The building; its own time goes on from where it stands.
    stop
        Ends it, within a fifth of a second.
    speed
        Simulated over real time; a speed that the machine cannot keep makes the building fall behind, no more.
    """
    if speed <= 0:
        raise DomainError(f"speed {speed} must be above 0")
    begun_ms, begun_s = device.time_ms, monotonic_s()
    with device:
        log.info("building_served port=%d from=%s speed=%g", device.port, from_ms(begun_ms).isoformat(), speed)
        pause_s = SERVE_STEP_S
        while not stop.wait(pause_s):
            wanted_ms = begun_ms + int((monotonic_s() - begun_s) * speed * 1000)
            device.step(min(wanted_ms, device.time_ms + HOUR_MS))
            pause_s = SERVE_STEP_S if device.time_ms + HOUR_MS > wanted_ms else 0.0
