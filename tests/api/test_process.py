"""The API as a process: over a real broker an override reaches its gateway, and its result comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from api.courier import Courier
from api.process import run
from broker.client import Message
from broker.paho import PahoClient
from core.clock import SimulatedClock
from core.codec import decode_message, encode
from core.commands import Command, Outcome, Result
from core.config import Config
from core.config.models import Api, Building, SqliteStore, Store
from core.config.models import Registry as RegistrySettings
from core.errors import ConfigError, SecretMissingError
from core.topics import Channel, topic
from stores.registry import CommandState, Registry, Role
from tests.api.conftest import NOW_MS, SETPOINT, World
from tests.servers.mosquitto import Mosquitto, free_port

pytestmark = pytest.mark.system


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


class Gateway:
    """Stands where a gateway would: applies every command."""

    def __init__(self, broker: Mosquitto) -> None:
        self.seen: list[Command] = []
        self._client = PahoClient(broker.settings("torino/g1"), "torino/g1", on_message=self._answer)
        self._client.subscribe(topic("torino", "g1", Channel.COMMANDS))
        self._client.connect(10)
        self._client.pump(0.5)  # the subscription goes out with the first turn

    def pump(self) -> None:
        self._client.pump(0.05)

    def close(self) -> None:
        self._client.close()

    def _answer(self, message: Message) -> None:
        command = decode_message(message.payload, Command)
        self.seen.append(command)
        result = Result(command.id, command.point, Outcome.APPLIED, command.issued_ms + 1, read_back=command.value)
        self._client.publish(topic("torino", "g1", Channel.RESULTS), encode(result))
        self._client.ack(message)


def wait_for(what: Callable[[], bool], gateway: Gateway, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        gateway.pump()


def test_override_reaches_the_gateway_and_its_result_the_registry(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(
        broker=broker.settings("api"),
        buildings=[Building(id="torino/calvino")],
        store=Store(sqlite=SqliteStore(path=str(tmp_path / "readings.db"))),
        registry=RegistrySettings(url=f"sqlite:///{tmp_path}/registry.db"),
        api=Api(port=free_port()),
    )
    stop = threading.Event()
    process = threading.Thread(target=run, args=(config, stop))
    with Registry.open(config.registry.url) as registry:
        registry.declare_points("torino/g1", [SETPOINT], NOW_MS)
        key = registry.create_key("anna", Role.OPERATOR, NOW_MS)
        gateway = Gateway(broker)
        process.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{config.api.port}", headers={"X-API-Key": key}) as client:
                wait_for(lambda: _answers(client), gateway)
                body = {"point": SETPOINT.id, "value": 21.5, "reason": "cold"}
                location = client.post("/api/v1/commands", json=body).headers["location"]
                wait_for(lambda: client.get(location).json()["state"] == "applied", gateway)
                assert client.get("/api/v1/buildings").json()["items"][0]["id"] == "torino/calvino"
            assert [(c.value, c.slot, c.by) for c in gateway.seen] == [(21.5, 8, "anna")]
        finally:
            gateway.close()
            stop.set()
            process.join(20)
    assert not process.is_alive()
    assert key not in caplog.text


def test_override_given_while_the_broker_is_away_goes_out_when_it_is_back(world: World, broker: Mosquitto) -> None:
    settings = broker.settings("api")
    broker.settings("torino/g1")
    broker.stop()
    clock = SimulatedClock(NOW_MS)
    with Courier(
        world.registry, lambda on_message: PahoClient(settings, "api", on_message=on_message), clock
    ) as courier:
        world.registry.queue_command(Command("c1", SETPOINT.id, 8, 21.0, "anna", "cold", NOW_MS, NOW_MS + 3_600_000))
        courier.wake()
        time.sleep(0.3)
        assert world.registry.command("c1").state is CommandState.QUEUED
        broker.start()
        gateway = Gateway(broker)
        wait_for(lambda: world.registry.command("c1").state is CommandState.APPLIED, gateway, 40)
        gateway.close()
    assert not courier.is_alive


def test_api_without_a_credential_does_not_start(tmp_path: Path) -> None:
    config = Config(registry=RegistrySettings(url=f"sqlite:///{tmp_path}/registry.db"))
    with pytest.raises(SecretMissingError, match="promessa enroll"):
        run(config, threading.Event())


def test_store_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path, broker: Mosquitto) -> None:
    config = Config(
        broker=broker.settings("api"),
        registry=RegistrySettings(url="mysql://localhost/promessa"),
        store=Store(sqlite=SqliteStore(path=str(tmp_path / "readings.db"))),
    )
    with pytest.raises(ConfigError, match="mysql"):
        run(msgspec.structs.replace(config), threading.Event())


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
