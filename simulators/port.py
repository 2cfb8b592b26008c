"""The port that every simulated building offers: stepped in time, read and written by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SimulatedBuilding(Protocol):
    """What any simulated building offers; EnergyPlus or an FMU behind it would look the same.

    A configuration names one as ``module:Class``.
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
        """Simulate up to `until_ms`; an earlier time changes nothing."""
        ...

    def read(self, name: str) -> float:
        """What the instrument of that name shows now; NotFoundError when there is none."""
        ...

    def write(self, name: str, value: float) -> None:
        """Set a set-point or switch, effective from the next step; NotFoundError or DomainError when it cannot be."""
        ...
