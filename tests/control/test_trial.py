"""In a block that is off every point is let go of; outside of a running trial nothing changes."""

from __future__ import annotations

import pytest

from control.proposal import Proposal
from control.strategy import decide
from control.trial import NAME, is_on, stand_down
from core.calendar import HOUR_MS
from core.priority import Slot
from stores.registry import Trial, TrialBlock, TrialPlan, TrialState, TrialUnit
from tests.control.views import at, setpoint, view

DAY_MS = 24 * HOUR_MS
START_MS = at("2026-01-14 00:00")
PLAN = TrialPlan(
    unit=TrialUnit.DAY,
    seed=1,
    washout_h=6,
    blocks=(
        TrialBlock(START_MS, START_MS + DAY_MS, is_on=False, group=0),
        TrialBlock(START_MS + DAY_MS, START_MS + 2 * DAY_MS, is_on=True, group=0),
    ),
)


def trial(state: TrialState = TrialState.RUNNING) -> Trial:
    return Trial(
        id="t1", building="torino/calvino", plan=PLAN, by="anna", why="What does it save?", entered_ms=0, state=state
    )


@pytest.mark.parametrize(
    ("when", "state", "expected"),
    [
        ("2026-01-13 23:59", TrialState.RUNNING, None),
        ("2026-01-14 00:00", TrialState.RUNNING, False),
        ("2026-01-14 23:59", TrialState.RUNNING, False),
        ("2026-01-15 00:00", TrialState.RUNNING, True),
        ("2026-01-16 00:00", TrialState.RUNNING, None),
        ("2026-01-14 10:00", TrialState.PLANNED, None),
        ("2026-01-14 10:00", TrialState.ABORTED, None),
        ("2026-01-14 10:00", TrialState.ENDED, None),
    ],
)
def test_the_plan_speaks_while_the_trial_runs(*, when: str, state: TrialState, expected: bool | None) -> None:
    assert is_on(trial(state), at(when)) is expected


def test_without_a_trial_nobody_speaks() -> None:
    assert is_on(None, START_MS) is None


def test_off_lets_go_of_every_point_and_says_why() -> None:
    proposals, _ = decide(view("2026-01-14 10:00", supply=True))
    assert len(proposals) == 2
    passed = stand_down(trial(), proposals, at("2026-01-14 10:00"))
    assert [(p.point, p.value, p.strategy) for p in passed] == [(p.point, None, NAME) for p in proposals]
    assert all("t1" in p.why and "What does it save?" in p.why for p in passed)


@pytest.mark.parametrize("when", ["2026-01-13 10:00", "2026-01-15 10:00"])
def test_on_and_outside_the_trial_everything_passes(when: str) -> None:
    proposals, _ = decide(view(when))
    assert stand_down(trial(), proposals, at(when)) == proposals
    assert stand_down(None, proposals, at(when)) == proposals


def test_a_demand_limit_holds_in_blocks_that_are_off() -> None:
    shed = Proposal(setpoint(), 16.0, "demand-limit", "Demand would reach 120 kW.", slot=Slot.DEMAND_LIMIT)
    assert stand_down(trial(), [shed], at("2026-01-14 10:00")) == [shed]
