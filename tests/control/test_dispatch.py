"""From the registry's outbox to a gateway and back, over a real Mosquitto."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broker.client import Message
from broker.paho import PahoClient
from control.dispatch import RETRY_AFTER_MS, Dispatcher
from core.clock import SimulatedClock
from core.commands import Command, Outcome, Result
from core.errors import StoreError
from core.topics import Channel, topic
from stores.registry import CommandState, Registry
from tests.control.conftest import GATEWAY, SITE, FieldGateway, turn
from tests.control.views import setpoint
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

NOW = 1_768_380_000_000
HOUR = 3_600_000
POINT = setpoint()


class Side:
    """A process with a dispatcher."""

    def __init__(self, broker: Mosquitto, registry: Registry, clock: SimulatedClock, role: str = "control") -> None:
        self.inbox: deque[Message] = deque()
        self.client = PahoClient(broker.settings(role), f"test-{role}", on_message=self.inbox.append)
        self.dispatcher = Dispatcher(registry, self.client, clock)

    def turn(self, timeout_s: float) -> None:
        self.client.pump(timeout_s)
        self.dispatcher.note_sent()
        while self.inbox:
            self.dispatcher.handle(self.inbox.popleft())


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(NOW)


@pytest.fixture
def side(broker: Mosquitto, registry: Registry, clock: SimulatedClock) -> Iterator[Side]:
    registry.declare_points(f"{SITE}/{GATEWAY}", [POINT], NOW)
    made = Side(broker, registry, clock)
    made.client.connect()
    for _ in range(5):
        made.turn(0.02)
    yield made
    made.client.close()


def command(name: str = "c1", value: float | None = 20.5, slot: int = 12, lasts_ms: int = HOUR) -> Command:
    return Command(name, POINT.id, slot, value, "control", "Because.", NOW, NOW + lasts_ms)


def state(registry: Registry, name: str = "c1") -> CommandState:
    record = registry.command(name)
    assert record is not None
    return record.state


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_command_reaches_its_gateway_and_ends_as_that_says(
    side: Side, gateway: FieldGateway, registry: Registry, outcome: Outcome
) -> None:
    gateway.answer = outcome
    assert side.dispatcher.send(command())
    turn(side.turn, gateway.client.pump, until=lambda: not state(registry).is_open)
    assert state(registry) == outcome
    assert gateway.commands == [command()]


def test_a_command_that_the_broker_has_is_marked_sent(side: Side, registry: Registry) -> None:
    side.dispatcher.send(command())
    turn(side.turn, until=lambda: state(registry) is CommandState.SENT)
    assert side.dispatcher.dispatch() == 0


def test_a_command_waits_for_a_connection(
    broker: Mosquitto, registry: Registry, clock: SimulatedClock, gateway: FieldGateway
) -> None:
    registry.declare_points(f"{SITE}/{GATEWAY}", [POINT], NOW)
    late = Side(broker, registry, clock)
    assert not late.dispatcher.send(command())
    assert state(registry) is CommandState.QUEUED
    late.client.connect()
    late.dispatcher.dispatch()
    turn(late.turn, gateway.client.pump, until=lambda: state(registry) is CommandState.APPLIED)
    late.client.close()


def test_after_a_reconnect_what_is_open_is_sent_again_under_its_own_id(
    side: Side, gateway: FieldGateway, registry: Registry, broker: Mosquitto
) -> None:
    gateway.answer = None
    side.dispatcher.send(command())
    turn(side.turn, gateway.client.pump, until=lambda: gateway.commands)
    broker.restart()
    turn(side.turn, gateway.client.pump, until=lambda: side.client.connections == 2 and gateway.client.connected)
    gateway.settle()
    assert side.dispatcher.dispatch() == 1
    turn(side.turn, gateway.client.pump, until=lambda: len(gateway.commands) > 1)
    assert {c.id for c in gateway.commands} == {"c1"}


def test_two_processes_end_a_command_once(
    side: Side, gateway: FieldGateway, registry: Registry, broker: Mosquitto, clock: SimulatedClock
) -> None:
    other = Side(broker, registry, clock, role="api")
    other.client.connect()
    registry.queue_command(command())
    assert side.dispatcher.dispatch() == other.dispatcher.dispatch() == 1
    turn(side.turn, other.turn, gateway.client.pump, until=lambda: len(gateway.commands) == 2)
    turn(side.turn, other.turn, until=lambda: not state(registry).is_open)
    ends = [e for e in registry.command_events("c1") if e.counted and not e.state.is_open]
    assert len(ends) == 1
    other.client.close()


def test_an_expired_command_is_not_sent_and_ends(
    side: Side, registry: Registry, gateway: FieldGateway, clock: SimulatedClock
) -> None:
    registry.queue_command(command(lasts_ms=1000))
    clock.advance(2000)
    assert side.dispatcher.dispatch() == 0
    clock.advance(HOUR)
    side.dispatcher.dispatch()
    assert state(registry) is CommandState.EXPIRED
    assert gateway.commands == []


def test_a_command_for_a_point_nobody_owns_fails_with_the_reason(side: Side, registry: Registry) -> None:
    orphan = setpoint("attic")
    side.dispatcher.send(Command("c9", orphan.id, 12, 20.0, "control", "Because.", NOW, NOW + HOUR))
    record = registry.command("c9")
    assert record is not None
    assert (record.state, record.reason) == (CommandState.FAILED, "no gateway has declared this point")


def test_what_failed_is_tried_again_under_a_new_id_and_not_for_ever(
    side: Side, gateway: FieldGateway, registry: Registry, clock: SimulatedClock
) -> None:
    gateway.answer = Outcome.FAILED
    side.dispatcher.send(command())
    for attempt, name in enumerate(["c1", "c1~2", "c1~3"], start=1):
        turn(
            side.turn,
            gateway.client.pump,
            until=lambda name=name: registry.command(name) and not state(registry, name).is_open,  # type: ignore[misc]
        )
        assert [c.id for c in gateway.commands][-1] == name
        assert len(gateway.commands) == attempt
        assert side.dispatcher.dispatch() == 0
        clock.advance(RETRY_AFTER_MS)
        side.dispatcher.dispatch()
    assert len(registry.commands()) == 3
    assert all(c.expires_ms == NOW + HOUR for c in gateway.commands)


def test_a_failed_command_is_not_tried_again_over_a_newer_one(
    side: Side, gateway: FieldGateway, registry: Registry, clock: SimulatedClock
) -> None:
    gateway.answer = Outcome.FAILED
    side.dispatcher.send(command())
    turn(side.turn, gateway.client.pump, until=lambda: not state(registry).is_open)
    gateway.answer = Outcome.APPLIED
    side.dispatcher.send(command("c2", value=16.0))
    turn(side.turn, gateway.client.pump, until=lambda: not state(registry, "c2").is_open)
    clock.advance(RETRY_AFTER_MS)
    side.dispatcher.dispatch()
    assert [record.command.id for record in registry.commands()] == ["c2", "c1"]


@pytest.mark.usefixtures("impatient")
def test_what_failed_is_tried_again_though_the_registry_was_locked(
    side: Side, gateway: FieldGateway, registry: Registry, clock: SimulatedClock, tmp_path: Path
) -> None:
    gateway.answer = Outcome.FAILED
    side.dispatcher.send(command())
    turn(side.turn, gateway.client.pump, until=lambda: not state(registry).is_open)
    clock.advance(RETRY_AFTER_MS)
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError):
            side.dispatcher.dispatch()
    side.dispatcher.dispatch()
    assert registry.command("c1~2") is not None


def test_another_gateway_cannot_end_a_command(side: Side, broker: Mosquitto, registry: Registry) -> None:
    stranger = FieldGateway(broker, name="attic")
    side.dispatcher.send(command())
    stranger.tell(Result("c1", POINT.id, Outcome.APPLIED, NOW))
    turn(side.turn, stranger.client.pump, until=lambda: registry.count_dead_letters() == 1)
    assert state(registry) is CommandState.SENT
    assert registry.dead_letters()[0].code == "result.refused"
    stranger.client.close()


def test_a_result_that_cannot_be_read_is_a_dead_letter(side: Side, gateway: FieldGateway, registry: Registry) -> None:
    gateway.client.publish(topic(SITE, GATEWAY, Channel.RESULTS), b"\xff{")
    turn(side.turn, gateway.client.pump, until=lambda: registry.count_dead_letters() == 1)
