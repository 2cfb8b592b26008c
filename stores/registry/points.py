"""Points and the gateways that own them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select, update

from core.points import Point
from stores.registry.database import Database, upsert
from stores.registry.tables import point, points_revision

log = logging.getLogger("promessa.stores")


class _Known(NamedTuple):
    owner: str | None
    definition: str


class _Snapshot(NamedTuple):
    revision: int
    points: list[Point]
    owners: dict[str, str]


class Points(Database):
    """Points, each owned by the first gateway that declared it."""

    _kept: _Snapshot | None = None

    def declare_points(self, gateway_key: str, points: Sequence[Point], now_ms: int) -> list[str]:
        """Register what a gateway measures and drives; what it declared before and is missing now stays its own.

        Parameters
        ----------
        gateway_key
            ``site/gateway``.
        points
            Definitions replace earlier ones of the same owner.
        now_ms
            UTC milliseconds.

        Returns
        -------
        list of str
            Ids refused because another gateway owns them, in the order given.
        """
        wanted = {p.id: p for p in points}
        # A gateway repeats itself with every state it sends; then nothing is written and nobody is kept waiting.
        with self._read() as connection:
            known = _known(connection, wanted)
        if not _changes(gateway_key, wanted, known):
            return _refused(gateway_key, wanted, known)
        with self._write() as connection:
            # The row that everyone changes is locked first: two gateways that declare one point do so in turn.
            connection.execute(update(points_revision).values(value=points_revision.c.value + 1))
            known = _known(connection, wanted)
            changes = _changes(gateway_key, wanted, known)
            rows = [
                {
                    "id": point_id,
                    "building": wanted[point_id].building,
                    "owner": gateway_key,
                    "definition": definition,
                    "declared_ms": now_ms,
                }
                for point_id, definition in changes.items()
            ]
            if rows:
                upsert(connection, point, rows)
        refused = _refused(gateway_key, wanted, known)
        log.info("points_declared gateway=%s changed=%d refused=%d", gateway_key, len(changes), len(refused))
        return refused

    def release_points(self, gateway_key: str) -> int:
        """Take a retired gateway's points from it, so that another may declare them; returns how many."""
        with self._write() as connection:
            connection.execute(update(points_revision).values(value=points_revision.c.value + 1))
            return connection.execute(update(point).where(point.c.owner == gateway_key).values(owner=None)).rowcount

    def points(self, building: str | None = None) -> list[Point]:
        """Points of a building (``site/building``), or all of them, by id."""
        points = self._current().points
        return [p for p in points if building is None or p.building == building]

    def point(self, point_id: str) -> Point | None:
        """Point of that id, or None."""
        with self._read() as connection:
            text = connection.scalar(select(point.c.definition).where(point.c.id == point_id))
        return None if text is None else msgspec.json.decode(text, type=Point)

    def owner(self, point_id: str) -> str | None:
        """``site/gateway`` that owns the point, or None."""
        with self._read() as connection:
            return connection.scalar(select(point.c.owner).where(point.c.id == point_id))

    def owners(self) -> dict[str, str]:
        """``site/gateway`` of every owned point."""
        return dict(self._current().owners)

    def revision(self) -> int:
        """A number that grows whenever points or owners change; one small query."""
        with self._read() as connection:
            return _revision(connection)

    def _current(self) -> _Snapshot:
        """All points as they are now; read again only when the revision has moved."""
        kept = self._kept
        with self._read() as connection:
            # The revision first: what changes meanwhile is then read once more, and never missed.
            revision = _revision(connection)
            if kept is not None and kept.revision == revision:
                return kept
            rows = connection.execute(select(point.c.id, point.c.owner, point.c.definition).order_by(point.c.id)).all()
        decoder = msgspec.json.Decoder(Point)
        self._kept = _Snapshot(
            revision,
            [decoder.decode(row.definition) for row in rows],
            {row.id: row.owner for row in rows if row.owner is not None},
        )
        return self._kept


def _revision(connection: Connection) -> int:
    return int(connection.execute(select(points_revision.c.value)).scalar_one())


def _known(connection: Connection, wanted: dict[str, Point]) -> dict[str, _Known]:
    buildings = {p.building for p in wanted.values()}
    rows = connection.execute(
        select(point.c.id, point.c.owner, point.c.definition).where(point.c.building.in_(buildings))
    )
    return {row.id: _Known(row.owner, row.definition) for row in rows}


def _changes(gateway_key: str, wanted: dict[str, Point], known: dict[str, _Known]) -> dict[str, str]:
    """Definitions to write, by point id."""
    changes = {}
    for point_id, value in wanted.items():
        definition = msgspec.json.encode(value).decode()
        before = known.get(point_id, _Known(None, ""))
        if before.owner is None or (before.owner == gateway_key and before.definition != definition):
            changes[point_id] = definition
    return changes


def _refused(gateway_key: str, wanted: dict[str, Point], known: dict[str, _Known]) -> list[str]:
    return [p for p in wanted if p in known and known[p].owner not in (None, gateway_key)]
