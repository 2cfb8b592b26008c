"""No heating outside the heating season: dated records decide, never constants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from control.proposal import Proposal
from control.view import BuildingView, Heating, Season
from core.config.control import HeatingSeason

RUN_OUT_AFTER: Final = timedelta(days=200)
"""Longer than any summer: if the last season on record ended before that, nobody has written the new one down."""
NAME: Final = "season"


def season_at(moment: datetime, seasons: Sequence[HeatingSeason]) -> Season:
    """Whether heating is allowed at a local time; without any record it always is."""
    day, minute = moment.date(), moment.hour * 60 + moment.minute
    if not seasons:
        return Season(Heating.ALLOWED, "no heating season is on record")
    for season in seasons:
        if season.start <= day < season.end:
            return Season(Heating.ALLOWED, season.source, setback_only=not season.covers_minute(minute))
    nearest = min(seasons, key=lambda s: min(abs((day - s.start).days), abs((day - s.end).days)))
    ended = max((s.end for s in seasons if s.end <= day), default=None)
    if ended and day - ended > RUN_OUT_AFTER and not any(s.start > day for s in seasons):
        return Season(Heating.UNKNOWN, f"the last heating season on record ended on {ended}")
    return Season(Heating.FORBIDDEN, nearest.source)


def propose(view: BuildingView) -> list[Proposal]:
    """Lowest set-points while heating is forbidden, the set-back at the hours in which no more is allowed.

    When nobody knows, let go of everything.
    """
    if view.season.heating is Heating.ALLOWED:
        return _setback(view) if view.season.setback_only else []
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


def _setback(view: BuildingView) -> list[Proposal]:
    setback_c = view.comfort.setback_c
    why = f"No more than {setback_c:.1f} °C at this time of the day ({view.season.source})."
    return [Proposal(zone.setpoint, setback_c, NAME, why) for zone in view.zones if zone.temperature.value is not None]
