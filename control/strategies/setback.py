"""Night set-back: the comfort temperature while people are there, a lower one while nobody is."""

from __future__ import annotations

from typing import Final

from control.proposal import Proposal
from control.target import clock_text, empty_target_c, occupied_target_c
from control.view import BuildingView

NAME: Final = "setback"
RUN_K: Final = 1.2


def propose(view: BuildingView) -> list[Proposal]:
    """A set-point for every zone whose temperature is known; the others are let go of."""
    proposals = []
    for zone in view.zones:
        if zone.temperature.value is None:
            why = f"Let go: {zone.name} has no usable temperature ({zone.temperature.problem})."
            proposals.append(Proposal(zone.setpoint, None, NAME, why))
        elif zone.is_left_alone:
            why = "Let go: nobody uses the zone, and its own control keeps it at one temperature."
            proposals.append(Proposal(zone.setpoint, None, NAME, why))
        elif zone.occupancy.is_occupied:
            target = occupied_target_c(view, zone)
            until = f" until {clock_text(view, zone.occupancy.changes_ms)}" if zone.occupancy.changes_ms else ""
            why = f"Occupied{until}: {target:.1f} °C keeps the zone above the comfort minimum."
            effect = f"The zone stays at {target:.1f} °C or above."
            proposals.append(Proposal(zone.setpoint, target, NAME, why, effect=effect))
        else:
            until = f" until {clock_text(view, zone.occupancy.changes_ms)}" if zone.occupancy.changes_ms else ""
            value = empty_target_c(view, zone)
            if any(
                zone.name in s.zones and s.name in view.memory.fans and view.memory.fans[s.name].is_on for s in view.air
            ):
                value += RUN_K  # an air system that has to run warms its zones a little further, and rests longer
            why = f"Nobody there{until}: set back to {value:.1f} °C."
            lower_k = occupied_target_c(view, zone) - value
            effect = f"The zone may cool down by up to {lower_k:.1f} K, and loses less heat the while."
            proposals.append(Proposal(zone.setpoint, value, NAME, why, effect=effect))
    return proposals
