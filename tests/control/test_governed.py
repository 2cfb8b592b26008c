"""Who else has a say in a decision of the loop: policies on record, trials, corrections; all real but the building."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from control.policies import FROST_C
from control.view import Heating
from core.commands import Command
from core.policy import Permission, Policy, Rank, Window
from stores.registry import CommandState, Trial, TrialBlock, TrialPlan, TrialUnit, WorkItem, WorkState
from tests.control.test_loop import BUILDING, HALL, MINUTE, START, Rig, make_rig
from tests.control.views import COOLING, at

__all__ = ["make_rig"]

pytestmark = pytest.mark.system

QUARTER = 15 * MINUTE
MakeRig = Callable[..., Rig]


def rule(scope: str = BUILDING, rank: Rank = Rank.ORDINANCE, name: str = "o-7", **says: Any) -> Policy:
    return Policy(
        id=name, scope=scope, rank=rank, issued=date(2026, 1, 2), valid_from=date(2026, 1, 3), source="Ordinance 7",
        **says,
    )  # fmt: skip


def enter(rig: Rig, *policies: Policy) -> None:
    for policy in policies:
        rig.registry.put_policy(policy, by="carla", why="It came by post", now_ms=rig.clock.now_ms())


def decide(rig: Rig, at_ms: int = START, temperature: float | None = 20.5) -> None:
    """Let a decision be made at a time, and its commands be answered."""
    rig.clock.advance_to(at_ms)
    rig.measure(at_ms, temperature)
    rig.say_stored(at_ms)
    rig.run(until=lambda: BUILDING in rig.control.decisions and rig.control.decisions[BUILDING].view.now_ms == at_ms)
    rig.settle()


def asked(rig: Rig) -> list[float | None]:
    return [command.value for command in rig.gateway.commands]


@pytest.mark.parametrize(
    ("policy", "value", "named"),
    [
        (rule(heating_maximum_c=19.0), 19.0, True),
        (rule("torino", heating_maximum_c=19.0), 19.0, True),
        (rule(hours=[Window("10:15", "20:00")]), 16.0, True),
        (rule(hours=[Window("05:00", "20:00")]), 20.5, False),
        (rule(heating=Permission.FORBIDDEN), 5.0, True),
        (rule("torino/other", heating=Permission.FORBIDDEN), 20.5, False),
        (rule(rank=Rank.HOUSE, occupied_minimum_c=21.0), 21.0, True),
    ],
    ids=["cap", "cap of the site", "not yet", "at these hours", "forbidden", "another building's", "house rule"],
)
def test_a_policy_on_record_bounds_the_decision(
    *, make_rig: MakeRig, policy: Policy, value: float, named: bool
) -> None:
    rig = make_rig()
    enter(rig, policy)
    decide(rig)
    (command,) = rig.gateway.commands
    assert command.value == value
    assert ("record o-7" in command.why) is named
    forbidden = policy.heating is Permission.FORBIDDEN and policy.is_of(BUILDING)
    assert (rig.control.decisions[BUILDING].view.season.heating is Heating.FORBIDDEN) is forbidden


def test_heating_is_forbidden_even_where_nobody_sees_the_zone(make_rig: MakeRig) -> None:
    rig = make_rig()
    enter(rig, rule(heating=Permission.FORBIDDEN))
    decide(rig, temperature=None)
    (command,) = rig.gateway.commands
    assert command.value is not None
    assert command.value <= FROST_C


def test_a_policy_is_heard_from_the_next_decision_on_and_until_it_ends(make_rig: MakeRig) -> None:
    rig = make_rig()
    decide(rig)
    enter(rig, rule(heating_maximum_c=19.0))
    decide(rig, START + QUARTER)
    rig.registry.end_policy("o-7", date(2026, 1, 14), by="carla", why="withdrawn", now_ms=rig.clock.now_ms())
    decide(rig, START + 2 * QUARTER)
    assert asked(rig) == [20.5, 19.0, 20.5]


@pytest.mark.parametrize(
    ("heated_from", "most_h", "value"),
    [("06:00", 3.0, 16.0), ("06:00", 4.0, 16.0), ("06:00", 5.0, 20.5), (None, 9.0, 16.0), (None, 11.0, 20.5)],
    ids=["used up", "just used up", "left", "nobody knows, all hours count", "nobody knows, early"],
)
def test_hours_a_day_are_counted_from_what_is_stored(
    make_rig: MakeRig, heated_from: str | None, most_h: float, value: float
) -> None:
    rig = make_rig()
    enter(rig, rule(hours_per_day=most_h))
    if heated_from:
        first = at(f"2026-01-14 {heated_from}")
        night = range(at("2026-01-14 00:00"), first, QUARTER)
        rig.store.write([(HALL.id, t, 16.0, 0) for t in night])
        rig.store.write([(HALL.id, t, 20.5, 0) for t in range(first, START, QUARTER)])
    decide(rig)
    assert asked(rig) == [value]


def test_a_person_is_not_bound_by_a_policy(make_rig: MakeRig) -> None:
    rig = make_rig()
    enter(rig, rule(heating_maximum_c=19.0))
    rig.registry.queue_command(Command("p1", HALL.id, 8, 22.0, "anna", "A meeting.", START, START + 240 * MINUTE))
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    decide(rig)
    assert [(c.by, c.value) for c in rig.gateway.commands] == [("anna", 22.0)]


def test_what_a_policy_raises_stays_clear_of_cooling(make_rig: MakeRig) -> None:
    more = {
        "cooling_setpoints": [COOLING.id], "reference_start": date(2026, 1, 9), "reference_end": date(2026, 1, 11),
    }  # fmt: skip
    rig = make_rig(more=more, points=[COOLING])
    before = range(at("2026-01-09 00:00"), at("2026-01-11 00:00"), QUARTER)
    rig.store.write([(COOLING.id, t, 23.5, 0) for t in before])
    decide(rig)
    assert {c.point: c.value for c in rig.gateway.commands} == {HALL.id: 20.5, COOLING.id: 23.5}
    enter(rig, rule(rank=Rank.HOUSE, occupied_minimum_c=23.0))
    decide(rig, START + QUARTER)
    assert {c.point: c.value for c in rig.gateway.commands} == {HALL.id: 23.0, COOLING.id: 24.5}


def planned(rig: Rig) -> Trial:
    """Off for a quarter of an hour from the next decision on, then on."""
    off, on = START + QUARTER, START + 2 * QUARTER
    blocks = (TrialBlock(off, on, is_on=False, group=0), TrialBlock(on, on + 4 * QUARTER, is_on=True, group=0))
    plan = TrialPlan(unit=TrialUnit.DAY, seed=1, washout_h=0, blocks=blocks)
    return rig.registry.enter_trial(
        Trial(id="t1", building=BUILDING, plan=plan, by="anna", why="What does it save?", entered_ms=START)
    )


def test_the_off_block_of_a_trial_lets_go_and_the_on_block_drives_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    decide(rig)
    planned(rig)
    rig.registry.start_trial("t1", by="anna", now_ms=START)
    decide(rig, START + QUARTER)
    assert asked(rig) == [20.5, None]
    assert "trial t1" in rig.gateway.commands[-1].why
    decide(rig, START + 2 * QUARTER)
    assert asked(rig) == [20.5, None, 20.5]


@pytest.mark.parametrize("started", [False, True], ids=["never started", "stopped"])
def test_a_trial_that_does_not_run_changes_nothing(*, make_rig: MakeRig, started: bool) -> None:
    rig = make_rig()
    decide(rig)
    planned(rig)
    if started:
        rig.registry.start_trial("t1", by="anna", now_ms=START)
        rig.registry.stop_trial("t1", by="anna", why="It is cold", now_ms=START + 1)
    decide(rig, START + QUARTER)
    assert asked(rig) == [20.5]


def item(
    state: WorkState = WorkState.CORRECTED, *, point: str = HALL.id, value_c: float = 21.0, updated_ms: int = START,
    kind: str = "setpoint",
) -> WorkItem:  # fmt: skip
    found = {"kind": kind, "point": point, "value_c": value_c, "why": "Kept at 23.0 °C, agreed is less."}
    evidence: Mapping[str, Any] = {"corrections": [found]}
    return WorkItem(
        id="w1", building=BUILDING, cause="setpoint", state=state, since_ms=0, evaluated_ms=START, evaluations=2,
        updated_ms=updated_ms, evidence=dict(evidence),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("work", "value"),
    [
        (item(), 21.0),
        (item(value_c=18.0), 20.0),
        (item(value_c=30.0), 26.0),
        (item(kind="schedule"), 20.5),
        (item(WorkState.SUSPECTED), 20.5),
        (item(WorkState.OPEN), 20.5),
        (item(WorkState.CLOSED), 20.5),
        (item(updated_ms=START - 22 * 24 * 60 * MINUTE), 20.5),
        (item(point="torino/calvino/attic/heating-setpoint"), 20.5),
    ],
    ids=[
        "restored", "no colder than comfort", "no warmer", "a schedule's, with people there", "only suspected",
        "a person's business", "closed", "long unconfirmed", "another point's",
    ],
)  # fmt: skip
def test_corrections_in_force_are_heard(make_rig: MakeRig, work: WorkItem, value: float) -> None:
    rig = make_rig()
    rig.registry.put_work_items([work])
    decide(rig)
    (command,) = rig.gateway.commands
    assert command.value == value
    if value != 20.5:
        assert "Kept at 23.0 °C" in command.why


def test_a_correction_ends_with_its_work_item_and_stays_below_a_policy(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.registry.put_work_items([item(value_c=22.0)])
    decide(rig)
    enter(rig, rule(heating_maximum_c=19.0))
    decide(rig, START + QUARTER)
    rig.registry.end_policy("o-7", date(2026, 1, 14), by="carla", why="withdrawn", now_ms=rig.clock.now_ms())
    rig.registry.close_work_item("w1", by="anna", why="done", now_ms=rig.clock.now_ms())
    decide(rig, START + 2 * QUARTER)
    assert asked(rig) == [22.0, 19.0, 20.5]
