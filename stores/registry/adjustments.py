"""Non-routine adjustments: what people know about a meter's use that the baseline cannot; superseded, never deleted."""

from __future__ import annotations

import logging
import math
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.codec import MAX_TIME_MS
from core.errors import ConflictError, DomainError, NotFoundError
from core.points import building_of, check_point_id
from stores.registry.database import Database
from stores.registry.tables import adjustment

log = logging.getLogger("promessa.stores")

_FIND: Final = select(adjustment).where(adjustment.c.id == bindparam("one"))
_SUPERSEDE: Final = (
    update(adjustment)
    .where(adjustment.c.id == bindparam("one"), adjustment.c.superseded_ms.is_(None))
    .values(superseded_ms=bindparam("at_ms"), superseded_by=bindparam("who"), superseded_why=bindparam("because"))
)


class Basis(StrEnum):
    """What the amount of an adjustment is counted by."""

    PER_DAY = "per-day"
    """kWh in each local day, spread evenly over its 23, 24 or 25 hours."""
    PER_MONTH = "per-month"
    """kWh in each calendar month, spread evenly over its hours."""
    PERCENT = "percent"
    """Percent of what the baseline predicts."""


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what the baseline expects of a meter, entered by a person (IPMVP: non-routine adjustment).

    Attributes
    ----------
    id
        Unique.
    meter
        Point id.
    start_ms, end_ms
        Half-open period, UTC milliseconds; without an end until further notice.
    basis, amount
        kWh per day or month, or percent. Positive: at baseline conditions the building would use *more* than the
        baseline knows (a new wing), which makes the saving larger; negative: less (a closed floor).
    why
        What happened, in words.
    by, entered_ms
        Who entered it, and when.
    evidence
        Where to look it up: a document, a survey, a meter; may be empty.
    uncertainty_percent
        Half width of the 90 % interval of the amount, percent of it.
    superseded_ms, superseded_by, superseded_why
        When, by whom and why it was taken out of force; None and empty while it is in force.
    replaces
        Id of the adjustment in whose place it stands.

    Raises
    ------
    DomainError
        A period without length, an amount that is no number, or nobody or no reason named.
    """

    id: str
    meter: str
    start_ms: int
    end_ms: int | None = None
    basis: Basis
    amount: float
    why: str
    by: str
    entered_ms: int
    evidence: str = ""
    uncertainty_percent: float = 0.0
    superseded_ms: int | None = None
    superseded_by: str = ""
    superseded_why: str = ""
    replaces: str | None = None

    def __post_init__(self) -> None:
        check_point_id(self.meter)
        if not self.id or not self.by.strip() or not self.why.strip():
            raise DomainError("an adjustment says who enters it and why")
        if not 0 <= self.start_ms < (MAX_TIME_MS if self.end_ms is None else self.end_ms) <= MAX_TIME_MS:
            raise DomainError("an adjustment must end after it starts")
        if not math.isfinite(self.amount) or (self.basis is Basis.PERCENT and self.amount < -100):
            raise DomainError("an adjustment needs an amount, of at least -100 percent")
        if not (math.isfinite(self.uncertainty_percent) and self.uncertainty_percent >= 0):
            raise DomainError("the uncertainty of an adjustment is a percentage of its amount")

    def is_in_force(self, at_ms: int) -> bool:
        """Whether it had been entered and not superseded by then."""
        return self.entered_ms <= at_ms and (self.superseded_ms is None or at_ms < self.superseded_ms)


class Adjustments(Database):
    """Non-routine adjustments."""

    def enter_adjustment(self, value: Adjustment) -> Adjustment:
        """Keep a new adjustment.

        Raises
        ------
        ConflictError
            The id is taken, or what it replaces was replaced already.
        NotFoundError
            What it replaces is unknown.
        """
        with self._write() as connection:
            return _insert(connection, value)

    def supersede_adjustment(
        self, adjustment_id: str, *, by: str, why: str, now_ms: int, replacement: Adjustment | None = None
    ) -> Adjustment:
        """Take an adjustment out of force, and put another in its place in the same moment.

        Raises
        ------
        NotFoundError
            There is none of that id.
        ConflictError
            It was superseded before.
        DomainError
            Nobody or no reason is named.
        """
        if not by.strip() or not why.strip():
            raise DomainError("who supersedes an adjustment says why")
        with self._write() as connection:
            done = connection.execute(
                _SUPERSEDE, {"one": adjustment_id, "at_ms": now_ms, "who": by, "because": why}
            ).rowcount
            kept = _find(connection, adjustment_id)
            if not done:
                raise ConflictError(f"adjustment {adjustment_id} was superseded before by {kept.superseded_by}")
            if replacement is not None:
                _insert(connection, msgspec.structs.replace(replacement, replaces=adjustment_id))
        log.info("adjustment_superseded id=%s by=%s", adjustment_id, by)
        return kept

    def adjustment(self, adjustment_id: str) -> Adjustment | None:
        """Adjustment of that id, or None."""
        with self._read() as connection:
            row = connection.execute(_FIND, {"one": adjustment_id}).first()
        return _from_row(row) if row else None

    def adjustments(
        self, meter: str | None = None, building: str | None = None, *, at_ms: int | None = None
    ) -> list[Adjustment]:
        """Adjustments in the order in which they were entered, the superseded ones too.

        Parameters
        ----------
        at_ms
            Only those in force at that time.
        """
        query = select(adjustment).order_by(adjustment.c.sequence)
        if meter is not None:
            query = query.where(adjustment.c.meter == meter)
        if building is not None:
            query = query.where(adjustment.c.building == building)
        if at_ms is not None:
            superseded = adjustment.c.superseded_ms
            query = query.where(adjustment.c.entered_ms <= at_ms, or_(superseded.is_(None), superseded > at_ms))
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]


def _insert(connection: Connection, value: Adjustment) -> Adjustment:
    if value.replaces is not None:
        _find(connection, value.replaces)
    columns = msgspec.structs.asdict(value)
    columns["entered_by"] = columns.pop("by")
    try:
        connection.execute(adjustment.insert().values(**columns, building=building_of(value.meter)))
    except IntegrityError as error:
        raise ConflictError(f"adjustment {value.id} exists, or what it replaces was replaced before") from error
    log.info("adjustment_entered id=%s meter=%s by=%s", value.id, value.meter, value.by)
    return value


def _find(connection: Connection, adjustment_id: str) -> Adjustment:
    row = connection.execute(_FIND, {"one": adjustment_id}).first()
    if row is None:
        raise NotFoundError(f"there is no adjustment {adjustment_id[:64]!r}")
    return _from_row(row)


def _from_row(row: Row[Any]) -> Adjustment:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    values["by"] = values.pop("entered_by")
    values["basis"] = Basis(values["basis"])
    del values["sequence"], values["building"]
    return Adjustment(**values)
