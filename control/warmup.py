"""Learns how fast a zone warms up, from the mornings on which its set-point was raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from control.view import WarmUp
from predict.series import Floats

DEFAULT: Final = WarmUp(base_k_per_h=0.8, loss_per_h=0.0, slowest_k_per_h=0.8, mornings=0)
"""Until there are mornings to learn from: slow, so that the zone is warm too early rather than too late."""
MIN_MORNINGS: Final = 4
_MIN_RAISE_K: Final = 1.0
_MIN_DEFICIT_K: Final = 0.7
_ARRIVED_K: Final = 0.3
_AT_ONCE_K: Final = 0.3
_MAX_HOURS: Final = 12.0
_CAUTION: Final = 1.0
_MIN_SPREADS_K: Final = (4.0, 1.0)
"""Of the difference to outdoors, and of the kelvin missing."""


@dataclass(frozen=True, slots=True)
class Morning:
    """One warm-up.

    Attributes
    ----------
    rate_k_per_h
        Mean rate, its dead time included.
    difference_k
        Mean difference to outdoors; NaN when unknown.
    missing_k
        To the set-point when it began.
    """

    rate_k_per_h: float
    difference_k: float
    missing_k: float


def find_mornings(temperature_c: Floats, setpoint_c: Floats, outdoor_c: Floats, step_h: float) -> list[Morning]:
    """Warm-ups in equally spaced history.

    Parameters
    ----------
    temperature_c, setpoint_c, outdoor_c
        Shape (n,): zone air, its set-point, outdoor air; NaN where unknown.
    step_h
        Hours between samples.

    Notes
    -----
    A warm-up begins where the set-point is raised by a kelvin or more above a zone that is colder, and ends where the
    zone has arrived, the set-point is lowered, or a value is missing. One that ends early still has a rate.
    Cooling down is the same with all three negated.
    """
    mornings = []
    i, n = 1, len(temperature_c)
    while i < n:
        raised = setpoint_c[i] - setpoint_c[i - 1] >= _MIN_RAISE_K
        if not (raised and setpoint_c[i] - temperature_c[i - 1] >= _MIN_DEFICIT_K):
            i += 1
            continue
        end = i
        while (
            end + 1 < n
            and (end - i) * step_h < _MAX_HOURS
            and setpoint_c[end] - temperature_c[end] > _ARRIVED_K
            and setpoint_c[end + 1] >= setpoint_c[i] - _ARRIVED_K
            and np.isfinite(temperature_c[end + 1])
        ):
            end += 1
        # A zone that warms up within the very step in which it was asked to is looked at from the step before.
        begin = i - 1 if temperature_c[i] - temperature_c[i - 1] > _AT_ONCE_K else i
        hours, warmed = (end - begin) * step_h, temperature_c[end] - temperature_c[begin]
        if hours >= 1.0 or (hours > 0 and setpoint_c[end] - temperature_c[end] <= _ARRIVED_K):
            difference = float(np.mean(temperature_c[begin : end + 1] - outdoor_c[begin : end + 1]))
            missing = float(setpoint_c[i] - temperature_c[begin])
            mornings.append(Morning(float(max(warmed, 0.0) / hours), difference, missing))
        i = end + 1
    return mornings


def learn_warm_up(mornings: list[Morning], default: WarmUp = DEFAULT) -> WarmUp:
    """Warm-up of a zone from its mornings; the default when they are too few.

    The rate is a line in the difference to outdoors where the weather varied enough, and in the kelvin missing where
    they did, lowered by the scatter around it; else the lower quartile. Only what makes a zone slower counts.
    """
    if len(mornings) < MIN_MORNINGS:
        return default
    rates = np.array([m.rate_k_per_h for m in mornings])
    causes = np.array([[m.difference_k, m.missing_k] for m in mornings])
    slowest = float(np.quantile(rates, 0.1))
    known = np.isfinite(causes).all(axis=1)
    if known.sum() >= 2 * MIN_MORNINGS:
        varied = np.ptp(causes[known], axis=0) >= _MIN_SPREADS_K
        for chosen in (varied, varied & [True, False], varied & [False, True]):
            line = _line(causes[known], rates[known], chosen)
            if line is not None:
                base, (loss, slower), scatter = line
                return WarmUp(base - _CAUTION * scatter, loss, slowest, len(mornings), slower)
    return WarmUp(float(np.quantile(rates, 0.25)), 0.0, slowest, len(mornings))


def _line(causes: Floats, rates: Floats, chosen: NDArray[np.bool_]) -> tuple[float, tuple[float, float], float] | None:
    """Base, slopes by which each chosen cause slows, and scatter; None without a cause or where one would speed up."""
    if not chosen.any():
        return None
    terms = np.column_stack([np.ones(len(rates)), -causes[:, chosen]])
    found, *_ = np.linalg.lstsq(terms, rates, rcond=None)
    if (found[1:] <= 0).any():
        return None
    slopes = np.zeros(2)
    slopes[chosen] = found[1:]
    return float(found[0]), (float(slopes[0]), float(slopes[1])), float(np.std(rates - terms @ found))
