"""One pass over recorded days: each forecast at its midnight, from what was known then."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from predict.forecast.correction import Memory, memories, recent_means, relative_errors, shares
from predict.forecast.days import HOURS, SATURDAY
from predict.forecast.design import (
    History,
    absolute_design,
    before,
    group_of,
    profiles,
    relative_design,
)
from predict.forecast.interval import Spread
from predict.forecast.ridge import WEEK, apply, coefficients, weekly_sums
from predict.series import Floats

FULL_DAYS: Final = 56
PROFILE_DAYS: Final = 7
"""Known days that a model needs before it speaks."""
MIN_HOURS: Final = 12
"""Known hours that make a day a known one."""
WARM_UP_DAYS: Final = 168
"""Before the first forecast asked for, in which shares, memory and intervals are learnt."""
RELATIVE_RIDGE, ABSOLUTE_RIDGE = 3.0, 0.5
_SKIP_DAYS: Final = 14
"""Days at the beginning whose level and spread are not settled; nothing is fitted on them."""
_HEADROOM: Final = 1.2
_USUAL_DAYS: Final = 60


class Model(StrEnum):
    """Who spoke, from the one that needs most to the one that needs least."""

    BLEND = "blend"
    """Both ridges, corrected by the last errors: needs 56 known days."""
    PROFILE = "profile"
    """Smoothed days of the same group: needs 7 known days."""
    FEW_DAYS = "few-days"
    """Mean by the hour of what there is: needs one known day."""
    MEAN = "mean"
    """Mean of the known hours: needs one."""
    NOTHING = "nothing"
    """No reading ever: nothing is forecast."""


@dataclass(frozen=True, slots=True)
class State:
    """What is in force on one day, learnt from the days before it.

    Attributes
    ----------
    relative, absolute
        Shape (24, p): coefficients of either ridge.
    share
        Of the absolute ridge in the blend.
    trust
        Of the last errors in what is forecast at midnight.
    memory, spread
        How errors last, and how large they are.
    """

    relative: Floats
    absolute: Floats
    share: float
    trust: float
    memory: Memory
    spread: Spread


@dataclass(frozen=True, slots=True)
class Walk:
    """What was forecast of each day at its midnight.

    Attributes
    ----------
    predicted, p10, p90
        Shape (d, 24), kWh; NaN before row `first` and where nothing was known.
    model
        Shape (d,): who spoke.
    first
        The first row forecast.
    state
        In force on the last row.
    """

    predicted: Floats
    p10: Floats
    p90: Floats
    model: list[Model]
    first: int
    state: State


def walk(history: History, first: int) -> Walk:
    """Forecast each day from row `first` on (rounded down to a whole week) and learn from it.

    The last row may be of a day to come: its load is then unknown.
    """
    h = history
    first_week = max(first, 0) // WEEK
    first = first_week * WEEK
    days = len(h.days)
    near = profiles(h.filled, h.days.kind)
    known = np.isfinite(h.load)
    settled = known & (np.arange(days) >= _SKIP_DAYS)[:, None]
    low, high = bounds(h)
    blended: list[Floats] = []
    final: list[Floats] = []
    for design, zero, unit, ridge, weigh in (
        (relative_design(h, near), h.level, h.spread, RELATIVE_RIDGE, True),
        (absolute_design(h, near), np.zeros(days), h.scale, ABSOLUTE_RIDGE, False),
    ):
        target = np.where(known, (h.load - zero[:, None]) / unit[:, None], 0.0)
        sums = weekly_sums(design, target, settled * (unit if weigh else np.ones(days))[:, None])
        found = coefficients(sums, first_week, (days - 1) // WEEK, ridge)
        answer = apply(design, found, first_week) * unit[:, None] + zero[:, None]
        blended.append(np.clip(answer, low[:, None], high[:, None]))
        final.append(found[-1])
    actual = np.where((np.arange(days) >= first)[:, None], h.load, np.nan)
    relative, absolute = blended
    share = shares(actual, relative, absolute, prior=0.4)
    uncorrected = relative + share[:, None] * (absolute - relative)
    errors = relative_errors(actual, uncorrected, h.spread)
    memory = memories(errors, h.spread)
    at_midnight = recent_means(errors)[:, 0]
    correction = np.stack([memory[day].weight @ at_midnight[day] for day in range(days)]) * h.spread[:, None]
    trust = shares(actual, uncorrected, uncorrected + correction, prior=0.5)
    predicted = np.clip(uncorrected + trust[:, None] * correction, low[:, None], high[:, None])
    model = who_speaks(known)
    for day in range(first, days):
        if model[day] is not Model.BLEND:
            seen = np.concatenate([h.load[:day], np.full((1, HOURS), np.nan)])
            predicted[day] = simple(seen, near.group[day], h.days.kind[: day + 1], model[day])
    predicted[:first] = np.nan
    p10, p90, spread = _intervals(h, predicted, first, low)
    state = State(final[0], final[1], float(share[-1]), float(trust[-1]), memory[days - 1], spread)
    return Walk(predicted, p10, p90, model, first, state)


def bounds(history: History) -> tuple[Floats, Floats]:
    """Shape (d,): lowest and highest load that a forecast of each day may name: what was seen, with some headroom."""
    lowest = np.minimum.accumulate(history.filled.min(axis=1))
    highest = np.maximum.accumulate(history.filled.max(axis=1))
    lowest, highest = (np.concatenate([edge[:1], edge[:-1]]) for edge in (lowest, highest))
    return np.minimum(lowest * _HEADROOM, 0.0), np.maximum(highest * _HEADROOM, highest / _HEADROOM)


def who_speaks(known: npt.NDArray[np.bool_]) -> list[Model]:
    """For each day, by the days known before it; `known` has shape (d, 24)."""
    per_day = known.sum(axis=1)
    days = np.cumsum(per_day >= MIN_HOURS) - (per_day >= MIN_HOURS)
    any_hour = np.cumsum(per_day) - per_day
    return [
        Model.BLEND if d >= FULL_DAYS else Model.PROFILE if d >= PROFILE_DAYS
        else Model.FEW_DAYS if d else Model.MEAN if n else Model.NOTHING
        for d, n in zip(days.tolist(), any_hour.tolist(), strict=True)
    ]  # fmt: skip


def simple(load: Floats, profile: Floats, kind: npt.NDArray[np.int64], model: Model) -> Floats:
    """Shape (24,): what one of the models that need little forecasts of the last day.

    Parameters
    ----------
    load
        Shape (d, 24): known load up to that day, NaN where it is not known.
    profile
        Shape (24,): smoothed days of the same group.
    kind
        Shape (d,): as `Days.kind`.
    """
    if model is Model.NOTHING:
        return np.full(HOURS, np.nan)
    if model is Model.PROFILE:
        return profile
    mean = float(np.nanmean(load))
    if model is Model.MEAN:
        return np.full(HOURS, mean)
    group = group_of(kind)
    like = load[group == group[-1]]
    chosen = like if np.isfinite(like).any() else load
    count = np.isfinite(chosen).sum(axis=0)
    return np.where(count > 0, np.nansum(chosen, axis=0) / np.maximum(count, 1), mean)


def interval_scale(history: History) -> Floats:
    """Shape (d,): what error sizes are measured in; the square root tames spreads that jump with the season."""
    usual = np.maximum(before(history.spread, _USUAL_DAYS), 0.1 * history.spread)
    return np.asarray(np.sqrt(history.spread * usual), np.float64)


def _intervals(history: History, predicted: Floats, first: int, low: Floats) -> tuple[Floats, Floats, Spread]:
    p10, p90 = np.full_like(predicted, np.nan), np.full_like(predicted, np.nan)
    spread, scale = Spread.empty(), interval_scale(history)
    off = history.days.kind >= SATURDAY
    for day in range(first, len(predicted)):
        p10[day], p90[day] = band(spread, predicted[day], float(scale[day]), float(low[day]), off=bool(off[day]))
        spread.see(history.load[day] - predicted[day], float(scale[day]), off=bool(off[day]))
    return p10, p90, spread


def band(
    spread: Spread, predicted: Floats, scale: float, low: float, *, off: bool, wider: Floats | float = 1.0
) -> tuple[Floats, Floats]:
    """10 % and 90 % quantile around a day's forecast, shape (24,) each."""
    size = spread.size(scale, off=off)
    if size is None:
        size = np.full(HOURS, scale)
    below, above = predicted + spread.quantile * (size * wider)
    return np.minimum(np.maximum(below, low), predicted), np.maximum(above, predicted)
