"""A Modbus TCP meter whose register counts how often it was read, and which remembers what it said when."""

from __future__ import annotations

import socketserver
import struct
import threading
import time
from typing import Self


class CountingDevice:
    """Answers every read of registers with the next number as uint32; each number is said once.

    Attributes
    ----------
    said
        ``(number, time)`` of each answer, UTC milliseconds.
    """

    def __init__(self) -> None:
        self.said: list[tuple[int, int]] = []
        self.silent = threading.Event()
        self._lock = threading.Lock()
        device = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                while not device.silent.is_set():
                    head = self._exactly(7)
                    if head is None:
                        return
                    transaction, _, length, unit = struct.unpack(">HHHB", head)
                    body = self._exactly(length - 1)
                    if body is None or device.silent.is_set():
                        return
                    answer = struct.pack(">BBI", body[0], 4, device.next_number())
                    self.request.sendall(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)

            def _exactly(self, count: int) -> bytes | None:
                data = b""
                while len(data) < count:
                    try:
                        more = self.request.recv(count - len(data))
                    except OSError:
                        return None
                    if not more:
                        return None
                    data += more
                return data

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def next_number(self) -> int:
        with self._lock:
            number = len(self.said) + 1
            self.said.append((number, time.time_ns() // 1_000_000))
            return number

    def fall_silent(self) -> None:
        """Answer nobody any more, as a device that lost its power."""
        self.silent.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.silent.set()
        self._server.shutdown()
        self._server.server_close()
