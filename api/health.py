"""Health: not whether something is connected, but how old the newest stored reading is."""

from __future__ import annotations

import threading
from datetime import datetime
from enum import StrEnum
from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.access import Services, services
from api.problems import documented
from api.times import utc_or_none
from core.clock import monotonic_s

router = APIRouter(tags=["operation"])

_KEPT_S: Final = 2.0


class HealthStatus(StrEnum):
    """What the age of the newest reading says."""

    OK = "ok"
    STALE = "stale"
    NO_DATA = "no-data"


class Health(BaseModel):
    """Health of the platform, as somebody who waits for data sees it."""

    status: HealthStatus
    newest_reading: datetime | None = Field(description="When the newest stored reading was measured, UTC.")
    age_s: float | None = Field(description="Seconds since then.")
    stale_after_s: float = Field(description="Older than this is stale.")


class Freshness:
    """Newest measured time in the store, asked for at most every two seconds: anybody may ask for the health."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest_ms: int | None = None
        self._asked_s = float("-inf")

    def newest_ms(self, of: Services) -> int | None:
        """UTC milliseconds, None when nothing is stored; StoreError when the store does not answer."""
        with self._lock:
            if monotonic_s() - self._asked_s >= _KEPT_S:
                latest = of.stores.here().latest()
                self._newest_ms = max((reading.time_ms for reading in latest.values()), default=None)
                self._asked_s = monotonic_s()
            return self._newest_ms


def judge(newest_ms: int | None, now_ms: int, stale_after_s: float) -> Health:
    """Health of a platform whose newest reading was measured at `newest_ms`."""
    if newest_ms is None:
        return Health(status=HealthStatus.NO_DATA, newest_reading=None, age_s=None, stale_after_s=stale_after_s)
    age_s = (now_ms - newest_ms) / 1000
    status = HealthStatus.STALE if age_s > stale_after_s else HealthStatus.OK
    return Health(status=status, newest_reading=utc_or_none(newest_ms), age_s=age_s, stale_after_s=stale_after_s)


@router.get("/health", responses=documented(503))
def get_health(request: Request) -> Health:
    """Whether data arrives. Needs no key; 503 when the registry or the store does not answer."""
    given = services(request)
    given.registry.revision()
    freshness: Freshness = request.app.state.freshness
    return judge(freshness.newest_ms(given), given.clock.now_ms(), given.stale_after_s)
