"""Learns one building after another, so that nobody waits for it: once a local day, and when its points change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from control.arbiter import INTERVALS_TO_EXPIRY
from control.case import Case
from control.cost_ahead import cost_ahead, differs
from control.gather import layout_of, learn_building, with_registers
from control.heat_store import HeatStore
from control.layout import Layout
from control.mpc.decider import STEP_MS, PredictiveDecider, Twins
from control.mpc.price import carrier_of, heat_limit_kwh
from control.occupancy import Agenda, opening_agenda
from control.record import Record
from control.reference import Period, watched
from core.calendar import HOUR_MS
from core.points import Point
from core.schedule import Schedule
from stores.port import ReadingStore
from stores.registry import Registry

_AHEAD_MS: Final = 48 * HOUR_MS
_LONGEST_H: Final = 100.0


class Learner:
    """Keeps what is learnt of buildings up to date.

    Parameters
    ----------
    store, registry
        Where things are kept.
    """

    def __init__(self, store: ReadingStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def next(self, cases: Sequence[Case], data_ms: dict[str, int], now_ms: int) -> Case | None:
        """Whom to learn next: who cannot be decided without, then who was learnt longest ago; None: nobody needs it.

        Parameters
        ----------
        data_ms
            Newest data by site, UTC milliseconds.
        now_ms
            The clock's time: nothing is learnt for a building on whose data nothing is decided.
        """
        waiting = []
        for case in cases:
            newest_ms = data_ms.get(case.site)
            if newest_ms is None or not case.is_present(newest_ms, now_ms):
                continue
            if case.failed_slot == case.slot_of(newest_ms):
                continue
            if case.must_learn or case.learnt_on != case.calendar.day_of(newest_ms):
                waiting.append(case)
        return min(waiting, key=_rank) if waiting else None

    def learn(self, case: Case, data_ms: int) -> None:
        """Learn a building from its last weeks; what was known before counts until this is done."""
        case.failed_slot = case.slot_of(data_ms)  # unless it comes to its end
        building_id = case.building.id
        points = {point.id: point for point in self._registry.points(building_id)}
        layout = layout_of(building_id, case.settings, points)
        if case.layout != layout:
            case.references.clear()
        learnt, plans, record = learn_building(
            self._store, case.settings, case.calendar, layout, data_ms,
            watched=self._watched(case, data_ms), known=case.references,
        )  # fmt: skip
        case.heat_carrier = carrier_of(layout.heat_meters, points)
        if case.predictive is not None:
            self._learn_twins(case, case.predictive, layout, record, plans, points, data_ms)
        case.heat_stores = self._heat_stores(case, layout, record, points, data_ms)
        case.learnt, case.plans, case.layout = learnt, plans, layout
        case.learnt_on, case.must_learn, case.failed_slot = case.calendar.day_of(data_ms), False, -1

    def _watched(self, case: Case, data_ms: int) -> list[Period]:
        """When nothing was sent to a building, newest first."""
        building_id = case.building.id
        return watched(
            self._registry.trust_changes(building_id), self._registry.stop_changes(building_id),
            now_ms=data_ms, settle_ms=INTERVALS_TO_EXPIRY * case.settings.decide_every_s * 1000,
        )  # fmt: skip

    def _learn_twins(
        self, case: Case, predictive: PredictiveDecider, layout: Layout, record: Record,
        plans: Mapping[str, Agenda], points: dict[str, Point], data_ms: int,
    ) -> None:  # fmt: skip
        record = with_registers(self._store, record, layout.heat_meters, points)
        agendas = plans
        if case.settings.occupied:
            opening = opening_agenda(Schedule(0.0, case.settings.occupied), case.calendar, data_ms)
            agendas = {zone.name: opening for zone in layout.zones}
        predictive.learn(layout, record, agendas)
        limit = case.settings.demand_limit
        case.heat_limit_kwh = heat_limit_kwh(limit.limit_kw if limit else None, case.heat_carrier, layout, record)

    def _heat_stores(
        self, case: Case, layout: Layout, record: Record, points: dict[str, Point], data_ms: int
    ) -> dict[str, HeatStore]:
        """Zones that can store heat, where what heat costs differs in the next days."""
        settings = case.settings.load_shift
        cost = None
        if settings.most_k > 0:
            cost = cost_ahead(
                self._registry, case.building.id, case.heat_carrier, case.calendar,
                start_ms=data_ms, end_ms=data_ms + _AHEAD_MS, eur_per_tonne=settings.carbon_eur_per_tonne,
            )  # fmt: skip
        if not differs(cost):
            return {}
        if case.predictive is not None:
            return heat_stores(case.predictive.twins)
        identified = PredictiveDecider()
        identified.learn(layout, with_registers(self._store, record, layout.heat_meters, points), {})
        return heat_stores(identified.twins)


def heat_stores(twins: Twins) -> dict[str, HeatStore]:
    """Zones with a model that is trusted, as stores of heat: the room alone, without its mass."""
    stores = {}
    for name, model in twins.models.items():
        capacity = twins.kwh_per_k.get(name, 0.0)
        if model.loss > 0 and capacity > 0:
            stores[name] = HeatStore(capacity, min(STEP_MS / HOUR_MS / model.loss, _LONGEST_H))
    return stores


def _rank(case: Case) -> tuple[bool, int]:
    return not case.must_learn, case.learnt_on.toordinal() if case.learnt_on else 0
