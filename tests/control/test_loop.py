"""The loop over a real broker, store and registry: woken by stored data, it decides and drives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
import pytest

from broker.paho import PahoClient
from control import consent
from control.loop import Control
from core.clock import SimulatedClock
from core.codec import Stored, encode
from core.commands import Command, Outcome
from core.config.control import Control as Settings
from core.config.control import HeatingSeason
from core.config.models import Building, Config, InfluxStore, Site
from core.points import Point
from core.schedule import Block
from core.topics import Channel, topic
from stores.influx import InfluxReadingStore
from stores.port import ReadingStore
from stores.registry import CommandState, Registry, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import GATEWAY, SITE, FieldGateway, turn
from tests.control.views import at, setpoint
from tests.servers.mosquitto import Mosquitto, free_port

pytestmark = pytest.mark.system

BUILDING = "torino/calvino"
HALL = setpoint()
TEMPERATURE = Point(f"{BUILDING}/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
OUTDOOR = Point(f"{BUILDING}/outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel")
MINUTE = 60_000
START = at("2026-01-14 10:00")


def settings(mode: str = "drive") -> Settings:
    return Settings(
        mode=mode,  # type: ignore[arg-type]
        occupied=[Block(["mon", "tue", "wed", "thu", "fri"], "08:30", "19:00", 1.0)],
        setback=16.0,
        setpoints=[HALL.id],
        outdoor_temperature=OUTDOOR.id,
        heating_seasons=[HeatingSeason(start=date(2025, 10, 15), end=date(2026, 4, 15), source="DPR 74/2013")],
    )


class Rig:
    """A building with its control, its gateway and what stands for ingest."""

    def __init__(
        self,
        broker: Mosquitto,
        registry: Registry,
        store: ReadingStore,
        gateway: FieldGateway,
        mode: str,
        trust: TrustMode | None = TrustMode.DRIVE,
        configured: Settings | None = None,
        more_points: Sequence[Point] = (),
        more: Mapping[str, object] | None = None,
    ) -> None:
        self.registry, self.store, self.gateway = registry, store, gateway
        self.clock = SimulatedClock(START)
        site = Site(id=SITE, timezone="Europe/Rome")
        control = configured or msgspec.structs.replace(settings(mode), **(more or {}))
        building = Building(id=BUILDING, control=control)
        registry.put_building(building)
        registry.declare_points(f"{SITE}/{GATEWAY}", [HALL, TEMPERATURE, OUTDOOR, *more_points], START)
        if trust is not None:
            registry.set_trust(BUILDING, trust, by="anna", why="Its advice made sense", now_ms=START)
        self.control = Control(
            Config(sites=[site], buildings=[building]), store, registry,
            lambda on_message: PahoClient(broker.settings("control"), "test-loop", on_message=on_message), self.clock,
        )  # fmt: skip
        self.ingest = PahoClient(broker.settings("ingest"), "test-ingest", on_message=lambda _: None)
        for client in (self.control.client, self.ingest):
            client.connect()
            for _ in range(5):
                client.pump(0.02)

    def close(self) -> None:
        self.control.close()
        self.ingest.close()

    def measure(self, time_ms: int, temperature: float | None = 20.0) -> None:
        rows = [(OUTDOOR.id, time_ms, 4.0, 0), (HALL.id, time_ms, 18.0, 0)]
        if temperature is not None:
            rows.append((TEMPERATURE.id, time_ms, temperature, 0))
        self.store.write(rows)

    def say_stored(self, *until_ms: int) -> None:
        """Say so, and wait until the broker has passed all of it on: it lies in control's socket together then."""
        heard: list[bool] = []
        for each in until_ms:
            stored = encode(Stored(["b"], each))
            self.ingest.publish(topic(SITE, GATEWAY, Channel.STORED), stored, on_done=lambda: heard.append(True))
        turn(self.ingest.pump, until=lambda: len(heard) == len(until_ms))

    def run(self, until: Callable[[], object]) -> None:
        turn(self.control.pump, self.ingest.pump, self.gateway.client.pump, until=until)

    def settle(self) -> int:
        """Turn for a while in which nothing should happen; returns the number of decisions."""
        decisions = 0
        for _ in range(30):
            decisions += self.control.pump(0.01)
            self.ingest.pump(0.01)
            self.gateway.client.pump(0.01)
        return decisions

    def states(self) -> list[CommandState]:
        return [record.state for record in self.registry.commands()]


@pytest.fixture
def make_rig(
    broker: Mosquitto, registry: Registry, store: SqliteReadingStore, gateway: FieldGateway
) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(
        mode: str = "drive",
        trust: TrustMode | None = TrustMode.DRIVE,
        more: Mapping[str, object] | None = None,
        points: Sequence[Point] = (),
    ) -> Rig:
        rigs.append(Rig(broker, registry, store, gateway, mode, trust, more_points=points, more=more))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def test_stored_data_leads_to_a_set_point_with_its_reason(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    (command,) = rig.gateway.commands
    assert (command.point, command.slot, command.value, command.by) == (HALL.id, 12, 20.5, "control")
    assert (command.issued_ms, command.expires_ms) == (START, START + 45 * MINUTE)
    assert "Occupied until 19:00" in command.why


def test_what_a_building_held_while_it_was_watched_is_what_people_keep(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    quarters = range(START - 8 * 24 * 60 * MINUTE, START, 15 * MINUTE)
    rig.store.write([(HALL.id, time_ms, 21.5, 0) for time_ms in quarters])
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    assert [command.value for command in rig.gateway.commands] == [21.5]


def test_several_decision_times_at_once_are_decided_once(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.clock.advance(120 * MINUTE)
    rig.measure(START + 120 * MINUTE)
    rig.say_stored(*(START + minutes * MINUTE for minutes in (90, 120, 105, 30)))
    rig.run(until=lambda: rig.control.decisions)
    assert rig.settle() == 0
    assert rig.control.decisions[BUILDING].view.now_ms == START + 120 * MINUTE


def test_nothing_is_decided_on_a_backlog(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.clock.advance(120 * MINUTE)
    rig.measure(START)
    rig.say_stored(START)
    assert rig.settle() == 0
    assert rig.states() == []


def test_a_gateway_ahead_of_the_clock_does_not_move_time(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START + 600 * MINUTE)
    rig.run(until=lambda: rig.control.decisions)
    assert rig.control.decisions[BUILDING].view.now_ms == START


def test_it_goes_on_deciding_after_the_clock_was_set_back(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    ahead = START + 24 * 60 * MINUTE
    rig.clock.advance_to(ahead)
    rig.measure(ahead)
    rig.say_stored(ahead)
    rig.run(until=lambda: rig.control.decisions)
    rig.clock._now_ms = START
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.control.decisions[BUILDING].view.now_ms == START)


def test_overrides_go_out_while_the_store_is_away(broker: Mosquitto, registry: Registry, gateway: FieldGateway) -> None:
    with InfluxReadingStore(InfluxStore(url=f"http://127.0.0.1:{free_port()}")) as away:
        rig = Rig(broker, registry, away, gateway, "drive")
        rig.say_stored(START)
        for _ in range(20):
            rig.ingest.pump(0.01)
        registry.queue_command(Command("p1", HALL.id, 8, 22.0, "anna", "A meeting.", START, START + 240 * MINUTE))
        rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
        assert not rig.control.decisions
        rig.close()


def test_a_set_point_is_renewed_before_it_runs_out_and_not_before(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    for quarter in range(5):
        now = START + quarter * 15 * MINUTE
        rig.clock.advance_to(now)
        rig.measure(now)
        rig.say_stored(now)
        rig.run(until=lambda now=now: rig.control.decisions and rig.control.decisions[BUILDING].view.now_ms == now)  # type: ignore[misc]
        rig.settle()
    assert [(c.issued_ms - START) // MINUTE for c in rig.gateway.commands] == [0, 30, 60]


def test_a_sensor_that_falls_silent_is_let_go(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    later = START + 75 * MINUTE
    for quarter in range(1, 6):
        rig.clock.advance_to(START + quarter * 15 * MINUTE)
        rig.measure(START + quarter * 15 * MINUTE, temperature=None)
        rig.say_stored(START + quarter * 15 * MINUTE)
        rig.run(until=lambda q=quarter: rig.control.decisions[BUILDING].view.now_ms == START + q * 15 * MINUTE)  # type: ignore[misc]
        rig.settle()
    assert rig.clock.now_ms() == later
    last = rig.gateway.commands[-1]
    assert last.value is None
    assert "no reading for 75 min" in last.why


def test_a_person_is_left_alone(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    person = Command("p1", HALL.id, 8, 22.0, "anna", "A meeting.", START, START + 240 * MINUTE)
    rig.control.dispatcher.send(person)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.control.decisions)
    rig.settle()
    assert [c.by for c in rig.gateway.commands] == ["anna"]


def test_after_a_restart_nothing_is_sent_twice(make_rig: Callable[..., Rig]) -> None:
    first = make_rig()
    first.measure(START)
    first.say_stored(START)
    first.run(until=lambda: first.states() == [CommandState.APPLIED])
    first.close()
    second = make_rig(trust=None)
    second.say_stored(START)
    second.run(until=lambda: second.control.decisions)
    second.settle()
    assert len(second.gateway.commands) == 1


@pytest.mark.parametrize(
    ("mode", "trust"),
    [
        ("advise", TrustMode.DRIVE),
        ("off", TrustMode.DRIVE),
        ("drive", None),
        ("drive", TrustMode.ADVISE),
        ("drive", TrustMode.SUPERVISE),
    ],
)
def test_only_who_is_trusted_sends(
    make_rig: Callable[..., Rig], mode: str, trust: TrustMode | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "promessa.control")
    rig = make_rig(mode, trust)
    rig.measure(START)
    rig.say_stored(START)
    assert rig.settle() == (mode != "off")
    assert rig.states() == []
    assert rig.gateway.commands == []
    assert ("advice point=torino/calvino/hall/heating-setpoint value=20.5" in caplog.text) == (mode != "off")
    shown = [(advice.value, advice.mode) for advice in rig.registry.open_advice(BUILDING).values()]
    held_to = TrustMode.SUPERVISE if trust is TrustMode.SUPERVISE else TrustMode.ADVISE
    assert shown == ([] if mode == "off" else [(20.5, held_to)])


def test_what_a_person_approves_goes_as_a_command(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(trust=TrustMode.SUPERVISE)
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.control.decisions)
    (offered,) = rig.registry.open_advice(BUILDING).values()
    consent.approve(rig.registry, offered.id, by="bruno", now_ms=rig.clock.now_ms())
    rig.clock.advance(1_000)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    (command,) = rig.gateway.commands
    assert (command.point, command.slot, command.value, command.by) == (HALL.id, 12, 20.5, "control")
    assert command.why.endswith("Approved by bruno.")


def test_after_the_switch_nothing_is_in_force_and_nothing_is_sent(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED])
    # As another process says it, which tells the registry and nothing else.
    rig.registry.stop_control(BUILDING, by="carla", why="smoke", now_ms=START)
    rig.clock.advance(1_000)
    rig.run(until=lambda: rig.states() == [CommandState.APPLIED] * 2)
    later = START + 30 * MINUTE
    rig.clock.advance_to(later)
    rig.measure(later)
    rig.say_stored(later)
    rig.run(until=lambda: rig.control.decisions[BUILDING].view.now_ms == later)
    rig.settle()
    assert [command.value for command in rig.gateway.commands] == [20.5, None]
    assert rig.gateway.commands[-1].why == "Control was stopped by carla: smoke"


def test_a_stopped_building_stays_stopped_after_a_restart_and_goes_on_once_released(
    make_rig: Callable[..., Rig],
) -> None:
    first = make_rig()
    consent.stop(first.registry, BUILDING, by="carla", why="smoke", now_ms=START)
    first.close()
    second = make_rig(trust=None)
    second.measure(START)
    second.say_stored(START)
    second.run(until=lambda: second.control.decisions)
    second.settle()
    assert second.gateway.commands == []
    consent.release(second.registry, BUILDING, by="anna", why="only toast", now_ms=START)
    later = START + 15 * MINUTE
    second.clock.advance_to(later)
    second.measure(later)
    second.say_stored(later)
    second.run(until=lambda: second.states() == [CommandState.APPLIED])


def test_what_failed_is_not_tried_again_after_the_switch(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.gateway.answer = Outcome.FAILED
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.FAILED])
    rig.gateway.answer = Outcome.APPLIED
    consent.stop(rig.registry, BUILDING, by="carla", why="smoke", now_ms=rig.clock.now_ms())
    for _ in range(4):
        rig.clock.advance(MINUTE)
        rig.settle()
    assert [command.value for command in rig.gateway.commands] == [20.5, None]


def test_what_is_tried_again_still_says_what_it_rests_on(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.gateway.answer = Outcome.FAILED
    rig.measure(START)
    rig.say_stored(START)
    rig.run(until=lambda: rig.states() == [CommandState.FAILED])
    rig.gateway.answer = Outcome.APPLIED
    rig.clock.advance(MINUTE)
    rig.run(until=lambda: rig.states()[0] is CommandState.APPLIED)
    again, first = rig.registry.commands()
    assert again.command.id == f"{first.command.id}~2"
    assert again.origin_model == first.origin_model != ""


def test_a_rejected_set_point_is_not_repeated_at_once(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.gateway.answer = Outcome.REJECTED
    for quarter in range(3):
        now = START + quarter * 15 * MINUTE
        rig.clock.advance_to(now)
        rig.measure(now)
        rig.say_stored(now)
        rig.run(until=lambda now=now: rig.control.decisions and rig.control.decisions[BUILDING].view.now_ms == now)  # type: ignore[misc]
        rig.settle()
    assert rig.states() == [CommandState.REJECTED]
