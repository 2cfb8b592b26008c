"""Optimum start: begin to heat as late as the zone's own learnt warm-up allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from control.ahead import is_time
from control.memory import Memory
from control.proposal import Proposal
from control.target import clock_text, occupied_target_c
from control.view import BuildingView, Heating, WarmUp, Zone

NAME: Final = "optimum-start"
MAX_LEAD_H: Final = 10.0
_MIN_RATE_K_PER_H: Final = 0.15


def rate_k_per_h(warm_up: WarmUp, target_c: float, zone_c: float, outdoor_c: float | None) -> float:
    """Expected warm-up rate; the slowest ever seen when the outdoor temperature is unknown."""
    difference_k = None if outdoor_c is None else zone_c - outdoor_c
    return max(warm_up.rate_k_per_h(target_c - zone_c, difference_k), _MIN_RATE_K_PER_H)


def lead_h(view: BuildingView, zone: Zone) -> float | None:
    """Hours that the zone needs to its occupied set-point, at most `MAX_LEAD_H`; None without its temperature."""
    if zone.temperature.value is None:
        return None
    target_c = occupied_target_c(view, zone)
    missing_k = target_c - zone.temperature.value
    if missing_k <= 0:
        return 0.0
    rate = rate_k_per_h(zone.warm_up, target_c, zone.temperature.value, view.outdoor.value)
    return min(missing_k / rate, MAX_LEAD_H)


def remember(view: BuildingView) -> Memory:
    """Note which zones warm up for the coming occupancy; once begun it goes on, so that heating does not cycle."""
    if view.season.heating is not Heating.ALLOWED:
        return replace(view.memory, preheating={})
    preheating = {}
    for zone in view.zones:
        starts_ms = zone.occupancy.changes_ms
        if zone.occupancy.is_occupied or starts_ms is None or zone.is_left_alone:
            continue
        planned = view.plan.get(zone.setpoint.id)
        if planned is not None:
            if planned.heat and zone.temperature.value is not None and view.now_ms >= planned.from_ms:
                preheating[zone.setpoint.id] = starts_ms
            continue
        if is_time(view, zone, lead_h(view, zone), view.memory.preheating):
            preheating[zone.setpoint.id] = starts_ms
    return replace(view.memory, preheating=preheating)


def propose(view: BuildingView) -> list[Proposal]:
    """The occupied set-point for zones that warm up."""
    proposals = []
    for zone in view.zones:
        starts_ms = view.memory.preheating.get(zone.setpoint.id)
        if starts_ms is None or zone.temperature.value is None:
            continue
        if planned := view.plan.get(zone.setpoint.id):
            value = min(max(planned.target_c, view.comfort.setback_c), occupied_target_c(view, zone))
            effect = f"The zone is warm when people come at {clock_text(view, starts_ms)}."
            proposals.append(Proposal(zone.setpoint, value, NAME, planned.why, effect=effect))
            continue
        target = occupied_target_c(view, zone)
        rate = rate_k_per_h(zone.warm_up, target, zone.temperature.value, view.outdoor.value)
        learnt = f"learnt from {zone.warm_up.mornings} mornings" if zone.warm_up.mornings else "a cautious default"
        why = (
            f"People come at {clock_text(view, starts_ms)}: {zone.temperature.value:.1f} °C now, "
            f"{target:.1f} °C wanted, warming up at {rate:.1f} K/h ({learnt})."
        )
        effect = f"The zone has {target:.1f} °C when people come at {clock_text(view, starts_ms)}."
        proposals.append(Proposal(zone.setpoint, target, NAME, why, effect=effect))
    return proposals
