"""The control process: one loop, turned until it is told to stop."""

from __future__ import annotations

import logging
from threading import Event
from typing import Final

from broker.paho import PahoClient
from control.loop import SESSION_EXPIRY_S, Control
from core.clock import SystemClock
from core.config import Config
from stores.readings import open_store
from stores.registry import Registry

log = logging.getLogger("promessa.control")

_TURN_S: Final = 1.0


def run(config: Config, stop: Event) -> None:
    """Control the configured buildings until `stop` is set; the broker may be away at any time.

    Raises
    ------
    SecretMissingError
        There is no MQTT credential.
    StoreError
        The store or the registry cannot be opened.
    """
    config.broker.require_credential("control")
    with Registry.open(config.registry.url) as registry, open_store(config.store) as store:
        control = Control(
            config,
            store,
            registry,
            lambda on_message: PahoClient(
                config.broker, config.broker.username, on_message=on_message, session_expiry_s=SESSION_EXPIRY_S
            ),
            SystemClock(),
        )
        log.info("control_started buildings=%d", len(config.buildings))
        while not stop.is_set():
            control.pump(_TURN_S)
        control.close()
