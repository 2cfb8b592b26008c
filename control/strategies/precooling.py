"""Start of cooling ahead of people, as late as the zone's own learnt cooling-down allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from control.ahead import is_time
from control.memory import Memory
from control.proposal import Proposal
from control.target import clock_text, occupied_cooling_c
from control.view import BuildingView, Zone

NAME: Final = "pre-cooling"
MAX_LEAD_H: Final = 4.0
_MIN_RATE_K_PER_H: Final = 0.3
_CLOSE_K: Final = 0.3


def rate_k_per_h(zone: Zone, over_k: float, outdoor_c: float | None) -> float:
    """Expected rate of cooling down; the slowest ever seen when the outdoor temperature is unknown."""
    inside_c = zone.temperature.value
    difference_k = None if outdoor_c is None or inside_c is None else outdoor_c - inside_c
    return max(zone.cool_down.rate_k_per_h(over_k, difference_k), _MIN_RATE_K_PER_H)


def lead_h(view: BuildingView, zone: Zone) -> float | None:
    """Hours that an empty zone needs to its cooling set-point, at most `MAX_LEAD_H`; None: not known."""
    wanted = occupied_cooling_c(view, zone)
    if zone.temperature.value is None or wanted is None:
        return None
    over_k = zone.temperature.value - wanted
    return min(over_k / rate_k_per_h(zone, over_k, view.outdoor.value), MAX_LEAD_H) if over_k > _CLOSE_K else 0.0


def remember(view: BuildingView) -> Memory:
    """Note which zones cool down for the coming occupancy; once begun it goes on, so that cooling does not cycle."""
    precooling = {}
    for zone in view.zones:
        starts_ms = zone.occupancy.changes_ms
        if zone.cooling is None or zone.occupancy.is_occupied or starts_ms is None or zone.is_left_alone:
            continue
        if is_time(view, zone, lead_h(view, zone), view.memory.precooling):
            precooling[zone.setpoint.id] = starts_ms
    return replace(view.memory, precooling=precooling)


def propose(view: BuildingView) -> list[Proposal]:
    """The occupied cooling set-point for zones that cool down."""
    proposals = []
    for zone in view.zones:
        starts_ms = view.memory.precooling.get(zone.setpoint.id)
        wanted = occupied_cooling_c(view, zone)
        if zone.cooling is None or starts_ms is None or wanted is None or zone.temperature.value is None:
            continue
        rate = rate_k_per_h(zone, zone.temperature.value - wanted, view.outdoor.value)
        learnt = f"learnt from {zone.cool_down.mornings} mornings" if zone.cool_down.mornings else "a cautious default"
        why = (
            f"People come at {clock_text(view, starts_ms)}: {zone.temperature.value:.1f} °C now, "
            f"{wanted:.1f} °C wanted, cooling down at {rate:.1f} K/h ({learnt})."
        )
        effect = f"The zone has {wanted:.1f} °C when people come at {clock_text(view, starts_ms)}."
        proposals.append(Proposal(zone.cooling, wanted, NAME, why, effect=effect))
    return proposals
