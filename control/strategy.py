"""All strategies in order of rank: a new one is one module and one line here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from control.memory import Memory
from control.proposal import Proposal
from control.strategies import (
    cooling,
    correction,
    fans,
    gap_action,
    load_shift,
    optimum_start,
    optimum_stop,
    precooling,
    season,
    setback,
    supply,
    supply_air,
    ventilation,
)
from control.view import BuildingView
from core.priority import Slot

REMEMBER: Final[tuple[tuple[str, Callable[[BuildingView], Memory]], ...]] = (
    (correction.NAME, correction.remember),
    (optimum_start.NAME, optimum_start.remember),
    (optimum_stop.NAME, optimum_stop.remember),
    (precooling.NAME, precooling.remember),
    (supply.NAME, supply.remember),
    (fans.NAME, fans.remember),
    (supply_air.NAME, supply_air.remember),
)
PROPOSE: Final[tuple[Callable[[BuildingView], list[Proposal]], ...]] = (
    season.propose,
    optimum_start.propose,
    gap_action.propose,
    correction.propose,
    load_shift.propose,
    optimum_stop.propose,
    setback.propose,
    precooling.propose,
    cooling.propose,
    supply.propose,
    fans.propose,
    ventilation.propose,
    supply_air.propose,
)
"""The first that speaks for a slot of a point is heard."""


def decide(view: BuildingView, *, without: Collection[str] = ()) -> tuple[list[Proposal], Memory]:
    """What each point of a building should be told now, and what to remember for the next decision; pure.

    Parameters
    ----------
    without
        Names of strategies that are not heard and remember nothing: what one is worth is what a building takes without.
    """
    for name, remember in REMEMBER:
        if name not in without:
            view = replace(view, memory=remember(view))
    heard: dict[tuple[str, Slot], Proposal] = {}
    for propose in PROPOSE:
        for proposal in propose(view):
            if proposal.strategy in without:
                continue
            heard.setdefault((proposal.point.id, proposal.slot), proposal)
    return cooling.keep_clear(view, list(heard.values())), view.memory
