"""A building's thermal twin: identified from how it behaved, it foretells temperatures and the heat they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import least_squares, lsq_linear
from sklearn.base import BaseEstimator

from core.errors import DomainError
from predict.series import Floats
from predict.twin.lag import filled, lagged
from predict.twin.network import PARAMETERS, WALL_H, Drive, Network, State

MIN_STEPS: Final = 72
MEMORY_H: Final = 48.0
CONSTANT: Final = PARAMETERS.index("constant")
_RIDGE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Forecast:
    """Temperatures to come, arrays of shape (n,).

    Attributes
    ----------
    inside_c
        Room air after each step, °C.
    sd_k
        Standard deviation of its error, grown as it did over the steps ahead of the data it was fitted on.
    """

    inside_c: Floats
    sd_k: Floats


class ThermalTwin(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """A grey-box model of a zone or a building, linear, physical, identified by its errors over a day ahead.

    Parameters
    ----------
    step_h
        Length of a step, hours.
    mass_h
        Time constants of the masses that the room exchanges heat with, hours; those that do nothing come out as 0.
    window_h
        How far ahead its temperatures shall be right, hours.

    Attributes
    ----------
    network_
        Its parameters, see `Network`.
    parameters_
        In physical units, see `Network.physical`.
    error_k_
        Shape (window,): root mean square error of the temperature, 1, 2, … steps ahead, in the fit.
    noise_k_
        Of one step.

    Notes
    -----
    A parallel network in the sense of ISO 13790 and ISO 52016-1: room air, masses behind it, walls between it and the
    weather. First a bounded least squares fit of one-step changes, which is convex; then all windows of the data are
    simulated from their own states and their errors made as small as they get (prediction error method, Ljung,
    *System Identification*, chapter 7; Madsen and Holst, Energy and Buildings 22 (1995) 67-79, for buildings).
    """

    def __init__(
        self, step_h: float = 1.0, mass_h: tuple[float, ...] = (4.0, 16.0, 64.0), window_h: float = 24.0
    ) -> None:
        self.step_h = step_h
        self.mass_h = mass_h
        self.window_h = window_h

    def fit(self, inside_c: Floats, acts: Drive) -> ThermalTwin:
        """Identify the parameters.

        Parameters
        ----------
        inside_c
            Shape (n,): mean temperature of the room air in each step, NaN where unknown.
        acts
            What acted on it; NaN where unknown.

        Raises
        ------
        DomainError
            Fewer than three days are known, or the shapes differ.
        """
        inside = np.asarray(inside_c, np.float64)
        if inside.shape != acts.outdoor_c.shape:
            raise DomainError(f"temperatures {inside.shape} and drive {acts.outdoor_c.shape} need the same shape")
        known = np.isfinite(inside) & np.all(np.isfinite(np.stack(acts.columns())), axis=0)
        if int(known.sum()) < MIN_STEPS:
            raise DomainError(f"a twin needs {MIN_STEPS} known steps, there are {int(known.sum())}")
        inside, acts = filled(inside), _whole(acts)
        x = self._features(inside, acts)
        settled = np.arange(len(inside) - 1) >= min(MEMORY_H / self.step_h, len(inside) // 4)
        rows = settled & known[:-1] & known[1:]
        start = _bounded(x[:-1][rows], np.diff(inside)[rows])
        coefficients = self._refine(start, inside, acts, known)
        self.network_ = Network(coefficients, tuple(self.mass_h), self.step_h)
        self.parameters_ = self.network_.physical()
        self.noise_k_ = float(np.sqrt(np.mean((np.diff(inside)[rows] - x[:-1][rows] @ coefficients) ** 2)))
        errors = self._window_errors(coefficients, inside, acts, known)
        self.error_k_ = np.sqrt(np.mean(errors**2, axis=0)) if len(errors) else np.array([self.noise_k_])
        return self

    def state(self, inside_c: Floats, acts: Drive) -> State:
        """Where the building stands after some days of known temperatures and drive."""
        inside = filled(np.asarray(inside_c, np.float64))
        whole = _whole(acts)
        masses = np.array([lagged(inside, h, self.step_h)[-1] for h in self.mass_h])
        return State(
            float(inside[-1]),
            masses,
            float(lagged(whole.outdoor_c, WALL_H, self.step_h)[-1]),
            float(whole.heat_kwh[-1]),
        )

    def predict(self, acts: Drive, start: State) -> Forecast:
        """Temperatures after each step of a drive to come."""
        inside = self.network_.simulate(start, _whole(acts))
        ahead = np.minimum(np.arange(len(inside)), len(self.error_k_) - 1)
        beyond = np.maximum(np.arange(len(inside)) - len(self.error_k_) + 1, 0)
        return Forecast(inside, self.error_k_[ahead] * np.sqrt(1 + beyond / len(self.error_k_)))

    def demand(self, acts: Drive, start: State, target_c: Floats, limit_kwh: float) -> tuple[Floats, Floats]:
        """Heat that holds `target_c`, and the temperatures it makes; see `Network.demand`."""
        return self.network_.demand(start, _whole(acts), target_c, limit_kwh)

    def virtual_heat_kwh(self, inside_c: Floats, acts: Drive) -> Floats:
        """Heat that the temperatures tell of where no meter counts it, kWh a step, shape (n - 1,); noisy."""
        inside, whole = filled(np.asarray(inside_c, np.float64)), _whole(acts)
        cold = Drive(
            outdoor_c=whole.outdoor_c,
            heat_kwh=np.zeros(len(whole)),
            sun_w_m2=whole.sun_w_m2,
            people=whole.people,
            electricity_kwh=whole.electricity_kwh,
            running=whole.running,
        )
        rise = np.diff(inside) - (self._features(inside, cold) @ self.network_.coefficients)[:-1]
        gain = self.network_.gain_k_per_kwh
        return np.asarray(rise / gain if gain > 0 else np.full_like(rise, np.nan), np.float64)

    def _features(self, inside: Floats, acts: Drive) -> Floats:
        difference = inside - acts.outdoor_c
        wall = lagged(acts.outdoor_c, WALL_H, self.step_h)
        return np.stack(
            [
                -difference,
                wall - inside,
                -acts.running * difference,
                acts.heat_kwh,
                np.concatenate([acts.heat_kwh[:1], acts.heat_kwh[:-1]]),
                acts.sun_w_m2,
                acts.people,
                acts.electricity_kwh,
                np.ones(len(inside)),
                *(lagged(inside, h, self.step_h) - inside for h in self.mass_h),
            ],
            axis=1,
        )

    def _refine(self, start: Floats, inside: Floats, acts: Drive, known: Any) -> Floats:
        scale = np.where(start > 0, start, np.max(np.abs(start)) * 1e-3 + 1e-9)
        low = np.zeros(len(start))
        low[CONSTANT] = -np.inf

        def errors(relative: Floats) -> Floats:
            misses = self._window_errors(relative * scale, inside, acts, known)
            # A weak pull to the convex fit settles what the data do not tell.
            return np.concatenate(
                [misses.ravel(), 0.02 * np.sqrt(misses.size) * self._pull * (relative - start / scale)]
            )

        first = self._window_errors(start, inside, acts, known)
        if not len(first) or not np.isfinite(first).all():
            return start
        self._pull = float(np.sqrt(np.mean(first**2)))
        found = least_squares(
            errors, np.maximum(start / scale, low + 1e-9), bounds=(low, np.inf), max_nfev=30, x_scale="jac"
        )
        return np.asarray(found.x * scale, np.float64)

    def _window_errors(self, coefficients: Floats, inside: Floats, acts: Drive, known: Any) -> Floats:
        """Errors of the temperature over all windows, each simulated from its own state, shape (windows, steps)."""
        steps = max(2, round(self.window_h / self.step_h))
        first = round(min(MEMORY_H / self.step_h, len(inside) // 4))
        starts = np.arange(first, len(inside) - steps - 1, max(1, steps // 3))
        whole = np.array([bool(known[s : s + steps + 1].all()) for s in starts], bool)
        starts = starts[whole] if len(starts) else starts
        if not len(starts):
            return np.zeros((0, steps))
        network = Network(coefficients, tuple(self.mass_h), self.step_h)
        air = inside[starts]
        masses = np.stack([lagged(inside, h, self.step_h)[starts] for h in self.mass_h], axis=1)
        wall = lagged(acts.outdoor_c, WALL_H, self.step_h)
        before = np.concatenate([acts.heat_kwh[:1], acts.heat_kwh[:-1]])
        c, branches, fades = coefficients, coefficients[len(PARAMETERS) :], network.fades
        outer = np.stack([acts.heat_kwh, before, acts.sun_w_m2, acts.people, acts.electricity_kwh], axis=1) @ c[3:8]
        errors = np.empty((len(starts), steps))
        for k in range(steps):
            at = starts + k
            flow = -(c[0] + c[2] * acts.running[at]) * (air - acts.outdoor_c[at]) - c[1] * (air - wall[at])
            rise = flow + outer[at] + c[CONSTANT] - (air[:, None] - masses) @ branches
            masses = masses + fades * (air[:, None] - masses)
            air = air + rise
            errors[:, k] = air - inside[at + 1]
        return errors


def _bounded(x: Floats, y: Floats) -> Floats:
    """Least squares with no negative coefficient but the constant, in columns of equal size."""
    scale = np.maximum(np.sqrt(np.mean(x**2, axis=0)), 1e-12)
    used = np.sqrt(np.mean(x**2, axis=0)) > 1e-9
    low = np.zeros(x.shape[1])
    low[CONSTANT] = -np.inf
    ridge = np.diag(np.full(x.shape[1], _RIDGE * np.sqrt(len(y)) * float(np.std(y))))
    found = lsq_linear(np.vstack([x / scale, ridge]), np.concatenate([y, np.zeros(x.shape[1])]), bounds=(low, np.inf))
    return np.where(used, found.x / scale, 0.0)


def _whole(acts: Drive) -> Drive:
    outdoor, heat, sun, people, electricity, running = (filled(np.asarray(v, np.float64)) for v in acts.columns())
    return Drive(
        outdoor_c=outdoor,
        heat_kwh=heat,
        sun_w_m2=sun,
        people=people,
        electricity_kwh=electricity,
        running=running,
    )
