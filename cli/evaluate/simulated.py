"""Recorded periods of the built-in simulated buildings, with causes of a gap injected and what they truly cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from core.calendar import MINUTE_MS, Calendar
from core.schedule import Block, Schedule
from predict.causes.record import Record, RecordedPoint
from predict.series import Floats, Times
from simulators import calvino, pavilion
from simulators.building import RCBuilding
from simulators.design import Variation
from simulators.instruments import BOILER_ENABLE, HEATING_SETPOINT, SUPPLY_SETPOINT

SAMPLE_MS: Final = 15 * MINUTE_MS
STEP_S: Final = 300
WARM_UP_DAYS: Final = 6
CLASSES: Final = {
    "electricity": ("Building_Electrical_Meter", "kW.h"),
    "gas": ("Building_Gas_Meter", "kW.h"),
    "heat": ("Thermal_Energy_Usage_Sensor", "kW.h"),
    "outdoor-temperature": ("Outside_Air_Temperature_Sensor", "Cel"),
    "solar-irradiance": ("Solar_Irradiance_Sensor", "W/m2"),
    "supply-temperature": ("Leaving_Hot_Water_Temperature_Sensor", "Cel"),
    "return-temperature": ("Entering_Hot_Water_Temperature_Sensor", "Cel"),
    "boiler-power": ("Thermal_Power_Sensor", "kW"),
    "boiler-status": ("On_Off_Status", "1"),
    BOILER_ENABLE: ("Enable_Command", "1"),
    SUPPLY_SETPOINT: ("Leaving_Hot_Water_Temperature_Setpoint", "Cel"),
    HEATING_SETPOINT: ("Zone_Air_Heating_Temperature_Setpoint", "Cel"),
    "temperature": ("Zone_Air_Temperature_Sensor", "Cel"),
    "co2": ("Zone_CO2_Level_Sensor", "[ppm]"),
    "occupancy": ("Occupancy_Count_Sensor", "{person}"),
}
"""Brick class and unit of what the buildings' instruments show, by the last part of their names."""


@dataclass(frozen=True, slots=True)
class BuildingType:
    """A built-in building and the schedule that its thermostats are told."""

    name: str
    build: Callable[..., RCBuilding]
    calendar: Calendar
    schedule: Schedule


TYPES: Final = (
    BuildingType(
        "library",
        calvino.build,
        calvino.calendar(),
        Schedule(calvino.SETBACK_C, [Block([*calvino.WORKING_DAYS, "sat"], "05:00", "20:00", calvino.COMFORT_C)]),
    ),
    BuildingType(
        "school",
        pavilion.build,
        pavilion.calendar(),
        Schedule(pavilion.SETBACK_C, [Block([*pavilion.SCHOOL_DAYS], "05:30", "16:30", pavilion.COMFORT_C)]),
    ),
)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A period of a simulated building: its record, and what truly went through its meters, kWh."""

    record: Record
    gas_kwh: float
    electricity_kwh: float

    @property
    def kwh(self) -> float:
        """Gas and electricity."""
        return self.gas_kwh + self.electricity_kwh


def simulate_period(kind: BuildingType, first: date, days: int, *, seed: int, variation: Variation) -> Simulated:
    """Run a building over local days and record it every 15 minutes.

    Parameters
    ----------
    first, days
        Local days that are recorded; the building runs some days before them.
    seed
        Of weather, people and sensors.
    variation
        What is injected. The energies are as the meters count them, its gain included.
    """
    calendar = kind.calendar
    start, end = calendar.midnight(first), calendar.midnight(first + timedelta(days=days))
    building = kind.build(
        calendar.midnight(first - timedelta(days=WARM_UP_DAYS)), seed=seed, step_s=STEP_S, variation=variation
    )
    names = list(building.names)
    setpoints = [name for name in building.writable if name.endswith(HEATING_SETPOINT)]
    before = (0.0, 0.0)
    rows: list[list[float]] = []
    times: list[int] = []
    now = building.time_ms
    while now < end:
        if now % (30 * MINUTE_MS) == 0:
            wanted = kind.schedule.value_at(now, calendar)
            for name in setpoints:
                building.write(name, wanted)
        if now == start:
            before = _used(building)
        if now >= start:
            times.append(now)
            rows.append([building.read(name) for name in names])
        now += SAMPLE_MS
        building.step(now)
    times.append(now)
    rows.append([building.read(name) for name in names])
    gas, electricity = ((after - b) * variation.meter_gain for after, b in zip(_used(building), before, strict=True))
    at = np.array(times, np.int64)
    columns = np.array(rows).T
    return Simulated(
        Record(tuple(_recorded(name, at, column) for name, column in zip(names, columns, strict=True))),
        gas,
        electricity,
    )


def _used(building: RCBuilding) -> tuple[float, float]:
    truth = building.truth()
    return truth.gas_kwh, truth.electricity_kwh


def _recorded(name: str, time_ms: Times, value: Floats) -> RecordedPoint:
    zone, _, what = name.rpartition("/")
    brick_class, unit = CLASSES[what]
    return RecordedPoint(name=name, brick_class=brick_class, unit=unit, zone=zone, time_ms=time_ms, value=value)
