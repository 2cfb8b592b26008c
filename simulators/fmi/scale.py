"""From the units of an FMU to UCUM: kelvin to Celsius, power in kW, energy in kW.h."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.units import UNITS, convert
from simulators.fmi.description import BaseUnit, Variable

_SAME: Final = {
    "": "1",
    "-": "1",
    "degC": "Cel",
    "°C": "Cel",
    "degF": "[degF]",
    "Wh": "W.h",
    "kWh": "kW.h",
    "MWh": "MW.h",
    "ppm": "[ppm]",
    "l": "L",
    "l/s": "L/s",
}
"""Names that tools use (Modelica's among them) → UCUM code; others are taken when they are one."""

_SI: Final = {
    (0, 0, 0, 0, 0, 0, 0, 0): "1",
    (0, 0, 0, 0, 1, 0, 0, 0): "K",
    (1, 2, -3, 0, 0, 0, 0, 0): "W",
    (1, 2, -2, 0, 0, 0, 0, 0): "J",
    (1, 0, -3, 0, 0, 0, 0, 0): "W/m2",
    (1, -1, -2, 0, 0, 0, 0, 0): "Pa",
    (1, 0, -1, 0, 0, 0, 0, 0): "kg/s",
    (0, 3, -1, 0, 0, 0, 0, 0): "m3/s",
    (0, 3, 0, 0, 0, 0, 0, 0): "m3",
    (0, 1, -1, 0, 0, 0, 0, 0): "m/s",
    (0, 0, 1, 0, 0, 0, 0, 0): "s",
}
"""Exponents of kg, m, s, A, K, mol, cd, rad → UCUM code of the SI unit."""

_WANTED: Final = {"temperature": "Cel", "power": "kW", "energy": "kW.h"}


@dataclass(frozen=True)
class Scale:
    """How a value of the FMU becomes one of a point: factor · value + offset, in UCUM `unit`."""

    unit: str
    factor: float = 1.0
    offset: float = 0.0

    def point(self, value: float) -> float:
        """Value of the point for a value of the FMU."""
        return self.factor * value + self.offset

    def model(self, value: float) -> float:
        """Value of the FMU for a value of the point."""
        return (value - self.offset) / self.factor


def scale_of(variable: Variable, units: Mapping[str, BaseUnit]) -> Scale | None:
    """How values of a variable are shown; None: its unit is none that Promessa knows."""
    if variable.kind in {"Boolean", "Enumeration"}:
        return Scale("1")
    if variable.unit == "rad":
        return Scale("deg", math.degrees(1.0))
    code = _SAME.get(variable.unit, variable.unit)
    factor, offset = 1.0, 0.0
    if code not in UNITS:
        base = units.get(variable.unit)
        if base is None or base.exponents not in _SI:
            return None
        code, factor, offset = _SI[base.exponents], base.factor, base.offset
    if variable.relative and UNITS[code].dimension == "temperature":
        return Scale("K", factor * UNITS[code].factor)
    wanted = _WANTED.get(UNITS[code].dimension, code)
    return Scale(wanted, factor * UNITS[code].factor / UNITS[wanted].factor, convert(offset, code, wanted))
