"""A zone as predictive control sees it: identified from its record, with the heat it got told from its temperature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import lsq_linear

from predict.series import Floats
from predict.twin.lag import filled, lagged

MASS_H: Final = 16.0
_FREE_K: Final = 0.15
_MIN_STEPS: Final = 48
_RIDGE: Final = 0.02
_CAPACITY_QUANTILE: Final = 0.995
AHEAD_H: Final = 6.0


@dataclass(frozen=True, slots=True)
class ZoneModel:
    """``T' = T - a (T - To) - m (T - M) + s S + p P + c + q``, ``M' = M + f (T - M)``, per step.

    Attributes
    ----------
    loss, mass, sun, people, constant
        a, m, s, p, c: K a step.
    fade
        f: how far the mass follows the room in a step.
    capacity_k
        Largest q seen: K a step that its heating can add.
    error_k
        Root mean square error of the temperature after six hours without heating, K.
    """

    loss: float
    mass: float
    sun: float
    people: float
    constant: float
    fade: float
    capacity_k: float
    error_k: float

    def drift_k(self, inside_c: Floats, mass_c: Floats, outdoor_c: Floats, sun_w_m2: Floats, people: Floats) -> Floats:
        """Change of the temperature over the next step without heat, K; all arrays of shape (n,)."""
        return np.asarray(
            -self.loss * (inside_c - outdoor_c)
            - self.mass * (inside_c - mass_c)
            + self.sun * sun_w_m2
            + self.people * people
            + self.constant,
            np.float64,
        )


def identify(
    inside_c: Floats, setpoint_c: Floats, outdoor_c: Floats, sun_w_m2: Floats, people: Floats, *, step_h: float
) -> tuple[ZoneModel, Floats] | None:
    """A zone's model and the heat that it got, K a step, shape (n - 1,).

    Parameters
    ----------
    inside_c, setpoint_c
        Zone air and the heating set-point in force, shape (n,).
    outdoor_c, sun_w_m2, people
        What acted on it; zeros where it is not known.

    Notes
    -----
    The coefficients come from steps in which the zone lies above its heating set-point, so that only weather, sun,
    people and its own mass moved it: a bounded least squares fit, which is convex. None: there are too few such steps.
    """
    inside, outdoor = filled(inside_c), filled(outdoor_c)
    mass = lagged(inside, MASS_H, step_h)
    features = np.stack(
        [outdoor - inside, mass - inside, np.nan_to_num(sun_w_m2), np.nan_to_num(people), np.ones(len(inside))], axis=1
    )
    rise = np.diff(inside)
    free = (inside[:-1] > setpoint_c[:-1] + _FREE_K) & (inside[1:] > setpoint_c[1:] + _FREE_K)
    free &= np.isfinite(inside_c[:-1]) & np.isfinite(inside_c[1:])
    if int(free.sum()) < _MIN_STEPS:
        return None
    x, y = features[:-1][free], rise[free]
    scale = np.maximum(np.sqrt(np.mean(x**2, axis=0)), 1e-9)
    low = np.array([0.0, 0.0, 0.0, 0.0, -np.inf])
    ridge = np.diag(np.full(5, _RIDGE * float(np.std(y)) * np.sqrt(len(y))))
    fit = lsq_linear(np.vstack([x / scale, ridge]), np.concatenate([y, np.zeros(5)]), bounds=(low, np.inf))
    c = fit.x / scale
    heat = np.maximum(rise - features[:-1] @ c, 0.0)
    heat[free] = 0.0
    fade = float(1 - np.exp(-step_h / MASS_H))
    loss, mass_k, sun_k, people_k, constant = map(float, c)
    capacity_k = float(np.quantile(heat, _CAPACITY_QUANTILE))
    model = ZoneModel(loss, mass_k, sun_k, people_k, constant, fade, capacity_k, error_k=0.0)
    return _judged(model, inside, mass, features, free, round(AHEAD_H / step_h)), heat


def _judged(
    model: ZoneModel, inside: Floats, mass: Floats, features: Floats, free: np.ndarray[tuple[int], np.dtype[np.bool_]],
    steps: int,
) -> ZoneModel:  # fmt: skip
    """The model with its error after some steps without heating, where the record has such stretches."""
    errors = []
    outdoor = features[:, 0] + inside
    for start in range(0, len(free) - steps, steps // 2):
        if free[start : start + steps].all():
            t, m = np.array([inside[start]]), np.array([mass[start]])
            for k in range(start, start + steps):
                rise = model.drift_k(t, m, outdoor[k : k + 1], features[k : k + 1, 2], features[k : k + 1, 3])
                m = m + model.fade * (t - m)
                t = t + rise
            errors.append(float(t[0] - inside[start + steps]))
    error = float(np.sqrt(np.mean(np.square(errors)))) if errors else float("inf")
    return replace(model, error_k=error)
