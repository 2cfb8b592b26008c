"""A city at midnight: buildings are learnt one after another, and nobody waits for it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest

from broker.paho import PahoClient
from control.case import Case
from control.learner import Learner
from control.loop import Control
from core.clock import SimulatedClock
from core.codec import Stored, encode
from core.commands import Command
from core.config.models import Building, Config, Site
from core.points import Point
from core.topics import Channel, topic
from stores.registry import Registry, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import GATEWAY, SITE, FieldGateway, turn
from tests.control.test_loop import MINUTE, settings
from tests.control.views import ROME, at, setpoint
from tests.servers.mosquitto import Mosquitto

EVENING = at("2026-01-13 23:45")
NIGHT = at("2026-01-14 00:00")
NAMES = ("calvino", "passerin", "ginzburg", "shahrazad")


def point_of(name: str) -> Point:
    return msgspec.structs.replace(setpoint(), id=f"{SITE}/{name}/hall/heating-setpoint")


def sensor_of(name: str) -> Point:
    return Point(f"{SITE}/{name}/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")


class City:
    """Some buildings behind one gateway, with control of all of them."""

    def __init__(self, broker: Mosquitto, registry: Registry, store: SqliteReadingStore) -> None:
        self.registry, self.store = registry, store
        self.clock = SimulatedClock(EVENING)
        buildings = []
        for name in NAMES:
            configured = msgspec.structs.replace(settings(), setpoints=[point_of(name).id], outdoor_temperature="")
            buildings.append(Building(id=f"{SITE}/{name}", control=configured))
            registry.put_building(buildings[-1])
        points = [point for name in NAMES for point in (point_of(name), sensor_of(name))]
        registry.declare_points(f"{SITE}/{GATEWAY}", points, EVENING)
        for building in buildings:
            registry.set_trust(building.id, TrustMode.DRIVE, by="anna", why="It made sense", now_ms=EVENING)
        self.control = Control(
            Config(sites=[Site(id=SITE, timezone="Europe/Rome")], buildings=buildings), store, registry,
            lambda on_message: PahoClient(broker.settings("control"), "test-city", on_message=on_message), self.clock,
        )  # fmt: skip
        self.ingest = PahoClient(broker.settings("ingest"), "test-city-ingest", on_message=lambda _: None)
        for client in (self.control.client, self.ingest):
            client.connect()
            for _ in range(5):
                client.pump(0.02)

    def close(self) -> None:
        self.control.close()
        self.ingest.close()

    def hear(self, time_ms: int) -> None:
        """Store a measurement of every building and wait until control's socket has the word of it."""
        self.clock.advance_to(time_ms)
        self.store.write([(sensor_of(name).id, time_ms, 19.0, 0) for name in NAMES])
        heard: list[bool] = []
        stored = encode(Stored(["b"], time_ms))
        self.ingest.publish(topic(SITE, GATEWAY, Channel.STORED), stored, on_done=lambda: heard.append(True))
        turn(self.ingest.pump, until=lambda: heard)
        turn(lambda _: self.control.client.pump(0.01), until=lambda: self.control._inbox)

    @property
    def cases(self) -> list[Case]:
        return self.control._cases

    def learnt_today(self, time_ms: int) -> int:
        return sum(case.learnt_on == ROME.day_of(time_ms) for case in self.cases)


@pytest.fixture
def city(broker: Mosquitto, registry: Registry, store: SqliteReadingStore) -> Iterator[City]:
    made = City(broker, registry, store)
    yield made
    made.close()


@pytest.mark.system
def test_no_more_than_one_building_is_learnt_in_a_turn(city: City) -> None:
    city.hear(EVENING)
    for turns in range(1, len(NAMES) + 1):
        city.control.pump(0.0)
        assert city.learnt_today(EVENING) == turns
        assert len(city.control.decisions) == turns, "who is learnt is decided at once"


@pytest.mark.system
def test_at_midnight_all_decide_first_on_what_was_known(city: City) -> None:
    city.hear(EVENING)
    for _ in NAMES:
        city.control.pump(0.0)
    city.hear(NIGHT)
    assert city.control.pump(0.0) == len(NAMES)
    assert {decision.view.now_ms for decision in city.control.decisions.values()} == {NIGHT}
    assert city.learnt_today(NIGHT) == 1
    for _ in NAMES:
        assert city.control.pump(0.0) == 0
    assert city.learnt_today(NIGHT) == len(NAMES)


@pytest.mark.system
def test_what_a_person_asks_for_is_not_kept_waiting(city: City, gateway: FieldGateway) -> None:
    city.hear(EVENING)
    asked = Command("p1", point_of(NAMES[-1]).id, 8, 22.0, "anna", "A meeting.", EVENING, EVENING + 60 * MINUTE)
    city.registry.queue_command(asked)
    city.control.pump(0.0)
    assert city.learnt_today(EVENING) == 1
    turn(city.control.client.pump, gateway.client.pump, until=lambda: gateway.commands)
    assert gateway.commands[0].id == "p1", "before what was decided after learning"


@pytest.mark.system
def test_new_points_are_learnt_before_they_are_decided(city: City) -> None:
    city.hear(EVENING)
    for _ in NAMES:
        city.control.pump(0.0)
    first = f"{SITE}/{NAMES[0]}"
    people = Point(f"{first}/hall/people", "Occupancy_Count_Sensor", "1")
    city.registry.declare_points(f"{SITE}/{GATEWAY}", [people], EVENING)
    city.hear(EVENING + 15 * MINUTE - 1000)  # the same interval: nobody is due
    assert city.control.pump(0.0) == 0
    city.hear(NIGHT)
    assert city.control.pump(0.0) == len(NAMES)
    case = next(case for case in city.cases if case.building.id == first)
    assert case.layout is not None
    assert case.layout.zones[0].people == people.id
    assert city.control.decisions[first].view.now_ms == NIGHT


def case_of(city: City, k: int, *, must_learn: bool = False, days_ago: int = 0, failed_ms: int | None = None) -> Case:
    case = city.cases[k]
    case.must_learn = must_learn
    case.learnt_on = ROME.day_of(NIGHT) - timedelta(days=days_ago)
    case.failed_slot = -1 if failed_ms is None else case.slot_of(failed_ms)
    return case


@pytest.mark.system
@pytest.mark.parametrize(
    ("make", "chosen"),
    [
        (lambda c: [case_of(c, k) for k in range(4)], None),
        (lambda c: [case_of(c, 0), case_of(c, 1, days_ago=1), case_of(c, 2, days_ago=3)], 2),
        (lambda c: [case_of(c, 0, days_ago=3), case_of(c, 1, must_learn=True)], 1),
        (lambda c: [case_of(c, 0, must_learn=True, failed_ms=NIGHT), case_of(c, 1, days_ago=1)], 1),
        (lambda c: [case_of(c, 0, must_learn=True, failed_ms=EVENING), case_of(c, 1, days_ago=1)], 0),
    ],
    ids=["all are learnt", "longest ago", "cannot be decided", "failed just now", "failed a while ago"],
)
def test_whose_turn_it_is(city: City, make: Callable[[City], list[Case]], chosen: int | None) -> None:
    offered = make(city)
    found = Learner(city.store, city.registry).next(offered, {SITE: NIGHT}, NIGHT)
    assert (None if found is None else city.cases.index(found)) == chosen
    old = NIGHT + 61 * MINUTE
    assert Learner(city.store, city.registry).next(offered, {SITE: NIGHT}, old) is None, "a backlog"
    assert Learner(city.store, city.registry).next(offered, {}, NIGHT) is None


@pytest.mark.system
def test_commands_of_all_buildings_go_out(city: City, gateway: FieldGateway) -> None:
    city.hear(EVENING)
    turn(city.control.pump, gateway.client.pump, until=lambda: len(gateway.commands) == len(NAMES))
    assert {command.point for command in gateway.commands} == {point_of(name).id for name in NAMES}
