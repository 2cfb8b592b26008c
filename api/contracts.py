"""Energy performance contracts and their guarantee ledgers: entered, frozen, verified; nothing is ever edited."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self

import msgspec
from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.access import Operator, TheClock, TheRegistry, TheStores
from api.paging import Cursor, Page, decode_cursor, encode_cursor
from api.problems import documented
from api.routes import PREFIX, resource
from api.times import utc
from core.errors import NotFoundError
from predict.fit import champion_of
from predict.savings.ledger import DEFAULT_GRACE_MS, Ledger
from stores.registry import Contract, ContractRecord, LedgerLine, Price, Registry, Settlement, Term

router = resource("savings", "/contracts")

Id = Annotated[str, Path(max_length=64, examples=["calvino"])]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
_LISTING = "ledger"


class PriceIn(BaseModel):
    """A price of energy from a day on."""

    model_config = ConfigDict(extra="forbid")

    start: date
    per_kwh: float = Field(allow_inf_nan=False, description="In the contract's currency.")
    source: str = Field(max_length=500)


class TermIn(BaseModel):
    """What is guaranteed of one meter."""

    model_config = ConfigDict(extra="forbid")

    meter: str = Field(max_length=200)
    baseline_version: int | None = Field(default=None, ge=1, description="The baseline in use now by default.")
    guaranteed_kwh: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="Per settlement period.")
    guaranteed_percent: float | None = Field(default=None, ge=0, le=100, description="Of the adjusted baseline.")
    prices: list[PriceIn]


class NewContract(BaseModel):
    """A contract, or its next version."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=64)
    building: str = Field(max_length=200)
    client: Words
    contractor: Words
    start: date = Field(description="The first of a month.")
    end: date = Field(description="Not included; the first of a month.")
    terms: list[TermIn] = Field(min_length=1)
    settlement: Settlement = Settlement.YEAR
    share_of_excess: float = Field(default=0.0, ge=0, le=1)
    penalty_for_shortfall: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    minimum_coverage: float = Field(default=0.9, ge=0, le=1)
    currency: str = Field(default="EUR", min_length=3, max_length=3)
    reason: Words = Field(description="What was agreed.")


class ContractOut(BaseModel):
    """A contract as in force."""

    id: str
    version: int
    sha256: str = Field(description="Of its definition; every line of the ledger names it.")
    by: str
    entered: datetime
    reason: str
    definition: dict[str, Any] = Field(description="Parties, period, terms, shares.")

    @classmethod
    def of(cls, record: ContractRecord) -> Self:
        """As the API shows it."""
        return cls(
            id=record.contract.id,
            version=record.version,
            sha256=record.sha256,
            by=record.by,
            entered=utc(record.entered_ms),
            reason=record.why,
            definition=msgspec.to_builtins(record.contract),
        )


class LineOut(BaseModel):
    """A frozen line."""

    position: int
    hash: str = Field(description="SHA-256 of the hash before and of this line.")
    previous: str
    line: dict[str, Any] = Field(description="What was frozen: a month, a correction, or a settlement.")

    @classmethod
    def of(cls, line: LedgerLine) -> Self:
        """As the API shows it."""
        return cls(position=line.position, hash=line.hash, previous=line.previous, line=line.body)


class FindingOut(BaseModel):
    """What verifying a line gave."""

    position: int
    label: str
    holds: bool = Field(description="It is what the data say today, or a later line has put it right.")
    reasons: list[str] = Field(description="What differs, in sentences.")
    corrected_by: int | None


class Verification(BaseModel):
    """What verifying a ledger gave."""

    holds: bool
    lines: list[FindingOut]


@router.get("")
def list_contracts(registry: TheRegistry) -> Page[ContractOut]:
    """List contracts as in force."""
    return Page(items=[ContractOut.of(record) for record in registry.contracts()])


@router.get("/{contract_id}", responses=documented(404))
def get_contract(
    contract_id: Id,
    registry: TheRegistry,
    version: Annotated[int | None, Query(ge=1, description="An earlier version.")] = None,
) -> ContractOut:
    """One contract."""
    record = registry.contract(contract_id, version)
    if record is None:
        raise NotFoundError(f"there is no contract {contract_id!r}" + (f" of version {version}" if version else ""))
    return ContractOut.of(record)


@router.post("", status_code=201, responses=documented(403, 404, 409))
def enter_contract(
    request: NewContract, response: Response, key: Operator, registry: TheRegistry, clock: TheClock
) -> ContractOut:
    """Enter a contract or its next version; each term keeps the baseline that both parties agreed upon."""
    value = Contract(
        terms=[_term(registry, term) for term in request.terms], **request.model_dump(exclude={"reason", "terms"})
    )
    record = registry.enter_contract(value, by=key.name, why=request.reason, now_ms=clock.now_ms())
    response.headers["Location"] = f"{PREFIX}/contracts/{record.contract.id}"
    return ContractOut.of(record)


@router.get("/{contract_id}/ledger", responses=documented(404))
def get_ledger(
    contract_id: Id,
    registry: TheRegistry,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> Page[LineOut]:
    """List the frozen lines of a contract, oldest first."""
    if registry.contract(contract_id) is None:
        raise NotFoundError(f"there is no contract {contract_id!r}")
    after = decode_cursor(_LISTING, cursor, int) or 0
    lines = [line for line in registry.ledger_lines(contract_id) if line.position > after]
    following = encode_cursor(_LISTING, lines[limit - 1].position) if len(lines) > limit else None
    return Page(items=[LineOut.of(line) for line in lines[:limit]], next=following)


@router.post("/{contract_id}/ledger", responses=documented(403, 404, 409))
def freeze_ledger(
    contract_id: Id,
    key: Operator,
    registry: TheRegistry,
    stores: TheStores,
    clock: TheClock,
    after_days: Annotated[int, Query(ge=0, le=366, description="Days that late data have after a month.")] = (
        DEFAULT_GRACE_MS // 86_400_000
    ),
) -> Page[LineOut]:
    """Freeze what is due: months, corrections of what changed since, accounts. Answers the new lines."""
    ledger = Ledger(stores.here(), registry, contract_id)
    added = ledger.freeze(now_ms=clock.now_ms(), by=key.name, grace_ms=after_days * 86_400_000)
    return Page(items=[LineOut.of(line) for line in added])


@router.get("/{contract_id}/ledger/verification", responses=documented(404))
def verify_ledger(contract_id: Id, registry: TheRegistry, stores: TheStores, clock: TheClock) -> Verification:
    """Recompute every frozen line from the store, and say which differ and why."""
    findings = Ledger(stores.here(), registry, contract_id).verify(now_ms=clock.now_ms())
    return Verification(
        holds=all(finding.holds for finding in findings),
        lines=[
            FindingOut(
                position=f.position, label=f.label, holds=f.holds, reasons=f.reasons, corrected_by=f.corrected_by
            )
            for f in findings
        ],
    )


def _term(registry: Registry, term: TermIn) -> Term:
    champion = champion_of(registry, term.meter)
    if champion is None:
        raise NotFoundError(f"{term.meter} has no baseline yet: fit its building")
    return Term(
        meter=term.meter,
        baseline_kind=champion.kind,
        baseline_version=term.baseline_version or champion.version,
        guaranteed_kwh=term.guaranteed_kwh,
        guaranteed_percent=term.guaranteed_percent,
        prices=[Price(price.start, price.per_kwh, price.source) for price in term.prices],
    )
