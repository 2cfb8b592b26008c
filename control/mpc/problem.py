"""The linear programme: least cost of heat over the horizon, comfort as a soft constraint, a limit on power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
    zones, n = len(models), len(ahead.price)
    size = zones * n
    temp, mass, heat, cold, hot = (np.arange(size).reshape(zones, n) + k * size for k in range(5))
    cheap, dear, over = (np.arange(n) + 5 * size + k * n for k in range(3))
    total = 5 * size + 3 * n
    a, m, s, p, c, fade = (
        np.array([getattr(model, name) for model in models])
        for name in ("loss", "mass", "sun", "people", "constant", "fade")
    )
    rows = _Rows(total)
    free = a[:, None] * ahead.outdoor_c + s[:, None] * ahead.sun_w_m2 + p[:, None] * ahead.people + c[:, None]
    keep = (1 - a - m)[:, None] * np.ones(n)
    # T' - (1 - a - m) T - m M - q = free
    first = free[:, 0] + keep[:, 0] * inside_c + m * mass_c
    right = np.concatenate([first[:, None], free[:, 1:]], axis=1)
    at = rows.add(right.ravel())
    rows.put(at, temp.ravel(), 1.0)
    rows.put(at, heat.ravel(), -1.0)
    later = at.reshape(zones, n)[:, 1:].ravel()
    rows.put(later, temp[:, :-1].ravel(), -keep[:, 1:].ravel())
    rows.put(later, mass[:, :-1].ravel(), -np.repeat(m, n - 1))
    # M' - (1 - f) M - f T = 0
    first_mass = (1 - fade) * mass_c + fade * inside_c
    at = rows.add(np.concatenate([first_mass[:, None], np.zeros((zones, n - 1))], axis=1).ravel())
    rows.put(at, mass.ravel(), 1.0)
    later = at.reshape(zones, n)[:, 1:].ravel()
    rows.put(later, mass[:, :-1].ravel(), -np.repeat(1 - fade, n - 1))
    rows.put(later, temp[:, :-1].ravel(), -np.repeat(fade, n - 1))
    # what the zones take is cheap or dear
    at = rows.add(np.zeros(n))
    for z in range(zones):
        rows.put(at, heat[z], cost.kwh_per_k[z])
    rows.put(at, cheap, -1.0)
    rows.put(at, dear, -1.0)
    upper = _Rows(total)
    at = upper.add(-ahead.lowest_c.ravel())
    upper.put(at, temp.ravel(), -1.0)
    upper.put(at, cold.ravel(), -1.0)
    at = upper.add(ahead.highest_c.ravel())
    upper.put(at, temp.ravel(), 1.0)
    upper.put(at, hot.ravel(), -1.0)
    if ahead.limit_kwh is not None:
        at = upper.add(np.full(n, ahead.limit_kwh))
        for block, sign in ((cheap, 1.0), (dear, 1.0), (over, -1.0)):
            upper.put(at, block, sign)
    dearest = float(np.max(np.abs(ahead.price))) * cost.steeper * float(np.max(cost.kwh_per_k, initial=1e-9))
    objective = np.zeros(total)
    objective[cheap] = ahead.price
    objective[dear] = ahead.price * cost.steeper
    objective[cold.ravel()] = COLD_COST * dearest
    objective[hot.ravel()] = HOT_COST * dearest
    objective[over] = 10 * dearest / max(float(np.min(cost.kwh_per_k, initial=1.0)), 1e-9)
    bounds = np.zeros((total, 2))
    bounds[:, 1] = np.inf
    bounds[: 2 * size, 0] = -np.inf
    bounds[heat, 1] = np.repeat([model.capacity_k for model in models], n).reshape(zones, n)
    bounds[cheap, 1] = cost.knee_kwh
    found = linprog(
        objective, A_ub=upper.matrix(), b_ub=upper.right, A_eq=rows.matrix(), b_eq=rows.right, bounds=bounds,
        method="highs",
    )  # fmt: skip
    if found.x is None:
        return None
    x = found.x
    return Solution(x[temp], x[heat], x[cold], x[over])


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
        at = np.arange(self._count, self._count + len(right))
        self._count += len(right)
        self._right.append(np.asarray(right, np.float64))
        return at

    def put(self, rows: object, columns: object, values: float | Floats) -> None:
        at = np.asarray(rows)
        self._rows.append(at)
        self._cols.append(np.asarray(columns))
        self._data.append(np.broadcast_to(np.asarray(values, np.float64), at.shape))

    @property
    def right(self) -> Floats:
        return np.concatenate(self._right)

    def matrix(self) -> coo_array:
        return coo_array(
            (np.concatenate(self._data), (np.concatenate(self._rows), np.concatenate(self._cols))),
            shape=(self._count, self._columns),
        ).tocsr()
