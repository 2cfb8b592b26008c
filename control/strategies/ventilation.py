"""Outdoor air for the people who are there (ASHRAE 62.1), free cooling where it helps, none for nobody."""

from __future__ import annotations

import math
from typing import Final

from control.proposal import Proposal
from control.strategies.fans import is_left_alone, served
from control.view import AirSystem, BuildingView, Zone

NAME: Final = "ventilation"
MARGIN: Final = 1.02
"""Supply air changes a little between two decisions."""
_TOLD: Final = 0.02
FAN_K: Final = 0.5
"""The fan warms the air behind the coils."""
_COOL_MARGIN_K: Final = 0.5
_FREE_COOLING_K: Final = 2.0
CO2_NEAR_PPM: Final = 900.0
CO2_LIMIT_PPM: Final = 1200.0
"""Some 800 ppm above outdoors, EN 16798-1 category II."""
# People and area rates of ASHRAE 62.1-2022, table 6-1, l/s a person and l/s a m2, by how densely a zone is used.
_DENSE, _SPARSE = 0.20, 0.10
_DENSE_RATES: Final = (5.0, 0.6)  # classrooms
_MIDDLE_RATES: Final = (3.8, 0.6)  # shops
_SPARSE_RATES: Final = (2.5, 0.3)  # offices


def rates(people_peak: float, floor_area_m2: float | None) -> tuple[float, float]:
    """Outdoor air for a person and for a zone's floor, l/s, by how densely the zone is used.

    Without its floor area half of what its most people need is for the floor.
    """
    if not floor_area_m2:
        a_person = sum(_DENSE_RATES) / 2
        return a_person, people_peak * a_person
    density = people_peak / floor_area_m2
    a_person, a_m2 = _DENSE_RATES if density >= _DENSE else _SPARSE_RATES if density <= _SPARSE else _MIDDLE_RATES
    return a_person, a_m2 * floor_area_m2


def need(zone: Zone) -> tuple[float, float]:
    """Outdoor air that a zone needs now, and that its most people need, l/s.

    What ASHRAE 62.1 asks for its people; more where its carbon dioxide nears the limit, all of it from the limit on.
    """
    now, most = _need_of_people(zone)
    if zone.co2.value is None or not zone.occupancy.is_occupied:
        return now, most
    near = min(max((zone.co2.value - CO2_NEAR_PPM) / (CO2_LIMIT_PPM - CO2_NEAR_PPM), 0.0), 1.0)
    return max(now, near * most), most


def _need_of_people(zone: Zone) -> tuple[float, float]:
    """With nobody there it is nothing (occupied standby).

    A zone whose people nobody counts needs its floor's share while it is occupied; one whose number of people is
    unknown now needs all of it.
    """
    share = zone.occupancy.share
    if zone.people_peak <= 0:
        area = (zone.floor_area_m2 or 0.0) * _SPARSE_RATES[1]
        return (area if zone.occupancy.is_occupied else 0.0), area
    a_person, area = rates(zone.people_peak, zone.floor_area_m2)
    most = zone.people_peak * a_person + area
    if share is None:
        return (most if zone.occupancy.is_occupied else 0.0), most
    return (share * zone.people_peak * a_person + area if share > 0 else 0.0), most


def needed_share(view: BuildingView, system: AirSystem) -> float | None:
    """Share of outdoor air that a system's people need, 0 to 1; None: not known, its own minimum holds.

    Its own least share of outdoor air, or its own least flow of it over the supply air now, scaled to the people.
    """
    zones = served(view, system)
    if any(zone.occupancy.is_occupied and zone.people_peak <= 0 and not zone.floor_area_m2 for zone in zones):
        return None  # people are there, and neither they nor the floor say how much they need
    needs = [need(zone) for zone in zones]
    now, most = sum(n for n, _ in needs), sum(m for _, m in needs)
    if now == 0:
        return None if any(zone.occupancy.is_occupied for zone in zones) else 0.0
    if most <= 0:
        return None
    if system.habit.outdoor_share:
        return min(system.habit.outdoor_share * now / most, 1.0)
    # One at rest will move what it usually does.
    flow = max(system.flow_now.value or 0.0, system.habit.flow or 0.0)
    if system.habit.outdoor_air is None or flow <= 0:
        return None
    return min(MARGIN * system.habit.outdoor_air / flow * now / most, 1.0)


def return_c(view: BuildingView, system: AirSystem) -> float | None:
    """Temperature of a system's return air: the mean of its zones, degrees Celsius."""
    seen = [z.temperature.value for z in served(view, system) if z.temperature.value is not None]
    return sum(seen) / len(seen) if seen else None


def free_share(view: BuildingView, system: AirSystem) -> float:
    """Share of outdoor air that cools for free as much as is wanted, 0 to 1; 0 where it would not.

    A system with a supply temperature of its own gets what mixes to it, so that no coil has to cool. Another one gets
    all there is once a zone comes close to its cooling set-point.
    """
    outdoor, inside = view.outdoor.value, return_c(view, system)
    if outdoor is None or inside is None or inside - outdoor < _FREE_COOLING_K:
        return 0.0
    if system.supply is not None:
        wanted = supply_target_c(view, system)
        return 0.0 if wanted is None else min(max((inside + FAN_K - wanted) / (inside - outdoor), 0.0), 1.0)
    return 1.0 if any(_is_warm(zone) for zone in served(view, system)) else 0.0


def _is_warm(zone: Zone) -> bool:
    limit = zone.habit.cooling_c
    value = zone.temperature.value
    return value is not None and limit is not None and zone.occupancy.is_occupied and value > limit - _COOL_MARGIN_K


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
        known = return_c(view, system) is not None and not is_left_alone(view, system)
        share = needed_share(view, system) if known else None
        free = free_share(view, system) if share else 0.0
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
            proposals.append(Proposal(point, _rounded(share), NAME, why, effect=_less_air(system, share)))
    return proposals


def _rounded(share: float) -> float:
    """Up to three digits."""
    return math.ceil(round(share * 1000, 6)) / 1000


def _less_air(system: AirSystem, share: float) -> str:
    """By how much less air has to be warmed than the system's own control would take."""
    flow = max(system.flow_now.value or 0.0, system.habit.flow or 0.0)
    moved = (system.habit.outdoor_air or 0.0) / flow if flow > 0 else 0.0
    own = moved if system.habit.outdoor_share is None else system.habit.outdoor_share
    saved = 1 - share / min(own, 1.0) if own > 0 else 0.0
    return f"{saved:.0%} less outdoor air to warm or cool than at full use." if saved > _TOLD else ""


def _economises(system: AirSystem) -> bool:
    return system.supply is None
