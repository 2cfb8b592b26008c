"""The control loop: woken by stored data, it decides for each building and sees its commands through."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from broker.client import BrokerClient, Message
from control.advice import obey_stop, settle
from control.case import Case, cases
from control.cost_ahead import cost_ahead
from control.dispatch import Dispatcher, is_result
from control.gather import heated_today_h, heating_gaps, layout_of, view_building
from control.heat_store import Shift
from control.learner import Learner
from control.ledger import Ledger
from control.mpc.decider import PredictiveDecider
from control.mpc.price import prices_ahead
from control.policies import bound, season_of
from control.proposal import Proposal
from control.strategies.cooling import keep_clear
from control.strategies.gap_action import corrections_of
from control.trial import stand_down
from control.trust import effective_mode
from control.view import BuildingView
from core.calendar import HOUR_MS
from core.clock import Clock
from core.codec import Stored, decode_message
from core.config.models import Config
from core.errors import CodecError, DomainError, PromessaError, UnavailableError
from core.policy import Aspect, resolve
from core.priority import Slot
from core.topics import Channel, Topic, every, parse_topic
from stores.port import ReadingStore
from stores.registry import Registry, TrustMode, WorkState

log = logging.getLogger("promessa.control")

SESSION_EXPIRY_S: Final = 3600
"""How long the broker keeps results for a control that is away."""
_DISPATCH_EVERY_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision for a building.

    Attributes
    ----------
    view
        What it was made from.
    proposals
        What each point should be told.
    command_ids
        Of the commands it led to; none where control is only trusted to advise.
    """

    view: BuildingView
    proposals: list[Proposal]
    command_ids: list[str]


class Control:
    """Supervisory control of all configured buildings; one thread, turned by `pump`.

    Parameters
    ----------
    config
        Its sites and buildings; a building without a control section, or with mode ``off``, is left alone.
    store, registry
        Where things are kept.
    connect
        Makes the client when it is handed `on_message`, for example
        ``lambda on_message: PahoClient(broker, "control", on_message=on_message, session_expiry_s=SESSION_EXPIRY_S)``.
    clock
        Commands are issued and expire by it; data much older than it is a backlog, on which nothing is decided.

    Attributes
    ----------
    client : BrokerClient
    dispatcher : Dispatcher
    decisions : dict of str to Decision
        The last one of each building.

    Raises
    ------
    ConfigError
        A building to control belongs to a site that is not configured.
    """

    def __init__(
        self,
        config: Config,
        store: ReadingStore,
        registry: Registry,
        connect: Callable[[Callable[[Message], None]], BrokerClient],
        clock: Clock,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._cases = cases(config)
        self._ledgers = {case.building.id: Ledger(registry, case.building.id) for case in self._cases}
        self._inbox: list[Message] = []
        self._data_ms: dict[str, int] = {}
        self._learner = Learner(store, registry)
        self._is_in_a_hurry = False
        self._dispatched_ms = 0
        self.decisions: dict[str, Decision] = {}
        self.client = connect(self._inbox.append)
        self.client.subscribe(every(Channel.STORED))
        self.dispatcher = Dispatcher(registry, self.client, clock)

    def pump(self, timeout_s: float) -> int:
        """Turn MQTT, decide what is due, send and follow commands; returns the number of decisions.

        When store or registry do not answer, what could not be done is done at a later call. No more than one building
        is learnt in a turn, after everything else; while others wait for that, no turn waits for messages.
        """
        self.client.pump(0.0 if self._is_in_a_hurry else timeout_s)
        self._is_in_a_hurry = False
        try:
            self.dispatcher.note_sent()
            results = self._read_inbox()
            decided = self._decide_what_is_due()
            now_ms = self._clock.now_ms()
            if decided or results or abs(now_ms - self._dispatched_ms) >= _DISPATCH_EVERY_MS:
                self._dispatch(now_ms)
            if self._learn_one() and (late := self._decide_what_is_due()):
                decided += late
                self._dispatch(self._clock.now_ms())
        except UnavailableError as error:
            log.warning("control_waits code=%s reason=%r", error.code, error.message)
            return 0
        return decided

    def heard_ms(self, site: str) -> int:
        """Newest measured time of a site that it knows is stored, UTC milliseconds; 0: none yet."""
        return self._data_ms.get(site, 0)

    def close(self) -> None:
        """Disconnect; entries in force run out by themselves."""
        self.client.close()

    def _read_inbox(self) -> int:
        """Take what has arrived; a message stays until it could be handled."""
        results = [message for message in self._inbox if is_result(message)]
        if results:
            self.dispatcher.handle_all(results)
        for message in self._inbox:
            if message not in results:
                self._note_stored(message)
        self._inbox.clear()
        return len(results)

    def _dispatch(self, now_ms: int) -> None:
        self._dispatched_ms = now_ms
        self._obey_stops()
        self.dispatcher.dispatch()

    def _learn_one(self) -> bool:
        """Learn the building that needs it most; whether one could be learnt."""
        case = self._learner.next(self._cases, self._data_ms, self._clock.now_ms())
        if case is None:
            return False
        try:
            is_learnt = self._try(lambda case: self._learner.learn(case, self._data_ms[case.site]), case)
        except UnavailableError as error:
            log.warning("decision_waits code=%s reason=%r", error.code, error.message)
            case.failed_slot = -1
            return False
        self._is_in_a_hurry = True
        return is_learnt

    def _note_stored(self, message: Message) -> None:
        try:
            address: Topic = parse_topic(message.topic)
            until_ms = decode_message(message.payload, Stored).until_ms
        except (CodecError, DomainError) as error:
            log.warning("stored_unreadable topic=%s code=%s", message.topic, error.code)
        else:
            # A gateway whose clock is ahead does not move the others into the future.
            newest_ms = max(until_ms, self._data_ms.get(address.site, 0))
            # Neither does a clock that was ahead until it was set back.
            self._data_ms[address.site] = min(newest_ms, self._clock.now_ms())
        self.client.ack(message)

    def _decide_what_is_due(self) -> int:
        """Decide until something does not answer; returns how many. Commands of people do not wait for it."""
        decided = 0
        try:
            for case in self._cases:
                data_ms, now_ms = self._data_ms.get(case.site), self._clock.now_ms()
                if data_ms is None:
                    continue
                if case.is_due(data_ms, now_ms):
                    decided += self._try(self._decide, case)
                    if not case.must_learn:
                        case.decided_slot = case.slot_of(data_ms)
                if case.demand is not None:
                    case.demand.note_late((now_ms - data_ms) / 1000)
                if case.is_limit_due(data_ms, now_ms):
                    decided += self._try(self._limit_demand, case)
                    case.shed_slot = case.limit_slot_of(data_ms)
                if case.is_light_due(data_ms, now_ms):
                    decided += self._try(self._light, case)
                    case.lit_slot = case.light_slot_of(data_ms)
        except UnavailableError as error:
            log.warning("decision_waits code=%s reason=%r", error.code, error.message)
        return decided

    def _try(self, decide_on: Callable[[Case], bool | None], case: Case) -> bool:
        """One building that cannot be decided does not keep the others waiting; it is tried again at its next time."""
        try:
            return decide_on(case) is not False
        except UnavailableError:
            raise
        except PromessaError as error:
            log.error("decision_failed building=%s code=%s reason=%r", case.building.id, error.code, error.message)  # noqa: TRY400 - our own errors name their cause
            return False

    def _decide(self, case: Case) -> bool:
        """Decide for a building; False: it has points that nothing was learnt of yet."""
        building_id = case.building.id
        data_ms = self._data_ms[case.site]
        points = {point.id: point for point in self._registry.points(building_id)}
        layout = layout_of(building_id, case.settings, points)
        if case.layout != layout:
            case.must_learn = True
            return False
        if case.gaps_hour != (hour := data_ms // HOUR_MS):
            case.gaps = heating_gaps(
                self._store, self._registry, case.building, case.calendar, points=points, now_ms=data_ms
            )
            case.gaps_hour = hour
        rules = [record.value for record in self._registry.policies(building_id)]
        holds = resolve(rules, building_id, case.calendar.local(data_ms))
        case.heated_h = None
        if holds.hours_per_day is not None:
            case.heated_h = heated_today_h(
                self._store, case.calendar, layout, now_ms=data_ms, setback_c=case.settings.setback
            )
        items = self._registry.work_items(building_id, state=WorkState.CORRECTED)
        view = view_building(
            self._store, case.settings, case.calendar, layout, now_ms=data_ms, memory=case.memory, gaps=case.gaps,
            learnt=case.learnt, plans=case.plans, last_seen=case.last_seen,
            season=season_of(holds, case.heated_h) if any(rule.speaks_of(Aspect.SEASON) for rule in rules) else None,
            corrections=corrections_of(items, data_ms),
        )  # fmt: skip
        if case.predictive is not None:
            self._plan_ahead(case, case.predictive, data_ms)
        view = replace(view, shift=self._shift(case, data_ms))
        proposals, memory = case.decider(view)
        held = view.device_values()
        if case.shiftable is not None:
            moved, told = case.shiftable.decide(
                self._store, self._registry, points, case.calendar, now_ms=data_ms,
                stale_after_s=case.settings.stale_after_s,
            )  # fmt: skip
            proposals, held = proposals + moved, held | told
        if case.predictive is not None and case.predictive.spoke != case.spoke:
            case.spoke = case.predictive.spoke
            log.info("planned building=%s text=%r", building_id, case.spoke)
        case.is_occupied = any(zone.occupancy.is_occupied for zone in view.zones)
        proposals = bound(
            proposals, holds, layout.driven, setback_c=case.settings.setback,
            is_occupied=case.is_occupied, heated_h=case.heated_h,
        )  # fmt: skip
        proposals = keep_clear(view, proposals)  # a policy may have raised what heating is told
        proposals = stand_down(self._registry.running_trial(building_id), proposals, data_ms)
        command_ids = settle(
            self._registry, self._ledgers[building_id], case.settings, proposals,
            building=building_id, device_values=held, now_ms=self._clock.now_ms(),
            is_about=case.is_supervised,
        )  # fmt: skip
        case.memory = memory
        self.decisions[building_id] = Decision(view, proposals, command_ids)
        log.info("decided building=%s proposals=%d commands=%d", building_id, len(proposals), len(command_ids))
        return True

    def _shift(self, case: Case, data_ms: int) -> Shift | None:
        """What heat costs in the next day, where there are zones to store it in."""
        if not case.heat_stores:
            return None
        settings = case.settings.load_shift
        cost = cost_ahead(
            self._registry, case.building.id, case.heat_carrier, case.calendar,
            start_ms=data_ms, end_ms=data_ms + 24 * HOUR_MS, eur_per_tonne=settings.carbon_eur_per_tonne,
        )  # fmt: skip
        return None if cost is None else Shift(cost, case.heat_stores, settings.most_k)

    def _plan_ahead(self, case: Case, predictive: PredictiveDecider, data_ms: int) -> None:
        """Tell predictive control what heat will cost."""
        price = prices_ahead(self._registry, case.building.id, case.heat_carrier, case.calendar, data_ms)
        predictive.foresee(price, case.heat_limit_kwh)

    def _limit_demand(self, case: Case) -> None:
        """Shed what keeps the building below its demand limit, or let it go."""
        demand, building_id, data_ms = case.demand, case.building.id, self._data_ms[case.site]
        if demand is None:
            return
        now_ms, ledger = self._clock.now_ms(), self._ledgers[building_id]
        ledger.refresh(now_ms)
        loads = [load.point for load in demand.settings.loads]
        held = {point for point in loads if ledger.is_held(point, now_ms, Slot.DEMAND_LIMIT)}
        if case.shed is None:
            standing = {point: ledger.standing(point, Slot.DEMAND_LIMIT) for point in loads}
            demand.resume([p for p, found in standing.items() if found is not None and found.asks(now_ms)], data_ms)
        points = {point.id: point for point in self._registry.points(building_id)}
        trust = self._registry.trust(building_id)
        acting = {
            point
            for point in loads
            if effective_mode(case.settings.mode, trust, point) is TrustMode.DRIVE
            or ((found := ledger.standing(point, Slot.DEMAND_LIMIT)) is not None and found.asks(now_ms))
        }
        proposals, case.shed = demand.decide(self._store, points, held, data_ms, acting)
        proposals = self._bound(case, proposals, data_ms)
        command_ids = settle(
            self._registry, ledger, case.settings, proposals,
            building=building_id,
            device_values=demand.device_values(self._store, data_ms, case.settings.stale_after_s),
            now_ms=now_ms,
            is_about=lambda _, slot: slot == Slot.DEMAND_LIMIT,
            interval_s=demand.settings.decide_every_s,
        )  # fmt: skip
        if command_ids:
            log.info("demand_limited building=%s shed=%s", building_id, ",".join(case.shed.until_ms) or "none")

    def _light(self, case: Case) -> None:
        """Dim the lamps by daylight and presence."""
        lights, building_id, data_ms = case.lights, case.building.id, self._data_ms[case.site]
        if lights is None:
            return
        points = {point.id: point for point in self._registry.points(building_id)}
        proposals, held = lights.decide(self._store, points, data_ms)
        proposals = self._bound(case, proposals, data_ms)
        proposals = stand_down(self._registry.running_trial(building_id), proposals, data_ms)
        settle(
            self._registry, self._ledgers[building_id], case.settings, proposals,
            building=building_id,
            device_values=held,
            now_ms=self._clock.now_ms(),
            is_about=lambda point, slot: slot == Slot.SUPERVISORY and case.is_dimmer(point),
            interval_s=case.settings.light_every_s,
        )  # fmt: skip

    def _bound(self, case: Case, proposals: list[Proposal], data_ms: int) -> list[Proposal]:
        """Proposals of those who do not look at the season themselves, within the policies on record."""
        rules = [record.value for record in self._registry.policies(case.building.id)]
        holds = resolve(rules, case.building.id, case.calendar.local(data_ms))
        return bound(
            proposals, holds, (),
            setback_c=case.settings.setback, is_occupied=case.is_occupied, heated_h=case.heated_h,
        )  # fmt: skip

    def _obey_stops(self) -> None:
        """See to it that nothing of ours stands where somebody has stopped control, whoever let it out."""
        stopped = self._registry.stopped_buildings()
        for case in self._cases:
            building_id = case.building.id
            if building_id in stopped:
                obey_stop(self._registry, self._ledgers[building_id], case.settings, building_id, self._clock.now_ms())
