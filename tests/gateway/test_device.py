"""One device in its thread: when it is read, how long a dead one is left alone, what a broken driver does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from core.clock import SimulatedClock
from core.points import Limits
from gateway.device import FieldDevice, Finished, Unanswered, backoff_s
from gateway.driver import Harvest
from gateway.guard import Force
from gateway.order import Order
from tests.gateway.field import MemoryDevice

NOW = 1_700_000_000_500
POINT = "torino/calvino/hall/temperature"


@pytest.fixture
def field() -> MemoryDevice:
    return MemoryDevice(SimulatedClock(NOW), {POINT: 19.0})


@pytest.fixture
def device(field: MemoryDevice) -> Iterator[FieldDevice]:
    made = FieldDevice("plant", field, [POINT, "torino/calvino/hall/absent"], 60)
    yield made
    field.hold.set()
    made.close()


def finish(device: FieldDevice, now_ms: int) -> list[Finished]:
    wait(device.under_way, 5)
    return list(device.collect(now_ms))


def test_reads_at_once_and_then_on_multiples_of_its_interval(device: FieldDevice) -> None:
    device.read_if_due(NOW)
    (harvest,) = finish(device, NOW)
    assert isinstance(harvest, Harvest)
    assert [r.value for r in harvest.readings] == [19.0]
    assert device.errors == {"torino/calvino/hall/absent": "no sensor"}
    assert device.next_ms == NOW // 60_000 * 60_000 + 60_000
    device.read_if_due(NOW + 1)
    assert device.under_way == []


def test_one_read_at_a_time(device: FieldDevice, field: MemoryDevice) -> None:
    field.hold.clear()
    device.read_if_due(NOW)
    device.read_if_due(NOW + 120_000)
    assert len(device.under_way) == 1
    assert list(device.collect(NOW)) == []


def test_a_dead_device_is_left_alone_longer_each_time(device: FieldDevice, field: MemoryDevice) -> None:
    field.silent = True
    now_ms, waits = NOW, []
    for _ in range(12):
        device.read_if_due(now_ms)
        assert finish(device, now_ms) == []
        assert not device.alive
        waits.append((device.next_ms - now_ms) / 1000)
        now_ms = device.next_ms
    assert all(0.5 * 2**i <= s <= 2**i for i, s in enumerate(waits[:8]))
    assert all(150 <= s <= 300 for s in waits[9:])
    field.silent = False
    device.read_if_due(now_ms)
    assert len(finish(device, now_ms)) == 1
    assert (device.alive, device.trouble) == (True, "")


def test_devices_that_died_together_are_not_tried_together() -> None:
    assert len({backoff_s(f"device-{i}", 5) for i in range(50)}) == 50
    assert backoff_s("plant", 3) == backoff_s("plant", 3)


def test_a_broken_driver_is_its_devices_trouble(device: FieldDevice, field: MemoryDevice) -> None:
    field.values[POINT] = 1.0
    field.clock = None  # type: ignore[assignment] # a driver with a bug
    device.read_if_due(NOW)
    assert finish(device, NOW) == []
    assert "now_ms" in device.trouble


def test_a_clock_set_back_does_not_silence_a_device(device: FieldDevice) -> None:
    device.read_if_due(NOW)
    finish(device, NOW)
    device.read_if_due(NOW - 86_400_000)
    assert len(device.under_way) == 1


def test_what_was_read_before_the_end_is_still_there(device: FieldDevice) -> None:
    device.read_if_due(NOW)
    device.close()
    assert len(list(device.collect(NOW))) == 1


def test_orders_for_a_device_that_has_died_do_not_wait_for_it_one_by_one(
    device: FieldDevice, field: MemoryDevice
) -> None:
    field.hold.clear()
    for number in range(50):
        point = f"torino/calvino/z{number}/setpoint"
        device.drive(Order(point, Force(16, 20.0), Limits(5, 26, 18), None, NOW))
    field.silent = True
    field.hold.set()
    answers = []
    while device.under_way:
        answers += finish(device, NOW)
    assert sorted(answers) == sorted(Unanswered(f"torino/calvino/z{n}/setpoint") for n in range(50))
    assert not device.alive


def test_it_takes_no_order_before_it_is_known_to_answer(device: FieldDevice, field: MemoryDevice) -> None:
    assert device.takes(POINT)
    field.hold.clear()
    device.read_if_due(NOW)
    assert not device.takes(POINT)
    field.silent = True
    field.hold.set()
    finish(device, NOW)
    assert not device.takes(POINT)
