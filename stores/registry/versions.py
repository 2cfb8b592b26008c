"""Records of which every version is kept, with who entered it, when and why; nothing is edited or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Row, Table, func, select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, DomainError
from stores.registry.database import Database

T = TypeVar("T", bound=msgspec.Struct)


class Versioned(msgspec.Struct, Generic[T], frozen=True):
    """A version of a record, and who entered it.

    Attributes
    ----------
    version
        From 1.
    by, entered_ms, why
        Who entered this version, when, and the reason.
    """

    value: T
    version: int
    by: str
    entered_ms: int
    why: str


class Versions(Database):
    """What tables made by `stores.registry.tables._versions` have in common."""

    def _enter(
        self, table: Table, kind: type[T], value: T, scope: str, *, by: str, why: str, now_ms: int
    ) -> Versioned[T]:
        """Keep `value` (it has an ``id``) as its next version; the newest again as it is changes nothing."""
        if not by.strip() or not why.strip():
            raise DomainError(f"who enters a {table.name} says why")
        name = str(getattr(value, "id"))  # noqa: B009 - a T has one, which its bound cannot say
        known = self._newest(table, kind, name)
        if known is not None and known.value == value:
            return known
        version = known.version + 1 if known else 1
        text = msgspec.json.encode(value, order="deterministic").decode()
        row = {"id": name, "version": version, "scope": scope, "definition": text}
        try:
            with self._write() as connection:
                connection.execute(table.insert().values(**row, entered_by=by, entered_ms=now_ms, why=why))
        except IntegrityError as error:
            raise ConflictError(f"{table.name} {name} was changed at the same time; try again") from error
        return Versioned(value, version, by, now_ms, why)

    def _newest(self, table: Table, kind: type[T], record_id: str) -> Versioned[T] | None:
        return next(iter(self._history(table, kind, record_id)), None)

    def _history(self, table: Table, kind: type[T], record_id: str) -> list[Versioned[T]]:
        """All versions of a record, newest first."""
        query = select(table).where(table.c.id == record_id).order_by(table.c.version.desc())
        with self._read() as connection:
            return [_from_row(row, kind) for row in connection.execute(query)]

    def _all_newest(self, table: Table, kind: type[T], scopes: Sequence[str] | None) -> list[Versioned[T]]:
        """The newest version of each record, by id; `scopes`: only of these."""
        newest = select(table.c.id, func.max(table.c.version).label("version")).group_by(table.c.id).subquery()
        query = (
            select(table)
            .join(newest, (table.c.id == newest.c.id) & (table.c.version == newest.c.version))
            .order_by(table.c.id)
        )
        if scopes is not None:
            query = query.where(table.c.scope.in_(scopes))
        with self._read() as connection:
            return [_from_row(row, kind) for row in connection.execute(query)]


def scopes_of(scope: str) -> list[str]:
    """Scopes whose records speak of a ``site`` or ``site/building``: its own and its site's."""
    return list(dict.fromkeys([scope, scope.partition("/")[0]]))


def _from_row(row: Row[Any], kind: type[T]) -> Versioned[T]:
    value = msgspec.json.decode(row.definition, type=kind)
    return Versioned(value, row.version, row.entered_by, row.entered_ms, row.why)
