"""A school pavilion of the seventies as a second simulated building: light, leaky, with much glass and many people."""

from __future__ import annotations

from typing import Final

from core.calendar import Calendar, site_holidays
from core.schedule import Block
from simulators.building import RCBuilding
from simulators.design import BuildingDesign, Face, Link, Opaque, PlantDesign, Variation, Window, Zone
from simulators.weather import TurinWeather, Weather

BUILDING: Final = "torino/pavilion"
TIMEZONE: Final = "Europe/Rome"
SCHOOL_DAYS: Final = ("mon", "tue", "wed", "thu", "fri")
OPENING: Final = (Block([*SCHOOL_DAYS], "08:00", "16:30", 1.0),)
COMFORT_C: Final = 20.0
SETBACK_C: Final = 15.0


def design() -> BuildingDesign:
    """One storey of light panels on a slab: 900 m2 heated; a quarter of the library's heat capacity a square metre."""
    return BuildingDesign(
        zones=(
            Zone(
                name="classrooms-south",
                floor_m2=360,
                height_m=3.2,
                opaque=(_panel(80, 180.0), _panel(35, 90.0), _roof(360), _slab(360)),
                windows=(Window(area_m2=75, azimuth_deg=180.0, u_w_m2k=2.8, g=0.35),),
                leakage_cm2=2900,
                ventilation_m3_h=1900,
                window_opening_m3_h=3500,
                radiator_kw=46,
                people=80,
                heat_recovery=0.6,
                mass_j_m2k=60_000,
                lighting_w_m2=8.0,
                plugs_w_m2=5.0,
                base_w_m2=1.5,
                daylight_factor=0.03,
            ),
            Zone(
                name="classrooms-north",
                floor_m2=360,
                height_m=3.2,
                opaque=(_panel(80, 0.0), _panel(35, 270.0), _roof(360), _slab(360)),
                windows=(Window(area_m2=60, azimuth_deg=0.0, u_w_m2k=2.8, g=0.45),),
                leakage_cm2=2700,
                ventilation_m3_h=1900,
                window_opening_m3_h=3000,
                radiator_kw=48,
                people=75,
                heat_recovery=0.6,
                mass_j_m2k=60_000,
                lighting_w_m2=8.0,
                plugs_w_m2=5.0,
                base_w_m2=1.5,
            ),
            Zone(
                name="canteen",
                floor_m2=180,
                height_m=3.6,
                opaque=(_panel(50, 270.0), _panel(45, 180.0), _roof(180), _slab(180)),
                windows=(Window(area_m2=22, azimuth_deg=270.0, u_w_m2k=2.8, g=0.4),),
                leakage_cm2=1500,
                ventilation_m3_h=900,
                window_opening_m3_h=1800,
                radiator_kw=28,
                people=30,
                heat_recovery=0.5,
                mass_j_m2k=70_000,
                lighting_w_m2=7.0,
                plugs_w_m2=9.0,
                base_w_m2=3.0,
            ),
        ),
        links=(
            Link("classrooms-south", "classrooms-north", 160.0),
            Link("classrooms-south", "canteen", 70.0),
            Link("classrooms-north", "canteen", 60.0),
        ),
        plant=PlantDesign(
            boiler_kw=125.0, minimum_share=0.25, boiler_water_kg=120.0, pipe_kg=140.0, return_kg=210.0, pump_w=310.0
        ),
        opening=OPENING,
    )


def calendar() -> Calendar:
    """Turin's: Italian holidays and 24 June."""
    return Calendar(TIMEZONE, site_holidays("IT", None, ["06-24"]))


def build(
    start_ms: int,
    *,
    seed: int = 0,
    step_s: int = 60,
    weather: Weather | None = None,
    variation: Variation | None = None,
) -> RCBuilding:
    """The pavilion, beginning at `start_ms`; stochastic Turin weather of `seed` unless another is given."""
    return RCBuilding(
        design(),
        weather or TurinWeather(seed),
        calendar(),
        start_ms,
        seed=seed,
        step_s=step_s,
        variation=variation,
    )


def _panel(area_m2: float, azimuth_deg: float) -> Opaque:
    return Opaque(face=Face.FACADE, area_m2=area_m2, u_w_m2k=0.65, capacity_j_m2k=60_000, azimuth_deg=azimuth_deg)


def _roof(area_m2: float) -> Opaque:
    return Opaque(face=Face.ROOF, area_m2=area_m2, u_w_m2k=0.45, capacity_j_m2k=50_000, absorptance=0.7)


def _slab(area_m2: float) -> Opaque:
    return Opaque(face=Face.GROUND, area_m2=area_m2, u_w_m2k=0.35, capacity_j_m2k=250_000)
