"""Trust, the switch and advice, on SQLite and on a real PostgreSQL where one is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.errors import ConflictError, DomainError, NotFoundError
from core.points import Limits, Point
from stores.registry import Advice, AdviceState, Registry, TrustMode

BUILDING = "torino/calvino"
HALL, ATTIC, CELLAR = (f"{BUILDING}/{zone}/heating-setpoint" for zone in ("hall", "attic", "cellar"))
ADVISE, SUPERVISE, DRIVE = TrustMode.ADVISE, TrustMode.SUPERVISE, TrustMode.DRIVE


def driven(point_id: str) -> Point:
    return Point(point_id, "Zone_Air_Heating_Temperature_Setpoint", "Cel", limits=Limits(5, 26, 18))


def trust(registry: Registry, mode: TrustMode, point_id: str = "", at_ms: int = 1_000) -> None:
    registry.set_trust(BUILDING, mode, by="anna", why="it made sense", now_ms=at_ms, point_id=point_id)


class TestTrust:
    def test_building_and_points_start_in_advise(self, registry: Registry) -> None:
        registry.declare_points("torino/g1", [driven(HALL)], 1)
        found = registry.trust(BUILDING)
        assert (found.mode, found.mode_of(HALL), found.stop) == (ADVISE, ADVISE, None)

    def test_raising_a_building_takes_in_the_points_that_are_there(self, registry: Registry) -> None:
        sensor = Point(f"{BUILDING}/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
        registry.declare_points("torino/g1", [driven(HALL), sensor], 1)
        registry.set_trust(BUILDING, DRIVE, by="anna", why="go", now_ms=2, also_covers=[CELLAR])
        registry.declare_points("torino/g1", [driven(HALL), driven(ATTIC), sensor], 3)
        found = registry.trust(BUILDING)
        assert found.covers == {HALL, CELLAR}
        assert [found.mode_of(point) for point in (HALL, CELLAR, ATTIC)] == [DRIVE, DRIVE, ADVISE]

    def test_lowering_takes_nothing_in_and_raising_again_does(self, registry: Registry) -> None:
        registry.declare_points("torino/g1", [driven(HALL)], 1)
        trust(registry, DRIVE)
        registry.declare_points("torino/g1", [driven(HALL), driven(ATTIC)], 2)
        trust(registry, SUPERVISE)
        found = registry.trust(BUILDING)
        assert (found.mode_of(HALL), found.mode_of(ATTIC)) == (SUPERVISE, ADVISE)
        trust(registry, SUPERVISE)
        assert registry.trust(BUILDING).mode_of(ATTIC) is SUPERVISE

    def test_points_own_mode_stays_whatever_happens_to_its_building(self, registry: Registry) -> None:
        registry.declare_points("torino/g1", [driven(HALL), driven(ATTIC)], 1)
        trust(registry, ADVISE, ATTIC)
        trust(registry, DRIVE)
        found = registry.trust(BUILDING)
        assert (found.mode_of(HALL), found.mode_of(ATTIC), found.points) == (DRIVE, ADVISE, {ATTIC: ADVISE})

    def test_history_tells_who_when_from_to_and_why(self, registry: Registry) -> None:
        trust(registry, SUPERVISE, at_ms=1_000)
        trust(registry, DRIVE, HALL, at_ms=2_000)
        trust(registry, ADVISE, at_ms=3_000)
        lines = [(c.point, c.before, c.after, c.time_ms, c.by, c.why) for c in registry.trust_changes(BUILDING)]
        assert lines == [
            ("", SUPERVISE, ADVISE, 3_000, "anna", "it made sense"),
            (HALL, ADVISE, DRIVE, 2_000, "anna", "it made sense"),
            ("", ADVISE, SUPERVISE, 1_000, "anna", "it made sense"),
        ]
        assert registry.trust_changes("torino/other") == []

    @pytest.mark.parametrize(("mode", "by", "why"), [("off", "a", "b"), ("drive", " ", "b"), ("drive", "a", "")])
    def test_it_needs_a_mode_and_words(self, registry: Registry, mode: str, by: str, why: str) -> None:
        with pytest.raises(DomainError):
            registry.set_trust(BUILDING, TrustMode(mode), by=by, why=why, now_ms=1)
        assert registry.trust_changes(BUILDING) == []

    def test_it_is_there_after_opening_again(self, registry: Registry, url: str) -> None:
        trust(registry, DRIVE)
        registry.stop_control(BUILDING, by="bruno", why="smoke", now_ms=2_000)
        with Registry.open(url) as other:
            found = other.trust(BUILDING)
        assert found.mode is DRIVE
        assert found.stop is not None
        assert (found.stop.by, found.stop.why, found.stop.time_ms) == ("bruno", "smoke", 2_000)


class TestSwitch:
    def test_stop_holds_until_it_is_released(self, registry: Registry) -> None:
        registry.stop_control(BUILDING, by="bruno", why="smoke", now_ms=1_000)
        registry.stop_control("torino/other", by="bruno", why="smoke", now_ms=1_500)
        assert registry.stopped_buildings().keys() == {BUILDING, "torino/other"}
        registry.release_control(BUILDING, by="anna", why="only toast", now_ms=2_000)
        assert registry.stopped_buildings().keys() == {"torino/other"}
        assert registry.trust(BUILDING).stop is None
        assert [(c.is_stopped, c.by, c.why) for c in registry.stop_changes(BUILDING)] == [
            (False, "anna", "only toast"),
            (True, "bruno", "smoke"),
        ]

    def test_what_is_not_stopped_cannot_be_released(self, registry: Registry) -> None:
        with pytest.raises(ConflictError):
            registry.release_control(BUILDING, by="anna", why="?", now_ms=1)
        with pytest.raises(DomainError):
            registry.stop_control(BUILDING, by="anna", why=" ", now_ms=1)


def advice(name: str = "a1", **changes: Any) -> Advice:
    usual = {
        "id": name, "building": BUILDING, "point": HALL, "slot": 12, "value": 20.5, "strategy": "setback",
        "why": "Occupied until 19:00.", "effect": "-2 kWh", "model": "towt v3", "mode": SUPERVISE,
        "state": AdviceState.WAITING, "since_ms": 1_000, "expires_ms": 9_000, "lasts_ms": 8_000,
    }  # fmt: skip
    return Advice(**usual | changes)


def approve(registry: Registry, name: str = "a1", now_ms: int = 5_000, by: str = "anna") -> Advice:
    return registry.approve_advice(name, by=by, why="fits", command_id="c1", now_ms=now_ms)


class TestAdvice:
    def test_comes_back_as_it_was_put(self, registry: Registry) -> None:
        values = [advice(), advice("a2", point=ATTIC, value=None, state=AdviceState.ADVISED, expires_ms=None)]
        registry.put_advice(begun=values, now_ms=1_000)
        found = registry.open_advice(BUILDING)
        assert found.keys() == {HALL, ATTIC}
        for value, sequence in zip(values, (1, 2), strict=True):
            expected = {name: getattr(value, name) for name in value.__struct_fields__ if name != "sequence"}
            kept = found[value.point]
            assert {name: getattr(kept, name) for name in expected} == expected
            assert kept.sequence == sequence
        assert registry.open_advice("torino/other") == {}
        assert registry.find_advice("a2") == found[ATTIC]
        assert registry.find_advice("a3") is None

    def test_other_words_change_nothing_else(self, registry: Registry) -> None:
        registry.put_advice(begun=[advice()], now_ms=1_000)
        registry.put_advice(said=[advice(why="Until 20:00.", effect="-3 kWh", value=1.0, since_ms=5)], now_ms=2_000)
        kept = registry.open_advice(BUILDING)[HALL]
        assert (kept.why, kept.effect, kept.value, kept.since_ms) == ("Until 20:00.", "-3 kWh", 20.5, 1_000)

    def test_one_takes_the_place_of_the_other_and_both_stay(self, registry: Registry) -> None:
        registry.put_advice(begun=[advice()], now_ms=1_000)
        registry.put_advice(begun=[advice("a2", value=16.0)], ended={"a1": AdviceState.WITHDRAWN}, now_ms=2_000)
        assert registry.open_advice(BUILDING)[HALL].id == "a2"
        history = registry.advice_history(BUILDING)
        assert [(a.id, a.state, a.ended_ms) for a in history] == [
            ("a2", AdviceState.WAITING, None),
            ("a1", AdviceState.WITHDRAWN, 2_000),
        ]
        assert registry.advice_history(BUILDING, after=history[0].sequence) == history[1:]
        assert registry.advice_history(BUILDING, ATTIC) == []

    def test_a_point_has_one_that_is_open(self, registry: Registry) -> None:
        registry.put_advice(begun=[advice()], now_ms=1_000)
        with pytest.raises(ConflictError, match="another process"):
            registry.put_advice(begun=[advice("a2")], now_ms=2_000)
        assert registry.open_advice(BUILDING)[HALL].id == "a1"

    def test_approval_keeps_who_when_and_why(self, registry: Registry) -> None:
        registry.put_advice(begun=[advice()], now_ms=1_000)
        approved = approve(registry)
        assert approved == registry.open_advice(BUILDING)[HALL]
        assert (approved.state, approved.approved_by, approved.approved_ms) == (AdviceState.APPROVED, "anna", 5_000)
        assert (approved.approved_why, approved.command_id) == ("fits", "c1")
        registry.put_advice(ended={"a1": AdviceState.WITHDRAWN}, now_ms=6_000)
        ended = registry.find_advice("a1")
        assert ended is not None
        assert (ended.state, ended.ended_ms) == (AdviceState.APPROVED, 6_000)

    @pytest.mark.parametrize(
        ("value", "ended", "word"),
        [
            (advice(expires_ms=5_000), {}, "lapsed"),
            (advice(), {"a1": AdviceState.WITHDRAWN}, "withdrawn"),
            (advice(state=AdviceState.ADVISED, expires_ms=None), {}, "advised"),
            (advice(state=AdviceState.SENT, expires_ms=None), {}, "sent"),
        ],
    )
    def test_only_what_waits_is_approved(
        self, registry: Registry, value: Advice, ended: dict[str, AdviceState], word: str
    ) -> None:
        registry.put_advice(begun=[value], now_ms=1_000)
        registry.put_advice(ended=ended, now_ms=2_000)
        with pytest.raises(ConflictError, match=word):
            approve(registry)
        kept = registry.find_advice("a1")
        assert kept is not None
        assert kept.approved_ms is None

    def test_what_does_not_exist_is_not_approved(self, registry: Registry) -> None:
        with pytest.raises(NotFoundError):
            approve(registry)

    def test_of_approvals_at_once_exactly_one_counts(self, registry: Registry) -> None:
        registry.put_advice(begun=[advice()], now_ms=1_000)

        def one(who: str) -> str | None:
            try:
                return approve(registry, by=who).approved_by
            except ConflictError:
                return None

        with ThreadPoolExecutor(6) as pool:
            winners = [who for who in pool.map(one, [f"p{i}" for i in range(6)]) if who]
        assert winners == [registry.open_advice(BUILDING)[HALL].approved_by]
