"""How long control takes to decide: ``python -m benchmarks.control_decisions [--buildings N] [--jobs N] [--json]``.

Made-up buildings of 5, 15 and 50 zones, three weeks on record, an air system for every five zones. Of each: one
decision of the rules and one plan of predictive control, from inputs to proposals; and what learning takes, once a day.
Then 800 buildings of mixed sizes, as a city has to decide them every quarter of an hour: each loaded from what was
learnt, decided once by the rules and once by predictive control, in processes of all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

from control.layout import Layout, SystemLayout, ZoneLayout
from control.learning import Learnt, agendas, learn, learn_habits
from control.memory import Memory
from control.mpc.decider import PredictiveDecider
from control.observer import observe
from control.occupancy import Agenda
from control.record import Record
from control.strategy import decide
from control.view import BuildingView, Comfort, Heating, Input, Season
from core.calendar import HOUR_MS, MINUTE_MS, Calendar
from core.points import Limits, Point
from predict.series import Floats

SIZES: Final = (5, 15, 50)
MIXED: Final = (5, 5, 5, 5, 15, 15, 15, 50)
"""Of a city: half small, an eighth as large as a school centre."""
CITY: Final = 800
AIM_RULES_MS: Final = 50.0
AIM_PLAN_MS: Final = 1000.0
AIM_CITY_S: Final = 900.0
STEP_MS: Final = 15 * MINUTE_MS
DAY: Final = 96
DAYS: Final = 21
ZONES_A_SYSTEM: Final = 5
ROME: Final = Calendar("Europe/Rome")
FIRST: Final = ROME.midnight(date(2026, 1, 12))
COMFORT: Final = Comfort(20.0, 26.0, 15.0)


@dataclass(frozen=True)
class Made:
    """A building with what was learnt of it, and a decider that has learnt."""

    layout: Layout
    learnt: Learnt
    plans: dict[str, Agenda]
    decider: PredictiveDecider
    end_ms: int
    learn_s: float

    def stored(self) -> bytes:
        """As it is kept between decisions; without this class, which workers do not find in a module that is run."""
        return pickle.dumps((self.layout, self.learnt, self.plans, self.decider, self.end_ms, self.learn_s))

    def view(self, hour: float, seed: int = 0) -> BuildingView:
        """It at an hour of the day after the record, its zones between 14 and 21 °C."""
        rng = np.random.default_rng(seed)
        inputs = {self.layout.outdoor: Input(float(rng.normal(3, 4))), self.layout.sun: Input(0.0)}
        for zone in self.layout.zones:
            inputs |= {
                zone.temperature: Input(float(rng.uniform(14, 21))),
                zone.heating.id: Input(15.0),
                zone.people: Input(0.0),
            }
        for system in self.layout.systems:
            inputs |= {p.id: Input(0.0) for p in (system.fan, system.outdoor_air) if p is not None}
            inputs[system.flow] = Input(0.0)
        return observe(
            self.layout, inputs, self.learnt, self.plans, calendar=ROME, now_ms=self.end_ms + round(hour * HOUR_MS),
            comfort=COMFORT, season=Season(Heating.ALLOWED), last_seen={}, memory=Memory(),
        )  # fmt: skip


def make(zones: int, seed: int) -> Made:
    """Make a building of so many zones, and learn it."""
    layout = _layout(zones)
    record = _record(layout, np.random.default_rng(seed))
    began = time.perf_counter()
    habits, air = learn_habits(layout, record)
    learnt = learn(layout, record, habits, air)
    end_ms = FIRST + len(record) * STEP_MS
    plans = agendas(layout, learnt, ROME, end_ms)
    decider = PredictiveDecider()
    decider.learn(layout, record, plans)
    return Made(layout, learnt, plans, decider, end_ms, time.perf_counter() - began)


def _layout(zones: int) -> Layout:
    def point(name: str, brick_class: str, unit: str, low: float, high: float) -> Point:
        return Point(f"city/school/{name}", brick_class, unit, limits=Limits(low, high, low))

    made = tuple(
        ZoneLayout(
            f"city/school/room-{k}",
            point(f"room-{k}/heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", "Cel", 7, 26),
            None,
            f"city/school/room-{k}/temperature",
            f"city/school/room-{k}/people",
            floor_area_m2=60.0,
        )
        for k in range(zones)
    )
    systems = tuple(
        SystemLayout(
            f"city/school/air-{k}",
            tuple(zone.name for zone in made[k * ZONES_A_SYSTEM : (k + 1) * ZONES_A_SYSTEM]),
            point(f"air-{k}/fan", "Fan_On_Off_Status", "1", 0, 1),
            point(f"air-{k}/outdoor-air", "Outside_Air_Flow_Setpoint", "1", 0, 1),
            None,
            f"city/school/air-{k}/supply-flow",
        )
        for k in range(-(-zones // ZONES_A_SYSTEM))
    )
    return Layout("city/school", made, systems, "city/school/outdoor", "city/school/sun", ("city/school/heat",))


def _record(layout: Layout, rng: np.random.Generator) -> Record:
    """Three weeks of rooms of two masses under a thermostat, working days from 8 to 18, heated from 5."""
    n, zones = DAYS * DAY, len(layout.zones)
    hour = np.arange(n) % DAY / 4
    works = np.arange(n) // DAY % 7 < 5
    fronts = np.interp(np.arange(n), np.arange(0, n + DAY, DAY), rng.normal(2, 4, DAYS + 1))
    outdoor = fronts + 4 * np.sin((hour - 9) / 24 * 2 * np.pi)
    sun = np.maximum(np.sin((hour - 7) / 10 * np.pi), 0) * 400 * ((hour > 7) & (hour < 17))
    people = np.where(works & (hour >= 8) & (hour < 18), 1.0, 0.0)
    setpoint = np.where(works & (hour >= 5) & (hour < 18), 21.0, 15.0)
    loss, mass, capacity = (rng.uniform(*span, zones) for span in ((0.003, 0.012), (0.02, 0.04), (0.5, 1.0)))
    inside, heat = np.zeros((n, zones)), np.zeros((n, zones))
    t, m = np.full(zones, 19.0), np.full(zones, 18.5)
    for k in range(n):
        inside[k] = t
        free = t - loss * (t - outdoor[k]) - mass * (t - m) + 0.0003 * sun[k] + 0.04 * people[k]
        heat[k] = np.clip(setpoint[k] - free, 0.0, capacity)
        m = m + 0.0155 * (t - m)
        t = free + heat[k]
    columns: dict[str, Floats] = {
        layout.outdoor: outdoor,
        layout.sun: sun,
        layout.heat_meters[0]: np.cumsum(heat.sum(axis=1)),
    }
    for z, zone in enumerate(layout.zones):
        columns |= {zone.temperature: inside[:, z], zone.heating.id: setpoint, zone.people: people * 20}
    for system in layout.systems:
        columns[system.flow] = np.where(people > 0, 1.0, 0.0)
        for driven, share in ((system.fan, people), (system.outdoor_air, 0.3 * people)):
            if driven is not None:
                columns[driven.id] = share
    return Record(FIRST, STEP_MS, columns, ROME)


def of_size(zones: int, repeats: int) -> dict[str, Any]:
    """Times of single decisions of one building, milliseconds, through the hours of a day."""
    made = make(zones, zones)
    made.decider(made.view(5.25))  # what is loaded once is no part of a decision
    hours = np.linspace(0, 23.5, repeats)
    rules, plans = [], []
    for k, hour in enumerate(hours):
        rules.append(_timed(lambda h=hour, s=k: decide(made.view(h, s))))  # type: ignore[misc]
        plans.append(_timed(lambda h=hour, s=k: made.decider(made.view(h, s))))  # type: ignore[misc]
    return {
        "zones": zones,
        "planned_zones": len(made.decider.twins.models),
        "learn_s": made.learn_s,
        "rules_ms": float(np.median(rules)),
        "rules_ms_p95": float(np.quantile(rules, 0.95)),
        "plan_ms": float(np.median(plans)),
        "plan_ms_p95": float(np.quantile(plans, 0.95)),
    }


def of_city(buildings: int, jobs: int) -> dict[str, Any]:
    """Decide `buildings` once by the rules and once by predictive control, in `jobs` processes."""
    known = [make(zones, seed).stored() for seed, zones in enumerate(MIXED)]
    tasks = [(known[k % len(known)], k) for k in range(buildings)]
    with Parallel(n_jobs=jobs, backend="loky") as crew:
        crew(delayed(_decided)(known[0], 0, planned=True) for _ in range(2 * (os.cpu_count() or 1)))  # workers are up
        found: dict[str, Any] = {"buildings": buildings, "jobs": jobs}
        for name, planned in (("rules", False), ("plan", True)):
            began = time.perf_counter()
            proposals = crew(delayed(_decided)(made, k, planned=planned) for made, k in tasks)
            found[f"{name}_s"] = time.perf_counter() - began
            found[f"{name}_proposals"] = int(sum(proposals))
    return found


def _decided(stored: bytes, number: int, *, planned: bool) -> int:
    """Load a building and decide it at 05:30, when most of them warm up; returns how much was proposed."""
    made = Made(*pickle.loads(stored))
    proposals, _ = (made.decider if planned else decide)(made.view(5.5, number))
    return len(proposals)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _print(found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"{found['cores']} cores, load {found['load']:.1f}")
    single = Table("zones", "learn, s", "rules, ms", "95 %", "plan, ms", "95 %", title="One decision", box=None)
    for row in found["sizes"]:
        single.add_row(
            f"{row['zones']}", f"{row['learn_s']:.2f}", f"{row['rules_ms']:.1f}", f"{row['rules_ms_p95']:.1f}",
            f"{row['plan_ms']:.0f}", f"{row['plan_ms_p95']:.0f}",
        )  # fmt: skip
    console.print(single)
    city = found["city"]
    whole = Table("buildings", "processes", "rules, s", "plan, s", title="A city, once", box=None)
    whole.add_row(f"{city['buildings']}", f"{city['jobs']}", f"{city['rules_s']:.1f}", f"{city['plan_s']:.1f}")
    console.print(whole)
    for aim, reached in found["aims"].items():
        console.print(f"{aim}: {'reached' if reached else 'NOT REACHED'}")


def main() -> None:
    """Print what deciding takes."""
    parser = argparse.ArgumentParser("python -m benchmarks.control_decisions", description=__doc__)
    parser.add_argument("--buildings", type=int, default=CITY)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=48, help="decisions a size")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    sizes = [of_size(zones, asked.repeats) for zones in SIZES]
    city = of_city(asked.buildings, asked.jobs)
    found = {
        "cores": os.cpu_count(),
        "load": load,
        "sizes": sizes,
        "city": city,
        "aims": {
            f"rules within {AIM_RULES_MS:.0f} ms": all(row["rules_ms_p95"] <= AIM_RULES_MS for row in sizes),
            f"plan of 50 zones within {AIM_PLAN_MS:.0f} ms": sizes[-1]["plan_ms_p95"] <= AIM_PLAN_MS,
            f"city within {AIM_CITY_S:.0f} s": city["plan_s"] * CITY / city["buildings"] <= AIM_CITY_S,
        },
    }
    if asked.json:
        print(json.dumps(found))
    else:
        _print(found)


if __name__ == "__main__":
    main()
