"""Loads with hours to run: when their window is, what they ran, and what they are told over store and registry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from control.cost_ahead import cost_ahead, differs
from control.shiftable import Shiftable, ran_h, runs_by, window_at
from core.calendar import HOUR_MS, MINUTE_MS
from core.config.load_shift import LoadShift, ShiftableLoad
from core.points import Limits, Point
from core.readings import Quality
from core.schedule import Block, Schedule
from core.tariff import RateKind, Tariff
from predict.causes.roles import Carrier
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.control.views import ROME, at

BUILDING = "torino/calvino"
TANK = Point(f"{BUILDING}/tank", "On_Off_Command", "1", limits=Limits(0, 1, 0))
POWER = Point(f"{BUILDING}/tank-power", "Electric_Power_Sensor", "W")
STATUS = Point(f"{BUILDING}/tank-status", "On_Off_Status", "1")
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def load(**changes: Any) -> ShiftableLoad:
    tank: dict[str, Any] = {"point": TANK.id, "run_hours": 2.0, "power_kw": 3.0}
    return ShiftableLoad(**(tank | changes))


NIGHT = {"not_before": "22:00", "ready_by": "06:00"}


@pytest.mark.parametrize(
    ("what", "now", "window"),
    [
        ({}, "2026-01-14 00:00", ("2026-01-14 00:00", "2026-01-15 00:00")),
        ({}, "2026-01-14 23:59", ("2026-01-14 00:00", "2026-01-15 00:00")),
        (NIGHT, "2026-01-14 22:00", ("2026-01-14 22:00", "2026-01-15 06:00")),
        (NIGHT, "2026-01-15 05:59", ("2026-01-14 22:00", "2026-01-15 06:00")),
        (NIGHT, "2026-01-15 06:00", None),
        (NIGHT, "2026-01-14 21:59", None),
        (NIGHT | {"days": ["wed"]}, "2026-01-15 01:00", ("2026-01-14 22:00", "2026-01-15 06:00")),
        (NIGHT | {"days": ["thu"]}, "2026-01-15 01:00", None),
        ({"not_before": "06:00", "ready_by": "06:00"}, "2026-01-15 05:00", ("2026-01-14 06:00", "2026-01-15 06:00")),
        ({"not_before": "09:00", "ready_by": "17:30"}, "2026-01-14 12:00", ("2026-01-14 09:00", "2026-01-14 17:30")),
        (NIGHT, "2026-03-29 04:00", ("2026-03-28 22:00", "2026-03-29 06:00")),
    ],
)
def test_the_window_that_runs(what: dict[str, Any], now: str, window: tuple[str, str] | None) -> None:
    found = window_at(load(**what), ROME, at(now))
    assert found == (None if window is None else (at(window[0]), at(window[1])))
    if now.startswith("2026-03-29") and found:
        assert found[1] - found[0] == 7 * HOUR_MS, "the night of the change of clocks is an hour shorter"


START = at("2026-01-14 00:00")


@pytest.mark.parametrize(
    ("samples", "now_h", "hours"),
    [
        ([], 4, 0.0),
        ([(0, 1.0)], 4, 1.0),
        ([(0, 1.0), (1, 1.0), (2, 0.0)], 4, 2.0),
        ([(-0.5, 1.0), (0.25, 0.0)], 4, 0.25),
        ([(-0.5, 1.0)], 4, 0.5),
        ([(1, 1.0)], 1.5, 0.5),
        ([(1, 0.0), (2, 1.0)], 2, 0.0),
    ],
    ids=["unknown", "counts for an hour", "until told otherwise", "from before", "stale", "until now", "just now"],
)
def test_what_it_ran(samples: Sequence[tuple[float, float]], now_h: float, hours: float) -> None:
    seen = [(START + int(h * HOUR_MS), value) for h, value in samples]
    now_ms = START + int(now_h * HOUR_MS)
    assert ran_h(seen, runs_by(load(), TANK), start_ms=START, now_ms=now_ms, stale_after_s=3600) == hours


@pytest.mark.parametrize(
    ("what", "status", "value", "runs"),
    [
        ({}, TANK, 1.0, True),
        ({}, TANK, 0.4, False),
        ({"on_value": 55.0, "off_value": 40.0}, TANK, 50.0, True),
        ({"on_value": 0.0, "off_value": 1.0}, TANK, 0.0, True),
        ({}, STATUS, 1.0, True),
        ({}, STATUS, 0.0, False),
        ({}, POWER, 1600.0, True),
        ({}, POWER, 1400.0, False),
    ],
)
def test_whether_it_runs(*, what: dict[str, Any], status: Point, value: float, runs: bool) -> None:
    assert runs_by(load(**what), status)(value) is runs


def tariff(kind: RateKind = RateKind.PRICE, night: float = 0.10, day: float = 0.30) -> Tariff:
    blocks = [Block(EVERY_DAY, "02:00", "05:00", night)]
    return Tariff(
        id=f"night-{kind}", scope="torino", carrier="electricity", kind=kind, valid_from=date(2025, 1, 1),
        schedule=Schedule(day, blocks), source="Contract 7",
    )  # fmt: skip


def test_what_a_kwh_costs_ahead(registry: Registry) -> None:
    def ahead(eur_per_tonne: float = 0.0, carrier: Carrier = Carrier.ELECTRICITY) -> list[float] | None:
        found = cost_ahead(
            registry, BUILDING, carrier, ROME, start_ms=at("2026-01-14 01:37"), end_ms=at("2026-01-14 02:30"),
            eur_per_tonne=eur_per_tonne,
        )  # fmt: skip
        return None if found is None else [round(value, 6) for value in found.values]

    assert ahead() is None
    registry.put_tariff(tariff(RateKind.EMISSION, 100.0, 400.0), by="anna", why="The grid", now_ms=START)
    assert ahead() == [400.0, 400.0, 100.0, 100.0], "grams, where no price is known"
    registry.put_tariff(tariff(), by="anna", why="The contract", now_ms=START)
    assert ahead() == [0.30, 0.30, 0.10, 0.10]
    assert ahead(eur_per_tonne=100.0) == [0.34, 0.34, 0.11, 0.11]
    assert ahead(carrier=Carrier.GAS) is None
    assert ahead(carrier=Carrier.UNKNOWN) is None


def test_one_price_is_no_choice(registry: Registry) -> None:
    registry.put_tariff(tariff(day=0.10), by="anna", why="The contract", now_ms=START)
    found = cost_ahead(registry, BUILDING, Carrier.ELECTRICITY, ROME, start_ms=START, end_ms=START + 24 * HOUR_MS)
    assert found is not None
    assert not differs(found)
    assert not differs(None)


def told(
    store: SqliteReadingStore, registry: Registry, when: str, *points: Point, **changes: Any
) -> tuple[float | None, str]:
    shift = Shiftable(LoadShift(loads=[load(**(NIGHT | changes))]), BUILDING)
    declared = {p.id: p for p in (points or (TANK,))}
    proposals, _ = shift.decide(store, registry, declared, ROME, now_ms=at(when), stale_after_s=3600)
    return (proposals[0].value, proposals[0].why) if proposals else (None, "")


def state(store: SqliteReadingStore, point: Point, **values: float) -> None:
    """What a point said at each full hour of the night, for example ``h23=1``."""
    for key, value in values.items():
        hour = int(key[1:])
        day = 13 if hour > 12 else 14
        times = range(at(f"2026-01-{day} {hour:02d}:00"), at(f"2026-01-{day} {hour:02d}:00") + HOUR_MS, 15 * MINUTE_MS)
        store.write([(point.id, t, value, int(Quality.GOOD)) for t in times])


@pytest.mark.parametrize(
    ("when", "states", "value", "says"),
    [
        ("2026-01-13 23:00", {"h22": 0, "h23": 0}, 0.0, "Off: 2.0 h are left to run in 7.0 h; waiting for 3.0 h"),
        ("2026-01-14 02:00", {"h1": 0, "h2": 0}, 1.0, "On: 2.0 h are left to run in 4.0 h"),
        ("2026-01-14 03:00", {"h2": 1, "h3": 1}, 1.0, "On: 1.0 h are left to run in 3.0 h"),
        ("2026-01-14 04:00", {"h2": 1, "h3": 1, "h4": 1}, 0.0, "Off: it has run for its 2 h."),
        ("2026-01-14 05:00", {"h4": 0, "h5": 0}, 1.0, "there is no more choice"),
        ("2026-01-14 06:30", {"h5": 0, "h6": 0}, None, "not the time"),
        ("2026-01-14 02:00", {}, None, "nobody knows whether it runs"),
        ("2026-01-14 04:30", {"h2": 1}, None, "nobody knows whether it runs"),
    ],
)
def test_what_a_tank_is_told_through_the_night(
    store: SqliteReadingStore, registry: Registry, when: str, states: dict[str, float], value: float | None, says: str
) -> None:
    registry.put_tariff(tariff(), by="anna", why="The contract", now_ms=START)
    state(store, TANK, **states)
    found, why = told(store, registry, when)
    assert found == value
    assert says in why


def test_what_cannot_be_shifted_is_let_go_of(store: SqliteReadingStore, registry: Registry) -> None:
    state(store, TANK, h2=0)
    assert told(store, registry, "2026-01-14 02:30") == (
        None,
        "Let go: what a kWh of electricity costs is not on record.",
    )
    registry.put_tariff(tariff(), by="anna", why="The contract", now_ms=START)
    assert told(store, registry, "2026-01-14 02:30")[0] == 1.0
    assert told(store, registry, "2026-01-14 02:30", STATUS) == (None, ""), "not declared"
    bare = Point(TANK.id, "On_Off_Status", "1")
    assert told(store, registry, "2026-01-14 02:30", bare) == (None, ""), "nobody may drive it"
    value, why = told(store, registry, "2026-01-14 02:30", TANK, running=STATUS.id)
    assert (value, "is not declared" in why) == (None, True)
    state(store, POWER, h2=2900.0)
    assert told(store, registry, "2026-01-14 02:30", TANK, POWER, running=POWER.id, run_hours=0.5) == (
        0.0, "Off: it has run for its 0.5 h.",
    )  # fmt: skip
