"""The control process: one loop, turned until it is told to stop."""

from __future__ import annotations

import logging
from threading import Event
from typing import Final

from broker.paho import PahoClient
from control.loop import SESSION_EXPIRY_S, Control
from core.clock import SystemClock, monotonic_s
from core.config import Config
from service.notify import notify
from stores.readings import open_store
from stores.registry import Registry

log = logging.getLogger("promessa.control")

_TURN_S: Final = 1.0
_REPORT_EVERY_S: Final = 30.0


def run(config: Config, stop: Event) -> None:
    """Control the configured buildings until `stop` is set; the broker may be away at any time.

    Under systemd it says when it is ready and feeds the watchdog.

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
        notify("READY=1")
        log.info("control_started buildings=%d", len(config.buildings))
        report_s = monotonic_s()
        while not stop.is_set():
            control.pump(_TURN_S)
            if monotonic_s() >= report_s:
                report_s = monotonic_s() + _REPORT_EVERY_S
                state = "deciding" if control.client.connected else "waiting for the broker"
                notify(f"WATCHDOG=1\nSTATUS={state}")
        notify("STOPPING=1")
        control.close()
