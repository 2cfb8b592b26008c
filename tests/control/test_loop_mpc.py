"""Predictive control in the loop: it learns from the store, plans with the tariff, and gives way to the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest

from control.gather import layout_of, learn_building, with_registers
from control.layout import Layout
from control.mpc.decider import HORIZON_STEPS, STEP_MS, PredictiveDecider
from control.mpc.price import carrier_of, heat_limit_kwh, prices_ahead
from control.occupancy import opening_agenda
from control.record import Record
from core.calendar import HOUR_MS
from core.config.control import Control
from core.points import Counter, Measure, Point
from core.schedule import Block, Schedule
from core.tariff import RateKind, Tariff
from predict.causes.roles import Carrier
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import FieldGateway
from tests.control.test_loop import BUILDING, HALL, OUTDOOR, START, TEMPERATURE, Rig, settings
from tests.control.views import OPENING, ROME, at, view
from tests.servers.mosquitto import Mosquitto

SUN = Point(f"{BUILDING}/solar-irradiance", "Solar_Irradiance_Sensor", "W/m2")
HEAT = Point(
    f"{BUILDING}/heat-pump", "Electrical_Meter", "kW.h", Measure.REGISTER, counter=Counter(1e6, 500, 0.1)
)  # fmt: skip
GAS = Point(f"{BUILDING}/gas", "Building_Gas_Meter", "kW.h", Measure.REGISTER, counter=Counter(1e6, 500, 0.1))
POINTS = {p.id: p for p in (HALL, TEMPERATURE, OUTDOOR, SUN, HEAT)}
QUARTER_MS = 900_000
MPC: dict[str, Any] = {"controller": "mpc", "solar_irradiance": SUN.id, "heat_meters": [HEAT.id]}
TIMES = Tariff(
    id="night", scope="torino", carrier="electricity", kind=RateKind.PRICE, valid_from=date(2025, 1, 1),
    schedule=Schedule(0.30, [Block(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "00:00", "07:00", 0.10)]),
    source="Contract 7",
)  # fmt: skip


def live(store: SqliteReadingStore, days: int = 28, end_ms: int = START) -> None:
    """A hall that its own schedule heated for so many days, and what its heat pump counted."""
    inside, counted, rows = 20.0, 0.0, []
    for time_ms in range(end_ms - days * 24 * HOUR_MS, end_ms, QUARTER_MS):
        local = ROME.local(time_ms)
        hour = local.hour + local.minute / 60
        asked = 20.5 if local.weekday() < 5 and 5 <= hour < 19 else 15.0
        outdoor = 4 + 3 * np.sin(time_ms / 86_400_000 * 2 * np.pi) + 2 * np.sin(time_ms / 5e8)
        rows += [(TEMPERATURE.id, time_ms, inside, 0), (HALL.id, time_ms, asked, 0), (OUTDOOR.id, time_ms, outdoor, 0)]
        rows += [(HEAT.id, time_ms, counted, 0), (SUN.id, time_ms, 0.0, 0)]
        free = inside - 0.25 * 0.015 * (inside - outdoor)
        heat = min(max(asked - free, 0.0), 0.4)
        inside, counted = free + heat, counted + 10 * heat
    store.write(rows)


@pytest.fixture
def make_rig(
    broker: Mosquitto, registry: Registry, store: SqliteReadingStore, gateway: FieldGateway
) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**changes: Any) -> Rig:
        configured = msgspec.structs.replace(settings(), **(MPC | changes))
        rigs.append(Rig(broker, registry, store, gateway, "drive", configured=configured, more_points=[SUN, HEAT]))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.mark.system
def test_it_plans_from_what_is_stored(
    make_rig: Callable[..., Rig], store: SqliteReadingStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "promessa.control")
    live(store)
    rig = make_rig()
    rig.registry.put_tariff(TIMES, by="anna", why="The contract", now_ms=START)
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.control.decisions)
    assert "planned building=torino/calvino text='Planned 1 of 1 zones." in caplog.text
    (case,) = rig.control._cases
    assert case.predictive is not None
    assert sorted(set(case.predictive._price.tolist())) == [0.10, 0.30]
    rig.run(until=lambda: rig.gateway.commands)
    assert rig.gateway.commands[0].value == pytest.approx(20.5, abs=1.0)


@pytest.mark.system
def test_without_a_record_the_rules_decide(make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "promessa.control")
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.gateway.commands)
    assert [command.value for command in rig.gateway.commands] == [20.5]
    assert "text='The rules decide: " in caplog.text


@pytest.mark.system
def test_rules_are_what_is_configured_by_default(
    make_rig: Callable[..., Rig], store: SqliteReadingStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "promessa.control")
    live(store)
    rig = make_rig(controller="rules")
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.control.decisions)
    assert "planned building" not in caplog.text


def test_the_layout_has_what_predictive_control_looks_at() -> None:
    configured = Control(setpoints=[HALL.id], **(MPC | {"heat_meters": [HEAT.id, "torino/calvino/none"]}))
    layout = layout_of(BUILDING, configured, POINTS)
    assert (layout.sun, layout.heat_meters) == (SUN.id, (HEAT.id,))


@pytest.mark.parametrize("measure", list(Measure))
def test_every_meter_of_heat_becomes_a_register(store: SqliteReadingStore, measure: Measure) -> None:
    start_ms = at("2026-01-14 00:00")
    meter = {
        Measure.REGISTER: HEAT,
        Measure.INTERVAL: Point(HEAT.id, "Electrical_Meter", "kW.h", Measure.INTERVAL),
        Measure.INSTANT: Point(HEAT.id, "Electrical_Power_Sensor", "kW"),
    }[measure]
    hours = range(-1, 26)
    values = [8.0 * h + 100 if measure is Measure.REGISTER else 8.0 for h in hours]
    store.write([(HEAT.id, start_ms + h * HOUR_MS, v, 0) for h, v in zip(hours, values, strict=True)])
    empty = Record(start_ms, QUARTER_MS, {TEMPERATURE.id: np.zeros(96)}, ROME)
    record = with_registers(store, empty, [HEAT.id], {HEAT.id: meter})
    assert np.diff(record.of(HEAT.id)) == pytest.approx(2.0)


def test_a_meter_that_counts_no_energy_is_left_out(store: SqliteReadingStore) -> None:
    empty = Record(START, QUARTER_MS, {TEMPERATURE.id: np.zeros(96)}, ROME)
    water = Point(HEAT.id, "Water_Meter", "m3", Measure.REGISTER, counter=Counter(1e6, 500))
    store.write([(HEAT.id, START + k * HOUR_MS, k, 0) for k in range(5)])
    assert np.isnan(with_registers(store, empty, [HEAT.id], {HEAT.id: water}).of(HEAT.id)).all()


def test_prices_come_from_the_tariff_by_half_hours(registry: Registry) -> None:
    now_ms = at("2026-01-14 22:00")
    assert prices_ahead(registry, BUILDING, Carrier.ELECTRICITY, ROME, now_ms) is None
    registry.put_tariff(TIMES, by="anna", why="The contract", now_ms=START)
    prices = prices_ahead(registry, BUILDING, Carrier.ELECTRICITY, ROME, now_ms)
    assert prices is not None
    assert prices.tolist() == [0.30] * 4 + [0.10] * 14 + [0.30] * 30
    assert prices_ahead(registry, BUILDING, Carrier.GAS, ROME, now_ms) is None
    assert prices_ahead(registry, BUILDING, Carrier.UNKNOWN, ROME, now_ms) is None


@pytest.mark.parametrize(
    ("meters", "carrier"),
    [([HEAT], Carrier.ELECTRICITY), ([GAS], Carrier.GAS), ([HEAT, GAS], Carrier.UNKNOWN), ([], Carrier.UNKNOWN)],
)
def test_the_carrier_is_what_all_meters_count(meters: list[Point], carrier: Carrier) -> None:
    assert carrier_of([m.id for m in meters], {m.id: m for m in meters}) is carrier


def test_the_demand_limit_bounds_metered_electric_heat_only() -> None:
    record = Record(START, QUARTER_MS, {HEAT.id: np.arange(96.0)}, ROME)
    layout = Layout(BUILDING, (), heat_meters=(HEAT.id,))
    assert heat_limit_kwh(50.0, Carrier.ELECTRICITY, layout, record) == 25.0
    assert heat_limit_kwh(50.0, Carrier.GAS, layout, record) is None
    assert heat_limit_kwh(None, Carrier.ELECTRICITY, layout, record) is None
    blind = Record(START, QUARTER_MS, {HEAT.id: np.full(96, np.nan)}, ROME)
    assert heat_limit_kwh(50.0, Carrier.ELECTRICITY, layout, blind) is None


def test_entered_hours_are_an_agenda() -> None:
    agenda = opening_agenda(OPENING, ROME, START)
    for text, expected in (("2026-01-14 08:29", False), ("2026-01-14 08:30", True), ("2026-01-14 19:00", False)):
        assert agenda.is_expected(at(text)) is expected
    assert not agenda.is_expected(at("2026-01-17 10:00"))
    assert agenda.next_change(at("2026-01-16 20:00")) == at("2026-01-19 08:30")
    assert agenda.share(at("2026-01-14 10:00"), at("2026-01-14 10:30")) == 1.0


def test_a_plan_that_fails_leaves_the_rules(store: SqliteReadingStore) -> None:
    live(store)
    configured = Control(setpoints=[HALL.id], outdoor_temperature=OUTDOOR.id, **MPC)
    layout = layout_of(BUILDING, configured, POINTS)
    record = learn_building(store, configured, ROME, layout, START)[2]
    predictive = PredictiveDecider()
    predictive.learn(layout, record, {f"{BUILDING}/hall": opening_agenda(OPENING, ROME, START)})
    now = view("2026-01-14 10:00")
    rules, _ = PredictiveDecider()(now)
    predictive(now)
    assert predictive.spoke.startswith("Planned 1 of 1 zones.")
    later = replace(now, now_ms=now.now_ms + STEP_MS)
    predictive.foresee(np.full(HORIZON_STEPS, np.inf), None)
    proposals, _ = predictive(later)
    assert predictive.spoke.startswith("The rules decide: the plan failed")
    assert [p.value for p in proposals] == [p.value for p in rules]
