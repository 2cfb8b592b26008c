"""Heat through walls, roofs, floors and windows: a linear network of nodes, stepped implicitly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.air import AIR_J_M3K
from simulators.design import Face, Link, Zone
from simulators.solar import Floats, on_facade
from simulators.weather import Conditions

AIR_CAPACITY_FACTOR: Final = 4.0
"""Light furniture and books follow the air at once."""
INNER_FILM_M2K_W: Final = 0.13
OUTER_FILM_M2K_W: Final = 0.04
MASS_W_M2K: Final = 4.5
MASS_AREA_FACTOR: Final = 2.2
GROUND_MEAN_C: Final = 13.5
GROUND_SWING_K: Final = 3.0


@dataclass(frozen=True, slots=True)
class _Boundary:
    node: int
    conductance_w_k: float
    face: Face | None
    azimuth_deg: float = 0.0
    absorptance: float = 0.0


class Envelope:
    """The network of one building for one step length.

    Parameters
    ----------
    zones, links
        Its parts. Each zone has an air node, a mass node (floors, inner walls, shelves) and two nodes per opaque part.
    step_s
        Step, seconds; any length is stable, because ``(C/dt + G) T_new = C/dt T_old + q`` is solved (backward Euler).

    Attributes
    ----------
    capacity_j_k
        Shape (n,).
    air, mass
        Where the zones' nodes stand.
    boundary_w_k
        Conductance of each node to the outside, shape (n,).
    """

    def __init__(self, zones: Sequence[Zone], links: Sequence[Link], step_s: float) -> None:
        self.zones = tuple(zones)
        self._boundaries: list[_Boundary] = []
        capacity: list[float] = []
        pairs: list[tuple[int, int, float]] = []

        def node(capacity_j_k: float) -> int:
            capacity.append(capacity_j_k)
            return len(capacity) - 1

        air = [node(zone.volume_m3 * AIR_J_M3K * AIR_CAPACITY_FACTOR) for zone in self.zones]
        mass = [node(zone.floor_m2 * zone.mass_j_m2k) for zone in self.zones]
        for i, zone in enumerate(self.zones):
            pairs.append((air[i], mass[i], zone.floor_m2 * MASS_AREA_FACTOR * MASS_W_M2K))
            for window in zone.windows:
                self._boundaries.append(_Boundary(air[i], window.area_m2 * window.u_w_m2k, None))
            for part in zone.opaque:
                core = 1 / part.u_w_m2k - INNER_FILM_M2K_W - OUTER_FILM_M2K_W
                outer, inner = (node(part.area_m2 * part.capacity_j_m2k / 2) for _ in range(2))
                outside_w_k = part.area_m2 / (OUTER_FILM_M2K_W + 0.25 * core)
                self._boundaries.append(
                    _Boundary(outer, outside_w_k, part.face, part.azimuth_deg, part.absorptance * OUTER_FILM_M2K_W)
                )
                pairs.append((outer, inner, part.area_m2 / (0.5 * core)))
                pairs.append((inner, air[i], part.area_m2 / (INNER_FILM_M2K_W + 0.25 * core)))
        index = {zone.name: i for i, zone in enumerate(self.zones)}
        pairs.extend((air[index[k.first]], air[index[k.second]], k.conductance_w_k) for k in links)

        self.air = slice(0, len(air))
        self.mass = slice(len(air), 2 * len(air))
        self.capacity_j_k = np.array(capacity)
        n = len(capacity)
        conductance = np.zeros((n, n))
        for a, b, w_k in pairs:
            conductance[[a, b], [a, b]] += w_k
            conductance[[a, b], [b, a]] -= w_k
        self._to_boundary = np.zeros((n, len(self._boundaries)))
        for i, boundary in enumerate(self._boundaries):
            self._to_boundary[boundary.node, i] = boundary.conductance_w_k
        self.boundary_w_k: Floats = self._to_boundary.sum(axis=1)
        self._conductance = conductance + np.diag(self.boundary_w_k)
        inertia = self.capacity_j_k / step_s
        self._response = np.linalg.inv(np.diag(inertia) + self._conductance).astype(np.float64)
        self._zone_response = np.ascontiguousarray(self._response[:, : 2 * len(air)])
        self._memory = self._response * inertia

    def drive(self, weather: Conditions, year_angle: Floats) -> Floats:
        """Heat that the boundaries would send into nodes at 0 °C, W, shape (times, n)."""
        columns = []
        ground = GROUND_MEAN_C - GROUND_SWING_K * np.cos(year_angle - np.pi / 3)
        for boundary in self._boundaries:
            if boundary.face is Face.GROUND:
                columns.append(ground)
            elif boundary.face is Face.ROOF:
                columns.append(weather.temperature_c + boundary.absorptance * weather.ghi_w_m2)
            elif boundary.face is Face.FACADE:
                irradiance = facade(weather, boundary.azimuth_deg)
                columns.append(weather.temperature_c + boundary.absorptance * irradiance)
            else:
                columns.append(weather.temperature_c)
        heat: Floats = np.stack(columns, axis=1) @ self._to_boundary.T
        return heat

    def respond(self, heat_w: Floats) -> Floats:
        """Temperature rise at the end of a step from heat into the nodes during it, K; last axis n, both ways."""
        return heat_w @ self._response.T

    def respond_to_zones(self, air_w: list[float], mass_w: list[float]) -> Floats:
        """The same for heat into the air and mass nodes only."""
        rise_k: Floats = self._zone_response @ np.array(air_w + mass_w)
        return rise_k

    def fade(self, temperature_c: Floats) -> Floats:
        """What is left of `temperature_c` after a step without any heat, shape (n,).

        A step is ``fade(temperature) + respond(boundary drive + gains)``.
        """
        return self._memory @ temperature_c

    def at_rest(self, drive_w: Floats, air_c: float) -> Floats:
        """Temperatures at which nothing changes while the air of every zone is held at `air_c`, shape (n,)."""
        hold = np.zeros(len(self.capacity_j_k))
        hold[self.air] = 1e9
        return np.linalg.solve(self._conductance + np.diag(hold), drive_w + hold * air_c).astype(np.float64)


def facade(weather: Conditions, azimuth_deg: float) -> Floats:
    """Irradiance on a facade, W/m2, shape (n,)."""
    return on_facade(weather.sun, weather.ghi_w_m2, weather.dni_w_m2, weather.dhi_w_m2, azimuth_deg)


def solar_gains(zone: Zone, weather: Conditions) -> Floats:
    """Solar heat through the zone's windows, W, shape (n,)."""
    gain = np.zeros_like(weather.temperature_c)
    for window in zone.windows:
        gain += window.area_m2 * window.g * facade(weather, window.azimuth_deg)
    return gain
