"""What ingest asks of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.codec import GatewayState
from core.points import Point


class LetterBox(Protocol):
    """Keeps what could not be used; raises StoreError when it cannot be reached."""

    def put_dead_letter(self, topic: str, payload: bytes, code: str, reason: str, now_ms: int) -> None:
        """Keep one dead letter."""
        ...


class Registry(LetterBox, Protocol):
    """Knows points, their owners and the gateways; raises StoreError when it cannot be reached."""

    def declare_points(self, gateway_key: str, points: Sequence[Point], now_ms: int) -> list[str]:
        """Register a gateway's points; returns the ids refused because another gateway owns them."""
        ...

    def points(self) -> list[Point]:
        """All points."""
        ...

    def owners(self) -> dict[str, str]:
        """``site/gateway`` of every owned point."""
        ...

    def revision(self) -> int:
        """A number that changes whenever points or owners do; cheap."""
        ...

    def put_gateway_state(self, site: str, gateway_name: str, state: GatewayState, now_ms: int) -> None:
        """Keep what a gateway says of itself."""
        ...
