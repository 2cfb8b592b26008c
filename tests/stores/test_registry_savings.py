"""Adjustments, contracts, ledgers and the roles of models, on SQLite and on a real PostgreSQL where one is there."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from core.errors import ConflictError, DomainError, NotFoundError
from stores.registry import Adjustment, Basis, Contract, LedgerLine, ModelRole, Price, Registry, Settlement, Term
from stores.registry.ledger import GENESIS, broken_links

GAS = "torino/calvino/gas"


def adjustment(name: str = "a1", **changes: Any) -> Adjustment:
    usual = {
        "id": name, "meter": GAS, "start_ms": 1_000, "end_ms": 2_000, "basis": Basis.PER_DAY, "amount": 12.5,
        "why": "The reading room was enlarged", "by": "anna", "entered_ms": 5_000,
    }  # fmt: skip
    return Adjustment(**usual | changes)


def contract(**changes: Any) -> Contract:
    term = Term(
        meter=GAS, baseline_kind="towt", baseline_version=1, guaranteed_percent=20.0,
        prices=[Price(date(2026, 1, 1), 0.09, "tariff 2026"), Price(date(2026, 7, 1), 0.1, "tariff July")],
    )  # fmt: skip
    usual = {
        "id": "calvino", "building": "torino/calvino", "client": "City", "contractor": "ESCO",
        "start": date(2026, 1, 1), "end": date(2028, 1, 1), "terms": [term],
    }  # fmt: skip
    return Contract(**usual | changes)


class TestAdjustments:
    def test_comes_back_as_it_was_entered(self, registry: Registry) -> None:
        values = [adjustment(), adjustment("a2", end_ms=None, basis=Basis.PERCENT, amount=-3.0, evidence="plan 7")]
        for value in values:
            assert registry.enter_adjustment(value) == value
        assert registry.adjustments() == values
        assert registry.adjustment("a2") == values[1]
        assert registry.adjustments(building="torino/calvino", meter=GAS) == values
        assert registry.adjustments(building="torino/other") == []
        assert registry.adjustment("a3") is None

    def test_superseding_keeps_the_old_one_with_who_when_and_why(self, registry: Registry) -> None:
        registry.enter_adjustment(adjustment())
        better = adjustment("a2", amount=10.0, by="bruno", entered_ms=9_000)
        old = registry.supersede_adjustment("a1", by="bruno", why="measured now", now_ms=9_000, replacement=better)
        assert (old.superseded_ms, old.superseded_by, old.superseded_why) == (9_000, "bruno", "measured now")
        assert [(a.id, a.replaces) for a in registry.adjustments()] == [("a1", None), ("a2", "a1")]
        assert [a.id for a in registry.adjustments(at_ms=8_999)] == ["a1"]
        assert [a.id for a in registry.adjustments(at_ms=9_000)] == ["a2"]
        assert [a.id for a in registry.adjustments(at_ms=4_999)] == []
        assert [a.is_in_force(9_000) for a in registry.adjustments()] == [False, True]

    def test_what_cannot_be_is_refused_and_changes_nothing(self, registry: Registry) -> None:
        registry.enter_adjustment(adjustment())
        with pytest.raises(ConflictError):
            registry.enter_adjustment(adjustment())
        with pytest.raises(NotFoundError):
            registry.supersede_adjustment("a9", by="anna", why="x", now_ms=9)
        with pytest.raises(ConflictError):  # the replacement's id is taken: then nothing was superseded either
            registry.supersede_adjustment("a1", by="anna", why="x", now_ms=9_000, replacement=adjustment())
        assert registry.adjustments(at_ms=9_000) == [adjustment()]
        registry.supersede_adjustment("a1", by="anna", why="x", now_ms=9_000)
        with pytest.raises(ConflictError, match="superseded before by anna"):
            registry.supersede_adjustment("a1", by="bruno", why="y", now_ms=9_500)
        with pytest.raises(DomainError):
            registry.supersede_adjustment("a1", by="anna", why=" ", now_ms=9_500)

    @pytest.mark.parametrize(
        "changes",
        [
            {"end_ms": 1_000}, {"amount": float("nan")}, {"why": " "}, {"by": ""}, {"meter": "Gas"},
            {"uncertainty_percent": -1.0}, {"basis": Basis.PERCENT, "amount": -101.0},
        ],
    )  # fmt: skip
    def test_one_without_sense_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(DomainError):
            adjustment(**changes)


class TestContracts:
    def test_versions_are_kept_and_the_newest_is_in_force(self, registry: Registry) -> None:
        first = registry.enter_contract(contract(), by="anna", why="signed", now_ms=1)
        assert registry.enter_contract(contract(), by="anna", why="again", now_ms=2) == first
        second = registry.enter_contract(contract(share_of_excess=0.5), by="anna", why="amended", now_ms=3)
        assert (first.version, second.version) == (1, 2)
        assert registry.contract("calvino") == second
        assert registry.contract("calvino", 1) == first
        assert registry.contracts() == [second]
        assert first.sha256 != second.sha256
        assert registry.contract("nothing") is None

    def test_what_frozen_months_rest_on_cannot_be_amended(self, registry: Registry) -> None:
        registry.enter_contract(contract(), by="anna", why="signed", now_ms=1)
        with pytest.raises(DomainError, match="start"):
            registry.enter_contract(contract(start=date(2027, 1, 1)), by="anna", why="later", now_ms=2)

    def test_the_newest_price_that_has_begun_counts(self) -> None:
        (term,) = contract().terms
        assert term.price(date(2025, 12, 31)) is None
        assert [p.per_kwh for d in (date(2026, 6, 30), date(2026, 7, 1)) if (p := term.price(d))] == [0.09, 0.1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"start": date(2026, 1, 2)}, {"end": date(2026, 1, 1)}, {"end": date(2026, 7, 1)}, {"terms": []},
            {"building": "torino/other"}, {"share_of_excess": 1.5}, {"penalty_for_shortfall": -1.0}, {"id": "A"},
        ],
    )  # fmt: skip
    def test_one_without_sense_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(DomainError):
            contract(**changes)
        assert contract(end=date(2026, 7, 1), settlement=Settlement.MONTH).end == date(2026, 7, 1)

    @pytest.mark.parametrize("guaranteed", [{}, {"guaranteed_kwh": 1.0, "guaranteed_percent": 2.0}])
    def test_a_term_guarantees_one_thing(self, guaranteed: dict[str, float]) -> None:
        with pytest.raises(DomainError):
            Term(meter=GAS, baseline_kind="towt", baseline_version=1, prices=[], **guaranteed)


class TestLedger:
    def test_lines_are_chained_in_their_order(self, registry: Registry) -> None:
        lines: list[LedgerLine] = []
        for body in ({"saving_kwh": 1.5, "b": None}, {"saving_kwh": -2.0}):
            lines.append(registry.append_line("calvino", body, lines[-1] if lines else None))
        assert registry.ledger_lines("calvino") == lines
        assert [line.position for line in lines] == [1, 2]
        assert [line.previous for line in lines] == [GENESIS, lines[0].hash]
        assert lines[0].body == {"saving_kwh": 1.5, "b": None}
        assert broken_links(lines) == {}
        assert registry.ledger_lines("other") == []

    def test_nothing_is_appended_to_a_state_that_is_past(self, registry: Registry) -> None:
        first = registry.append_line("calvino", {"n": 1}, None)
        registry.append_line("calvino", {"n": 2}, first)
        for after in (None, first):
            with pytest.raises(ConflictError):
                registry.append_line("calvino", {"n": 3}, after)
        assert len(registry.ledger_lines("calvino")) == 2

    @pytest.mark.parametrize(
        ("statement", "broken"),
        [
            ("UPDATE ledger_line SET body = '{\"n\":9}' WHERE position = 2", {2: "its text was changed"}),
            ("DELETE FROM ledger_line WHERE position = 2", {3: "lines before it are missing"}),
            ("UPDATE ledger_line SET previous = 'x' WHERE position = 1", {1: "its text was changed"}),
        ],
    )
    def test_tampering_shows(self, registry: Registry, statement: str, broken: dict[int, str]) -> None:
        line = None
        for n in range(3):
            line = registry.append_line("calvino", {"n": n}, line)
        with registry._write() as connection:
            connection.execute(text(statement.replace(":9", r"\:9")))
        found = broken_links(registry.ledger_lines("calvino"))
        assert found.keys() == broken.keys()
        assert all(found[position].startswith(start) for position, start in broken.items())

    def test_a_line_replaced_with_a_fresh_hash_breaks_the_next(self, registry: Registry) -> None:
        first = registry.append_line("calvino", {"n": 1}, None)
        second = registry.append_line("calvino", {"n": 2}, first)
        forged = registry.append_line("forged", {"n": 7}, None)
        assert broken_links([msgspec.structs.replace(forged, contract="calvino"), second]) == {
            2: "it does not follow the line before"
        }


class TestRoles:
    def put(self, registry: Registry, kind: str = "towt") -> int:
        return registry.put_model(GAS, kind, period=(0, 10), figures={}, blob=b"x", now_ms=20).version

    def champion(self, registry: Registry) -> int | None:
        found = registry.champion(GAS, "towt")
        return found and found.version

    def test_without_roles_the_newest_model_is_the_champion(self, registry: Registry) -> None:
        assert self.champion(registry) is None
        self.put(registry)
        self.put(registry)
        self.put(registry, "mean")
        assert self.champion(registry) == 2

    def test_a_challenger_changes_nothing_until_it_is_promoted(self, registry: Registry) -> None:
        self.put(registry)
        self.put(registry)
        registry.give_role(GAS, "towt", 2, ModelRole.CHALLENGER, by="fleet", reason="14.2 % against 13.1 %", now_ms=30)
        assert self.champion(registry) == 1
        registry.give_role(GAS, "towt", 2, ModelRole.CHAMPION, by="anna", reason="the hall is new", now_ms=40)
        assert self.champion(registry) == 2
        history = [(r.version, r.role, r.by, r.reason, r.time_ms) for r in registry.model_roles(GAS)]
        assert history == [
            (2, ModelRole.CHAMPION, "anna", "the hall is new", 40),
            (1, ModelRole.RETIRED, "anna", "in favour of v2", 40),
            (2, ModelRole.CHALLENGER, "fleet", "14.2 % against 13.1 %", 30),
        ]

    def test_a_retired_champion_may_come_back(self, registry: Registry) -> None:
        for version in (self.put(registry), self.put(registry), 1):
            registry.give_role(GAS, "towt", version, ModelRole.CHAMPION, by="anna", reason="r", now_ms=30)
        assert self.champion(registry) == 1

    def test_only_what_was_fitted_has_a_role(self, registry: Registry) -> None:
        with pytest.raises(NotFoundError):
            registry.give_role(GAS, "towt", 1, ModelRole.CHAMPION, by="anna", reason="r", now_ms=30)
