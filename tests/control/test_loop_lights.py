"""Lighting in the loop, over a real broker, store and registry: every minute, beside the building's own decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from core.commands import Command
from core.config.control import Light
from core.points import Limits, Point
from stores.registry import CommandState, Registry, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import FieldGateway
from tests.control.test_loop import BUILDING, HALL, MINUTE, START, Rig, settings
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

DIMMER = Point(f"{BUILDING}/classroom/dimmer", "Luminance_Command", "%", limits=Limits(0, 100, 100))
LUX = Point(f"{BUILDING}/classroom/illuminance", "Illuminance_Sensor", "lx")
PEOPLE = Point(f"{BUILDING}/classroom/presence", "Occupancy_Sensor", "1")
LIGHT = Light(name="classroom", dimmer=DIMMER.id, sensor=LUX.id, people=PEOPLE.id, full_lux=500, stale_after_s=150)


class Classroom:
    """A room whose lamps do what the gateway was told last."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.now = rig, START - MINUTE

    def minute(self, daylight: float | None, people: float = 20) -> None:
        """One minute goes by; None: the sensor is silent."""
        self.now += MINUTE
        rig, asked = self.rig, self.asked()
        dim = asked[-1] if asked and asked[-1] is not None else 0.0
        rig.clock.advance_to(self.now)
        rig.measure(self.now)
        rig.store.write([(DIMMER.id, self.now, dim, 0), (PEOPLE.id, self.now, people, 0)])
        if daylight is not None:
            rig.store.write([(LUX.id, self.now, daylight + 5 * dim, 0)])
        rig.say_stored(self.now)
        rig.run(until=lambda: rig.control.heard_ms("torino") == self.now)
        rig.run(until=lambda: not any(state.is_open for state in rig.states()))

    def asked(self) -> list[float | None]:
        return [c.value for c in self.rig.gateway.commands if (c.point, c.slot) == (DIMMER.id, 12)]


MakeRoom = Callable[..., Classroom]


@pytest.fixture
def make_room(
    broker: Mosquitto, registry: Registry, store: SqliteReadingStore, gateway: FieldGateway
) -> Iterator[MakeRoom]:
    rigs: list[Rig] = []

    def make(trust: TrustMode | None = TrustMode.DRIVE) -> Classroom:
        configured = msgspec.structs.replace(settings(), lights=[LIGHT])
        rigs.append(Rig(broker, registry, store, gateway, "drive", trust, configured, [DIMMER, LUX, PEOPLE]))
        return Classroom(rigs[-1])

    yield make
    for rig in rigs:
        rig.close()


def test_lamps_give_what_daylight_leaves_missing(make_room: MakeRoom) -> None:
    room = make_room()
    room.minute(100)
    (command,) = [c for c in room.rig.gateway.commands if c.point == DIMMER.id]
    assert command.slot == 12
    assert command.value == pytest.approx(43.0)
    assert command.expires_ms - command.issued_ms == 3 * MINUTE
    assert "EN 12464-1" in command.why
    for _ in range(8):
        room.minute(900)
    assert room.asked()[-1] == 0.0


def test_a_sensor_that_falls_silent_lets_go(make_room: MakeRoom) -> None:
    room = make_room()
    room.minute(100)
    for _ in range(3):
        room.minute(None)
    assert room.asked()[-1] is None
    assert "illuminance is missing" in room.rig.gateway.commands[-1].why


def test_a_person_at_the_dimmer_is_left_alone(make_room: MakeRoom) -> None:
    room = make_room()
    person = Command("p1", DIMMER.id, 8, 80.0, "anna", "A film.", START, START + 240 * MINUTE)
    room.rig.control.dispatcher.send(person)
    room.rig.run(until=lambda: room.rig.states() == [CommandState.APPLIED])
    for _ in range(3):
        room.minute(100)
    assert room.asked() == []


def test_its_advice_and_the_buildings_stand_beside_each_other(make_room: MakeRoom) -> None:
    room = make_room(trust=None)
    for _ in range(17):
        room.minute(100)
    shown = room.rig.registry.open_advice(BUILDING)
    assert {point: (a.value, a.since_ms) for point, a in shown.items()} == {
        DIMMER.id: (pytest.approx(43.0), START),
        HALL.id: (20.5, START),
    }
    assert len(room.rig.registry.advice_history(BUILDING)) == 2
