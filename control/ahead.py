"""Whether a zone is made ready now for the people who come: as late as it can be, and without stopping in between."""

from __future__ import annotations

from collections.abc import Mapping

from control.view import BuildingView, Zone
from core.calendar import HOUR_MS


def is_time(view: BuildingView, zone: Zone, lead_h: float | None, begun: Mapping[str, int]) -> bool:
    """Whether to go on for the next coming of people, or to begin.

    Parameters
    ----------
    lead_h
        Hours that the zone needs; 0: it is ready, None: not known, then nothing begins nor goes on.
    begun
        Zones (by set-point id) for which it has begun, and the coming for which it has (UTC milliseconds).
    """
    starts_ms = zone.occupancy.changes_ms
    if starts_ms is None or lead_h is None:
        return False
    return begun.get(zone.setpoint.id) == starts_ms or (lead_h > 0 and view.now_ms + lead_h * HOUR_MS >= starts_ms)
