"""What a decision is made from: one building at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from control.heat_store import Shift
from control.memory import Memory
from control.proposal import Correction, Planned
from core.calendar import Calendar
from core.points import Point
from predict.gap import GapTotal

_SET_BACK_K: Final = 1.0
MIN_GAP_COVERAGE: Final = 0.9
MAX_GAP_EXTRAPOLATED: Final = 0.25


@dataclass(frozen=True, slots=True)
class Input:
    """A measured input, or why it cannot be used: missing and stale inputs have no value at all.

    Attributes
    ----------
    value
        In the point's unit, None when it must not be used.
    problem
        In words when there is no value, for example ``no reading for 75 min``.
    """

    value: float | None
    problem: str = ""


NOT_MEASURED: Final = Input(None, "not measured")


class Heating(StrEnum):
    """Whether heating is allowed now."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    """The records of heating seasons have run out: nobody guesses."""


@dataclass(frozen=True, slots=True)
class Season:
    """Whether heating is allowed, and what says so.

    Attributes
    ----------
    source
        The law or ordinance, in words.
    setback_only
        At this time of the day rooms may not be heated above the set-back.
    """

    heating: Heating
    source: str = ""
    setback_only: bool = False


@dataclass(frozen=True, slots=True)
class Comfort:
    """Zone air temperatures, degrees Celsius; see `core.config.control.Control`.

    Attributes
    ----------
    coast_k
        How far a zone may fall below its occupied set-point before people leave, never below the minimum; kelvin.
    """

    minimum_c: float
    maximum_c: float
    setback_c: float
    coast_k: float = 0.0


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The schedule around now.

    Attributes
    ----------
    is_occupied
        Whether people are there.
    changes_ms
        When that changes, UTC milliseconds; None within the next week.
    share
        People now or in the next minutes over the most ever seen, 0 to 1; None: nobody counts them.
    """

    is_occupied: bool
    changes_ms: int | None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How fast a zone warms up, learnt from its own mornings; see `control.warmup`.

    Attributes
    ----------
    base_k_per_h
        Rate with no difference to outdoors, kelvin per hour.
    loss_per_h
        The rate falls by so much for each kelvin that indoors is warmer than outdoors, 1/h.
    slowest_k_per_h
        Slowest rate seen; what counts when the outdoor temperature is unknown.
    mornings
        How many it was learnt from; 0 for the default.
    slower_per_h
        The rate falls by so much for each kelvin that is missing, 1/h: after days without heating the structure is
        cold too.
    """

    base_k_per_h: float
    loss_per_h: float
    slowest_k_per_h: float
    mornings: int
    slower_per_h: float = 0.0

    def rate_k_per_h(self, missing_k: float, difference_k: float | None) -> float:
        """Expected rate, kelvin per hour.

        Parameters
        ----------
        missing_k
            To the set-point.
        difference_k
            Indoors to outdoors; None: unknown, then it is the slowest rate seen.
        """
        if difference_k is None:
            return self.slowest_k_per_h
        return self.base_k_per_h - self.loss_per_h * difference_k - self.slower_per_h * missing_k


COOL_DOWN: Final = WarmUp(base_k_per_h=1.5, loss_per_h=0.0, slowest_k_per_h=1.5, mornings=0)
"""Of cooling, until there are mornings to learn from."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What a zone's own control held before anybody else did; None: not known.

    Attributes
    ----------
    heating_c
        Heating set-point at this time of the week; of an empty zone, at the time at which people come. Celsius.
    cooling_c, cooling_empty_c
        Cooling set-points with people there and without.
    swing_k
        How far the zone falls below its set-point while it is heated; None: not known.
    heating_empty_c
        Heating set-point while nobody is there.
    """

    heating_c: float | None = None
    cooling_c: float | None = None
    cooling_empty_c: float | None = None
    swing_k: float | None = None
    heating_empty_c: float | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone whose heating set-point may be driven.

    Attributes
    ----------
    name
        ``site/building/zone``.
    setpoint
        The point that is driven.
    temperature
        Zone air temperature, degrees Celsius.
    setpoint_now
        What the device holds now, degrees Celsius.
    occupancy
        Of this zone.
    habit
        What its own control does.
    cool_down
        How fast its cooling cools it, as `warm_up` with the difference of outdoors to indoors.
    cooling_off_per_h
        Share of its difference to outdoors that it loses in an hour without heating; None: not known.
    cooling
        Cooling set-point that is driven; None when there is none.
    cooling_now
        What the device holds there, degrees Celsius.
    people_peak
        Most people ever counted; 0: they are not counted.
    floor_area_m2
        None: not known.
    co2
        Carbon dioxide, ppm.
    is_used
        False where people are counted in the building but never in this zone: then it is kept as its own control
        keeps it, and the comfort band does not count.
    """

    name: str
    setpoint: Point
    temperature: Input
    setpoint_now: Input
    warm_up: WarmUp
    occupancy: Occupancy
    habit: Habit = field(default_factory=Habit)
    cooling: Point | None = None
    cooling_now: Input = NOT_MEASURED
    people_peak: float = 0.0
    floor_area_m2: float | None = None
    co2: Input = NOT_MEASURED
    is_used: bool = True
    cool_down: WarmUp = COOL_DOWN
    cooling_off_per_h: float | None = None

    @property
    def is_left_alone(self) -> bool:
        """Whether it is none of ours: nobody uses it, and its own control never sets it back.

        What is kept at one temperature for no people is kept so for goods or machines.
        """
        warm, empty = self.habit.heating_c, self.habit.heating_empty_c
        return not self.is_used and (warm is None or empty is None or warm - empty < _SET_BACK_K)


@dataclass(frozen=True, slots=True)
class AirHabit:
    """What an air system's own control did while people were there; None: not known.

    Attributes
    ----------
    outdoor_air
        Least outdoor air, in the unit of its flow times share; None also where it keeps to a share instead.
    supply_c
        Supply air temperature set-point, degrees Celsius.
    flow
        Least supply air flow.
    outdoor_share
        Least share of outdoor air in the supply air, 0 to 1, where that is what it keeps. Neither is known of a system
        whose fan cycles.
    """

    flow: float | None = None
    outdoor_air: float | None = None
    supply_c: float | None = None
    outdoor_share: float | None = None


@dataclass(frozen=True, slots=True)
class AirSystem:
    """An air handling unit and what may be driven of it.

    Attributes
    ----------
    name
        ``site/building/system``.
    zones
        Names of the zones that it feeds.
    fan
        Fan command, 0 or 1.
    outdoor_air
        Share of outdoor air in the supply air, 0 to 1.
    supply
        Supply air temperature set-point, degrees Celsius.
    fan_now, outdoor_air_now, flow_now
        Whether it runs, its share of outdoor air, its supply air flow.
    """

    name: str
    zones: tuple[str, ...]
    fan: Point | None = None
    outdoor_air: Point | None = None
    supply: Point | None = None
    fan_now: Input = NOT_MEASURED
    outdoor_air_now: Input = NOT_MEASURED
    flow_now: Input = NOT_MEASURED
    habit: AirHabit = field(default_factory=AirHabit)


@dataclass(frozen=True, slots=True)
class MeterGap:
    """Gap of a heating meter over the last hours, and the model it was measured with."""

    meter: str
    model: str
    total: GapTotal

    @property
    def is_trusted(self) -> bool:
        """Whether enough is known, in weather that the model has seen."""
        return self.total.coverage >= MIN_GAP_COVERAGE and self.total.extrapolated <= MAX_GAP_EXTRAPOLATED

    @property
    def is_excess(self) -> bool:
        """Whether more was used than predicted, beyond the model's uncertainty."""
        return self.is_trusted and self.total.gap_kwh > self.total.uncertainty_kwh


@dataclass(frozen=True, slots=True)
class BuildingView:
    """One building at one moment: everything a strategy may look at.

    Attributes
    ----------
    now_ms
        The data's time, UTC milliseconds.
    supply_setpoint
        Supply water temperature set-point that may be driven, None when there is none.
    outdoor
        Outdoor air temperature, degrees Celsius.
    gaps
        Of the meters that heating shows in.
    corrections
        Set-points and schedules that a gap was explained by, to be put right; see `control.strategies.gap_action`.
    plan
        What predictive control wants, by set-point id; a zone without one is left to the rules.
    shift
        What heat costs and which zones can store it; None: nothing is shifted.
    """

    building: str
    now_ms: int
    calendar: Calendar
    season: Season
    comfort: Comfort
    zones: tuple[Zone, ...]
    outdoor: Input
    air: tuple[AirSystem, ...] = ()
    supply_setpoint: Point | None = None
    gaps: tuple[MeterGap, ...] = ()
    corrections: tuple[Correction, ...] = ()
    plan: Mapping[str, Planned] = field(default_factory=dict)
    shift: Shift | None = None
    memory: Memory = field(default_factory=Memory)

    def device_values(self) -> dict[str, float]:
        """What the devices of driven points hold, by point id, where it is known."""
        held = [(zone.setpoint, zone.setpoint_now) for zone in self.zones]
        held += [(zone.cooling, zone.cooling_now) for zone in self.zones if zone.cooling]
        held += [(system.fan, system.fan_now) for system in self.air if system.fan]
        held += [(system.outdoor_air, system.outdoor_air_now) for system in self.air if system.outdoor_air]
        return {point.id: now.value for point, now in held if now.value is not None}
