"""Boiler, pump, pipes, radiators and thermostat valves of a heating system, with their delays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulators.design import PlantDesign, Variation, Zone

WATER_J_KGK: Final = 4186.0
NOMINAL_EXCESS_K: Final = 50.0
RADIATOR_EXPONENT: Final = 1.3
RADIATOR_J_K_PER_KW: Final = 33_000.0
"""Steel and water of panel radiators per nominal kW."""
NOMINAL_DROP_K: Final = 15.0
VALVE_BAND_K: Final = 1.2
VALVE_DEADBAND: Final = 0.04
VALVE_STROKE_S: Final = 240.0
LONGEST_STEP_S: Final = 120.0
LONGEST_IDLE_STEP_S: Final = 600.0
BOILER_SWITCH_K: Final = 4.0
BOILER_REST_S: Final = 180.0
START_LOSS_J: Final = 0.12 * 3.6e6


@dataclass(slots=True)
class PlantEnergy:
    """What the plant has turned over since the start, J.

    Attributes
    ----------
    gas
        Burnt, gross calorific value.
    boiler
        Heat into the boiler's water.
    delivered
        Heat carried out of the boiler less what came back, while that is more than nothing: what a heat meter counts.
    radiators
        Heat into the zones.
    standing
        Lost by boiler and pipes to the plant room.
    pump
        Electricity.
    starts
        Ignitions (a number, not J).
    """

    gas: float = 0.0
    boiler: float = 0.0
    delivered: float = 0.0
    radiators: float = 0.0
    standing: float = 0.0
    pump: float = 0.0
    starts: int = 0


class Plant:
    """The hydronic circuit as a chain of well-mixed parts, every one of which keeps its energy.

    Parameters
    ----------
    design
        Boiler and pipes.
    zones
        Their radiators.
    variation
        Boiler efficiency and thermostat offset.

    Attributes
    ----------
    supply_c, return_c
        Water leaving and entering the boiler.
    boiler_w
        Heat into the water during the last step.
    firing
        Whether the burner is on.
    valves
        Positions, 0 closed to 1 open.
    """

    def __init__(self, design: PlantDesign, zones: Sequence[Zone], variation: Variation) -> None:
        self._design = design
        self._variation = variation
        self._nominal_kg_s = [z.radiator_kw * 1000 / (WATER_J_KGK * NOMINAL_DROP_K) for z in zones]
        self._radiator_j_k = [z.radiator_kw * RADIATOR_J_K_PER_KW for z in zones]
        self._radiator_w_kn = [z.radiator_kw * 1000 / NOMINAL_EXCESS_K**RADIATOR_EXPONENT for z in zones]
        self._boiler_j_k = design.boiler_water_kg * WATER_J_KGK
        self._pipe_j_k = design.pipe_kg / 3 * WATER_J_KGK
        self._return_j_k = design.return_kg * WATER_J_KGK
        self.supply_c = self.return_c = 25.0
        self._pipe_c = [25.0] * 3
        self._radiator_c = [20.0] * len(zones)
        self.valves = [0.0] * len(zones)
        self.firing = False
        self._rest_s = BOILER_REST_S
        self.boiler_w = 0.0
        self.energy = PlantEnergy()

    @property
    def stored_j(self) -> float:
        """Heat in water and radiators above 0 °C."""
        return (
            self._boiler_j_k * self.supply_c
            + self._pipe_j_k * sum(self._pipe_c)
            + self._return_j_k * self.return_c
            + sum(c * t for c, t in zip(self._radiator_j_k, self._radiator_c, strict=True))
        )

    def step(
        self,
        step_s: float,
        air_c: Sequence[float],
        setpoints_c: Sequence[float],
        supply_setpoint_c: float,
        *,
        enabled: bool,
    ) -> list[float]:
        """Run for `step_s` and return the mean heat of each zone's radiators, W.

        Parameters
        ----------
        step_s
            Seconds.
        air_c, setpoints_c
            Of each zone.
        supply_setpoint_c
            Temperature of the water leaving the boiler.
        enabled
            Whether the burner may run.
        """
        # With every valve shut the water stands and only cools: one part is accurate enough.
        idle = not any(self.valves) and all(self._wanted(air_c[i], s) <= 0 for i, s in enumerate(setpoints_c))
        count = 1 if idle and step_s <= LONGEST_IDLE_STEP_S else math.ceil(step_s / LONGEST_STEP_S)
        part_s = step_s / count
        emitted = [0.0] * len(self.valves)
        self.boiler_w = 0.0
        for _ in range(count):
            self._move_valves(part_s, air_c, setpoints_c)
            self._circulate(part_s, air_c, supply_setpoint_c, emitted, enabled=enabled)
        self.boiler_w /= step_s
        return [joule / step_s for joule in emitted]

    def _wanted(self, air_c: float, setpoint_c: float) -> float:
        """Position a thermostat asks of its valve."""
        return min(max(0.5 + (setpoint_c + self._variation.setpoint_offset_k - air_c) / VALVE_BAND_K, 0.0), 1.0)

    def _move_valves(self, step_s: float, air_c: Sequence[float], setpoints_c: Sequence[float]) -> None:
        travel = step_s / VALVE_STROKE_S
        for i, position in enumerate(self.valves):
            wanted = self._wanted(air_c[i], setpoints_c[i])
            if abs(wanted - position) > VALVE_DEADBAND or wanted in (0.0, 1.0):
                self.valves[i] = position + min(max(wanted - position, -travel), travel)

    def _circulate(
        self, step_s: float, air_c: Sequence[float], setpoint_c: float, emitted: list[float], *, enabled: bool
    ) -> None:
        """One pass of the water round the circuit.

        Each part is updated with what the part before it now sends (implicit in the flow, so stable); only the return
        sends what it held before, which closes the ring without losing a joule.
        """
        d, energy = self._design, self.energy
        flows = [v * n if v > 0.02 else 0.0 for v, n in zip(self.valves, self._nominal_kg_s, strict=True)]
        flow_j_k = sum(flows) * WATER_J_KGK * step_s
        before_return = self.return_c

        heat_j = self._burn(step_s, setpoint_c, flow_j_k, wanted=enabled and flow_j_k > 0)
        boiler_loss_j = d.jacket_w_k * step_s * (self.supply_c - d.plant_room_c)
        self.supply_c = (self._boiler_j_k * self.supply_c + heat_j - boiler_loss_j + flow_j_k * before_return) / (
            self._boiler_j_k + flow_j_k
        )
        energy.standing += boiler_loss_j
        energy.delivered += max(flow_j_k * (self.supply_c - before_return), 0.0)

        water_c = self.supply_c
        for k, part_c in enumerate(self._pipe_c):
            loss_j = d.pipe_w_k / 3 * step_s * (part_c - d.plant_room_c)
            water_c = (self._pipe_j_k * part_c - loss_j + flow_j_k * water_c) / (self._pipe_j_k + flow_j_k)
            self._pipe_c[k] = water_c
            energy.standing += loss_j

        returned_j = 0.0
        for i, flow_kg_s in enumerate(flows):
            part_c, part_j_k = self._radiator_c[i], self._radiator_j_k[i]
            excess_k = part_c - air_c[i]
            heat_out_j = step_s * self._radiator_w_kn[i] * excess_k**RADIATOR_EXPONENT if excess_k > 0 else 0.0
            through_j_k = flow_kg_s * WATER_J_KGK * step_s
            part_c = (part_j_k * part_c - heat_out_j + through_j_k * water_c) / (part_j_k + through_j_k)
            self._radiator_c[i] = part_c
            returned_j += through_j_k * part_c
            emitted[i] += heat_out_j
            energy.radiators += heat_out_j
        self.return_c += (returned_j - flow_j_k * before_return) / self._return_j_k
        share = sum(flows) / sum(self._nominal_kg_s)
        if share > 0:
            energy.pump += d.pump_w * (0.25 + 0.75 * share) * step_s

    def _burn(self, step_s: float, setpoint_c: float, flow_j_k: float, *, wanted: bool) -> float:
        """Heat into the boiler's water, J; counts the gas."""
        d, energy = self._design, self.energy
        self._rest_s += step_s
        if self.firing and (not wanted or self.supply_c > setpoint_c + BOILER_SWITCH_K):
            self.firing, self._rest_s = False, 0.0
        elif (
            not self.firing
            and wanted
            and self._rest_s >= BOILER_REST_S
            and self.supply_c < setpoint_c - BOILER_SWITCH_K
        ):
            self.firing = True
            energy.starts += 1
            energy.gas += START_LOSS_J
        if not self.firing:
            return 0.0
        asked_j = (
            flow_j_k * (setpoint_c - self.return_c) + self._boiler_j_k * (setpoint_c - self.supply_c) * step_s / 300
        )
        full_j = d.boiler_kw * 1000 * step_s
        heat_j = min(max(asked_j, d.minimum_share * full_j), full_j)
        energy.boiler += heat_j
        self.boiler_w += heat_j
        energy.gas += heat_j / (efficiency(self.return_c, heat_j / full_j) * self._variation.boiler_efficiency)
        return heat_j


def efficiency(return_c: float, load: float) -> float:
    """Efficiency of a modulating condensing boiler on the gross calorific value, standing losses aside.

    Parameters
    ----------
    return_c
        Water temperature entering the boiler; below some 55 °C the flue gas of natural gas condenses.
    load
        Output over nominal output; a small fire leaves cooler flue gas.

    Notes
    -----
    Shape after the curves of makers and of ASHRAE Handbook, HVAC Systems, Boilers: 0.87 dry, 0.96 at 25 °C.
    """
    condensing = min(max((55.0 - return_c) / 30.0, 0.0), 1.0)
    return 0.865 + 0.09 * float(condensing**0.9) + 0.015 * (1.0 - load)


def weather_compensated_c(outdoor_c: float) -> float:
    """Supply water temperature of the boiler's own heating curve: 72 °C at -8 °C outdoors, 35 °C at 20 °C."""
    return min(max(35.0 + (20.0 - outdoor_c) * 37.0 / 28.0, 30.0), 75.0)
