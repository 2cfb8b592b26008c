"""Keeps the electric demand of each metering window below a limit by shedding loads in order, for slot 10; pure.

The demand that counts is the mean power of a window, mostly a quarter of an hour. From what it has used so far and
what is drawn now follows where it will end; above the limit, loads are shed in order of rank until the rest of the
window fits. They come back the last one first, one at a time, and only where they fit below the limit with room.
No load is shed longer than it may be, nor while what people feel of it is outside of its limits; with no meter
nothing is shed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from control.proposal import Proposal
from control.view import Input
from core.calendar import HOUR_MS
from core.errors import DomainError
from core.points import Point
from core.priority import Slot

NAME: Final = "demand-limit"
GUARD: Final = 0.02
"""Share of the limit that shedding keeps free, because what is expected of loads is not exact; half of it starts it."""
ROOM: Final = 0.1
"""A load comes back only where so much of the limit stays free with it: otherwise it would be shed again at once."""
RESTORE_EVERY_S: Final = 120
"""Between two loads that come back: their starting currents do not add up, and the meter sees each."""
LEAST_REMAINING_S: Final = 60
"""The last moments of a window bear no more than this would: nothing that is shed acts at once."""


@dataclass(frozen=True, slots=True)
class Sheddable:
    """A load that may be shed.

    Attributes
    ----------
    point
        What is driven.
    shed_value
        What it is told while shed, in the point's unit.
    rank
        Shed first where lowest.
    expected_kw
        Power that shedding saves.
    least_shed_s, longest_shed_s
        Shed at least so long (a compressor's pause), and never longer.
    rest_s
        Not shed again before so long after it came back.
    low, high
        Comfort limits of what is measured of it (room temperature); None: nobody feels it.
    margin
        It is shed only so far inside these limits, and comes back at a fifth of that inside.

    Raises
    ------
    DomainError
        The times or the power make no sense, or the point cannot be driven to the value.
    """

    point: Point
    shed_value: float
    rank: int
    expected_kw: float
    least_shed_s: int = 300
    longest_shed_s: int = 3600
    rest_s: int = 1800
    low: float | None = None
    high: float | None = None
    margin: float = 0.5

    def __post_init__(self) -> None:
        limits = self.point.limits
        if limits is None or not limits.minimum <= self.shed_value <= limits.maximum:
            raise DomainError(f"{self.point.id}: it cannot be driven to {self.shed_value:g}")
        if not 0 <= self.least_shed_s <= self.longest_shed_s or self.rest_s < 0 or not 0 < self.expected_kw < math.inf:
            raise DomainError(f"{self.point.id}: shedding needs 0 <= least <= longest time, and a power above 0")


NOT_MEASURED: Final = Input(None)


@dataclass(frozen=True, slots=True)
class Load:
    """A load now.

    Attributes
    ----------
    measured
        What its comfort limits are about; without a value it is not shed.
    """

    sheddable: Sheddable
    measured: Input = NOT_MEASURED

    @property
    def id(self) -> str:
        """Of its point."""
        return self.sheddable.point.id

    def room(self) -> float:
        """How far inside the comfort limits it is, in their unit; infinite where nobody feels it."""
        s = self.sheddable
        if s.low is None and s.high is None:
            return math.inf
        if self.measured.value is None:
            return -math.inf
        value = self.measured.value
        return min(value - s.low if s.low is not None else math.inf, s.high - value if s.high is not None else math.inf)


@dataclass(frozen=True, slots=True)
class Window:
    """The metering window that runs.

    Attributes
    ----------
    start_ms, end_ms
        Half open, UTC milliseconds.
    now_ms
        Of the newest measurement.
    energy_kwh
        Used since its start.
    power_kw
        Drawn now.
    """

    start_ms: int
    end_ms: int
    now_ms: int
    energy_kwh: float
    power_kw: float

    @property
    def projected_kw(self) -> float:
        """Mean power of the window if what is drawn now stays."""
        rest_h = (self.end_ms - self.now_ms) / HOUR_MS
        return (self.energy_kwh + self.power_kw * rest_h) * HOUR_MS / (self.end_ms - self.start_ms)

    def allowed_kw(self, mean_kw: float) -> float:
        """Power for the rest of the window with which its mean comes to `mean_kw`."""
        rest_h = max(self.end_ms - self.now_ms, LEAST_REMAINING_S * 1000) / HOUR_MS
        return (mean_kw * (self.end_ms - self.start_ms) / HOUR_MS - self.energy_kwh) / rest_h


@dataclass(frozen=True, slots=True)
class Memory:
    """What is shed, in the order in which it was; lost at a restart, everything comes back.

    Attributes
    ----------
    shed
        Since when, UTC milliseconds, by point id.
    released
        When each load came back, UTC milliseconds.
    """

    shed: Mapping[str, int] = field(default_factory=dict)
    released: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to tell each load, and why.

    Attributes
    ----------
    proposals
        One a load: its shed value, or None: let go.
    projected_kw
        Where the window would end as it is; None without a meter.
    short_kw
        What is missing to hold the limit when all that may be shed is.
    until_ms
        For each load that is shed, when it must have come back, UTC milliseconds: a command expires no later, so that
        this holds with control stopped, too.
    """

    proposals: tuple[Proposal, ...]
    memory: Memory
    projected_kw: float | None
    short_kw: float = 0.0
    until_ms: Mapping[str, int] = field(default_factory=dict)


def decide(
    limit_kw: float,
    window: Window | None,
    loads: Sequence[Load],
    memory: Memory,
    *,
    now_ms: int,
    next_decision_s: int = 60,
) -> Decision:
    """Which loads are shed from now until the next decision.

    Parameters
    ----------
    limit_kw
        Mean power that a window may reach.
    window
        None when the meter is missing or stale: everything comes back.
    now_ms
        UTC milliseconds.
    next_decision_s
        When it is asked again: a load whose time would run out before comes back now.
    """
    ordered = sorted(loads, key=lambda load: (load.sheddable.rank, load.id))
    known = {load.id: load for load in ordered}
    shed = {name: since for name, since in memory.shed.items() if name in known}
    released = dict(memory.released)
    if window is None:
        why = dict.fromkeys(shed, "Let go: the electricity meter gives no demand.")
        return _decision(ordered, {}, released | dict.fromkeys(shed, now_ms), why, None, now_ms)
    why = {
        name: text
        for name, since in shed.items()
        if (text := _must_return(known[name], since, now_ms, next_decision_s))
    }
    for name in why:
        del shed[name]
        released[name] = now_ms
    power_kw = window.power_kw + sum(known[name].sheddable.expected_kw for name in why)
    is_over = replace(window, power_kw=power_kw).projected_kw > limit_kw * (1 - GUARD / 2)
    excess_kw = power_kw - window.allowed_kw(limit_kw * (1 - GUARD)) if is_over else 0.0
    for load in ordered:
        if excess_kw <= 0:
            break
        if load.id not in shed and _may_shed(load, released.get(load.id), now_ms, next_decision_s):
            shed[load.id] = now_ms
            excess_kw -= load.sheddable.expected_kw
            why[load.id] = (
                f"Demand would reach {window.projected_kw:.0f} kW, {limit_kw:.0f} kW is the limit: shed about "
                f"{load.sheddable.expected_kw:.0f} kW for {load.sheddable.longest_shed_s // 60} min at most."
            )
    if now_ms not in shed.values() and not why and shed:
        _restore(known, shed, released, why, window, limit_kw, now_ms)
    decision = _decision(ordered, shed, released, why, window.projected_kw, now_ms)
    return replace(decision, short_kw=max(0.0, excess_kw))


def _must_return(load: Load, since_ms: int, now_ms: int, next_decision_s: int) -> str:
    """Why a load that is shed may not stay so until the next decision; empty where it may."""
    s = load.sheddable
    if load.measured.value is None and load.room() < 0:
        return f"Let go: what its comfort is judged by is missing ({load.measured.problem or 'no reading'})."
    if load.room() <= s.margin / 5:
        return f"Let go: {load.measured.value:.1f} is at its comfort limit."
    age_ms = now_ms - since_ms
    if age_ms < 0 or age_ms + next_decision_s * 1000 > s.longest_shed_s * 1000:
        return f"Let go: it may be shed for {s.longest_shed_s // 60} min at most."
    return ""


def _may_shed(load: Load, released_ms: int | None, now_ms: int, next_decision_s: int) -> bool:
    s = load.sheddable
    has_rested = released_ms is None or not 0 <= now_ms - released_ms < s.rest_s * 1000
    return has_rested and load.room() > s.margin and s.longest_shed_s >= next_decision_s


def _restore(
    known: Mapping[str, Load], shed: dict[str, int], released: dict[str, int], why: dict[str, str], window: Window,
    limit_kw: float, now_ms: int,
) -> None:  # fmt: skip
    """Bring the last load back where it fits."""
    name = next(reversed(shed))
    s = known[name].sheddable
    # What fits into the rest of a light window need not fit into the next one.
    fits_kw = limit_kw * (1 - ROOM)
    has_room = window.power_kw + s.expected_kw <= min(fits_kw, window.allowed_kw(fits_kw))
    has_paused = all(not 0 <= now_ms - at < RESTORE_EVERY_S * 1000 for at in released.values())
    if has_room and has_paused and now_ms - shed[name] >= s.least_shed_s * 1000:
        del shed[name]
        released[name] = now_ms
        why[name] = f"Let go: with it demand stays below {limit_kw * (1 - ROOM):.0f} kW."


def _decision(
    loads: Sequence[Load], shed: Mapping[str, int], released: Mapping[str, int], why: Mapping[str, str],
    projected_kw: float | None, now_ms: int,
) -> Decision:  # fmt: skip
    proposals, until_ms = [], {}
    for load in loads:
        s = load.sheddable
        if load.id in shed:
            until_ms[load.id] = shed[load.id] + s.longest_shed_s * 1000
            rest_s = (until_ms[load.id] - now_ms) / 1000
            text = why.get(load.id) or f"Stays shed to hold the demand limit, for {rest_s / 60:.0f} min at most."
            proposals.append(Proposal(s.point, s.shed_value, NAME, text, slot=Slot.DEMAND_LIMIT))
        else:
            text = why.get(load.id, "Not shed: demand is within its limit or others bear it.")
            proposals.append(Proposal(s.point, None, NAME, text, slot=Slot.DEMAND_LIMIT))
    return Decision(tuple(proposals), Memory(dict(shed), dict(released)), projected_kw, until_ms=until_ms)


def window_of_power(
    samples: Sequence[tuple[int, float]], *, now_ms: int, window_s: int = 900, stale_after_s: int = 180
) -> Window | None:
    """The running window of a power meter, each value holding until the next; None when it is missing or stale.

    Parameters
    ----------
    samples
        UTC milliseconds, ascending, and kW; from before the window's start on, or its first counts from there.
    window_s
        Windows follow each other from 1970 on, as meters have them: 900 is the quarters of an hour.
    """
    start_ms = now_ms // (window_s * 1000) * window_s * 1000
    seen = [(t, kw) for t, kw in samples if t <= now_ms]
    if not seen or now_ms - seen[-1][0] > stale_after_s * 1000 or not all(math.isfinite(kw) for _, kw in seen):
        return None
    energy_kwh = 0.0
    ends = [*(t for t, _ in seen[1:]), now_ms]
    for i, ((begin, kw), end) in enumerate(zip(seen, ends, strict=True)):
        first = start_ms if i == 0 else max(begin, start_ms)
        energy_kwh += kw * max(0, end - first) / HOUR_MS
        if max(0, end - max(begin, start_ms)) > stale_after_s * 1000:
            return None
    return Window(start_ms, start_ms + window_s * 1000, now_ms, energy_kwh, seen[-1][1])


def window_of_register(
    samples: Sequence[tuple[int, float]], *, now_ms: int, window_s: int = 900, stale_after_s: int = 180
) -> Window | None:
    """The running window of a meter's total (kWh): differences are power; None when missing, stale or reset."""
    seen = [(t, kwh) for t, kwh in samples if t <= now_ms]
    pairs = list(pairwise(seen))
    if not pairs or any(b[1] < a[1] or b[0] <= a[0] for a, b in pairs) or now_ms - seen[-1][0] > stale_after_s * 1000:
        return None
    power = [(a[0], (b[1] - a[1]) * HOUR_MS / (b[0] - a[0])) for a, b in pairs]
    power.append((seen[-1][0], power[-1][1]))
    return window_of_power(power, now_ms=now_ms, window_s=window_s, stale_after_s=stale_after_s)
