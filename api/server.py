"""Serves an application with uvicorn: as a process of its own, or in a thread of another."""

from __future__ import annotations

import socket
import threading
import time
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from core.clock import monotonic_s
from core.errors import UnavailableError

_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 10.0


class AddressError(UnavailableError):
    """The address cannot be listened on."""

    code = "api.address-in-use"


class ApiServer:
    """An HTTP server in a thread, which leaves signals to whom they belong.

    Parameters
    ----------
    app
        ASGI application.
    host, port
        Address to listen on; port 0 takes a free one, see `url`.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(_STOP_TIMEOUT_S / 2),
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """``http://host:port``, with the port that was taken once it is started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen, and return when requests are answered.

        Raises
        ------
        AddressError
            Somebody else listens there, or the address is not one of this machine.
        """
        listener = self._listen()
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="api", daemon=True)
        self._thread.start()
        deadline_s = monotonic_s() + _START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.is_alive() or monotonic_s() > deadline_s:
                raise AddressError(f"the API did not start on {self.url}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Finish what is being answered, then end; harmless when it is not running."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> socket.socket:
        try:
            family = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0][0]
            # Bound here and not by uvicorn, which would end the whole process where the port is taken.
            return socket.create_server((self._host, self._port), family=family, backlog=2048)
        except OSError as error:
            raise AddressError(f"cannot listen on {self._host}:{self._port}: {error}") from error
