"""mosquitto.conf as it is shipped, in a running broker."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from broker.enrolment import Kind, enroll
from broker.paho import PahoClient
from core.config.models import Broker
from core.errors import BrokerError
from tests.broker.test_paho import Peer, connected, until
from tests.servers.mosquitto import Mosquitto, free_port

pytestmark = pytest.mark.system

SHIPPED = Path(__file__).parents[2] / "mosquitto.conf"


class Production:
    """A broker with the shipped configuration, its paths and ports led elsewhere."""

    def __init__(self, directory: Path) -> None:
        self.ca = make_certificate(directory)
        self.tls_port, plain = free_port(), free_port()
        text = SHIPPED.read_text()
        moved = {
            "/etc/mosquitto/promessa": str(directory / "mosquitto" / "credentials"),
            "/etc/mosquitto/certs": str(directory),
            "/var/lib/mosquitto/": f"{directory}/",
            "listener 8883\n": f"listener {self.tls_port} 127.0.0.1\n",
            "listener 1883 127.0.0.1\n": f"listener {plain} 127.0.0.1\n",
        }
        for shipped, ours in moved.items():
            assert shipped in text
            text = text.replace(shipped, ours)
        if os.geteuid() == 0:
            text += "user root\n"
        self.server = Mosquitto(directory / "mosquitto", config=text, port=plain)

    def over_tls(self, user: str) -> Broker:
        plain = self.server.settings(user)
        return msgspec.structs.replace(plain, host="localhost", port=self.tls_port, tls_ca=str(self.ca))


def make_certificate(directory: Path) -> Path:
    openssl = shutil.which("openssl")
    assert openssl is not None
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", directory / "server.key", "-out", directory / "server.crt", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return directory / "server.crt"


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    production = Production(tmp_path)
    yield production
    production.server.stop()


def topic(gateway: str, channel: str) -> str:
    return f"promessa/v1/{gateway}/{channel}"


def test_nobody_comes_in_without_a_credential(production: Production) -> None:
    with pytest.raises(BrokerError, match="refused"):
        PahoClient(Broker(port=production.server.port), "anonymous", on_message=lambda _: None).connect(5)


def try_to_publish(settings: Broker, *topics: str) -> None:
    """Publish to each over a connection of its own: Mosquitto 2.0.11 cuts off who publishes what it may not."""
    for name in topics:
        client = PahoClient(settings, "tries", on_message=lambda _: None)
        client.connect()
        client.publish(name, settings.username.encode())
        client.pump(0.1)
        client.close()


@pytest.mark.parametrize("channel", ["state", "readings", "results", "stored", "commands"])
def test_gateway_reaches_its_own_topics_and_no_others(production: Production, channel: str) -> None:
    settings = production.server.settings("torino/one")
    observer = connected(production.server.settings(), "observer")
    observer.subscribe("promessa/v1/#")
    observer.pump(0.2)
    try_to_publish(settings, *(topic(name, channel) for name in ("torino/two", "milano/one", "torino/one")))
    for _ in range(5):
        observer.pump(0.05)
    writes = [topic("torino/one", channel)] if channel in ("state", "readings", "results") else []
    assert [m.topic for m in observer.got] == writes

    gateway = connected(settings, "gateway")
    gateway.subscribe("promessa/v1/#")
    gateway.pump(0.2)
    for name in ("torino/two", "milano/one", "torino/one"):
        observer.publish(topic(name, channel), b"for you")
    for _ in range(5):
        observer.pump(0.02), gateway.pump(0.05)
    reads = [topic("torino/one", channel)] if channel in ("stored", "commands") else []
    assert [m.topic for m in gateway.got] == reads


@pytest.mark.parametrize(
    ("service", "reads", "writes"),
    [
        ("ingest", {"readings", "state"}, {"stored"}),
        ("control", {"stored", "results", "state"}, {"commands"}),
        ("api", {"stored", "results", "state"}, {"commands"}),
    ],
)
def test_service_reaches_what_its_role_needs(
    production: Production, service: str, reads: set[str], writes: set[str]
) -> None:
    topics = [topic("torino/one", channel) for channel in ("state", "readings", "stored", "commands", "results")]
    settings = production.server.settings(service)
    observer = connected(production.server.settings(), "observer")
    observer.subscribe("promessa/v1/#")
    observer.pump(0.2)
    try_to_publish(settings, *topics)
    for _ in range(5):
        observer.pump(0.05)
    assert {m.topic.rsplit("/", 1)[1] for m in observer.got} == writes

    peer = connected(settings, service)
    peer.subscribe("promessa/v1/#")
    peer.pump(0.2)
    for name in topics:
        observer.publish(name, b"for you")
    for _ in range(5):
        observer.pump(0.02), peer.pump(0.05)
    assert {m.topic.rsplit("/", 1)[1] for m in peer.got if not m.retained} == reads


def test_tls_works_with_the_authority_and_fails_without(production: Production) -> None:
    settings = production.over_tls("torino/one")
    client = connected(settings, "one")
    client.subscribe(topic("torino/one", "stored"))
    observer = connected(production.server.settings(), "observer")
    client.pump(0.2)
    payload = bytes(i % 256 for i in range(300_000))
    observer.publish(topic("torino/one", "stored"), payload)
    until(lambda: bool(client.got), client, observer)
    assert client.got[0].payload == payload

    system = msgspec.structs.replace(settings, tls_ca="/etc/ssl/certs/ca-certificates.crt")
    with pytest.raises(BrokerError, match=r"(?i)certificate"):
        PahoClient(system, "one", on_message=lambda _: None).connect(1)
    plain = msgspec.structs.replace(settings, tls_ca="")
    with pytest.raises(BrokerError):
        PahoClient(plain, "one", on_message=lambda _: None).connect(1)


def test_client_id_of_another_takes_nothing_from_it(production: Production) -> None:
    victim = connected(production.over_tls("torino/one"), "torino/one")
    thief = connected(production.over_tls("torino/two"), "torino/one")
    for _ in range(5):
        victim.pump(0.02), thief.pump(0.02)
    assert (victim.connections, thief.connections) == (1, 1)


def test_burst_to_a_client_that_is_away_loses_nothing(production: Production) -> None:
    ingest = connected(production.server.settings("ingest"), "ingest", session_expiry_s=3600)
    ingest.subscribe("promessa/v1/+/+/readings")
    ingest.pump(0.2)
    ingest.close()
    gateway = Peer(production.server.settings("torino/one"), "one")
    gateway.connect()
    confirmed: list[int] = []
    for i in range(20_000):
        gateway.publish(topic("torino/one", "readings"), b"%d" % i, on_done=lambda: confirmed.append(1))
        while i - len(confirmed) > 500:
            gateway.pump(1.0)
    until(lambda: len(confirmed) == 20_000, gateway, within_s=60)
    production.server.restart()

    again = connected(production.server.settings("ingest"), "ingest", session_expiry_s=3600)
    until(lambda: len(again.got) >= 20_000, again, within_s=60)
    assert [int(m.payload) for m in again.got] == list(range(20_000))


def test_message_too_large_reaches_nobody_and_stops_only_its_sender(production: Production) -> None:
    observer = connected(production.server.settings(), "observer")
    observer.subscribe("promessa/v1/#")
    observer.pump(0.2)
    gateway = connected(production.server.settings("torino/one"), "one")
    gateway.publish(topic("torino/one", "readings"), b"x" * 1_048_577)
    until(lambda: gateway.connections == 2, gateway, observer)
    gateway.publish(topic("torino/one", "readings"), b"small")
    until(lambda: bool(observer.got), gateway, observer)
    assert [m.payload for m in observer.got] == [b"small"]


def test_renewed_credential_puts_the_old_one_out_of_force(production: Production) -> None:
    old = production.server.settings("torino/one")
    new = enroll(production.server.credentials, Kind.GATEWAY, "one", "torino")
    production.server.settings("torino/two")  # enrols another, upon which the broker reads its files again
    with pytest.raises(BrokerError, match="refused"):
        PahoClient(old, "one", on_message=lambda _: None).connect(5)
    connected(msgspec.structs.replace(old, password=new.password), "one")
