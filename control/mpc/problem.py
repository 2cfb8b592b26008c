"""The linear programme: least cost of heat over the horizon, comfort as a soft constraint, a limit on power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from control.mpc.zone_model import ZoneModel
from predict.series import Floats

COLD_COST: Final = 50.0
"""Of a kelvin too cold for a step, in units of the dearest heat that a kelvin takes."""
HOT_COST: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """What lies ahead of the zones, N steps.

    Attributes
    ----------
    outdoor_c, sun_w_m2, price
        Shape (N,); the price of a kWh, or its CO2.
    people
        Shape (zones, N).
    lowest_c, highest_c
        Shape (zones, N): the comfort band at the end of each step.
    limit_kwh
        Most energy in a step; None: no limit.
    """

    outdoor_c: Floats
    sun_w_m2: Floats
    price: Floats
    people: Floats
    lowest_c: Floats
    highest_c: Floats
    limit_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class HeatCost:
    """Energy that a building takes for its zones' heat, kWh a step: convex, two pieces.

    Attributes
    ----------
    kwh_per_k
        Shape (zones,): per kelvin that a zone is heated.
    knee_kwh
        Up to here a kWh of heat costs one, beyond it `steeper`.
    """

    kwh_per_k: Floats
    knee_kwh: float
    steeper: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Temperatures and heat by zone and step.

    Attributes
    ----------
    inside_c
        Shape (zones, N), at the end of each step.
    heat_k
        Shape (zones, N), K a step.
    short_k
        Shape (zones, N): by how much the lowest temperature is missed.
    over_limit_kwh
        Shape (N,).
    """

    inside_c: Floats
    heat_k: Floats
    short_k: Floats
    over_limit_kwh: Floats


def solve(models: list[ZoneModel], inside_c: Floats, mass_c: Floats, ahead: Horizon, cost: HeatCost) -> Solution | None:
    """The cheapest heat that keeps the band where that is possible, and comes as close as it can elsewhere.

    Parameters
    ----------
    inside_c, mass_c
        Shape (zones,): where the zones stand.

    Returns
    -------
    Solution or None
        None: the solver gave up, which its status says is not the problem's fault.

    Notes
    -----
    Variables, in blocks of zones times N: temperature, mass, heat, too cold, too hot; then N each of cheap energy,
    dear energy and energy over the limit. Solved by HiGHS.
    """
    at = _Places(len(models), len(ahead.price))
    equal, upper = _Rows(at.total), _Rows(at.total)
    _dynamics(equal, at, models, inside_c, mass_c, ahead)
    row = equal.add(np.zeros(at.steps))
    for z in range(at.zones):
        equal.put(row, at.heat[z], cost.kwh_per_k[z])
    equal.put(row, at.cheap, -1.0)
    equal.put(row, at.dear, -1.0)
    row = upper.add(-ahead.lowest_c.ravel())
    upper.put(row, at.inside.ravel(), -1.0)
    upper.put(row, at.cold.ravel(), -1.0)
    row = upper.add(ahead.highest_c.ravel())
    upper.put(row, at.inside.ravel(), 1.0)
    upper.put(row, at.hot.ravel(), -1.0)
    if ahead.limit_kwh is not None:
        row = upper.add(np.full(at.steps, ahead.limit_kwh))
        for block, sign in ((at.cheap, 1.0), (at.dear, 1.0), (at.over, -1.0)):
            upper.put(row, block, sign)
    bounds = np.zeros((at.total, 2))
    bounds[:, 1] = np.inf
    bounds[at.inside.ravel(), 0] = bounds[at.mass.ravel(), 0] = -np.inf
    bounds[at.heat, 1] = np.array([model.capacity_k for model in models])[:, None]
    bounds[at.cheap, 1] = cost.knee_kwh
    found = linprog(
        _prices(at, ahead, cost), A_ub=upper.matrix(), b_ub=upper.right, A_eq=equal.matrix(), b_eq=equal.right,
        bounds=bounds, method="highs",
    )  # fmt: skip
    if found.x is None:
        return None
    return Solution(found.x[at.inside], found.x[at.heat], found.x[at.cold], found.x[at.over])


class _Places:
    """Where each variable stands: blocks of shape (zones, N), then those of shape (N,)."""

    def __init__(self, zones: int, steps: int) -> None:
        self.zones, self.steps = zones, steps
        size = zones * steps
        self.inside, self.mass, self.heat, self.cold, self.hot = (
            np.arange(size).reshape(zones, steps) + k * size for k in range(5)
        )
        self.cheap, self.dear, self.over = (np.arange(steps) + 5 * size + k * steps for k in range(3))
        self.total = 5 * size + 3 * steps


def _dynamics(
    rows: _Rows, at: _Places, models: list[ZoneModel], inside_c: Floats, mass_c: Floats, ahead: Horizon
) -> None:
    """``T' - (1 - a - m) T - m M - q = free`` and ``M' - (1 - f) M - f T = 0``, see `ZoneModel`."""
    a, m, s, p, c, fade = (
        np.array([getattr(model, name) for model in models])
        for name in ("loss", "mass", "sun", "people", "constant", "fade")
    )
    n = at.steps
    keep = 1 - a - m
    free = a[:, None] * ahead.outdoor_c + s[:, None] * ahead.sun_w_m2 + p[:, None] * ahead.people + c[:, None]
    free[:, 0] += keep * inside_c + m * mass_c
    row = rows.add(free.ravel())
    rows.put(row, at.inside.ravel(), 1.0)
    rows.put(row, at.heat.ravel(), -1.0)
    later = row.reshape(at.zones, n)[:, 1:].ravel()
    rows.put(later, at.inside[:, :-1].ravel(), -np.repeat(keep, n - 1))
    rows.put(later, at.mass[:, :-1].ravel(), -np.repeat(m, n - 1))
    first = np.zeros((at.zones, n))
    first[:, 0] = (1 - fade) * mass_c + fade * inside_c
    row = rows.add(first.ravel())
    rows.put(row, at.mass.ravel(), 1.0)
    later = row.reshape(at.zones, n)[:, 1:].ravel()
    rows.put(later, at.mass[:, :-1].ravel(), -np.repeat(1 - fade, n - 1))
    rows.put(later, at.inside[:, :-1].ravel(), -np.repeat(fade, n - 1))


def _prices(at: _Places, ahead: Horizon, cost: HeatCost) -> Floats:
    """Cost of every variable; what is not allowed costs far more than any heat."""
    dearest = float(np.max(np.abs(ahead.price))) * cost.steeper * float(np.max(cost.kwh_per_k, initial=1e-9))
    prices = np.zeros(at.total)
    prices[at.cheap] = ahead.price
    prices[at.dear] = ahead.price * cost.steeper
    prices[at.cold.ravel()] = COLD_COST * dearest
    prices[at.hot.ravel()] = HOT_COST * dearest
    prices[at.over] = 10 * float(np.max(np.abs(ahead.price))) * cost.steeper
    return prices


class _Rows:
    """Rows of a sparse matrix with their right-hand sides."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows: list[Floats] = []
        self._cols: list[Floats] = []
        self._data: list[Floats] = []
        self._right: list[Floats] = []
        self._count = 0

    def add(self, right: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """New rows; their numbers."""
        at = np.arange(self._count, self._count + len(right))
        self._count += len(right)
        self._right.append(np.asarray(right, np.float64))
        return at

    def put(self, rows: object, columns: object, values: float | Floats) -> None:
        """Coefficients, one for each pair of row and column."""
        at = np.asarray(rows)
        self._rows.append(at)
        self._cols.append(np.asarray(columns))
        self._data.append(np.broadcast_to(np.asarray(values, np.float64), at.shape))

    @property
    def right(self) -> Floats:
        """The right-hand sides."""
        return np.concatenate(self._right)

    def matrix(self) -> Any:
        """As the solver takes it."""
        return coo_array(
            (np.concatenate(self._data), (np.concatenate(self._rows), np.concatenate(self._cols))),
            shape=(self._count, self._columns),
        ).tocsr()
