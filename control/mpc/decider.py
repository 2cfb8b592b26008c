"""Predictive control: the rules, with when and how far to heat empty zones decided by a plan for the next day."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy.optimize import nnls

from control.layout import Layout
from control.memory import Memory
from control.mpc.problem import HeatCost, Horizon, Solution, solve
from control.mpc.zone_model import ZoneModel, identify
from control.occupancy import Agenda
from control.proposal import Planned, Proposal
from control.record import Record
from control.strategy import decide
from control.target import clock_text, empty_target_c, occupied_target_c
from control.view import BuildingView, Zone
from core.calendar import HOUR_MS, MINUTE_MS
from predict.series import Floats, fill_short_gaps
from predict.twin.lag import filled, lagged

log = logging.getLogger("promessa.control")

STEP_MS: Final = 30 * MINUTE_MS
HORIZON_STEPS: Final = 48
POOR_K: Final = 1.0
"""A model that is further off after six hours is not trusted; the rules decide for its zone."""
LEAST_HEAT_K: Final = 0.1
EARLY_MS: Final = 10 * MINUTE_MS
"""A zone that needs a part of a step only begins so much before that part."""
KNEE_QUANTILE: Final = 0.6
STEEPEST: Final = 2.0
_DAY_MS: Final = 24 * HOUR_MS
_SHORT_K: Final = 0.3
_NUMERICAL: Final = (ValueError, RuntimeError, ArithmeticError)
"""What solvers raise on data that nobody foresaw: then the rules decide."""


@dataclass(frozen=True)
class Twins:
    """What was identified of a building.

    Attributes
    ----------
    models, masses_c
        By zone name: its model, and the temperature of its mass when it was identified.
    kwh_per_k
        Energy that a kelvin in a zone takes.
    knee_kwh, steeper
        See `HeatCost`.
    end_ms
        When the record ended, UTC milliseconds.
    outdoor_c, sun_w_m2
        The day before that by step, shape (48,): the next is like it.
    rejected
        By zone name: why it has no model to be trusted.
    """

    models: Mapping[str, ZoneModel] = field(default_factory=dict)
    masses_c: Mapping[str, float] = field(default_factory=dict)
    kwh_per_k: Mapping[str, float] = field(default_factory=dict)
    knee_kwh: float = 0.0
    steeper: float = 1.0
    end_ms: int = 0
    outdoor_c: Floats = field(default_factory=lambda: np.zeros(0))
    sun_w_m2: Floats = field(default_factory=lambda: np.zeros(0))
    rejected: Mapping[str, str] = field(default_factory=dict)


class PredictiveDecider:
    """Plans every half hour and decides with the rules in between.

    Parameters
    ----------
    price
        Of a kWh in each of the next 48 half hours, shape (48,); None: the same at all times.
    limit_kwh
        Most energy for heat in half an hour; None: no limit.

    Attributes
    ----------
    twins
        What was identified last.
    spoke
        How the last decision came about, in one sentence.
    """

    def __init__(self, price: Floats | None = None, limit_kwh: float | None = None) -> None:
        self._price = np.ones(HORIZON_STEPS) if price is None else np.asarray(price, np.float64)
        self._limit_kwh = limit_kwh
        self._agendas: Mapping[str, Agenda] = {}
        self._masses: dict[str, tuple[int, float]] = {}
        self._plan: dict[str, Planned] = {}
        self._slot = -1
        self.twins = Twins()
        self.spoke = "The rules decide: nothing has been identified yet."

    def foresee(self, price: Floats | None, limit_kwh: float | None) -> None:
        """Take what a kWh will cost in the next 48 half hours, and the most energy in one; as the class has it."""
        self._price = np.ones(HORIZON_STEPS) if price is None else np.asarray(price, np.float64)
        self._limit_kwh = limit_kwh

    def learn(self, layout: Layout, record: Record, plans: Mapping[str, Agenda]) -> None:
        """Identify every zone from its record; once a day is enough. Where that fails the rules decide."""
        self._agendas = plans
        try:
            self.twins = identify_building(layout, record)
        except _NUMERICAL as error:
            log.warning("identification_failed building=%s reason=%r", layout.building, str(error))
            self.twins = Twins(rejected={zone.name: f"identification failed ({error})" for zone in layout.zones})
        end_ms = record.start_ms + len(record) * record.step_ms
        self._masses = {name: (end_ms, mass_c) for name, mass_c in self.twins.masses_c.items()}
        self._slot = -1

    def __call__(self, view: BuildingView) -> tuple[list[Proposal], Memory]:
        """Decide by the rules, with the plan where there is one."""
        self._follow(view)
        if view.now_ms // STEP_MS != self._slot:
            self._slot = view.now_ms // STEP_MS
            masses_c = {name: mass_c for name, (_, mass_c) in self._masses.items()}
            try:
                self._plan, self.spoke = plan(view, self.twins, self._agendas, masses_c, self._price, self._limit_kwh)
            except _NUMERICAL as error:
                log.warning("plan_failed building=%s reason=%r", view.building, str(error))
                self._plan, self.spoke = {}, f"The rules decide: the plan failed ({error})."
        return decide(replace(view, plan=self._plan))

    def _follow(self, view: BuildingView) -> None:
        """The masses follow the rooms."""
        for zone in view.zones:
            model, value = self.twins.models.get(zone.name), zone.temperature.value
            if model is not None and value is not None:
                since_ms, mass_c = self._masses.get(zone.name, (view.now_ms, value))
                kept = (1 - model.fade) ** (max(view.now_ms - since_ms, 0) / STEP_MS)
                self._masses[zone.name] = (view.now_ms, value + (mass_c - value) * kept)


def identify_building(layout: Layout, record: Record) -> Twins:
    """Models of all zones that have one, and what their heat takes."""
    every = max(1, STEP_MS // record.step_ms)
    step_h = every * record.step_h

    def means(point: str) -> Floats:
        return _coarse(fill_short_gaps(record.of(point), max_fill=4), every)

    outdoor = means(layout.outdoor)
    if not np.isfinite(outdoor).any():
        return Twins(rejected={zone.name: "the outdoor temperature is not known" for zone in layout.zones})
    sun = np.nan_to_num(means(layout.sun))
    models, masses, heats, rejected = {}, {}, {}, {}
    for zone in layout.zones:
        inside = means(zone.temperature)
        if not np.isfinite(inside).any():
            rejected[zone.name] = "its temperature is not known"
            continue
        people = np.nan_to_num(means(zone.people))
        peak = max(float(people.max(initial=0.0)), 1e-9)
        found = identify(inside, means(zone.heating.id), outdoor, sun, people / peak, step_h=step_h)
        if found is None:
            rejected[zone.name] = "it was never seen without heating"
        elif not found[0].error_k <= POOR_K:
            rejected[zone.name] = f"its model is off by {found[0].error_k:.1f} K after six hours"
        elif found[0].capacity_k <= LEAST_HEAT_K:
            rejected[zone.name] = "it was never seen warming up"
        else:
            models[zone.name], heats[zone.name] = found
            masses[zone.name] = float(lagged(filled(inside), 16.0, step_h)[-1])
    weights, knee, steeper = _energy_of(heats, _used(record, layout.heat_meters, every))
    day = HORIZON_STEPS
    end_ms = record.start_ms + len(record) * record.step_ms
    return Twins(
        models, masses, weights, knee, steeper, end_ms, filled(outdoor)[-day:], _typical_day(sun, day), rejected
    )


def plan(
    view: BuildingView, twins: Twins, agendas: Mapping[str, Agenda], masses_c: Mapping[str, float], price: Floats,
    limit_kwh: float | None = None,
) -> tuple[dict[str, Planned], str]:  # fmt: skip
    """What predictive control wants of the zones until the next plan, by set-point id, and how it came about.

    A zone without a model, or without a temperature now, is left to the rules.
    """
    zones = [z for z in view.zones if _is_planned(z, twins, agendas)]
    if not zones or view.outdoor.value is None or len(twins.outdoor_c) < HORIZON_STEPS:
        reasons = "; ".join(sorted(set(twins.rejected.values()))) or "the outdoor temperature cannot be used"
        return {}, f"The rules decide: {reasons}."
    models = [twins.models[zone.name] for zone in zones]
    inside = np.array([float(zone.temperature.value or 0.0) for zone in zones])
    mass = np.array([masses_c.get(zone.name, t) for zone, t in zip(zones, inside, strict=True)])
    ahead = _horizon(view, zones, twins, agendas, price, limit_kwh)
    weights = np.array([max(twins.kwh_per_k.get(zone.name, 0.0), 1e-3) for zone in zones])
    answer = solve(models, inside, mass, ahead, HeatCost(weights, twins.knee_kwh, twins.steeper))
    if answer is None:
        return {}, "The rules decide: the solver found no plan."
    planned = {z.setpoint.id: _planned(view, z, k, answer, models[k]) for k, z in enumerate(zones)}
    return planned, _sentence(view, zones, answer, twins)


def _is_planned(zone: Zone, twins: Twins, agendas: Mapping[str, Agenda]) -> bool:
    known = zone.name in twins.models and zone.name in agendas and zone.temperature.value is not None
    return known and not zone.is_left_alone


def _planned(view: BuildingView, zone: Zone, k: int, answer: Solution, model: ZoneModel) -> Planned:
    target = float(answer.inside_c[k, 0]) + 0.1
    starts_ms = zone.occupancy.changes_ms
    people = f"People come at {clock_text(view, starts_ms)}" if starts_ms else "Nobody is expected"
    if answer.heat_k[k, 0] <= LEAST_HEAT_K:
        return Planned(False, target, view.now_ms, f"{people}: by the model it is early enough to heat later.")
    share = min(float(answer.heat_k[k, 0]) / model.capacity_k, 1.0)
    from_ms = view.now_ms + max(0, round((1 - share) * STEP_MS) - EARLY_MS)
    cold_k = float(answer.short_k[k].max(initial=0.0))
    short = f"; {cold_k:.1f} K will still be missing then, more than the heating can do" if cold_k > _SHORT_K else ""
    return Planned(True, target, from_ms, f"{people}: by the model heating now to {target:.1f} °C costs least{short}.")


def _sentence(view: BuildingView, zones: list[Zone], answer: Solution, twins: Twins) -> str:
    text = f"Planned {len(zones)} of {len(view.zones)} zones."
    if twins.rejected:
        name, reason = next(iter(twins.rejected.items()))
        text += f" The rules decide for the others: {name} because {reason}."
    worst = int(answer.short_k.max(axis=1).argmax())
    if answer.short_k[worst].max() > _SHORT_K:
        text += f" Relaxed: the lowest temperature of {zones[worst].name} by {answer.short_k[worst].max():.1f} K."
    if answer.over_limit_kwh.max(initial=0.0) > 0.01:
        text += f" Relaxed: the limit on energy by {answer.over_limit_kwh.max():.1f} kWh in half an hour."
    return text


def _horizon(
    view: BuildingView, zones: list[Zone], twins: Twins, agendas: Mapping[str, Agenda], price: Floats,
    limit_kwh: float | None,
) -> Horizon:  # fmt: skip
    n = HORIZON_STEPS
    begins = view.now_ms + STEP_MS * np.arange(n)
    # As a day ago, moved by what it is warmer or colder now; the difference fades over a day.
    turned = _turned(twins.outdoor_c, twins.end_ms, view.now_ms)
    offset = (view.outdoor.value or 0.0) - float(turned[0])
    outdoor = turned + offset * np.exp(-np.arange(n) / n)
    lowest, highest, people = (np.zeros((len(zones), n)) for _ in range(3))
    for k, zone in enumerate(zones):
        agenda = agendas[zone.name]
        there = np.array([agenda.is_expected(int(t)) for t in begins])
        there[0] |= zone.occupancy.is_occupied
        people[k] = [agenda.share(int(t), int(t) + STEP_MS) for t in begins]
        # The temperature at the end of a step is the one at the beginning of the next.
        warm = np.concatenate([there[1:], there[-1:]]) | there
        target = occupied_target_c(view, zone)
        lowest[k] = np.where(warm, target, empty_target_c(view, zone))
        highest[k] = np.where(warm, max(view.comfort.maximum_c, target), 40.0)
    return Horizon(
        outdoor_c=outdoor, sun_w_m2=_turned(twins.sun_w_m2, twins.end_ms, view.now_ms), price=price, people=people,
        lowest_c=lowest, highest_c=highest, limit_kwh=limit_kwh,
    )  # fmt: skip


def _turned(day: Floats, end_ms: int, now_ms: int) -> Floats:
    """A day that ended at `end_ms`, from the time of the day of `now_ms` on."""
    return np.roll(day, -((now_ms - end_ms) % _DAY_MS // STEP_MS)) if len(day) else day


def _coarse(values: Floats, every: int) -> Floats:
    whole = len(values) // every * every
    return np.asarray(values[:whole].reshape(-1, every).mean(axis=1), np.float64)


def _used(record: Record, meters: Sequence[str], every: int) -> Floats:
    """Energy of each step by registers, kWh; NaN where one of them is not known."""
    whole = len(record) // every * every
    registers = np.sum([record.of(meter)[every - 1 : whole : every] for meter in meters], axis=0)
    return np.asarray(np.concatenate([[0.0], np.diff(registers)]) if meters else np.zeros(0), np.float64)


def _typical_day(values: Floats, day: int) -> Floats:
    """Mean of the last three days, by step."""
    days = values[-3 * day :]
    whole = len(days) // day * day
    return np.asarray(days[-whole:].reshape(-1, day).mean(axis=0) if whole else np.zeros(day), np.float64)


def _energy_of(heats: Mapping[str, Floats], used_kwh: Floats) -> tuple[dict[str, float], float, float]:
    """Energy per kelvin of each zone, and where a kWh of heat begins to take more; equal weights without a meter."""
    names = list(heats)
    if not names:
        return {}, 0.0, 1.0
    x = np.stack([heats[name] for name in names], axis=1)
    y = used_kwh[1 : len(x) + 1] if len(used_kwh) > len(x) else np.zeros(0)
    if len(y) != len(x) or not np.nanmax(y, initial=0.0) > 0:
        return dict.fromkeys(names, 1.0), float(np.sum(np.quantile(x, 0.9, axis=0))) or 1.0, 1.0
    known = np.isfinite(y)
    x, y = x[known], y[known]
    # A pull to equal weights, by as much as the data leave open.
    pull = 0.1 * np.sqrt(len(y)) * float(np.std(x.sum(axis=1)) or 1.0) / max(len(names), 1)
    even = float(y.sum() / max(x.sum(), 1e-9))
    a = np.vstack([x, pull * np.eye(len(names))])
    weights = nnls(a, np.concatenate([y, pull * np.full(len(names), even)]))[0]
    heat = x @ weights
    knee = float(np.quantile(heat[heat > 0], KNEE_QUANTILE)) if (heat > 0).any() else 1.0
    pieces = np.stack([np.minimum(heat, knee), np.maximum(heat - knee, 0.0)], axis=1)
    low, high = nnls(pieces, y)[0]
    steeper = min(max(high / low, 1.0), STEEPEST) if low > 0 else 1.0
    return {name: float(w * (low or 1.0)) for name, w in zip(names, weights, strict=True)}, knee, float(steeper)
