"""Commands from arrival to their one end: the device stands where the array's winner says, restarts or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import Calendar
from core.clock import SimulatedClock, to_ms
from core.commands import Command, Outcome, Result
from core.config.models import DevicePoint, FrostProtection
from core.errors import ConfigError
from core.points import Limits, Plausible
from core.priority import Slot
from core.readings import Quality, Reading
from core.schedule import Block, Schedule
from gateway.actuator import Actuator
from gateway.arrays import Arrays
from gateway.order import drive
from tests.gateway.field import MemoryDevice

NOW = to_ms(datetime(2024, 1, 15, 10, tzinfo=UTC))
MINUTE = 60_000
HOUR = 60 * MINUTE
ZONE = "torino/calvino/hall"
SETPOINT = f"{ZONE}/heating-setpoint"
SENSOR = f"{ZONE}/temperature"
ROME = Calendar("Europe/Rome")


class Site:
    """An actuator with one device, turned as the gateway turns it."""

    def __init__(self, folder: Path, *, now_ms: int = NOW, limits: Limits | None = None, **options: Any) -> None:
        self.folder = folder
        self.clock = SimulatedClock(now_ms)
        self.limits = limits or Limits(5, 26, 18)
        self.schedule: Schedule | None = options.pop("schedule", None)
        self.sensor: bool = options.pop("sensor", False)
        self.plausible: Plausible | None = options.pop("plausible", None)
        self.options = options
        self.device = MemoryDevice(self.clock, {SETPOINT: 15.0, SENSOR: 19.0}, resolution=0.5)
        self.results: list[Result] = []
        self.start()

    def start(self) -> None:
        points = [
            DevicePoint(
                id=SETPOINT,
                brick_class="Zone_Air_Heating_Temperature_Setpoint",
                unit="Cel",
                limits=self.limits,
                schedule=self.schedule,
            )
        ]
        if self.sensor or self.options.get("frost"):
            points.append(
                DevicePoint(id=SENSOR, brick_class="Zone_Air_Temperature_Sensor", unit="Cel", plausible=self.plausible)
            )
        self.arrays = Arrays(self.folder / "state.db", self.clock.now_ms())
        self.actuator = Actuator(
            points, self.arrays, ROME, self.device.tolerance, now_ms=self.clock.now_ms(), **self.options
        )

    def restart(self) -> None:
        self.arrays.close()
        self.start()

    def set_clock(self, now_ms: int) -> None:
        self.clock = self.device.clock = SimulatedClock(now_ms)

    def alarms(self) -> list[str]:
        return self.actuator.alarms(self.clock.now_ms())

    def turn_back(self, times: int, value: float = 15.0) -> int:
        """Turn the device's own knob to `value` before each of so many polls; returns how often it was written."""
        before = len(self.device.writes)
        for _ in range(times):
            self.device.values[SETPOINT] = value
            self.poll(1)
        return len(self.device.writes) - before

    def receive(self, command: Command) -> None:
        self.actuator.receive(command, self.clock.now_ms())

    def poll(self, minutes: float = 0) -> None:
        self.clock.advance(round(minutes * MINUTE))
        now_ms = self.clock.now_ms()
        fresh: float | None = None
        if not self.device.silent:
            fresh = self.device.values[SETPOINT]
            if self.sensor or self.options.get("frost"):
                self.actuator.observe([Reading(SENSOR, now_ms, self.device.values[SENSOR])])
        self.actuator.review(now_ms)
        for _ in range(3):
            order = None if self.device.silent else self.actuator.order(SETPOINT, fresh, now_ms)
            if order is None:
                break
            fresh = None
            self.actuator.done(drive(self.device, order), now_ms)
        ended = self.arrays.unsent()
        self.results += ended
        self.arrays.sent(r.command_id for r in ended)

    def ends(self) -> dict[str, Outcome]:
        return {r.command_id: r.outcome for r in self.results}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.arrays.close()


def ask(
    name: str, value: float | None, slot: int = 12, *, at: int = NOW, minutes: float = 60, issued_ms: int | None = None
) -> Command:
    issued = at if issued_ms is None else issued_ms
    return Command(name, SETPOINT, slot, value, "somebody", "because", issued, round(at + minutes * MINUTE))


def test_a_winning_command_is_written_and_read_back(site: Site) -> None:
    site.receive(ask("a", 21.0))
    site.poll()
    assert site.device.values[SETPOINT] == 21.0
    assert site.results == [Result("a", SETPOINT, Outcome.APPLIED, NOW, read_back=21.0)]


def test_a_command_under_a_stronger_one_is_applied_without_a_write(site: Site) -> None:
    site.receive(ask("person", 22.0, Slot.PERSON))
    site.receive(ask("control", 16.0))
    site.poll()
    assert site.device.values[SETPOINT] == 22.0
    assert {r.command_id: (r.outcome, r.read_back) for r in site.results} == {
        "person": (Outcome.APPLIED, 22.0),
        "control": (Outcome.APPLIED, None),
    }


def test_relinquishing_falls_to_the_next(site: Site) -> None:
    site.receive(ask("control", 16.0))
    site.receive(ask("person", 22.0, Slot.PERSON))
    site.poll()
    site.receive(ask("release", None, Slot.PERSON, at=NOW + 1))
    site.poll(1)
    assert site.device.values[SETPOINT] == 16.0
    assert site.ends()["release"] is Outcome.APPLIED


def test_without_anybody_the_safe_value_stands(site: Site) -> None:
    site.poll()
    assert site.device.values[SETPOINT] == 18.0


def test_a_newer_command_supersedes_one_that_could_not_act(site: Site) -> None:
    site.device.silent = True
    site.receive(ask("old", 20.0))
    site.receive(ask("new", 21.0, at=NOW + 1))
    site.poll()
    site.device.silent = False
    site.poll(1)
    assert site.ends() == {"old": Outcome.SUPERSEDED, "new": Outcome.APPLIED}


def test_a_command_that_arrives_after_a_newer_one_is_superseded(site: Site) -> None:
    site.receive(ask("release", None, Slot.PERSON, at=NOW + 10))
    site.receive(ask("late", 24.0, Slot.PERSON))
    site.poll()
    assert site.ends() == {"release": Outcome.APPLIED, "late": Outcome.SUPERSEDED}
    assert site.device.values[SETPOINT] == 18.0


def test_a_person_can_let_go_of_what_was_asked_while_the_clock_was_ahead(site: Site) -> None:
    site.receive(ask("ahead", 24.0, Slot.PERSON, issued_ms=NOW + 24 * HOUR, minutes=26 * 60))
    site.poll()
    site.receive(ask("release", None, Slot.PERSON))
    site.receive(ask("earlier", 22.0, Slot.PERSON, issued_ms=NOW - 1))
    site.poll()
    assert site.ends() == {"ahead": Outcome.APPLIED, "release": Outcome.APPLIED, "earlier": Outcome.SUPERSEDED}
    assert site.device.values[SETPOINT] == 18.0


def test_a_read_back_that_is_no_number_fails_the_command(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    write = site.device.write

    def write_and_break(point: str, value: float) -> None:
        write(point, value)
        site.device.values[point] = float("nan")

    monkeypatch.setattr(site.device, "write", write_and_break)
    site.receive(ask("a", 21.0))
    site.poll()
    assert site.ends() == {"a": Outcome.FAILED}
    assert "cannot be read back" in site.results[0].reason


def test_a_command_for_a_dead_device_expires(site: Site) -> None:
    site.device.silent = True
    site.receive(ask("a", 21.0, minutes=30))
    site.poll(29)
    assert site.results == []
    site.poll(1)
    assert site.ends() == {"a": Outcome.EXPIRED}
    site.device.silent = False
    site.poll(1)
    assert site.device.values[SETPOINT] == 18.0


def test_the_winner_is_written_again_when_the_device_is_back(site: Site) -> None:
    site.receive(ask("a", 21.0))
    site.poll()
    site.device.silent = True
    site.poll(1)
    site.device.silent, site.device.values[SETPOINT] = False, 15.0
    site.poll(1)
    assert site.device.values[SETPOINT] == 21.0


def test_a_device_that_keeps_going_back_is_an_alarm(site: Site) -> None:
    site.receive(ask("a", 21.0))
    site.poll()
    for _ in range(3):
        assert site.actuator.alarms(site.clock.now_ms()) == []
        site.device.values[SETPOINT] = 15.0
        site.poll(1)
        assert site.device.values[SETPOINT] == 21.0
    assert site.actuator.alarms(site.clock.now_ms()) == [f"{SETPOINT}: the device goes back from what is written to it"]
    site.poll(1)
    assert site.actuator.alarms(site.clock.now_ms()) == []


@pytest.mark.parametrize("how", ["refuses", "deaf"])
def test_what_the_device_does_not_take_fails_and_never_acts_later(site: Site, how: str) -> None:
    site.poll()
    site.device.refuses = {SETPOINT} if how == "refuses" else set()
    site.device.deaf = how == "deaf"
    site.receive(ask("a", 21.0))
    site.poll()
    assert site.ends() == {"a": Outcome.FAILED}
    assert site.results[0].reason
    site.device.refuses, site.device.deaf = set(), False
    site.poll(1)
    assert site.device.values[SETPOINT] == 18.0


def test_a_device_that_answers_reads_and_no_writes_fails_the_command(site: Site) -> None:
    site.poll()
    site.receive(ask("a", 21.0))
    for _ in range(3):
        order = site.actuator.order(SETPOINT, site.device.values[SETPOINT], NOW)
        assert order is not None
        site.actuator.unanswered(SETPOINT, NOW)
    site.poll(1)
    assert site.ends() == {"a": Outcome.FAILED}
    assert site.device.values[SETPOINT] == 18.0


def test_commands_are_forgotten_a_week_after_they_cannot_come_again(site: Site) -> None:
    site.receive(ask("a", 21.0))
    site.receive(ask("unsent", 99.0))
    site.poll()
    for day in range(9):
        assert site.arrays.knows("a") is (day <= 7)
        site.poll(24 * 60 + 1)


def test_a_redelivered_command_acts_once_and_has_its_result_sent_again(site: Site) -> None:
    command = ask("a", 21.0)
    site.receive(command)
    site.poll()
    site.receive(ask("release", None, at=NOW + 1))
    site.poll()
    site.receive(command)
    site.poll()
    assert site.device.values[SETPOINT] == 18.0
    assert [r.outcome for r in site.results if r.command_id == "a"] == [Outcome.APPLIED] * 2
    assert len({r for r in site.results if r.command_id == "a"}) == 1


def test_an_override_at_slot_8_survives_a_restart(site: Site) -> None:
    site.receive(ask("person", 23.0, Slot.PERSON))
    site.poll()
    site.restart()
    site.device.values[SETPOINT] = 15.0
    site.receive(ask("control", 16.0))
    site.poll(1)
    assert site.device.values[SETPOINT] == 23.0
    site.poll(60)
    assert site.device.values[SETPOINT] == 18.0


def test_a_command_in_the_middle_of_a_restart_ends_once(site: Site) -> None:
    site.device.silent = True
    command = ask("a", 21.0)
    site.receive(command)
    site.restart()
    site.receive(command)
    site.device.silent = False
    site.poll(1)
    assert site.ends() == {"a": Outcome.APPLIED}
    assert site.device.writes == [(SETPOINT, 21.0)]


def test_unsent_results_survive_a_restart(site: Site) -> None:
    site.receive(ask("a", 99.0))
    site.restart()
    assert [(r.command_id, r.outcome) for r in site.arrays.unsent()] == [("a", Outcome.REJECTED)]


def test_a_corrupt_state_falls_back_to_the_schedule(site: Site) -> None:
    site.receive(ask("person", 23.0, Slot.PERSON))
    site.poll()
    site.arrays.close()
    (site.folder / "state.db").write_bytes(b"\xff" * 9000)
    site.start()
    site.poll(1)
    assert site.arrays.set_aside is not None
    assert site.device.values[SETPOINT] == 18.0


def test_a_second_gateway_with_the_same_files_does_not_start(site: Site) -> None:
    with pytest.raises(ConfigError, match="another gateway is using it"):
        Arrays(site.folder / "state.db", NOW)


def test_narrower_limits_after_a_restart_drop_what_they_exclude(site: Site) -> None:
    site.receive(ask("person", 25.0, Slot.PERSON))
    site.poll()
    site.limits = Limits(5, 22, 18)
    site.restart()
    site.poll(1)
    assert site.device.values[SETPOINT] == 18.0


def test_large_steps_are_walked_and_changes_keep_their_distance(tmp_path: Path) -> None:
    site = Site(tmp_path, limits=Limits(5, 26, 18, max_step=2.0, min_interval_s=300))
    site.device.values[SETPOINT] = 18.0
    site.poll()
    site.receive(ask("a", 23.0))
    seen = []
    for _ in range(16):
        site.poll(1)
        seen.append(site.device.values[SETPOINT])
    assert seen == [20.0] * 5 + [22.0] * 5 + [23.0] * 6
    assert site.results == [Result("a", SETPOINT, Outcome.APPLIED, NOW + 11 * MINUTE, read_back=23.0)]
    site.arrays.close()


def test_time_between_changes_survives_a_restart(tmp_path: Path) -> None:
    site = Site(tmp_path, limits=Limits(5, 26, 18, min_interval_s=300))
    site.receive(ask("a", 21.0))
    site.poll()
    site.restart()
    site.receive(ask("b", 22.0, at=NOW + 1))
    site.poll(4)
    assert (site.device.values[SETPOINT], site.ends()) == (21.0, {"a": Outcome.APPLIED})
    site.poll(1)
    assert (site.device.values[SETPOINT], site.ends()["b"]) == (22.0, Outcome.APPLIED)
    site.arrays.close()


WORKING_DAY = Schedule(16.0, [Block(["mon", "tue", "wed", "thu", "fri", "sun"], "02:30", "21:00", 20.0)])


@pytest.mark.parametrize(
    ("day", "hours_of_20"),
    [
        (datetime(2024, 3, 31, tzinfo=UTC), 18.0),  # 02:30 does not exist: the block begins with the hour after it
        (datetime(2024, 10, 27, tzinfo=UTC), 19.5),  # 02:30 comes twice: the first counts, and 02:00-02:30 is twice
        (datetime(2024, 1, 14, tzinfo=UTC), 18.5),
    ],
)
def test_an_expired_entry_falls_to_the_schedule_across_the_clock_change(
    tmp_path: Path, day: datetime, hours_of_20: float
) -> None:
    start, end = ROME.day_bounds(day.date())
    site = Site(tmp_path, now_ms=start - HOUR, schedule=WORKING_DAY)
    site.receive(ask("control", 24.0, at=start - HOUR, minutes=61))
    half_hours: Counter[float] = Counter()
    site.poll()
    assert site.device.values[SETPOINT] == 24.0
    while site.clock.now_ms() < end - 30 * MINUTE:
        site.poll(30)
        if site.clock.now_ms() >= start + 30 * MINUTE:
            half_hours[site.device.values[SETPOINT]] += 1
            assert site.device.values[SETPOINT] == WORKING_DAY.value_at(site.clock.now_ms(), ROME)
    assert half_hours[20.0] / 2 == pytest.approx(hours_of_20, abs=0.5)
    site.arrays.close()


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
