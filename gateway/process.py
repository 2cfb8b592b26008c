"""The gateway as a process: wired to the real broker and clock, turned until it is told to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import Final

from broker.client import BrokerClient, Message, Will
from broker.paho import PahoClient
from core.calendar import Calendar, site_holidays
from core.clock import Clock, SystemClock, monotonic_s
from core.config import Config
from core.config.models import Broker
from core.config.models import Gateway as GatewaySettings
from core.errors import ConfigError
from gateway.agent import SESSION_EXPIRY_S, Connect, Gateway
from service.notify import notify

log = logging.getLogger("promessa.gateway")

_WATCHDOG_EVERY_S: Final = 5.0
_BUSY_S: Final = 0.05
_IDLE_S: Final = 0.5


def connect_with(broker: Broker, settings: GatewaySettings) -> Connect:
    """How a gateway makes its client: its own session, kept by the broker while it is away."""

    def connect(on_message: Callable[[Message], None], will: Will) -> BrokerClient:
        client_id = f"{settings.site}/{settings.id}"
        return PahoClient(broker, client_id, on_message=on_message, will=will, session_expiry_s=SESSION_EXPIRY_S)

    return connect


def site_calendar(config: Config, settings: GatewaySettings) -> Calendar:
    """Calendar of the gateway's site, in which its schedules run.

    Holidays need the `holidays` library (extra ``server``), which a small gateway may not have: without schedules it is
    not loaded, and where it is missing only the site's own extra holidays count, with a warning.

    Raises
    ------
    ConfigError
        There are schedules, and the site is not configured.
    """
    scheduled = any(p.schedule is not None for d in settings.devices for p in d.points)
    site = config.site(settings.site)
    if site is None:
        if scheduled:
            raise ConfigError(f"gateway {settings.id!r} has schedules: add [[sites]] with id {settings.site!r}")
        return Calendar("UTC")
    if not scheduled:
        return Calendar(site.timezone)
    try:
        return site.calendar()
    except ImportError:
        log.warning("holidays_unknown country=%s hint='pip install holidays'", site.country)
        return Calendar(site.timezone, site_holidays("", extra=site.extra_holidays))


def run(config: Config, stop: Event, clock: Clock | None = None) -> None:
    """Run the gateway of `config` until `stop` is set, with or without a broker in reach.

    Raises
    ------
    ConfigError
        The configuration has no gateway, or something in it is wrong.
    SecretMissingError
        There is no MQTT credential.
    """
    settings = config.gateway
    if settings is None:
        raise ConfigError("there is no [gateway] in the configuration")
    config.broker.require_credential(f"gateway {settings.id!r}")
    clock = clock or SystemClock()
    gateway = Gateway(
        settings, site_calendar(config, settings), clock, connect_with(config.broker, settings), settle_s=0.0
    )
    log.info("gateway_started site=%s gateway=%s devices=%d", settings.site, settings.id, len(settings.devices))
    notify("READY=1")
    fed_s = monotonic_s()
    try:
        while not stop.is_set():
            gateway.poll(clock.now_ms())
            until_due_s = max(0.0, (gateway.next_ms() - clock.now_ms()) / 1000)
            gateway.pump(_BUSY_S if gateway.busy else min(_IDLE_S, until_due_s))
            if monotonic_s() - fed_s >= _WATCHDOG_EVERY_S:
                fed_s = monotonic_s()
                notify("WATCHDOG=1")
                gateway.tidy()
    finally:
        notify("STOPPING=1")
        gateway.close()
        log.info("gateway_stopped site=%s gateway=%s", settings.site, settings.id)
