"""Air systems run for people, to warm up for them, and to keep the set-back; never for an empty building."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from control.memory import Memory, Running
from control.proposal import Proposal
from control.target import empty_target_c
from control.view import AirSystem, BuildingView, Heating, Zone
from core.calendar import MINUTE_MS

NAME: Final = "fan-schedule"
MIN_RUN_MS: Final = 20 * MINUTE_MS
MIN_PAUSE_MS: Final = 20 * MINUTE_MS
_COLD_K: Final = 0.2
_WARMED_K: Final = 1.0
EMPTY_COOLING_C: Final = 30.0


def served(view: BuildingView, system: AirSystem) -> list[Zone]:
    """Zones that an air system feeds."""
    return [zone for zone in view.zones if zone.name in system.zones]


def reason_to_run(view: BuildingView, system: AirSystem) -> str:
    """Why a system has to run now; empty when nothing needs it. Assumes that its zones can be seen."""
    zones = served(view, system)
    if there := [zone for zone in zones if zone.occupancy.is_occupied]:
        return f"People in {_names(there)}"
    if warming := [zone for zone in zones if zone.setpoint.id in view.memory.preheating]:
        return f"{_names(warming)} warms up"
    if cooling := [zone for zone in zones if zone.setpoint.id in view.memory.precooling]:
        return f"{_names(cooling)} cools down"
    runs = view.memory.fans.get(system.name, Running(is_on=False, since_ms=0)).is_on
    if view.season.heating is Heating.ALLOWED:
        margin_k = _WARMED_K if runs else -_COLD_K
        cold = [
            z for z in zones if z.temperature.value is not None and z.temperature.value < floor_c(view, z) + margin_k
        ]
        if cold:
            return f"{_names(cold)} is at the set-back"
    margin_k = -_WARMED_K if runs else _COLD_K
    hot = [z for z in zones if z.temperature.value is not None and z.temperature.value > ceiling_c(z) + margin_k]
    return f"{_names(hot)} is too hot even for nobody" if hot else ""


def floor_c(view: BuildingView, zone: Zone) -> float:
    """Lowest temperature of an empty zone, degrees Celsius."""
    if zone.is_left_alone and zone.habit.heating_c is not None:
        return zone.habit.heating_c
    return empty_target_c(view, zone)


def is_left_alone(view: BuildingView, system: AirSystem) -> bool:
    """Whether a system is none of ours: nobody uses what it feeds, or what it did by itself was never learnt."""
    return system.habit.flow is None or all(zone.is_left_alone for zone in served(view, system))


def ceiling_c(zone: Zone) -> float:
    """Highest temperature of an empty zone, degrees Celsius."""
    return max(zone.habit.cooling_empty_c or EMPTY_COOLING_C, zone.habit.cooling_c or 0.0)


def remember(view: BuildingView) -> Memory:
    """Note what each fan is told; shortest run and pause hold whatever is decided in between, but never people up."""
    fans = {}
    for system in view.air:
        if system.fan is None or _blind(view, system) or is_left_alone(view, system):
            continue
        before = view.memory.fans.get(system.name)
        zones = served(view, system)
        readied = view.memory.preheating.keys() | view.memory.precooling.keys()
        urgent = any(z.occupancy.is_occupied or z.setpoint.id in readied for z in zones)
        wanted = bool(reason_to_run(view, system))
        if before is not None and wanted != before.is_on and not urgent:
            least_ms = MIN_RUN_MS if before.is_on else MIN_PAUSE_MS
            wanted = before.is_on if 0 <= view.now_ms - before.since_ms < least_ms else wanted
        fans[system.name] = before if before and before.is_on == wanted else Running(wanted, view.now_ms)
    return replace(view.memory, fans=fans)


def propose(view: BuildingView) -> list[Proposal]:
    """Run or rest for every air system whose zones can be seen; the others are let go of."""
    proposals = []
    for system in view.air:
        if system.fan is None:
            continue
        state = view.memory.fans.get(system.name)
        if is_left_alone(view, system):
            why = f"Let go: nobody uses what {system.name} feeds, or what it did by itself is not known."
            proposals.append(Proposal(system.fan, None, NAME, why))
        elif state is None:
            proposals.append(Proposal(system.fan, None, NAME, f"Let go: no zone of {system.name} can be seen."))
        elif state.is_on:
            why = reason_to_run(view, system) or "Shortest run"
            proposals.append(Proposal(system.fan, 1.0, NAME, f"{why}: the air system runs."))
        elif why := reason_to_run(view, system):
            proposals.append(Proposal(system.fan, 0.0, NAME, f"{why}: the air system runs after its shortest pause."))
        else:
            why = "Nobody there, nothing warms up, no zone is too cold or too hot: the air system rests."
            effect = "No fan runs and no outdoor air is warmed meanwhile."
            proposals.append(Proposal(system.fan, 0.0, NAME, why, effect=effect))
    return proposals


def _blind(view: BuildingView, system: AirSystem) -> bool:
    return not any(zone.temperature.value is not None for zone in served(view, system))


def _names(zones: list[Zone]) -> str:
    first = zones[0].name.rpartition("/")[2]
    return first if len(zones) == 1 else f"{first} and {len(zones) - 1} more"
