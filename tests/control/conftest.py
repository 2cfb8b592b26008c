"""A broker, a registry, a store and a gateway on the other side, all real."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.client import Message
from broker.paho import PahoClient
from core.codec import decode_message, encode
from core.commands import Command, Outcome, Result
from core.config.models import SqliteStore
from core.topics import Channel, topic
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.control.house import House, ids
from tests.servers.mosquitto import Mosquitto

SITE, GATEWAY = "torino", "cellar"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One registry for many buildings."""
    with Registry.open(f"sqlite:///{tmp_path_factory.mktemp('town')}/registry.db") as opened:
        yield opened


@pytest.fixture
def house(town: Registry) -> House:
    """A building of its own in the town."""
    return House(town, f"b{next(ids)}")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that is locked says so soon."""
    monkeypatch.setattr("stores.registry.database._BUSY_TIMEOUT_MS", 200)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteReadingStore]:
    with SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as opened:
        yield opened


class FieldGateway:
    """The other side: keeps the commands it gets and answers as it is told to."""

    def __init__(self, broker: Mosquitto, answer: Outcome | None = Outcome.APPLIED, name: str = GATEWAY) -> None:
        self.answer = answer
        self.commands: list[Command] = []
        self._name = name
        self.client = PahoClient(broker.settings(f"{SITE}/{name}"), f"{SITE}/{name}", on_message=self._act)
        self.client.subscribe(topic(SITE, name, Channel.COMMANDS))
        self.client.connect()
        self.settle()

    def settle(self) -> None:
        """Let what was asked for at connect leave: the broker must know it before anybody publishes."""
        for _ in range(5):
            self.client.pump(0.02)

    def _act(self, message: Message) -> None:
        command = decode_message(message.payload, Command)
        self.commands.append(command)
        if self.answer is not None:
            self.tell(Result(command.id, command.point, self.answer, command.issued_ms + 1, read_back=command.value))
        self.client.ack(message)

    def tell(self, result: Result) -> None:
        self.client.publish(topic(SITE, self._name, Channel.RESULTS), encode(result))


@pytest.fixture
def gateway(broker: Mosquitto) -> Iterator[FieldGateway]:
    peer = FieldGateway(broker)
    yield peer
    peer.client.close()


def turn(*turners: Callable[[float], object], until: Callable[[], object], within_s: float = 15.0) -> None:
    """Turn all until something has happened."""
    deadline = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        for each in turners:
            each(0.01)
