"""A stop that comes in the middle of a decision: one of them is wholly first, in both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from control import consent
from control.advice import settle
from control.ledger import Ledger
from control.proposal import Proposal
from core.config.control import Control
from core.config.models import Building
from core.points import Limits, Point
from stores.registry import Registry, TrustMode

BUILDING = "torino/calvino"
HALL = Point(
    f"{BUILDING}/hall/heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", "Cel", limits=Limits(5, 26, 18)
)
SETTINGS = Control(mode="drive", setpoints=[HALL.id])
NOW = 1_768_381_200_000


class Waiting(Ledger):
    """A ledger that reads what is new only once it is told to: a decision is in flight meanwhile."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry, BUILDING)
        self.is_in_flight, self.goes_on = threading.Event(), threading.Event()

    def refresh(self, now_ms: int) -> None:
        self.is_in_flight.set()
        self.goes_on.wait(10)
        super().refresh(now_ms)


def decide(registry: Registry, ledger: Ledger) -> list[str]:
    proposal = Proposal(HALL, 20.5, "setback", "Because.")
    return settle(registry, ledger, SETTINGS, [proposal], building=BUILDING, device_values={}, now_ms=NOW)


def prepare(registry: Registry) -> None:
    registry.put_building(Building(id=BUILDING, control=SETTINGS))
    registry.declare_points("torino/cellar", [HALL], NOW)
    registry.set_trust(BUILDING, TrustMode.DRIVE, by="anna", why="It made sense", now_ms=NOW)


def stop(registry: Registry) -> None:
    consent.stop(registry, BUILDING, by="carla", why="smoke", now_ms=NOW)


def lower(registry: Registry) -> None:
    consent.set_trust(registry, BUILDING, TrustMode.ADVISE, by="carla", why="too cold", now_ms=NOW)


@pytest.mark.parametrize("act", [stop, lower])
def test_what_a_decision_in_flight_sends_is_let_go_of(registry: Registry, act: Callable[[Registry], None]) -> None:
    prepare(registry)
    ledger = Waiting(registry)
    with ThreadPoolExecutor(2) as pool:
        decided: Future[list[str]] = pool.submit(decide, registry, ledger)
        assert ledger.is_in_flight.wait(10)
        stopped = pool.submit(act, registry)
        with pytest.raises(TimeoutError):  # it waits for the decision
            stopped.result(0.3)
        ledger.goes_on.set()
        (sent,) = decided.result(20)
        stopped.result(20)
    newest, before = registry.commands(building=BUILDING)
    assert (before.command.id, before.command.value) == (sent, 20.5)
    assert newest.command.value is None


def test_nothing_is_sent_after_a_stop(registry: Registry) -> None:
    prepare(registry)
    stop(registry)
    assert decide(registry, Ledger(registry, BUILDING)) == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # SQLite lets one write at a time
def test_buildings_do_not_wait_for_each_other(registry: Registry) -> None:
    prepare(registry)
    registry.put_building(Building(id="torino/passerin", control=Control(mode="drive")))
    with ThreadPoolExecutor(1) as pool, registry.together():
        registry.hold_trust(BUILDING)
        other = pool.submit(consent.stop, registry, "torino/passerin", by="carla", why="smoke", now_ms=NOW)
        assert other.result(10).is_stopped
