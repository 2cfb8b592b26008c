"""Gateways: what each last said of itself, and when it was last heard."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from core.codec import GatewayState, Status
from stores.registry.database import Database, upsert
from stores.registry.tables import gateway


class GatewayRecord(msgspec.Struct, frozen=True):
    """A gateway as the platform knows it.

    Attributes
    ----------
    site, gateway
        Its two names.
    state
        What it last said of itself, without its points (those are the registry's own).
    seen_ms
        When it last spoke for itself, UTC milliseconds; None when only its last will is known.
    """

    site: str
    gateway: str
    state: GatewayState
    seen_ms: int | None

    @property
    def key(self) -> str:
        """``site/gateway``, as owners of points are named."""
        return f"{self.site}/{self.gateway}"


class Gateways(Database):
    """Gateways."""

    def put_gateway_state(self, site: str, gateway_name: str, state: GatewayState, now_ms: int) -> None:
        """Keep what a gateway says of itself.

        A last will (offline, ``since_ms`` 0) was written before the gateway died: it says only that it is gone,
        so the counters and alarms that were last reported stay, and it does not count as having been seen.
        """
        key = f"{site}/{gateway_name}"
        is_will = state.status is Status.OFFLINE and state.since_ms == 0
        with self._write() as connection:
            before = connection.execute(select(gateway).where(gateway.c.id == key).with_for_update()).first()
            seen_ms: int | None = now_ms
            state = msgspec.structs.replace(state, points=[])
            if is_will:
                seen_ms = before.seen_ms if before else None
                state = _gone(msgspec.json.decode(before.state, type=GatewayState) if before else state, now_ms)
            row = {"id": key, "state": msgspec.json.encode(state).decode(), "seen_ms": seen_ms}
            upsert(connection, gateway, [row])

    def gateways(self) -> list[GatewayRecord]:
        """All gateways, by site and name."""
        with self._read() as connection:
            rows = connection.execute(select(gateway).order_by(gateway.c.id)).all()
        records = []
        for row in rows:
            site, _, name = row.id.partition("/")
            records.append(GatewayRecord(site, name, msgspec.json.decode(row.state, type=GatewayState), row.seen_ms))
        return records


def _gone(last: GatewayState, now_ms: int) -> GatewayState:
    if last.status is Status.OFFLINE and last.since_ms:
        return last
    return msgspec.structs.replace(last, status=Status.OFFLINE, since_ms=now_ms)
