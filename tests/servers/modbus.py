"""A real Modbus server (pymodbus; TCP, RTU frames over TCP, or RTU on a serial line) in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from pymodbus import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ModbusServer:
    """Registers by address; addresses that are not given are illegal. `seen` lists the function codes that arrived."""

    def __init__(
        self,
        holding: Mapping[int, int] | None = None,
        inputs: Mapping[int, int] | None = None,
        coils: Mapping[int, bool] | None = None,
        discrete: Mapping[int, bool] | None = None,
        *,
        units: Sequence[int] = (1,),
        port: int | None = None,
        framer: FramerType = FramerType.SOCKET,
        serial: str = "",
    ) -> None:
        self.port = port or free_port()
        self.serial = serial
        self.units = units
        self.seen: list[int] = []
        self.silent_after: int | None = None
        """Answers left before it says nothing more."""
        self._tables = (_bits(coils or {0: False}), _bits(discrete or {0: False}), _words(holding), _words(inputs))
        self._framer = framer
        self._loop = asyncio.new_event_loop()
        self._server: ModbusTcpServer | ModbusSerialServer | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(5)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def writes(self) -> list[int]:
        return [code for code in self.seen if code not in (1, 2, 3, 4)]

    def holding(self, address: int, count: int = 1, unit: int = 1) -> list[int]:
        assert self._server is not None
        asked = self._server.async_getValues(unit, 3, address, count)
        return [int(v) for v in asyncio.run_coroutine_threadsafe(asked, self._loop).result(5)]

    def coil(self, address: int, unit: int = 1) -> bool:
        assert self._server is not None
        asked = self._server.async_getValues(unit, 1, address, 1)
        return bool(asyncio.run_coroutine_threadsafe(asked, self._loop).result(5)[0])

    def put_holding(self, address: int, values: list[int], unit: int = 1) -> None:
        assert self._server is not None
        asked = self._server.async_setValues(unit, 16, address, values)
        asyncio.run_coroutine_threadsafe(asked, self._loop).result(5)

    async def _serve(self) -> None:
        devices = [SimDevice(unit, simdata=self._tables) for unit in self.units]
        if self.serial:
            self._server = ModbusSerialServer(
                devices, port=self.serial, baudrate=19200, parity="N", framer=FramerType.RTU, trace_pdu=self._see
            )
        else:
            self._server = ModbusTcpServer(
                devices, address=("127.0.0.1", self.port), framer=self._framer, trace_pdu=self._see
            )
        await self._server.serve_forever(background=True)

    async def _stop(self) -> None:
        assert self._server is not None
        await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus leaves this one without types

    def _see(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:  # noqa: FBT001 - pymodbus calls it so
        if not sending:
            self.seen.append(pdu.function_code)
        elif self.silent_after is not None:
            if not self.silent_after:
                raise asyncio.CancelledError
            self.silent_after -= 1
        return pdu


def _words(cells: Mapping[int, int] | None) -> list[SimData]:
    return [SimData(a, values=v, datatype=DataType.REGISTERS) for a, v in sorted((cells or {0: 0}).items())]


def _bits(cells: Mapping[int, bool]) -> list[SimData]:
    return [SimData(a, values=[v], datatype=DataType.BITS) for a, v in sorted(cells.items())]
