"""The API process: the server, and the courier that sends what people ask for."""

from __future__ import annotations

import logging
from threading import Event
from typing import Final

from api.app import create_app
from api.courier import Courier
from api.server import ApiServer
from broker.paho import PahoClient
from core.clock import SystemClock
from core.config import Config
from core.errors import UnavailableError
from service.notify import notify
from stores.readings import open_store
from stores.registry import Registry

log = logging.getLogger("promessa.api")

_REPORT_EVERY_S: Final = 30.0
SESSION_EXPIRY_S: Final = 3600
"""How long the broker keeps results for an API that is away."""


class StoppedError(UnavailableError):
    """A part of the API has ended by itself; the process ends too, so that its supervisor starts it anew."""

    code = "api.stopped"


def run(config: Config, stop: Event) -> None:
    """Serve until `stop` is set; the broker may be away at any time.

    Under systemd it says when it is ready and feeds the watchdog.

    Raises
    ------
    SecretMissingError
        There is no MQTT credential.
    StoreError
        The registry or the store cannot be opened.
    AddressError
        The address cannot be listened on.
    StoppedError
        The server or the courier has ended by itself.
    """
    config.broker.require_credential("api")
    clock = SystemClock()
    open_store(config.store).close()  # a store that cannot be opened is said now, not at the first request
    with Registry.open(config.registry.url) as registry:
        registry.put_configured(config.sites, config.buildings)
        courier = Courier(
            registry,
            lambda on_message: PahoClient(
                config.broker, config.broker.username, on_message=on_message, session_expiry_s=SESSION_EXPIRY_S
            ),
            clock,
        )
        app = create_app(
            registry=registry,
            open_store=lambda: open_store(config.store),
            clock=clock,
            on_queued=courier.wake,
            stale_after_s=config.api.stale_after_s,
        )
        with courier, ApiServer(app, config.api.host, config.api.port) as server:
            log.info("api_started url=%s", server.url)
            notify("READY=1")
            while not stop.wait(_REPORT_EVERY_S):
                if not (server.is_alive and courier.is_alive):
                    raise StoppedError(f"the API stopped: server={server.is_alive} courier={courier.is_alive}")
                notify("WATCHDOG=1\nSTATUS=serving")
            notify("STOPPING=1")
