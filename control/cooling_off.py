"""Learns how fast a zone loses its warmth without heating, from its nights."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from predict.series import Floats

_MIN_FALL_K: Final = 0.5
_MIN_DIFFERENCE_K: Final = 3.0
_UNHEATED_K: Final = 1.0
_MIN_HOURS: Final = 2.0
_MIN_NIGHTS: Final = 4


def learn_cooling_off(temperature_c: Floats, setpoint_c: Floats, outdoor_c: Floats, step_h: float) -> float | None:
    """How fast a zone loses its warmth with no heating, 1/h: the upper quartile of its nights; None: too few.

    Parameters
    ----------
    temperature_c, setpoint_c, outdoor_c
        Shape (n,): zone air, its heating set-point, outdoor air; NaN where unknown.
    step_h
        Hours between samples.

    Notes
    -----
    A night is a stretch of two hours or more in which the zone lies a kelvin above its set-point, and falls by half a
    kelvin or more. Of its difference to outdoors, exp(-rate * hours) is left at the end (Newton's law of cooling).
    """
    unheated = temperature_c - setpoint_c > _UNHEATED_K
    unheated &= np.isfinite(outdoor_c) & (temperature_c - outdoor_c > _MIN_DIFFERENCE_K)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], unheated, [False]]).astype(np.int8)))
    rates = []
    for begin, end in zip(edges[::2], edges[1::2] - 1, strict=True):
        hours = (end - begin) * step_h
        if hours >= _MIN_HOURS and temperature_c[begin] - temperature_c[end] >= _MIN_FALL_K:
            outdoor = float(np.mean(outdoor_c[begin : end + 1]))
            left = (temperature_c[end] - outdoor) / (temperature_c[begin] - outdoor)
            if left > 0:
                rates.append(-math.log(left) / hours)
    return float(np.quantile(rates, 0.75)) if len(rates) >= _MIN_NIGHTS else None
