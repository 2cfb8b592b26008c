"""Gateways: whether they are there, and what they want somebody to look at."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, Field

from api.access import TheClock, TheRegistry
from api.paging import Page
from api.routes import resource
from api.times import utc, utc_or_none
from core.codec import Status

router = resource("gateways")


class GatewayOut(BaseModel):
    """A gateway."""

    site: str = Field(examples=["torino"])
    gateway: str = Field(examples=["calvino"])
    status: Status
    since: datetime = Field(description="When it came to be so, UTC.")
    last_seen: datetime | None = Field(description="When it last spoke for itself, UTC; null: never.")
    last_seen_age_s: float | None
    version: str
    read_only: bool = Field(description="It refuses every command.")
    points: int = Field(description="How many it owns.")
    spooled_batches: int = Field(description="Waiting to be acknowledged as stored.")
    dropped_batches: int = Field(description="Lost to the bounds of its spool; more than none is an alarm.")
    alarms: list[str]


@router.get("/gateways")
def list_gateways(registry: TheRegistry, clock: TheClock) -> Page[GatewayOut]:
    """List all gateways as they last described themselves."""
    owned = Counter(registry.owners().values())
    now_ms = clock.now_ms()
    return Page(
        items=[
            GatewayOut(
                site=record.site,
                gateway=record.gateway,
                status=record.state.status,
                since=utc(record.state.since_ms),
                last_seen=utc_or_none(record.seen_ms),
                last_seen_age_s=None if record.seen_ms is None else (now_ms - record.seen_ms) / 1000,
                version=record.state.version,
                read_only=record.state.read_only,
                points=owned[record.key],
                spooled_batches=record.state.spooled_batches,
                dropped_batches=record.state.dropped_batches,
                alarms=record.state.alarms,
            )
            for record in registry.gateways()
        ]
    )
