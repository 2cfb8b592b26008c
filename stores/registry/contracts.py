"""Energy performance contracts: who promised whom which saving at what price; versioned, never edited."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, DomainError
from core.points import building_of, check_name, check_point_id
from stores.registry.database import Database
from stores.registry.tables import contract


class Settlement(StrEnum):
    """How often a contract is settled; its guaranteed saving is for so long."""

    MONTH = "month"
    YEAR = "year"


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price of energy from a day on.

    Attributes
    ----------
    start
        First local day on which it holds.
    per_kwh
        In the contract's currency.
    source
        Where it comes from.
    """

    start: dt.date
    per_kwh: float
    source: str


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is guaranteed of one meter.

    Attributes
    ----------
    meter
        Point id.
    baseline_kind, baseline_version
        The baseline that both parties agreed upon; it stays whatever is fitted later.
    guaranteed_kwh, guaranteed_percent
        Guaranteed saving of one settlement period: kWh, or percent of the adjusted baseline; one of them.
    prices
        Dated; the newest that has begun counts.
    """

    meter: str
    baseline_kind: str
    baseline_version: int
    guaranteed_kwh: float | None = None
    guaranteed_percent: float | None = None
    prices: list[Price]

    def __post_init__(self) -> None:
        check_point_id(self.meter)
        if (self.guaranteed_kwh is None) == (self.guaranteed_percent is None):
            raise DomainError(f"{self.meter}: give either guaranteed_kwh or guaranteed_percent")
        guaranteed = self.guaranteed_kwh if self.guaranteed_kwh is not None else self.guaranteed_percent
        if guaranteed is None or not math.isfinite(guaranteed) or guaranteed < 0:
            raise DomainError(f"{self.meter}: a guaranteed saving is a number of at least 0")
        if not all(math.isfinite(price.per_kwh) for price in self.prices):
            raise DomainError(f"{self.meter}: a price is a number")

    def price(self, day: dt.date) -> Price | None:
        """Price on a local day, None when none has begun."""
        begun = [price for price in self.prices if price.start <= day]
        return max(begun, key=lambda price: price.start) if begun else None


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An energy performance contract.

    Attributes
    ----------
    id
        Up to 64 of a-z, 0-9 and -.
    building
        ``site/building``; every meter is one of it.
    client, contractor
        The parties: who pays for energy, and who guarantees the saving.
    start, end
        Local days, half open, each the first of a month.
    settlement
        By the month or by the contract's year.
    terms
        One for each meter.
    share_of_excess
        Share of what is saved beyond the guarantee that the client pays to the contractor, 0 to 1.
    penalty_for_shortfall
        Share of the price of what is missing that the contractor pays to the client, 0 or more; 1: all of it.
    minimum_coverage
        A month known for less than this makes no claim, 0 to 1.
    currency
        ISO 4217.
    """

    id: str
    building: str
    client: str
    contractor: str
    start: dt.date
    end: dt.date
    terms: list[Term]
    settlement: Settlement = Settlement.YEAR
    share_of_excess: float = 0.0
    penalty_for_shortfall: float = 1.0
    minimum_coverage: float = 0.9
    currency: str = "EUR"

    def __post_init__(self) -> None:
        check_name(self.id, "contract")
        if self.start >= self.end or self.start.day != 1 or self.end.day != 1:
            raise DomainError(f"contract {self.id}: it runs from the first of a month to the first of a later one")
        whole_years = self.start.month == self.end.month
        if self.settlement is Settlement.YEAR and not whole_years:
            raise DomainError(f"contract {self.id}: settled by the year, it must run for whole years")
        meters = [term.meter for term in self.terms]
        if not meters or len(set(meters)) < len(meters) or any(building_of(m) != self.building for m in meters):
            raise DomainError(f"contract {self.id}: give one term for each meter, all of {self.building}")
        if not (0 <= self.share_of_excess <= 1 and 0 <= self.minimum_coverage <= 1):
            raise DomainError(f"contract {self.id}: shares lie between 0 and 1")
        if not (math.isfinite(self.penalty_for_shortfall) and self.penalty_for_shortfall >= 0):
            raise DomainError(f"contract {self.id}: a penalty is a share of the price of at least 0")

    def term(self, meter: str) -> Term | None:
        """Term of a meter, or None."""
        return next((term for term in self.terms if term.meter == meter), None)


class ContractRecord(msgspec.Struct, frozen=True):
    """A version of a contract, and who entered it.

    Attributes
    ----------
    version
        From 1.
    sha256
        Of its definition; every line of the ledger names it.
    by, entered_ms, why
        Who entered this version, when, and what was agreed.
    """

    contract: Contract
    version: int
    sha256: str
    by: str
    entered_ms: int
    why: str


class Contracts(Database):
    """Contracts."""

    def enter_contract(self, value: Contract, *, by: str, why: str, now_ms: int) -> ContractRecord:
        """Keep a contract as its next version; the one in force again as it is changes nothing.

        Raises
        ------
        DomainError
            Nobody or no reason is named, or a new version changes building, start, settlement or parties.
        ConflictError
            Another process entered a version in the same moment.
        """
        if not by.strip() or not why.strip():
            raise DomainError("who enters a contract says why")
        known = self.contract(value.id)
        if known is not None:
            if known.contract == value:
                return known
            _check_amendment(known.contract, value)
        definition = msgspec.json.encode(value, order="deterministic").decode()
        version = known.version + 1 if known else 1
        try:
            with self._write() as connection:
                connection.execute(
                    contract.insert().values(
                        id=value.id, version=version, definition=definition, entered_by=by, entered_ms=now_ms, why=why
                    )
                )
        except IntegrityError as error:
            raise ConflictError(f"contract {value.id} was changed at the same time") from error
        return ContractRecord(value, version, _digest(definition), by, now_ms, why)

    def contract(self, contract_id: str, version: int | None = None) -> ContractRecord | None:
        """A contract as in force, or an earlier version of it; None when there is none."""
        query = select(contract).where(contract.c.id == contract_id).order_by(contract.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(contract.c.version == version)
        with self._read() as connection:
            row = connection.execute(query).first()
        return _from_row(row) if row else None

    def contracts(self) -> list[ContractRecord]:
        """All contracts as in force, by id."""
        newest = select(contract.c.id, func.max(contract.c.version).label("version")).group_by(contract.c.id).subquery()
        query = (
            select(contract)
            .join(newest, (contract.c.id == newest.c.id) & (contract.c.version == newest.c.version))
            .order_by(contract.c.id)
        )
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]


def _check_amendment(known: Contract, value: Contract) -> None:
    """What months are settled by must not move under lines that are frozen."""
    fixed = ("building", "start", "settlement", "client", "contractor", "currency")
    moved = [name for name in fixed if getattr(known, name) != getattr(value, name)]
    if moved:
        raise DomainError(f"contract {value.id}: {', '.join(moved)} cannot be amended; enter another contract")


def _digest(definition: str) -> str:
    return hashlib.sha256(definition.encode()).hexdigest()


def _from_row(row: Row[Any]) -> ContractRecord:
    value = msgspec.json.decode(row.definition, type=Contract)
    return ContractRecord(value, row.version, _digest(row.definition), row.entered_by, row.entered_ms, row.why)
