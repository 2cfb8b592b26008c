"""Rooms that are warmed ahead as one strategy among the others, and in the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.heat_store import HeatStore, Shift
from control.learner import heat_stores
from control.memory import Memory, Trim
from control.mpc.decider import Twins
from control.mpc.zone_model import ZoneModel
from control.proposal import Proposal
from control.strategies.load_shift import NAME, propose
from control.strategy import decide
from control.view import Habit, Heating, Occupancy
from core.calendar import HOUR_MS, MINUTE_MS
from core.config.load_shift import LoadShift, ShiftableLoad
from core.points import Limits, Point
from core.schedule import Block, Schedule
from core.tariff import RateKind, Tariff, Vector
from stores.registry import Registry, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import FieldGateway
from tests.control.test_loop import BUILDING, HALL, START, Rig, settings
from tests.control.test_loop_mpc import HEAT, SUN, live
from tests.control.views import MISSING, ROME, at, gap, view, zone
from tests.control.weeks import QUARTER_MS
from tests.servers.mosquitto import Mosquitto

NOW = at("2026-01-14 10:00")
STORE = HeatStore(5.0, 40.0)
EVENING = Occupancy(is_occupied=True, changes_ms=at("2026-01-14 19:00"))
ROOM = zone(20.6, occupancy=EVENING)


def costs(*values: float) -> Vector:
    edges = tuple(NOW + k * HOUR_MS for k in range(len(values) + 1))
    return Vector(RateKind.PRICE, edges, values, tuple("x" for _ in values))


DEAR_LATER = costs(0.1, 0.4, 0.4, 0.4, 0.4)


def told(room: Any = ROOM, *, shift: Shift | None = None, **changes: Any) -> Proposal:
    shift = Shift(DEAR_LATER, {room.name: STORE}, 1.5) if shift is None else shift
    seen = replace(view("2026-01-14 10:00", room, **changes), shift=shift)
    return next(p for p in decide(seen)[0] if p.point.id == room.setpoint.id)


def shift_of(cost: Vector = DEAR_LATER, name: str = ROOM.name, most_k: float = 1.5) -> Shift:
    return Shift(cost, {name: STORE}, most_k)


def test_a_room_is_warmed_ahead_of_dear_hours() -> None:
    found = told()
    assert found.strategy == NAME
    assert found.value is not None
    assert 20.7 < found.value <= 22.0
    assert "costs 0.10 EUR now and up to 0.40 EUR later" in found.why
    assert found.effect.startswith("Saves about 2.08 EUR")


@pytest.mark.parametrize(
    ("room", "changes"),
    [
        (ROOM, {"shift": shift_of(costs(0.4, 0.1, 0.1))}),
        (ROOM, {"shift": shift_of(costs(0.2, 0.2, 0.2))}),
        (ROOM, {"shift": shift_of(name="torino/calvino/other")}),
        (ROOM, {"shift": shift_of(most_k=0.0)}),
        (zone(20.6, occupancy=Occupancy(True, at("2026-01-14 11:00"))), {}),
        (zone(20.6, occupancy=Occupancy(False, at("2026-01-14 18:00"))), {}),
        (zone(MISSING, occupancy=EVENING), {}),
        (ROOM, {"outdoor": MISSING}),
        (ROOM, {"outdoor": 21.0}),
        (ROOM, {"season": Heating.FORBIDDEN}),
        (replace(ROOM, is_used=False), {}),
        (ROOM, {"memory": Memory(trims={ROOM.setpoint.id: Trim(-0.25, NOW)}), "gaps": [gap(80)]}),
    ],
    ids=[
        "cheaper later", "one price", "not known well enough", "switched off", "people leave before", "nobody there",
        "temperature missing", "outdoors missing", "warm outdoors", "no heating now", "nobody uses it", "corrected",
    ],
)  # fmt: skip
def test_where_the_others_speak(room: Any, changes: dict[str, Any]) -> None:
    assert told(room, **changes).strategy != NAME


def test_without_costs_nothing_changes() -> None:
    seen = view("2026-01-14 10:00", ROOM)
    assert decide(seen)[0] == decide(replace(seen, shift=Shift(costs(0.2, 0.2), {ROOM.name: STORE}, 1.5)))[0]


def test_a_room_that_is_warm_is_kept_so_until_the_dear_hours() -> None:
    waits = shift_of(costs(*[0.1] * 4, 0.4, 0.4, 0.4))
    assert told(shift=waits).strategy != NAME, "the same price later is early enough"
    warmed = zone(21.5, now=21.6, occupancy=EVENING)
    assert told(warmed, shift=waits).strategy == NAME


@given(
    values=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=24), held=st.floats(19.0, 25.9),
    inside=st.floats(15.0, 27.0), outdoor=st.floats(-10.0, 30.0), most_k=st.floats(0.0, 4.0),
)  # fmt: skip
def test_it_never_leaves_the_comfort_band_nor_takes_warmth_away(
    values: list[float], held: float, inside: float, outdoor: float, most_k: float
) -> None:
    room = replace(zone(inside, occupancy=EVENING), habit=Habit(heating_c=held))
    without = told(room, shift=shift_of(costs(0.2, 0.2)), outdoor=outdoor)
    found = told(room, shift=shift_of(costs(*values), most_k=most_k), outdoor=outdoor)
    assert found.value is not None
    assert without.value is not None
    assert without.value - 0.01 <= found.value <= min(without.value + most_k, 26.0) + 0.01


@dataclass(frozen=True)
class Hall:
    """A room with a thermostat and heavy walls: kWh/K, kW/K and kW."""

    room_kwh_k: float
    wall_kwh_k: float
    loss_kw_k: float
    wall_kw_k: float
    heating_kw: float = 8.0

    def week(self, dear_eur: float, *, shifts: bool) -> tuple[float, float, float]:
        """Cost of a week of 0.10 EUR, and `dear_eur` from 16 to 20 h; coldest and warmest with people there."""
        store = HeatStore(self.room_kwh_k, self.room_kwh_k / self.loss_kw_k)
        inside = wall = 20.0
        cost, asked, seen = 0.0, 16.0, []
        first = at("2026-01-12 00:00")
        prices = [dear_eur if 16 <= ROME.local(first + k * QUARTER_MS).hour < 20 else 0.10 for k in range(8 * 96)]
        for k in range(7 * 96):
            now_ms = first + k * QUARTER_MS
            local = ROME.local(now_ms)
            is_there = local.weekday() < 5 and 8 <= local.hour < 20
            held, asked = asked, 20.5 if local.weekday() < 5 and 5 <= local.hour < 20 else 16.0
            if is_there and shifts:
                edges = tuple(now_ms + i * QUARTER_MS for i in range(97))
                cost_ahead = Vector(RateKind.PRICE, edges, tuple(prices[k : k + 96]), ("x",) * 96)
                room = zone(inside, now=held, occupancy=Occupancy(True, ROME.at(local.date(), time(20))))
                shift = Shift(cost_ahead, {room.name: store}, 1.5)
                told = propose(replace(view(f"{local:%Y-%m-%d %H:%M}", room, outdoor=4.0), shift=shift))
                asked = told[0].value or asked if told else asked
            for _ in range(15):
                lost = self.loss_kw_k * (inside - 4.0) + self.wall_kw_k * (inside - wall)
                heat = min(max((asked - inside) * self.room_kwh_k * 60 + lost, 0.0), self.heating_kw)
                inside += (heat - lost) / self.room_kwh_k / 60
                wall += self.wall_kw_k * (inside - wall) / self.wall_kwh_k / 60
                cost += heat / 60 * prices[k]
            if is_there:
                seen.append(inside)
        return cost, min(seen), max(seen)


@pytest.mark.parametrize(
    ("hall", "dear_eur", "least", "most"),
    [
        (Hall(1, 10, 0.15, 0.8), 0.40, 0.03, 0.08),
        (Hall(1, 20, 0.08, 1.0), 0.40, 0.06, 0.10),
        (Hall(1, 10, 0.15, 0.8), 0.20, 0.01, 0.03),
        (Hall(1, 20, 0.08, 1.0), 0.12, 0.0, 0.0),
        (Hall(1, 10, 0.15, 0.8), 0.12, 0.0, 0.0),
        (Hall(1, 10, 0.15, 0.8), 0.16, 0.0, 0.02),
        (Hall(1, 20, 0.08, 1.0), 0.16, 0.0, 0.02),
    ],
    ids=[
        "heavy",
        "very heavy",
        "twice the price",
        "a fifth more",
        "a fifth more, heavy",
        "half more",
        "half more, heavy",
    ],
)
def test_what_warming_ahead_saves_in_a_room_with_heavy_walls(
    hall: Hall, dear_eur: float, least: float, most: float
) -> None:
    without, coldest_c, _ = hall.week(dear_eur, shifts=False)
    cost, cold_c, warm_c = hall.week(dear_eur, shifts=True)
    assert least <= 1 - cost / without <= most
    assert cold_c >= coldest_c - 0.05
    assert warm_c <= 22.1


def model(loss: float, error_k: float = 0.1) -> ZoneModel:
    return ZoneModel(loss, 0.05, 0.0, 0.0, 0.0, 0.03, 1.0, error_k)


def test_stores_are_zones_with_a_trusted_model() -> None:
    models = {"hall": model(0.0125), "tight": model(0.0), "slow": model(0.001), "unmetered": model(0.02)}
    found = heat_stores(Twins(models=models, kwh_per_k={"hall": 5.0, "tight": 5.0, "slow": 2.0, "unmetered": 0.0}))
    assert found == {"hall": HeatStore(5.0, 40.0), "slow": HeatStore(2.0, 100.0)}


TANK = Point(f"{BUILDING}/tank", "On_Off_Command", "1", limits=Limits(0, 1, 0))
DEAR = Tariff(
    id="evening", scope="torino", carrier="electricity", kind=RateKind.PRICE, valid_from=date(2025, 1, 1),
    schedule=Schedule(0.10, [Block(["mon", "tue", "wed", "thu", "fri"], "11:00", "19:00", 0.40)]), source="Contract 7",
)  # fmt: skip


@pytest.fixture
def make_rig(
    broker: Mosquitto, registry: Registry, store: SqliteReadingStore, gateway: FieldGateway
) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(trust: TrustMode = TrustMode.DRIVE, **changes: Any) -> Rig:
        loads = [ShiftableLoad(point=TANK.id, run_hours=1.0, power_kw=3.0, not_before="09:00", ready_by="15:00")]
        extra = {"heat_meters": [HEAT.id], "load_shift": LoadShift(loads=loads)}
        configured = msgspec.structs.replace(settings(), **(extra | changes))
        more = [SUN, HEAT, TANK]
        registry.put_tariff(DEAR, by="anna", why="The contract", now_ms=START)
        rigs.append(Rig(broker, registry, store, gateway, "drive", trust, configured=configured, more_points=more))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def prepare(rig: Rig, store: SqliteReadingStore) -> None:
    live(store)
    rig.measure(START, 20.5)
    store.write([(TANK.id, START - k * 15 * MINUTE_MS, 0.0, 0) for k in range(5)])
    rig.say_stored(START)


@pytest.mark.system
@pytest.mark.parametrize("controller", ["rules", "mpc"])
def test_rooms_and_loads_are_moved_in_the_loop(
    make_rig: Callable[..., Rig], store: SqliteReadingStore, controller: str
) -> None:
    rig = make_rig(controller=controller)
    prepare(rig, store)
    rig.run(until=lambda: len(rig.gateway.commands) == 2)
    asked = {command.point: command for command in rig.gateway.commands}
    warmed_c = asked[HALL.id].value
    assert warmed_c is not None
    assert 20.7 < warmed_c <= 22.0
    assert "Warmed ahead" in asked[HALL.id].why
    assert asked[TANK.id].value == 1.0
    assert "this step is one of the cheapest" in asked[TANK.id].why
    origins = {record.command.point: record.origin_model for record in rig.registry.commands()}
    assert origins == {HALL.id: NAME, TANK.id: NAME}


@pytest.mark.system
def test_in_advise_it_is_only_said(make_rig: Callable[..., Rig], store: SqliteReadingStore) -> None:
    rig = make_rig(TrustMode.ADVISE)
    prepare(rig, store)
    rig.run(until=lambda: rig.control.decisions)
    assert rig.registry.commands() == []
    advice = rig.registry.open_advice(BUILDING)
    assert {advice[HALL.id].strategy, advice[TANK.id].strategy} == {NAME}


@pytest.mark.system
def test_switched_off_it_says_nothing(make_rig: Callable[..., Rig], store: SqliteReadingStore) -> None:
    rig = make_rig(load_shift=LoadShift(most_k=0.0))
    prepare(rig, store)
    rig.run(until=lambda: rig.gateway.commands)
    assert [(command.point, command.value) for command in rig.gateway.commands] == [(HALL.id, 20.5)]
