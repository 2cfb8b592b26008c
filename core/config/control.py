"""What control may do in a building, as configured."""

from __future__ import annotations

import datetime as dt
import math
from typing import Final, Literal

import msgspec

from core.config.load_shift import LoadShift
from core.config.zone import Zone
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


class SheddableLoad(_Section, frozen=True, kw_only=True):
    """A load that the demand limit may shed.

    Attributes
    ----------
    point
        Point id of what is driven.
    shed_value
        What it is told while shed, in the point's unit.
    rank
        Shed first where lowest.
    expected_kw
        Power that shedding saves.
    least_shed_s, longest_shed_s
        Shed at least so long, and never longer.
    rest_s
        Not shed again before so long after it came back.
    comfort_sensor
        Point id of what people feel of it (room temperature); empty: nobody feels it.
    comfort_low, comfort_high
        Limits of that, in its unit; None: none.
    comfort_margin
        It is shed only so far inside these limits.
    """

    point: str
    shed_value: float
    rank: int
    expected_kw: float
    least_shed_s: int = 300
    longest_shed_s: int = 3600
    rest_s: int = 1800
    comfort_sensor: str = ""
    comfort_low: float | None = None
    comfort_high: float | None = None
    comfort_margin: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.least_shed_s <= self.longest_shed_s or self.rest_s < 0 or not self.expected_kw > 0:
            raise DomainError(f"load {self.point}: it needs 0 <= least <= longest time, and an expected_kw above 0")
        if bool(self.comfort_sensor) != (self.comfort_low is not None or self.comfort_high is not None):
            raise DomainError(f"load {self.point}: a comfort sensor needs a limit, and a limit a sensor")


class DemandLimit(_Section, frozen=True, kw_only=True):
    """The electric demand that a building keeps to; see `control.demand_limit`.

    Attributes
    ----------
    meter
        Point id of the building's electricity meter: its power, or its register.
    limit_kw
        Mean power that a metering window may reach.
    window_minutes
        Length of the windows, which follow each other from midnight UTC on.
    decide_every_s
        Interval of decisions in the data's time, seconds.
    stale_after_s
        A meter silent for longer counts as missing: everything that is shed comes back. Seconds.
    loads
        What may be shed.
    """

    meter: str
    limit_kw: float
    window_minutes: int = 15
    decide_every_s: int = 60
    stale_after_s: int = 180
    loads: list[SheddableLoad] = []

    def __post_init__(self) -> None:
        if not 0 < self.limit_kw < math.inf:
            raise DomainError("a demand limit is more than 0 kW")
        if self.window_minutes <= 0 or 1440 % self.window_minutes:
            raise DomainError("window_minutes must divide a day")
        if not 0 < self.decide_every_s <= self.window_minutes * 60 or self.stale_after_s <= 0:
            raise DomainError("a demand limit is decided at least once a window, and needs stale_after_s above 0")
        if len({load.point for load in self.loads}) < len(self.loads):
            raise DomainError("a load stands twice in a demand limit")


CLASSROOM_LUX: Final = 300.0
CLASSROOM_SOURCE: Final = "EN 12464-1:2011, 5.36.1"


class Light(_Section, frozen=True, kw_only=True):
    """The lamps of one room on one dimmer; see `control.lighting`.

    Attributes
    ----------
    name
        The room, for people.
    dimmer
        Point id of what is driven, read back; its limits are off and full light.
    sensor
        Point id of the illuminance, lux.
    people
        Point id of presence (0 or 1) or of a count of people.
    full_lux
        What the lamps give on the desks at full light, by design.
    target_lux, target_source
        Least illuminance on the desks, and where that is written.
    desk_per_sensor
        Lux on the desks for each lux that the sensor reads.
    least_dim
        Share of full light below which the lamps do not burn steadily.
    hold_s
        Light stays so long after the last person was seen.
    fade_down_per_min, fade_up_per_min
        Fastest change, share of full light per minute.
    stale_after_s
        A reading older than this counts as missing, seconds.
    """

    name: str
    dimmer: str
    sensor: str
    people: str
    full_lux: float
    target_lux: float = CLASSROOM_LUX
    target_source: str = CLASSROOM_SOURCE
    desk_per_sensor: float = 1.0
    least_dim: float = 0.1
    hold_s: int = 900
    fade_down_per_min: float = 0.1
    fade_up_per_min: float = 0.5
    stale_after_s: int = 600

    def __post_init__(self) -> None:
        figures = (self.full_lux, self.target_lux, self.desk_per_sensor, self.fade_down_per_min, self.fade_up_per_min)
        if not all(0 < f < math.inf for f in figures) or not 0 <= self.least_dim < 1:
            raise DomainError(f"light {self.name}: lux, shares and speeds must be above 0, least_dim below 1")
        if self.hold_s < 0 or self.stale_after_s <= 0:
            raise DomainError(f"light {self.name}: hold_s is 0 or more, stale_after_s above 0")
        if self.target_lux != CLASSROOM_LUX and self.target_source == CLASSROOM_SOURCE:
            raise DomainError(f"light {self.name}: say in target_source where {self.target_lux:g} lx are written")


_MOST_COAST_K: Final = 3.0


def check_coast(kelvin: float) -> None:
    """Refuse to let zones cool off further than anybody would call comfort before people leave.

    Raises
    ------
    DomainError
        Outside 0 to 3 K.
    """
    if not 0 <= kelvin <= _MOST_COAST_K:
        raise DomainError(f"coast is between 0 and {_MOST_COAST_K:g} K, not {kelvin:g}")


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
    coast
        How far a zone may fall below its occupied set-point before people leave, never below `comfort_minimum`; kelvin.
        0: heating goes on until they have left.
    setpoints
        Zone air heating temperature set-points it may drive (point ids).
    cooling_setpoints
        Zone air cooling temperature set-points it may drive (point ids).
    zones
        What is known of zones beside their points.
    load_meter
        Point id of a meter of the building's electricity, without heating and cooling: it tells of people where nobody
        counts them; empty: none.
    air_systems
        Air handling units it may drive.
    reference_start, reference_end
        Local dates, half open, in which the building's own control ruled: what it held then is the measure of equal
        comfort. Without them it is what was held while control only watched (`control.reference`); without that
        set-points follow the comfort band alone, and cooling set-points and air systems are left alone.
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
    controller
        ``rules``, or ``mpc``: the rules, with when and how far to heat empty zones planned for the next day.
    solar_irradiance
        Point id of the global horizontal irradiance; predictive control only, empty: none.
    heat_meters
        Point ids of the meters that count what heating takes; predictive control only.
    demand_limit
        None: there is none.
    load_shift
        How far rooms and loads follow prices and carbon.
    lights
        Lamps that it may dim.
    light_every_s
        Interval of their decisions in the data's time, seconds.
    """

    mode: Literal["off", "advise", "supervise", "drive"] = "advise"
    occupied: list[Block] = []
    comfort_minimum: float = 20.0
    comfort_maximum: float = 26.0
    setback: float = 12.0
    coast: float = 0.0
    setpoints: list[str] = []
    cooling_setpoints: list[str] = []
    zones: list[Zone] = []
    load_meter: str = ""
    air_systems: list[AirSystem] = []
    reference_start: dt.date | None = None
    reference_end: dt.date | None = None
    supply_setpoint: str = ""
    outdoor_temperature: str = ""
    heating_seasons: list[HeatingSeason] = []
    decide_every_s: int = 900
    stale_after_s: int = 3600
    controller: Literal["rules", "mpc"] = "rules"
    solar_irradiance: str = ""
    heat_meters: list[str] = []
    demand_limit: DemandLimit | None = None
    load_shift: LoadShift = LoadShift()
    lights: list[Light] = []
    light_every_s: int = 60

    def __post_init__(self) -> None:
        if len({light.dimmer for light in self.lights}) < len(self.lights):
            raise DomainError("a dimmer stands twice among the lights")
        others = {*self.setpoints, *self.cooling_setpoints, self.supply_setpoint}
        others |= {light.dimmer for light in self.lights}
        others |= {p for s in self.air_systems for p in (s.fan, s.outdoor_air, s.supply_temperature)}
        if twice := [load.point for load in self.load_shift.loads if load.point in others]:
            raise DomainError(f"load_shift: {', '.join(twice)} is driven by other strategies already")
        if min(self.light_every_s, self.decide_every_s, self.stale_after_s) <= 0:
            raise DomainError("light_every_s, decide_every_s and stale_after_s are above 0")
        if not self.setback <= self.comfort_minimum <= self.comfort_maximum:
            raise DomainError(
                "set-back, comfort minimum and maximum do not ascend: "
                f"{self.setback:g}, {self.comfort_minimum:g}, {self.comfort_maximum:g}"
            )
        check_coast(self.coast)
        start, end = self.reference_start, self.reference_end
        if (start is None) != (end is None) or (start is not None and end is not None and start >= end):
            raise DomainError(f"a reference period has a start and a later end, not {start} and {end}")
        known = {"/".join(setpoint.split("/")[2:-1]) for setpoint in self.setpoints}
        named = [zone.name for zone in self.zones]
        if len(set(named)) < len(named):
            raise DomainError("a zone stands twice among the zones")
        if unknown := [name for name in named if name not in known]:
            raise DomainError(f"zones: {', '.join(unknown)}, where no set-point may be driven")
        for system in self.air_systems:
            unknown = [zone for zone in system.zones if zone not in known]
            if unknown:
                raise DomainError(
                    f"air system {system.name} feeds {', '.join(unknown)}, where no set-point may be driven"
                )
