"""Roles of models: which version of a meter's models is in use, which challenged it, and who decided so why."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, exists, func, select

from core.errors import NotFoundError
from stores.registry.models import FittedModel, Models
from stores.registry.tables import model, model_role


class ModelRole(StrEnum):
    """What a version of a model is."""

    CHAMPION = "champion"
    """In use."""
    CHALLENGER = "challenger"
    """Tried against the champion, and not better."""
    RETIRED = "retired"
    """A former champion."""


class RoleGiven(msgspec.Struct, frozen=True):
    """One line of the history of a meter's models.

    Attributes
    ----------
    time_ms
        UTC milliseconds.
    by
        Who decided: a person, or the part of the program.
    reason
        In words, with the scores.
    """

    meter: str
    kind: str
    version: int
    role: ModelRole
    time_ms: int
    by: str
    reason: str


class Roles(Models):
    """Roles of models; without any, the newest version is the champion."""

    def give_role(
        self, meter: str, kind: str, version: int, role: ModelRole, *, by: str, reason: str, now_ms: int
    ) -> None:
        """Give a version a role; a new champion retires the old one in the same moment.

        Raises
        ------
        NotFoundError
            There is no such version.
        """
        with self._write() as connection:
            if not connection.scalar(select(exists().where(_of(meter, kind), model.c.version == version))):
                raise NotFoundError(f"{meter} has no {kind} model of version {version}")
            if role is ModelRole.CHAMPION:
                former = _champion_version(connection, meter, kind)
                if former is not None and former != version:
                    _note(connection, meter, kind, former, ModelRole.RETIRED, by, f"in favour of v{version}", now_ms)
            _note(connection, meter, kind, version, role, by, reason, now_ms)

    def champion(self, meter: str, kind: str) -> FittedModel | None:
        """The version in use, None when nothing was fitted yet."""
        with self._read() as connection:
            version = _champion_version(connection, meter, kind)
        return None if version is None else self.model(meter, kind, version)

    def last_fitted_ms(self, meter: str, kind: str) -> int:
        """When the newest version was fitted, whatever its role; 0 when nothing was fitted yet."""
        with self._read() as connection:
            return connection.scalar(select(func.max(model.c.fitted_ms)).where(_of(meter, kind))) or 0

    def model_roles(self, meter: str) -> list[RoleGiven]:
        """History of a meter's models, newest first."""
        query = select(model_role).where(model_role.c.meter == meter).order_by(model_role.c.sequence.desc())
        with self._read() as connection:
            return [_from_row(row) for row in connection.execute(query)]


def _champion_version(connection: Connection, meter: str, kind: str) -> int | None:
    given = (
        select(model_role.c.version, model_role.c.role)
        .where(model_role.c.meter == meter, model_role.c.kind == kind, model_role.c.role == ModelRole.CHAMPION)
        .order_by(model_role.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(given).first()
    if row is not None:
        return int(row.version)
    # Fitted before there were roles: the newest that nobody has judged.
    judged = exists().where(
        model_role.c.meter == meter, model_role.c.kind == kind, model_role.c.version == model.c.version
    )
    newest = select(model.c.version).where(_of(meter, kind), ~judged).order_by(model.c.version.desc()).limit(1)
    found = connection.scalar(newest)
    return None if found is None else int(found)


def _note(
    connection: Connection, meter: str, kind: str, version: int, role: ModelRole, by: str, reason: str, now_ms: int
) -> None:
    connection.execute(
        model_role.insert().values(
            meter=meter, kind=kind, version=version, role=role, time_ms=now_ms, given_by=by, reason=reason
        )
    )


def _of(meter: str, kind: str) -> Any:
    return (model.c.meter == meter) & (model.c.kind == kind)


def _from_row(row: Row[Any]) -> RoleGiven:
    return RoleGiven(row.meter, row.kind, row.version, ModelRole(row.role), row.time_ms, row.given_by, row.reason)
