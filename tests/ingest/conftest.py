"""An intake between a real Mosquitto and real stores, in simulated time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.client import Message
from broker.paho import PahoClient
from core.clock import SimulatedClock
from core.codec import Batch, GatewayState, Row, Status, Stored, decode_message, encode
from core.config.models import Ingest as Settings
from core.config.models import SqliteStore
from core.errors import StoreError
from core.points import Point
from core.topics import Channel, topic
from ingest.intake import SESSION_EXPIRY_S, Ingest
from stores.columns import Columns
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.servers.mosquitto import Mosquitto

NOW_MS = 1_780_000_000_000


class FlakyStore(SqliteReadingStore):
    """The real store with a plug that can be pulled."""

    plugged = True

    def write_columns(self, readings: Columns) -> None:
        if not self.plugged:
            raise StoreError("unplugged")
        super().write_columns(readings)


class Rig:
    """A broker, stores, an intake, and gateways to send from."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mosquitto = Mosquitto(directory / "mosquitto")
        self.registry = Registry.open(f"sqlite:///{directory}/registry.db")
        self.store = FlakyStore(SqliteStore(path=str(directory / "readings.db")))
        self.clock = SimulatedClock(NOW_MS)
        self.gateways: dict[str, Gateway] = {}
        self.ingest = self.new_intake()
        self.until(lambda: self.ingest.client.connected)
        self.turn()

    def new_intake(self, **settings: int) -> Ingest:
        return Ingest(
            Settings(**settings),  # type: ignore[arg-type]
            lambda on_message: PahoClient(
                self.mosquitto.settings("ingest"), "ingest", on_message=on_message, session_expiry_s=SESSION_EXPIRY_S
            ),
            self.store,
            self.registry,
            self.clock,
        )

    def gateway(self, key: str = "site/gw") -> Gateway:
        if key not in self.gateways:
            self.gateways[key] = Gateway(self.mosquitto, key)
        return self.gateways[key]

    def turn(self, times: int = 5) -> None:
        for _ in range(times):
            self.ingest.pump(0.02)
            for gateway in self.gateways.values():
                gateway.client.pump(0.0)

    def until(self, condition: Callable[[], bool], within_s: float = 15.0) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen in time: {self.ingest.counters()}"
            self.turn(1)

    def declare(self, *points: Point, key: str = "site/gw") -> None:
        gateway = self.gateway(key)
        done = self.ingest.counters().messages
        gateway.send(encode(GatewayState(Status.ONLINE, since_ms=1, points=list(points))), Channel.STATE)
        self.until(lambda: self.ingest.counters().messages > done)

    def deliver(self, *rows: Row, key: str = "site/gw", batch: str = "") -> None:
        """Send one batch and wait until the gateway is told that it is stored."""
        gateway = self.gateway(key)
        name = batch or f"batch-{len(gateway.sent)}"
        told = gateway.stored_ids.count(name)
        gateway.send(encode(Batch(name, list(rows))))
        self.until(lambda: gateway.stored_ids.count(name) > told)

    def qualities(self, point: str) -> list[int]:
        return self.store.read(point, 0, 10**14).quality.tolist()

    def stored(self, point: str) -> list[tuple[int, float]]:
        series = self.store.read(point, 0, 10**14)
        return list(zip(series.time_ms.tolist(), series.value.tolist(), strict=True))

    def letters(self) -> list[tuple[str, str]]:
        return [(letter.code, letter.reason) for letter in self.registry.dead_letters()]

    def close(self) -> None:
        self.ingest.close()
        for gateway in self.gateways.values():
            gateway.client.close()
        self.store.close()
        self.registry.close()
        self.mosquitto.stop()


class Gateway:
    """The sending end, with a gateway's own credential."""

    def __init__(self, mosquitto: Mosquitto, key: str) -> None:
        self.site, _, self.name = key.partition("/")
        self.stored: list[Stored] = []
        self.sent: list[bytes] = []
        self.client = PahoClient(mosquitto.settings(key), key, on_message=self._on_message)
        self.client.connect()
        self.client.subscribe(topic(self.site, self.name, Channel.STORED))
        self.client.pump(0.2)

    @property
    def stored_ids(self) -> list[str]:
        return [name for stored in self.stored for name in stored.ids]

    def send(self, payload: bytes, channel: Channel = Channel.READINGS) -> None:
        self.sent.append(payload)
        assert self.client.publish(topic(self.site, self.name, channel), payload, retain=channel is Channel.STATE)

    def _on_message(self, message: Message) -> None:
        self.stored.append(decode_message(message.payload, Stored))
        self.client.ack(message)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()
