"""The guarantee ledger: freezes a contract's months and accounts, and finds out whether frozen lines still hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from core.calendar import Calendar
from core.errors import DomainError, NotFoundError
from predict.fit import baseline_of_version, find_building
from predict.residuals import sum_uncertainty_kwh
from predict.savings.avoided import relevant
from predict.savings.line import AnyLine, LineKind, MonthLine, SettlementLine, as_body, read_line
from predict.savings.month import Month, differences, measure_month, months_of
from predict.savings.settlement import guaranteed, mean_price, settle
from stores.port import ReadingStore
from stores.registry import Contract, ContractRecord, LedgerLine, Registry, Settlement, Term
from stores.registry.ledger import broken_links

DEFAULT_GRACE_MS: Final = 7 * 86_400_000
"""Data come late: a month is frozen so long after its end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What verifying one line gave.

    Attributes
    ----------
    position, label
        The line, and what it is about.
    holds
        Whether it is what the store and the registry say today, or a later line has put it right.
    reasons
        What differs, in sentences.
    corrected_by
        Position of a later line on the same month or account.
    """

    position: int
    label: str
    holds: bool
    reasons: list[str]
    corrected_by: int | None


class Ledger:
    """The ledger of one contract.

    Parameters
    ----------
    contract_id
        Of the contract.

    Raises
    ------
    NotFoundError
        There is no such contract, or its building is not in the registry.
    """

    def __init__(self, store: ReadingStore, registry: Registry, contract_id: str) -> None:
        record = registry.contract(contract_id)
        if record is None:
            raise NotFoundError(f"there is no contract {contract_id[:64]!r}")
        self.record = record
        self._store = store
        self._registry = registry
        _, self.calendar = find_building(registry, record.contract.building)

    def lines(self) -> list[tuple[LedgerLine, AnyLine]]:
        """All lines as they are stored, and what they say."""
        return [(line, read_line(line)) for line in self._registry.ledger_lines(self.record.contract.id)]

    def freeze(self, *, now_ms: int, by: str, grace_ms: int = DEFAULT_GRACE_MS) -> list[LedgerLine]:
        """Freeze what is due: months that ended `grace_ms` ago, corrections of months that changed, accounts.

        What is frozen stays: a month whose data or adjustments have changed since gets a correction line. Running
        it again at once freezes nothing.

        Raises
        ------
        DomainError
            The ledger was tampered with: nothing is added to a broken chain.
        ConflictError
            Somebody else is freezing the same ledger.
        """
        lines = self.lines()
        broken = broken_links([line for line, _ in lines])
        if broken:
            raise DomainError(f"the ledger of {self.record.contract.id} was tampered with at line {min(broken)}")
        added: list[LedgerLine] = []

        def append(line: AnyLine) -> None:
            last = lines[-1][0] if lines else None
            kept = self._registry.append_line(self.record.contract.id, as_body(line), last)
            lines.append((kept, line))
            added.append(kept)

        due = [m for m in months_of(self.record.contract, self.calendar) if m.end_ms + grace_ms <= now_ms]
        for month in due:
            for term in self.record.contract.terms:
                self._freeze_month(lines, term, month, now_ms, by, append)
        for start, end in _periods(self.record.contract, due):
            for term in self.record.contract.terms:
                self._freeze_account(lines, term, due[start:end], now_ms, by, append)
        return added

    def verify(self, *, now_ms: int) -> list[Finding]:
        """Recompute every line from the store and the registry, and say which differ and why."""
        stored = self._registry.ledger_lines(self.record.contract.id)
        broken = broken_links(stored)
        findings: list[Finding] = []
        lines: list[tuple[LedgerLine, AnyLine]] = []
        for line in stored:
            reasons = [f"tampering: {broken[line.position]}."] if line.position in broken else []
            try:
                said = read_line(line)
            except DomainError as error:
                findings.append(
                    Finding(line.position, "unreadable", holds=False, reasons=[error.message], corrected_by=None)
                )
                continue
            if isinstance(said, MonthLine):
                reasons += self._differences(said, now_ms)
            else:
                reasons += self._account_differences(lines, said)
            lines.append((line, said))
            findings.append(Finding(line.position, _label(said), holds=not reasons, reasons=reasons, corrected_by=None))
        return _with_corrections(findings, lines, set(broken))

    def _freeze_month(
        self,
        lines: list[tuple[LedgerLine, AnyLine]],
        term: Term,
        month: Month,
        now_ms: int,
        by: str,
        append: Callable[[AnyLine], None],
    ) -> None:
        newest = _newest_month(lines, term.meter, month.name)
        why = [] if newest is None else self._differences(newest[1], now_ms)
        if newest is not None and not why:
            return
        # A month stays under the version of the contract under which it was first frozen.
        record = self.record if newest is None else self._contract_of(newest[1]) or self.record
        term = record.contract.term(term.meter) or term
        price = term.price(self.calendar.day_of(month.start_ms))
        adjustments = self._registry.adjustments(term.meter, at_ms=now_ms)
        append(
            MonthLine(
                kind=LineKind.MONTH if newest is None else LineKind.CORRECTION,
                corrects=None if newest is None else newest[0],
                why=why,
                contract=record.contract.id,
                contract_version=record.version,
                contract_sha256=record.sha256,
                meter=term.meter,
                month=month.name,
                start_ms=month.start_ms,
                end_ms=month.end_ms,
                measured=measure_month(
                    self._store, self._registry, record.contract, term, self.calendar, month, adjustments
                ),
                price_per_kwh=None if price is None else price.per_kwh,
                frozen_ms=now_ms,
                by=by,
            )
        )

    def _differences(self, line: MonthLine, now_ms: int) -> list[str]:
        """Why a frozen month does not hold any more."""
        known = self._contract_of(line)
        term = None if known is None else known.contract.term(line.meter)
        if known is None or term is None:
            return ["contract: the version that was frozen is not the one in the registry."]
        frozen = line.measured
        counted = [a for name in frozen.adjustments if (a := self._registry.adjustment(name)) is not None]
        month = Month(line.month, line.start_ms, line.end_ms)
        again = measure_month(self._store, self._registry, known.contract, term, self.calendar, month, counted)
        in_force = relevant(self._registry.adjustments(line.meter, at_ms=now_ms), line.start_ms, line.end_ms)
        names = [a.id for a in in_force]
        # Without a baseline nothing was adjusted.
        new = names if frozen.baseline_sha256 else []
        return differences(frozen, again, new, [name for name in frozen.adjustments if name not in names])

    def _contract_of(self, line: AnyLine) -> ContractRecord | None:
        known = self._registry.contract(line.contract, line.contract_version)
        return known if known is not None and known.sha256 == line.contract_sha256 else None

    def _freeze_account(
        self,
        lines: list[tuple[LedgerLine, AnyLine]],
        term: Term,
        months: Sequence[Month],
        now_ms: int,
        by: str,
        append: Callable[[AnyLine], None],
    ) -> None:
        parts = [found for month in months if (found := _newest_month(lines, term.meter, month.name)) is not None]
        if len(parts) < len(months):
            return
        period = _period_name(months, self.calendar)
        newest = _newest_account(lines, term.meter, period)
        basis = [position for position, _ in parts]
        if newest is not None and newest[1].months == basis:
            return
        line = self._account(self.record, term, parts, period)
        former = None if newest is None or newest[1].account is None else newest[1].account.payment
        now_paid = None if line.account is None else line.account.payment
        append(
            msgspec.structs.replace(
                line,
                corrects=None if newest is None else newest[0],
                why=[] if newest is None else ["Its months were corrected."],
                change=None if newest is None else round((now_paid or 0.0) - (former or 0.0), 2) + 0.0,
                frozen_ms=now_ms,
                by=by,
            )
        )

    def _account(
        self, record: ContractRecord, term: Term, parts: Sequence[tuple[int, MonthLine]], period: str
    ) -> SettlementLine:
        """Account of a period from the newest line of each of its months; frozen by nobody yet."""
        months = [line for _, line in parts]
        reasons = [f"{m.month} makes no claim: {' '.join(m.measured.reasons)}" for m in months if not m.measured.claims]
        reasons += [f"{m.month} has no price." for m in months if m.price_per_kwh is None]
        saving = sum(m.measured.saving_kwh or 0.0 for m in months)
        account = None
        if not reasons:
            baseline = [(m.measured.baseline_kwh or 0.0) + (m.measured.adjustment_kwh or 0.0) for m in months]
            known = sum(m.measured.known_hours for m in months) / sum(m.measured.hours for m in months)
            account = settle(
                verified_kwh=saving,
                guaranteed_kwh=guaranteed(term.guaranteed_kwh, term.guaranteed_percent, sum(baseline), known),
                price_per_kwh=mean_price(baseline, [m.price_per_kwh or 0.0 for m in months]),
                share_of_excess=record.contract.share_of_excess,
                penalty_for_shortfall=record.contract.penalty_for_shortfall,
            )
        return SettlementLine(
            kind=LineKind.SETTLEMENT,
            corrects=None,
            why=[],
            contract=record.contract.id,
            contract_version=record.version,
            contract_sha256=record.sha256,
            meter=term.meter,
            period=period,
            start_ms=months[0].start_ms,
            end_ms=months[-1].end_ms,
            months=[position for position, _ in parts],
            claims=not reasons,
            reasons=reasons,
            saving_kwh=round(saving, 3) + 0.0,
            uncertainty_kwh=self._uncertainty(term, months),
            account=account,
            change=None,
            frozen_ms=0,
            by="",
        )

    def _uncertainty(self, term: Term, months: Sequence[MonthLine]) -> float | None:
        try:
            model, _ = baseline_of_version(
                self._registry, term.meter, term.baseline_kind, term.baseline_version, self.calendar
            )
        except (NotFoundError, DomainError):
            return None
        variance = float(sum_uncertainty_kwh(model.residuals_, sum(m.measured.known_hours for m in months))) ** 2
        names = sorted({name for m in months for name in m.measured.adjustments})
        for name in names:
            adjustment = self._registry.adjustment(name)
            kwh = sum(m.measured.adjustments.get(name, 0.0) for m in months)
            variance += (adjustment.uncertainty_percent / 100 * kwh) ** 2 if adjustment else 0.0
        return round(float(variance**0.5), 3)

    def _account_differences(self, before: list[tuple[LedgerLine, AnyLine]], line: SettlementLine) -> list[str]:
        record = self._contract_of(line)
        term = None if record is None else record.contract.term(line.meter)
        if record is None or term is None:
            return ["contract: the version that was frozen is not the one in the registry."]
        at = {stored.position: said for stored, said in before}
        parts = [(p, said) for p in line.months if isinstance(said := at.get(p), MonthLine)]
        if len(parts) < len(line.months):
            return ["months: the lines that it adds up are not there."]
        again = self._account(record, term, parts, line.period)
        own = ("corrects", "why", "change", "frozen_ms", "by")
        kept = msgspec.structs.replace(again, **{name: getattr(line, name) for name in own})
        return [] if kept == line else ["account: it does not follow from its months."]


def _newest_month(lines: Sequence[tuple[LedgerLine, AnyLine]], meter: str, month: str) -> tuple[int, MonthLine] | None:
    found = [
        (stored.position, line)
        for stored, line in lines
        if isinstance(line, MonthLine) and (line.meter, line.month) == (meter, month)
    ]
    return found[-1] if found else None


def _newest_account(
    lines: Sequence[tuple[LedgerLine, AnyLine]], meter: str, period: str
) -> tuple[int, SettlementLine] | None:
    found = [
        (stored.position, line)
        for stored, line in lines
        if isinstance(line, SettlementLine) and (line.meter, line.period) == (meter, period)
    ]
    return found[-1] if found else None


def _periods(contract: Contract, due: Sequence[Month]) -> list[tuple[int, int]]:
    """Index ranges of the due months that make whole settlement periods."""
    length = 1 if contract.settlement is Settlement.MONTH else 12
    return [(start, start + length) for start in range(0, len(due) - length + 1, length)]


def _period_name(months: Sequence[Month], calendar: Calendar) -> str:
    if len(months) == 1:
        return months[0].name
    return f"{months[0].name}/{calendar.day_of(months[-1].end_ms):%Y-%m}"


def _label(line: AnyLine) -> str:
    if isinstance(line, MonthLine):
        return f"{line.kind.value} {line.month} {line.meter}"
    return f"{line.kind.value} {line.period} {line.meter}"


def _with_corrections(
    findings: list[Finding], lines: list[tuple[LedgerLine, AnyLine]], broken: set[int]
) -> list[Finding]:
    """A line that differs holds all the same where a later one has put it right, unless it was tampered with."""
    corrected = {line.corrects: stored.position for stored, line in lines if line.corrects is not None}
    return [
        Finding(
            f.position,
            f.label,
            holds=f.holds or (f.position in corrected and f.position not in broken and f.label != "unreadable"),
            reasons=f.reasons,
            corrected_by=corrected.get(f.position),
        )
        for f in findings
    ]
