"""The spool: every batch of readings, on disk before it is published, until ingest says that it is stored."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, NamedTuple

from core.codec import Batch, Row, encode
from core.errors import StoreError
from gateway.durable import NotKeptError, is_corrupt, is_full, open_durable, set_aside

log = logging.getLogger("promessa.gateway")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, made_ms INTEGER NOT NULL, payload BLOB NOT NULL
);
"""
_DAY_MS: Final = 86_400_000
_STEADY_MS: Final = _DAY_MS
"""So long the clock must have gone without a jump of as much before anything is too old by it."""
_FORGET_AT: Final = 256


class Peek(NamedTuple):
    """What a look at a spool's file shows: batches that wait, and how many were dropped since it was made."""

    batches: int
    dropped: int


def peek(path: Path) -> Peek:
    """Look at a spool that a gateway may be using, without touching it; StoreError when it cannot be read."""
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            batches = database.execute("SELECT count(*) FROM batch").fetchone()[0]
            dropped = database.execute("SELECT value FROM meta WHERE key = 'dropped'").fetchone()
        finally:
            database.close()
    except sqlite3.Error as error:
        raise StoreError(f"spool {path}: {error}") from error
    return Peek(batches, dropped[0] if dropped else 0)


class Spool:
    """Batches on disk, each under ``<epoch>-<seq>``: the epoch is the file's own, the number only grows.

    Bounds: when payloads exceed `max_bytes`, or are older than `max_age_days`, the oldest batches go first; how many is
    counted for good. A clock that jumped makes nothing old: age counts once the clock has gone on for a day since. A
    corrupt file is set aside under ``.corrupt-<time>`` and a new one begun. When the disk is full the oldest batches
    make room; where even that fails `append` raises, and nothing of it is kept.

    Forgetting a batch that is stored costs no write of its own: it goes with the next append. A power cut before
    that sends it again, and what is stored twice is stored once.

    Parameters
    ----------
    path
        The file.
    max_bytes, max_age_days
        Bounds.
    now_ms
        Time of opening, UTC milliseconds.
    """

    def __init__(self, path: Path, *, max_bytes: int, max_age_days: float, now_ms: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_age_ms = round(max_age_days * _DAY_MS)
        self.set_aside: list[Path] = []
        """Corrupt files that were set aside since the start."""
        self._now_ms = now_ms
        self._steady_from_ms = now_ms
        self._open(now_ms)

    def __len__(self) -> int:
        """Batches that wait to be stored."""
        return self._count

    @property
    def bytes_kept(self) -> int:
        """Payloads that wait, bytes."""
        return self._bytes

    @property
    def dropped(self) -> int:
        """Batches that the bounds have dropped since the file was made."""
        return self._dropped

    def append(self, rows: Sequence[Row], batch_rows: int, now_ms: int) -> list[int]:
        """Keep `rows` durably, in batches of at most `batch_rows`; returns their numbers.

        Raises
        ------
        NotKeptError
            Nothing of it was kept.
        """
        if abs(now_ms - self._now_ms) > _STEADY_MS:
            self._steady_from_ms = now_ms
        self._now_ms = now_ms
        try:
            return self._append(rows, batch_rows, now_ms)
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise NotKeptError(f"spool {self._path}: {error}") from error
            self._begin_anew(error)
            return self._append(rows, batch_rows, now_ms)

    def payload(self, seq: int) -> bytes | None:
        """The encoded batch of that number; None when it is stored or dropped."""
        if seq in self._forgotten:
            return None
        rows = self._ask("SELECT payload FROM batch WHERE seq = ?", seq)
        return rows[0][0] if rows else None

    def numbers(self) -> list[int]:
        """Numbers of all that wait, oldest first."""
        return [seq for (seq,) in self._ask("SELECT seq FROM batch ORDER BY seq") if seq not in self._forgotten]

    def number_of(self, batch_id: str) -> int | None:
        """Number of a batch id; None when it belongs to another spool."""
        epoch, _, seq = batch_id.rpartition("-")
        return int(seq) if epoch == self.epoch and seq.isascii() and seq.isdecimal() else None

    def forget(self, seqs: Iterable[int]) -> None:
        """Let go of batches that are stored; unknown ones are passed over."""
        for seq in seqs:
            rows = self._ask("SELECT length(payload) FROM batch WHERE seq = ?", seq)
            if rows and seq not in self._forgotten:
                self._forgotten.add(seq)
                self._count -= 1
                self._bytes -= rows[0][0]
        if len(self._forgotten) >= _FORGET_AT:
            self.flush()

    def flush(self) -> None:
        """Write what was forgotten."""
        if not self._forgotten:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._delete_forgotten()
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._rollback()
            if is_corrupt(error):
                self._begin_anew(error)
            log.warning("spool_flush_failed error=%r", str(error))
        else:
            self._forgotten.clear()

    def close(self) -> None:
        """Write what was forgotten and close the file."""
        self.flush()
        self._db.close()

    def _open(self, now_ms: int) -> None:
        self._db, aside = open_durable(self._path, _SCHEMA, now_ms)
        if aside is not None:
            self.set_aside.append(aside)
        self._forgotten: set[int] = set()
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?), ('dropped', 0)", (token_hex(4),))
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        self.epoch: str = meta["epoch"]
        self._dropped: int = meta["dropped"]
        last = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        self._last_seq: int = last[0] if last else 0
        row = self._db.execute("SELECT count(*), coalesce(sum(length(payload)), 0) FROM batch").fetchone()
        self._count: int = row[0]
        self._bytes: int = row[1]

    def _ask(self, query: str, *values: int) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            self._begin_anew(error)
            return []

    def _begin_anew(self, error: Exception) -> None:
        log.error("spool_corrupt path=%s error=%r", self._path, str(error))
        self._db.close()
        self.set_aside.append(set_aside(self._path, self._now_ms))
        self._open(self._now_ms)

    def _append(self, rows: Sequence[Row], batch_rows: int, now_ms: int) -> list[int]:
        made: list[tuple[int, int, bytes]] = []
        for at in range(0, len(rows), batch_rows):
            seq = self._last_seq + 1 + len(made)
            batch = Batch(f"{self.epoch}-{seq}", list(rows[at : at + batch_rows]))
            made.append((seq, now_ms, encode(batch)))
        size = sum(len(payload) for _, _, payload in made)
        room = self._bytes + size - self._max_bytes
        try:
            dropped = self._write(made, now_ms, room)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            dropped = self._write(made, now_ms, max(room, 2 * size))
        self._forgotten.clear()
        self._last_seq += len(made)
        self._count += len(made) - dropped.batches
        self._bytes += size - dropped.bytes
        self._dropped += dropped.batches
        if dropped.batches:
            log.error("spool_dropped batches=%d total=%d", dropped.batches, self._dropped)
        return [seq for seq, _, _ in made]

    def _write(self, made: list[tuple[int, int, bytes]], now_ms: int, room: int) -> _Dropped:
        """One transaction: forget, drop what the bounds ask (`room` bytes and what is too old), add `made`."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._delete_forgotten()
            dropped = self._drop(room, now_ms - self._max_age_ms)
            self._db.executemany("INSERT INTO batch VALUES (?, ?, ?)", made)
            self._db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        return dropped

    def _drop(self, room: int, before_ms: int) -> _Dropped:
        batches = freed = last = 0
        if self._now_ms - self._steady_from_ms < _STEADY_MS:
            before_ms = 0
        for seq, made_ms, size in self._oldest():
            if freed >= room and made_ms >= before_ms:
                break
            batches, freed, last = batches + 1, freed + size, seq
        if batches:
            self._db.execute("DELETE FROM batch WHERE seq <= ?", (last,))
            self._db.execute("UPDATE meta SET value = value + ? WHERE key = 'dropped'", (batches,))
        return _Dropped(batches, freed)

    def _oldest(self) -> Iterator[tuple[int, int, int]]:
        yield from self._db.execute("SELECT seq, made_ms, length(payload) FROM batch ORDER BY seq")

    def _delete_forgotten(self) -> None:
        self._db.executemany("DELETE FROM batch WHERE seq = ?", ((seq,) for seq in self._forgotten))

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


class _Dropped(NamedTuple):
    batches: int
    bytes: int
