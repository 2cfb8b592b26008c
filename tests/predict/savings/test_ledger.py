"""The guarantee ledger: frozen month by month, corrected by lines, verified against the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from core.calendar import HOUR_MS
from core.errors import ConflictError, DomainError, NotFoundError
from predict.fit import BASELINE_KIND, fit_building
from predict.savings.ledger import DEFAULT_GRACE_MS, Ledger
from predict.savings.line import AnyLine, LineKind, MonthLine, SettlementLine
from predict.savings.settlement import settle
from stores.registry import Adjustment, Basis, Contract, ModelRole, Price, Settlement
from tests.predict.savings.town import BUILDING, END, HEAT, OUTDOOR, POWER, TIMES, USED, Town, contract, month

DAY_MS = 24 * HOUR_MS
GRACE = DEFAULT_GRACE_MS


def begin(town: Town, value: Contract | None = None) -> Ledger:
    value = value or contract()
    town.registry.enter_contract(value, by="anna", why="signed", now_ms=0)
    return Ledger(town.store, town.registry, value.id)


def freeze(ledger: Ledger, until: int, by: str = "anna") -> list[AnyLine]:
    before = len(ledger.lines())
    added = ledger.freeze(now_ms=until + GRACE, by=by)
    lines = ledger.lines()[before:]
    assert [line for line, _ in lines] == added
    return [said for _, said in lines]


def months(lines: Sequence[AnyLine]) -> list[MonthLine]:
    return [line for line in lines if isinstance(line, MonthLine)]


def accounts(lines: Sequence[AnyLine]) -> list[SettlementLine]:
    return [line for line in lines if isinstance(line, SettlementLine)]


def correct(town: Town, first: int, hours: int, factor: float) -> None:
    """Write other values of the heat meter."""
    here = (first <= TIMES) & (first + hours * HOUR_MS > TIMES)
    rows = zip(TIMES[here].tolist(), (USED[here] * factor).tolist(), strict=True)
    town.store.write([(HEAT.id, t, v, 0) for t, v in rows])


def loss(town: Town, first: int, hours: int) -> None:
    """Mark hours of the heat meter as bad, so that nobody knows them."""
    here = (first <= TIMES) & (first + hours * HOUR_MS > TIMES)
    town.store.write([(HEAT.id, t, 0.0, 255) for t in TIMES[here].tolist()])


def reasons(ledger: Ledger, now_ms: int = END + GRACE) -> dict[int, list[str]]:
    return {f.position: f.reasons for f in ledger.verify(now_ms=now_ms) if f.reasons}


def adjustment(name: str = "wing", amount: float = 10.0, entered_ms: int = 0) -> Adjustment:
    return Adjustment(
        id=name, meter=HEAT.id, start_ms=month(1), basis=Basis.PER_DAY, amount=amount, why="a new wing", by="anna",
        entered_ms=entered_ms,
    )  # fmt: skip


def test_a_month_is_frozen_once_its_late_data_had_time_to_come(town: Town) -> None:
    ledger = begin(town)
    assert ledger.freeze(now_ms=month(2) + GRACE - 1, by="anna") == []
    (line,) = months(freeze(ledger, month(2)))
    assert (line.kind, line.month, line.meter, line.by, line.price_per_kwh) == (
        LineKind.MONTH, "2026-01", HEAT.id, "anna", 0.1,
    )  # fmt: skip
    assert freeze(ledger, month(2)) == []


def test_a_line_says_everything_that_it_rests_on(town: Town) -> None:
    town.registry.enter_adjustment(adjustment())
    ledger = begin(town)
    (line,) = months(freeze(ledger, month(2)))
    found = line.measured
    assert (found.claims, found.reasons, found.coverage) == (True, [], 1.0)
    assert (found.baseline_kind, found.baseline_version) == (BASELINE_KIND, 1)
    assert {len(h) for h in (found.baseline_sha256, found.data_sha256, line.contract_sha256)} == {64}
    assert found.adjustments == {"wing": 310.0}
    assert None not in (found.baseline_kwh, found.adjustment_kwh, found.actual_kwh, found.saving_kwh)
    assert found.saving_kwh == pytest.approx(found.baseline_kwh + 310.0 - found.actual_kwh, abs=0.01)  # type: ignore[operator]
    assert found.uncertainty_kwh == pytest.approx(found.fraction * found.saving_kwh, rel=1e-3)  # type: ignore[operator]
    assert len(found.days) == 31
    assert sum(hours for hours, _ in found.days) == found.known_hours == 744
    assert sum(kwh for _, kwh in found.days) == pytest.approx(found.actual_kwh)


def test_the_year_is_settled_from_its_months(town: Town) -> None:
    ledger = begin(town)
    lines = freeze(ledger, END)
    assert len(months(lines)) == 12
    (account,) = accounts(lines)
    assert (account.period, account.claims, account.months) == ("2026-01/2027-01", True, list(range(1, 13)))
    found = [line.measured for line in months(lines)]
    saving = sum(m.saving_kwh or 0 for m in found)
    assert account.saving_kwh == pytest.approx(saving, abs=0.01)
    baseline = sum((m.baseline_kwh or 0) + (m.adjustment_kwh or 0) for m in found)
    assert account.account == settle(
        verified_kwh=saving, guaranteed_kwh=0.08 * baseline, price_per_kwh=0.1, share_of_excess=0.5,
        penalty_for_shortfall=1.0,
    )  # fmt: skip
    assert account.account is not None
    assert account.account.payment > 0
    assert (account.uncertainty_kwh or 0) < sum(m.uncertainty_kwh or 0 for m in found)


def test_settled_by_the_month_every_month_has_its_account(town: Town) -> None:
    (term,) = contract().terms
    monthly = contract(settlement=Settlement.MONTH, terms=[replace(term, guaranteed_percent=None, guaranteed_kwh=1e6)])
    lines = freeze(begin(town, monthly), month(3))
    assert [line.period for line in accounts(lines)] == ["2026-01", "2026-02"]
    assert all(line.account is not None and line.account.payment < 0 for line in accounts(lines))


def test_frozen_lines_hold_while_nothing_changes(town: Town) -> None:
    town.registry.enter_adjustment(adjustment())
    ledger = begin(town)
    freeze(ledger, END)
    findings = ledger.verify(now_ms=END + 400 * DAY_MS)
    assert len(findings) == 13
    assert [f for f in findings if not f.holds or f.reasons] == []
    assert freeze(ledger, END + 30 * DAY_MS) == []


def test_what_is_fitted_later_does_not_move_the_contract(town: Town) -> None:
    ledger = begin(town)
    (first,) = freeze(ledger, month(2))
    correct(town, month(1, 2025), 24 * 30, 2.0)
    fit_building(town.store, town.registry, BUILDING, now_ms=END)
    assert town.registry.champion(HEAT.id, BASELINE_KIND).version == 2  # type: ignore[union-attr]
    assert ledger.verify(now_ms=END)[0].holds
    (second,) = freeze(ledger, month(3))
    assert isinstance(first, MonthLine)
    assert isinstance(second, MonthLine)
    assert first.measured.baseline_sha256 == second.measured.baseline_sha256


def test_corrected_data_show_and_get_a_correction_line(town: Town) -> None:
    ledger = begin(town)
    freeze(ledger, month(3))
    stored = town.registry.ledger_lines("calvino")
    correct(town, month(1) + 4 * DAY_MS, 24, 3.0)
    assert reasons(ledger) == {1: ["corrected data: the meter has other values on day 5 of the month."]}
    (line,) = months(freeze(ledger, month(3)))
    assert (line.kind, line.corrects, line.month) == (LineKind.CORRECTION, 1, "2026-01")
    assert line.why == ["corrected data: the meter has other values on day 5 of the month."]
    assert town.registry.ledger_lines("calvino")[:2] == stored
    first, second, third = ledger.verify(now_ms=END)
    assert (first.holds, first.corrected_by, first.reasons != []) == (True, 3, True)
    assert (second.holds, third.holds, third.reasons) == (True, True, [])
    assert freeze(ledger, month(3)) == []


def test_late_data_show_as_late(town: Town) -> None:
    loss(town, month(1) + 10 * DAY_MS, 30)
    ledger = begin(town)
    (line,) = months(freeze(ledger, month(2)))
    assert line.measured.known_hours == 744 - 30
    correct(town, month(1) + 10 * DAY_MS, 30, 1.0)
    assert reasons(ledger) == {1: ["late data: 30 more hours of the meter are known, on day 11, 12 of the month."]}
    loss(town, month(1) + 20 * DAY_MS, 24)
    assert any(r.startswith("lost data: 24 fewer hours") for r in reasons(ledger)[1])


def test_corrected_weather_shows(town: Town) -> None:
    ledger = begin(town)
    freeze(ledger, month(2))
    town.store.write([(OUTDOOR.id, month(1) + 7 * HOUR_MS, 30.0, 0)])
    assert reasons(ledger) == {1: ["weather: the outdoor temperature was corrected or came late."]}


def test_changed_adjustments_show_and_are_corrected(town: Town) -> None:
    town.registry.enter_adjustment(adjustment())
    ledger = begin(town)
    freeze(ledger, month(2))
    replacement = adjustment("wing-2", 12.0, month(3))
    town.registry.supersede_adjustment("wing", by="bruno", why="measured", now_ms=month(3), replacement=replacement)
    assert reasons(ledger, month(3) - 1) == {}
    (why,) = reasons(ledger, month(3)).values()
    assert why == [
        "changed adjustment: wing-2 came into force.",
        "changed adjustment: wing was superseded.",
    ]
    corrections = [line for line in months(freeze(ledger, month(3))) if line.kind is LineKind.CORRECTION]
    assert [line.measured.adjustments for line in corrections] == [{"wing-2": 372.0}]


def test_a_correction_after_the_account_changes_the_payment_by_a_line(town: Town) -> None:
    ledger = begin(town)
    (first,) = accounts(freeze(ledger, END))
    correct(town, month(1), 24 * 20, 1.3)
    lines = freeze(ledger, END)
    (second,) = accounts(lines)
    assert [line.kind for line in lines] == [LineKind.CORRECTION, LineKind.SETTLEMENT]
    assert (second.corrects, second.months) == (13, [14, *range(2, 13)])
    assert first.account is not None
    assert second.account is not None
    assert second.change == pytest.approx(second.account.payment - first.account.payment)
    assert second.change < 0
    assert all(f.holds for f in ledger.verify(now_ms=END))


def test_a_month_without_coverage_makes_no_claim_and_the_year_waits_for_the_parties(town: Town) -> None:
    loss(town, month(2), 24 * 6)
    ledger = begin(town)
    lines = freeze(ledger, END)
    february = months(lines)[1].measured
    assert (february.claims, february.reasons) == (False, ["79% of its hours are known; 90% of them must be."])
    assert february.saving_kwh is not None
    (account,) = accounts(lines)
    assert (account.claims, account.account) == (False, None)
    assert account.reasons[0].startswith("2026-02 makes no claim: 79%")
    assert all(f.holds for f in ledger.verify(now_ms=END))


def test_a_disqualified_baseline_makes_no_claim(town: Town) -> None:
    building = town.registry.building(BUILDING)
    assert building is not None
    town.registry.put_building(replace(building, baseline_start=date(2025, 10, 1)))
    fit_building(town.store, town.registry, BUILDING, now_ms=END)
    (term,) = contract().terms
    (line,) = months(freeze(begin(town, contract(terms=[replace(term, baseline_version=2)])), month(2)))
    assert not line.measured.claims
    assert "92 days" in line.measured.reasons[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"baseline_version": 9}, "baseline of version 9"),
        ({"meter": f"{BUILDING}/water"}, "is not in the registry"),
    ],
)
def test_what_cannot_be_measured_is_a_line_with_its_reason(town: Town, changes: dict[str, object], reason: str) -> None:
    (term,) = contract().terms
    ledger = begin(town, contract(terms=[replace(term, **changes)]))
    (line,) = months(freeze(ledger, month(2)))
    assert not line.measured.claims
    assert reason in line.measured.reasons[0]
    assert line.measured.saving_kwh is None
    assert ledger.verify(now_ms=END)[0].holds
    assert freeze(ledger, month(2)) == []


def test_a_month_within_the_baseline_period_makes_no_claim(town: Town) -> None:
    early = contract(start=date(2025, 12, 1), end=date(2026, 12, 1))
    (line,) = months(freeze(begin(town, early), month(1)))
    assert line.measured.reasons == ["The month lies within the baseline period."]


def test_without_a_price_nothing_is_settled(town: Town) -> None:
    (term,) = contract().terms
    late = replace(term, prices=[Price(date(2026, 3, 1), 0.1, "tariff")])
    (account,) = accounts(freeze(begin(town, contract(terms=[late])), END))
    assert account.reasons == ["2026-01 has no price.", "2026-02 has no price."]


def test_an_amended_contract_counts_from_the_next_line(town: Town) -> None:
    ledger = begin(town)
    freeze(ledger, month(2))
    town.registry.enter_contract(contract(share_of_excess=0.1), by="anna", why="amended", now_ms=month(2))
    ledger = Ledger(town.store, town.registry, "calvino")
    assert [line.contract_version for line in freeze(ledger, month(3))] == [2]
    assert all(f.holds for f in ledger.verify(now_ms=END))


@pytest.mark.parametrize(
    ("statement", "position", "reason"),
    [
        ("UPDATE ledger_line SET body = replace(body, '2026-02', '2026-03')", 2, "tampering"),
        ("DELETE FROM ledger_line WHERE position = 1", 2, "tampering"),
        ("UPDATE contract SET definition = replace(definition, 'ESCO', 'Else')", 1, "contract"),
        ("UPDATE model SET blob = X'00' WHERE version = 1", 1, "model"),
    ],
)  # fmt: skip
def test_tampering_shows_and_nothing_is_added_to_a_broken_chain(
    town: Town, statement: str, position: int, reason: str
) -> None:
    ledger = begin(town)
    freeze(ledger, month(4))
    with town.registry._write() as connection:
        connection.execute(text(statement))
    found = {f.position: f for f in ledger.verify(now_ms=END)}
    assert not found[position].holds
    assert any(r.startswith(reason) for r in found[position].reasons)
    if reason == "tampering":
        with pytest.raises(DomainError, match="tampered"):
            ledger.freeze(now_ms=END, by="anna")


def test_figures_forged_with_a_fresh_chain_do_not_follow_from_the_data(town: Town) -> None:
    ledger = begin(town)
    (line,) = months(freeze(ledger, month(2)))
    with town.registry._write() as connection:
        connection.execute(text("DELETE FROM ledger_line"))
    forged = replace(line, measured=replace(line.measured, saving_kwh=99_999.0))
    from predict.savings.line import as_body

    town.registry.append_line("calvino", as_body(forged), None)
    (finding,) = ledger.verify(now_ms=END)
    assert (finding.holds, finding.reasons) == (False, ["figures: they do not follow from what they rest on."])


def test_several_meters_have_lines_and_accounts_of_their_own(town: Town) -> None:
    (term,) = contract().terms
    ledger = begin(town, contract(terms=[term, replace(term, meter=POWER.id)]))
    lines = freeze(ledger, END)
    assert len(months(lines)) == 24
    assert [line.meter for line in accounts(lines)] == [HEAT.id, POWER.id]


def test_two_who_freeze_at_once_do_not_both_append(town: Town) -> None:
    ledger = begin(town)
    seen = ledger.lines
    freeze(ledger, month(2))
    ledger.lines = lambda: seen()[:0]  # type: ignore[method-assign]  # what the slower one had read
    with pytest.raises(ConflictError):
        ledger.freeze(now_ms=month(2) + GRACE, by="bruno")


def test_a_champion_that_changes_does_not_touch_the_ledger(town: Town) -> None:
    ledger = begin(town)
    freeze(ledger, month(2))
    fit_building(town.store, town.registry, BUILDING, now_ms=END)
    town.registry.give_role(HEAT.id, BASELINE_KIND, 2, ModelRole.CHAMPION, by="anna", reason="r", now_ms=END)
    assert reasons(ledger) == {}


def test_an_unknown_contract_is_named(town: Town) -> None:
    with pytest.raises(NotFoundError, match="nothing"):
        Ledger(town.store, town.registry, "nothing")


def test_the_saving_of_the_year_is_near_the_truth(town: Town) -> None:
    (account,) = accounts(freeze(begin(town), END))
    here = month(1) <= TIMES
    truth = float((USED[here] / 0.9).sum() * 0.1)
    assert account.saving_kwh == pytest.approx(truth, abs=account.uncertainty_kwh)
    assert np.isfinite(account.uncertainty_kwh or np.nan)
