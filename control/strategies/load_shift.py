"""Moves what may be moved to cheap or clean hours: loads that must run before a deadline, and heat stored in rooms.

Both are pure functions of a vector of costs per kWh (`core.tariff.Vector`): euro, grams, or both at a price of carbon
(`blend`). A load with hours to run takes the cheapest that are left before its deadline. A room is warmed by a bounded
number of kelvin within its comfort band, ahead of hours that are dear enough to pay for what leaks away until then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from control.proposal import Proposal
from control.strategies.optimum_start import rate_k_per_h
from control.target import occupied_target_c
from control.view import BuildingView, Heating, Input, Zone
from core.calendar import HOUR_MS
from core.errors import DomainError
from core.points import Point
from core.tariff import RateKind, Vector

NAME: Final = "load-shift"
WORTH_SHARE: Final = 0.05
"""Warming ahead must save this share of what it costs: capacity and time constant are estimates."""
MASS_SHARE: Final = 0.5
"""The same in the loop: walls take up heat with the room, and give it back when nobody needs it."""
LEAST_KELVIN: Final = 0.2
"""Less than this no thermostat notices."""


def blend(price: Vector, carbon: Vector | None, eur_per_tonne: float) -> Vector:
    """Price of each step with its carbon at a price, EUR/kWh; where the carbon is not known the price stands alone.

    Raises
    ------
    DomainError
        The vectors do not have the same steps.
    """
    if carbon is None or eur_per_tonne == 0:
        return price
    if carbon.edges_ms != price.edges_ms:
        raise DomainError("price and carbon intensity need the same steps to be added")
    added = [
        p + (0.0 if math.isnan(g) else g * eur_per_tonne / 1e6)
        for p, g in zip(price.values, carbon.values, strict=True)
    ]
    return Vector(price.kind, price.edges_ms, tuple(added), price.sources)


@dataclass(frozen=True, slots=True)
class Run:
    """A load that must run for some hours before a deadline: a tank, a charger, a washing programme.

    Attributes
    ----------
    on_value, off_value
        What the point is told, in its unit.
    power_kw
        What it draws while it runs.
    hours
        How long it must run between `not_before_ms` and `ready_by_ms` (UTC milliseconds).
    in_one_piece
        Whether it may not be interrupted once begun.
    """

    point: Point
    on_value: float
    off_value: float
    power_kw: float
    hours: float
    not_before_ms: int
    ready_by_ms: int
    in_one_piece: bool = False

    def __post_init__(self) -> None:
        if not (self.hours > 0 and self.power_kw > 0 and self.not_before_ms < self.ready_by_ms):
            raise DomainError(f"{self.point.id}: a load to shift needs a power, hours to run, and time to run them in")


@dataclass(frozen=True, slots=True)
class Plan:
    """When a load runs.

    Attributes
    ----------
    starts_ms
        Steps in which it runs, ascending, UTC milliseconds.
    runs_now
        Whether this is one of them.
    cost, cost_at_once
        Of what is left to run, and of running it without a pause from now on, in the cost's money or grams.
    is_late
        Whether there is no more choice: it must run now to be ready.
    """

    starts_ms: tuple[int, ...]
    runs_now: bool
    cost: float
    cost_at_once: float
    is_late: bool = False

    @property
    def saving(self) -> float:
        """Against running at once."""
        return self.cost_at_once - self.cost


def plan_run(run: Run, cost: Vector, *, now_ms: int, done_h: float, is_running: bool) -> Plan | None:
    """The cheapest hours that are left for a load; None when no cost is known.

    Parameters
    ----------
    cost
        From now to the deadline; a step of unknown cost counts as the dearest known.
    done_h
        Hours it has run since `not_before_ms`.
    is_running
        Whether it runs now: what runs in one piece goes on.
    """
    known = [v for v in cost.values if not math.isnan(v)]
    if not known:
        return None
    begin_ms = max(now_ms, run.not_before_ms)
    slots = [
        (start, end, max(known) if math.isnan(value) else value)
        for (start, end), value in zip(pairwise(cost.edges_ms), cost.values, strict=True)
        if end > begin_ms and start < run.ready_by_ms
    ]
    left_h = max(0.0, run.hours - done_h)
    if left_h == 0 or not slots:
        return Plan((), runs_now=False, cost=0.0, cost_at_once=0.0)
    step_h = (slots[0][1] - slots[0][0]) / HOUR_MS
    count = min(math.ceil(left_h / step_h - 1e-9), len(slots))
    at_once = _cost(slots[:count], run.power_kw, left_h)
    room_h = (run.ready_by_ms - begin_ms) / HOUR_MS - left_h
    must_go_on = run.in_one_piece and is_running and done_h > 0
    # A step has begun already, so less of it may be left than it counts for.
    is_late = room_h <= 0 or (count == len(slots) and room_h < step_h)
    if is_late or must_go_on:
        chosen = slots[:count]
    elif run.in_one_piece:
        first = min(range(len(slots) - count + 1), key=lambda i: (sum(s[2] for s in slots[i : i + count]), i))
        chosen = slots[first : first + count]
    else:
        chosen = sorted(sorted(slots, key=lambda s: (s[2], s[0]))[:count])
    runs_now = now_ms >= run.not_before_ms and chosen[0][0] <= now_ms
    return Plan(tuple(s[0] for s in chosen), runs_now, _cost(chosen, run.power_kw, left_h), at_once, is_late)


def propose_run(run: Run, cost: Vector, *, now_ms: int, done_h: float, is_running: bool) -> Proposal:
    """On, off, or let go, with what it saves; without costs, before its time and after its deadline: let go."""
    if not run.not_before_ms <= now_ms < run.ready_by_ms:
        return Proposal(run.point, None, NAME, "Let go: it is not the time in which this load is shifted.")
    plan = plan_run(run, cost, now_ms=now_ms, done_h=done_h, is_running=is_running)
    if plan is None:
        return Proposal(run.point, None, NAME, f"Let go: what a kWh {_verb(cost)} is not on record.")
    if done_h >= run.hours:
        return Proposal(run.point, run.off_value, NAME, f"Off: it has run for its {run.hours:g} h.")
    left = f"{run.hours - done_h:.1f} h are left to run in {(run.ready_by_ms - now_ms) / HOUR_MS:.1f} h"
    saves = f"saves {_amount(plan.saving, cost)} against running at once"
    if plan.runs_now:
        why = "there is no more choice" if plan.is_late else f"this step is one of the cheapest, which {saves}"
        return Proposal(run.point, run.on_value, NAME, f"On: {left}, and {why}.")
    starts_h = (plan.starts_ms[0] - now_ms) / HOUR_MS
    return Proposal(run.point, run.off_value, NAME, f"Off: {left}; waiting for {starts_h:.1f} h {saves}.")


@dataclass(frozen=True, slots=True)
class Store:
    """A room as a store of heat.

    Attributes
    ----------
    point
        Its heating set-point.
    target_c, maximum_c
        Set-point that stands without shifting, and the upper end of the comfort band, degrees Celsius.
    capacity_kwh_k
        Heat (as it is bought) that warms it by a kelvin: the twin's, or learnt.
    time_constant_h
        In which its excess over outdoors falls to 1/e.
    warm_up_k_h
        How fast it warms up, kelvin per hour.
    most_k
        Never warmed by more than this.
    worth_share
        Warming ahead must save this share of what it costs.
    """

    point: Point
    target_c: float
    maximum_c: float
    capacity_kwh_k: float
    time_constant_h: float
    warm_up_k_h: float = 1.0
    most_k: float = 1.5
    worth_share: float = WORTH_SHARE

    def __post_init__(self) -> None:
        if min(self.capacity_kwh_k, self.time_constant_h, self.warm_up_k_h, self.most_k) <= 0:
            raise DomainError(f"{self.point.id}: a store of heat needs a capacity, a time constant and a warm-up rate")


@dataclass(frozen=True, slots=True)
class Warming:
    """How far to warm ahead, and what that saves.

    Attributes
    ----------
    kelvin
        Above the target; 0: not now.
    saving
        In the cost's money or grams.
    """

    kelvin: float
    saving: float


def warm_ahead(store: Store, cost: Vector, outdoor_c: float, *, now_ms: int, is_warmed: bool) -> Warming:
    """How far a room is warmed now for dearer hours to come.

    In a dear step the room may cool from what it was warmed to: by so much as it loses then. What it needs for that
    has to be put in before, with what leaks away meanwhile. Now is the time for it when that is cheaper than in the
    dear step, and no later step before it would be cheaper still, as far as the room warms up in one.

    Parameters
    ----------
    is_warmed
        Whether it is warmed already: then it is kept warm while it pays, and does not cool before the dear hours.
    """
    slots = [
        (start, (end - start) / HOUR_MS, value)
        for (start, end), value in zip(pairwise(cost.edges_ms), cost.values, strict=True)
        if end > now_ms
    ]
    if not slots or math.isnan(slots[0][2]) or outdoor_c >= store.target_c:
        return Warming(0.0, 0.0)
    tau_h = store.time_constant_h
    most_k = min(store.most_k, store.maximum_c - store.target_c)
    needed_steps = math.ceil(most_k / (store.warm_up_k_h * slots[0][1])) if most_k > 0 else 0
    kelvin = saving = 0.0
    for j in range(1, len(slots)):
        start, hours, value = slots[j]
        if math.isnan(value) or kelvin >= most_k:
            break
        put_in = [c * math.exp((start - s) / HOUR_MS / tau_h) for s, _, c in slots[:j]]
        if value <= put_in[0] + store.worth_share * abs(put_in[0]):
            continue
        cheaper_later = sum(1 for other in put_in[1:] if other <= put_in[0])  # a NaN is never cheaper
        if not is_warmed and cheaper_later >= needed_steps:
            continue
        drop_k = (store.target_c - outdoor_c) * (1 - math.exp(-hours / tau_h))
        leak = math.exp((start - slots[0][0]) / HOUR_MS / tau_h)
        used_k = min(drop_k, (most_k - kelvin) / leak)
        kelvin += used_k * leak
        saving += store.capacity_kwh_k * used_k * (value - put_in[0])
    return Warming(kelvin, saving) if kelvin >= LEAST_KELVIN else Warming(0.0, 0.0)


def propose_warming(
    store: Store, cost: Vector, outdoor: Input, temperature: Input, *, now_ms: int, is_warmed: bool
) -> Proposal | None:
    """The raised set-point, or None where nothing is to be shifted and the other strategies speak."""
    if outdoor.value is None or temperature.value is None:
        return None
    warming = warm_ahead(store, cost, outdoor.value, now_ms=now_ms, is_warmed=is_warmed)
    if warming.kelvin == 0:
        return None
    value_c = min(store.target_c + warming.kelvin, store.maximum_c)
    ahead = [v for v in _ahead(cost, now_ms) if not math.isnan(v)]
    why = (
        f"Warmed ahead by {value_c - store.target_c:.1f} K to {value_c:.1f} °C: a kWh {_verb(cost)} "
        f"{_amount(cost.at(now_ms), cost)} now and up to {_amount(max(ahead), cost)} later; saves about "
        f"{_amount(warming.saving, cost)}."
    )
    effect = f"Saves about {_amount(warming.saving, cost)}, and people stay within their comfort band."
    return Proposal(store.point, round(value_c, 2), NAME, why, effect=effect)


def propose(view: BuildingView) -> list[Proposal]:
    """Raised set-points of occupied zones that store heat for dearer hours before their people leave.

    Empty zones are left to the others: they stand above their set-back for hours and need no heat to store.
    """
    shift = view.shift
    if shift is None or shift.most_k == 0 or view.season.heating is not Heating.ALLOWED or view.season.setback_only:
        return []
    found = []
    for zone in view.zones:
        store = _store_of(view, zone)
        if store is None:
            continue
        cost = shift.cost if zone.occupancy.changes_ms is None else _until(shift.cost, zone.occupancy.changes_ms)
        held_c = zone.setpoint_now.value
        is_warmed = held_c is not None and held_c >= store.target_c + LEAST_KELVIN / 2
        proposal = propose_warming(store, cost, view.outdoor, zone.temperature, now_ms=view.now_ms, is_warmed=is_warmed)
        if proposal is not None:
            found.append(proposal)
    return found


def _store_of(view: BuildingView, zone: Zone) -> Store | None:
    """An occupied zone that is known well enough, with room in its comfort band."""
    known = view.shift.stores.get(zone.name) if view.shift is not None else None
    if view.shift is None or known is None or not zone.occupancy.is_occupied or not zone.is_used:
        return None
    target_c = occupied_target_c(view, zone)
    if zone.temperature.value is None or target_c >= view.comfort.maximum_c:
        return None
    rate = rate_k_per_h(zone.warm_up, target_c, zone.temperature.value, view.outdoor.value)
    return Store(
        zone.setpoint, target_c, view.comfort.maximum_c, known.capacity_kwh_k, known.time_constant_h, rate,
        view.shift.most_k, MASS_SHARE,
    )  # fmt: skip


def _until(cost: Vector, end_ms: int) -> Vector:
    """The steps that end before a time."""
    count = sum(1 for edge in cost.edges_ms[1:] if edge <= end_ms)
    return Vector(cost.kind, cost.edges_ms[: count + 1], cost.values[:count], cost.sources[:count])


def _ahead(cost: Vector, now_ms: int) -> Sequence[float]:
    return [value for end, value in zip(cost.edges_ms[1:], cost.values, strict=True) if end > now_ms]


def _cost(slots: Sequence[tuple[int, int, float]], power_kw: float, left_h: float) -> float:
    """Of running for `left_h` in these steps; what does not fill the last one is taken off it."""
    total = 0.0
    for start, end, value in slots:
        hours = min((end - start) / HOUR_MS, left_h)
        total += power_kw * hours * value
        left_h -= hours
    return total


def _verb(cost: Vector) -> str:
    return "costs" if cost.kind is RateKind.PRICE else "emits"


def _amount(value: float, cost: Vector) -> str:
    if cost.kind is RateKind.EMISSION:
        return f"{value:.0f} g CO2"
    return f"{value:.2f} EUR"
