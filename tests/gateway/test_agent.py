"""The gateway as a whole, in lock-step over a real Mosquitto and a real Modbus server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from broker.client import Message
from broker.paho import PahoClient
from core.calendar import Calendar
from core.clock import SimulatedClock
from core.codec import GatewayState, Row, Status, Stored, decode_message, decode_readings, encode
from core.commands import Command, Outcome, Result
from core.config.models import Device, DevicePoint
from core.config.models import Gateway as GatewaySettings
from core.errors import ConfigError
from core.points import Limits
from core.priority import Slot
from core.schedule import Schedule
from core.topics import Channel, every, topic
from gateway.agent import Gateway
from gateway.driver import Driver
from gateway.process import connect_with
from tests.gateway.field import MemoryDevice
from tests.servers.modbus import ModbusServer, free_port
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

NOW = 1_705_312_800_000
MINUTE = 60_000
SITE, NAME = "torino", "calvino"
TEMPERATURE = "torino/calvino/hall/temperature"
SETPOINT = "torino/calvino/hall/heating-setpoint"


class Observer:
    """Ingest and control in one: keeps what arrives, and confirms batches when asked to."""

    def __init__(self, broker: Mosquitto) -> None:
        self.rows: list[Row] = []
        self.batches: list[str] = []
        self.results: list[Result] = []
        self.states: list[GatewayState] = []
        self.confirming = True
        self.client = PahoClient(broker.settings(), "observer", on_message=self.see, session_expiry_s=3600)
        self.client.connect()
        for channel in (Channel.READINGS, Channel.RESULTS, Channel.STATE):
            self.client.subscribe(every(channel))
        self.client.pump(0.05)

    def see(self, message: Message) -> None:
        if message.topic.endswith("/readings"):
            batch = decode_readings(message.payload)
            self.batches.append(batch.id)
            self.rows += batch.rows
            if self.confirming:
                self.confirm([batch.id])
        elif message.topic.endswith("/results"):
            self.results.append(decode_message(message.payload, Result))
        else:
            self.states.append(decode_message(message.payload, GatewayState))
        self.client.ack(message)

    def confirm(self, ids: list[str]) -> None:
        self.client.publish(topic(SITE, NAME, Channel.STORED), encode(Stored(ids)))

    def send(self, *commands: Command) -> None:
        for command in commands:
            self.client.publish(topic(SITE, NAME, Channel.COMMANDS), encode(command), expiry_s=600)

    def ends(self) -> dict[str, Outcome]:
        return {r.command_id: r.outcome for r in self.results}


class Rig:
    """A gateway, its clock, its broker and who listens."""

    def __init__(self, folder: Path, broker: Mosquitto, devices: list[Device], **options: Any) -> None:
        self.folder, self.broker, self.devices = folder, broker, devices
        self.drivers: dict[str, Driver] = options.pop("drivers", {})
        self.options = options
        self.clock = SimulatedClock(NOW)
        self.observer = Observer(broker)
        self.start()

    def start(self) -> None:
        settings = GatewaySettings(
            id=NAME,
            site=SITE,
            spool=str(self.folder / "spool.db"),
            state=str(self.folder / "state.db"),
            devices=self.devices,
            **self.options,
        )
        connect = connect_with(self.broker.settings(f"{SITE}/{NAME}"), settings)
        self.gateway = Gateway(settings, Calendar("Europe/Rome"), self.clock, connect, drivers=self.drivers)
        said = len(self.observer.states)
        # The broker has its subscriptions before its state: they come on one connection.
        self.until(lambda: Status.ONLINE in [s.status for s in self.observer.states[said:]])

    def restart(self) -> None:
        self.gateway.close()
        self.start()

    def poll(self, minutes: float = 1) -> None:
        self.clock.advance(round(minutes * MINUTE))
        self.gateway.poll(self.clock.now_ms())

    def until(self, condition: Callable[[], object], timeout_s: float = 10) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.gateway.pump(0.01)
            self.observer.client.pump(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.close()
        self.observer.client.close()


def points(limits: Limits | None = None, schedule: Schedule | None = None) -> list[DevicePoint]:
    return [
        DevicePoint(
            id=TEMPERATURE, brick_class="Zone_Air_Temperature_Sensor", unit="Cel",
            source={"table": "input", "address": 0, "type": "int16", "scale": 0.1},
        ),
        DevicePoint(
            id=SETPOINT, brick_class="Zone_Air_Heating_Temperature_Setpoint", unit="Cel", schedule=schedule,
            limits=limits or Limits(5, 26, 18), source={"address": 0, "type": "int16", "scale": 0.1},
        ),
    ]  # fmt: skip


def plant(port: int, name: str = "plant", *, own: list[DevicePoint] | None = None) -> Device:
    options = {"host": "127.0.0.1", "port": port, "timeout_s": 0.4, "retries": 0}
    return Device(name=name, driver="modbus", points=own or points(), options=options, poll_every_s=60)


def ask(name: str, value: float | None, slot: int = 12, *, at: int = NOW, minutes: float = 60) -> Command:
    return Command(name, SETPOINT, slot, value, "somebody", "because", at, round(at + minutes * MINUTE))


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as own:
        yield own


@pytest.fixture
def server() -> Iterator[ModbusServer]:
    with ModbusServer({0: 150}, {0: 195}) as running:
        yield running


def test_the_circle_of_readings_and_commands(tmp_path: Path, broker: Mosquitto, server: ModbusServer) -> None:
    with Rig(tmp_path, broker, [plant(server.port)]) as rig:
        rig.poll(0)
        rig.until(lambda: rig.observer.rows)
        assert rig.observer.rows == [(SETPOINT, NOW, 15.0, 0), (TEMPERATURE, NOW, 19.5, 0)]
        assert server.holding(0) == [180]
        assert {p.id for p in rig.observer.states[0].points} == {TEMPERATURE, SETPOINT}
        rig.observer.send(ask("a", 21.5))
        rig.until(lambda: rig.observer.results)
        assert rig.observer.results == [Result("a", SETPOINT, Outcome.APPLIED, NOW, read_back=21.5)]
        assert server.holding(0) == [215]
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        rig.poll()
        rig.until(lambda: len(rig.observer.rows) == 4)
        assert rig.observer.rows[2:] == [(SETPOINT, NOW + MINUTE, 21.5, 0), (TEMPERATURE, NOW + MINUTE, 19.5, 0)]


def test_state_goes_offline_at_goodbye_and_by_the_last_will(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    with Rig(tmp_path, broker, [plant(server.port)]) as rig:
        rig.until(lambda: rig.observer.states)
        rig.restart()
        rig.until(lambda: len(rig.observer.states) >= 3)
        assert [s.status for s in rig.observer.states[:3]] == [Status.ONLINE, Status.OFFLINE, Status.ONLINE]
        rig.gateway._broker._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined] # as if the cable were pulled
        rig.until(lambda: len(rig.observer.states) >= 5)
        assert [s.status for s in rig.observer.states[3:5]] == [Status.OFFLINE, Status.ONLINE]


def test_a_batch_stays_until_it_is_stored_and_goes_again(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    with Rig(tmp_path, broker, [plant(server.port)], resend_after_s=0.3) as rig:
        rig.observer.confirming = False
        rig.poll(0)
        rig.until(lambda: len(rig.observer.batches) >= 3)
        assert len(set(rig.observer.batches)) == 1
        assert rig.gateway.spooled_batches == 1
        rig.restart()
        rig.observer.confirming = True
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert len(set(rig.observer.batches)) == 1


def test_after_an_outage_the_newest_comes_first(tmp_path: Path, broker: Mosquitto, server: ModbusServer) -> None:
    with Rig(tmp_path, broker, [plant(server.port)], resend_after_s=1.0) as rig:
        broker.kill9()
        for _ in range(5):
            rig.poll()
        rig.gateway.pump(0.1)
        rig.until(lambda: not rig.gateway.connected)
        broker.start()
        rig.until(lambda: len(set(rig.observer.batches)) == 5)
        seen = list(dict.fromkeys(int(b.split("-")[1]) for b in rig.observer.batches))
        assert seen == [5, 4, 3, 2, 1]
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert {r[1] for r in rig.observer.rows} == {NOW + i * MINUTE for i in range(1, 6)}


def test_a_dead_device_delays_no_live_one_and_says_nothing_new(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    other = DevicePoint(id="torino/calvino/dead/temperature", brick_class="Temperature_Sensor", unit="Cel",
                        source={"address": 0})  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as silent:
        devices = [plant(silent.getsockname()[1], "dead", own=[other]), plant(server.port)]
        with Rig(tmp_path, broker, devices) as rig:
            rig.poll(0)
            began = time.monotonic()
            for _ in range(20):
                rig.poll()
            assert time.monotonic() - began < 4.0
            rig.until(lambda: len(rig.observer.rows) == 42)
            assert {r[0] for r in rig.observer.rows} == {TEMPERATURE, SETPOINT}
            assert len({r[1] for r in rig.observer.rows}) == 21
            rig.until(lambda: any("'dead'" in a for a in rig.observer.states[-1].alarms))


def test_a_device_that_comes_back_gets_what_is_in_force(tmp_path: Path, broker: Mosquitto) -> None:
    port = free_port()
    with Rig(tmp_path, broker, [plant(port)]) as rig:
        rig.poll(0)
        rig.observer.send(ask("a", 21.5))
        rig.until(rig.gateway._arrays.open_commands)
        assert rig.observer.results == []
        with ModbusServer({0: 150}, {0: 195}, port=port) as server:
            rig.poll(6)
            rig.until(lambda: rig.observer.results)
            assert server.holding(0) == [215]
            assert rig.observer.ends() == {"a": Outcome.APPLIED}
            rig.until(lambda: not rig.observer.states[-1].alarms)


def test_a_hand_at_the_device_is_contested_three_times_and_said(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    with Rig(tmp_path, broker, [plant(server.port)]) as rig:
        rig.observer.send(ask("a", 21.5, minutes=600))
        rig.until(lambda: rig.observer.results)
        before = len(server.writes)
        for _ in range(10):
            server.put_holding(0, [150])
            rig.poll()
        assert len(server.writes) - before == 3
        assert server.holding(0) == [150]
        rig.until(lambda: any("left as it is" in alarm for alarm in rig.observer.states[-1].alarms))
        rig.observer.send(ask("b", 20.0, at=rig.clock.now_ms()))
        rig.until(lambda: len(rig.observer.results) == 2)
        assert rig.observer.ends() == {"a": Outcome.APPLIED, "b": Outcome.FAILED}
        assert server.holding(0) == [150]
        rig.observer.send(ask("person", 23.0, Slot.PERSON, at=rig.clock.now_ms()))
        rig.until(lambda: len(rig.observer.results) == 3)
        assert server.holding(0) == [230]
        rig.poll()
        rig.until(lambda: not rig.observer.states[-1].alarms)


@pytest.mark.parametrize("slot", [3, 5, 7, 9, 15])
def test_whoever_may_publish_gains_no_slot_above_a_person(
    tmp_path: Path, mosquitto: Mosquitto, server: ModbusServer, slot: int
) -> None:
    with Rig(tmp_path, mosquitto, [plant(server.port)]) as rig:
        rig.observer.send(ask("person", 23.0, Slot.PERSON), ask("intruder", 5.0, slot))
        rig.until(lambda: len(rig.observer.results) == 2)
        assert rig.observer.ends() == {"person": Outcome.APPLIED, "intruder": Outcome.REJECTED}
        assert server.holding(0) == [230]


def test_an_override_outlives_the_gateway_and_is_above_control(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    with Rig(tmp_path, broker, [plant(server.port, own=points(schedule=Schedule(17.0)))]) as rig:
        rig.observer.send(ask("person", 23.0, Slot.PERSON))
        rig.until(lambda: rig.observer.results)
        rig.restart()
        rig.observer.send(ask("control", 16.0, minutes=600))
        rig.until(lambda: len(rig.observer.results) == 2)
        rig.poll()
        assert server.holding(0) == [230]
        rig.poll(60)
        assert server.holding(0) == [160]
        rig.poll(600)
        assert server.holding(0) == [170]


def test_commands_wait_at_the_broker_while_the_gateway_is_away(
    tmp_path: Path, broker: Mosquitto, server: ModbusServer
) -> None:
    with Rig(tmp_path, broker, [plant(server.port)]) as rig:
        rig.gateway.pump(0.1)
        rig.gateway.close()
        rig.observer.send(ask("a", 21.0), ask("a", 21.0))
        rig.observer.client.pump(0.1)
        rig.start()
        rig.until(lambda: len(rig.observer.results) >= 1)
        assert rig.observer.ends() == {"a": Outcome.APPLIED}
        assert server.writes == [6]


def test_a_read_only_gateway_puts_no_write_on_the_wire(tmp_path: Path, broker: Mosquitto, server: ModbusServer) -> None:
    with Rig(tmp_path, broker, [plant(server.port)], read_only=True) as rig:
        rig.poll(0)
        rig.observer.send(ask("a", 21.0), ask("b", None, Slot.PERSON))
        rig.until(lambda: len(rig.observer.results) == 2)
        rig.poll(90)
        assert rig.observer.ends() == {"a": Outcome.REJECTED, "b": Outcome.REJECTED}
        assert {r.reason for r in rig.observer.results} == {"this gateway is read-only"}
        assert server.seen
        assert server.writes == []
        assert rig.observer.states[-1].read_only


def test_a_device_that_is_mute_to_writes_ends_the_command_and_keeps_reading(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        device.clock = rig.clock
        rig.poll(0)
        device.mute = True
        rig.observer.send(ask("a", 21.0))
        rig.until(rig.gateway._arrays.open_commands)
        for _ in range(8):
            rig.poll()
        rig.until(lambda: rig.observer.results)
        assert rig.observer.ends() == {"a": Outcome.FAILED}
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert len({r[1] for r in rig.observer.rows}) >= 8


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b'{"id":"x"}', encode(ask("a", 21.0)).replace(b"12", b"2", 1)])
def test_what_cannot_be_read_is_counted_and_changes_nothing(
    tmp_path: Path, mosquitto: Mosquitto, payload: bytes
) -> None:
    clock = SimulatedClock(NOW)
    device = MemoryDevice(clock, {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        for channel in (Channel.COMMANDS, Channel.STORED):
            rig.observer.client.publish(topic(SITE, NAME, channel), payload)
        rig.until(lambda: rig.observer.states and any("could not be read" in a for a in rig.observer.states[-1].alarms))
        assert rig.observer.results == []
        assert device.writes == []


@pytest.mark.parametrize("times", [(NOW, 10**30), (-(10**30), NOW + MINUTE), (NOW, 4_102_444_800_001)])
def test_a_command_with_an_impossible_time_does_not_stop_the_gateway(
    tmp_path: Path, mosquitto: Mosquitto, times: tuple[int, int]
) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        rig.observer.send(Command("never", SETPOINT, Slot.PERSON, 21.0, "somebody", "because", *times), ask("a", 20.0))
        rig.until(lambda: rig.observer.results)
        assert rig.observer.ends() == {"a": Outcome.APPLIED}


def test_a_retained_command_is_not_obeyed(tmp_path: Path, broker: Mosquitto) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    observer = Observer(broker)
    observer.client.publish(topic(SITE, NAME, Channel.COMMANDS), encode(ask("a", 21.0)), retain=True)
    observer.client.pump(0.2)
    observer.client.close()
    with Rig(tmp_path, broker, [plant(1)], drivers={"plant": device}) as rig:
        rig.observer.send(ask("b", 22.0))
        rig.until(lambda: rig.observer.results)
        assert list(rig.observer.ends()) == ["b"]
        assert device.writes == [(SETPOINT, 22.0)]


def test_a_full_disk_holds_readings_in_memory_and_loses_none(tmp_path: Path, mosquitto: Mosquitto) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        device.clock = rig.clock
        rig.poll(0)
        database = rig.gateway._spool._db
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            rig.poll()
        rig.until(lambda: any("disk" in a for a in rig.gateway._alarms()) or rig.gateway._spool.dropped)
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()
        dropped = rig.gateway._spool.dropped
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        times = {r[1] for r in rig.observer.rows}
        assert len(times) + dropped >= 202


def test_a_full_disk_stops_neither_reading_nor_driving(tmp_path: Path, mosquitto: Mosquitto) -> None:
    device = MemoryDevice(SimulatedClock(NOW), {TEMPERATURE: 19.0, SETPOINT: 18.0})
    with Rig(tmp_path, mosquitto, [plant(1)], drivers={"plant": device}) as rig:
        device.clock = rig.clock
        rig.poll(0)
        database = rig.gateway._arrays._db
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        database.execute(f"PRAGMA max_page_count = {pages}")
        while not rig.gateway._disk:
            rig.observer.send(*(ask(f"c{n}-{rig.clock.now_ms()}", 20.0, at=rig.clock.now_ms()) for n in range(20)))
            rig.observer.client.pump(0.02)
            rig.gateway.pump(0.02)
            device.values[SETPOINT] = 15.0
            rig.poll()
            assert device.values[SETPOINT] != 15.0
        before = len(rig.observer.rows)
        rig.poll()
        rig.until(lambda: len(rig.observer.rows) > before)
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()


@pytest.fixture
def archive(tmp_path: Path) -> Device:
    lines = ["time_utc,value", *(f"{NOW - 12_000_000 + i * 1000},{i}" for i in range(12_001))]
    (tmp_path / "year.csv").write_text("\n".join(lines))
    meter = DevicePoint(id="torino/calvino/meter", brick_class="Electrical_Power_Sensor", unit="kW")
    options = {"path": str(tmp_path / "year.csv"), "max_rows": 700}
    return Device(name="archive", driver="replay", points=[meter], options=options, poll_every_s=60)


def test_a_replay_that_is_behind_catches_up_in_one_poll(tmp_path: Path, mosquitto: Mosquitto, archive: Device) -> None:
    with Rig(tmp_path, mosquitto, [archive]) as rig:
        rig.poll(0)
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert sorted(r[2] for r in rig.observer.rows) == list(range(12_001))
        assert len(set(rig.observer.rows)) == 12_001


def test_what_a_full_disk_cannot_keep_is_held_until_it_can(
    tmp_path: Path, mosquitto: Mosquitto, archive: Device
) -> None:
    with Rig(tmp_path, mosquitto, [archive]) as rig:
        database = rig.gateway._spool._db
        database.execute("PRAGMA max_page_count = 5")
        rig.poll(0)
        assert rig.gateway.spooled_batches == 0
        rig.until(lambda: any(a.startswith("disk: ") for a in rig.observer.states[-1].alarms))
        database.execute("PRAGMA max_page_count = 100000")
        rig.poll()
        rig.until(lambda: rig.gateway.spooled_batches == 0 and rig.observer.rows)
        assert len(set(rig.observer.rows)) == 12_001
        rig.until(lambda: not rig.observer.states[-1].alarms)


def test_a_spool_that_breaks_while_running_is_replaced(
    tmp_path: Path, mosquitto: Mosquitto, archive: Device, server: ModbusServer
) -> None:
    with Rig(tmp_path, mosquitto, [archive, plant(server.port)], resend_after_s=0.5) as rig:
        rig.observer.confirming = False
        rig.poll(0)
        rig.gateway._spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rig.gateway._spool._db.execute("PRAGMA shrink_memory")
        with (tmp_path / "spool.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * ((tmp_path / "spool.db").stat().st_size - 4096))
        rig.poll()
        rig.until(lambda: any("set aside" in a for a in rig.observer.states[-1].alarms))
        rig.observer.confirming = True
        rig.poll()
        rig.until(lambda: rig.gateway.spooled_batches == 0)
        assert max(r[1] for r in rig.observer.rows) == NOW + 2 * MINUTE
        assert list(tmp_path.glob("spool.db.corrupt-*"))


@pytest.mark.parametrize(
    "devices",
    [
        [plant(1), plant(1)],
        [plant(1), plant(1, "other")],
        [Device(name="x", driver="knx")],
        [Device(name="x", driver="modbus", options={"hots": "10.0.0.1"})],
    ],
)
def test_a_wrong_device_is_a_configuration_error(tmp_path: Path, devices: list[Device]) -> None:
    settings = GatewaySettings(
        id=NAME, site=SITE, spool=str(tmp_path / "s"), state=str(tmp_path / "t"), devices=devices
    )

    def connect(*_: object) -> Any:
        raise AssertionError

    with pytest.raises(ConfigError):
        Gateway(settings, Calendar("UTC"), SimulatedClock(NOW), connect)
