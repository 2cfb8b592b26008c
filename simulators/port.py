"""The port that every simulated building offers: stepped in time, read and written by name.

`SimulatedBuilding` is enough to stand behind a field device. `DescribedBuilding` is what ``promessa evaluate control
--building module:Class`` asks for: it also says what its points mean, how long it runs and where it must be closed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from core.errors import ConfigError


class SimulatedBuilding(Protocol):
    """What any simulated building offers; with EnergyPlus or an FMU behind it, it looks the same.

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


class SimulatedPoint(Protocol):
    """What a building tells about one of its points; more may be known inside."""

    @property
    def name(self) -> str:
        """As in `SimulatedBuilding.names`, without the building's id."""
        ...

    @property
    def brick_class(self) -> str:
        """Brick 1.4 class, for example ``Zone_Air_Temperature_Sensor``."""
        ...

    @property
    def unit(self) -> str:
        """UCUM unit of what `read` gives and `write` takes; ``kW.h`` is a register that only grows."""
        ...

    @property
    def zone(self) -> str:
        """Name of its zone; empty: it belongs to the plant or to the whole building."""
        ...


class DescribedBuilding(SimulatedBuilding, Protocol):
    """A building that explains itself, which an evaluation can take without knowing what is behind it.

    It is named as ``module:Class`` and made as ``Class(start_ms, seed=…)``: simulated from `start_ms` (or from the
    beginning of that local day) on. Beyond `SimulatedBuilding`, these hold:

    - `write` with NaN hands a point back to the building's own controls, effective from the next step.
    - Until something is written, the building runs by its own controls: the embedded controller of a comparison.
    - `read` of a set-point gives what is in force, whoever asked for it.
    - `step` beyond `end_ms` is a DomainError, and a building that stops by itself an UnavailableError.
    - The same start, seed and writes give the same history.

    Energy is read from registers in kW.h whose names are ``<carrier>`` for the building's meter and
    ``<carrier>/<end use>`` (``heating``, ``cooling``, ``fans``, ``pumps``) for a part of it; carriers are
    ``electricity``, ``gas`` and ``district-heat``. Presence is read where a zone has an ``Occupancy_Count_Sensor``.
    """

    @property
    def points(self) -> Sequence[SimulatedPoint]:
        """What each of `names` is."""
        ...

    @property
    def end_ms(self) -> int:
        """Until when it can be simulated, UTC milliseconds."""
        ...

    @property
    def step_ms(self) -> int:
        """Its own step, milliseconds; `step` goes on in whole ones."""
        ...

    def close(self) -> None:
        """Free what it holds: processes, libraries, files; the second time nothing happens."""
        ...


_DESCRIBED: Final = (
    "time_ms",
    "end_ms",
    "step_ms",
    "names",
    "writable",
    "points",
    "step",
    "read",
    "write",
    "close",
)


def described(building: Any) -> DescribedBuilding:
    """Return `building`, which has everything of a `DescribedBuilding`.

    Raises
    ------
    ConfigError
        It lacks something; the message says what.
    """
    lacking = [name for name in _DESCRIBED if not hasattr(building, name)]
    if lacking:
        raise ConfigError(f"{type(building).__name__} is no building to evaluate: it has no {', '.join(lacking)}")
    found: DescribedBuilding = building
    unexplained = set(found.names) - {point.name for point in found.points}
    if unexplained:
        raise ConfigError(f"{type(building).__name__} does not say what {', '.join(sorted(unexplained))} is")
    return found


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
