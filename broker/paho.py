"""The `BrokerClient` that the processes use: paho-mqtt with MQTT 5, turned by its owner's thread."""

from __future__ import annotations

import logging
import random
import select
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from broker.bulk import BulkClient
from broker.client import Message, Will
from core.clock import monotonic_s
from core.config.models import Broker
from core.errors import BrokerError, ConfigError

log = logging.getLogger("promessa.broker")

_CONNECT_TIMEOUT_S: Final = 5.0
_BACKOFF_FIRST_S: Final = 0.25
_BACKOFF_MAX_S: Final = 30.0
_STANDS_AFTER_S: Final = 10.0
_PACKET_ID_BITS: Final = 16
_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class PahoClient:
    """One connection to the broker; see `broker.client.BrokerClient` for what its methods promise.

    What was published but not confirmed when the connection is lost is not sent again, and its `on_done` is never
    called: the owner sees `connections` change and knows what to repeat (a batch) and what not (a command).

    Parameters
    ----------
    settings
        Where the broker is and the credential.
    client_id
        Unique at the broker; the name of the session.
    on_message
        Called for each message, from within `pump`; every message waits for `ack`. When it raises, the connection is
        dropped before the error goes on, so that the broker delivers again what was not acknowledged.
    will
        Published by the broker, retained, when the connection is lost.
    session_expiry_s
        How long the broker keeps subscriptions and messages for us while we are away, seconds; 0: not at all.
    receive_maximum
        Most messages that the broker may send ahead of our acknowledgements.

    Raises
    ------
    ConfigError
        The password file or the certificate authority cannot be read.
    """

    def __init__(
        self,
        settings: Broker,
        client_id: str,
        *,
        on_message: Callable[[Message], None],
        will: Will | None = None,
        session_expiry_s: int = 0,
        receive_maximum: int = 1000,
    ) -> None:
        self._settings = settings
        self._address = f"{settings.host}:{settings.port}"
        self._on_message = on_message
        self._session_expiry_s = session_expiry_s
        self._receive_maximum = receive_maximum
        self._subscriptions: dict[str, None] = {}
        self._done: dict[int, tuple[str, Callable[[], None] | None]] = {}
        self._due: list[Callable[[], None]] = []
        self._connected = False
        self._connections = 0
        self._handled = 0
        self._failure = ""
        self._failures = 0
        self._refused = False
        self._connected_s = 0.0
        self._next_attempt_s = 0.0
        self._answer_due_s: float | None = None
        self._poller = select.poll()
        self._polled: tuple[int, int] | None = None
        self._client = self._make_client(client_id, will)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        return self._connected

    @property
    def connections(self) -> int:
        """How often a connection was made; a change tells that what was in flight is in doubt."""
        return self._connections

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connect and wait until accepted.

        A broker that does not answer yet is tried again until the time is up; one that refuses us is not.

        Raises
        ------
        BrokerError
            Names host, port and the reason.
        """
        deadline_s = monotonic_s() + timeout_s
        self._next_attempt_s, self._refused = 0.0, False
        while not self._connected:
            self.pump(max(0.0, min(0.1, deadline_s - monotonic_s())))
            if not self._connected and (self._refused or monotonic_s() >= deadline_s):
                raise BrokerError(f"MQTT broker {self._address}: {self._failure or 'no answer'}")

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1, now and at every reconnect."""
        self._subscriptions[topic_filter] = None
        if self._connected:
            self._client.subscribe(topic_filter, qos=1)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> bool:
        """Publish with QoS 1; `on_done` is called within `pump` when the broker has it. False when not connected."""
        if not self._connected:
            return False
        properties = None
        if expiry_s is not None:
            properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=max(0, expiry_s))
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        # Sending may have found the connection broken; what was noted for it is forgotten then.
        if not self._connected:
            return False
        self._done[info.mid] = (topic, on_done)
        return True

    def ack(self, message: Message) -> None:
        """Acknowledge a message; one of an earlier connection is left alone, the broker sends it again."""
        connection, packet_id = divmod(message.ack_id, 1 << _PACKET_ID_BITS)
        if packet_id and connection == self._connections and self._connected:
            self._client.queue_ack(packet_id)

    def pump(self, timeout_s: float, *, read: bool = True) -> int:
        """Wait up to `timeout_s` for traffic, then read and write all there is; returns messages handled.

        With `read` False the connection is kept alive and what comes in is left to wait at the broker.
        While there is no connection it is the place where one is made: then it may take up to 5 s longer.
        """
        handled = self._handled
        client = self._client
        if client.socket() is None:
            timeout_s = self._reconnect(timeout_s)
        client.send_acks()
        if client.socket() is not None:
            try:
                self._turn(0.0 if client.may_have_more and read else timeout_s, read=read)
            except BaseException:
                self._drop()
                raise
        return self._handled - handled

    def close(self) -> None:
        """Disconnect cleanly (the will is not published)."""
        client = self._client
        client.send_acks()
        deadline_s = monotonic_s() + 1.0
        while self._connected and client.want_write() and monotonic_s() < deadline_s:
            client.loop_write()
        self._connected = False
        client.disconnect()
        self._drop()
        self._next_attempt_s = float("inf")

    def _make_client(self, client_id: str, will: Will | None) -> BulkClient:
        client = BulkClient(client_id, self._deliver)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_socket_open = send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_published
        client.on_subscribe = self._on_subscribed
        if self._settings.username:
            client.username_pw_set(self._settings.username, _password(self._settings))
        if self._settings.tls_ca:
            client.tls_set_context(_tls_context(self._settings.tls_ca))
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.connect_async(
            self._settings.host,
            self._settings.port,
            keepalive=self._settings.keepalive_s,
            clean_start=self._session_expiry_s == 0,
            properties=_properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=self._session_expiry_s,
                ReceiveMaximum=self._receive_maximum,
            ),
        )
        return client

    def _reconnect(self, timeout_s: float) -> float:
        """Try to connect when it is time to, else wait; returns what is left of the time-out."""
        wait_s = self._next_attempt_s - monotonic_s()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            if wait_s > timeout_s:
                return 0.0
        try:
            self._client.reconnect()
        except OSError as error:
            self._client.forget_stream()
            self._fail(error.strerror or str(error))
            return 0.0
        self._answer_due_s = monotonic_s() + _CONNECT_TIMEOUT_S
        return max(0.0, timeout_s - max(0.0, wait_s))

    def _turn(self, timeout_s: float, *, read: bool) -> None:
        client = self._client
        events = self._wait(timeout_s, read=read)
        if not read and self._connected and not events & _GONE:
            client.hold()
        elif events & ~select.POLLOUT or client.may_have_more:
            client.loop_read()
        if events & select.POLLOUT:
            client.loop_write()
        due, self._due = self._due, []
        for done in due:
            done()
        client.loop_misc()
        client.send_acks()
        if self._answer_due_s is not None and monotonic_s() > self._answer_due_s:
            self._drop()
            self._fail("accepts connections but does not speak MQTT")

    def _wait(self, timeout_s: float, *, read: bool) -> int:
        """Wait for the socket; returns its poll events, 0 when the time is up."""
        sock = self._client.socket()
        assert sock is not None  # noqa: S101 - the caller has looked
        reads = select.POLLIN if read or not self._connected else 0
        wanted = (sock.fileno(), reads | (select.POLLOUT if self._client.want_write() else 0))
        if wanted != self._polled:
            if self._polled is not None and self._polled[0] != wanted[0]:
                self._poller.unregister(self._polled[0])
            self._poller.register(*wanted)
            self._polled = wanted
        found = self._poller.poll(round(timeout_s * 1000))
        return found[0][1] if found else 0

    def _deliver(self, topic: str, payload: bytes, retained: bool, packet_id: int) -> None:  # noqa: FBT001 - BulkClient's hook
        self._handled += 1
        ack_id = self._connections << _PACKET_ID_BITS | packet_id if packet_id else 0
        self._on_message(Message(topic, payload, retained, ack_id))

    def _on_connect(
        self, client: Any, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._answer_due_s = None
        if reason.is_failure:
            self._refused = True
            self._fail(f"refused: {reason}")
            return
        self._connected = True
        self._connections += 1
        self._failure = ""
        self._connected_s = monotonic_s()
        for topic_filter in self._subscriptions:
            client.subscribe(topic_filter, qos=1)
        log.info("broker_connected address=%s connections=%d", self._address, self._connections)

    def _on_disconnect(
        self, _client: Any, _userdata: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._connected:
            # One that never stands for long counts on: a broker may accept us and cut us off at what we do next.
            if monotonic_s() - self._connected_s > _STANDS_AFTER_S:
                self._failures = 0
            self._fail(f"connection lost: {reason}")
        elif self._answer_due_s is not None:
            self._fail("closes the connection without an answer")
        self._forget()

    def _on_published(
        self, _client: Any, _userdata: Any, packet_id: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        topic, done = self._done.pop(packet_id, ("", None))
        if reason.is_failure:
            log.warning("publish_refused topic=%s reason=%s", topic, reason)
        elif done is not None:
            # Called after paho has put its own house in order, so that it may publish again.
            self._due.append(done)

    def _on_subscribed(
        self, _client: Any, _userdata: Any, _packet_id: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                log.error("subscription_refused address=%s reason=%s", self._address, reason)

    def _forget(self) -> None:
        """Leave nothing of the connection behind."""
        self._connected = False
        self._answer_due_s = None
        self._done.clear()
        self._due.clear()
        self._client.forget_stream()
        if self._polled is not None:
            self._poller.unregister(self._polled[0])
            self._polled = None

    def _drop(self) -> None:
        """Close the socket without a word; the broker publishes the will unless DISCONNECT went out."""
        self._client.close_socket()
        self._forget()

    def _fail(self, reason: str) -> None:
        """Note why there is no connection and when to try again: exponential back-off with jitter."""
        self._failure = reason
        ceiling_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2 ** min(self._failures, 10))
        wait_s = ceiling_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads reconnects, keeps no secret
        self._failures += 1
        self._next_attempt_s = monotonic_s() + wait_s
        log.warning("broker_unavailable address=%s reason=%r retry_in_s=%.2f", self._address, reason, wait_s)


def send_at_once(_client: Any, _userdata: Any, sock: Any) -> None:
    """Without it a small packet waits up to 40 ms for the peer's delayed TCP acknowledgement of the one before it."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _properties(kind: int, **values: int) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call] # paho leaves this one without types
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _password(settings: Broker) -> str | None:
    if not settings.password_file:
        return settings.password or None
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"broker.password_file {settings.password_file}: {error.strerror}") from error


def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"broker.tls_ca {ca_file}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
