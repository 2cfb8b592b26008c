"""Night set-back: the comfort temperature while people are there, a lower one while nobody is."""

from __future__ import annotations

from typing import Final

from control.view import BuildingView, Proposal, clock_text, occupied_target_c

NAME: Final = "setback"


def propose(view: BuildingView) -> list[Proposal]:
    """A set-point for every zone whose temperature is known; the others are let go of."""
    proposals = []
    for zone in view.zones:
        if zone.temperature.value is None:
            why = f"Let go: {zone.name} has no usable temperature ({zone.temperature.problem})."
            proposals.append(Proposal(zone.setpoint, None, NAME, why))
        elif view.occupancy.is_occupied:
            target = occupied_target_c(view, zone)
            until = f" until {clock_text(view, view.occupancy.changes_ms)}" if view.occupancy.changes_ms else ""
            why = f"Occupied{until}: {target:.1f} °C keeps the zone above the comfort minimum."
            proposals.append(Proposal(zone.setpoint, target, NAME, why))
        else:
            until = f" until {clock_text(view, view.occupancy.changes_ms)}" if view.occupancy.changes_ms else ""
            why = f"Nobody there{until}: set back to {view.comfort.setback_c:.1f} °C."
            proposals.append(Proposal(zone.setpoint, view.comfort.setback_c, NAME, why))
    return proposals
