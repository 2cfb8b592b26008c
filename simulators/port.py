"""The port that every simulated building offers: stepped in time, read and written by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from core.errors import ConfigError


class SimulatedBuilding(Protocol):
    """What any simulated building offers; EnergyPlus or an FMU behind it would look the same.

    Another building is named as ``module:Class`` and found by `load`.
    """

    @property
    def time_ms(self) -> int:
        """How far it has been simulated, UTC milliseconds."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Names of everything that can be read, without the building's id: ``electricity``, ``hall/temperature``."""
        ...

    @property
    def writable(self) -> Sequence[str]:
        """Those of `names` that can be written."""
        ...

    def step(self, until_ms: int) -> None:
        """Simulate up to `until_ms` in whole steps of its own; an earlier time changes nothing."""
        ...

    def read(self, name: str) -> float:
        """What the instrument of that name shows now; NotFoundError when there is none."""
        ...

    def write(self, name: str, value: float) -> None:
        """Set a set-point or switch, effective from the next step; NotFoundError or DomainError when it cannot be."""
        ...


def load(reference: str) -> Callable[..., Any]:
    """What `reference` (``module:name``) names: a class or function that makes a building, or a register map.

    Raises
    ------
    ConfigError
        There is no such module or name in it.
    """
    module, separator, name = reference.partition(":")
    if not separator:
        raise ConfigError(f"{reference!r} is not module:name")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{reference!r} cannot be loaded: {error}") from error
    return found
