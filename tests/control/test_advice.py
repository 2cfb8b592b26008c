"""What becomes of proposals, with a real registry and gateways that are played: nothing goes where nobody trusts it."""

from __future__ import annotations

import pytest

from control import consent
from control.arbiter import BY
from core.config.control import Control as Settings
from core.errors import ConflictError, NotFoundError, NotPermittedError
from core.priority import Slot
from stores.registry import AdviceState, Registry, TrustMode
from tests.control.house import ADVISE, DRIVE, INTERVAL, MINUTE, START, SUPERVISE, House, ids


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

    def test_the_configuration_is_the_ceiling(self, town: Registry) -> None:
        house = House(town, f"b{next(ids)}", ceiling="supervise")
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
