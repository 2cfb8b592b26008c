"""Recorded periods of EnergyPlus buildings with known causes of a gap: ``python -m benchmarks.gap_energyplus make DIR``.

DIR/<building>/<variant>/ gets ``reference`` and ``reporting-<case>``, each with points.csv and readings.parquet as
``promessa gap explain`` reads them, and truth.json with what each cause really took (a run without it, same weather, same people).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from simulators.idf.model import Idf, IdfObject, conditioned_zones, for_run, reporting, zones_of
from simulators.idf.causes import (
    prolong_plant,
    raise_heating_setpoints,
    resize_people,
    scale_efficiency,
    scale_infiltration,
    scale_people,
)
from simulators.idf.schedules import changed

J_PER_KWH = 3.6e6

BUILDINGS = {
    "small-office-chicago": ("ref:small_office", ("usa_il_chicago", "usa_il_uiw"), -6),
    "medium-office-chicago": ("ref:medium_office", ("usa_il_chicago", "usa_il_uiw"), -6),
    "primary-school-chicago": ("ref:primary_school", ("usa_il_chicago", "usa_il_uiw"), -6),
    "small-office-denver": ("ashrae:office_small", ("usa_co_denver", "usa_co_golden"), -7),
    "large-office-chicago": ("ref:large_office", ("usa_il_chicago", "usa_il_uiw"), -6),
    "small-office-golden": ("ref:small_office", ("usa_co_golden", "usa_co_boulder"), -7),
    "primary-school-newark": ("ref:primary_school", ("usa_nj_newark", "usa_va_sterling"), -5),
    "retail-chicago": ("ref:standalone_retail", ("usa_il_uiw", "usa_il_chicago"), -6),
    "medium-office-denver": ("ashrae:office_medium", ("usa_co_denver", "usa_co_boulder"), -7),
}
CAUSES = {
    "setpoint": lambda model: raise_heating_setpoints(model, 1.0),
    "plant": lambda model: prolong_plant(model, 2.0),
    "infiltration": lambda model: scale_infiltration(model, 1.5),
    "efficiency": lambda model: scale_efficiency(model, 0.9),
    "people": lambda model: scale_people(model, 1.3),
    "people-resized": lambda model: resize_people(model, 1.3),
    "meter-gas": None,
    "meter-electricity": None,
}
FAMILY = {
    "setpoint": "set-points",
    "plant": "use and schedule",
    "infiltration": "envelope",
    "efficiency": "system efficiency",
    "people": "use and schedule",
    "people-resized": "use and schedule",
    "meter-gas": "metering",
    "meter-electricity": "metering",
}
PAIRS = (
    ("setpoint", "infiltration"),
    ("setpoint", "efficiency"),
    ("plant", "infiltration"),
    ("plant", "efficiency"),
    ("infiltration", "efficiency"),
    ("setpoint", "plant"),
    ("people", "infiltration"),
    ("infiltration", "meter-gas"),
)
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
LEAN = {"gas", "electricity"}
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
SITE = (
    "Site Outdoor Air Drybulb Temperature",
    "Site Wind Speed",
    "Site Direct Solar Radiation Rate per Area",
    "Site Diffuse Solar Radiation Rate per Area",
    "Site Solar Altitude Angle",
)
FAN = "Fan Electricity Energy"
USE = ("People", "Lights", "ElectricEquipment")


@dataclass(frozen=True)
class Period:
    """A recorded period: local dates [first, end), a weather file, a seed of the people's days."""

    first: date
    end: date
    epw: Path
    seed: int
    utc_offset_h: int


def varied(model: Idf) -> tuple[Idf, list[tuple[str, str, str]]]:
    """Give people, lights and equipment schedules of their own that a run can multiply day by day."""
    copies: list[IdfObject] = []
    drives: list[tuple[str, str, str]] = []

    def follow(item: IdfObject) -> IdfObject:
        base = item.field(2)
        if not base:
            return item
        try:
            copy = changed(model.find("Schedule:", base), lambda steps: steps, f"{item.kind} {item.name} as used"[:95])
        except Exception:  # noqa: BLE001 - a schedule of another class stays as it is
            return item
        copies.append(copy)
        drives.append((copy.name, base, item.kind))
        return item.with_field(2, copy.name)

    return model.mapped(follow, *USE).adding(*copies), drives


def factors(drives: list[tuple[str, str, str]], period: Period, spread: float) -> dict[str, np.ndarray]:
    """Multipliers (day, hour) of each schedule: a building's days, a zone's days and its hours differ."""
    days = (period.end - period.first).days
    building = np.exp(spread * 0.6 * np.random.default_rng([period.seed, 0]).standard_normal((days, 1)))
    result = {}
    for index, (copy, _, kind) in enumerate(drives):
        rng = np.random.default_rng([period.seed, 1 + index])
        zone = np.exp(spread * 0.8 * rng.standard_normal((days, 1)))
        noise = np.zeros(days * 24)
        shocks = rng.standard_normal(days * 24)
        for i in range(1, len(noise)):
            noise[i] = 0.8 * noise[i - 1] + 0.6 * shocks[i]
        hour = np.exp(spread * 0.5 * noise).reshape(days, 24)
        share = 1.0 if kind == "People" else 0.4
        result[copy] = np.clip((building * zone * hour) ** share, 0.3, 2.0)
    return result


def child(job_path: str) -> None:
    """Run one simulation in this process (EnergyPlus keeps state: a process each)."""
    from pyenergyplus.api import EnergyPlusAPI

    job = json.loads(Path(job_path).read_text())
    directory = Path(job_path).parent
    tables = np.load(directory / "factors.npz")
    api = EnergyPlusAPI()
    state = api.state_manager.new_state()
    api.runtime.set_console_output_status(state, False)
    drives = [(copy, base, tables[f"f{i}"]) for i, (copy, base, _) in enumerate(job["drives"])]
    for _, base, _ in drives:
        api.exchange.request_variable(state, "Schedule Value", base)
    handles: list[tuple[int, int, Any]] = []
    first = date.fromisoformat(job["first"]).timetuple().tm_yday

    def drive(state: Any) -> None:
        exchange = api.exchange
        if not exchange.api_data_fully_ready(state) or exchange.kind_of_sim(state) != 3:
            return
        if not handles:
            for copy, base, table in drives:
                got = (
                    exchange.get_actuator_handle(state, "Schedule:Compact", "Schedule Value", copy),
                    exchange.get_variable_handle(state, "Schedule Value", base),
                )
                if -1 in got:
                    raise SystemExit(f"no handle for {copy}")
                handles.append((*got, table))
        day = exchange.day_of_year(state) - first
        hour = exchange.hour(state)
        for actuator, sensor, table in handles:
            value = exchange.get_variable_value(state, sensor) * table[min(max(day, 0), len(table) - 1), min(hour, 23)]
            exchange.set_actuator_value(state, actuator, float(value))

    if drives:
        api.runtime.callback_begin_zone_timestep_before_init_heat_balance(state, drive)
    status = api.runtime.run_energyplus(state, ["-d", str(directory), "-w", job["epw"], str(directory / "model.idf")])
    raise SystemExit(status)


def simulate(model: Idf, period: Period, spread: float, steps: int) -> dict[str, Any]:
    """Simulate and read every reported series; keys are (variable or meter, object)."""
    model = for_run(model, period.first, period.end, steps_per_hour=steps)
    model, drives = varied(model) if spread else (model, [])
    model = reporting(model, (*ZONE, *SITE, FAN), METERS)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "model.idf").write_text(model.text())
        tables = factors(drives, period, spread) if spread else {}
        np.savez(directory / "factors.npz", **{f"f{i}": tables[copy] for i, (copy, _, _) in enumerate(drives)})
        job = {"drives": drives, "first": period.first.isoformat(), "epw": str(period.epw)}
        (directory / "job.json").write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gap_energyplus", "child", str(directory / "job.json")],
            capture_output=True,
            text=True,
            check=False,
        )
        errors = directory / "eplusout.err"
        said = errors.read_text(errors="replace") if errors.exists() else ""
        if done.returncode or "Fatal" in said:
            raise SystemExit(f"EnergyPlus failed\n{said[-3000:]}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
        return series(directory / "eplusout.sql")


def series(path: Path) -> dict[tuple[str, str], np.ndarray]:
    """Every reported series of the weather run, in time order."""
    with sqlite3.connect(path) as base:
        frame = pd.read_sql(
            """select d.Name as name, upper(coalesce(d.KeyValue, '')) as key, r.TimeIndex as t, r.Value as value
            from ReportData r join ReportDataDictionary d using (ReportDataDictionaryIndex)
            join Time t on t.TimeIndex = r.TimeIndex
            join EnvironmentPeriods e on e.EnvironmentPeriodIndex = t.EnvironmentPeriodIndex
            where e.EnvironmentType = 3 and coalesce(t.WarmupFlag, 0) = 0 order by r.TimeIndex""",
            base,
        )
    return {
        (name, key): part["value"].to_numpy() for (name, key), part in frame.groupby(["name", "key"], sort=False)
    }


def find_model(name: str) -> Idf:
    """One of the engine's own models (``ref:``, ``ashrae:``) or a file."""
    from pyenergyplus import dataset

    kind, _, short = name.partition(":")
    path = {"ref": dataset.ref_models, "ashrae": dataset.ashrae_models}[kind][short] if short else name
    return Idf.parse(Path(path).read_text(encoding="latin-1"))


def meter_kwh(result: dict[Any, np.ndarray], carriers: dict[str, float] | None = None) -> dict[str, float]:
    """Total of each carrier, kWh, as its meter shows it."""
    gain = carriers or {}
    return {
        carrier: float(result.get((meter, ""), np.zeros(1)).sum() / J_PER_KWH * gain.get(carrier, 1.0))
        for meter, carrier in (("NaturalGas:Facility", "gas"), ("Electricity:Facility", "electricity"))
    }


def heat_kwh(result: dict[Any, np.ndarray]) -> float:
    """Heat delivered by the coils, kWh."""
    return float(result.get(("HeatingCoils:EnergyTransfer", ""), np.zeros(1)).sum() / J_PER_KWH)


@dataclass(frozen=True)
class Variant:
    """What a building's management system records."""

    rich: bool = False
    register: bool = False
    hourly: bool = True
    noise: bool = True


def write(
    directory: Path,
    result: dict[tuple[str, str], np.ndarray],
    model: Idf,
    period: Period,
    variant: Variant,
    gains: dict[str, float],
    steps: int,
) -> None:
    """Write points.csv and readings.parquet of a run as its management system would have recorded it."""
    per = steps if variant.hourly else 1
    step_s = 3600 // steps * per
    n = (period.end - period.first).days * 86400 // step_s
    start = datetime(period.first.year, period.first.month, period.first.day, tzinfo=UTC) - timedelta(
        hours=period.utc_offset_h
    )
    times = pd.date_range(start, periods=n, freq=f"{step_s}s")
    rng = np.random.default_rng([period.seed, 99])
    points: list[tuple[str, str, str, str]] = []
    frames = []

    def add(point: str, brick: str, unit: str, zone: str, values: np.ndarray, when: pd.DatetimeIndex = times) -> None:
        points.append((point, brick, unit, zone))
        frames.append(pd.DataFrame({"point": point, "time_utc": when, "value": values}))

    def mean(values: np.ndarray) -> np.ndarray:
        return values.reshape(-1, per).mean(axis=1)

    for zone in conditioned_zones(model):
        for variable, (name, brick, unit) in ZONE.items():
            values = result.get((variable, zone.upper()))
            if values is None:
                continue
            shown = mean(values)
            if variant.noise and name == "temperature":
                shown = np.round(shown + 0.05 * rng.standard_normal(n), 1)
            if variant.noise and name == "people":
                shown = np.round(shown)
            short = zone.lower().replace("_", "-").replace(" ", "-")
            add(f"{short}/{name}", brick, unit, short, shown)
    for meter, (name, brick) in METERS.items():
        values = result.get((meter, ""))
        if values is None or (not variant.rich and name not in LEAN) or not np.any(values):
            continue
        gain = gains.get(name.split("/", maxsplit=1)[0], 1.0) if name in LEAN else 1.0
        kwh = values.reshape(-1, per).sum(axis=1) / J_PER_KWH * gain
        if variant.register:
            counted = np.floor(10 * (12345.6 + np.concatenate([[0.0], np.cumsum(kwh)]))) / 10
            add(name, brick, "kW.h", "", counted, pd.date_range(start, periods=n + 1, freq=f"{step_s}s"))
        else:
            add(name, brick, "kW.h", "", np.round(kwh, 3))
    direct, diffuse, altitude = (result[SITE[i], "ENVIRONMENT"] for i in (2, 3, 4))
    horizontal = diffuse + direct * np.sin(np.deg2rad(np.maximum(altitude, 0)))
    add("outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel", "", mean(result[SITE[0], "ENVIRONMENT"]).round(1))
    add("solar-irradiance", "Solar_Irradiance_Sensor", "W/m2", "", mean(horizontal).round(0))
    add("wind-speed", "Wind_Speed_Sensor", "m/s", "", mean(result[SITE[1], "ENVIRONMENT"]).round(1))
    if variant.rich:
        for (name, key), values in result.items():
            if name == FAN and "EXHAUST" not in key:
                short = key.lower().replace("_", "-").replace(" ", "-").replace(":", "-")
                add(f"{short}/status", "Fan_On_Off_Status", "1", "", (mean(values) > 0).astype(float))
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "points.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("point", "brick_class", "unit", "zone"))
        rows.writerows(points)
    pd.concat(frames).astype({"point": "category"}).to_parquet(directory / "readings.parquet", index=False)


def gains_of(causes: tuple[str, ...]) -> dict[str, float]:
    """What the meters multiply."""
    return {
        carrier: 1.1
        for carrier, cause in (("gas", "meter-gas"), ("electricity", "meter-electricity"))
        if cause in causes
    }


def apply(model: Idf, causes: tuple[str, ...]) -> Idf:
    """Put the causes into the model."""
    for cause in causes:
        change = CAUSES[cause]
        model = change(model) if change else model
    return model


def minus(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Difference carrier by carrier."""
    return {carrier: round(one[carrier] - other[carrier], 2) for carrier in one}


def make(out: Path, building: str, cases: list[tuple[str, ...]], weeks: int, seed: int, spread: float, first_day: int) -> None:
    """Write the datasets of one building."""
    from pyenergyplus.dataset import weather_files

    model_name, (epw_reference, epw_reporting), offset = BUILDINGS[building]
    model = find_model(model_name)
    steps = 4
    base_a, base_b = date(2023, 1, 2) + timedelta(days=first_day), date(2025, 1, 6) + timedelta(days=first_day)
    reference = Period(base_a, base_a + timedelta(weeks=weeks), Path(weather_files[epw_reference]), 2 * seed, offset)
    report = Period(base_b, base_b + timedelta(weeks=weeks), Path(weather_files[epw_reporting]), 2 * seed + 1, offset)
    as_before = Period(report.first, report.end, report.epw, reference.seed, offset)
    variants = {
        "lean": Variant(),
        "rich": Variant(rich=True, hourly=False, noise=False),
        "register": Variant(register=True, hourly=False),
    }
    root = out / f"{building}-{weeks}w-s{seed}"
    done = simulate(model, reference, spread, steps)
    for name, variant in variants.items():
        write(root / name / "reference", done, model, reference, variant, {}, steps)
    before, heat_before = meter_kwh(done), heat_kwh(done)
    weathered = meter_kwh(simulate(model, as_before, spread, steps))
    runs: dict[tuple[str, ...], dict[Any, np.ndarray]] = {}

    def run(causes: tuple[str, ...]) -> dict[Any, np.ndarray]:
        physical = tuple(cause for cause in causes if CAUSES[cause])
        if physical not in runs:
            runs[physical] = simulate(apply(model, physical), report, spread, steps)
        return runs[physical]

    none = meter_kwh(run(()))
    for causes in cases:
        started = time.monotonic()
        got = run(causes)
        after = meter_kwh(got, gains_of(causes))
        truth: dict[str, Any] = {
            "building": building,
            "weeks": weeks,
            "seed": seed,
            "causes": list(causes),
            "families": {cause: FAMILY[cause] for cause in causes},
            "reference_kwh": before,
            "reporting_kwh": after,
            "change_kwh": minus(after, before),
            "weather_kwh": minus(weathered, before),
            "random_use_kwh": minus(none, weathered),
            "heat_reference_kwh": round(heat_before, 2),
            "heat_reporting_kwh": round(heat_kwh(got), 2),
            "heat_without_causes_kwh": round(heat_kwh(run(())), 2),
            "cause_kwh": {},
        }
        for cause in causes:
            others = tuple(other for other in causes if other != cause)
            last = minus(after, meter_kwh(run(others), gains_of(others)))
            alone = minus(meter_kwh(run((cause,)), gains_of((cause,))), none)
            truth["cause_kwh"][cause] = {
                carrier: round((last[carrier] + alone[carrier]) / 2, 2) for carrier in last
            }
            truth.setdefault("alone_kwh", {})[cause] = alone
            truth.setdefault("last_kwh", {})[cause] = last
        label = "+".join(causes) or "none"
        for name, variant in variants.items():
            folder = root / name / f"reporting-{label}"
            write(folder, got, model, report, variant, gains_of(causes), steps)
            (folder / "truth.json").write_text(json.dumps(truth, indent=1))
        print(
            f"{datetime.now(UTC):%H:%M:%S} {root.name} {label}: change {truth['change_kwh']} causes {truth['cause_kwh']} "
            f"weather {truth['weather_kwh']} use {truth['random_use_kwh']} ({time.monotonic() - started:.0f} s)",
            flush=True,
        )


def main() -> None:
    """Read the command line."""
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2])
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make", help="write datasets")
    making.add_argument("directory", type=Path)
    making.add_argument("--building", default="small-office-chicago", choices=BUILDINGS)
    making.add_argument("--cases", default="none,setpoint,plant,infiltration,efficiency,people,people-resized,meter-gas,meter-electricity")
    making.add_argument("--weeks", type=int, default=8)
    making.add_argument("--first-day", type=int, default=7, help="days after the first Monday of January")
    making.add_argument("--seed", type=int, default=1)
    making.add_argument("--spread", type=float, default=0.15, help="variation of people from day to day, share")
    arguments = parser.parse_args()
    cases = [tuple(c for c in case.split("+") if c != "none") for case in arguments.cases.split(",")]
    make(arguments.directory, arguments.building, cases, arguments.weeks, arguments.seed, arguments.spread, arguments.first_day)


if __name__ == "__main__":
    main()
