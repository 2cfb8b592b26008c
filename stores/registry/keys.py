"""API keys: shown once, kept as a hash, with a role."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, NotFoundError
from core.points import check_name
from stores.registry.database import Database
from stores.registry.tables import api_key

PREFIX: Final = "promessa_"
"""Lets people and scanners for leaked secrets recognise a key."""
_USED_RESOLUTION_MS: Final = 60_000


class Role(StrEnum):
    """What the holder of a key may do."""

    VIEWER = "viewer"
    """Read everything."""
    OPERATOR = "operator"
    """Also send and release commands, approve advice, stop control and trust it less."""
    ADMINISTRATOR = "administrator"
    """Also trust control more, and let it go on after a stop."""

    def includes(self, other: Role) -> bool:
        """Whether it may do everything that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class ApiKey(msgspec.Struct, frozen=True):
    """A key without its secret.

    Attributes
    ----------
    created_ms, used_ms, revoked_ms
        UTC milliseconds; `used_ms` to the minute, None when never used or not revoked.
    """

    name: str
    role: Role
    created_ms: int
    used_ms: int | None = None
    revoked_ms: int | None = None


class Keys(Database):
    """API keys."""

    def create_key(self, name: str, role: Role, now_ms: int) -> str:
        """Make a key and return its secret, which is not kept and cannot be shown again.

        Raises
        ------
        DomainError
            The name cannot stand in the audit trail (see `core.points.check_name`).
        ConflictError
            A key of that name is in force.
        """
        check_name(name, "key")
        secret = PREFIX + secrets.token_urlsafe(32)
        try:
            with self._write() as connection:
                connection.execute(
                    api_key.insert().values(name=name, role=role, hash=_digest(secret), created_ms=now_ms)
                )
        except IntegrityError as error:
            raise ConflictError(f"a key named {name!r} is in force; revoke it first") from error
        return secret

    def find_key(self, secret: str, now_ms: int) -> ApiKey | None:
        """Key in force with that secret, or None; notes when it was used."""
        digest = _digest(secret)
        columns = api_key.c
        with self._read() as connection:
            row = connection.execute(select(api_key).where(columns.hash == digest)).first()
        if row is None or row.revoked_ms is not None or not hmac.compare_digest(bytes(row.hash), digest):
            return None
        used_ms = row.used_ms
        if used_ms is None or now_ms - used_ms >= _USED_RESOLUTION_MS:
            used_ms = now_ms
            with self._write() as connection:
                connection.execute(api_key.update().where(columns.sequence == row.sequence).values(used_ms=used_ms))
        return ApiKey(row.name, Role(row.role), row.created_ms, used_ms, None)

    def keys(self) -> list[ApiKey]:
        """All keys, the revoked ones too, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(api_key).order_by(api_key.c.sequence)).all()
        return [ApiKey(r.name, Role(r.role), r.created_ms, r.used_ms, r.revoked_ms) for r in rows]

    def revoke_key(self, name: str, now_ms: int) -> None:
        """End the key in force of that name; NotFoundError when there is none."""
        with self._write() as connection:
            revoked = connection.execute(
                api_key.update().where(api_key.c.name == name, api_key.c.revoked_ms.is_(None)).values(revoked_ms=now_ms)
            )
        if revoked.rowcount == 0:
            raise NotFoundError(f"no key named {name!r} is in force")


def _digest(secret: str) -> bytes:
    # A plain hash is right for a key of 256 random bits: there is nothing to guess, so nothing to slow down;
    # scrypt or argon2 protect passwords that people choose, and would cost every request their time.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
