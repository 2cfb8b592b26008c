"""The registry keeps its promises, on SQLite and on a real PostgreSQL where one is there."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.codec import GatewayState, Status
from core.commands import Command, Outcome, Result
from core.config.models import Building, Site
from core.errors import ConflictError, DomainError, NotFoundError
from core.points import Limits, Point
from stores.registry import CommandState, Registry, Role
from stores.registry import dead_letters as letters

TEMPERATURE = Point("s/b/hall/temperature", "Zone_Air_Temperature_Sensor", "Cel")
SETPOINT = Point(
    "s/b/hall/heating-setpoint",
    "Zone_Air_Heating_Temperature_Setpoint",
    "Cel",
    limits=Limits(minimum=5, maximum=26, safe_value=18),
)


def command(command_id: str = "c1", **changes: object) -> Command:
    values = {
        "id": command_id, "point": SETPOINT.id, "slot": 12, "value": 20.5, "by": "control", "why": "start of the day",
        "issued_ms": 1_000, "expires_ms": 601_000,
    }  # fmt: skip
    return Command(**values | changes)


def result(command_id: str = "c1", outcome: Outcome = Outcome.APPLIED, time_ms: int = 3_000, **more: object) -> Result:
    return Result(command_id, SETPOINT.id, outcome, time_ms, **more)


def history(registry: Registry, command_id: str = "c1") -> list[str]:
    return [e.state.value if e.counted else f"({e.state.value})" for e in registry.command_events(command_id)]


class TestSites:
    def test_site_and_building_come_back_as_they_were_put(self, registry: Registry) -> None:
        site = Site(id="torino", timezone="Europe/Rome", country="IT", subdivision="TO", latitude=45.07)
        building = Building(id="torino/calvino", name="Biblioteca", meters=["torino/calvino/gas"])
        registry.put_site(site)
        registry.put_building(building)
        assert registry.sites() == [site]
        assert registry.buildings() == [building]
        assert registry.building("torino/calvino") == building
        assert registry.building("torino/elsewhere") is None

    def test_putting_a_site_again_replaces_it(self, registry: Registry) -> None:
        registry.put_site(Site(id="torino", timezone="Europe/Rome"))
        registry.put_site(Site(id="torino", timezone="Europe/Rome", name="Torino"))
        assert [s.name for s in registry.sites()] == ["Torino"]


class TestPoints:
    def test_declared_points_come_back_with_their_owner(self, registry: Registry) -> None:
        assert registry.declare_points("s/g1", [TEMPERATURE, SETPOINT], 1_000) == []
        assert registry.points() == [SETPOINT, TEMPERATURE]
        assert registry.points("s/b") == [SETPOINT, TEMPERATURE]
        assert registry.points("s/other") == []
        assert registry.point(SETPOINT.id) == SETPOINT
        assert registry.point("s/b/nothing") is None
        assert registry.owner(SETPOINT.id) == "s/g1"
        assert registry.owners() == {TEMPERATURE.id: "s/g1", SETPOINT.id: "s/g1"}

    def test_first_gateway_keeps_a_point_that_a_second_declares(self, registry: Registry) -> None:
        registry.declare_points("s/g1", [SETPOINT], 1_000)
        stranger = Point(SETPOINT.id, "Setpoint", "K")
        assert registry.declare_points("s/g2", [stranger, TEMPERATURE], 2_000) == [SETPOINT.id]
        assert registry.owners() == {SETPOINT.id: "s/g1", TEMPERATURE.id: "s/g2"}
        assert registry.point(SETPOINT.id) == SETPOINT

    def test_owner_may_change_its_definition(self, registry: Registry) -> None:
        registry.declare_points("s/g1", [TEMPERATURE], 1_000)
        changed = Point(TEMPERATURE.id, TEMPERATURE.brick_class, "K", description="now in kelvin")
        registry.declare_points("s/g1", [changed], 2_000)
        assert registry.point(TEMPERATURE.id) == changed

    def test_revision_moves_only_when_something_changed(self, registry: Registry) -> None:
        seen = [registry.revision()]
        for gateway, points in [
            ("s/g1", [TEMPERATURE]),
            ("s/g1", [TEMPERATURE]),
            ("s/g2", [TEMPERATURE]),
            ("s/g2", [SETPOINT]),
        ]:
            registry.declare_points(gateway, points, 1_000)
            seen.append(registry.revision())
        assert [b > a for a, b in itertools.pairwise(seen)] == [True, False, False, True]

    def test_change_by_another_process_is_seen(self, registry: Registry, url: str) -> None:
        registry.declare_points("s/g1", [TEMPERATURE], 1_000)
        assert registry.points() == [TEMPERATURE]
        with Registry.open(url) as other:
            other.declare_points("s/g2", [SETPOINT], 2_000)
        assert registry.points() == [SETPOINT, TEMPERATURE]
        assert registry.owners()[SETPOINT.id] == "s/g2"

    def test_released_points_may_be_declared_by_another(self, registry: Registry) -> None:
        registry.declare_points("s/g1", [TEMPERATURE], 1_000)
        assert registry.release_points("s/g1") == 1
        assert registry.owner(TEMPERATURE.id) is None
        assert registry.declare_points("s/g2", [TEMPERATURE], 2_000) == []
        assert registry.owner(TEMPERATURE.id) == "s/g2"

    def test_of_gateways_that_declare_at_once_exactly_one_owns(self, registry: Registry) -> None:
        gateways = [f"s/g{i}" for i in range(6)]
        barrier = threading.Barrier(len(gateways))

        def declare(gateway: str) -> list[str]:
            barrier.wait()
            return registry.declare_points(gateway, [TEMPERATURE], 1_000)

        with ThreadPoolExecutor(len(gateways)) as pool:
            refused = list(pool.map(declare, gateways))
        winners = [g for g, ids in zip(gateways, refused, strict=True) if not ids]
        assert winners == [registry.owner(TEMPERATURE.id)]


class TestGateways:
    def test_state_is_kept_without_its_points(self, registry: Registry) -> None:
        state = GatewayState(Status.ONLINE, 500, "1.0", points=[SETPOINT], spooled_batches=3, alarms=["disk is full"])
        registry.put_gateway_state("s", "g1", state, 1_000)
        (record,) = registry.gateways()
        assert (record.key, record.seen_ms, record.state.points) == ("s/g1", 1_000, [])
        assert (record.state.spooled_batches, record.state.alarms) == (3, ["disk is full"])

    def test_last_will_keeps_what_was_last_reported(self, registry: Registry) -> None:
        registry.put_gateway_state("s", "g1", GatewayState(Status.ONLINE, 500, "1.0", dropped_batches=2), 1_000)
        registry.put_gateway_state("s", "g1", GatewayState(Status.OFFLINE), 9_000)
        registry.put_gateway_state("s", "g1", GatewayState(Status.OFFLINE), 10_000)
        (record,) = registry.gateways()
        assert (record.state.status, record.state.since_ms, record.seen_ms) == (Status.OFFLINE, 9_000, 1_000)
        assert (record.state.version, record.state.dropped_batches) == ("1.0", 2)

    def test_gateway_known_only_by_its_will_was_never_seen(self, registry: Registry) -> None:
        registry.put_gateway_state("s", "g1", GatewayState(Status.OFFLINE), 9_000)
        assert registry.gateways()[0].seen_ms is None


class TestCommands:
    def test_command_goes_from_queued_over_sent_to_its_end(self, registry: Registry) -> None:
        registry.queue_command(command(), "towt v3", "-2 kWh by noon")
        assert registry.queued_commands() == [command()]
        assert registry.mark_sent("c1", 2_000) is True
        assert registry.queued_commands() == []
        assert registry.record_result(result(read_back=20.5)) is True
        record = registry.command("c1")
        assert record is not None
        assert (record.command, record.state, record.read_back) == (command(), CommandState.APPLIED, 20.5)
        assert (record.sent_ms, record.ended_ms) == (2_000, 3_000)
        assert (record.origin_model, record.expected_effect) == ("towt v3", "-2 kWh by noon")
        assert history(registry) == ["queued", "sent", "applied"]

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_every_outcome_is_an_end(self, registry: Registry, outcome: Outcome) -> None:
        registry.queue_command(command())
        assert registry.record_result(result(outcome=outcome, reason="because")) is True
        record = registry.command("c1")
        assert record is not None
        assert (record.state.value, record.reason, record.state.is_open) == (outcome.value, "because", False)

    def test_first_end_counts_and_a_different_one_is_noted(self, registry: Registry) -> None:
        registry.queue_command(command())
        registry.record_result(result(outcome=Outcome.EXPIRED))
        for _ in range(3):
            assert registry.record_result(result(outcome=Outcome.EXPIRED)) is False
            assert registry.record_result(result(outcome=Outcome.APPLIED, time_ms=4_000)) is False
        assert history(registry) == ["queued", "expired", "(applied)"]

    def test_of_results_that_arrive_at_once_exactly_one_counts(self, registry: Registry) -> None:
        registry.queue_command(command())
        ends = [result(outcome=o, time_ms=i) for i, o in enumerate(list(Outcome) * 2)]
        with ThreadPoolExecutor(len(ends)) as pool:
            assert sum(pool.map(registry.record_result, ends)) == 1

    def test_result_of_an_unknown_command_is_a_dead_letter(self, registry: Registry) -> None:
        assert registry.record_result(result("nobody's\0")) is False
        (letter,) = registry.dead_letters()
        assert letter.code == "command.unknown"
        assert b"nobody's" in letter.payload

    @pytest.mark.parametrize("time_ms", [-1, 2**62, 2**80])
    def test_result_at_a_time_that_is_none_is_a_dead_letter(self, registry: Registry, time_ms: int) -> None:
        registry.queue_command(command())
        assert registry.record_result(result(time_ms=time_ms)) is False
        assert registry.dead_letters()[0].code == "command.result-unusable"
        assert history(registry) == ["queued"]

    def test_same_request_under_the_same_id_is_queued_once(self, registry: Registry) -> None:
        first = registry.queue_command(command())
        again = registry.queue_command(command(issued_ms=2_000, expires_ms=602_000))
        assert again == first
        assert history(registry) == ["queued"]

    def test_different_request_under_the_same_id_is_a_conflict(self, registry: Registry) -> None:
        registry.queue_command(command())
        with pytest.raises(ConflictError, match="c1"):
            registry.queue_command(command(value=26.0))

    def test_same_id_queued_at_once_is_one_command(self, registry: Registry) -> None:
        with ThreadPoolExecutor(6) as pool:
            records = list(pool.map(lambda _: registry.queue_command(command()), range(6)))
        assert len({r.sequence for r in records}) == 1

    def test_waiting_command_is_superseded_by_a_newer_one_for_its_slot(self, registry: Registry) -> None:
        registry.queue_command(command("old"))
        registry.queue_command(command("other-slot", slot=8))
        registry.queue_command(command("new", value=None))
        assert [c.id for c in registry.queued_commands()] == ["other-slot", "new"]
        assert registry.mark_sent("old", 2_000) is False
        assert history(registry, "old") == ["queued", "superseded"]

    def test_sent_command_is_not_superseded_before_the_gateway_says_so(self, registry: Registry) -> None:
        registry.queue_command(command("old"))
        registry.mark_sent("old", 1_500)
        registry.queue_command(command("new"))
        assert registry.record_result(result("old")) is True

    def test_a_result_that_is_faster_than_the_brokers_word_does_not_hide_that_it_was_sent(
        self, registry: Registry
    ) -> None:
        registry.queue_command(command())
        registry.record_result(result())
        assert registry.mark_sent("c1", 3_500) is False
        record = registry.command("c1")
        assert record is not None
        assert (record.state, record.sent_ms) == (CommandState.APPLIED, 3_500)
        assert history(registry) == ["queued", "applied"]

    def test_command_without_a_result_expires_after_its_grace(self, registry: Registry) -> None:
        registry.queue_command(command("waiting"))
        registry.queue_command(command("sent", slot=8))
        registry.queue_command(command("done", slot=10))
        registry.mark_sent("sent", 2_000)
        registry.record_result(result("done"))
        assert registry.expire_commands(601_000 + 59_999) == []
        assert [c.id for c in registry.expire_commands(601_000 + 60_000)] == ["waiting", "sent"]
        assert registry.expire_commands(10_000_000) == []
        assert history(registry, "sent") == ["queued", "sent", "expired"]

    def test_commands_are_filtered_and_paged_newest_first(self, registry: Registry) -> None:
        other = "s/other/hall/heating-setpoint"
        for i in range(5):
            registry.queue_command(command(f"c{i}", point=SETPOINT.id if i % 2 else other, slot=i + 3))
        registry.record_result(result("c1"))
        assert [r.command.id for r in registry.commands()] == ["c4", "c3", "c2", "c1", "c0"]
        assert [r.command.id for r in registry.commands(point=other)] == ["c4", "c2", "c0"]
        assert [r.command.id for r in registry.commands(building="s/b")] == ["c3", "c1"]
        assert [r.command.id for r in registry.commands(building="s/b", open_only=True)] == ["c3"]
        page = registry.commands(limit=2)
        assert [r.command.id for r in registry.commands(limit=2, after=page[-1].sequence)] == ["c2", "c1"]

    def test_commands_are_counted_by_state(self, registry: Registry) -> None:
        for i in range(3):
            registry.queue_command(command(f"c{i}", slot=i + 3))
        registry.record_result(result("c1"))
        assert registry.count_commands() == {CommandState.QUEUED: 2, CommandState.APPLIED: 1}

    def test_every_outcome_has_a_state(self) -> None:
        assert {o.value for o in Outcome} == {s.value for s in CommandState if not s.is_open}


class TestDeadLetters:
    def test_letters_come_newest_first_with_their_reason(self, registry: Registry) -> None:
        for i in range(3):
            registry.put_dead_letter("t/\0", bytes([i, 0, 255]), "payload.undecodable", f"no {i}", 1_000 + i)
        assert registry.count_dead_letters() == 3
        assert [x.reason for x in registry.dead_letters(2)] == ["no 2", "no 1"]
        assert registry.dead_letters()[-1].payload == b"\x00\x00\xff"
        assert [x.reason for x in registry.dead_letters(2, after=2)] == ["no 0"]

    def test_long_payload_is_cut_and_its_length_kept(self, registry: Registry) -> None:
        registry.put_dead_letter("t", b"x" * 200_000, "c", "r", 1)
        (letter,) = registry.dead_letters()
        assert (len(letter.payload), letter.size_bytes) == (letters.MAX_PAYLOAD_BYTES, 200_000)

    def test_oldest_letters_go_beyond_the_bound(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(letters, "KEPT", 2)
        for i in range(5):
            registry.put_dead_letter("t", b"", "c", str(i), i)
        assert [x.reason for x in registry.dead_letters()] == ["4", "3"]


class TestModels:
    def test_version_grows_per_meter_and_kind(self, registry: Registry) -> None:
        def put(meter: str, kind: str) -> int:
            return registry.put_model(meter, kind, period=(0, 10), figures={}, blob=b"", now_ms=20).version

        assert [put("s/b/gas", "towt"), put("s/b/gas", "towt"), put("s/b/gas", "mean"), put("s/b/el", "towt")] == [
            1, 2, 1, 1,
        ]  # fmt: skip

    def test_latest_model_comes_back_whole(self, registry: Registry) -> None:
        figures = {"cvrmse_percent": 21.5, "sufficient": True, "reasons": ["few days"]}
        for blob in (b"old", b"\x00new"):
            registry.put_model("s/b/gas", "towt", period=(5, 10), figures=figures, blob=blob, now_ms=20)
        latest = registry.latest_model("s/b/gas", "towt")
        assert latest is not None
        assert (latest.version, latest.blob, latest.figures) == (2, b"\x00new", figures)
        assert (latest.start_ms, latest.end_ms, latest.fitted_ms) == (5, 10, 20)
        assert registry.latest_model("s/b/gas") == latest
        assert registry.latest_model("s/b/gas", "mean") is None
        assert registry.model("s/b/gas", "towt", 1).blob == b"old"
        assert [m.version for m in registry.models("s/b/gas")] == [2, 1]
        assert registry.models("s/b/el") == []


class TestKeys:
    def test_key_is_found_by_its_secret_only(self, registry: Registry) -> None:
        secret = registry.create_key("anna", Role.OPERATOR, 1_000)
        found = registry.find_key(secret, 2_000)
        assert found is not None
        assert (found.name, found.role, found.used_ms) == ("anna", Role.OPERATOR, 2_000)
        assert registry.find_key(secret[:-1], 2_000) is None
        assert registry.find_key("", 2_000) is None

    def test_secret_is_stored_nowhere(self, tmp_path: Path) -> None:
        with Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry:
            secret = registry.create_key("anna", Role.VIEWER, 1_000)
        assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())

    def test_use_is_noted_at_most_once_a_minute(self, registry: Registry) -> None:
        secret = registry.create_key("anna", Role.VIEWER, 0)
        used = []
        for now_ms in (1_000, 60_999, 61_000):
            registry.find_key(secret, now_ms)
            used.append(registry.keys()[0].used_ms)
        assert used == [1_000, 1_000, 61_000]

    def test_revoked_key_opens_nothing_and_its_name_is_free(self, registry: Registry) -> None:
        secret = registry.create_key("anna", Role.VIEWER, 1_000)
        with pytest.raises(ConflictError, match="anna"):
            registry.create_key("anna", Role.OPERATOR, 1_000)
        registry.revoke_key("anna", 2_000)
        assert registry.find_key(secret, 3_000) is None
        registry.create_key("anna", Role.OPERATOR, 4_000)
        kept = registry.keys()
        assert [(k.name, k.revoked_ms) for k in kept] == [("anna", 2_000), ("anna", None)]

    def test_revoking_what_is_not_there_says_so(self, registry: Registry) -> None:
        with pytest.raises(NotFoundError, match="anna"):
            registry.revoke_key("anna", 1)

    @pytest.mark.parametrize("name", ["", "Anna", "a/b", "x" * 65])
    def test_name_must_be_fit_for_the_audit_trail(self, registry: Registry, name: str) -> None:
        with pytest.raises(DomainError):
            registry.create_key(name, Role.VIEWER, 1)


def test_what_is_written_together_is_kept_or_lost_together(registry: Registry) -> None:
    def end_in_the_middle() -> None:
        with registry.together():
            registry.queue_command(command("lost"))
            assert registry.command("lost") is not None
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        end_in_the_middle()
    assert registry.command("lost") is None

    with registry.together(), registry.together():
        registry.queue_command(command("kept"))
        with pytest.raises(ConflictError):
            registry.queue_command(command("kept", value=1.0))
    assert registry.command("kept") is not None
