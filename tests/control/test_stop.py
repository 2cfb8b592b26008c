"""One switch stops control of a building; both slots of a point; and whatever happens, trust holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from control import consent
from control.advice import settle
from control.arbiter import BY
from control.proposal import Proposal
from core.commands import Command, Outcome, Result
from core.errors import ConflictError
from core.priority import Entry, Slot
from stores.registry import AdviceState, CommandState, Registry, TrustMode
from tests.control.house import ADVISE, DRIVE, INTERVAL, MINUTE, SUPERVISE, House, ids


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
            f"d{next(ids)}", house.points[0].id, Slot.DEMAND_LIMIT, 18.0, BY, "Peak.", house.now, house.now + INTERVAL
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
        late = Command(f"l{next(ids)}", house.points[0].id, 12, 20.5, BY, "Late.", house.now, house.now + 3 * INTERVAL)
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

    def __init__(self, town: Registry, mode: TrustMode) -> None:
        self.house = House(town, f"m{next(ids)}")
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
    town: Registry, mode: TrustMode, events: list[tuple[Any, ...]]
) -> None:
    story = Story(town, mode)
    for event in events:
        story.tell(event)
