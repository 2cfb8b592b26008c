"""The explained gap on EnergyPlus buildings: ``python -m benchmarks.gap_energyplus make|score DIR``.

``make`` writes DIR/<building>/<recording>/ with ``reference`` and one ``reporting-<case>`` for each injected cause, and
truth.json beside each: what the cause took against a run with the same weather and the same people without it. The
reporting period has another weather and other days of the people than the reference. ``score`` runs ``promessa gap
explain`` on all of them and prints how often the cause ranked first and how near its kWh came. Needs the extras
``energyplus`` and ``data``, and pandas.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.energyplus_periods import RECORDINGS, Period, Run, bought_kwh, heat_kwh, simulate, write
from simulators.energyplus import shipped
from simulators.idf.causes import (
    prolong_plant,
    raise_heating_setpoints,
    resize_people,
    scale_efficiency,
    scale_infiltration,
    scale_people,
)
from simulators.idf.model import Idf

BUILDINGS = {
    "small-office-chicago": ("ref:small_office", "usa_il_chicago", "usa_il_uiw"),
    "medium-office-chicago": ("ref:medium_office", "usa_il_chicago", "usa_il_uiw"),
    "large-office-chicago": ("ref:large_office", "usa_il_chicago", "usa_il_uiw"),
    "primary-school-chicago": ("ref:primary_school", "usa_il_chicago", "usa_il_uiw"),
    "retail-chicago": ("ref:standalone_retail", "usa_il_uiw", "usa_il_chicago"),
    "small-office-golden": ("ref:small_office", "usa_co_golden", "usa_co_boulder"),
    "primary-school-newark": ("ref:primary_school", "usa_nj_newark", "usa_va_sterling"),
    "heat-pump-office-denver": ("ashrae:office_small", "usa_co_denver", "usa_co_golden"),
    "modern-school-denver": ("ashrae:school_primary", "usa_co_denver", "usa_co_boulder"),
    "small-office-sterling": ("ref:small_office", "usa_va_sterling", "usa_nj_newark"),
    "medium-office-boulder": ("ref:medium_office", "usa_co_boulder", "usa_co_colorado_springs"),
    "retail-newark": ("ref:standalone_retail", "usa_nj_newark", "usa_va_sterling"),
    "strip-mall-springs": ("ref:strip_mall", "usa_co_colorado_springs", "usa_co_denver"),
    "modern-retail-urbana": ("ashrae:retail_standalone", "usa_il_uiw", "usa_il_chicago"),
}
"""Model, weather of the reference, weather of the reporting period (a neighbouring station: another winter)."""

WEATHER, USE, SETPOINT, ENVELOPE, EFFICIENCY, METERING = (
    "weather",
    "use_and_schedule",
    "setpoint",
    "envelope",
    "system_efficiency",
    "metering",
)


@dataclass(frozen=True)
class Cause:
    """One injected cause: the family it belongs to, how the model or a meter changes."""

    family: str
    change: Callable[[Idf], Idf] | None = None
    carrier: str = ""


CAUSES = {
    "setpoint": Cause(SETPOINT, lambda model: raise_heating_setpoints(model, 1.0)),
    "plant": Cause(USE, lambda model: prolong_plant(model, 2.0)),
    "infiltration": Cause(ENVELOPE, lambda model: scale_infiltration(model, 1.5)),
    "efficiency": Cause(EFFICIENCY, lambda model: scale_efficiency(model, 0.9)),
    "people": Cause(USE, lambda model: scale_people(model, 1.3)),
    "people-resized": Cause(USE, lambda model: resize_people(model, 1.3)),
    "meter-gas": Cause(METERING, carrier="gas"),
    "meter-electricity": Cause(METERING, carrier="electricity"),
}
METER_GAIN = 1.1
LEAST_TRUE_KWH = 50.0
"""Found over true means nothing where the truth is next to nothing."""
PAIRS = (
    ("setpoint", "infiltration"),
    ("setpoint", "efficiency"),
    ("setpoint", "plant"),
    ("plant", "infiltration"),
    ("plant", "efficiency"),
    ("infiltration", "efficiency"),
    ("infiltration", "meter-gas"),
    ("people", "infiltration"),
)
Kwh = dict[str, float]


def gains_of(causes: Iterable[str]) -> Kwh:
    """What each meter multiplies."""
    return {CAUSES[cause].carrier: METER_GAIN for cause in causes if CAUSES[cause].carrier}


def minus(one: Kwh, other: Kwh) -> Kwh:
    """Difference carrier by carrier, kWh."""
    return {carrier: round(one[carrier] - other[carrier], 2) for carrier in one}


class Site:
    """A building with its two periods; runs are made once.

    Parameters
    ----------
    name
        One of `BUILDINGS`.
    weeks, first_day, seed, spread
        Length of each period; its first day, counted from the first Monday of January; how people spend their days.
    """

    def __init__(self, name: str, *, weeks: int, first_day: int, seed: int, spread: float) -> None:
        model, before, after = BUILDINGS[name]
        self.path, weather = shipped(model, before)
        self.model = Idf.parse(self.path.read_text(encoding="latin-1"))
        self.spread = spread
        first, later = (monday + timedelta(days=first_day) for monday in (date(2023, 1, 2), date(2025, 1, 6)))
        length = timedelta(weeks=weeks)
        other = shipped(model, after)[1]
        self.reference = Period(first, first + length, weather, 2 * seed)
        self.reporting = Period(later, later + length, other, 2 * seed + 1)
        self.people_as_before = Period(later, later + length, other, 2 * seed)
        self._runs: dict[tuple[Period, tuple[str, ...]], Run] = {}

    def run(self, period: Period, causes: tuple[str, ...] = ()) -> Run:
        """Simulate `period` under `causes`; what only a meter does needs no run of its own."""
        physical = tuple(cause for cause in causes if CAUSES[cause].change)
        if (period, physical) not in self._runs:
            changes = [change for cause in physical if (change := CAUSES[cause].change)]
            self._runs[period, physical] = simulate(self.path, period, changes, self.spread)
        return self._runs[period, physical]

    def kwh(self, causes: tuple[str, ...]) -> Kwh:
        """Bought energy of the reporting period under `causes`, as metered."""
        return bought_kwh(self.run(self.reporting, causes), gains_of(causes))

    def truth(self, causes: tuple[str, ...]) -> dict[str, Any]:
        """Return what truth.json holds: weather, random use and causes, which add up to the change."""
        before = bought_kwh(self.run(self.reference), {})
        weathered = bought_kwh(self.run(self.people_as_before), {})
        none, after = self.kwh(()), self.kwh(causes)
        alone, last = {}, {}
        for cause in causes:
            others = tuple(other for other in causes if other != cause)
            alone[cause] = minus(self.kwh((cause,)), none)
            last[cause] = minus(after, self.kwh(others))
        return {
            "causes": list(causes),
            "families": {cause: CAUSES[cause].family for cause in causes},
            "reference_kwh": before,
            "reporting_kwh": after,
            "change_kwh": minus(after, before),
            "weather_kwh": minus(weathered, before),
            "random_use_kwh": minus(none, weathered),
            "cause_kwh": {
                cause: {key: round((alone[cause][key] + last[cause][key]) / 2, 2) for key in after} for cause in causes
            },
            "alone_kwh": alone,
            "last_kwh": last,
            "heat_reference_kwh": round(heat_kwh(self.run(self.reference)), 2),
            "heat_reporting_kwh": round(heat_kwh(self.run(self.reporting, causes)), 2),
            "heat_without_causes_kwh": round(heat_kwh(self.run(self.reporting)), 2),
        }


def make(arguments: argparse.Namespace) -> None:
    """Write the periods of one building."""
    site = Site(
        arguments.building,
        weeks=arguments.weeks,
        first_day=arguments.first_day,
        seed=arguments.seed,
        spread=arguments.spread,
    )
    root = arguments.directory / f"{arguments.building}-{arguments.weeks}w-s{arguments.seed}"
    for name, recording in RECORDINGS.items():
        write(root / name / "reference", site.run(site.reference), site.model, site.reference, recording, {})
    for causes in arguments.cases:
        started = time.monotonic()
        truth = site.truth(causes)
        for name, recording in RECORDINGS.items():
            folder = root / name / f"reporting-{'+'.join(causes) or 'none'}"
            run = site.run(site.reporting, causes)
            write(folder, run, site.model, site.reporting, recording, gains_of(causes))
            (folder / "truth.json").write_text(json.dumps(truth, indent=1))
        print(
            f"{root.name} {'+'.join(causes) or 'none'}: change {truth['change_kwh']}, causes {truth['cause_kwh']}, "
            f"weather {truth['weather_kwh']}, use {truth['random_use_kwh']} ({time.monotonic() - started:.0f} s)",
            flush=True,
        )


def explained(folder: Path) -> Kwh:
    """Kilowatt-hours by cause as ``promessa gap explain`` splits them."""
    command = [sys.executable, "-m", "cli.main", "gap", "explain", "--reference", str(folder.parent / "reference")]
    done = subprocess.run([*command, "--reporting", str(folder), "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr.strip()[-500:]}")
    return {str(part["cause"]): float(part["kwh"]) for part in json.loads(done.stdout)["causes"]}


def judged(truth: dict[str, Any], found: Kwh) -> dict[str, Any]:
    """Compare one explanation with the truth; random days of the people belong to use, weather is no cause."""
    real: Kwh = {USE: sum(truth["random_use_kwh"].values())}
    for cause, kwh in truth["cause_kwh"].items():
        family = CAUSES[cause].family
        real[family] = real.get(family, 0.0) + sum(kwh.values())
    families = {CAUSES[cause].family for cause in truth["causes"]}
    ranked = sorted((name for name in found if name != WEATHER), key=lambda name: -abs(found[name]))
    errors = {family: abs(found.get(family, 0.0) - real[family]) / max(abs(real[family]), 1.0) for family in families}
    return {
        "first": set(ranked[: len(families)]) == families,
        "within_25": bool(errors) and max(errors.values()) <= 0.25,
        "error": max(errors.values(), default=0.0),
        "ranked": ranked[:3],
        "truth": {family: round(real[family]) for family in families},
        "found": {name: round(kwh) for name, kwh in found.items()},
    }


def biases(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Quartiles of found over true kWh by family and number of causes: which way the answers lean.

    Parameters
    ----------
    rows
        Each with `causes`, how many were injected, and what `judged` returns.
    """
    ratios = pd.DataFrame(
        [
            {"family": family, "causes": row["causes"], "ratio": row["found"].get(family, 0.0) / true}
            for row in rows
            for family, true in row["truth"].items()
            if abs(true) >= LEAST_TRUE_KWH
        ],
        columns=["family", "causes", "ratio"],
    )
    quartiles = ratios.groupby(["family", "causes"])["ratio"].describe()
    return quartiles[["count", "25%", "50%", "75%"]]


def score(arguments: argparse.Namespace) -> None:
    """Explain every period under the directory and print the shares."""
    rows = []
    for path in sorted(arguments.directory.glob("*/*/reporting-*/truth.json")):
        truth = json.loads(path.read_text())
        building, recording, case = path.parts[-4:-1]
        if not truth["causes"] or (arguments.recording and recording != arguments.recording):
            continue
        row = {"building": building, "recording": recording, "case": case.removeprefix("reporting-")}
        rows.append(row | {"causes": len(truth["causes"])} | judged(truth, explained(path.parent)))
        if not arguments.json:
            print(*(f"{key}={rows[-1][key]}" for key in ("building", "recording", "case", "first", "error", "ranked")))
    table = pd.DataFrame(rows)
    if table.empty:
        raise SystemExit(f"{arguments.directory} holds no periods: make them first")
    shares = {
        name: {"cases": len(part), "first": float(part["first"].mean()), "within_25": float(part["within_25"].mean())}
        for name, part in (
            *(((f"{k} {'cause' if k == 1 else 'causes'}"), p) for k, p in table.groupby("causes")),
            *((str(k), p) for k, p in table.groupby("recording")),
            *((str(k), p) for k, p in table.groupby("case")),
        )
    }
    if arguments.json:
        print(json.dumps({"shares": shares, "cases": rows}))
        return
    print(pd.DataFrame(shares).T.to_string(float_format=lambda share: f"{share:.2f}"))
    print("found / true kWh")
    print(biases(rows).to_string(float_format=lambda ratio: f"{ratio:.2f}"))


def cases(text: str) -> list[tuple[str, ...]]:
    """``none,setpoint,plant+infiltration``, ``single`` and ``pairs`` as tuples of causes."""
    found: list[tuple[str, ...]] = []
    for word in text.split(","):
        if word in {"single", "pairs"}:
            found += [(), *((cause,) for cause in CAUSES)] if word == "single" else PAIRS
        else:
            found.append(tuple(cause for cause in word.split("+") if cause != "none"))
    unknown = {cause for causes in found for cause in causes} - CAUSES.keys()
    if unknown:
        raise argparse.ArgumentTypeError(f"no such cause: {', '.join(unknown)}")
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make", help="write the periods of one building")
    making.add_argument("directory", type=Path)
    making.add_argument("--building", default="small-office-chicago", choices=BUILDINGS)
    making.add_argument("--cases", type=cases, default="single", help="single, pairs, or causes joined by + and ,")
    making.add_argument("--weeks", type=int, default=8)
    making.add_argument("--first-day", type=int, default=7, help="days after the first Monday of January")
    making.add_argument("--seed", type=int, default=1)
    making.add_argument("--spread", type=float, default=0.15, help="variation of people from day to day, a share")
    making.set_defaults(command=make)
    scoring = commands.add_parser("score", help="explain what is there and compare")
    scoring.add_argument("directory", type=Path)
    scoring.add_argument("--recording", choices=RECORDINGS)
    scoring.add_argument("--json", action="store_true")
    scoring.set_defaults(command=score)
    arguments = parser.parse_args()
    arguments.command(arguments)


if __name__ == "__main__":
    main()
