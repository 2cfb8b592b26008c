"""Commands from arrival to their one end: the device stands where the array's winner says, restarts or not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.commands import Outcome, Result
from core.errors import ConfigError
from core.points import Limits
from core.priority import Slot
from gateway.arrays import Arrays
from tests.gateway.site import HOUR, MINUTE, NOW, ROME, SETPOINT, WORKING_DAY, Site, ask


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
