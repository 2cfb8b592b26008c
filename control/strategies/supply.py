"""Supply temperature reset: a weather curve, trimmed down until the most demanding zone responds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from control.memory import Memory, Trim
from control.proposal import Proposal
from control.view import BuildingView, Heating

NAME: Final = "supply-reset"
# Cautious, as boilers of unrenovated buildings are set; trim and respond finds what is needed.
DESIGN_OUTDOOR_C: Final = -8.0
DESIGN_SUPPLY_C: Final = 70.0
BASE_OUTDOOR_C: Final = 20.0
BASE_SUPPLY_C: Final = 32.0
TRIM_K: Final = 1.0
RESPOND_K: Final = 2.0
MAX_RESPOND_K: Final = 5.0
LOWEST_K: Final = -20.0
HIGHEST_K: Final = 10.0
RESOLUTION_K: Final = 2.0
"""Smaller changes are not worth a command."""
_REQUEST_K: Final = 0.3
_URGENT_K: Final = 1.0


def curve_c(outdoor_c: float) -> float:
    """Supply temperature for an outdoor temperature, before trim; level beyond both ends."""
    share = (BASE_OUTDOOR_C - outdoor_c) / (BASE_OUTDOOR_C - DESIGN_OUTDOOR_C)
    return BASE_SUPPLY_C + (DESIGN_SUPPLY_C - BASE_SUPPLY_C) * min(max(share, 0.0), 1.0)


def requests(view: BuildingView) -> int:
    """Calls for warmer water: one for a zone below its set-point, two for one far below."""
    count = 0
    for zone in view.zones:
        if zone.temperature.value is not None and zone.setpoint_now.value is not None:
            missing_k = zone.setpoint_now.value - zone.temperature.value
            count += (missing_k > _REQUEST_K) + (missing_k > _URGENT_K)
    return count


def remember(view: BuildingView) -> Memory:
    """Trim and respond (ASHRAE Guideline 36, section 5.1.14): a little down each time, up as zones ask for it.

    While a zone cannot be seen nothing is trimmed down: it might be the most demanding one.
    """
    trim = view.memory.supply_trim
    if view.supply_setpoint is None or view.season.heating is not Heating.ALLOWED or view.outdoor.value is None:
        return replace(view.memory, supply_trim=Trim())
    asked = requests(view)
    blind = any(zone.temperature.value is None or zone.setpoint_now.value is None for zone in view.zones)
    change = min(RESPOND_K * asked, MAX_RESPOND_K) if asked else (0.0 if blind else -TRIM_K)
    kelvin = min(max(trim.kelvin + change, LOWEST_K), HIGHEST_K)
    return replace(view.memory, supply_trim=Trim(kelvin, view.now_ms))


def propose(view: BuildingView) -> list[Proposal]:
    """Supply temperature in steps of `RESOLUTION_K`; let go of without weather or without any zone to see."""
    point = view.supply_setpoint
    if point is None or point.limits is None:
        return []
    if view.outdoor.value is None:
        why = f"Let go: the outdoor temperature cannot be used ({view.outdoor.problem})."
        return [Proposal(point, None, NAME, why)]
    if all(zone.temperature.value is None for zone in view.zones):
        return [Proposal(point, None, NAME, "Let go: no zone has a usable temperature.")]
    trim = view.memory.supply_trim.kelvin
    whole = RESOLUTION_K * round((curve_c(view.outdoor.value) + trim) / RESOLUTION_K)
    value = min(max(whole, point.limits.minimum), point.limits.maximum)
    asked = requests(view)
    demand = f"{asked} requests of zones for more" if asked else "every zone is satisfied"
    why = f"{view.outdoor.value:.1f} °C outdoors, {demand}: weather curve {trim:+.1f} K gives {value:.0f} °C."
    return [Proposal(point, value, NAME, why)]
