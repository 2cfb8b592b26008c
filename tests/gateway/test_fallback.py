"""What an actuator does by itself: silent sensors, frost, a hand at the device, clocks that jump."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import SimulatedClock
from core.commands import Command, Outcome
from core.config.models import FrostProtection
from core.errors import ConfigError
from core.points import Limits, Plausible
from core.priority import Slot
from core.readings import Quality, Reading
from core.schedule import Block, Schedule
from tests.gateway.site import HOUR, MINUTE, NOW, ROME, SENSOR, SETPOINT, WORKING_DAY, Site, ask


def test_a_silent_sensor_leaves_the_zone_to_its_schedule_but_not_persons(tmp_path: Path) -> None:
    site = Site(tmp_path, sensor=True, schedule=Schedule(17.0), stale_after_s=1800)
    site.receive(ask("control", 21.0, minutes=600))
    site.poll()
    assert site.device.values[SETPOINT] == 21.0
    site.actuator.observe([Reading(SENSOR, site.clock.now_ms() + 29 * MINUTE, 19.0, Quality.BAD_SENSOR)])
    site.sensor = False
    site.poll(31)
    assert site.device.values[SETPOINT] == 17.0
    assert "no temperature" in site.actuator.alarms(site.clock.now_ms())[0]
    site.receive(ask("again", 21.0, at=site.clock.now_ms()))
    site.receive(ask("person", 22.0, Slot.PERSON, at=site.clock.now_ms()))
    site.poll(1)
    assert site.device.values[SETPOINT] == 22.0
    assert (site.ends()["again"], site.ends()["person"]) == (Outcome.REJECTED, Outcome.APPLIED)
    site.sensor = True
    site.poll(1)
    site.receive(ask("third", 21.0, at=site.clock.now_ms()))
    site.poll()
    assert site.ends()["third"] is Outcome.APPLIED
    site.arrays.close()


@pytest.mark.parametrize("heard_before", [True, False])
def test_a_clock_set_back_does_not_hide_a_silent_sensor(tmp_path: Path, *, heard_before: bool) -> None:
    ahead = NOW + 24 * HOUR
    site = Site(tmp_path, now_ms=ahead, sensor=True, schedule=Schedule(17.0), stale_after_s=1800)
    if heard_before:
        site.actuator.observe([Reading(SENSOR, ahead, 19.0)])
    site.clock = site.device.clock = SimulatedClock(NOW)
    site.sensor = False
    site.poll()
    site.receive(ask("control", 21.0, minutes=600))
    site.poll(29)
    assert site.device.values[SETPOINT] == 21.0
    site.poll(2)
    assert site.device.values[SETPOINT] == 17.0
    assert "no temperature" in site.actuator.alarms(site.clock.now_ms())[0]
    site.arrays.close()


def test_frost_protection_holds_slot_2_until_it_is_warmer(tmp_path: Path) -> None:
    frost = FrostProtection(sensor=SENSOR, setpoint=SETPOINT, below=6, value=12)
    site = Site(tmp_path, frost=[frost], schedule=Schedule(5.0), stale_after_s=1800)
    site.poll()
    assert site.device.values[SETPOINT] == 5.0
    site.device.values[SENSOR] = 5.5
    site.receive(ask("person", 5.0, Slot.PERSON, minutes=600))
    site.poll(1)
    assert site.device.values[SETPOINT] == 12.0
    assert site.ends()["person"] is Outcome.APPLIED
    for _ in range(40):
        site.poll(5)
    assert site.device.values[SETPOINT] == 12.0
    site.device.values[SENSOR] = 7.2
    site.poll(1)
    assert site.device.values[SETPOINT] == 5.0
    site.arrays.close()


def test_frost_protection_ends_when_its_sensor_stays_silent(tmp_path: Path) -> None:
    frost = FrostProtection(sensor=SENSOR, setpoint=SETPOINT, below=6, value=12)
    site = Site(tmp_path, frost=[frost], schedule=Schedule(8.0), stale_after_s=1800)
    site.device.values[SENSOR] = 3.0
    site.poll()
    assert site.device.values[SETPOINT] == 12.0
    site.options["frost"] = []
    site.poll(29)
    assert site.device.values[SETPOINT] == 12.0
    site.poll(2)
    assert site.device.values[SETPOINT] == 8.0
    site.arrays.close()


def test_a_hand_at_the_device_has_its_way_after_three_rewrites(site: Site) -> None:
    site.receive(ask("a", 21.0, minutes=600))
    site.poll()
    assert site.turn_back(30) == 3
    assert site.device.values[SETPOINT] == 15.0
    (alarm,) = site.alarms()
    assert "is left as it is for an hour" in alarm
    # An hour later it is tried again, no more often than before.
    assert site.turn_back(60) == 3
    assert site.ends() == {"a": Outcome.APPLIED}
    # The hand has let go.
    site.device.values[SETPOINT] = 21.0
    site.poll(1)
    assert site.alarms() == []


@pytest.mark.parametrize("value", [21.0, 20.0])
def test_a_device_that_has_its_way_is_not_written_for_another_machine_command(site: Site, value: float) -> None:
    site.receive(ask("a", 21.0))
    site.poll()
    site.turn_back(5)
    site.receive(ask("b", value, at=site.clock.now_ms()))
    assert site.turn_back(1) == 0
    assert site.ends() == {"a": Outcome.APPLIED, "b": Outcome.FAILED}
    assert "goes back" in site.results[-1].reason


def test_a_person_who_asks_again_is_tried_again(site: Site) -> None:
    site.receive(ask("a", 21.0))
    site.poll()
    site.turn_back(5)
    site.receive(ask("b", 21.0, Slot.PERSON, at=site.clock.now_ms()))
    site.poll(1)
    assert site.device.values[SETPOINT] == 21.0
    assert site.ends()["b"] is Outcome.APPLIED
    assert site.turn_back(10) <= 3


def test_a_schedule_is_not_written_against_a_hand_for_ever(tmp_path: Path) -> None:
    site = Site(tmp_path, schedule=WORKING_DAY)
    site.poll()
    assert site.turn_back(20) == 3
    site.poll(12 * 60)
    assert site.device.values[SETPOINT] == 16.0
    site.arrays.close()


def test_frost_protection_never_gives_up(tmp_path: Path) -> None:
    frost = FrostProtection(sensor=SENSOR, setpoint=SETPOINT, below=6, value=12)
    site = Site(tmp_path, frost=[frost], schedule=Schedule(5.0))
    site.device.values[SENSOR] = 3.0
    site.poll()
    assert site.turn_back(30, 5.0) == 30
    assert site.device.values[SETPOINT] == 12.0
    assert any("goes back" in alarm for alarm in site.alarms())
    site.arrays.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_an_entry_does_not_outlive_its_life_when_the_clock_is_set_back(site: Site, *, restarted: bool) -> None:
    site.receive(ask("a", 21.0, minutes=45))
    site.poll(1)
    site.set_clock(NOW - 24 * HOUR)
    if restarted:
        site.restart()
    site.poll()
    site.poll(44)
    assert site.device.values[SETPOINT] == 21.0
    site.poll(2)
    assert site.device.values[SETPOINT] == 18.0


def test_a_command_from_a_clock_that_is_ahead_lasts_no_longer_than_it_was_meant_to(site: Site) -> None:
    ahead = NOW + 24 * HOUR
    site.receive(ask("a", 21.0, at=ahead, minutes=45))
    site.poll(44)
    assert site.device.values[SETPOINT] == 21.0
    site.poll(1)
    assert site.device.values[SETPOINT] == 18.0


def test_a_clock_that_jumps_ahead_leaves_the_schedule_until_it_is_right_again(site: Site) -> None:
    site.receive(ask("person", 23.0, Slot.PERSON, minutes=600))
    site.poll()
    site.set_clock(NOW + 400 * 24 * HOUR)
    site.receive(ask("late", 21.0))
    site.poll()
    assert (site.device.values[SETPOINT], site.ends()["late"]) == (18.0, Outcome.EXPIRED)
    site.set_clock(NOW + HOUR)
    site.receive(ask("again", 21.0, at=NOW + HOUR))
    site.poll()
    assert (site.device.values[SETPOINT], site.ends()["again"]) == (21.0, Outcome.APPLIED)


def test_frost_protection_of_a_silent_sensor_ends_though_the_clock_was_set_back(tmp_path: Path) -> None:
    frost = FrostProtection(sensor=SENSOR, setpoint=SETPOINT, below=6, value=12)
    site = Site(tmp_path, frost=[frost], schedule=Schedule(8.0), stale_after_s=1800)
    site.device.values[SENSOR] = 3.0
    site.poll()
    site.options["frost"] = []
    site.set_clock(NOW - 24 * HOUR)
    site.poll()
    site.poll(29)
    assert site.device.values[SETPOINT] == 12.0
    site.poll(2)
    assert site.device.values[SETPOINT] == 8.0
    site.arrays.close()


@pytest.mark.parametrize("back_ms", [10_000, 24 * HOUR])
def test_the_time_between_changes_is_kept_when_the_clock_is_set_back(tmp_path: Path, back_ms: int) -> None:
    site = Site(tmp_path, limits=Limits(5, 26, 18, min_interval_s=300))
    site.receive(ask("a", 21.0))
    site.poll()
    site.set_clock(NOW - back_ms)
    site.receive(ask("b", 22.0, Slot.PERSON, at=NOW - back_ms))
    site.poll()
    site.poll(4)
    assert site.device.values[SETPOINT] == 21.0
    site.poll(1)
    assert site.device.values[SETPOINT] == 22.0
    site.arrays.close()


@pytest.mark.parametrize("broken", [-127.0, 85.0])
def test_a_sensor_that_reads_nonsense_is_a_silent_one(tmp_path: Path, broken: float) -> None:
    frost = FrostProtection(sensor=SENSOR, setpoint=SETPOINT, below=6, value=12)
    site = Site(
        tmp_path,
        frost=[frost],
        schedule=Schedule(8.0),
        stale_after_s=1800,
        plausible=Plausible(minimum=-10, maximum=45),
    )
    site.receive(ask("control", 21.0, minutes=600))
    site.poll()
    site.device.values[SENSOR] = broken
    site.poll(29)
    assert site.device.values[SETPOINT] == 21.0
    site.poll(2)
    assert site.device.values[SETPOINT] == 8.0
    assert "no temperature" in site.alarms()[0]
    site.arrays.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": Schedule(30.0)}, "schedule: 30"),
        ({"schedule": Schedule(18.0, [Block(["mon"], "06:00", "07:00", 2.0)])}, "schedule: 2"),
        ({"frost": [FrostProtection(sensor=SENSOR, setpoint="torino/calvino/x/y")]}, "frost protection"),
        ({"frost": [FrostProtection(sensor=SENSOR, setpoint=SETPOINT, value=40)]}, "40"),
    ],
)
def test_what_the_guard_would_never_allow_is_a_configuration_error(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Site(tmp_path, **options)


def test_a_read_only_gateway_refuses_and_orders_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, read_only=True)
    site.receive(ask("a", 21.0))
    assert site.actuator.points == []
    assert [(r.outcome, r.reason) for r in site.arrays.unsent()] == [(Outcome.REJECTED, "this gateway is read-only")]
    site.arrays.close()


steps = st.one_of(
    st.tuples(
        st.just("ask"),
        st.sampled_from([8, 10, 12]),
        st.sampled_from([None, 4.0, 10.0, 18.0, 22.5, 26.0, 30.0]),
        st.integers(-5, 40),
    ),
    st.tuples(st.just("wait"), st.integers(0, 20), st.none(), st.none()),
    st.tuples(
        st.sampled_from(["restart", "silent", "back", "refuse", "accept", "repeat"]), st.none(), st.none(), st.none()
    ),
)


@given(plan=st.lists(steps, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_device_stands_at_the_winner_and_every_command_ends_once(
    tmp_path_factory: pytest.TempPathFactory, plan: list[Any]
) -> None:
    site = Site(tmp_path_factory.mktemp("site"), schedule=WORKING_DAY)
    sent: list[Command] = []
    for what, a, value, minutes in plan:
        now = site.clock.now_ms()
        if what == "ask":
            expires = max(now + minutes * MINUTE, now - HOUR + 1)
            sent.append(Command(f"c{len(sent)}", SETPOINT, a, value, "x", "y", now - HOUR, expires))
            site.receive(sent[-1])
        elif what == "repeat" and sent:
            site.receive(sent[len(sent) // 2])
        elif what == "restart":
            site.restart()
        elif what in ("silent", "back"):
            site.device.silent = what == "silent"
        elif what in ("refuse", "accept"):
            site.device.refuses = {SETPOINT} if what == "refuse" else set()
        site.poll(a if what == "wait" else 0)
        if not site.device.silent and not site.device.refuses:
            force = site.actuator.in_force(SETPOINT, site.clock.now_ms())
            assert site.device.values[SETPOINT] == force.value
    site.device.silent, site.device.refuses = False, set()
    site.poll()
    site.poll(60)
    assert site.arrays.open_commands() == {}
    assert site.device.values[SETPOINT] == WORKING_DAY.value_at(site.clock.now_ms(), ROME)
    ends: dict[str, set[Outcome]] = {}
    for result in site.results:
        ends.setdefault(result.command_id, set()).add(result.outcome)
    assert set(ends) == {c.id for c in sent}
    assert all(len(outcomes) == 1 for outcomes in ends.values())
    site.arrays.close()
