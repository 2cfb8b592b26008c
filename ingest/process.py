"""The ingest process: one intake, turned until it is told to stop."""

from __future__ import annotations

import gc
import logging
from threading import Event
from typing import Final

from broker.paho import PahoClient
from core.clock import SystemClock, monotonic_s
from core.config import Config
from core.errors import StoreError
from ingest.intake import SESSION_EXPIRY_S, Ingest
from service.notify import notify
from stores.readings import open_store
from stores.registry import Registry

log = logging.getLogger("promessa.ingest")

_GARBAGE_OBJECTS: Final = 200_000
_TURN_S: Final = 1.0
_REPORT_EVERY_S: Final = 60.0
_MAINTAIN_EVERY_S: Final = 600.0


def run(config: Config, stop: Event) -> None:
    """Take readings into the store until `stop` is set.

    The broker may be away at any time, also at the start. Under systemd it tells when it is ready, and that it turns.

    Raises
    ------
    SecretMissingError
        There is no MQTT credential.
    StoreError
        The store or the registry cannot be opened.
    """
    config.broker.require_credential("ingest")
    clock = SystemClock()
    with Registry.open(config.registry.url) as registry, open_store(config.store) as store:
        ingest = Ingest(
            config.ingest,
            lambda on_message: PahoClient(
                # Its user name is the name of its session: a second worker has a credential and a session of its own.
                config.broker, config.broker.username, on_message=on_message, session_expiry_s=SESSION_EXPIRY_S
            ),
            store,
            registry,
            clock,
        )  # fmt: skip
        collect_less_garbage()
        notify("READY=1")
        report_s = maintain_s = monotonic_s()
        while not stop.is_set():
            stored = ingest.pump(_TURN_S)
            now_s = monotonic_s()
            if now_s >= report_s:
                report_s = now_s + _REPORT_EVERY_S
                _report(ingest, clock)
            if stored == 0 and now_s >= maintain_s:
                maintain_s = now_s + _MAINTAIN_EVERY_S
                try:
                    store.maintain(clock.now_ms())
                except StoreError as error:
                    log.warning("maintenance_put_off error=%r", error.message)
        notify("STOPPING=1")
        ingest.close()
        _report(ingest, clock)


def collect_less_garbage() -> None:
    """Let the garbage collector look at a load once at most: its rows are many, short-lived and free of cycles."""
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS)


def _report(ingest: Ingest, clock: SystemClock) -> None:
    """Say how it goes, and that the loop turns."""
    counters = ingest.counters()
    age_s = counters.newest_age_s(clock.now_ms())
    log.info(
        "ingest_counters connected=%s waiting=%s newest_age_s=%s messages=%d readings=%d refused=%d marked=%s "
        "dead_letters=%s unkept=%d failures=%d",
        ingest.client.connected, counters.waiting, None if age_s is None else round(age_s), counters.messages,
        counters.readings, counters.refused, counters.marked, counters.dead_letters, counters.dead_letters_unkept,
        counters.failures,
    )  # fmt: skip
    notify(f"WATCHDOG=1\nSTATUS={'waiting for the store' if counters.waiting else 'taking readings'}")
