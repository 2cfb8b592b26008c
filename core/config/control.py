"""What control may do in a building, as configured."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

from core.errors import DomainError
from core.schedule import Block, minute_of_day


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class HeatingSeason(_Section, frozen=True, kw_only=True):
    """Dated permission to heat, for example Italy's DPR 74/2013: a record that ordinances move, no constant.

    Attributes
    ----------
    start, end
        Local dates, half open.
    source
        The law or ordinance it comes from.
    daily_from, daily_to
        Local times between which rooms may be heated above the set-back, half open.
    """

    start: dt.date
    end: dt.date
    source: str
    daily_from: str = "00:00"
    daily_to: str = "24:00"

    def __post_init__(self) -> None:
        if self.start >= self.end or minute_of_day(self.daily_from) >= minute_of_day(self.daily_to):
            raise DomainError(f"a heating season and its day must end after they start: {self.source}")

    def covers_minute(self, minute: int) -> bool:
        """Whether rooms may be heated above the set-back at a minute of the local day."""
        return minute_of_day(self.daily_from) <= minute < minute_of_day(self.daily_to)


class AirSystem(_Section, frozen=True, kw_only=True):
    """An air handling unit that control may drive; every part of it may be missing.

    Attributes
    ----------
    zones
        Names of the zones that it feeds; none: all zones.
    fan, outdoor_air, supply_temperature
        Point ids of what is driven: run (0 or 1), share of outdoor air (0 to 1), supply air temperature set-point.
    supply_flow
        Point id of its supply air flow sensor; empty: the flow is taken as constant.
    """

    name: str
    zones: list[str] = []
    fan: str = ""
    outdoor_air: str = ""
    supply_temperature: str = ""
    supply_flow: str = ""


class Control(_Section, frozen=True, kw_only=True):
    """What supervisory control may do in one building.

    Attributes
    ----------
    mode
        ``off``: nothing. Otherwise the most that people may trust it with: ``advise``: say what it would send;
        ``supervise``: send what a person approves; ``drive``: send. Every building starts in ``advise``, and a person
        raises it (`stores.registry.trust`).
    occupied
        Local weekly blocks in which people are there; their value is 1. None: learnt from people counters.
    comfort_minimum, comfort_maximum
        Zone air temperature while occupied, degrees Celsius.
    setback
        Lowest zone air temperature while nobody is there, degrees Celsius.
    setpoints
        Zone air heating temperature set-points it may drive (point ids).
    cooling_setpoints
        Zone air cooling temperature set-points it may drive (point ids).
    air_systems
        Air handling units it may drive.
    reference_start, reference_end
        Local dates, half open, in which the building's own control ruled: what it held then is the measure of equal
        comfort. Without them set-points follow the comfort band alone, and cooling set-points and air systems are left
        alone.
    supply_setpoint
        Supply water temperature set-point it may drive; empty: none.
    outdoor_temperature
        Point id of the outdoor air temperature sensor.
    heating_seasons
        When heating is allowed; none: always.
    decide_every_s
        Interval of decisions in the data's time, seconds.
    stale_after_s
        An input older than this counts as missing, seconds.
    """

    mode: Literal["off", "advise", "supervise", "drive"] = "advise"
    occupied: list[Block] = []
    comfort_minimum: float = 20.0
    comfort_maximum: float = 26.0
    setback: float = 12.0
    setpoints: list[str] = []
    cooling_setpoints: list[str] = []
    air_systems: list[AirSystem] = []
    reference_start: dt.date | None = None
    reference_end: dt.date | None = None
    supply_setpoint: str = ""
    outdoor_temperature: str = ""
    heating_seasons: list[HeatingSeason] = []
    decide_every_s: int = 900
    stale_after_s: int = 3600
