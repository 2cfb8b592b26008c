"""Builds views of a small building for tables of decisions."""

from dataclasses import replace
from datetime import date, datetime

from control.memory import Memory
from control.view import BuildingView, Comfort, Heating, Input, MeterGap, Occupancy, Season, WarmUp, Zone
from core.calendar import Calendar
from core.points import Limits, Point
from core.schedule import Block, Schedule
from predict.gap import GapTotal

ROME = Calendar("Europe/Rome", {date(2026, 1, 6)})
OPENING = Schedule(0.0, [Block(["mon", "tue", "wed", "thu", "fri"], "08:30", "19:00", 1.0)])
COMFORT = Comfort(minimum_c=20.0, maximum_c=26.0, setback_c=16.0)
MISSING = Input(None, "no reading for 75 min")
WARM_UP = WarmUp(base_k_per_h=1.0, loss_per_h=0.0, slowest_k_per_h=0.5, mornings=9)


AT_DESK = Occupancy(is_occupied=True, changes_ms=None)


def setpoint(zone: str = "hall", limits: Limits | None = None) -> Point:
    return Point(
        f"torino/calvino/{zone}/heating-setpoint",
        "Zone_Air_Heating_Temperature_Setpoint",
        "Cel",
        limits=limits or Limits(5.0, 26.0, 18.0),
    )


SUPPLY = Point(
    "torino/calvino/supply-temperature-setpoint",
    "Hot_Water_Supply_Temperature_Setpoint",
    "Cel",
    limits=Limits(25.0, 75.0, 60.0),
)

COOLING = Point(
    "torino/calvino/hall/cooling-setpoint",
    "Zone_Air_Cooling_Temperature_Setpoint",
    "Cel",
    limits=Limits(15.0, 40.0, 26.0),
)
FAN = Point("torino/calvino/fan", "Enable_Command", "1", limits=Limits(0.0, 1.0, 0.0))
OUTDOOR_AIR = Point("torino/calvino/outdoor-air", "Damper_Position_Command", "1", limits=Limits(0.0, 1.0, 0.2))
SUPPLY_AIR = Point(
    "torino/calvino/supply-air", "Supply_Air_Temperature_Setpoint", "Cel", limits=Limits(10.0, 35.0, 13.0)
)


def at(text: str) -> int:
    """UTC milliseconds of a local wall time."""
    moment = datetime.fromisoformat(text)
    return ROME.at(moment.date(), moment.time())


def zone(
    temperature: Input | float = 19.0,
    *,
    name: str = "hall",
    now: Input | float = 20.5,
    warm_up: WarmUp = WARM_UP,
    limits: Limits | None = None,
    occupancy: Occupancy | None = None,
) -> Zone:
    return Zone(
        f"torino/calvino/{name}",
        setpoint(name, limits),
        temperature if isinstance(temperature, Input) else Input(temperature),
        now if isinstance(now, Input) else Input(now),
        warm_up,
        occupancy or AT_DESK,
    )


def view(
    when: str = "2026-01-14 10:00",
    *zones: Zone,
    outdoor: Input | float = 5.0,
    season: Heating = Heating.ALLOWED,
    supply: bool = False,
    gaps: tuple[MeterGap, ...] = (),
    memory: Memory | None = None,
) -> BuildingView:
    now_ms = at(when)
    opening = Occupancy(OPENING.value_at(now_ms, ROME) > 0, OPENING.next_change(now_ms, ROME))
    return BuildingView(
        building="torino/calvino",
        now_ms=now_ms,
        calendar=ROME,
        season=Season(season, "DPR 74/2013"),
        comfort=COMFORT,
        zones=tuple(replace(z, occupancy=opening) if z.occupancy is AT_DESK else z for z in zones or (zone(),)),
        outdoor=outdoor if isinstance(outdoor, Input) else Input(outdoor),
        supply_setpoint=SUPPLY if supply else None,
        gaps=gaps,
        memory=memory or Memory(),
    )


def gap(kwh: float, uncertainty: float = 50.0, coverage: float = 1.0, extrapolated: float = 0.0) -> MeterGap:
    total = GapTotal(0, 86_400_000, 500 + kwh, 500.0, kwh, uncertainty, coverage, extrapolated, 24, 24)
    return MeterGap("torino/calvino/gas", "towt 3 of torino/calvino/gas", total)
