"""The circle in lock-step: devices, gateways, ingest and control turned by one thread in simulated time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from control.loop import Control
from core.clock import SimulatedClock, monotonic_s
from core.errors import UnavailableError
from gateway.agent import Gateway
from ingest.intake import Ingest
from simulators.modbus import ModbusBuilding
from stores.registry import Registry

_SETTLE_TIMEOUT_S: Final = 60.0
_TURN_S: Final = 0.0005
_PATIENCE_S: Final = 0.1
"""How long to wait for a command that a gateway holds back on purpose, for example between the steps of a ramp."""


@dataclass(slots=True)
class Edge:
    """A gateway with its site's time and, where it is simulated, the building behind its devices."""

    site: str
    gateway: Gateway
    clock: SimulatedClock
    building: ModbusBuilding | None = None


class Circle:
    """Turns everything between the devices and the set-points.

    Parameters
    ----------
    ingest, registry
        The server's side.
    edges
        The gateways.
    control
        None while nobody controls; may be set and taken away at any time.
    """

    def __init__(self, ingest: Ingest, registry: Registry, edges: list[Edge], control: Control | None = None) -> None:
        self.ingest = ingest
        self.registry = registry
        self.edges = edges
        self.control = control

    def advance(self, edge: Edge, until_ms: int) -> None:
        """Let one site's time pass until `until_ms`, and everything that follows from it."""
        if edge.building is not None:
            edge.building.step(until_ms)
        edge.clock.advance_to(until_ms)
        edge.gateway.poll(until_ms)
        self.settle()

    def settle(self) -> None:
        """Turn until every batch is stored and confirmed, control has heard of it, and commands have ended.

        What does not come to its end (a command that a gateway holds back on purpose) is not waited for.

        Raises
        ------
        UnavailableError
            Batches stay unconfirmed.
        """
        deadline_s = monotonic_s() + _SETTLE_TIMEOUT_S
        moved_s = monotonic_s()
        while True:
            now_s = monotonic_s()
            if self._turn():
                moved_s = monotonic_s()  # after it: a decision may take longer than anybody waits
            if any(edge.gateway.spooled_batches for edge in self.edges):
                if now_s > deadline_s:
                    raise UnavailableError("the circle does not come to rest: batches are not confirmed")
            elif now_s - moved_s > _PATIENCE_S or (now_s > moved_s and self._is_told() and not self._open_commands()):
                return

    def _turn(self) -> int:
        moved = sum(edge.gateway.pump(0.0) for edge in self.edges)
        moved += self.ingest.pump(_TURN_S)
        if self.control is not None:
            moved += self.control.pump(0.0)
        return moved

    def _is_told(self) -> bool:
        """Whether control knows of everything that simulated buildings have said."""
        return self.control is None or all(
            self.control.heard_ms(edge.site) >= edge.clock.now_ms() for edge in self.edges if edge.building is not None
        )

    def _open_commands(self) -> bool:
        return self.control is not None and bool(self.registry.commands(open_only=True, limit=1))
