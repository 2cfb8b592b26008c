"""Which points of a building are what to control: its zones and its air systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.points import Point

ZONE_TEMPERATURE: Final = "Zone_Air_Temperature_Sensor"
ZONE_PEOPLE: Final = "Occupancy_Count_Sensor"
ZONE_CO2: Final = "Zone_CO2_Level_Sensor"
ZONE_HEATING: Final = "Zone_Air_Heating_Temperature_Setpoint"
ZONE_COOLING: Final = "Zone_Air_Cooling_Temperature_Setpoint"
"""Brick classes of a zone's points."""


@dataclass(frozen=True, slots=True)
class ZoneLayout:
    """A zone's points.

    Attributes
    ----------
    name
        ``site/building/zone``.
    heating, cooling
        Set-points that may be driven.
    temperature, people, co2
        Point ids of the sensors; empty: none.
    floor_area_m2, design_people
        Its floor, and the most people that it was designed for; None: not known.
    load
        Meter of its electricity, which tells of people; None: there is none.
    """

    name: str
    heating: Point
    cooling: Point | None = None
    temperature: str = ""
    people: str = ""
    co2: str = ""
    floor_area_m2: float | None = None
    design_people: float | None = None
    load: Point | None = None

    @property
    def is_counted(self) -> bool:
        """Whether its people are counted, or told by carbon dioxide."""
        return bool(self.people or self.co2)


@dataclass(frozen=True, slots=True)
class SystemLayout:
    """An air system's points.

    Attributes
    ----------
    zones
        Names of the zones that it feeds.
    fan, outdoor_air, supply
        What may be driven: on and off, share of outdoor air, supply air temperature.
    flow
        Point id of the supply air flow; empty: it is taken as constant.
    """

    name: str
    zones: tuple[str, ...]
    fan: Point | None = None
    outdoor_air: Point | None = None
    supply: Point | None = None
    flow: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """All of a building.

    Attributes
    ----------
    outdoor, sun
        Point ids of outdoor air temperature and horizontal irradiance; empty: none.
    heat_meters
        Point ids of the registers that count what heating takes, kWh.
    supply_water
        Supply water temperature set-point that may be driven.
    load
        Meter of its electricity, which tells of people where nobody counts them; None: there is none.
    """

    building: str
    zones: tuple[ZoneLayout, ...]
    systems: tuple[SystemLayout, ...] = ()
    outdoor: str = ""
    sun: str = ""
    heat_meters: tuple[str, ...] = ()
    supply_water: Point | None = None
    load: Point | None = None

    @property
    def driven(self) -> tuple[Point, ...]:
        """All points that may be driven."""
        found = [point for zone in self.zones for point in (zone.heating, zone.cooling)]
        found += [point for system in self.systems for point in (system.fan, system.outdoor_air, system.supply)]
        return tuple(point for point in (*found, self.supply_water) if point is not None)

    @property
    def loads(self) -> dict[str, Point]:
        """Meters that tell of people, by zone name; the building's for zones without one, where nobody counts."""
        own = {zone.name: zone.load for zone in self.zones if zone.load is not None and not zone.is_counted}
        if self.load is None or any(zone.is_counted for zone in self.zones):
            return own
        return {zone.name: own.get(zone.name, self.load) for zone in self.zones}

    @property
    def points(self) -> tuple[str, ...]:
        """Ids of everything that decisions look at."""
        found = [self.outdoor, self.sun, *self.heat_meters, *(meter.id for meter in self.loads.values())]
        for zone in self.zones:
            found += [zone.heating.id, zone.cooling.id if zone.cooling else "", zone.temperature, zone.people, zone.co2]
        for system in self.systems:
            driven = (system.fan, system.outdoor_air, system.supply)
            found += [*(point.id for point in driven if point), system.flow]
        if self.supply_water is not None:
            found.append(self.supply_water.id)
        return tuple(dict.fromkeys(point for point in found if point))
