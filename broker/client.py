"""A thin MQTT 5 client around paho, turned by its owner: nothing happens outside `pump`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """A message that arrived; `ack_id` is what `BrokerClient.ack` wants."""

    topic: str
    payload: bytes
    retained: bool
    ack_id: int


class Will(NamedTuple):
    """Published by the broker, retained, when the connection is lost."""

    topic: str
    payload: bytes


class BrokerClient(Protocol):
    """One connection to the broker, used by one thread.

    Constructed as ``PahoClient(settings: core.config.models.Broker, client_id, *, on_message, will=None,
    session_expiry_s=0, receive_maximum=1000)``. `on_message(message)` is called from within `pump` and nowhere else.
    Subscriptions are remembered and made again at every reconnect; reconnecting (with back-off) happens within `pump`.
    """

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the connection stands."""
        ...

    @property
    def connections(self) -> int:
        """How often a connection was made; a change tells that what was in flight is in doubt."""
        ...

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connect and wait until accepted; BrokerError names host, port and the reason otherwise."""
        ...

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe with QoS 1, now and at every reconnect."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expiry_s: int | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> bool:
        """Publish with QoS 1; `on_done` is called within `pump` when the broker has it. False when not connected."""
        ...

    def ack(self, message: Message) -> None:
        """Acknowledge a message to the broker; without it the broker delivers it again after a reconnect."""
        ...

    def pump(self, timeout_s: float, *, read: bool = True) -> int:
        """Wait up to `timeout_s` for traffic, then read and write all there is; returns messages handled.

        With `read` False the connection is kept alive and what comes in is left to wait at the broker,
        for an owner who cannot take more now.
        """
        ...

    def close(self) -> None:
        """Disconnect cleanly (the will is not published)."""
        ...
