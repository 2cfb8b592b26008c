"""Optimum stop: a zone coasts on its own warmth to the end of the day, no colder than people have allowed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from control.memory import Memory
from control.proposal import Proposal
from control.target import clock_text, occupied_target_c
from control.view import BuildingView, Heating, Zone
from core.calendar import HOUR_MS

NAME: Final = "optimum-stop"
MAX_COAST_H: Final = 3.0
_LEAST_K: Final = 0.05


def floor_c(view: BuildingView, zone: Zone) -> float:
    """What an occupied zone may fall to by the time at which people leave, degrees Celsius."""
    target = occupied_target_c(view, zone)
    return max(target - view.comfort.coast_k, min(view.comfort.minimum_c, target))


def end_c(view: BuildingView, zone: Zone) -> float | None:
    """What an occupied zone has when people leave if heating stops now; None: it is not known, or long until then."""
    leaves_ms, now_c, outdoor_c = zone.occupancy.changes_ms, zone.temperature.value, view.outdoor.value
    if not zone.occupancy.is_occupied or leaves_ms is None or now_c is None or outdoor_c is None:
        return None
    hours = (leaves_ms - view.now_ms) / HOUR_MS
    if zone.cooling_off_per_h is None or not 0 < hours <= MAX_COAST_H:
        return None
    return outdoor_c + (now_c - outdoor_c) * math.exp(-zone.cooling_off_per_h * hours)


def remember(view: BuildingView) -> Memory:
    """Note which zones coast, and to which end of their occupancy; once begun it goes on."""
    coasting = {}
    if view.comfort.coast_k > 0 and view.season.heating is Heating.ALLOWED:
        for zone in view.zones:
            leaves_ms = zone.occupancy.changes_ms
            left_c = None if zone.is_left_alone else end_c(view, zone)
            if left_c is None or leaves_ms is None:
                continue
            begun = view.memory.coasting.get(zone.setpoint.id) == leaves_ms
            if begun or left_c >= floor_c(view, zone):
                coasting[zone.setpoint.id] = leaves_ms
    return replace(view.memory, coasting=coasting)


def propose(view: BuildingView) -> list[Proposal]:
    """The lowest that is allowed, for zones that coast: what was foretold wrong is heated again."""
    proposals = []
    for zone in view.zones:
        leaves_ms = view.memory.coasting.get(zone.setpoint.id)
        if leaves_ms is None or zone.temperature.value is None:
            continue
        value, target = floor_c(view, zone), occupied_target_c(view, zone)
        if target - value < _LEAST_K:
            continue
        why = (
            f"People leave at {clock_text(view, leaves_ms)}: the zone has {zone.temperature.value:.1f} °C "
            f"and stays above {value:.1f} °C without heating."
        )
        effect = (
            f"Up to {target - value:.1f} K colder than usual when the last people leave; less heat is left to nobody."
        )
        proposals.append(Proposal(zone.setpoint, value, NAME, why, effect=effect))
    return proposals
