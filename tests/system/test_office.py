"""A building of EnergyPlus round the whole circle: Modbus, gateway, MQTT, ingest, store, control and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

import numpy as np
import pytest

from core.priority import Slot
from stores.registry import CommandState
from tests.servers.mosquitto import Mosquitto
from tests.system.office import BUILDING, COMFORT_C, GENEROUS_C, OUTDOOR_AIR, Air, OfficeCircle

pytestmark = pytest.mark.system

MONDAY, TUESDAY, WEDNESDAY = date(2023, 1, 9), date(2023, 1, 10), date(2023, 1, 11)
CORE = "core-zn/heating-setpoint"
DRAUGHTY = "psz-ac-2"
LESS_OUTDOOR_AIR = 0.15
OFF_STEP_K = 0.1
"""A zone may be so much colder than the comfort minimum at the end of one of EnergyPlus' time steps."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeCircle]:
    with Mosquitto(tmp_path / "broker") as broker, OfficeCircle(tmp_path, broker, MONDAY, WEDNESDAY) as office:
        yield office


def test_an_office_rests_at_night_and_is_warm_in_time(office: OfficeCircle) -> None:
    # Nobody controls: the local schedule heats and ventilates through the night.
    office.until(MONDAY, time(18))
    assert office.registry.commands() == []
    assert office.in_force() == [GENEROUS_C] * 5
    assert min(office.temperatures(MONDAY, time(1), time(5))) > GENEROUS_C - OFF_STEP_K

    office.begin_control()
    office.until(TUESDAY, time(10))
    assert max(office.temperatures(TUESDAY, time(1), time(2))) < 18.5
    assert min(office.temperatures(TUESDAY, time(8), time(10))) >= COMFORT_C - OFF_STEP_K
    assert max(office.in_force()) < GENEROUS_C

    # A person asks for two hours of more warmth here, and of less outdoor air there.
    asked = office.ask(f"{BUILDING}/{CORE}", 23.0, hours=2)
    assert (asked.state, office.controller.read(CORE)) == (CommandState.APPLIED, 23.0)
    asked = office.ask(f"{BUILDING}/{DRAUGHTY}/outdoor-air", LESS_OUTDOOR_AIR, hours=2)
    assert (asked.state, asked.read_back) == (CommandState.APPLIED, pytest.approx(LESS_OUTDOOR_AIR))
    office.until(TUESDAY, time(11, 45))
    assert office.building.read(CORE) == 23.0
    assert office.building.read("core-zn/temperature") > 22.5
    core = office.registry.commands(point=f"{BUILDING}/{CORE}", limit=1000)
    assert [r.command.slot for r in core if r.command.issued_ms >= asked.command.issued_ms] == [Slot.PERSON]
    office.until(TUESDAY, time(12, 30))
    assert office.building.read(CORE) < GENEROUS_C

    office.until(TUESDAY, time(20))
    assert min(office.temperatures(TUESDAY, time(8), time(18))) >= COMFORT_C - OFF_STEP_K
    assert max(office.in_force()) < 16.0

    # Nobody controls any more: within three intervals the local schedule is back.
    office.stop_control()
    office.until(TUESDAY, time(20, 45))
    assert [office.controller.read(name) for name in office.setpoints] == [GENEROUS_C] * 5
    office.until(TUESDAY, time(21))
    assert office.in_force() == [GENEROUS_C] * 5

    office.building.close()
    for system in office.feeds:
        assert_air_did_as_told(office, system)
    assert_stored_is_measured(office)
    assert_commands_ended_once(office)


def assert_air_did_as_told(office: OfficeCircle, system: str) -> None:
    """Told through Modbus, and done by the engine's own output."""
    told, moved = office.told[system], office.moved(system)
    _, *quarters = sorted(moved)  # the first was over when the gateway came
    assert [at for at in quarters if moved[at].fan != told[at].fan] == []
    runs = [at for at in quarters if told[at].fan]
    assert [moved[at].outdoor_air for at in runs] == pytest.approx([told[at].outdoor_air for at in runs], abs=0.01)

    def air(day: date, first: time, last: time) -> set[Air]:
        return {Air(moved[at].fan, round(moved[at].outdoor_air, 2)) for at in office.between(day, first, last)}

    rests, warms = Air(0.0, 0.0), Air(1.0, 0.0)
    own, asked = Air(1.0, OUTDOOR_AIR), Air(1.0, LESS_OUTDOOR_AIR)  # all of its people get all of its own air
    assert air(MONDAY, time(1), time(18)) == {own}
    assert air(MONDAY, time(18, 15), time(23, 45)) == air(TUESDAY, time(0), time(3)) == {rests}
    assert air(TUESDAY, time(7), time(8)) == {warms}  # for people who are not there yet
    assert air(TUESDAY, time(8), time(10)) == air(TUESDAY, time(12), time(18)) == {own}
    assert air(TUESDAY, time(10), time(12)) == {asked if system == DRAUGHTY else own}
    assert air(TUESDAY, time(18, 15), time(20, 45)) == {rests}
    assert air(TUESDAY, time(20, 45), time(21)) == {own}


def assert_stored_is_measured(office: OfficeCircle) -> None:
    """Every value that an instrument showed is stored, at its time, to the last digit of its register."""
    assert office.registry.count_dead_letters() == 0
    assert office.stored == office.measured
    times = sorted(office.seen)
    for name in office.building.names:
        stored = office.store.read(f"{BUILDING}/{name}", office.start_ms + 1, times[-1] + 1)
        assert stored.time_ms.tolist() == times, name
        shown = [office.seen[time_ms][name] for time_ms in times]
        np.testing.assert_allclose(stored.value, shown, rtol=1e-6, atol=0.00501, err_msg=name)


def assert_commands_ended_once(office: OfficeCircle) -> None:
    records = office.registry.commands(limit=10_000)
    assert len(records) > 50
    assert {record.state for record in records} <= {CommandState.APPLIED, CommandState.SUPERSEDED}
    for record in records:
        ends = [e for e in office.registry.command_events(record.command.id) if e.counted and not e.state.is_open]
        assert len(ends) == 1
        assert record.command.why
        if record.state is CommandState.APPLIED and record.command.value is not None and record.read_back is not None:
            assert record.read_back == pytest.approx(record.command.value, abs=0.00501)
