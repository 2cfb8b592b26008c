"""What the gateway costs: memory and processor time at 1,000 Modbus points every 10 s, with real servers around it.

``python -m benchmarks.gateway [--points 1000] [--every 10] [--seconds 60] [--json]``

The gateway is the process that a Raspberry Pi runs (``python -m gateway``). Four Modbus devices are served by pymodbus
in another process, Mosquitto is real, and this process confirms every batch as ingest would.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psutil

from broker.client import Message
from broker.paho import PahoClient
from core.codec import Stored, decode_readings, encode
from core.topics import Channel, topic
from tests.servers.modbus import ModbusServer, free_port
from tests.servers.mosquitto import Mosquitto

SITE, NAME = "bench", "gateway"
DEVICES = 4


def serve(port: int, registers: int, stop: Event) -> None:
    """Serve `registers` holding registers to each of four units until `stop` is set."""
    with ModbusServer({a: a % 500 for a in range(registers)}, units=range(1, DEVICES + 1), port=port):
        stop.wait()


def configuration(broker: Mosquitto, folder: Path, modbus_port: int, points: int, every_s: float) -> str:
    """TOML of a gateway with `points` points over four devices, half of them 16-bit and half float32."""
    settings = broker.settings(f"{SITE}/{NAME}")
    lines = [
        f'[broker]\nport = {broker.port}\nusername = "{settings.username}"\npassword = "{settings.password}"',
        f'[[sites]]\nid = "{SITE}"\ntimezone = "Europe/Rome"',
        f'[gateway]\nid = "{NAME}"\nsite = "{SITE}"\nspool = "{folder}/spool.db"\nstate = "{folder}/state.db"',
    ]
    for device in range(DEVICES):
        options = f'{{ host = "127.0.0.1", port = {modbus_port}, unit = {device + 1} }}'
        lines.append(
            f'[[gateway.devices]]\nname = "d{device}"\ndriver = "modbus"\npoll_every_s = {every_s}\noptions = {options}'
        )
        for number in range(points // DEVICES):
            kind = 'type = "int16", scale = 0.1' if number % 2 else 'type = "float32"'
            lines.append(
                f'[[gateway.devices.points]]\nid = "{SITE}/b{device}/z{number}/temperature"\n'
                f'brick_class = "Zone_Air_Temperature_Sensor"\nunit = "Cel"\n'
                f"source = {{ address = {number * 2}, {kind} }}"
            )
    return "\n".join(lines)


class Confirmer:
    """Stands where ingest stands: counts rows and confirms their batches."""

    def __init__(self, broker: Mosquitto) -> None:
        self.rows = 0
        self.client = PahoClient(broker.settings(), "confirmer", on_message=self._see)
        self.client.subscribe(topic(SITE, NAME, Channel.READINGS))
        self.client.connect()

    def _see(self, message: Message) -> None:
        batch = decode_readings(message.payload)
        self.rows += len(batch.rows)
        self.client.publish(topic(SITE, NAME, Channel.STORED), encode(Stored([batch.id])))
        self.client.ack(message)

    def turn(self, seconds: float) -> None:
        """Confirm for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.client.pump(0.2)


def measure(points: int, every_s: float, seconds: float) -> dict[str, Any]:
    """Run everything and look at the gateway from outside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, stop = free_port(), multiprocessing.get_context("spawn").Event()
        served = multiprocessing.get_context("spawn").Process(target=serve, args=(port, points // DEVICES * 2, stop))
        served.start()
        try:
            with Mosquitto(folder / "mosquitto") as broker:
                path = folder / "gateway.toml"
                path.write_text(configuration(broker, folder, port, points, every_s))
                confirmer = Confirmer(broker)
                command = [sys.executable, "-m", "gateway", "--config", str(path), "--log-level", "WARNING"]
                with subprocess.Popen(command) as gateway:
                    confirmer.turn(2 * every_s)
                    process = psutil.Process(gateway.pid)
                    before, rows = process.cpu_times(), confirmer.rows
                    began_s = time.monotonic()
                    confirmer.turn(seconds)
                    elapsed_s = time.monotonic() - began_s
                    after, memory = process.cpu_times(), process.memory_info()
                    rows = confirmer.rows - rows
                    gateway.terminate()
                confirmer.client.close()
        finally:
            stop.set()
            served.join(10)
    used_s = after.user + after.system - before.user - before.system
    return {
        "points": points,
        "every_s": every_s,
        "seconds": round(elapsed_s, 1),
        "readings": rows,
        "rss_mb": round(memory.rss / 1e6, 1),
        "cpu_percent": round(100 * used_s / elapsed_s, 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between polls")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.points, arguments.every, arguments.seconds)
    if arguments.json:
        print(json.dumps(found))
    else:
        load = f"{found['points']} points every {found['every_s']:g} s"
        seen = f"{found['readings']} readings in {found['seconds']} s"
        print(
            f"{load}: {found['rss_mb']} MB resident (target 40), {found['cpu_percent']} % of a core (target 5), {seen}"
        )


if __name__ == "__main__":
    main()
