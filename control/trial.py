"""What a trial means for control: in a block that is off it lets go, and the building runs its own schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from control.proposal import Proposal
from core.priority import Slot
from stores.registry import Trial, TrialState

NAME: Final = "trial"


def is_on(trial: Trial | None, now_ms: int) -> bool | None:
    """Whether control drives the building now by the plan of a trial; pure.

    Parameters
    ----------
    trial
        The running trial of the building, None when there is none.
    now_ms
        UTC milliseconds.

    Returns
    -------
    bool or None
        None: no trial has a say now, and control does as always.
    """
    if trial is None or trial.state is not TrialState.RUNNING:
        return None
    block = trial.plan.block_at(now_ms)
    return None if block is None else block.is_on


def stand_down(trial: Trial | None, proposals: Sequence[Proposal], now_ms: int) -> list[Proposal]:
    """Proposals as the trial lets them pass: in a block that is off, supervisory control lets go of each point.

    The demand limit stays: it is in the contract with the grid, or protects a fuse, in both kinds of block.
    """
    if is_on(trial, now_ms) is not False or trial is None:
        return list(proposals)
    why = f"Without control by the plan of trial {trial.id}, to measure what control saves: {trial.why}"
    return [
        replace(proposal, value=None, strategy=NAME, why=why, model="")
        if proposal.slot is Slot.SUPERVISORY
        else proposal
        for proposal in proposals
    ]
