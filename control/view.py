"""What a decision is made from: one building at one moment, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from core.calendar import Calendar
from core.points import Point
from core.priority import Slot
from predict.gap import GapTotal

COMFORT_MARGIN_K: Final = 0.5
"""A thermostat swings around its set-point; so much above the comfort minimum keeps the swing inside."""
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
    """Zone air temperatures, degrees Celsius; see `core.config.models.Control`."""

    minimum_c: float
    maximum_c: float
    setback_c: float


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The schedule around now.

    Attributes
    ----------
    is_occupied
        Whether people are there.
    changes_ms
        When that changes, UTC milliseconds; None within the next week.
    """

    is_occupied: bool
    changes_ms: int | None


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
    """

    base_k_per_h: float
    loss_per_h: float
    slowest_k_per_h: float
    mornings: int


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
    """

    name: str
    setpoint: Point
    temperature: Input
    setpoint_now: Input
    warm_up: WarmUp


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
class Trim:
    """A correction in force.

    Attributes
    ----------
    kelvin
        Added to what the strategy would otherwise ask for.
    since_ms
        When it was last changed, UTC milliseconds.
    """

    kelvin: float = 0.0
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What control remembers of a building from one decision to the next; lost at a restart without harm.

    Attributes
    ----------
    trims
        Correction of each zone's set-point (by its point id).
    supply_trim
        Correction of the supply temperature.
    preheating
        Zones (by set-point id) that are warming up, and the start of occupancy they do it for (UTC ms).
    """

    trims: Mapping[str, Trim] = field(default_factory=dict)
    supply_trim: Trim = field(default_factory=Trim)
    preheating: Mapping[str, int] = field(default_factory=dict)


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
    """

    building: str
    now_ms: int
    calendar: Calendar
    season: Season
    comfort: Comfort
    occupancy: Occupancy
    zones: tuple[Zone, ...]
    outdoor: Input
    supply_setpoint: Point | None = None
    gaps: tuple[MeterGap, ...] = ()
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a strategy wants of one point.

    Attributes
    ----------
    point
        The point to drive.
    value
        In its unit; None: let go of it, so that the building's own schedule takes over.
    strategy
        Which one.
    why
        One sentence for the facility manager.
    model
        Meter model and version it rests on; empty for none.
    slot
        Where in the priority array it stands.
    """

    point: Point
    value: float | None
    strategy: str
    why: str
    model: str = ""
    slot: Slot = Slot.SUPERVISORY


def occupied_target_c(view: BuildingView, zone: Zone) -> float:
    """Set-point of a zone while people are there, its correction included: always inside the comfort band."""
    trim = view.memory.trims.get(zone.setpoint.id, Trim()).kelvin
    wanted = view.comfort.minimum_c + COMFORT_MARGIN_K + trim
    return min(max(wanted, view.comfort.minimum_c), view.comfort.maximum_c)


def clock_text(view: BuildingView, time_ms: int) -> str:
    """Local wall time for a sentence, with the weekday when it is not today."""
    moment = view.calendar.local(time_ms)
    same_day: date = view.calendar.day_of(view.now_ms)
    return f"{moment:%H:%M}" if moment.date() == same_day else f"{moment:%a %H:%M}"
