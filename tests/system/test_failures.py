"""What goes wrong between the sensor and the set-point, and what the building does then: never worse than by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from cli.demo import scenario
from core.config.models import Store
from core.points import Limits
from core.priority import Slot
from simulators import calvino
from stores.registry import CommandState
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.system.library import LibraryCircle
from tests.system.turning import STEP_MS

pytestmark = pytest.mark.system

MONDAY = date(2025, 1, 13)
HALL = f"{scenario.LIBRARY}/hall/heating-setpoint"
OFFICES = f"{scenario.LIBRARY}/offices/heating-setpoint"
SENSOR = f"{scenario.LIBRARY}/hall/temperature"
SETBACK_C = 15.0
"""What control asks for at night; the local schedule asks for more."""
DAY_MS = 86_400_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


Make = Callable[..., LibraryCircle]


@pytest.fixture
def make(tmp_path: Path, broker: Mosquitto) -> Iterator[Make]:
    made: list[LibraryCircle] = []

    def controlled(**options: Any) -> LibraryCircle:
        """The library at two on a Monday morning, set back by control."""
        library = LibraryCircle(tmp_path, broker, MONDAY, **options)
        made.append(library)
        library.begin_control()
        library.until(MONDAY, time(2))
        assert setpoint(library) == SETBACK_C < library.scheduled(HALL)
        return library

    yield controlled
    for library in made:
        library.__exit__()


def setpoint(library: LibraryCircle, point: str = HALL) -> float:
    """What the device itself holds, read behind everybody's back."""
    return library.building.read(point.removeprefix(f"{scenario.LIBRARY}/"))


def assert_controlled_again(library: LibraryCircle) -> None:
    """Within two decisions control has the building back, and nothing that was measured is missing."""
    library.until(MONDAY, time(6, 15))
    assert setpoint(library) == 20.5 > library.scheduled(HALL)  # it warms up for the opening
    assert library.stored == library.measured
    assert library.registry.count_dead_letters() == 0
    assert not library.registry.commands(open_only=True)


@pytest.mark.parametrize("how", ["implausible", "silent"])
def test_a_broken_sensor_leaves_its_zone_to_the_schedule_and_the_others_controlled(make: Make, how: str) -> None:
    point = next(p for p in calvino.device_points() if p.id == SENSOR)
    source = point.source | ({"invalid": [-32768]} if how == "silent" else {})
    library = make(changes={SENSOR: {"source": source}})
    library.instruments.shows["hall/temperature"] = math.nan
    library.until(MONDAY, time(3, 30))
    assert setpoint(library) == library.scheduled(HALL)
    assert setpoint(library, OFFICES) == SETBACK_C
    # A person is there and knows better.
    assert library.ask(HALL, 22.0, hours=1).state is CommandState.APPLIED
    assert setpoint(library) == 22.0
    del library.instruments.shows["hall/temperature"]
    library.until(MONDAY, time(5))
    assert_controlled_again(library)


def test_without_a_broker_the_local_schedule_stands_and_nothing_is_lost(make: Make, broker: Mosquitto) -> None:
    library = make()
    broker.kill9()
    library.apart_until(MONDAY, time(2, 5))
    assert setpoint(library) == SETBACK_C
    library.apart_until(MONDAY, time(4))
    assert setpoint(library) == library.scheduled(HALL)
    broker.start()
    library.wait(lambda: library.is_connected)
    assert_controlled_again(library)


def test_without_a_store_the_local_schedule_stands_and_nothing_is_lost(make: Make, tmp_path: Path) -> None:
    (tmp_path / "influx").mkdir()
    with InfluxServer(tmp_path / "influx") as influx:
        library = make(store=Store(kind="influxdb", influxdb=influx.database()))
        influx.kill()
        library.apart_until(MONDAY, time(4))
        assert setpoint(library) == library.scheduled(HALL)
        # A person needs no store.
        library.ask(HALL, 22.0, hours=1)
        assert setpoint(library) == 22.0
        library.apart_until(MONDAY, time(5, 15))
        influx.restart()
        assert_controlled_again(library)


@pytest.mark.parametrize("ahead_ms", [DAY_MS, -DAY_MS, 400 * DAY_MS], ids=["ahead", "behind", "far ahead"])
def test_a_gateway_whose_clock_jumps_falls_back_and_is_controlled_when_it_is_right_again(
    make: Make, ahead_ms: int
) -> None:
    library = make()
    library.gateway_clock.ahead_ms = ahead_ms
    library.apart_until(MONDAY, time(3))
    assert setpoint(library) == calvino.SETBACK_C
    library.apart_until(MONDAY, time(4))
    assert setpoint(library) == calvino.SETBACK_C
    library.gateway_clock.ahead_ms = 0
    assert_controlled_again(library)


def test_a_device_that_refuses_a_value_keeps_what_it_had(make: Make) -> None:
    # The gateway would allow more than the device does: who configured it did not know.
    library = make(changes={HALL: {"limits": Limits(minimum=5.0, maximum=35.0, safe_value=18.0)}})
    asked = library.ask(HALL, 32.0, hours=2)
    assert asked.state is CommandState.FAILED
    assert "illegal value" in asked.reason
    assert setpoint(library) == SETBACK_C
    library.until(MONDAY, time(4))
    assert setpoint(library) == SETBACK_C
    assert_controlled_again(library)


def test_a_hand_at_the_device_has_its_way_and_everybody_is_told(make: Make) -> None:
    library = make()
    times = []
    while library.clock.now_ms() < library.calendar.at(MONDAY, time(4, 30)):
        library.building.write("hall/heating-setpoint", 23.0)
        library.circle.advance(library.edge, library.clock.now_ms() + STEP_MS)
        times.append(setpoint(library))
    # Polled every quarter of an hour: three times written over, then an hour left alone.
    assert times[:3] == [SETBACK_C] * 3
    assert times[3:7] == [23.0] * 4
    (gateway,) = library.registry.gateways()
    assert any("goes back" in alarm for alarm in gateway.state.alarms)
    failed = [r for r in library.registry.commands(point=HALL, limit=100) if r.state is CommandState.FAILED]
    assert failed
    assert all("goes back" in record.reason for record in failed)
    assert setpoint(library, OFFICES) == SETBACK_C


def test_everybody_restarts_in_the_middle_of_an_override(make: Make) -> None:
    library = make()
    asked = library.ask(HALL, 22.0, hours=2)
    before = len(library.registry.commands(limit=1000))
    library.restart_gateway()
    library.restart_ingest()
    library.stop_control()
    library.begin_control()
    library.circle.settle()
    assert len(library.registry.commands(limit=1000)) == before, "something was sent twice"
    library.until(MONDAY, time(3, 45))
    assert setpoint(library) == 22.0
    assert setpoint(library, OFFICES) == SETBACK_C
    library.until(MONDAY, time(4, 15))
    assert setpoint(library) == SETBACK_C
    ours = [r for r in library.registry.commands(point=HALL, limit=100) if r.command.slot == Slot.SUPERVISORY]
    assert not [r for r in ours if asked.command.issued_ms < r.command.issued_ms < asked.command.expires_ms]
    assert_controlled_again(library)
