"""The Turin public library Italo Calvino as a simulated building; its dimensions and equipment are our assumptions."""

from __future__ import annotations

from typing import Final

from core.calendar import Calendar, site_holidays
from core.schedule import Block
from simulators.building import RCBuilding
from simulators.design import BuildingDesign, Face, Link, Opaque, PlantDesign, Variation, Window, Zone
from simulators.weather import TurinWeather, Weather

BUILDING: Final = "torino/calvino"
TIMEZONE: Final = "Europe/Rome"
OPENING: Final = (
    Block(["mon", "tue", "wed", "thu", "fri"], "08:30", "19:00", 1.0),
    Block(["sat"], "10:00", "14:00", 1.0),
)
NORTH: Final = 0.0
EAST: Final = 90.0
SOUTH: Final = 180.0
WEST: Final = 270.0


def design() -> BuildingDesign:
    """A two-storey brick building of the sixties, not insulated, with double glazing put in later: 1,600 m2 heated."""
    return BuildingDesign(
        zones=(
            Zone(
                name="reading-room",
                floor_m2=700,
                height_m=4.2,
                opaque=(_wall(150, SOUTH), _wall(90, WEST), _wall(60, NORTH), _roof(700)),
                windows=(Window(area_m2=55, azimuth_deg=SOUTH), Window(area_m2=30, azimuth_deg=WEST)),
                leakage_cm2=4600,
                ventilation_m3_h=2400,
                window_opening_m3_h=6000,
                radiator_kw=80,
                people=70,
            ),
            Zone(
                name="childrens-room",
                floor_m2=300,
                height_m=3.6,
                opaque=(_wall(95, EAST), _wall(55, SOUTH), _floor(300)),
                windows=(Window(area_m2=24, azimuth_deg=EAST), Window(area_m2=14, azimuth_deg=SOUTH)),
                leakage_cm2=1800,
                ventilation_m3_h=900,
                window_opening_m3_h=2500,
                radiator_kw=32,
                people=25,
            ),
            Zone(
                name="offices",
                floor_m2=250,
                height_m=3.1,
                opaque=(_wall(110, NORTH), _wall(40, EAST), _roof(125)),
                windows=(Window(area_m2=30, azimuth_deg=NORTH),),
                leakage_cm2=1300,
                ventilation_m3_h=350,
                window_opening_m3_h=1500,
                radiator_kw=28,
                people=12,
                plugs_w_m2=8.0,
                base_w_m2=2.5,
            ),
            Zone(
                name="hall",
                floor_m2=350,
                height_m=4.5,
                opaque=(_wall(110, WEST), _wall(60, NORTH), _floor(350)),
                windows=(Window(area_m2=35, azimuth_deg=WEST),),
                leakage_cm2=3600,
                ventilation_m3_h=700,
                window_opening_m3_h=3000,
                radiator_kw=44,
                people=15,
                events=50,
            ),
        ),
        links=(
            Link("reading-room", "hall", 320.0),
            Link("childrens-room", "hall", 180.0),
            Link("offices", "reading-room", 110.0),
            Link("offices", "hall", 90.0),
        ),
        plant=PlantDesign(),
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
    """The library, beginning at `start_ms`; stochastic Turin weather of `seed` unless another is given."""
    return RCBuilding(
        design(),
        weather or TurinWeather(seed),
        calendar(),
        start_ms,
        seed=seed,
        step_s=step_s,
        variation=variation,
    )


def _wall(area_m2: float, azimuth_deg: float) -> Opaque:
    return Opaque(face=Face.FACADE, area_m2=area_m2, u_w_m2k=1.45, capacity_j_m2k=340_000, azimuth_deg=azimuth_deg)


def _roof(area_m2: float) -> Opaque:
    return Opaque(face=Face.ROOF, area_m2=area_m2, u_w_m2k=0.9, capacity_j_m2k=300_000, absorptance=0.7)


def _floor(area_m2: float) -> Opaque:
    return Opaque(face=Face.GROUND, area_m2=area_m2, u_w_m2k=0.55, capacity_j_m2k=400_000)
