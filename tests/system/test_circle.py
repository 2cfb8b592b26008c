"""The whole circle: Modbus device, gateway, MQTT, ingest, store, predict, control and back, in lock-step time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

import pytest

from cli.demo import scenario
from control import consent
from core.priority import Slot
from predict.fit import fit_building
from simulators import calvino
from stores.registry import CommandRecord, CommandState
from tests.servers.mosquitto import Mosquitto
from tests.system.library import LibraryCircle

pytestmark = pytest.mark.system

MONDAY = date(2025, 1, 13)
HALL = f"{scenario.LIBRARY}/hall/heating-setpoint"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def library(tmp_path: Path, broker: Mosquitto) -> Iterator[LibraryCircle]:
    with LibraryCircle(tmp_path, broker, MONDAY) as library:
        yield library


def setpoint(library: LibraryCircle) -> float:
    """What the device itself holds, read behind everybody's back."""
    return library.building.read("hall/heating-setpoint")


def override(library: LibraryCircle, value: float | None, hours: float, slot: Slot = Slot.PERSON) -> CommandRecord:
    return library.ask(HALL, value, hours, slot)


def test_nine_days_of_the_whole_circle(library: LibraryCircle) -> None:
    twin = calvino.build(library.start_ms, seed=1)
    library.until(date(2025, 1, 18))
    outcomes = fit_building(library.store, library.registry, scenario.LIBRARY, library.clock.now_ms())
    assert all(outcome.record is not None for outcome in outcomes)
    library.begin_control()
    library.until(date(2025, 1, 22))
    twin.step(library.clock.now_ms())

    assert library.stored == library.measured > 9 * 96 * 20
    assert library.registry.count_dead_letters() == 0
    assert library.circle.ingest.counters().readings == library.measured

    records = library.registry.commands(limit=100_000)
    assert len(records) > 100
    still_open = [record for record in records if record.state.is_open]
    assert still_open == []
    for record in records:
        ends = [e for e in library.registry.command_events(record.command.id) if e.counted and not e.state.is_open]
        assert len(ends) == 1
        assert record.command.why
    assert {record.state for record in records} <= {CommandState.APPLIED, CommandState.SUPERSEDED}

    # The set-points have moved the building: it is another one than its twin that nobody controlled.
    assert abs(library.building.read("gas") - twin.read("gas")) > 50


def test_a_persons_override_beats_control_and_survives_a_restart_of_the_gateway(library: LibraryCircle) -> None:
    library.begin_control()
    library.until(MONDAY, time(10, 0))
    assert setpoint(library) != 24.0

    override(library, 24.0, hours=6)
    assert setpoint(library) == 24.0
    library.until(MONDAY, time(12, 0))
    assert setpoint(library) == 24.0

    library.restart_gateway()
    library.until(MONDAY, time(15, 45))
    assert setpoint(library) == 24.0
    library.until(MONDAY, time(16, 15))
    assert setpoint(library) != 24.0


def test_a_released_override_gives_way_at_once(library: LibraryCircle) -> None:
    library.until(MONDAY, time(10, 0))
    schedule = setpoint(library)
    override(library, 23.0, hours=6)
    assert setpoint(library) == 23.0
    override(library, None, hours=1)
    assert setpoint(library) == schedule


def test_without_control_the_gateway_falls_back_to_its_schedule(library: LibraryCircle) -> None:
    library.until(MONDAY, time(9, 0))
    schedule = setpoint(library)
    asked = override(library, 17.0, hours=1, slot=Slot.SUPERVISORY)
    assert asked.state is CommandState.APPLIED
    library.until(MONDAY, time(9, 45))
    assert setpoint(library) == 17.0
    library.until(MONDAY, time(10, 15))
    assert setpoint(library) == schedule


def test_supervisory_control_that_dies_is_outlived_by_nothing(library: LibraryCircle) -> None:
    library.begin_control()
    library.until(MONDAY, time(3, 0))
    library.stop_control()
    library.until(MONDAY, time(8, 0))
    latest = library.registry.commands(point=HALL, limit=1)
    assert not latest or latest[0].command.expires_ms < library.clock.now_ms()
    assert setpoint(library) == library.scheduled(HALL)


def test_the_switch_gives_the_building_back_to_its_schedule_and_leaves_a_person_alone(library: LibraryCircle) -> None:
    library.begin_control()
    library.until(MONDAY, time(10, 0))
    childrens_room = "childrens-room/heating-setpoint"
    ours = {r.command.point for r in library.registry.commands() if r.command.value is not None}
    assert {HALL, f"{scenario.LIBRARY}/{childrens_room}"} <= ours
    override(library, 24.0, hours=6)
    now_ms = library.clock.now_ms()
    consent.stop(library.registry, scenario.LIBRARY, by="carla", why="smoke", now_ms=now_ms)
    library.until(MONDAY, time(10, 15))
    assert setpoint(library) == 24.0
    assert library.building.read(childrens_room) == library.scheduled(f"{scenario.LIBRARY}/{childrens_room}")
    sent = len(library.registry.commands(limit=10_000))
    library.until(MONDAY, time(12, 0))
    assert len(library.registry.commands(limit=10_000)) == sent
    assert setpoint(library) == 24.0
