"""Dead letters: what could not be used, with the reason, so that nothing is lost without a trace."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import func, select

from stores.registry.database import Database
from stores.registry.tables import dead_letter

MAX_PAYLOAD_BYTES: Final = 65_536
KEPT: Final = 100_000
"""A device gone mad must not fill the disk: beyond so many the oldest go."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that could not be used.

    Attributes
    ----------
    sequence
        Grows with every letter.
    time_ms
        When it was put aside, UTC milliseconds.
    payload
        Its first `MAX_PAYLOAD_BYTES` bytes.
    size_bytes
        Its full length.
    code, reason
        Stable code of the error, and its sentence.
    """

    sequence: int
    time_ms: int
    topic: str
    payload: bytes
    size_bytes: int
    code: str
    reason: str


class DeadLetters(Database):
    """Dead letters."""

    def put_dead_letter(self, topic: str, payload: bytes, code: str, reason: str, now_ms: int) -> None:
        """Keep a message that could not be used."""
        with self._write() as connection:
            inserted = connection.execute(
                dead_letter.insert().values(
                    time_ms=now_ms,
                    topic=topic,
                    payload=payload[:MAX_PAYLOAD_BYTES],
                    size_bytes=len(payload),
                    code=code,
                    reason=reason,
                )
            )
            (sequence,) = inserted.inserted_primary_key or (0,)
            connection.execute(dead_letter.delete().where(dead_letter.c.sequence <= sequence - KEPT))

    def dead_letters(self, limit: int = 100, after: int | None = None) -> list[DeadLetter]:
        """Newest first, at most `limit`; `after` goes on below that sequence."""
        query = select(dead_letter).order_by(dead_letter.c.sequence.desc()).limit(limit)
        if after is not None:
            query = query.where(dead_letter.c.sequence < after)
        with self._read() as connection:
            return [DeadLetter(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - a public name of SQLAlchemy

    def count_dead_letters(self) -> int:
        """How many are kept."""
        with self._read() as connection:
            return connection.execute(select(func.count()).select_from(dead_letter)).scalar_one()
