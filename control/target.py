"""Set-points of a zone with people and without, and local times for a sentence."""

from __future__ import annotations

from datetime import date
from typing import Final

from control.memory import Trim
from control.view import BuildingView, Zone

_LEAST_MARGIN_K: Final = 0.2
DEAD_BAND_K: Final = 1.5
"""Between heating and cooling, so that neither undoes the other."""
COMFORT_MARGIN_K: Final = 0.5
"""A thermostat swings around its set-point; so much above the comfort minimum keeps the swing inside."""


def occupied_target_c(view: BuildingView, zone: Zone) -> float:
    """Heating set-point of a zone while people are there, its correction included: always inside the comfort band.

    What its own control holds, so that nobody sits colder than before whatever is corrected, but never below the
    comfort minimum where people use the zone.
    """
    if not zone.is_used and zone.habit.heating_c is not None:
        return min(zone.habit.heating_c, view.comfort.maximum_c)
    trim = view.memory.trims.get(zone.setpoint.id, Trim()).kelvin
    margin_k = COMFORT_MARGIN_K if zone.habit.swing_k is None else zone.habit.swing_k + _LEAST_MARGIN_K
    held_c = zone.habit.heating_c or 0.0
    wanted = max(view.comfort.minimum_c + margin_k, held_c) + trim
    return min(max(wanted, view.comfort.minimum_c, held_c), view.comfort.maximum_c)


def occupied_cooling_c(view: BuildingView, zone: Zone) -> float | None:
    """Cooling set-point of a zone while people are there: its own, clear of heating; None: its own is not known."""
    if zone.habit.cooling_c is None:
        return None
    return max(min(zone.habit.cooling_c, view.comfort.maximum_c), occupied_target_c(view, zone) + DEAD_BAND_K)


def empty_target_c(view: BuildingView, zone: Zone) -> float:
    """Heating set-point of a zone while nobody is there: never above what its own control holds then."""
    own = zone.habit.heating_empty_c
    return view.comfort.setback_c if own is None else min(view.comfort.setback_c, own)


def clock_text(view: BuildingView, time_ms: int) -> str:
    """Local wall time for a sentence, with the weekday when it is not today."""
    moment = view.calendar.local(time_ms)
    same_day: date = view.calendar.day_of(view.now_ms)
    return f"{moment:%H:%M}" if moment.date() == same_day else f"{moment:%a %H:%M}"
