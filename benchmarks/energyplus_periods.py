"""Periods of EnergyPlus buildings as a building management system would have recorded them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import DomainError
from simulators.energyplus import EnergyPlusBuilding, utc_offset_h
from simulators.idf.model import Idf, IdfObject, conditioned_zones
from simulators.idf.points import J_PER_KWH, slug
from simulators.idf.schedules import daily

Floats = npt.NDArray[np.float64]
Run = dict[tuple[str, str], Floats]
"""Every reported series by (variable or meter, object in capitals), one value a zone time step."""

STEPS_PER_HOUR = 4
METERS = {
    "NaturalGas:Facility": ("gas", "Building_Gas_Meter"),
    "Electricity:Facility": ("electricity", "Building_Electrical_Meter"),
    "Heating:NaturalGas": ("gas/heating", "Gas_Meter"),
    "Heating:Electricity": ("electricity/heating", "Electrical_Meter"),
    "Cooling:Electricity": ("electricity/cooling", "Electrical_Meter"),
    "Fans:Electricity": ("electricity/fans", "Electrical_Meter"),
    "Pumps:Electricity": ("electricity/pumps", "Electrical_Meter"),
    "InteriorLights:Electricity": ("electricity/lights", "Electrical_Meter"),
    "InteriorEquipment:Electricity": ("electricity/equipment", "Electrical_Meter"),
    "HeatingCoils:EnergyTransfer": ("heat", "Thermal_Energy_Usage_Sensor"),
}
BOUGHT = {"gas": "NaturalGas:Facility", "electricity": "Electricity:Facility"}
HEAT = "HeatingCoils:EnergyTransfer"
ZONE = {
    "Zone Mean Air Temperature": ("temperature", "Zone_Air_Temperature_Sensor", "Cel"),
    "Zone Thermostat Heating Setpoint Temperature": (
        "heating-setpoint",
        "Zone_Air_Heating_Temperature_Setpoint",
        "Cel",
    ),
    "Zone Thermostat Cooling Setpoint Temperature": (
        "cooling-setpoint",
        "Zone_Air_Cooling_Temperature_Setpoint",
        "Cel",
    ),
    "Zone People Occupant Count": ("people", "Occupancy_Count_Sensor", "{person}"),
}
OUTDOOR, WIND, DIRECT, DIFFUSE, ALTITUDE = (
    "Site Outdoor Air Drybulb Temperature",
    "Site Wind Speed",
    "Site Direct Solar Radiation Rate per Area",
    "Site Diffuse Solar Radiation Rate per Area",
    "Site Solar Altitude Angle",
)
FAN = "Fan Electricity Energy"
USE_SHARE = {"People": 1.0, "Lights": 0.4, "ElectricEquipment": 0.4}
"""How far what people switch on follows their number."""


@dataclass(frozen=True)
class Period:
    """A recorded period: local dates [first, end), a weather file, and the seed of how people spend its days."""

    first: date
    end: date
    weather: Path
    seed: int

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end - self.first).days


@dataclass(frozen=True)
class Recording:
    """What a management system keeps.

    Attributes
    ----------
    rich
        End uses, heat delivered and fan status too, not only the bought carriers.
    register
        Meters show registers (0.1 kWh), not the energy of each interval.
    hourly
        Hourly, not each quarter of an hour.
    exact
        Sensors without noise and with all their digits.
    """

    rich: bool = False
    register: bool = False
    hourly: bool = True
    exact: bool = False


RECORDINGS = {
    "lean": Recording(),
    "register": Recording(register=True, hourly=False),
    "rich": Recording(rich=True, hourly=False, exact=True),
}


def varied(period: Period, spread: float) -> Callable[[Idf], Idf]:
    """Let people, lights and equipment differ from day to day: the building's days and each zone's, log-normal.

    Parameters
    ----------
    spread
        Standard deviation of a zone's people from day to day, as a share.
    """

    def vary(model: Idf) -> Idf:
        building = np.random.default_rng([period.seed, 0]).standard_normal(period.days)
        copies: list[IdfObject] = []

        def follow(item: IdfObject) -> IdfObject:
            zone = np.random.default_rng([period.seed, 1 + len(copies)]).standard_normal(period.days)
            factors = np.exp(spread * USE_SHARE[item.kind] * (0.6 * building + 0.8 * zone))
            try:
                base = model.find("Schedule:", item.field(2))
                copy = daily(base, period.first, [float(factor) for factor in factors], f"used {len(copies)}")
            except DomainError:  # a schedule of a class that stays as it is
                return item
            copies.append(copy)
            return item.with_field(2, copy.name)

        return model.mapped(follow, *USE_SHARE).adding(*copies)

    return vary


def simulate(model: Path, period: Period, changes: list[Callable[[Idf], Idf]], spread: float) -> Run:
    """Simulate a period and read every reported series."""
    with tempfile.TemporaryDirectory() as directory:
        with EnergyPlusBuilding(
            model,
            period.weather,
            period.first,
            period.end,
            steps_per_hour=STEPS_PER_HOUR,
            changes=[*changes, varied(period, spread)],
            output=directory,
            variables=(*ZONE, OUTDOOR, WIND, DIRECT, DIFFUSE, ALTITUDE, FAN),
            meters=tuple(METERS),
        ) as building:
            building.step(building.end_ms)
        return _series(Path(directory) / "eplusout.sql")


def _series(path: Path) -> Run:
    """Every reported series of the weather run, in time order."""
    with sqlite3.connect(path) as base:
        frame = pd.read_sql(
            """select d.Name as name, upper(coalesce(d.KeyValue, '')) as key, r.Value as value
            from ReportData r join ReportDataDictionary d using (ReportDataDictionaryIndex)
            join Time t on t.TimeIndex = r.TimeIndex
            join EnvironmentPeriods e on e.EnvironmentPeriodIndex = t.EnvironmentPeriodIndex
            where e.EnvironmentType = 3 and coalesce(t.WarmupFlag, 0) = 0 order by r.TimeIndex""",
            base,
        )
    groups = frame.groupby(["name", "key"], sort=False)
    return {(str(name), str(key)): part["value"].to_numpy() for (name, key), part in groups}


def bought_kwh(run: Run, gains: dict[str, float]) -> dict[str, float]:
    """Total of each carrier as its meter shows it, kWh; `gains` are what meters multiply."""
    return {
        carrier: float(run[meter, ""].sum() / J_PER_KWH * gains.get(carrier, 1.0)) if (meter, "") in run else 0.0
        for carrier, meter in BOUGHT.items()
    }


def heat_kwh(run: Run) -> float:
    """Heat delivered by the coils, kWh."""
    return float(run[HEAT, ""].sum() / J_PER_KWH) if (HEAT, "") in run else 0.0


@dataclass(frozen=True)
class _Series:
    point: str
    brick_class: str
    unit: str
    zone: str
    readings: Floats
    """One value more than there are intervals: readings at each instant (a register)."""


def _zones(run: Run, model: Idf, recording: Recording, rng: np.random.Generator) -> Iterator[_Series]:
    for zone in conditioned_zones(model):
        for variable, (name, brick, unit) in ZONE.items():
            if (variable, zone.upper()) not in run:
                continue
            values = run[variable, zone.upper()]
            if not recording.exact and name == "temperature":
                values = values + 0.05 * rng.standard_normal(len(values))
            yield _Series(f"{slug(zone)}/{name}", brick, unit, slug(zone), values)


def _site(run: Run) -> Iterator[_Series]:
    place = "ENVIRONMENT"
    height = np.sin(np.deg2rad(np.maximum(run[ALTITUDE, place], 0)))
    horizontal = run[DIFFUSE, place] + run[DIRECT, place] * height
    yield _Series("outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel", "", run[OUTDOOR, place])
    yield _Series("solar-irradiance", "Solar_Irradiance_Sensor", "W/m2", "", horizontal)
    yield _Series("wind-speed", "Wind_Speed_Sensor", "m/s", "", run[WIND, place])


def _fans(run: Run) -> Iterator[_Series]:
    for (name, key), values in run.items():
        if name == FAN and "EXHAUST" not in key:
            yield _Series(f"{slug(key)}/status", "Fan_On_Off_Status", "1", "", (values > 0).astype(float))


_DIGITS = {"Cel": 1, "{person}": 0, "W/m2": 0, "m/s": 1}


def _shown(series: _Series, per: int, recording: Recording) -> _Series:
    values = series.readings.reshape(-1, per).mean(axis=1)
    if series.brick_class == "Fan_On_Off_Status":
        values = (values > 0.5).astype(float)
    if not recording.exact and series.unit in _DIGITS:
        values = np.round(values, _DIGITS[series.unit])
    return replace(series, readings=values)


def _meters(run: Run, per: int, recording: Recording, gains: dict[str, float]) -> Iterator[_Series]:
    for meter, (name, brick) in METERS.items():
        values = run.get((meter, ""))
        if values is None or not (recording.rich or name in BOUGHT) or not values.any():
            continue
        kwh = values.reshape(-1, per).sum(axis=1) / J_PER_KWH * gains.get(name, 1.0)
        if recording.register:
            kwh = np.floor(10 * (12345.6 + np.concatenate([[0.0], np.cumsum(kwh)]))) / 10
        yield _Series(name, brick, "kW.h", "", np.round(kwh, 4))


def write(directory: Path, run: Run, model: Idf, period: Period, recording: Recording, gains: dict[str, float]) -> None:
    """Write points.csv and readings.parquet; energy is stamped with the beginning of its interval."""
    per = STEPS_PER_HOUR if recording.hourly else 1
    step = timedelta(hours=per / STEPS_PER_HOUR)
    midnight = datetime(period.first.year, period.first.month, period.first.day, tzinfo=UTC)
    start = midnight - timedelta(hours=utc_offset_h(period.weather))
    rng = np.random.default_rng([period.seed, 99])
    states = [*_zones(run, model, recording, rng), *_site(run), *(_fans(run) if recording.rich else ())]
    kept = [*(_shown(series, per, recording) for series in states), *_meters(run, per, recording, gains)]
    directory.mkdir(parents=True, exist_ok=True)
    rows = [(series.point, series.brick_class, series.unit, series.zone) for series in kept]
    pd.DataFrame(rows, columns=["point", "brick_class", "unit", "zone"]).to_csv(directory / "points.csv", index=False)
    frames = [
        pd.DataFrame(
            {
                "point": series.point,
                "time_utc": pd.date_range(start, periods=len(series.readings), freq=step),
                "value": series.readings,
            }
        )
        for series in kept
    ]
    pd.concat(frames).astype({"point": "category"}).to_parquet(directory / "readings.parquet", index=False)
