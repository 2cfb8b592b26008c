"""What control remembers of a building from one decision to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trim:
    """A correction in force.

    Attributes
    ----------
    kelvin
        Added to what the strategy would otherwise ask for.
    since_ms
        When it was last changed, UTC milliseconds.
    """

    kelvin: float = 0.0
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """Whether something was told to run, and since when (UTC milliseconds)."""

    is_on: bool
    since_ms: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What control remembers of a building from one decision to the next; lost at a restart without harm.

    Attributes
    ----------
    trims
        Correction of each zone's set-point (by its point id).
    supply_trim
        Correction of the supply temperature.
    preheating
        Zones (by set-point id) that are warming up, and the start of occupancy they do it for (UTC ms).
    precooling
        The same of zones that are cooling down.
    coasting
        Zones (by set-point id) that are not heated any more, and when their people leave (UTC ms).
    fans
        Whether each air system (by name) was told to run, and since when.
    supply_air
        Supply air temperature (degrees Celsius) that trim and respond has come to, by air system.
    """

    trims: Mapping[str, Trim] = field(default_factory=dict)
    supply_trim: Trim = field(default_factory=Trim)
    preheating: Mapping[str, int] = field(default_factory=dict)
    precooling: Mapping[str, int] = field(default_factory=dict)
    coasting: Mapping[str, int] = field(default_factory=dict)
    fans: Mapping[str, Running] = field(default_factory=dict)
    supply_air: Mapping[str, float] = field(default_factory=dict)
