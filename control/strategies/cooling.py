"""Cooling set-points: the zone's own while people are there, far away while nobody is, always clear of heating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from control.proposal import Proposal
from control.strategies.fans import ceiling_c
from control.target import DEAD_BAND_K, occupied_cooling_c
from control.view import BuildingView

NAME: Final = "cooling-setback"


def propose(view: BuildingView) -> list[Proposal]:
    """The cooling set-point of every zone that has one and whose temperature is known; the others are let go of."""
    proposals = []
    for zone in view.zones:
        if zone.cooling is None:
            continue
        own = occupied_cooling_c(view, zone)
        if zone.is_left_alone:
            why = "Let go: nobody uses the zone, and its own control keeps it at one temperature."
            proposals.append(Proposal(zone.cooling, None, NAME, why))
        elif zone.temperature.value is None or own is None:
            why = f"Let go: {zone.name} has no usable temperature, or its own set-point is not known."
            proposals.append(Proposal(zone.cooling, None, NAME, why))
        elif zone.occupancy.is_occupied or zone.setpoint.id in view.memory.preheating:
            proposals.append(Proposal(zone.cooling, own, NAME, f"People are there or come: {own:.1f} °C."))
        else:
            value = ceiling_c(zone)
            proposals.append(Proposal(zone.cooling, value, NAME, f"Nobody there: cooled above {value:.1f} °C only."))
    return proposals


def keep_clear(view: BuildingView, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Cooling set-points raised to the dead band above what heating of the zone is told, whoever tells it."""
    least: dict[str, float] = {}
    for zone in view.zones:
        heating = [p.value for p in proposals if p.point.id == zone.setpoint.id and p.value is not None]
        if zone.cooling is not None and heating:
            least[zone.cooling.id] = max(heating) + DEAD_BAND_K
    return [
        replace(p, value=least[p.point.id], why=f"{p.why} Raised to {least[p.point.id]:.1f} °C, clear of heating.")
        if p.value is not None and p.value < least.get(p.point.id, p.value)
        else p
        for p in proposals
    ]
