"""Zones as stores of heat, and what heat costs in the next hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.tariff import Vector


@dataclass(frozen=True, slots=True)
class HeatStore:
    """A zone, as it was identified.

    Attributes
    ----------
    capacity_kwh_k
        Heat (as it is bought) that warms it by a kelvin.
    time_constant_h
        In which its excess over outdoors falls to 1/e.
    """

    capacity_kwh_k: float
    time_constant_h: float


@dataclass(frozen=True, slots=True)
class Shift:
    """What it takes to warm ahead.

    Attributes
    ----------
    cost
        Of a kWh of heat from now on, in money or grams.
    stores
        By zone name; of zones that are known well enough.
    most_k
        No zone is warmed ahead by more.
    """

    cost: Vector
    stores: Mapping[str, HeatStore]
    most_k: float
