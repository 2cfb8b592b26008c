"""No heating outside the heating season: dated records decide, never constants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from control.view import BuildingView, Heating, Proposal, Season
from core.config.models import HeatingSeason

RUN_OUT_AFTER: Final = timedelta(days=200)
"""Longer than any summer: if the last season on record ended before that, nobody has written the new one down."""
NAME: Final = "season"


def season_on(day: date, seasons: Sequence[HeatingSeason]) -> Season:
    """Whether heating is allowed on a local day; without any record it always is."""
    if not seasons:
        return Season(Heating.ALLOWED, "no heating season is on record")
    for season in seasons:
        if season.start <= day < season.end:
            return Season(Heating.ALLOWED, season.source)
    nearest = min(seasons, key=lambda s: min(abs((day - s.start).days), abs((day - s.end).days)))
    ended = max((s.end for s in seasons if s.end <= day), default=None)
    if ended and day - ended > RUN_OUT_AFTER and not any(s.start > day for s in seasons):
        return Season(Heating.UNKNOWN, f"the last heating season on record ended on {ended}")
    return Season(Heating.FORBIDDEN, nearest.source)


def propose(view: BuildingView) -> list[Proposal]:
    """Lowest set-points while heating is forbidden; let go of everything when nobody knows."""
    if view.season.heating is Heating.ALLOWED:
        return []
    points = [zone.setpoint for zone in view.zones]
    if view.supply_setpoint is not None:
        points.append(view.supply_setpoint)
    if view.season.heating is Heating.UNKNOWN:
        return [Proposal(p, None, NAME, f"Let go: {view.season.source}.") for p in points]
    return [
        Proposal(p, p.limits.minimum, NAME, f"No heating outside the heating season ({view.season.source}).")
        for p in points
        if p.limits
    ]
