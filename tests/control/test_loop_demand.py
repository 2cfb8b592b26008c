"""The demand limit in the loop, over a real broker, store and registry: slot 10 beside slot 12 and people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import msgspec
import pytest

from control import consent
from core.commands import Command
from core.config.control import DemandLimit, SheddableLoad
from core.points import Limits, Point
from core.policy import Policy, Rank
from stores.registry import CommandState, Registry, Trial, TrialBlock, TrialPlan, TrialUnit, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.conftest import FieldGateway
from tests.control.test_loop import BUILDING, HALL, MINUTE, OUTDOOR, START, TEMPERATURE, Rig, settings
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.system

DAY_MS = 24 * 60 * MINUTE
METER = Point(f"{BUILDING}/electricity-power", "Electrical_Power_Sensor", "kW")
PUMP = Point(f"{BUILDING}/pump", "On_Off_Command", "1", limits=Limits(0, 1, 1))
LOAD = SheddableLoad(point=PUMP.id, shed_value=0, rank=1, expected_kw=20)
WARM = SheddableLoad(
    point=HALL.id, shed_value=16, rank=2, expected_kw=20, comfort_sensor=TEMPERATURE.id, comfort_low=19.0
)


class Peak:
    """A building with an electricity meter that is read every minute."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.now = rig, START - MINUTE
        for minute in range(-4, 0):
            rig.store.write([(METER.id, START + minute * MINUTE, 40.0, 0)])

    def minute(self, power_kw: float | None, temperature: float = 20.0) -> None:
        """One minute goes by, in which so much is drawn; None: the meter is silent."""
        self.now += MINUTE
        rig, before = self.rig, self.rig.control.heard_ms("torino")
        rig.clock.advance_to(self.now)
        rig.measure(self.now, temperature)
        if power_kw is not None:
            rig.store.write([(METER.id, self.now, power_kw, 0)])
        rig.say_stored(self.now)
        rig.run(until=lambda: rig.control.heard_ms("torino") == self.now != before)
        rig.run(until=lambda: not any(state.is_open for state in rig.states()))

    def asked(self, point: Point = PUMP, slot: int = 10) -> list[float | None]:
        return [c.value for c in self.rig.gateway.commands if (c.point, c.slot) == (point.id, slot)]


MakePeak = Callable[..., Peak]


@pytest.fixture
def make_peak(
    broker: Mosquitto, registry: Registry, store: SqliteReadingStore, gateway: FieldGateway
) -> Iterator[MakePeak]:
    rigs: list[Rig] = []

    def make(*loads: SheddableLoad, trust: TrustMode | None = TrustMode.DRIVE) -> Peak:
        limit = DemandLimit(meter=METER.id, limit_kw=50, loads=list(loads or [LOAD]))
        configured = msgspec.structs.replace(settings(), demand_limit=limit)
        rigs.append(Rig(broker, registry, store, gateway, "drive", trust, configured, [METER, PUMP]))
        return Peak(rigs[-1])

    yield make
    for rig in rigs:
        rig.close()


def test_a_peak_is_shed_and_what_was_shed_comes_back(make_peak: MakePeak) -> None:
    peak = make_peak()
    peak.minute(40)
    assert peak.asked() == []
    peak.minute(70)
    peak.minute(70)
    (command,) = [c for c in peak.rig.gateway.commands if c.point == PUMP.id]
    assert (command.slot, command.value, command.by) == (10, 0.0, "control")
    assert command.expires_ms - command.issued_ms == 3 * MINUTE
    assert "50 kW is the limit" in command.why
    for _ in range(6):
        peak.minute(20)
    # Renewed while it stays shed, let go once five minutes have passed and it fits.
    assert peak.asked()[-1] is None
    assert set(peak.asked()[:-1]) == {0.0}
    assert peak.rig.registry.commands(point=PUMP.id)[0].origin_model == "demand-limit"


def test_supervisory_control_goes_on_beneath_the_demand_limit(make_peak: MakePeak) -> None:
    peak = make_peak(WARM)
    peak.minute(70)
    peak.minute(70)
    assert peak.asked(HALL, 10) == [16.0]
    assert peak.asked(HALL, 12) == [20.5]
    (shown,) = peak.rig.registry.open_advice(BUILDING).values()
    assert (shown.slot, shown.value, shown.strategy) == (10, 16.0, "demand-limit")
    for _ in range(45):
        peak.minute(20)
    assert peak.asked(HALL, 10)[-1] is None
    assert peak.asked(HALL, 12) == [20.5, 20.5]
    (shown,) = peak.rig.registry.open_advice(BUILDING).values()
    assert (shown.slot, shown.value) == (12, 20.5)


def test_a_person_stops_both(make_peak: MakePeak) -> None:
    peak = make_peak(WARM)
    person = Command("p1", HALL.id, 8, 22.0, "anna", "A meeting.", START, START + 240 * MINUTE)
    peak.rig.control.dispatcher.send(person)
    peak.rig.run(until=lambda: peak.rig.states() == [CommandState.APPLIED])
    for _ in range(3):
        peak.minute(70)
    assert [c.by for c in peak.rig.gateway.commands] == ["anna"]


def test_what_a_person_holds_is_not_counted_on_and_the_next_load_bears_it(make_peak: MakePeak) -> None:
    peak = make_peak(LOAD, WARM)
    person = Command("p1", PUMP.id, 8, 1.0, "anna", "It must run.", START, START + 240 * MINUTE)
    peak.rig.control.dispatcher.send(person)
    peak.rig.run(until=lambda: peak.rig.states() == [CommandState.APPLIED])
    peak.minute(58)
    assert peak.asked(PUMP) == []
    assert peak.asked(HALL, 10) == [16.0]


def test_a_command_ends_no_later_than_its_load_must_come_back(make_peak: MakePeak) -> None:
    load = msgspec.structs.replace(LOAD, least_shed_s=0, longest_shed_s=150)
    peak = make_peak(load)
    for _ in range(6):
        peak.minute(70)
    shed = [c for c in peak.rig.gateway.commands if c.point == PUMP.id and c.value is not None]
    assert {c.expires_ms for c in shed} == {shed[0].issued_ms + 150_000}
    assert peak.asked()[-1] is None


def test_a_silent_meter_lets_go_and_says_so(make_peak: MakePeak, caplog: pytest.LogCaptureFixture) -> None:
    peak = make_peak()
    for _ in range(3):
        peak.minute(70)
    for _ in range(4):
        peak.minute(None)
    assert peak.asked()[-1] is None
    assert "gives no demand" in peak.rig.gateway.commands[-1].why
    assert caplog.text.count("gives no demand; nothing is shed") == 1


def test_a_room_at_its_comfort_limit_is_not_shed(make_peak: MakePeak) -> None:
    peak = make_peak(WARM)
    for _ in range(3):
        peak.minute(70, temperature=19.2)
    assert peak.asked(HALL, 10) == []


def test_it_holds_in_a_block_of_a_trial_without_control(make_peak: MakePeak) -> None:
    peak = make_peak(WARM)
    blocks = (
        TrialBlock(START, START + DAY_MS, is_on=False, group=0),
        TrialBlock(START + DAY_MS, START + 2 * DAY_MS, is_on=True, group=0),
    )
    plan = TrialPlan(unit=TrialUnit.DAY, seed=1, washout_h=6, blocks=blocks)
    peak.rig.registry.enter_trial(
        Trial(id="t1", building=BUILDING, plan=plan, by="anna", why="What does it save?", entered_ms=START - 10)
    )
    peak.rig.registry.start_trial("t1", by="anna", now_ms=START - 5)
    for _ in range(2):
        peak.minute(70)
    assert peak.asked(HALL, 10) == [16.0]
    assert peak.asked(HALL, 12) == []


def test_a_policy_bounds_what_is_shed(make_peak: MakePeak) -> None:
    peak = make_peak(WARM)
    rule = Policy(
        id="rooms", scope="torino", rank=Rank.HOUSE, issued=date(2025, 1, 1), valid_from=date(2025, 1, 1),
        source="House rule", occupied_minimum_c=18.0,
    )  # fmt: skip
    peak.rig.registry.put_policy(rule, by="anna", why="Rooms", now_ms=START)
    for _ in range(2):
        peak.minute(70)
    assert peak.asked(HALL, 10) == [18.0]


@pytest.mark.parametrize("power_kw", [20, 70], ids=["it fits", "the peak goes on"])
def test_after_a_restart_everything_comes_back(make_peak: MakePeak, power_kw: float) -> None:
    first = make_peak()
    for _ in range(3):
        first.minute(70)
    assert set(first.asked()) == {0.0}
    first.rig.close()
    second = make_peak(trust=None)
    second.now = first.now
    second.minute(power_kw)
    second.minute(power_kw)
    assert second.asked()[-1] is None


@pytest.mark.parametrize("trust", [TrustMode.ADVISE, TrustMode.SUPERVISE])
def test_without_trust_it_only_says_so(make_peak: MakePeak, trust: TrustMode) -> None:
    peak = make_peak(trust=trust)
    for _ in range(2):
        peak.minute(70)
    assert peak.asked() == []
    advice = peak.rig.registry.open_advice(BUILDING)[PUMP.id]
    assert (advice.slot, advice.value, advice.mode) == (10, 0.0, trust)


def test_a_load_that_may_not_be_shed_is_not_counted_on(make_peak: MakePeak) -> None:
    peak = make_peak(LOAD, WARM)
    consent.set_trust(
        peak.rig.registry, BUILDING, TrustMode.ADVISE, by="anna", why="New pump", now_ms=START, point_id=PUMP.id
    )
    peak.minute(58)
    assert peak.asked(PUMP) == []
    assert peak.asked(HALL, 10) == [16.0]


def test_the_switch_lets_go_of_what_is_shed(make_peak: MakePeak) -> None:
    peak = make_peak()
    for _ in range(2):
        peak.minute(70)
    consent.stop(peak.rig.registry, BUILDING, by="carla", why="smoke", now_ms=peak.now)
    for _ in range(2):
        peak.minute(70)
    assert peak.asked() == [0.0, None]


def test_late_data_shed_nothing_and_that_is_said(make_peak: MakePeak, caplog: pytest.LogCaptureFixture) -> None:
    peak = make_peak()
    peak.rig.clock.advance_to(START + 10 * MINUTE)
    peak.rig.measure(START)
    peak.rig.store.write([(METER.id, START, 200.0, 0), (OUTDOOR.id, START, 4.0, 0)])
    peak.rig.say_stored(START)
    peak.rig.run(until=lambda: peak.rig.control.decisions)
    peak.rig.settle()
    assert peak.asked() == []
    assert caplog.text.count("data come 600 s late; nothing is shed") == 1
