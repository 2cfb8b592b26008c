"""Carries overrides to the gateways from a thread of the API's own, so that they get through with control stopped."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from broker.client import BrokerClient, Message
from control.dispatch import Dispatcher
from core.clock import Clock, monotonic_s
from core.errors import UnavailableError
from stores.registry import Registry

log = logging.getLogger("promessa.api")

_TURN_S: Final = 0.1
"""Longest wait of an override for its dispatch; a thread that waits for a socket cannot be woken earlier."""
_DISPATCH_EVERY_S: Final = 1.0
_AFTER_FAILURE_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 10.0


class Courier:
    """A thread that turns one connection to the broker and its dispatcher.

    Parameters
    ----------
    registry
        Commands, and the owners of points.
    connect
        Makes the client when it is handed `on_message`; called in the thread.
    clock
        Commands expire by it.
    """

    def __init__(
        self, registry: Registry, connect: Callable[[Callable[[Message], None]], BrokerClient], clock: Clock
    ) -> None:
        self._registry = registry
        self._connect = connect
        self._clock = clock
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Dispatch soon; from any thread."""
        self._woken.set()

    def start(self) -> None:
        """Start the thread; the broker may be away."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end; what still waits is kept in the registry."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        inbox: deque[Message] = deque()
        client = self._connect(inbox.append)
        dispatcher = Dispatcher(self._registry, client, self._clock)
        due_s = monotonic_s()
        while not self._stopping.is_set():
            client.pump(_TURN_S)
            try:
                dispatcher.note_sent()
                _take(inbox, dispatcher)
                if self._woken.is_set() or monotonic_s() >= due_s:
                    self._woken.clear()
                    due_s = monotonic_s() + _DISPATCH_EVERY_S
                    dispatcher.dispatch()
            except UnavailableError as error:
                log.warning("courier_waits code=%s detail=%r", error.code, error.message)
                self._stopping.wait(_AFTER_FAILURE_S)
        client.pump(0)
        client.close()


def _take(inbox: deque[Message], dispatcher: Dispatcher) -> None:
    """Hand over what arrived; a message leaves the inbox only once its result is recorded."""
    while inbox:
        dispatcher.handle(inbox[0])
        inbox.popleft()
