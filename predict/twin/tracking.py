"""Tracks a twin's parameters on line, with their uncertainty: they walk at random, and every hour tells a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import DomainError
from predict.series import Floats
from predict.twin.lag import filled, lagged
from predict.twin.network import WALL_H, Drive

NAMES: Final = ("loss", "wall_loss", "ventilation", "sun", "person", "electricity", "capacity", "before", "base")
BLOCK: Final = 6
"""Hours are taken together by so many: what radiators and thermometers do within them is noise."""
_LIMIT: Final = 4.0


@dataclass(frozen=True, slots=True)
class Tracked:
    """Parameters after each block of hours.

    Attributes
    ----------
    step
        Shape (m,): index of each block's last hour.
    value, sd
        Shape (m, k): of `TwinTracker.names_`, per hour and in kWh of what was given as heat.
    surprise
        Shape (m,): error of the block's heat before it was learnt from, in standard deviations.
    """

    step: Floats
    value: Floats
    sd: Floats
    surprise: Floats


class TwinTracker:
    """A Kalman filter on the heat balance whose parameters are a random walk.

    Parameters
    ----------
    forgetting_days
        In so many days a parameter may become another one by a tenth of itself.
    mass_h
        Time constants of the masses, hours.

    Attributes
    ----------
    names_
        Of the parameters: `NAMES`, then one conductance for each mass.
    mean_, covariance_
        Now, shapes (k,) and (k, k).
    noise_
        Variance of a block's heat, kWh².

    Notes
    -----
    ``Q = a (T - To) + w (T - Tw) + v r (T - To) + C dT - s S - p P - e E + sum h (T - M) + base``: linear in the
    parameters, so the filter is exact (Kalman, 1960; forgetting after Peterka, *Bayesian system identification*,
    Automatica 17 (1981) 41-53). Surprises beyond four deviations count as four, so that one wrong hour moves nothing.
    """

    def __init__(self, forgetting_days: float = 60.0, mass_h: tuple[float, ...] = (4.0, 16.0, 64.0)) -> None:
        self.forgetting_days = forgetting_days
        self.mass_h = mass_h

    def fit(self, inside_c: Floats, acts: Drive) -> TwinTracker:
        """Begin with a period of at least a week.

        Raises
        ------
        DomainError
            It is shorter.
        """
        x, y, _ = self._blocks(inside_c, acts)
        known = np.isfinite(y)
        if int(known.sum()) < 7 * 24 // BLOCK:
            raise DomainError(f"tracking begins with a week of known hours, there are {int(known.sum()) * BLOCK}")
        self.names_ = (*NAMES, *(f"mass {h:g} h" for h in self.mass_h))
        size = np.maximum(np.sqrt(np.mean(x[known] ** 2, axis=0)), 1e-9)
        level = max(float(np.sqrt(np.mean(y[known] ** 2))), 1e-9)
        prior = np.diag((size / level) ** 2)
        self.noise_ = level**2 * 0.01
        for _ in range(3):
            precision = x[known].T @ x[known] / self.noise_ + prior
            self.mean_ = np.linalg.solve(precision, x[known].T @ y[known] / self.noise_)
            self.noise_ = max(float(np.mean((y[known] - x[known] @ self.mean_) ** 2)), 1e-9 * level**2)
        self.covariance_ = np.linalg.inv(precision)
        # A parameter that is nearly nothing may still become something: it walks by the size of its effect.
        per_block = 0.1 / np.sqrt(self.forgetting_days * 24 / BLOCK)
        self._walk = np.diag((per_block * np.maximum(np.abs(self.mean_), 0.1 * level / size)) ** 2)
        return self

    def track(self, inside_c: Floats, acts: Drive) -> Tracked:
        """Learn from later hours, block by block; unknown ones change nothing but the doubt.

        Parameters
        ----------
        inside_c, acts
            From some days before the first hour that is to be learnt from: the masses need their memory.
        """
        x, y, last = self._blocks(inside_c, acts)
        values, spreads, surprises = [], [], []
        for row, heat in zip(x, y, strict=True):
            self.covariance_ = self.covariance_ + self._walk
            surprise = np.nan
            if np.isfinite(heat):
                spread = self.covariance_ @ row
                variance = float(row @ spread) + self.noise_
                error = float(heat - row @ self.mean_)
                surprise = error / np.sqrt(variance)
                gain = spread / variance
                self.mean_ = self.mean_ + gain * float(np.clip(surprise, -_LIMIT, _LIMIT)) * np.sqrt(variance)
                self.covariance_ = self.covariance_ - np.outer(gain, spread)
            values.append(self.mean_)
            spreads.append(np.sqrt(np.maximum(np.diag(self.covariance_), 0.0)))
            surprises.append(surprise)
        return Tracked(last, np.array(values), np.array(spreads), np.array(surprises))

    def parameters(self) -> Mapping[str, tuple[float, float]]:
        """Each parameter now and its standard deviation."""
        spread = np.sqrt(np.maximum(np.diag(self.covariance_), 0.0))
        return {n: (float(v), float(s)) for n, v, s in zip(self.names_, self.mean_, spread, strict=True)}

    @property
    def heat_loss_kw_k(self) -> tuple[float, float]:
        """Loss to the outdoor air, at once and through walls, kW/K, and its standard deviation."""
        pair = self.covariance_[:2, :2]
        return float(self.mean_[:2].sum()), float(np.sqrt(max(pair.sum(), 0.0)))

    def _blocks(self, inside_c: Floats, acts: Drive) -> tuple[Floats, Floats, Floats]:
        raw = np.asarray(inside_c, np.float64)
        unknown = ~np.isfinite(raw) | ~np.all(np.isfinite(np.stack(acts.columns())), axis=0)
        inside = filled(raw)
        outdoor, heat, sun, people, electricity, running = (filled(np.asarray(v, np.float64)) for v in acts.columns())
        difference = inside - outdoor
        ahead = np.concatenate([np.diff(inside), [0.0]])
        back = np.concatenate([[0.0], np.diff(inside)])
        x = np.stack(
            [
                difference,
                inside - lagged(outdoor, WALL_H),
                running * difference,
                -sun / 1000,
                -people,
                -electricity,
                ahead,
                back,
                np.ones(len(inside)),
                *(inside - lagged(inside, h) for h in self.mass_h),
            ],
            axis=1,
        )
        count = len(inside) // BLOCK
        rows = slice(0, count * BLOCK)
        sums = x[rows].reshape(count, BLOCK, -1).sum(axis=1)
        heat = heat[rows].reshape(count, BLOCK).sum(axis=1)
        gone = unknown[rows].reshape(count, BLOCK).any(axis=1)
        return sums, np.where(gone, np.nan, heat), np.arange(1, count + 1, dtype=np.float64) * BLOCK - 1
