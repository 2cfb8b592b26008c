"""What PahoClient promises, against a real Mosquitto."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from broker.client import Message, Will
from broker.paho import PahoClient
from core.config.models import Broker
from core.errors import BrokerError, ConfigError
from tests.servers.mosquitto import OBSERVER, Mosquitto, free_port

pytestmark = pytest.mark.system

TOPIC = "promessa/v1/site/gw/readings"


class Peer(PahoClient):
    """A client that keeps what it gets."""

    def __init__(self, settings: Broker, name: str, *, acks: bool = True, **options: object) -> None:
        self.got: list[Message] = []
        self.acks = acks
        super().__init__(settings, name, on_message=self._keep, **options)  # type: ignore[arg-type]

    def _keep(self, message: Message) -> None:
        self.got.append(message)
        if self.acks:
            self.ack(message)


def until(condition: Callable[[], bool], *clients: PahoClient, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        for client in clients:
            client.pump(0.02)


def connected(settings: Broker, name: str, **options: object) -> Peer:
    peer = Peer(settings, name, **options)  # type: ignore[arg-type]
    peer.connect()
    return peer


def test_message_arrives_with_topic_payload_and_confirmation(mosquitto: Mosquitto) -> None:
    done: list[str] = []
    receiver, sender = connected(mosquitto.settings(), "r"), connected(mosquitto.settings(), "s")
    receiver.subscribe("promessa/v1/+/+/readings")
    receiver.pump(0.2)

    assert sender.publish(TOPIC, b"\x00\xff payload", on_done=lambda: done.append("done"), expiry_s=60)
    until(lambda: bool(receiver.got and done), receiver, sender)

    assert [(m.topic, m.payload, m.retained) for m in receiver.got] == [(TOPIC, b"\x00\xff payload", False)]


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 300_000, 1_000_000])
def test_payload_of_any_size_arrives_whole(mosquitto: Mosquitto, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    client = connected(mosquitto.settings(), "c")
    client.subscribe(TOPIC)
    for _ in range(3):
        client.publish(TOPIC, payload)
    until(lambda: len(client.got) == 3, client)
    assert all(m.payload == payload for m in client.got)


def test_publish_says_no_without_a_connection(mosquitto: Mosquitto) -> None:
    client = PahoClient(mosquitto.settings(), "c", on_message=lambda _: None)
    assert client.publish(TOPIC, b"x") is False
    assert not client.connected


def test_unacknowledged_messages_come_again_after_a_reconnect(mosquitto: Mosquitto) -> None:
    sender = connected(mosquitto.settings(), "s")
    receiver = connected(mosquitto.settings(), "r", acks=False, session_expiry_s=3600)
    receiver.subscribe(TOPIC)
    receiver.pump(0.2)
    for i in range(10):
        sender.publish(TOPIC, b"%d" % i)
    until(lambda: len(receiver.got) == 10, receiver, sender)
    for message in receiver.got[:4]:
        receiver.ack(message)
    receiver.pump(0.1)
    receiver.close()

    again = connected(mosquitto.settings(), "r", session_expiry_s=3600)
    until(lambda: len(again.got) >= 6, again)
    again.pump(0.2)
    assert [m.payload for m in again.got] == [b"%d" % i for i in range(4, 10)]


def test_acknowledgement_of_an_earlier_connection_acknowledges_nothing(mosquitto: Mosquitto) -> None:
    sender = connected(mosquitto.settings(), "s")
    receiver = connected(mosquitto.settings(), "r", acks=False, session_expiry_s=3600)
    receiver.subscribe(TOPIC)
    receiver.pump(0.2)
    sender.publish(TOPIC, b"first")
    until(lambda: len(receiver.got) == 1, receiver, sender)
    old = receiver.got[0]
    mosquitto.restart()
    until(lambda: len(receiver.got) == 2, receiver)

    receiver.ack(old)
    receiver.pump(0.1)
    mosquitto.restart()

    until(lambda: len(receiver.got) == 3, receiver)
    assert receiver.got[2].payload == b"first"


def test_receive_maximum_bounds_what_is_in_flight(mosquitto: Mosquitto) -> None:
    sender = connected(mosquitto.settings(), "s")
    receiver = connected(mosquitto.settings(), "r", acks=False, receive_maximum=7)
    receiver.subscribe(TOPIC)
    receiver.pump(0.2)
    for _ in range(30):
        sender.publish(TOPIC, b"x")
    for _ in range(20):
        sender.pump(0.01), receiver.pump(0.01)
    assert len(receiver.got) == 7
    for message in receiver.got:
        receiver.ack(message)
    until(lambda: len(receiver.got) > 7, receiver, sender)


def test_killed_broker_is_found_again_with_all_subscriptions(mosquitto: Mosquitto) -> None:
    client = connected(mosquitto.settings(), "c")
    client.subscribe(TOPIC)
    mosquitto.kill9()
    until(lambda: not client.connected, client)
    assert client.publish(TOPIC, b"x") is False
    mosquitto.start()
    until(lambda: client.connected, client)
    assert client.connections == 2
    client.publish(TOPIC, b"back")
    until(lambda: bool(client.got), client)


def test_message_in_flight_at_a_lost_connection_is_not_sent_again(mosquitto: Mosquitto) -> None:
    done: list[int] = []
    client = connected(mosquitto.settings(), "c")
    client.subscribe(TOPIC)
    client.pump(0.2)
    mosquitto.kill9()
    client.publish(TOPIC, b"in doubt", on_done=lambda: done.append(1))
    until(lambda: not client.connected, client)
    mosquitto.start()
    until(lambda: client.connected, client)
    for _ in range(10):
        client.pump(0.02)
    assert (client.got, done) == ([], [])


def test_pump_without_a_broker_returns_in_time(mosquitto: Mosquitto) -> None:
    client = connected(mosquitto.settings(), "c")
    mosquitto.kill9()
    started = time.monotonic()
    for _ in range(10):
        client.pump(0.05)
    assert time.monotonic() - started < 1.5


def test_will_is_published_when_the_connection_is_lost(mosquitto: Mosquitto) -> None:
    state = "promessa/v1/site/gw/state"
    watcher = connected(mosquitto.settings(), "w")
    watcher.subscribe(state)
    gateway = connected(mosquitto.settings("site/gw"), "g", will=Will(state, b"gone"))
    watcher.pump(0.1)
    gateway._client.socket().close()  # type: ignore[union-attr]
    until(lambda: bool(watcher.got), watcher)
    assert watcher.got[0].payload == b"gone"

    late = connected(mosquitto.settings(), "late")
    late.subscribe(state)
    until(lambda: bool(late.got), late)
    assert late.got[0].retained


def test_close_leaves_the_will_unpublished(mosquitto: Mosquitto) -> None:
    state = "promessa/v1/site/gw/state"
    watcher = connected(mosquitto.settings(), "w")
    watcher.subscribe(state)
    watcher.pump(0.2)
    gateway = connected(mosquitto.settings("site/gw"), "g", will=Will(state, b"gone"))
    gateway.close()
    for _ in range(5):
        watcher.pump(0.05)
    assert watcher.got == []


def test_refused_credential_is_named_with_its_broker(mosquitto: Mosquitto) -> None:
    wrong = Broker(port=mosquitto.port, username=OBSERVER, password="wrong")
    with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{mosquitto.port}.*[Nn]ot authori[sz]ed"):
        PahoClient(wrong, "c", on_message=lambda _: None).connect(5)


def test_missing_broker_is_named_with_its_address() -> None:
    port = free_port()
    with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{port}: Connection refused"):
        PahoClient(Broker(port=port), "c", on_message=lambda _: None).connect(0.3)


def test_peer_that_hangs_up_is_not_hammered() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(100)
        server.settimeout(0.02)
        client = PahoClient(Broker(port=server.getsockname()[1]), "c", on_message=lambda _: None)
        accepted = 0
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            client.pump(0.01)
            try:
                server.accept()[0].close()
                accepted += 1
            except TimeoutError:
                pass
        assert 1 <= accepted <= 5


def test_missing_password_file_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="password_file /nowhere"):
        PahoClient(Broker(username="x", password_file="/nowhere"), "c", on_message=lambda _: None)


def test_owner_that_fails_gets_its_messages_again(mosquitto: Mosquitto) -> None:
    seen: list[bytes] = []

    def fail_once(message: Message) -> None:
        seen.append(message.payload)
        if len(seen) == 1:
            raise ZeroDivisionError
        client.ack(message)

    client = PahoClient(mosquitto.settings(), "c", on_message=fail_once, session_expiry_s=60)
    client.connect()
    client.subscribe(TOPIC)
    client.pump(0.2)
    client.publish(TOPIC, b"one")
    with pytest.raises(ZeroDivisionError):
        until(lambda: False, client)
    until(lambda: len(seen) == 2, client)
    assert seen == [b"one", b"one"]


def test_client_that_cannot_take_more_stays_connected_and_gets_it_later(mosquitto: Mosquitto) -> None:
    sender = connected(mosquitto.settings(), "s")
    settings = Broker(port=mosquitto.port, username=OBSERVER, password=mosquitto.settings().password, keepalive_s=1)
    busy = connected(settings, "busy")
    busy.subscribe(TOPIC)
    busy.pump(0.2)
    deadline = time.monotonic() + 3.5
    while time.monotonic() < deadline:
        sender.publish(TOPIC, b"x")
        sender.pump(0)
        busy.pump(0.05, read=False)
    assert (busy.got, busy.connected, busy.connections) == ([], True, 1)
    until(lambda: bool(busy.got), busy)


def test_broker_lost_while_nothing_is_read_is_found_again(mosquitto: Mosquitto) -> None:
    client = connected(mosquitto.settings(), "c")
    mosquitto.kill9()
    for _ in range(5):
        client.pump(0.02, read=False)
    mosquitto.start()
    until(lambda: client.connections == 2, client)
