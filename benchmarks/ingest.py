"""Readings a second from MQTT to durable storage, as a ratio to what a bare subscriber receives in the same run.

::

    python -m benchmarks.ingest --store sqlite --store influxdb --rows 1 --rows 50

A real Mosquitto queues QoS 1 messages for a persistent session; then a bare subscriber, which acknowledges and does
nothing else, or `ingest.intake.Ingest` empties the queue. There are two bare subscribers: plain paho, and
mosquitto_sub, which is written in C and shows what the broker itself can deliver. The queue is filled beforehand by a
process of its own, so that on a small machine the figures are those of broker and receiver, not of the publisher.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.paho import PahoClient, send_at_once
from core.clock import SystemClock
from core.codec import Batch, GatewayState, Row, Status, encode
from core.config.models import Broker, SqliteStore
from core.config.models import Ingest as Settings
from core.points import Plausible, Point
from core.topics import Channel, every, topic
from ingest.intake import Ingest
from ingest.process import collect_less_garbage
from stores.port import ReadingStore
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.servers.mosquitto import Mosquitto

POINTS: Final = [f"torino/building-{i // 50:03d}/zone-{i % 50:02d}/air-temperature" for i in range(1000)]
READINGS: Final = topic("torino", "bench", Channel.READINGS)
GATEWAY: Final = "torino/bench"
SESSION_S: Final = 3600


def batches(messages: int, rows: int) -> Iterator[bytes]:
    """Payloads of `rows` readings each; every point is measured once a second of the data's time."""
    now_ms = SystemClock().now_ms() - messages * rows // len(POINTS) * 1000
    n = 0
    for message in range(messages):
        some: list[Row] = []
        for _ in range(rows):
            some.append((POINTS[n % len(POINTS)], now_ms + n // len(POINTS) * 1000, 20.0 + n % 97 / 10, 0))
            n += 1
        yield encode(Batch(f"{message:016x}", some))


def publish(settings: Broker, messages: int, rows: int) -> None:
    """Fill the queue with MQTT 3.1.1 over a bare socket (a client library would be the slowest part of the run)."""
    packets = [
        _packet(0x32, _text(READINGS) + (i % 60_000 + 1).to_bytes(2, "big") + payload)
        for i, payload in enumerate(batches(messages, rows))
    ]
    with socket.create_connection((settings.host, settings.port)) as sock:
        credential = _text(settings.username) + _text(settings.password)
        sock.sendall(_packet(0x10, _text("MQTT") + b"\x04\xc2\x00\x3c" + _text("publisher") + credential))
        _receive(sock, 4)
        for start in range(0, messages, 500):
            window = packets[start : start + 500]
            sock.sendall(b"".join(window))
            _receive(sock, 4 * len(window))


def _text(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def _packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([first]) + length + body


def _receive(sock: socket.socket, size: int) -> None:
    while size:
        data = sock.recv(size)
        if not data:
            raise ConnectionError("the broker has closed the connection")
        size -= len(data)


class Bare:
    """A subscriber of plain paho that acknowledges and does nothing else."""

    def __init__(self, settings: Broker) -> None:
        self.received = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="ingest", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(settings.username, settings.password)
        self._client.on_message = self._count
        self._client.on_socket_open = send_at_once
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = 1000
        self._client.connect(settings.host, settings.port, clean_start=False, properties=properties)
        self._client.loop(1.0)
        self._client.subscribe(every(Channel.READINGS), qos=1)
        self._client.loop(1.0)

    def receive(self, messages: int) -> float:
        """Seconds from the first to the last of `messages`."""
        started = time.perf_counter()
        while self.received < messages:
            self._client.loop(1.0)
        return time.perf_counter() - started

    def close(self) -> None:
        """Leave; the session stays."""
        self._client.disconnect()
        self._client.loop(0.1)

    def _count(self, _client: Client, _userdata: object, _message: MQTTMessage) -> None:
        self.received += 1


def receive_in_c(settings: Broker, messages: int) -> float:
    """Seconds in which mosquitto_sub empties the queue of the same session."""
    command = [
        "mosquitto_sub", "-V", "5", "-q", "1", "-c", "-i", "ingest", "-h", settings.host, "-p", str(settings.port),
        "-u", settings.username, "-P", settings.password, "-t", every(Channel.READINGS), "-C", str(messages),
    ]  # fmt: skip
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@contextmanager
def open_store(kind: str, directory: Path) -> Iterator[ReadingStore]:
    """A real store of that kind, empty."""
    if kind == "sqlite":
        with SqliteReadingStore(SqliteStore(path=str(directory / "readings.db"))) as store:
            yield store
    else:
        from stores.influx import InfluxReadingStore  # noqa: PLC0415 - only where it is measured
        from tests.servers.influxdb import InfluxServer  # noqa: PLC0415 - as above

        (directory / "influxdb").mkdir()
        with InfluxServer(directory / "influxdb") as server, InfluxReadingStore(server.database()) as store:
            yield store


def fill(broker: Mosquitto, messages: int, rows: int) -> None:
    """Queue messages for the session of ingest."""
    settings = broker.settings(GATEWAY)
    arguments = [settings.host, str(settings.port), settings.username, settings.password, str(messages), str(rows)]
    subprocess.run([sys.executable, "-m", "benchmarks.ingest", "--publish", *arguments], check=True)


def measure(kind: str, rows: int, messages: int, directory: Path) -> dict[str, float | int | str]:
    """Fill the queue twice and empty it with a bare subscriber and with ingest."""
    with (
        Mosquitto(directory / "mosquitto") as broker,
        Registry.open(f"sqlite:///{directory}/registry.db") as registry,
        open_store(kind, directory) as store,
    ):
        bare = Bare(broker.settings("ingest"))
        bare.close()
        few = min(messages, 20_000)
        fill(broker, few, rows)
        bare = Bare(broker.settings("ingest"))
        paho_s = bare.receive(few) / few * messages
        bare.close()
        fill(broker, messages, rows)
        mosquitto_sub_s = receive_in_c(broker.settings("ingest"), messages)

        plausible = Plausible(minimum=-40.0, maximum=60.0, max_step=30.0, stuck_after_s=86_400)
        points = [Point(p, "Zone_Air_Temperature_Sensor", "Cel", plausible=plausible) for p in POINTS]
        state = GatewayState(Status.ONLINE, since_ms=1, points=points)
        gateway = PahoClient(broker.settings(GATEWAY), "gateway", on_message=lambda _: None)
        gateway.connect()
        gateway.publish(topic("torino", "bench", Channel.STATE), encode(state), retain=True)
        gateway.pump(0.5)

        fill(broker, messages, rows)
        ingest = Ingest(
            Settings(),
            lambda on_message: PahoClient(
                broker.settings("ingest"), "ingest", on_message=on_message, session_expiry_s=SESSION_S
            ),
            store, registry, SystemClock(),
        )  # fmt: skip
        collect_less_garbage()  # as the process does
        started, cpu = time.perf_counter(), time.process_time()
        flushes = stored = 0
        while stored < messages * rows:
            n = ingest.pump(1.0)
            stored += n
            flushes += n > 0
        ingest_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        ingest.close()
        gateway.close()
        total = messages * rows
        return {
            "store": kind, "rows_per_message": rows, "readings": total, "distinct": sum_counts(store),
            "ingest_readings_per_s": round(total / ingest_s), "paho_readings_per_s": round(total / paho_s),
            "mosquitto_sub_readings_per_s": round(total / mosquitto_sub_s),
            "ratio_to_paho": round(paho_s / ingest_s, 2),
            "ratio_to_mosquitto_sub": round(mosquitto_sub_s / ingest_s, 2),
            "cpu": round(cpu_s / ingest_s, 2),
            "readings_per_flush": round(total / max(flushes, 1)),
        }  # fmt: skip


def sum_counts(store: ReadingStore) -> int:
    """How many readings the store holds of a few points, times how few: a check that they are there."""
    extents = [store.extent(p) for p in POINTS[::100]]
    return sum(e.count for e in extents if e) * 100


def main() -> None:
    """Measure and print one JSON line a case."""
    if sys.argv[1:2] == ["--publish"]:
        host, port, username, password, messages, rows = sys.argv[2:]
        publish(Broker(host=host, port=int(port), username=username, password=password), int(messages), int(rows))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "influxdb"], action="append")
    parser.add_argument("--rows", type=int, action="append", help="readings a message")
    parser.add_argument("--readings", type=int, help="readings in all; default 200,000 at 1, 4,000,000 at more")
    options = parser.parse_args()
    for kind in options.store or ["sqlite"]:
        for rows in options.rows or [1, 50]:
            total = options.readings or (200_000 if rows == 1 else 4_000_000)
            with tempfile.TemporaryDirectory() as directory:
                print(json.dumps(measure(kind, rows, total // rows, Path(directory))), flush=True)


if __name__ == "__main__":
    main()
