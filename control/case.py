"""What the control loop keeps of one building between decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from control import demand_limit
from control.demand import Demand
from control.heat_store import HeatStore
from control.layout import Layout
from control.learning import Learnt
from control.lights import Lights
from control.memory import Memory
from control.mpc.decider import PredictiveDecider
from control.occupancy import Agenda
from control.proposal import Proposal
from control.reference import Period, Reference
from control.shiftable import Shiftable
from control.strategy import decide
from control.view import BuildingView, MeterGap
from core.calendar import Calendar
from core.config.control import Control as Settings
from core.config.models import Building, Config
from core.errors import ConfigError
from core.priority import Slot
from predict.causes.roles import Carrier

Decider: TypeAlias = Callable[[BuildingView], tuple[list[Proposal], Memory]]


@dataclass(slots=True)
class Case:
    """What is kept of one building; lost at a restart without harm.

    Attributes
    ----------
    decided_slot, shed_slot
        Numbers of the intervals in which supervisory control and the demand limit decided last.
    layout, learnt, plans, learnt_on
        What was learnt of it, of which points, on which local day.
    must_learn
        Whether nothing can be decided before it is learnt: it never was, or its points have changed.
    failed_slot
        Number of the interval in which learning failed last; it is tried again in the next.
    references
        What its own control held in periods that are over, of the same points.
    last_seen
        When people were last counted in each zone, UTC milliseconds.
    gaps, gaps_hour
        Of its heating meters, and the hour in which they were measured.
    predictive
        Plans where it is configured; None: the rules decide.
    spoke
        How the last plan came about.
    heat_carrier, heat_limit_kwh
        What its meters of heating count, and the most of it in half an hour (None: no limit).
    heat_stores
        Zones that are known well enough to store heat, by name.
    shiftable
        Its loads with hours to run (None: there are none).
    demand, shed
        Its demand limit (None: there is none), and what that decided last.
    lights, lit_slot
        Its lamps (None: there are none), and the interval in which they were decided last.
    heated_h, is_occupied
        At the last decision: hours heated today (None: not counted), whether people are there.
    """

    building: Building
    settings: Settings
    calendar: Calendar
    memory: Memory = field(default_factory=Memory)
    decided_slot: int = -1
    layout: Layout | None = None
    learnt: Learnt = field(default_factory=Learnt)
    plans: Mapping[str, Agenda] = field(default_factory=dict)
    last_seen: dict[str, int] = field(default_factory=dict)
    learnt_on: date | None = None
    must_learn: bool = True
    failed_slot: int = -1
    references: dict[Period, Reference] = field(default_factory=dict)
    gaps: list[MeterGap] = field(default_factory=list)
    gaps_hour: int = -1
    predictive: PredictiveDecider | None = None
    spoke: str = ""
    heat_carrier: Carrier = Carrier.UNKNOWN
    heat_limit_kwh: float | None = None
    heat_stores: Mapping[str, HeatStore] = field(default_factory=dict)
    shiftable: Shiftable | None = None
    demand: Demand | None = None
    shed_slot: int = -1
    shed: demand_limit.Decision | None = None
    lights: Lights | None = None
    lit_slot: int = -1
    heated_h: float | None = None
    is_occupied: bool = True

    @property
    def site(self) -> str:
        """Id of its site."""
        return self.building.id.partition("/")[0]

    @property
    def decider(self) -> Decider:
        """What decides from a view."""
        return decide if self.predictive is None else self.predictive

    def slot_of(self, data_ms: int) -> int:
        """Number of the decision interval that a time lies in."""
        return data_ms // (self.settings.decide_every_s * 1000)

    def is_present(self, data_ms: int, now_ms: int) -> bool:
        """Whether data of `data_ms` are no backlog; UTC milliseconds."""
        return now_ms - data_ms <= self.settings.stale_after_s * 1000

    def is_due(self, data_ms: int, now_ms: int) -> bool:
        """Whether supervisory control decides now, on data of `data_ms`, of a building that it knows."""
        if self.must_learn or not self.is_present(data_ms, now_ms):
            return False
        return self.slot_of(data_ms) != self.decided_slot

    def is_limit_due(self, data_ms: int, now_ms: int) -> bool:
        """Whether the demand limit decides now; on old data its entries run out instead."""
        limit = self.settings.demand_limit
        if limit is None or now_ms - data_ms > limit.stale_after_s * 1000:
            return False
        return self.limit_slot_of(data_ms) != self.shed_slot

    def is_light_due(self, data_ms: int, now_ms: int) -> bool:
        """Whether lighting decides now; on old data its entries run out instead."""
        oldest_s = min((light.stale_after_s for light in self.settings.lights), default=-1)
        return now_ms - data_ms <= oldest_s * 1000 and self.light_slot_of(data_ms) != self.lit_slot

    def light_slot_of(self, data_ms: int) -> int:
        """Number of the interval of lighting that a time lies in."""
        return data_ms // (self.settings.light_every_s * 1000)

    def is_dimmer(self, point: str) -> bool:
        """Whether lighting speaks for a point."""
        return any(light.dimmer == point for light in self.settings.lights)

    def is_supervised(self, point: str, slot: int) -> bool:
        """Whether the building's own decision is about a slot of a point, with what nobody else is about any more."""
        if slot == Slot.DEMAND_LIMIT:
            return self.demand is None
        return not self.is_dimmer(point)

    def limit_slot_of(self, data_ms: int) -> int:
        """Number of the demand limit's interval that a time lies in; -1 without one."""
        limit = self.settings.demand_limit
        return -1 if limit is None else data_ms // (limit.decide_every_s * 1000)


def cases(config: Config) -> list[Case]:
    """A case for each building that control may do something in.

    Raises
    ------
    ConfigError
        The site of one is not configured.
    """
    calendars = {site.id: site.calendar() for site in config.sites}
    found = []
    for building in config.buildings:
        settings = building.control
        if settings is None or settings.mode == "off":
            continue
        calendar = calendars.get(building.id.partition("/")[0])
        if calendar is None:
            raise ConfigError(f"building {building.id}: its site is not configured")
        predictive = PredictiveDecider() if settings.controller == "mpc" else None
        demand = Demand(settings.demand_limit) if settings.demand_limit else None
        lights = Lights(settings.lights) if settings.lights else None
        shiftable = Shiftable(settings.load_shift, building.id) if settings.load_shift.loads else None
        found.append(
            Case(building, settings, calendar, predictive=predictive, shiftable=shiftable, demand=demand, lights=lights)
        )
    return found
