"""The gateway as a whole, in lock-step over a real Mosquitto and a real Modbus server."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from core.clock import SimulatedClock
from core.codec import Status, encode
from core.commands import Command, Outcome, Result
from core.config.models import DevicePoint
from core.priority import Slot
from core.schedule import Schedule
from core.topics import Channel, topic
from tests.gateway.field import MemoryDevice
from tests.gateway.rig import MINUTE, NAME, NOW, SETPOINT, SITE, TEMPERATURE, Observer, Rig, ask, plant, points
from tests.servers.modbus import ModbusServer, free_port
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system


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
