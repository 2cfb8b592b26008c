"""Outdoor air for the people who are there (ASHRAE 62.1), free cooling where it helps, none for nobody."""

from __future__ import annotations

from typing import Final

from control.fans import served
from control.view import AirSystem, BuildingView, Proposal, Zone

NAME: Final = "ventilation"
MARGIN: Final = 1.05
"""Supply air changes a little between two decisions."""
_COOL_MARGIN_K: Final = 0.5
_FREE_COOLING_K: Final = 2.0
# People and area rates of ASHRAE 62.1-2022, table 6-1, l/s a person and l/s a m2, by how densely a zone is used.
_DENSE, _SPARSE = 0.20, 0.10
_DENSE_RATES: Final = (5.0, 0.6)  # classrooms
_MIDDLE_RATES: Final = (3.8, 0.6)  # shops
_SPARSE_RATES: Final = (2.5, 0.3)  # offices


def need(zone: Zone) -> tuple[float, float]:
    """Outdoor air that a zone's people need now, and that its most people need, l/s by ASHRAE 62.1.

    With nobody there it is nothing (occupied standby). A zone whose people nobody counts needs all of it while it is
    occupied. Without its floor area only people count, and only half of them can be taken off.
    """
    share = zone.occupancy.share
    if zone.people_peak <= 0:
        area = (zone.floor_area_m2 or 0.0) * _SPARSE_RATES[1]
        return (area if zone.occupancy.is_occupied else 0.0), area
    if not zone.floor_area_m2:
        a_person = sum(_DENSE_RATES)
        all_l_s = zone.people_peak * a_person
        now = all_l_s if share is None else all_l_s * (0.5 + 0.5 * share)
        return (now if zone.occupancy.is_occupied or share else 0.0), all_l_s
    density = zone.people_peak / zone.floor_area_m2
    rates = _DENSE_RATES if density >= _DENSE else _SPARSE_RATES if density <= _SPARSE else _MIDDLE_RATES
    area = zone.floor_area_m2 * rates[1]
    all_l_s = zone.people_peak * rates[0] + area
    if share is None:
        return (all_l_s if zone.occupancy.is_occupied else 0.0), all_l_s
    present = share * zone.people_peak * rates[0] + area
    return (present if zone.occupancy.is_occupied or share > 0 else 0.0), all_l_s


def needed_share(view: BuildingView, system: AirSystem) -> float | None:
    """Share of outdoor air that the people of a system need, 0 to 1; None: not known, the system's own minimum holds."""
    needs = [need(zone) for zone in served(view, system)]
    now, most = sum(n for n, _ in needs), sum(m for _, m in needs)
    if now == 0:
        return 0.0
    if system.habit.outdoor_air is None or most <= 0:
        return None
    flow = system.flow_now.value or system.habit.flow  # at rest, what it will move
    if flow is None or flow <= 0:
        return None
    return min(MARGIN * system.habit.outdoor_air * now / most / flow, 1.0)


def free_share(view: BuildingView, system: AirSystem) -> float:
    """Share of outdoor air that mixes to the supply temperature wanted while a zone is warm; 0 without need or use."""
    outdoor = view.outdoor.value
    warm = [
        zone.temperature.value
        for zone in served(view, system)
        if zone.temperature.value is not None
        and (zone.habit.cooling_c is None or zone.temperature.value > zone.habit.cooling_c - _COOL_MARGIN_K)
        and (zone.occupancy.is_occupied or zone.habit.cooling_c is not None)
    ]
    seen = [z.temperature.value for z in served(view, system) if z.temperature.value is not None]
    if outdoor is None or not warm or not seen:
        return 0.0
    mixed = sum(seen) / len(seen)
    if mixed - outdoor < _FREE_COOLING_K:
        return 0.0
    wanted = supply_target_c(view, system)
    return min(max((mixed - wanted) / (mixed - outdoor), 0.0), 1.0) if wanted is not None else 1.0


def supply_target_c(view: BuildingView, system: AirSystem) -> float | None:
    """Supply air temperature that trim and respond has come to, or the system's own."""
    return view.memory.supply_air.get(system.name, system.habit.supply_c)


def propose(view: BuildingView) -> list[Proposal]:
    """Outdoor air of every system that has it to drive."""
    proposals = []
    for system in view.air:
        point = system.outdoor_air
        if point is None:
            continue
        share = needed_share(view, system)
        free = free_share(view, system)
        if share is None:
            proposals.append(Proposal(point, None, NAME, "Let go: what people need of this system is not known."))
        elif free > share and _economises(system):
            # Its own economizer knows its coils; it never takes less than its own minimum.
            proposals.append(Proposal(point, None, NAME, "Let go: the outdoor air cools for free."))
        elif free > share:
            why = f"{free:.0%} outdoor air cools for free; people need {share:.0%}."
            proposals.append(Proposal(point, round(free, 3), NAME, why))
        elif share == 0:
            proposals.append(Proposal(point, 0.0, NAME, "Nobody there: no outdoor air is warmed."))
        else:
            why = f"{share:.0%} outdoor air is what ASHRAE 62.1 asks for the people who are there."
            proposals.append(Proposal(point, round(share, 3), NAME, why))
    return proposals


def _economises(system: AirSystem) -> bool:
    return system.supply is None
