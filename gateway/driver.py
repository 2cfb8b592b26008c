"""The small interface between the gateway and a field protocol, and how a driver is found by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Final, NamedTuple, Protocol

from core.clock import Clock
from core.config.models import Device
from core.errors import ConfigError, PromessaError
from core.readings import Reading

DRIVERS: Final = "promessa.drivers"


class DeviceRefusedError(PromessaError):
    """A device answered, and did not take what it was told; asking again the same way does not help."""

    code = "device.refused"
    http_status = 502


class Harvest(NamedTuple):
    """What one read brought.

    Attributes
    ----------
    readings
        Values that were really measured, each at the time of its measurement.
    errors
        Reason by point id, for points that gave none.
    more
        There is more to fetch at once (a replay that has fallen behind).
    """

    readings: list[Reading]
    errors: Mapping[str, str] = {}
    more: bool = False


class Driver(Protocol):
    """One device behind one protocol.

    Constructed as ``Driver(device: core.config.models.Device, clock: Clock, *, read_only: bool)``, which validates the
    device's options and the points' sources and raises ConfigError; nothing is opened yet. Every call below blocks,
    bounded by the driver's own time-outs, and comes from one thread at a time.
    """

    def open(self) -> None:
        """Connect; DeviceError when the device does not answer. Opening an open driver changes nothing."""
        ...

    def read(self, points: Sequence[str]) -> Harvest:
        """Measure `points` now; DeviceError when the device gave nothing at all."""
        ...

    def write(self, point: str, value: float) -> None:
        """Drive `point` to `value` (point's unit).

        Raises
        ------
        DeviceError
            It does not answer.
        DeviceRefusedError
            It answered and did not take it.
        NotPermittedError
            The driver was opened read-only.
        """
        ...

    def tolerance(self, point: str, value: float) -> float:
        """How far the device's own rounding may put the read back from `value` (point's unit)."""
        ...

    def close(self) -> None:
        """Let go of the device; closing a closed driver changes nothing."""
        ...


def load_driver(device: Device, clock: Clock, *, read_only: bool) -> Driver:
    """Make the driver that `device` names.

    Raises
    ------
    ConfigError
        No installed distribution offers it, or its options are wrong.
    """
    installed = entry_points(group=DRIVERS)
    if device.driver not in installed.names:
        raise ConfigError(
            f"device {device.name!r}: no driver {device.driver!r} is installed; "
            f"there are {', '.join(sorted(installed.names)) or 'none'}"
        )
    driver: Driver = installed[device.driver].load()(device, clock, read_only=read_only)
    return driver
