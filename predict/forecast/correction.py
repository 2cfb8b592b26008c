"""What the errors of the last hours say of the hours to come, and how two models share one forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from predict.forecast.days import HOURS
from predict.series import Floats

_RECENT_H: Final = (3, 24)
"""Means of the errors of so many hours before the issue."""
_HALF_LIFE_DAYS: Final = 200.0
_PRIOR_DAYS: Final = 10.0
_LARGEST: Final = 5.0
"""Errors beyond so many spreads are cut to that: one broken hour says little of the next."""


def shares(actual: Floats, one: Floats, other: Floats, prior: float) -> Floats:
    """Shape (d,): the share of `other` in each day's forecast, by the least squares of the days before.

    Parameters
    ----------
    actual, one, other
        Shape (d, 24); where `actual` is NaN nothing is learnt.
    prior
        The share before anything was learnt; it counts for ten days.
    """
    apart = np.where(np.isfinite(actual), other - one, 0.0)
    wanted = np.where(np.isfinite(actual), actual - one, 0.0)
    product, power = (apart * wanted).sum(axis=1), (apart**2).sum(axis=1)
    found = np.full(len(actual), prior)
    keep = 0.5 ** (1 / _HALF_LIFE_DAYS)
    top = bottom = days = 0.0
    for day in range(len(actual)):
        if bottom > 0:
            held = _PRIOR_DAYS * bottom / days
            found[day] = min(max((top + prior * held) / (bottom + held), 0.0), 1.0)
        top, bottom, days = keep * top + product[day], keep * bottom + power[day], keep * days + 1
    return found


@dataclass(frozen=True, slots=True)
class Memory:
    """How errors last.

    Attributes
    ----------
    weight
        Shape (24, 2): at lead k + 1 hours, what the means of the last 3 and 24 errors count for.
    remaining
        Shape (24,): share of the errors' power that is left at each lead after the correction.
    """

    weight: Floats
    remaining: Floats


def relative_errors(actual: Floats, forecast: Floats, spread: Floats) -> Floats:
    """Shape (d, 24): errors in spreads, cut; 0 where the actual is unknown."""
    error = (actual - forecast) / spread[:, None]
    return np.clip(np.where(np.isfinite(error), error, 0.0), -_LARGEST, _LARGEST)


def recent_means(errors: Floats) -> Floats:
    """Shape (d, 24, 2): means of the last 3 and 24 errors before each hour; 0 stands before the first."""
    flat = np.concatenate([np.zeros(max(_RECENT_H)), errors.ravel()])
    total = np.concatenate([[0.0], np.cumsum(flat)])
    at = np.arange(errors.size) + max(_RECENT_H)
    means = [(total[at] - total[at - width]) / width for width in _RECENT_H]
    return np.stack(means, axis=-1).reshape(*errors.shape, 2)


def memories(errors: Floats, weight: Floats) -> list[Memory]:
    """The memory known at the beginning of each day, and after the last: d + 1 of them.

    Parameters
    ----------
    errors
        Shape (d, 24), of forecasts issued at midnight.
    weight
        Shape (d,).
    """
    seen = recent_means(errors)
    days = len(errors)
    gram, moment, power = np.zeros((days, HOURS, 2, 2)), np.zeros((days, HOURS, 2)), np.zeros((days, HOURS))
    for lead in range(HOURS):
        x, y = seen[:, : HOURS - lead], errors[:, lead:]
        gram[:, lead] = np.swapaxes(x, 1, 2) @ x
        moment[:, lead] = (x * y[:, :, None]).sum(axis=1)
        power[:, lead] = (y**2).sum(axis=1)
    keep = 0.5 ** (1 / _HALF_LIFE_DAYS)
    a, b, v = np.zeros((HOURS, 2, 2)), np.zeros((HOURS, 2)), np.zeros(HOURS)
    sums = [(a, b, v)]
    for day in range(days):
        a = keep * a + weight[day] * gram[day]
        b = keep * b + weight[day] * moment[day]
        v = keep * v + weight[day] * power[day]
        sums.append((a, b, v))
    all_a, all_b, all_v = (np.stack(part) for part in zip(*sums, strict=True))
    # The prior: nothing lasts. It counts for as much as the power of some days.
    prior = 0.1 * all_v / HOURS + 1e-12
    all_w = np.linalg.solve(all_a + prior[..., None, None] * np.eye(2), all_b[..., None])[..., 0]
    explained = 2 * (all_w * all_b).sum(axis=-1) - np.einsum("dhi,dhij,dhj->dh", all_w, all_a, all_w)
    remaining = np.clip(1 - explained / np.maximum(all_v, 1e-12), 0.05, 1.0)
    return [Memory(w, r) for w, r in zip(all_w, remaining, strict=True)]
