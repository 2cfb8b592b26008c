"""Anomalies: events with their evidence, who has seen them, and where each watch stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Row, func, select, update

from core.errors import NotFoundError
from stores.registry.database import Database, upsert
from stores.registry.tables import anomaly, anomaly_acknowledgement, anomaly_watch


class AnomalyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands.

    Attributes
    ----------
    sequence
        Grows with every event; a place to go on from. Given by the registry.
    id
        Given by who found it, the same whenever it is found again.
    building
        ``site/building``.
    subject
        Point id of the meter or sensor, or what a fault is in.
    kind, rule
        What it is; the rule of a fault, else empty.
    start_ms, opened_ms, updated_ms
        Since when, when it was found, and how far its evidence reaches; UTC milliseconds.
    end_ms, closing
        Until when and why it ended; None and empty while it is open.
    evidence
        Whatever belongs to it: expected, actual, kWh, euro, confidence, explanation.
    acknowledged_by, acknowledged_ms
        The last person who said that it is known.
    """

    id: str
    building: str
    subject: str
    kind: str
    rule: str = ""
    start_ms: int
    opened_ms: int
    updated_ms: int
    end_ms: int | None = None
    closing: str = ""
    evidence: dict[str, Any]
    sequence: int = 0
    acknowledged_by: str | None = None
    acknowledged_ms: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.end_ms is None


class Acknowledgement(msgspec.Struct, frozen=True):
    """A person says that an event is known: one line that stays.

    Attributes
    ----------
    time_ms
        UTC milliseconds.
    by, why
        Who, and in their words.
    """

    time_ms: int
    by: str
    why: str


class WatchRecord(msgspec.Struct, frozen=True):
    """Where the watch of a meter stands.

    Attributes
    ----------
    model
        Kind and version of the baseline that it was made with.
    settled_ms
        End of the hours that the blob has taken in and that are not looked at again, UTC milliseconds.
    blob
        As the watch wrote it.
    """

    model: str
    settled_ms: int
    blob: bytes


class Anomalies(Database):
    """Events, acknowledgements, watches."""

    def put_anomalies(self, records: Iterable[AnomalyRecord]) -> None:
        """Add events, or bring those of the same id up to date; their acknowledgements stay."""
        rows = [
            {
                "id": r.id,
                "building": r.building,
                "subject": r.subject,
                "kind": r.kind,
                "rule": r.rule,
                "start_ms": r.start_ms,
                "opened_ms": r.opened_ms,
                "updated_ms": r.updated_ms,
                "end_ms": r.end_ms,
                "closing": r.closing,
                "evidence": msgspec.json.encode(r.evidence).decode(),
            }
            for r in records
        ]
        if not rows:
            return
        with self._write() as connection:
            upsert(connection, anomaly, rows)

    def anomaly(self, anomaly_id: str) -> AnomalyRecord | None:
        """One event, or None."""
        with self._read() as connection:
            row = connection.execute(select(anomaly).where(anomaly.c.id == anomaly_id)).first()
        return _record(row) if row else None

    def anomalies(
        self,
        building: str | None = None,
        subject: str | None = None,
        *,
        kind: str | None = None,
        is_open: bool | None = None,
        start_ms: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[AnomalyRecord]:
        """Events, newest first.

        Parameters
        ----------
        building, subject, kind, is_open
            Only those; None: all.
        start_ms
            Only those whose evidence reaches beyond it, UTC milliseconds.
        limit, after
            At most so many, below that sequence.
        """
        query = select(anomaly).order_by(anomaly.c.sequence.desc()).limit(limit)
        for column, wanted in ((anomaly.c.building, building), (anomaly.c.subject, subject), (anomaly.c.kind, kind)):
            if wanted is not None:
                query = query.where(column == wanted)
        if is_open is not None:
            query = query.where(anomaly.c.end_ms.is_(None) if is_open else anomaly.c.end_ms.is_not(None))
        if start_ms is not None:
            query = query.where(anomaly.c.updated_ms > start_ms)
        if after is not None:
            query = query.where(anomaly.c.sequence < after)
        with self._read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def acknowledge_anomaly(self, anomaly_id: str, by: str, why: str, now_ms: int) -> AnomalyRecord:
        """Note that a person knows of an event; every note stays.

        Raises
        ------
        NotFoundError
            There is no such event.
        """
        with self._write() as connection:
            changed = connection.execute(
                update(anomaly).where(anomaly.c.id == anomaly_id).values(acknowledged_by=by, acknowledged_ms=now_ms)
            )
            if not changed.rowcount:
                raise NotFoundError(f"there is no anomaly {anomaly_id[:64]!r}")
            connection.execute(
                anomaly_acknowledgement.insert().values(anomaly_id=anomaly_id, time_ms=now_ms, by=by, why=why)
            )
            row = connection.execute(select(anomaly).where(anomaly.c.id == anomaly_id)).one()
        return _record(row)

    def acknowledgements(self, anomaly_id: str) -> list[Acknowledgement]:
        """Who said what of an event, oldest first."""
        table = anomaly_acknowledgement
        query = (
            select(table.c.time_ms, table.c.by, table.c.why)
            .where(table.c.anomaly_id == anomaly_id)
            .order_by(table.c.sequence)
        )
        with self._read() as connection:
            return [Acknowledgement(*row) for row in connection.execute(query)]

    def count_open_anomalies(self) -> dict[str, int]:
        """How many are open, by kind."""
        query = select(anomaly.c.kind, func.count()).where(anomaly.c.end_ms.is_(None)).group_by(anomaly.c.kind)
        with self._read() as connection:
            return {kind: count for kind, count in connection.execute(query)}  # noqa: C416 - rows are no pairs to mypy

    def put_watch(self, subject: str, record: WatchRecord) -> None:
        """Keep where the watch of a meter stands."""
        with self._write() as connection:
            upsert(connection, anomaly_watch, [{"id": subject, **msgspec.structs.asdict(record)}])

    def watch(self, subject: str) -> WatchRecord | None:
        """Where the watch of a meter stands, or None."""
        table = anomaly_watch
        query = select(table.c.model, table.c.settled_ms, table.c.blob).where(table.c.id == subject)
        with self._read() as connection:
            row = connection.execute(query).first()
        return WatchRecord(*row) if row else None


def _record(row: Row[Any]) -> AnomalyRecord:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    return AnomalyRecord(**values | {"evidence": msgspec.json.decode(values["evidence"])})
