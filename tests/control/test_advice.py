"""What becomes of proposals, with a real registry and gateways that are played: nothing goes where nobody trusts it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from control import consent
from control.advice import obey_stop, settle
from control.arbiter import BY
from control.ledger import Ledger
from control.proposal import Proposal
from core.commands import Command, Outcome, Result
from core.config.control import Control as Settings
from core.config.models import Building
from core.errors import ConflictError, NotFoundError, NotPermittedError
from core.points import Limits, Point
from core.priority import Entry, PriorityArray, Slot
from stores.registry import Advice, AdviceState, CommandState, Registry, TrustMode

ADVISE, SUPERVISE, DRIVE = TrustMode.ADVISE, TrustMode.SUPERVISE, TrustMode.DRIVE
MINUTE = 60_000
START = 1_768_381_200_000
INTERVAL = 15 * MINUTE


class House:
    """A building of its own in the registry, its gateway, and control's decisions."""

    def __init__(self, registry: Registry, name: str, ceiling: str = "drive", points: int = 2) -> None:
        self.id = f"torino/{name}"
        self.registry = registry
        self.now = START
        self.points = [
            Point(f"{self.id}/z{i}/heating-setpoint", "Setpoint", "Cel", limits=Limits(5.0, 26.0, 18.0))
            for i in range(points)
        ]
        self.settings = Settings(mode=ceiling, setpoints=[p.id for p in self.points])  # type: ignore[arg-type]
        registry.put_building(Building(id=self.id, control=self.settings))
        registry.declare_points(f"torino/{name}", self.points, self.now)
        self.arrays = {p.id: PriorityArray() for p in self.points}
        self.asked_ms: dict[tuple[str, int], int] = {}
        self.delivered: set[str] = set()
        self.restart()

    def restart(self) -> None:
        """Control begins anew: what it knows is in the registry."""
        self.ledger = Ledger(self.registry, self.id)

    def decide(self, *values: float | None, why: str = "Because.", effect: str = "-2 kWh") -> list[str]:
        proposals = [
            Proposal(point, value, "setback", why, "towt v3", effect)
            for point, value in zip(self.points, values, strict=False)
        ]
        return settle(
            self.registry, self.ledger, self.settings, proposals,
            building=self.id, device_values={}, now_ms=self.now,
        )  # fmt: skip

    def turn(self) -> None:
        """What the loop does with a stop at each turn."""
        obey_stop(self.registry, self.ledger, self.settings, self.id, self.now)
        self.deliver()

    def deliver(self, outcome: Outcome = Outcome.APPLIED) -> None:
        """The gateway gets what waits and answers; letting go is never refused."""
        for record in reversed(self.registry.commands(building=self.id, limit=1000)):
            command = record.command
            if record.state is not CommandState.QUEUED or command.id in self.delivered:
                continue
            self.delivered.add(command.id)
            self.registry.mark_sent(command.id, self.now)
            key = (command.point, command.slot)
            answer = Outcome.APPLIED if command.value is None or command.slot == Slot.PERSON else outcome
            if command.expires_ms <= self.now:
                answer = Outcome.EXPIRED
            elif command.issued_ms < self.asked_ms.get(key, 0):
                answer = Outcome.SUPERSEDED
            array = self.arrays[command.point]
            if answer in (Outcome.APPLIED, Outcome.FAILED):
                self.asked_ms[key] = command.issued_ms
            if answer is Outcome.APPLIED and command.value is not None:
                entry = Entry(command.value, command.by, command.why, command.expires_ms, command.id)
                array = array.put(command.slot, entry)
            elif answer in (Outcome.APPLIED, Outcome.FAILED):
                array = array.relinquish(command.slot)
            self.arrays[command.point] = array
            self.registry.record_result(Result(command.id, command.point, answer, self.now))

    def override(self, value: float | None, point: int = 0, minutes: int = 240) -> None:
        command = Command(
            f"p{next(_ids)}", self.points[point].id, Slot.PERSON, value, "anna", "A meeting.",
            self.now, self.now + minutes * MINUTE,
        )  # fmt: skip
        self.registry.queue_command(command)
        self.deliver()

    def ours(self) -> dict[str, float]:
        """What stands in force of control's, by point."""
        found = {}
        for point, array in self.arrays.items():
            for slot, entry in array.expire(self.now)[0].slots.items():
                if slot in (Slot.DEMAND_LIMIT, Slot.SUPERVISORY):
                    found[point] = entry.value
        return found

    def advice(self, point: int = 0) -> Advice:
        return self.registry.open_advice(self.id)[self.points[point].id]

    def trust(self, mode: TrustMode, point: int | None = None) -> None:
        consent.set_trust(
            self.registry, self.id, mode, by="anna", why="it made sense", now_ms=self.now,
            point_id="" if point is None else self.points[point].id,
        )  # fmt: skip
        self.deliver()

    def sent(self) -> list[Command]:
        """Control's commands, oldest first."""
        records = self.registry.commands(building=self.id, limit=1000)
        return [r.command for r in reversed(records) if r.command.by == BY]


_ids = count()


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with tempfile.TemporaryDirectory() as folder, Registry.open(f"sqlite:///{folder}/registry.db") as opened:
        yield opened


@pytest.fixture
def house(registry: Registry) -> House:
    return House(registry, f"b{next(_ids)}")


class TestAdvise:
    def test_nothing_is_sent_and_everything_is_shown(self, house: House) -> None:
        assert house.decide(20.5, None) == []
        assert house.sent() == []
        first, second = house.advice(0), house.advice(1)
        assert (first.value, first.strategy, first.model, first.why) == (20.5, "setback", "towt v3", "Because.")
        assert (first.effect, first.mode, first.state, first.since_ms) == ("-2 kWh", ADVISE, AdviceState.ADVISED, START)
        assert second.value is None

    def test_since_counts_from_the_change_and_words_are_the_newest(self, house: House) -> None:
        house.decide(20.5)
        house.now += INTERVAL
        house.decide(20.5, why="Still.")
        assert (house.advice().since_ms, house.advice().why) == (START, "Still.")
        house.now += INTERVAL
        house.decide(16.0)
        assert house.advice().since_ms == house.now
        assert [a.value for a in house.registry.advice_history(house.id)] == [16.0, 20.5]

    def test_what_is_not_proposed_any_more_is_not_shown(self, house: House) -> None:
        house.decide(20.5, 20.5)
        house.decide(20.5)
        assert house.registry.open_advice(house.id).keys() == {house.points[0].id}

    def test_the_configuration_alone_raises_nothing(self, house: House) -> None:
        assert house.settings.mode == "drive"
        assert house.decide(20.5) == []


class TestSupervise:
    def test_a_change_waits_and_goes_once_it_is_approved(self, house: House) -> None:
        house.trust(SUPERVISE)
        assert house.decide(20.5) == []
        offered = house.advice()
        assert offered.waits(house.now)
        assert offered.expires_ms == START + 3 * INTERVAL
        house.now += 5 * MINUTE
        approved = consent.approve(house.registry, offered.id, by="bruno", why="fits", now_ms=house.now)
        record = house.registry.command(approved.command_id)
        assert record is not None
        command = record.command
        assert (command.slot, command.value, command.by) == (Slot.SUPERVISORY, 20.5, BY)
        assert (command.issued_ms, command.expires_ms) == (house.now, house.now + 3 * INTERVAL)
        assert command.why == "Because. Approved by bruno: fits"
        assert (record.origin_model, record.expected_effect) == ("setback towt v3", "-2 kWh")
        house.deliver()
        assert house.ours() == {house.points[0].id: 20.5}

    def test_what_was_approved_is_renewed_without_asking(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        consent.approve(house.registry, house.advice().id, by="bruno", now_ms=house.now)
        house.deliver()
        sent = []
        for _ in range(8):
            house.now += INTERVAL
            sent += house.decide(20.5)
            house.deliver()
            assert house.ours() == {house.points[0].id: 20.5}
        assert sent
        assert (house.advice().state, house.advice().approved_by) == (AdviceState.APPROVED, "bruno")

    def test_what_nobody_approves_lapses_and_is_offered_anew(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        first = house.advice()
        for _ in range(2):
            house.now += INTERVAL
            house.decide(20.5)
            assert house.advice().id == first.id
        house.now += INTERVAL
        with pytest.raises(ConflictError, match="lapsed"):
            consent.approve(house.registry, first.id, by="bruno", now_ms=house.now)
        house.decide(20.5)
        second = house.advice()
        old = house.registry.find_advice(first.id)
        assert old is not None
        assert (old.state, old.ended_ms) == (AdviceState.LAPSED, house.now)
        assert (second.id != first.id, second.state, second.since_ms) == (True, AdviceState.WAITING, START)
        assert house.sent() == []

    def test_another_value_withdraws_the_offer(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        first = house.advice()
        house.decide(16.0)
        with pytest.raises(ConflictError, match="withdrawn"):
            consent.approve(house.registry, first.id, by="bruno", now_ms=house.now)
        assert house.sent() == []

    def test_letting_go_does_not_wait(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        consent.approve(house.registry, house.advice().id, by="bruno", now_ms=house.now)
        house.deliver()
        assert len(house.decide(None)) == 1
        house.deliver()
        assert house.ours() == {}

    def test_a_change_that_waits_lets_what_is_in_force_run_out(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        consent.approve(house.registry, house.advice().id, by="bruno", now_ms=house.now)
        house.deliver()
        for _ in range(3):
            house.now += INTERVAL
            assert house.decide(16.0) == []
        assert house.ours() == {}

    @pytest.mark.parametrize("again", [True, False])
    def test_an_approval_counts_once(self, house: House, *, again: bool) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        offered = house.advice()
        consent.approve(house.registry, offered.id, by="bruno", now_ms=house.now)
        house.deliver()
        if again:
            house.decide(20.5)
        with pytest.raises(ConflictError, match="approved"):
            consent.approve(house.registry, offered.id, by="carla", now_ms=house.now)
        assert len(house.sent()) == 1

    def test_nothing_is_approved_where_nothing_may_be_sent(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5, 20.5)
        offers = [house.advice(i).id for i in range(2)]
        house.trust(ADVISE, point=0)
        with pytest.raises(ConflictError, match="advise"):
            consent.approve(house.registry, offers[0], by="bruno", now_ms=house.now)
        house.override(22.0, point=1)
        with pytest.raises(ConflictError, match="overrides"):
            consent.approve(house.registry, offers[1], by="bruno", now_ms=house.now)
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        with pytest.raises(ConflictError, match="stopped by carla"):
            consent.approve(house.registry, offers[1], by="bruno", now_ms=house.now)
        assert house.sent() == []
        kept = house.registry.find_advice(offers[0])
        assert kept is not None
        assert kept.approved_by == ""

    def test_approval_of_another_building_is_not_found(self, house: House) -> None:
        house.trust(SUPERVISE)
        house.decide(20.5)
        with pytest.raises(NotFoundError):
            consent.approve(
                house.registry, house.advice().id, by="bruno", now_ms=house.now, building_id="torino/elsewhere"
            )


class TestDrive:
    def test_commands_say_what_they_rest_on_and_should_bring(self, house: House) -> None:
        house.trust(DRIVE)
        (sent,) = house.decide(20.5)
        record = house.registry.command(sent)
        assert record is not None
        assert (record.origin_model, record.expected_effect) == ("setback towt v3", "-2 kWh")
        assert (house.advice().state, house.advice().mode) == (AdviceState.SENT, DRIVE)

    def test_a_point_may_be_trusted_less_than_its_building(self, house: House) -> None:
        house.trust(DRIVE)
        house.trust(ADVISE, point=1)
        house.decide(20.5, 20.5)
        house.deliver()
        assert house.ours().keys() == {house.points[0].id}

    def test_the_configuration_is_the_ceiling(self, registry: Registry) -> None:
        house = House(registry, f"b{next(_ids)}", ceiling="supervise")
        with pytest.raises(ConflictError, match="supervise at most"):
            house.trust(DRIVE)
        house.trust(SUPERVISE)
        assert house.decide(20.5) == []

    def test_a_ceiling_that_comes_down_lets_go(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5, 20.5)
        house.deliver()
        house.settings = Settings(mode="advise", setpoints=house.settings.setpoints)
        house.decide(20.5, 20.5)
        house.deliver()
        assert house.ours() == {}

    def test_lowering_lets_go_at_once(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5, 20.5)
        house.deliver()
        house.trust(ADVISE, point=0)
        assert house.ours().keys() == {house.points[1].id}
        house.trust(SUPERVISE)
        assert house.ours().keys() == {house.points[1].id}
        house.trust(ADVISE)
        assert house.ours() == {}
        assert house.decide(20.5, 20.5) == []


class TestWhoMay:
    def test_raising_needs_the_right_and_lowering_does_not(self, house: House) -> None:
        def ask(mode: TrustMode, **more: str) -> None:
            consent.set_trust(
                house.registry, house.id, mode, by="olga", why="?", now_ms=house.now, may_raise=False, **more
            )

        for mode in (SUPERVISE, DRIVE):
            with pytest.raises(NotPermittedError):
                ask(mode)
        house.trust(DRIVE)
        with pytest.raises(NotPermittedError):
            ask(DRIVE)
        ask(SUPERVISE)
        ask(ADVISE, point_id=house.points[0].id)
        with pytest.raises(NotPermittedError):
            ask(SUPERVISE, point_id=house.points[0].id)
        assert [c.after for c in house.registry.trust_changes(house.id)] == [ADVISE, SUPERVISE, DRIVE]

    def test_what_does_not_exist_is_not_trusted(self, house: House) -> None:
        for building, point in (("torino/none", ""), (house.id, f"{house.id}/z9/heating-setpoint")):
            with pytest.raises(NotFoundError):
                consent.set_trust(house.registry, building, DRIVE, by="anna", why="?", now_ms=house.now, point_id=point)


class TestStop:
    def test_everything_of_ours_is_let_go_and_a_person_is_not(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5, 20.5)
        house.deliver()
        house.override(22.0, point=1)
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        house.deliver()
        assert house.ours() == {}
        assert house.arrays[house.points[1].id].winner(house.now) is not None
        released = house.sent()[-1]
        assert (released.value, released.why) == (None, "Control was stopped by carla: smoke")

    def test_nothing_more_is_sent_until_it_is_released_and_then_as_before(self, house: House) -> None:
        house.trust(DRIVE)
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        house.restart()
        for _ in range(4):
            house.now += INTERVAL
            assert house.decide(20.5) == []
            house.turn()
        assert house.advice().state is AdviceState.ADVISED
        consent.release(house.registry, house.id, by="anna", why="only toast", now_ms=house.now)
        assert len(house.decide(20.5)) == 1

    def test_a_demand_limit_is_let_go_too(self, house: House) -> None:
        limit = Command(
            f"d{next(_ids)}", house.points[0].id, Slot.DEMAND_LIMIT, 18.0, BY, "Peak.", house.now, house.now + INTERVAL
        )
        house.registry.queue_command(limit)
        house.deliver()
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        house.deliver()
        assert house.ours() == {}

    def test_what_waits_for_the_broker_never_goes(self, house: House) -> None:
        house.trust(DRIVE)
        (queued,) = house.decide(20.5)
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        record = house.registry.command(queued)
        assert record is not None
        assert record.state is CommandState.SUPERSEDED

    def test_what_is_due_to_be_tried_again_is_asked_to_let_go(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5)
        house.deliver(Outcome.FAILED)
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        assert house.sent()[-1].value is None

    def test_what_stands_below_something_refused_is_let_go(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5)
        house.deliver()
        house.now += INTERVAL
        house.decide(21.5)
        house.deliver(Outcome.REJECTED)
        assert house.ours() == {house.points[0].id: 20.5}
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        house.deliver()
        assert house.ours() == {}

    def test_what_slipped_out_is_let_go_at_the_next_turn(self, house: House) -> None:
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        late = Command(f"l{next(_ids)}", house.points[0].id, 12, 20.5, BY, "Late.", house.now, house.now + 3 * INTERVAL)
        house.registry.queue_command(late)
        house.deliver()
        house.turn()
        assert house.ours() == {}
        before = len(house.sent())
        house.turn()
        assert len(house.sent()) == before

    def test_a_clock_that_was_set_back_does_not_keep_it_in_force(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5)
        house.deliver()
        house.now -= 2 * MINUTE
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        house.deliver()
        assert house.ours() == {}

    def test_a_refused_release_is_not_repeated_at_every_turn(self, house: House) -> None:
        house.trust(DRIVE)
        house.decide(20.5)
        house.deliver()
        consent.stop(house.registry, house.id, by="carla", why="smoke", now_ms=house.now)
        refused = house.sent()[-1]
        house.delivered.add(refused.id)
        house.registry.record_result(Result(refused.id, refused.point, Outcome.REJECTED, house.now, "read-only"))
        for _ in range(5):
            house.now += 1_000
            house.turn()
        assert house.sent()[-1].id == refused.id
        house.now += MINUTE
        house.turn()
        assert house.ours() == {}


VALUES = st.sampled_from([20.5, 20.5, 16.0, None])
OUTCOMES = st.sampled_from([Outcome.APPLIED, Outcome.APPLIED, Outcome.APPLIED, Outcome.REJECTED, Outcome.FAILED])
POINTS = st.sampled_from([0, 1])
DECIDE = st.tuples(st.just("decide"), VALUES, VALUES)
ANSWER = st.tuples(st.just("answer"), OUTCOMES)
APPROVE = st.tuples(st.just("approve"), POINTS)
EVENTS = st.one_of(
    DECIDE, DECIDE, DECIDE, ANSWER, ANSWER, APPROVE, APPROVE,
    st.tuples(st.just("pass"), st.sampled_from([1, 15, 15, 46])),
    st.tuples(st.just("trust"), st.sampled_from([ADVISE, SUPERVISE, SUPERVISE, DRIVE, DRIVE])),
    st.tuples(st.just("trust"), st.sampled_from([ADVISE, SUPERVISE, DRIVE, DRIVE]), POINTS),
    st.tuples(st.just("override"), st.sampled_from([None, 23.0]), POINTS),
    st.tuples(st.just("stop")), st.tuples(st.just("release")), st.tuples(st.just("release")),
    st.tuples(st.just("restart")),
)  # fmt: skip


class TestTwoSlots:
    """Of a point that the demand limit may shed and supervisory control drives, one advice is shown."""

    SHED, GO = Slot.DEMAND_LIMIT, Slot.SUPERVISORY

    def decide(self, house: House, about: list[Slot], values: dict[Slot, float | None]) -> None:
        proposals = [
            Proposal(house.points[0], value, slot.name, "Because.", slot=slot) for slot, value in values.items()
        ]
        settle(
            house.registry, house.ledger, house.settings, proposals, building=house.id, device_values={},
            now_ms=house.now, is_about=lambda _, slot: slot in about, interval_s=60,
        )  # fmt: skip
        house.deliver()

    @pytest.mark.parametrize(
        ("rounds", "shown"),
        [
            ([{12: 20.5}, {10: 16.0}], (10, 16.0)),
            ([{12: 20.5}, {10: None}], (12, 20.5)),
            ([{10: 16.0}, {12: 20.5}], (10, 16.0)),
            ([{10: None}, {12: 20.5}], (12, 20.5)),
            ([{10: None}, {12: None}], (12, None)),
            ([{12: 20.5}, {10: 16.0}, {10: None}], (10, None)),
            ([{12: 20.5}, {10: 16.0}, {10: None}, {12: 20.5}], (12, 20.5)),
            ([{12: 20.5, 10: 16.0}], (10, 16.0)),
            ([{12: 20.5, 10: None}], (12, 20.5)),
            ([{12: None, 10: None}], (12, None)),
            ([{12: 20.5, 10: 16.0}, {12: 20.5, 10: None}], (12, 20.5)),
        ],
    )
    def test_the_strongest_that_asks_for_something_is_shown(
        self, house: House, rounds: list[dict[int, float | None]], shown: tuple[int, float | None]
    ) -> None:
        for values in rounds:
            slots = {Slot(slot): value for slot, value in values.items()}
            self.decide(house, list(slots), slots)
            house.now += MINUTE
        assert (house.advice().slot, house.advice().value) == shown

    def test_what_no_other_decision_is_about_any_more_is_withdrawn(self, house: House) -> None:
        self.decide(house, [self.SHED], {self.SHED: 16.0})
        self.decide(house, [self.GO, self.SHED], {self.GO: 20.5})
        assert (house.advice().slot, house.advice().value) == (12, 20.5)
        self.decide(house, [self.GO], {})
        assert house.registry.open_advice(house.id) == {}

    def test_both_are_sent_and_each_lets_go_of_its_own(self, house: House) -> None:
        house.trust(DRIVE)
        self.decide(house, [self.GO], {self.GO: 20.5})
        self.decide(house, [self.SHED], {self.SHED: 16.0})
        assert {s: e.value for s, e in house.arrays[house.points[0].id].slots.items()} == {10: 16.0, 12: 20.5}
        self.decide(house, [self.SHED], {self.SHED: None})
        assert {s: e.value for s, e in house.arrays[house.points[0].id].slots.items()} == {12: 20.5}

    def test_what_is_approved_goes_to_its_slot_and_ends_in_time(self, house: House) -> None:
        house.trust(SUPERVISE)
        shed = Proposal(
            house.points[0], 16.0, "demand-limit", "Because.", slot=self.SHED, until_ms=house.now + MINUTE
        )  # fmt: skip
        settle(
            house.registry, house.ledger, house.settings, [shed], building=house.id, device_values={},
            now_ms=house.now, is_about=lambda _, slot: slot == self.SHED, interval_s=60,
        )  # fmt: skip
        consent.approve(house.registry, house.advice().id, by="bruno", now_ms=house.now)
        (command,) = house.sent()
        assert (command.slot, command.value, command.expires_ms) == (10, 16.0, house.now + MINUTE)


class Story:
    """What people, control, gateways and time do to a house, checked at every step."""

    def __init__(self, registry: Registry, mode: TrustMode) -> None:
        self.house = House(registry, f"m{next(_ids)}")
        self.person: dict[str, Entry | None] = dict.fromkeys(self.house.arrays)
        self.mode, self.own, self.is_stopped = mode, dict[str, TrustMode](), False
        self.house.trust(mode)

    def tell(self, event: tuple[Any, ...]) -> None:
        getattr(self, event[0].replace("pass", "wait"))(*event[1:])
        for point, entry in self.person.items():
            assert self.house.arrays[point].slots.get(Slot.PERSON) == entry

    def decide(self, *values: float | None) -> None:
        for name in self.house.decide(*values):
            self._check(name)

    def answer(self, outcome: Outcome) -> None:
        self.house.deliver(outcome)

    def wait(self, minutes: int) -> None:
        self.house.now += minutes * MINUTE

    def restart(self) -> None:
        self.house.restart()

    def trust(self, mode: TrustMode, point: int | None = None) -> None:
        self.house.trust(mode, point)
        if point is None:
            self.mode = mode
        else:
            self.own[self.house.points[point].id] = mode

    def approve(self, point: int) -> None:
        advice = self.house.registry.open_advice(self.house.id).get(self.house.points[point].id)
        if advice is None:
            return
        try:
            consent.approve(self.house.registry, advice.id, by="bruno", now_ms=self.house.now)
        except ConflictError:
            return
        assert self._mode(advice.point).may_send
        assert self.house.arrays[advice.point].expire(self.house.now)[0].slots.keys().isdisjoint({Slot.PERSON})

    def override(self, value: float | None, point: int) -> None:
        self.house.override(value, point)
        point_id = self.house.points[point].id
        self.person[point_id] = self.house.arrays[point_id].slots.get(Slot.PERSON)

    def stop(self) -> None:
        """Nothing of ours is left after one turn, and nothing comes until it is released."""
        consent.stop(self.house.registry, self.house.id, by="carla", why="smoke", now_ms=self.house.now)
        self.house.turn()
        assert self.house.ours() == {}
        self.is_stopped = True

    def release(self) -> None:
        if self.is_stopped:
            self.is_stopped = False
            consent.release(self.house.registry, self.house.id, by="anna", why="toast", now_ms=self.house.now)

    def _mode(self, point: str) -> TrustMode:
        """As people have said, reckoned without the registry."""
        own = self.own.get(point, self.mode)
        return ADVISE if self.is_stopped else min(self.mode, own, key=[ADVISE, SUPERVISE, DRIVE].index)

    def _check(self, name: str) -> None:
        """In advise only letting go, in supervise only that and what stood there before."""
        history = self.house.registry.commands(building=self.house.id, limit=1000)
        sent = next(r for r in history if r.command.id == name)
        mode = self._mode(sent.command.point)
        if sent.command.value is None or mode is DRIVE:
            return
        assert mode is SUPERVISE
        standing = [
            r.command.value
            for r in history
            if (r.command.point, r.command.by) == (sent.command.point, BY)
            and r.sequence < sent.sequence
            and r.command.expires_ms > self.house.now
        ]
        assert sent.command.value in standing


@given(mode=st.sampled_from([SUPERVISE, DRIVE]), events=st.lists(EVENTS, min_size=20, max_size=40))
@settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
def test_whatever_happens_nothing_goes_where_nobody_trusts_it(
    registry: Registry, mode: TrustMode, events: list[tuple[Any, ...]]
) -> None:
    story = Story(registry, mode)
    for event in events:
        story.tell(event)
