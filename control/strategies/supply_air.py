"""Supply air temperature by trim and respond (ASHRAE Guideline 36): as warm as the most demanding zone lets it be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from control.memory import Memory
from control.proposal import Proposal
from control.strategies.fans import is_left_alone, served
from control.strategies.ventilation import needed_share, return_c
from control.view import AirSystem, BuildingView

NAME: Final = "supply-air-reset"
WARMEST_C: Final = 18.0
TRIM_K: Final = 0.5
RESPOND_K: Final = 1.0
MAX_RESPOND_K: Final = 3.0
_CLOSE_K: Final = 0.3
_RESOLUTION_K: Final = 0.1


def requests(view: BuildingView, system: AirSystem) -> int:
    """Calls for cooler air: one for a zone that comes close to its cooling set-point, two for one above it."""
    count = 0
    for zone in served(view, system):
        is_cooled = zone.occupancy.is_occupied or zone.setpoint.id in view.memory.precooling
        if zone.temperature.value is not None and zone.habit.cooling_c is not None and is_cooled:
            over_k = zone.temperature.value - zone.habit.cooling_c
            count += (over_k > -_CLOSE_K) + (over_k > _CLOSE_K)
    return count


def mixed_c(view: BuildingView, system: AirSystem) -> float | None:
    """Temperature of return air mixed with the outdoor air that people need; None when it is not known."""
    share = needed_share(view, system)
    inside = return_c(view, system)
    if share is None or view.outdoor.value is None or inside is None:
        return None
    return share * view.outdoor.value + (1 - share) * inside


def remember(view: BuildingView) -> Memory:
    """Trim and respond within the system's own temperature and `WARMEST_C`."""
    states = {}
    for system in view.air:
        own = system.habit.supply_c
        if system.supply is None or own is None or is_left_alone(view, system):
            continue
        before = view.memory.supply_air.get(system.name, own)
        asked = requests(view, system)
        change = -min(RESPOND_K * asked, MAX_RESPOND_K) if asked else TRIM_K
        states[system.name] = min(max(before + change, own), max(WARMEST_C, own))
    return replace(view.memory, supply_air=states)


def propose(view: BuildingView) -> list[Proposal]:
    """The set-point of every system that has one: never warmer than its mixed air, so that no air is heated for it.

    Only the share of the air that is cooled below its mixture and heated again in the zones is saved.
    """
    proposals = []
    for system in view.air:
        if system.supply is None:
            continue
        state = view.memory.supply_air.get(system.name)
        if state is None or system.habit.supply_c is None:
            why = "Let go: the system's own temperature is not known."
            proposals.append(Proposal(system.supply, None, NAME, why))
            continue
        mixed = mixed_c(view, system)
        if mixed is None:
            proposals.append(Proposal(system.supply, None, NAME, "Let go: the mixed air is not known."))
            continue
        value = _RESOLUTION_K * math.floor(min(state, mixed) / _RESOLUTION_K)
        if value <= system.habit.supply_c:
            why = "Let go: the system's own temperature is as warm as it can be."
            proposals.append(Proposal(system.supply, None, NAME, why))
            continue
        asked = requests(view, system)
        demand = f"{asked} requests for cooler air" if asked else "no zone asks for cooler air"
        why = f"{demand}, the mixed air has {mixed:.0f} °C: {value:.1f} °C instead of {system.habit.supply_c:.1f} °C."
        effect = f"The air is cooled by {value - system.habit.supply_c:.1f} K less, and warmed again by as much less."
        proposals.append(Proposal(system.supply, value, NAME, why[0].upper() + why[1:], effect=effect))
    return proposals
