"""Priority arrays, remembered commands and unsent results, on disk: what must survive a restart to act once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from core.commands import Command, Outcome, Result
from core.priority import Entry, PriorityArray
from gateway.durable import NotKeptError, open_durable

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    point TEXT, slot INTEGER, value REAL NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL, expires_ms INTEGER,
    command_id TEXT NOT NULL, PRIMARY KEY (point, slot)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (point TEXT, slot INTEGER, issued_ms INTEGER, PRIMARY KEY (point, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, point TEXT NOT NULL, expires_ms INTEGER NOT NULL, result BLOB, sent INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unsent ON command (sent) WHERE sent = 0;
CREATE TABLE IF NOT EXISTS driven (
    point TEXT PRIMARY KEY, value REAL NOT NULL, changed_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""
_DAY_MS: Final = 86_400_000
_EMPTY: Final = PriorityArray()


class Arrays:
    """The gateway's memory of what it was asked.

    Every change is on disk when its method returns, or together with others at the end of `transaction`.
    The file is this gateway's alone while it is open: a second gateway with the same files does not start.
    A corrupt file is set aside and a new one begun: every array is empty then, and the schedule is in force.

    Parameters
    ----------
    path
        The file.
    now_ms
        Time of opening, UTC milliseconds.
    """

    def __init__(self, path: Path, now_ms: int) -> None:
        self._path = path
        self._db, self.set_aside = open_durable(path, _SCHEMA, now_ms, exclusive=True)
        self._depth = 0
        self._load()
        self._forgot_ms = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one; NotKeptError when they could not be kept, and none of them is."""
        if self._depth:
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._load()
            if isinstance(error, sqlite3.OperationalError):
                raise NotKeptError(f"state {self._path}: {error}") from error
            raise
        finally:
            self._depth = 0

    def array(self, point: str) -> PriorityArray:
        """The array of `point`."""
        return self._arrays.get(point, _EMPTY)

    def points(self) -> list[str]:
        """Points that have an entry in their array."""
        return list(self._arrays)

    def put(self, point: str, slot: int, entry: Entry) -> None:
        """Occupy `slot`."""
        with self.transaction():
            self._arrays[point] = self.array(point).put(slot, entry)
            self._db.execute(
                "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
                (point, slot, entry.value, entry.by, entry.why, entry.expires_ms, entry.command_id),
            )

    def relinquish(self, point: str, slot: int) -> None:
        """Empty `slot`."""
        with self.transaction():
            array = self.array(point).relinquish(slot)
            if array.slots:
                self._arrays[point] = array
            else:
                self._arrays.pop(point, None)
            self._db.execute("DELETE FROM entry WHERE point = ? AND slot = ?", (point, slot))

    def knows(self, command_id: str) -> bool:
        """Whether the command has been here before."""
        return self._db.execute("SELECT 1 FROM command WHERE id = ?", (command_id,)).fetchone() is not None

    def is_open(self, command_id: str) -> bool:
        """Whether the command has not ended yet."""
        return command_id in self._open

    def open_commands(self) -> dict[str, str]:
        """Point by command id of those that have not ended."""
        return dict(self._open)

    def newest_issued_ms(self, point: str, slot: int) -> int | None:
        """When the newest command that `slot` has taken was issued."""
        row = self._db.execute("SELECT issued_ms FROM asked WHERE point = ? AND slot = ?", (point, slot)).fetchone()
        return row[0] if row else None

    def life_ms(self, point: str, slot: int, command_id: str) -> int | None:
        """How long the command that `slot` has taken was to last; None when no command stands there."""
        row = self._db.execute(
            "SELECT command.expires_ms - asked.issued_ms FROM command, asked"
            " WHERE command.id = ? AND asked.point = ? AND asked.slot = ?",
            (command_id, point, slot),
        ).fetchone()
        return row[0] if row else None

    def remember(self, command: Command, *, taken: bool) -> None:
        """Remember a command that has arrived; `taken` when its slot now holds what it asked."""
        with self.transaction():
            self._db.execute(
                "INSERT INTO command (id, point, expires_ms) VALUES (?, ?, ?)",
                (command.id, command.point, command.expires_ms),
            )
            self._open[command.id] = command.point
            if taken:
                self._db.execute(
                    "INSERT OR REPLACE INTO asked VALUES (?, ?, ?)", (command.point, command.slot, command.issued_ms)
                )

    def end(
        self, command_id: str, outcome: Outcome, now_ms: int, reason: str = "", read_back: float | None = None
    ) -> bool:
        """End a command, once: the first end counts. Its result waits to be sent. Returns whether this was the end."""
        if command_id not in self._open:
            return False
        with self.transaction():
            result = Result(command_id, self._open.pop(command_id), outcome, now_ms, reason, read_back)
            self._db.execute("UPDATE command SET result = ? WHERE id = ?", (msgspec.json.encode(result), command_id))
            self._unsent[command_id] = result
        return True

    def unsent(self) -> list[Result]:
        """Results that the broker does not have yet, in the order they came."""
        return list(self._unsent.values())

    def sent(self, command_ids: Iterable[str]) -> None:
        """The broker has these results."""
        with self.transaction():
            for command_id in command_ids:
                if self._unsent.pop(command_id, None) is not None:
                    self._db.execute("UPDATE command SET sent = 1 WHERE id = ?", (command_id,))

    def send_again(self, command_id: str) -> None:
        """Send the result of a command that has ended once more: somebody asked again."""
        row = self._db.execute("SELECT result FROM command WHERE id = ?", (command_id,)).fetchone()
        if row and row[0] is not None:
            with self.transaction():
                self._db.execute("UPDATE command SET sent = 0 WHERE id = ?", (command_id,))
                self._unsent[command_id] = msgspec.json.decode(row[0], type=Result)

    def forget_old(self, now_ms: int) -> None:
        """Once a day: forget commands that ended and expired a week ago, and cannot come again."""
        if abs(now_ms - self._forgot_ms) < _DAY_MS:
            return
        self._forgot_ms = now_ms
        with self.transaction():
            self._db.execute(
                "DELETE FROM command WHERE sent = 1 AND result IS NOT NULL AND expires_ms < ?", (now_ms - 7 * _DAY_MS,)
            )

    def note_driven(self, point: str, value: float, now_ms: int) -> None:
        """The device was changed to `value`."""
        with self.transaction():
            self._driven[point] = (value, now_ms)
            self._db.execute("INSERT OR REPLACE INTO driven VALUES (?, ?, ?)", (point, value, now_ms))

    def driven(self, point: str) -> tuple[float, int] | None:
        """Value and time of the last change of the device; None when there was none."""
        return self._driven.get(point)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _load(self) -> None:
        self._arrays: dict[str, PriorityArray] = {}
        for point, slot, *entry in self._db.execute("SELECT * FROM entry"):
            self._arrays[point] = self.array(point).put(slot, Entry(*entry))
        self._open: dict[str, str] = dict(self._db.execute("SELECT id, point FROM command WHERE result IS NULL"))
        rows = self._db.execute("SELECT result FROM command WHERE sent = 0 AND result IS NOT NULL")
        results = sorted((msgspec.json.decode(row[0], type=Result) for row in rows), key=lambda r: r.time_ms)
        self._unsent = {result.command_id: result for result in results}
        self._driven = {p: (value, ms) for p, value, ms in self._db.execute("SELECT * FROM driven")}
