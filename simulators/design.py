"""What a simulated building is made of: zones, their shell and use, the links between them, the heating plant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.schedule import Block


class Face(StrEnum):
    """What an opaque element looks at."""

    FACADE = "facade"
    ROOF = "roof"
    GROUND = "ground"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """A wall, roof or floor as three resistances and two capacities (3R2C).

    Attributes
    ----------
    u_w_m2k
        Thermal transmittance with surface films.
    capacity_j_m2k
        Areal heat capacity.
    azimuth_deg
        Where a facade looks, 0 north, 90 east.
    absorptance
        Solar, of the outer face.
    """

    face: Face
    area_m2: float
    u_w_m2k: float
    capacity_j_m2k: float
    azimuth_deg: float = 0.0
    absorptance: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Glazing without thermal mass; `g` is the solar factor with its usual shading."""

    area_m2: float
    azimuth_deg: float
    u_w_m2k: float = 3.0
    g: float = 0.38


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One zone with its shell, its equipment and the people it is made for.

    Attributes
    ----------
    leakage_cm2
        Effective leakage area at 4 Pa.
    ventilation_m3_h
        Mechanical supply air while the building is open; `heat_recovery` is its efficiency, 0 to 1.
    window_opening_m3_h
        What people let in at most when it is too warm or stuffy.
    radiator_kw
        Nominal output at 50 K above the room (EN 442).
    people
        Usual number at the busiest hour.
    lighting_w_m2, plugs_w_m2, base_w_m2
        Installed lighting, equipment in use while open, equipment that is always on.
    daylight_factor
        Indoor over outdoor illuminance.
    """

    name: str
    floor_m2: float
    height_m: float
    opaque: tuple[Opaque, ...]
    windows: tuple[Window, ...]
    leakage_cm2: float
    ventilation_m3_h: float
    radiator_kw: float
    people: float
    heat_recovery: float = 0.5
    window_opening_m3_h: float = 0.0
    mass_j_m2k: float = 165_000.0
    lighting_w_m2: float = 9.0
    plugs_w_m2: float = 4.0
    base_w_m2: float = 1.3
    daylight_factor: float = 0.02
    events: float = 0.0
    """People that a lecture brings here on some evenings."""

    @property
    def volume_m3(self) -> float:
        """Air volume."""
        return self.floor_m2 * self.height_m


@dataclass(frozen=True, slots=True)
class Link:
    """Heat exchange between two zones through walls and open doors."""

    first: str
    second: str
    conductance_w_k: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantDesign:
    """A modulating condensing boiler, its pump and pipes.

    Attributes
    ----------
    minimum_share
        Lowest output it can hold, of `boiler_kw`; below it cycles.
    boiler_water_kg, pipe_kg, return_kg
        Water content of the boiler, of the supply pipe (three parts, which is the transport delay), of the return.
    jacket_w_k
        Standing loss to the plant room.
    fan_w_per_m3_s
        Electric power of ventilation per air flow.
    """

    boiler_kw: float = 190.0
    minimum_share: float = 0.2
    boiler_water_kg: float = 260.0
    pipe_kg: float = 300.0
    return_kg: float = 450.0
    jacket_w_k: float = 9.0
    pipe_w_k: float = 12.0
    plant_room_c: float = 16.0
    pump_w: float = 520.0
    fan_w_per_m3_s: float = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildingDesign:
    """All of a building."""

    zones: tuple[Zone, ...]
    links: tuple[Link, ...]
    plant: PlantDesign
    opening: tuple[Block, ...]

    @property
    def floor_m2(self) -> float:
        """Heated floor area."""
        return sum(zone.floor_m2 for zone in self.zones)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How the building as it is differs from its design: the causes of a gap, each one knob.

    Attributes
    ----------
    infiltration
        Factor on leakage.
    boiler_efficiency
        Factor on efficiency.
    setpoint_offset_k
        What thermostats regulate to above what they are told.
    people
        Factor on the number of visitors.
    plant_extra_hours
        Ventilation and lights run so much longer after closing, hours a day of opening.
    meter_gain
        Factor on what the electricity and gas meters count.
    """

    infiltration: float = 1.0
    boiler_efficiency: float = 1.0
    setpoint_offset_k: float = 0.0
    people: float = 1.0
    plant_extra_hours: float = 0.0
    meter_gain: float = 1.0
