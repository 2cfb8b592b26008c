"""Correction of a persistent gap: small steps of the zones' set-points inside the comfort band, with hysteresis."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from control.memory import Memory, Trim
from control.proposal import Proposal
from control.target import occupied_target_c
from control.view import BuildingView, Heating, Zone
from core.calendar import HOUR_MS

NAME: Final = "gap-correction"
WINDOW_H: Final = 24
"""Hours over which a gap must stand out of the model's uncertainty to count as persistent."""
STEP_K: Final = 0.25
LOWEST_K: Final = -0.5
HIGHEST_K: Final = 1.5
LOWER_EVERY_H: Final = 6
RAISE_EVERY_H: Final = 2
_COLD_K: Final = 0.3
_WARM_K: Final = 0.3


def remember(view: BuildingView) -> Memory:
    """Corrections after this decision.

    Notes
    -----
    Down: a trusted gap is beyond its uncertainty and the zone is not cold. Up: the zone is colder than the comfort
    minimum although people are there. Back to nothing: the gap is gone altogether (not merely within the uncertainty,
    else the correction would undo itself), or the zone is warm again. Otherwise nothing changes.
    """
    if view.season.heating is not Heating.ALLOWED:
        return replace(view.memory, trims={})
    trims = {zone.setpoint.id: _next(view, zone) for zone in view.zones}
    return replace(view.memory, trims={key: trim for key, trim in trims.items() if trim != Trim()})


def _next(view: BuildingView, zone: Zone) -> Trim:
    trim = view.memory.trims.get(zone.setpoint.id, Trim())
    temperature = zone.temperature.value
    if temperature is None:
        return trim
    age_h = (view.now_ms - trim.since_ms) / HOUR_MS
    trusted = [gap for gap in view.gaps if gap.is_trusted]
    excess = any(gap.is_excess for gap in trusted)
    gone = bool(trusted) and all(gap.total.gap_kwh <= 0 for gap in trusted)
    change = 0.0
    if zone.occupancy.is_occupied and temperature < view.comfort.minimum_c - _COLD_K:
        change = STEP_K if age_h >= RAISE_EVERY_H else 0.0
    elif age_h >= LOWER_EVERY_H:
        warm = temperature > view.comfort.minimum_c + _WARM_K
        if excess and warm:
            change = -STEP_K
        elif trim.kelvin < 0 and gone:
            change = STEP_K
        elif trim.kelvin > 0 and warm and zone.occupancy.is_occupied:
            change = -STEP_K
    kelvin = min(max(trim.kelvin + change, LOWEST_K), HIGHEST_K)
    return trim if kelvin == trim.kelvin else Trim(kelvin, view.now_ms)


def propose(view: BuildingView) -> list[Proposal]:
    """The corrected set-point of every zone that has a correction, while people are there."""
    proposals = []
    for zone in view.zones:
        trim = view.memory.trims.get(zone.setpoint.id)
        if not zone.occupancy.is_occupied or trim is None or trim.kelvin == 0 or zone.temperature.value is None:
            continue
        target = occupied_target_c(view, zone)
        if target == occupied_target_c(replace(view, memory=replace(view.memory, trims={})), zone):
            continue  # held at what its own control held, or at the edge of the comfort band: nothing is corrected
        excess = next((gap for gap in view.gaps if gap.is_excess), None)
        if trim.kelvin > 0:
            why = f"The zone was colder than the comfort minimum: {trim.kelvin:+.2f} K to {target:.1f} °C."
        elif excess is not None:
            total = excess.total
            why = (
                f"{excess.meter} used {total.gap_kwh:.0f} kWh (± {total.uncertainty_kwh:.0f}) more than predicted in "
                f"{total.hours} h: {trim.kelvin:+.2f} K to {target:.1f} °C, inside the comfort band."
            )
        else:
            why = f"Keeping the correction of an earlier gap: {trim.kelvin:+.2f} K to {target:.1f} °C."
        proposals.append(Proposal(zone.setpoint, target, NAME, why, excess.model if excess else ""))
    return proposals
