"""Work items: what makes a building use more than it did, with evidence, until it is gone; people's notes stay."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, DomainError, NotFoundError
from stores.registry.control_tables import work_item, work_item_note
from stores.registry.database import Database

log = logging.getLogger("promessa.stores")


class WorkState(StrEnum):
    """Where a work item is."""

    SUSPECTED = "suspected"
    """Seen once; the next evaluation tells whether it persists."""
    CORRECTED = "corrected"
    """Control puts it right."""
    OPEN = "open"
    """For a person."""
    CLOSED = "closed"
    """Gone by itself, or closed by a person."""


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A persistent cause of a gap.

    Attributes
    ----------
    id
        Unique.
    building, cause
        ``site/building``, and one of `predict.causes.explanation.CAUSES`; there is one ongoing item of both.
    state
        See `WorkState`.
    since_ms
        Begin of the first period in which it was seen, UTC milliseconds.
    evaluated_ms, evaluations
        End of the last period that counted as another evaluation, and how many have seen it one after the other.
    updated_ms
        When the evidence was brought up to date.
    evidence
        kWh with interval, euro, confidence, rank, parts, what is not measured, corrections; see
        `control.strategies.gap_action`.
    ongoing
        Whether the gap is still there; a person may close an item before, and then it stays quiet.
    acknowledged_by, acknowledged_ms
        The last person who said that it is known.
    closed_by, closed_why, closed_ms
        Who closed it, why, and when; nobody's name when it was gone by itself.
    sequence
        A place to go on from; given by the registry.
    """

    id: str
    building: str
    cause: str
    state: WorkState
    since_ms: int
    evaluated_ms: int
    evaluations: int
    updated_ms: int
    evidence: dict[str, Any]
    ongoing: bool = True
    acknowledged_by: str | None = None
    acknowledged_ms: int | None = None
    closed_by: str = ""
    closed_why: str = ""
    closed_ms: int | None = None
    sequence: int = 0


class WorkNote(msgspec.Struct, frozen=True):
    """What a person said of a work item: one line that stays."""

    time_ms: int
    by: str
    what: str
    why: str


_KEPT: Final = ("sequence", "acknowledged_by", "acknowledged_ms")
"""Columns that an evaluation does not write."""


class WorkItems(Database):
    """Work items and people's notes on them."""

    def put_work_items(self, items: Iterable[WorkItem]) -> None:
        """Add items, or bring those of the same id up to date; what people said stays.

        Raises
        ------
        ConflictError
            Another process found the same cause at the same moment, or a person closed an item meanwhile.
        """
        with self._write() as connection:
            for item in items:
                _put(connection, item)

    def work_item(self, item_id: str) -> WorkItem | None:
        """One item, or None."""
        with self._read() as connection:
            row = connection.execute(select(work_item).where(work_item.c.id == item_id)).first()
        return _from_row(row) if row else None

    def work_items(
        self,
        building: str | None = None,
        *,
        state: WorkState | None = None,
        ongoing: bool | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[WorkItem]:
        """Items, newest first.

        Parameters
        ----------
        building, state, ongoing
            Only those; None: all.
        limit, after
            At most so many, below that sequence.
        """
        query = select(work_item).order_by(work_item.c.sequence.desc()).limit(limit)
        for column, wanted in (
            (work_item.c.building, building),
            (work_item.c.state, state),
            (work_item.c.ongoing, ongoing),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if after is not None:
            query = query.where(work_item.c.sequence < after)
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]

    def acknowledge_work_item(self, item_id: str, *, by: str, why: str, now_ms: int) -> WorkItem:
        """Note that a person knows of an item; every note stays.

        Raises
        ------
        NotFoundError
            There is none of that id.
        DomainError
            Nobody or nothing is said.
        """
        changes = {"acknowledged_by": by, "acknowledged_ms": now_ms}
        return self._say(item_id, "acknowledged", by, why, now_ms, changes)

    def close_work_item(self, item_id: str, *, by: str, why: str, now_ms: int) -> WorkItem:
        """Close an item with a note; while its gap goes on no other is opened for it.

        Raises
        ------
        NotFoundError
            There is none of that id.
        ConflictError
            It is closed already.
        DomainError
            Nobody or nothing is said.
        """
        changes = {"state": WorkState.CLOSED.value, "closed_by": by, "closed_why": why, "closed_ms": now_ms}
        return self._say(item_id, "closed", by, why, now_ms, changes)

    def work_notes(self, item_id: str) -> list[WorkNote]:
        """Who said what of an item, oldest first."""
        table = work_item_note
        query = (
            select(table.c.time_ms, table.c.by, table.c.what, table.c.why)
            .where(table.c.work_item_id == item_id)
            .order_by(table.c.sequence)
        )
        with self._read() as connection:
            return [WorkNote(*row) for row in connection.execute(query)]

    def _say(self, item_id: str, what: str, by: str, why: str, now_ms: int, changes: dict[str, Any]) -> WorkItem:
        if not by.strip() or not why.strip():
            raise DomainError("who says something of a work item says what")
        with self._write() as connection:
            row = connection.execute(select(work_item).where(work_item.c.id == item_id)).first()
            if row is None:
                raise NotFoundError(f"there is no work item {item_id[:64]!r}")
            if what == "closed" and row.state == WorkState.CLOSED:
                raise ConflictError(f"work item {item_id} is closed already: {row.closed_why}")
            connection.execute(update(work_item).where(work_item.c.id == item_id).values(**changes))
            connection.execute(
                work_item_note.insert().values(work_item_id=item_id, time_ms=now_ms, by=by, what=what, why=why)
            )
            kept = _from_row(connection.execute(select(work_item).where(work_item.c.id == item_id)).one())
        log.info("work_item_%s id=%s by=%s", what, item_id, by)
        return kept


def _put(connection: Connection, item: WorkItem) -> None:
    columns = msgspec.structs.asdict(item) | {
        "state": item.state.value,
        "evidence": msgspec.json.encode(item.evidence).decode(),
    }
    columns = {name: value for name, value in columns.items() if name not in _KEPT}
    same = update(work_item).where(work_item.c.id == item.id)
    # A person may have closed it while it was evaluated: their word stands.
    if item.state is not WorkState.CLOSED:
        same = same.where(work_item.c.state != WorkState.CLOSED)
    if connection.execute(same.values(**columns)).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(work_item.insert().values(**columns))
    except IntegrityError as error:
        raise ConflictError(f"{item.cause} of {item.building} was evaluated or closed at the same time") from error
    log.info("work_item_found id=%s building=%s cause=%s", item.id, item.building, item.cause)


def _from_row(row: Row[Any]) -> WorkItem:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    return WorkItem(
        **values | {"state": WorkState(values["state"]), "evidence": msgspec.json.decode(values["evidence"])}
    )
