"""Trials in the registry: frozen, one at a time, and never edited; on SQLite and on PostgreSQL where one is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.errors import ConflictError, DomainError, NotFoundError
from stores.registry import Registry, Trial, TrialBlock, TrialPlan, TrialState, TrialUnit, settled

DAY_MS = 86_400_000
START_MS = 100 * DAY_MS
PLAN = TrialPlan(
    unit=TrialUnit.DAY,
    seed=7,
    washout_h=6,
    blocks=tuple(TrialBlock(START_MS + k * DAY_MS, START_MS + (k + 1) * DAY_MS, k % 2 == 0, k // 2) for k in range(4)),
)


def trial(name: str = "t1", **changes: Any) -> Trial:
    usual = {
        "id": name, "building": "torino/calvino", "plan": PLAN, "by": "anna", "why": "What does it save?",
        "entered_ms": START_MS - DAY_MS,
    }  # fmt: skip
    return Trial(**usual | changes)


def test_comes_back_as_it_was_planned(registry: Registry) -> None:
    assert registry.enter_trial(trial()) == trial()
    assert registry.trial("t1") == trial()
    assert registry.trials() == registry.trials("torino/calvino") == [trial()]
    assert registry.trials("torino/other") == []
    assert registry.trial("t2") is None


def test_runs_from_its_start_until_its_end(registry: Registry) -> None:
    registry.enter_trial(trial())
    assert registry.running_trial("torino/calvino") is None
    running = registry.start_trial("t1", by="bruno", now_ms=START_MS)
    assert (running.state, running.started_by, running.started_ms) == (TrialState.RUNNING, "bruno", START_MS)
    assert registry.running_trial("torino/calvino") == running
    assert registry.running_trial("torino/other") is None
    ended = registry.stop_trial("t1", by="anna", why="it is over", now_ms=PLAN.end_ms)
    assert (ended.state, ended.ended_ms, ended.ended_by) == (TrialState.ENDED, PLAN.end_ms, "the plan")
    assert registry.running_trial("torino/calvino") is None


def test_stopped_before_its_end_it_is_aborted(registry: Registry) -> None:
    registry.enter_trial(trial())
    registry.start_trial("t1", by="bruno", now_ms=START_MS - 5)
    aborted = registry.stop_trial("t1", by="anna", why="a pipe broke", now_ms=START_MS + 5)
    assert (aborted.state, aborted.ended_by, aborted.ended_why, aborted.ended_ms) == (
        TrialState.ABORTED, "anna", "a pipe broke", START_MS + 5,
    )  # fmt: skip
    assert registry.trial("t1") == aborted
    for step in (
        lambda: registry.stop_trial("t1", by="anna", why="again", now_ms=START_MS + 6),
        lambda: registry.start_trial("t1", by="anna", now_ms=START_MS - 5),
    ):
        with pytest.raises(ConflictError, match="aborted"):
            step()


@pytest.mark.parametrize(
    ("state", "now_ms", "becomes"),
    [
        (TrialState.PLANNED, START_MS, TrialState.PLANNED),
        (TrialState.PLANNED, START_MS + 1, TrialState.ABORTED),
        (TrialState.RUNNING, PLAN.end_ms - 1, TrialState.RUNNING),
        (TrialState.RUNNING, PLAN.end_ms, TrialState.ENDED),
        (TrialState.ABORTED, PLAN.end_ms, TrialState.ABORTED),
    ],
)
def test_time_ends_what_nobody_ends(state: TrialState, now_ms: int, becomes: TrialState) -> None:
    assert settled(trial(state=state), now_ms).state is becomes


def test_a_building_has_one_open_trial(registry: Registry) -> None:
    registry.enter_trial(trial())
    registry.enter_trial(trial("t2", building="torino/other"))
    with pytest.raises(ConflictError):
        registry.enter_trial(trial("t3"))
    with pytest.raises(ConflictError):
        registry.enter_trial(trial("t1", building="torino/third"))
    later = trial("t3", entered_ms=START_MS + 1, plan=moved(10 * DAY_MS))
    registry.enter_trial(later)  # nobody started the first one, which is over now
    assert [(t.id, t.state) for t in registry.trials("torino/calvino")] == [
        ("t1", TrialState.ABORTED), ("t3", TrialState.PLANNED),
    ]  # fmt: skip


def test_one_that_has_begun_is_neither_planned_nor_started(registry: Registry) -> None:
    with pytest.raises(DomainError, match="before it begins"):
        registry.enter_trial(trial(entered_ms=START_MS))
    with pytest.raises(DomainError, match="before it begins"):
        registry.enter_trial(trial(state=TrialState.RUNNING))
    registry.enter_trial(trial())
    with pytest.raises(ConflictError, match="Nobody started it"):
        registry.start_trial("t1", by="anna", now_ms=START_MS + 1)
    with pytest.raises(NotFoundError):
        registry.start_trial("t9", by="anna", now_ms=0)
    with pytest.raises(DomainError):
        registry.stop_trial("t1", by="anna", why=" ", now_ms=0)
    with pytest.raises(NotFoundError):
        registry.stop_trial("t9", by="anna", why="x", now_ms=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: trial(why=" "),
        lambda: trial(by=""),
        lambda: TrialPlan(unit=TrialUnit.DAY, seed=1, washout_h=13, blocks=PLAN.blocks),
        lambda: TrialPlan(unit=TrialUnit.DAY, seed=-1, washout_h=6, blocks=PLAN.blocks),
        lambda: TrialPlan(unit=TrialUnit.DAY, seed=1, washout_h=6, blocks=PLAN.blocks[::2]),
        lambda: TrialPlan(unit=TrialUnit.DAY, seed=1, washout_h=6, blocks=(PLAN.blocks[0], PLAN.blocks[3])),
    ],
)
def test_one_without_sense_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(DomainError):
        make()


def moved(by_ms: int) -> TrialPlan:
    return TrialPlan(
        unit=PLAN.unit,
        seed=PLAN.seed,
        washout_h=PLAN.washout_h,
        blocks=tuple(TrialBlock(b.start_ms + by_ms, b.end_ms + by_ms, b.is_on, b.group) for b in PLAN.blocks),
    )
