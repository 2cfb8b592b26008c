"""The network of resistances and capacities behind a twin, as a linear state space that is stepped hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import DomainError
from predict.series import Floats

WALL_H: Final = 24.0
"""Time constant of the walls that the weather comes through late, hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What acts on a building, per step, arrays of shape (n,); zeros where there is none of it.

    Attributes
    ----------
    outdoor_c
        Outdoor air.
    heat_kwh
        Heat (or the fuel that makes it) in the step.
    sun_w_m2
        Global horizontal irradiance.
    people
        Present.
    electricity_kwh
        That becomes heat in the rooms.
    running
        Share of the step in which ventilation runs, 0 to 1.
    """

    outdoor_c: Floats
    heat_kwh: Floats
    sun_w_m2: Floats
    people: Floats
    electricity_kwh: Floats
    running: Floats

    def __post_init__(self) -> None:
        shapes = {np.shape(values) for values in self.columns()}
        if len(shapes) != 1:
            raise DomainError(f"all parts of a drive need the same shape, not {sorted(shapes)}")

    def columns(self) -> tuple[Floats, ...]:
        """All of them, in the order above."""
        return (self.outdoor_c, self.heat_kwh, self.sun_w_m2, self.people, self.electricity_kwh, self.running)

    def __len__(self) -> int:
        return len(self.outdoor_c)

    def part(self, rows: slice) -> Drive:
        """Some of the steps."""
        outdoor, heat, sun, people, electricity, running = (values[rows] for values in self.columns())
        return Drive(
            outdoor_c=outdoor,
            heat_kwh=heat,
            sun_w_m2=sun,
            people=people,
            electricity_kwh=electricity,
            running=running,
        )


def drive(
    outdoor_c: Floats,
    heat_kwh: Floats,
    *,
    sun_w_m2: Floats | None = None,
    people: Floats | None = None,
    electricity_kwh: Floats | None = None,
    running: Floats | None = None,
) -> Drive:
    """A `Drive` of what is known; what is not is zero."""
    nothing = np.zeros_like(np.asarray(outdoor_c, np.float64))

    def known(values: Floats | None) -> Floats:
        return nothing if values is None else np.asarray(values, np.float64)

    return Drive(
        outdoor_c=np.asarray(outdoor_c, np.float64),
        heat_kwh=np.asarray(heat_kwh, np.float64),
        sun_w_m2=known(sun_w_m2),
        people=known(people),
        electricity_kwh=known(electricity_kwh),
        running=known(running),
    )


@dataclass(frozen=True, slots=True)
class State:
    """Where a building stands between two steps.

    Attributes
    ----------
    inside_c
        Room air.
    masses_c
        Shape (k,): the masses behind it, fast to slow.
    wall_c
        What the walls know of the outdoor temperature.
    heat_kwh
        Heat of the step before, part of which is still in the radiators.
    """

    inside_c: float
    masses_c: Floats
    wall_c: float
    heat_kwh: float

    @property
    def vector(self) -> Floats:
        """Room air, masses, wall, heat of the step before; shape (k + 3,)."""
        return np.concatenate([[self.inside_c], self.masses_c, [self.wall_c, self.heat_kwh]])


PARAMETERS: Final = (
    "loss", "wall loss", "ventilation", "heat now", "heat before", "sun", "people", "electricity", "constant",
)  # fmt: skip
"""Coefficients of a step's change of temperature, K; those of the masses follow them."""


@dataclass(frozen=True, slots=True)
class Network:
    """The parameters of a building, per step.

    ``T' = T - a (T - To) - w (T - Tw) - v r (T - To) - sum_j h_j (T - M_j) + b Q + b' Q_before + s S + p P + e E + c``
    ``M_j' = M_j + (1 - exp(-dt / tau_j)) (T - M_j)``, and the same for the wall ``Tw`` towards ``To``.

    Attributes
    ----------
    coefficients
        Shape (9 + k,): see `PARAMETERS`, then the masses; none but the constant is negative.
    mass_h
        Time constants of the masses, hours.
    step_h
        Length of a step, hours.
    """

    coefficients: Floats
    mass_h: tuple[float, ...]
    step_h: float

    @property
    def fades(self) -> Floats:
        """By how much each mass moves towards the room in a step, shape (k,)."""
        return np.asarray(1 - np.exp(-self.step_h / np.array(self.mass_h)), np.float64)

    @property
    def wall_fade(self) -> float:
        """By how much the wall moves towards the outdoor temperature in a step."""
        return float(1 - np.exp(-self.step_h / WALL_H))

    def value(self, name: str) -> float:
        """One of `PARAMETERS`."""
        return float(self.coefficients[PARAMETERS.index(name)])

    @property
    def gain_k_per_kwh(self) -> float:
        """Rise of the room air by a kWh of heat."""
        return self.value("heat now") + self.value("heat before")

    def physical(self) -> dict[str, float]:
        """The parameters in physical units; kWh are of what was given as heat.

        Returns
        -------
        dict
            ``heat_loss_kw_k`` and ``ventilation_kw_k`` (kW/K), ``capacity_kwh_k`` of the room air and what follows it
            at once, ``mass_kwh_k`` of all masses (kWh/K), ``solar_m2`` (m² of horizontal irradiance), ``person_kw``,
            ``electricity_share``, ``time_constant_h`` (h). NaN when no heat was ever seen to act.
        """
        gain = self.gain_k_per_kwh
        scale = 1 / gain if gain > 0 else np.nan
        loss = (self.value("loss") + self.value("wall loss")) * scale / self.step_h
        branches = self.coefficients[len(PARAMETERS) :] * scale
        mass = float(np.sum(branches * np.array(self.mass_h))) / self.step_h
        return {
            "heat_loss_kw_k": loss,
            "ventilation_kw_k": self.value("ventilation") * scale / self.step_h,
            "capacity_kwh_k": scale,
            "mass_kwh_k": mass,
            "solar_m2": self.value("sun") * scale / self.step_h * 1000,
            "person_kw": self.value("people") * scale / self.step_h,
            "electricity_share": self.value("electricity") * scale,
            "time_constant_h": (scale + mass) / loss if loss > 0 else np.inf,
        }

    def matrices(self, running: float = 0.0) -> tuple[Floats, Floats, Floats]:
        """``x' = A x + B u + E d`` for one step, as model predictive control needs it.

        Parameters
        ----------
        running
            Share of the step in which ventilation runs.

        Returns
        -------
        A, B, E
            Shapes (n, n), (n, 1), (n, 5): state as `State.vector`; u is heat (kWh); d is outdoor temperature (°C), sun
            (W/m²), people, electricity (kWh), 1.
        """
        k = len(self.mass_h)
        n = k + 3
        a, b, e = np.zeros((n, n)), np.zeros((n, 1)), np.zeros((n, 5))
        direct = self.value("loss") + self.value("ventilation") * running
        branches = self.coefficients[len(PARAMETERS) :]
        a[0, 0] = 1 - direct - self.value("wall loss") - float(branches.sum())
        a[0, 1 : k + 1] = branches
        a[0, k + 1], a[0, k + 2] = self.value("wall loss"), self.value("heat before")
        b[0, 0], b[k + 2, 0] = self.value("heat now"), 1.0
        e[0] = direct, self.value("sun"), self.value("people"), self.value("electricity"), self.value("constant")
        for j, fade in enumerate(self.fades):
            a[1 + j, 0], a[1 + j, 1 + j] = fade, 1 - fade
        a[k + 1, k + 1], e[k + 1, 0] = 1 - self.wall_fade, self.wall_fade
        return a, b, e

    def simulate(self, start: State, acts: Drive) -> Floats:
        """Room air after each step, °C, shape (n,)."""
        return self._run(start, acts, None, np.inf)[0]

    def demand(self, start: State, acts: Drive, target_c: Floats, limit_kwh: float) -> tuple[Floats, Floats]:
        """Heat that keeps the room at least at `target_c` after each step, and the temperatures it makes.

        Parameters
        ----------
        target_c
            Shape (n,).
        limit_kwh
            The most that the plant gives in a step.

        Returns
        -------
        heat_kwh, inside_c
            Shapes (n,): `acts.heat_kwh` does not count.
        """
        inside, heat = self._run(start, acts, np.asarray(target_c, np.float64), limit_kwh)
        return heat, inside

    def _run(self, start: State, acts: Drive, target_c: Floats | None, limit_kwh: float) -> tuple[Floats, Floats]:
        x = start.vector
        inside, heat = np.empty(len(acts)), np.array(acts.heat_kwh, np.float64)
        still, _, _ = self.matrices(0.0)
        vented, b, _ = self.matrices(1.0)
        _, _, e0 = self.matrices(0.0)
        _, _, e1 = self.matrices(1.0)
        d = np.stack([acts.outdoor_c, acts.sun_w_m2, acts.people, acts.electricity_kwh, np.ones(len(acts))], axis=1)
        now = max(float(b[0, 0]), 1e-12)
        for i, share in enumerate(acts.running.tolist()):
            free = (1 - share) * (still @ x + e0 @ d[i]) + share * (vented @ x + e1 @ d[i])
            if target_c is not None:
                heat[i] = min(max((target_c[i] - free[0]) / now, 0.0), limit_kwh)
            x = free + b[:, 0] * heat[i]
            inside[i] = x[0]
        return inside, heat
