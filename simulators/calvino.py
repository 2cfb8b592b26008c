"""The Turin public library Italo Calvino as a simulated building; its dimensions and equipment are our assumptions."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from core.calendar import Calendar, site_holidays
from core.config.models import Device, DevicePoint, FrostProtection
from core.points import Counter, Limits, Measure, Plausible
from core.schedule import Block, Schedule
from simulators.building import RCBuilding
from simulators.design import BuildingDesign, Face, Link, Opaque, PlantDesign, Variation, Window, Zone
from simulators.instruments import BOILER_ENABLE, HEATING_SETPOINT, SUPPLY_SETPOINT
from simulators.registermap import Entry
from simulators.weather import TurinWeather, Weather

BUILDING: Final = "torino/calvino"
TIMEZONE: Final = "Europe/Rome"
WORKING_DAYS: Final = ("mon", "tue", "wed", "thu", "fri")
OPENING: Final = (
    Block([*WORKING_DAYS], "08:30", "19:00", 1.0),
    Block(["sat"], "10:00", "14:00", 1.0),
)
# The local schedule is as generous as those one finds: longer than the opening hours, and on Saturday as on Monday.
COMFORT_C: Final = 20.5
SETBACK_C: Final = 17.0
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


def register_map() -> tuple[Entry, ...]:
    """Where the library's Modbus device (unit 1) serves what; types, scales and word orders vary as in real devices."""
    zones = [zone.name for zone in design().zones]
    entries = [
        Entry(name="electricity", table="input", address=0, kind="uint32", scale=0.1),
        Entry(name="gas", table="input", address=2, kind="uint32", scale=0.1),
        Entry(name="heat", table="input", address=4, kind="uint32", word_order="little"),
        Entry(name="outdoor-temperature", table="input", address=6, scale=0.1),
        Entry(name="solar-irradiance", table="input", address=7, kind="uint16"),
        Entry(name="supply-temperature", table="input", address=8, scale=0.1),
        Entry(name="return-temperature", table="input", address=9, scale=0.1),
        Entry(name="boiler-power", table="input", address=10, kind="float32"),
        Entry(name="boiler-status", table="discrete", address=0),
        Entry(name=BOILER_ENABLE, table="coil", address=0),
        Entry(name=SUPPLY_SETPOINT, table="holding", address=0, kind="float32", lowest=20.0, highest=80.0),
    ]
    for i, zone in enumerate(zones):
        base = 12 + 3 * i
        entries += [
            Entry(name=f"{zone}/temperature", table="input", address=base, scale=0.01),
            Entry(name=f"{zone}/co2", table="input", address=base + 1, kind="uint16"),
            Entry(name=f"{zone}/occupancy", table="input", address=base + 2, kind="uint16"),
            Entry(
                name=f"{zone}/{HEATING_SETPOINT}", table="holding", address=2 + i, scale=0.1, lowest=4.0, highest=30.0
            ),
        ]
    return tuple(entries)


def device_points() -> list[DevicePoint]:
    """Every point of the library as the gateway's configuration has it, with its place in the register map."""
    points = {point.id: point for point in _plant_points()}
    for zone in design().zones:
        points.update({point.id: point for point in _zone_points(zone.name)})
    sources = {f"{BUILDING}/{entry.name}": entry.source() for entry in register_map()}
    return [msgspec.structs.replace(point, source=sources[name]) for name, point in points.items()]


def device(host: str, port: int, *, poll_every_s: float = 60.0) -> Device:
    """The library as a device of a gateway's configuration."""
    return Device(
        name="calvino",
        driver="modbus",
        options={"host": host, "port": port},
        poll_every_s=poll_every_s,
        points=device_points(),
    )


def frost_protection() -> list[FrostProtection]:
    """What the gateway's own slot 2 watches over."""
    return [
        FrostProtection(
            sensor=f"{BUILDING}/{zone.name}/temperature", setpoint=f"{BUILDING}/{zone.name}/{HEATING_SETPOINT}"
        )
        for zone in design().zones
    ]


def _plant_points() -> list[DevicePoint]:
    def point(name: str, brick_class: str, unit: str, description: str, **more: Any) -> DevicePoint:
        return DevicePoint(id=f"{BUILDING}/{name}", brick_class=brick_class, unit=unit, description=description, **more)

    def meter(name: str, brick_class: str, description: str, max_kw: float, resolution: float) -> DevicePoint:
        counter = Counter(rollover=1_000_000.0, max_rate_per_h=max_kw, resolution=resolution)
        return point(name, brick_class, "kW.h", description, measure=Measure.REGISTER, counter=counter)

    water = Plausible(minimum=0.0, maximum=110.0, max_step=40.0)
    return [
        meter("electricity", "Building_Electrical_Meter", "Main electricity meter", 120.0, 0.1),
        meter("gas", "Building_Gas_Meter", "Main gas meter, gross calorific value", 300.0, 0.1),
        meter("heat", "Thermal_Energy_Usage_Sensor", "Heat meter behind the boiler", 600.0, 1.0),
        point(
            "outdoor-temperature",
            "Outside_Air_Temperature_Sensor",
            "Cel",
            "North facade",
            plausible=Plausible(minimum=-30.0, maximum=45.0, max_step=6.0),
        ),
        point(
            "solar-irradiance",
            "Solar_Irradiance_Sensor",
            "W/m2",
            "Global, horizontal, on the roof",
            plausible=Plausible(minimum=0.0, maximum=1300.0),
        ),
        point(
            "supply-temperature",
            "Leaving_Hot_Water_Temperature_Sensor",
            "Cel",
            "Water leaving the boiler",
            plausible=water,
        ),
        point(
            "return-temperature",
            "Entering_Hot_Water_Temperature_Sensor",
            "Cel",
            "Water entering the boiler",
            plausible=water,
        ),
        point(
            "boiler-power",
            "Thermal_Power_Sensor",
            "kW",
            "Heat into the boiler's water",
            plausible=Plausible(minimum=0.0, maximum=250.0),
        ),
        point("boiler-status", "On_Off_Status", "1", "Whether the burner is on"),
        point(
            BOILER_ENABLE,
            "Enable_Command",
            "1",
            "Whether the burner may run",
            limits=Limits(minimum=0.0, maximum=1.0, safe_value=1.0),
            schedule=Schedule(1.0),
        ),
        point(
            SUPPLY_SETPOINT,
            "Leaving_Hot_Water_Temperature_Setpoint",
            "Cel",
            "Water leaving the boiler",
            limits=Limits(minimum=25.0, maximum=75.0, safe_value=60.0),
            schedule=Schedule(70.0),
        ),
    ]


def _zone_points(zone: str) -> list[DevicePoint]:
    def point(name: str, brick_class: str, unit: str, **more: Any) -> DevicePoint:
        return DevicePoint(id=f"{BUILDING}/{zone}/{name}", brick_class=brick_class, unit=unit, **more)

    return [
        point(
            "temperature",
            "Zone_Air_Temperature_Sensor",
            "Cel",
            plausible=Plausible(minimum=-10.0, maximum=45.0, max_step=5.0),
        ),
        point("co2", "Zone_CO2_Level_Sensor", "[ppm]", plausible=Plausible(minimum=350.0, maximum=5000.0)),
        point("occupancy", "Occupancy_Count_Sensor", "{person}", plausible=Plausible(minimum=0.0, maximum=400.0)),
        point(
            HEATING_SETPOINT,
            "Zone_Air_Heating_Temperature_Setpoint",
            "Cel",
            limits=Limits(minimum=5.0, maximum=26.0, safe_value=18.0),
            schedule=Schedule(SETBACK_C, [Block([*WORKING_DAYS, "sat"], "07:00", "20:00", COMFORT_C)]),
        ),
    ]
