"""Meters that remember their errors, in a building whose control saves a known share."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.calendar import HOUR_MS, Calendar
from predict.series import Floats
from predict.trial.evaluation import TrialHours
from stores.registry import TrialPlan

HOLIDAYS = {date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 6), date(2026, 12, 25), date(2026, 12, 26)}
ROME = Calendar("Europe/Rome", HOLIDAYS)


def remembering(rng: np.random.Generator, n: int, rho: float, sigma: float) -> Floats:
    """Errors of a first-order process."""
    steps = rng.normal(0, sigma * np.sqrt(1 - rho**2), n)
    out = np.empty(n)
    state = rng.normal(0, sigma)
    for i in range(n):
        out[i] = state = rho * state + steps[i]
    return out


def metered(
    plan: TrialPlan,
    seed: int,
    saving: float,
    *,
    baseline: bool = True,
    noise: float = 2.0,
    lag_h: float = 1.5,
    coasting: float = -1.0,
) -> TrialHours:
    """Hours of a plan.

    The effect of control comes with a lag (`coasting` -1), or is larger after a switch, when a heavy building lives on
    what it has stored or fills it up again (`coasting` above 0).
    """
    rng = np.random.default_rng(seed)
    time_ms = np.arange(plan.start_ms, plan.end_ms, HOUR_MS)
    n = len(time_ms)
    outdoor = 4 + 6 * np.arange(n) / n + remembering(rng, n, 0.985, 3) + 3 * np.sin(time_ms / 86_400_000 * 2 * np.pi)
    open_day = _open_days(plan.start_ms, n)
    expected = 8 + 2 * np.maximum(16 - outdoor, 0) * np.where(open_day, 1, 0.7)
    states = switched(plan)
    behind = states.copy()
    for i in range(1, n):
        behind[i] = behind[i - 1] + (states[i] - behind[i - 1]) * (1 - np.exp(-1 / lag_h))
    effect = states + coasting * (states - behind)
    used = (expected + remembering(rng, n, 0.97, noise)) * (1 - saving * effect)
    return TrialHours(time_ms, used, outdoor, expected if baseline else None)


@cache
def _open_days(start_ms: int, hours: int) -> NDArray[np.bool_]:
    """Whether each hour is of a working day; the same for every seed."""
    times = range(start_ms, start_ms + hours * HOUR_MS, HOUR_MS)
    return np.array([ROME.is_working_day(ROME.day_of(t)) for t in times])


def switched(plan: TrialPlan) -> Floats:
    """1 in the hours that are on."""
    time_ms = np.arange(plan.start_ms, plan.end_ms, HOUR_MS)
    starts = np.array([block.start_ms for block in plan.blocks])
    states = np.array([float(block.is_on) for block in plan.blocks])
    return np.asarray(states[np.searchsorted(starts, time_ms, side="right") - 1])
