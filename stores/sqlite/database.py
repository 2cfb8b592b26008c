"""The database file: its tables, how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from core.clock import monotonic_s
from core.errors import StoreError
from stores.faults import StoreDamagedError

BUSY_TIMEOUT_S: Final = 30.0
_APPLICATION_ID: Final = 0x50524F4D  # "PROM"
_SCHEMA_VERSION: Final = 1
_JOURNAL_BYTES: Final = 64 * 1024 * 1024
_SCHEMA: Final = """
CREATE TABLE series (id INTEGER PRIMARY KEY, point TEXT NOT NULL UNIQUE);
CREATE TABLE latest (page INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE segment (
    id INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX segment_span ON segment (first_ms, last_ms, rows);
CREATE TABLE chunk (
    series INTEGER NOT NULL, month INTEGER NOT NULL, part INTEGER NOT NULL, first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (series, month, part)
);
CREATE INDEX chunk_month ON chunk (month, part);
CREATE TABLE rollup (
    series INTEGER NOT NULL, month INTEGER NOT NULL, step_ms INTEGER NOT NULL, data BLOB NOT NULL,
    UNIQUE (series, month)
);
"""


class Database:
    """One connection to a store's file, made when it is not there.

    Parameters
    ----------
    path
        The file; folders above it are made.

    Raises
    ------
    StoreError
        The file cannot be opened; StoreDamagedError when it is no database of ours.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with self.naming("open"):
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"{path}: {error}") from error
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        self._use_wal()
        execute("PRAGMA synchronous=FULL")
        execute(f"PRAGMA journal_size_limit={_JOURNAL_BYTES}")
        execute("PRAGMA cache_size=-32768")
        if self._schema_version() == 0:
            with self.transaction("create the tables"):
                if self._schema_version() == 0:  # nobody else made them while we waited
                    if execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                        raise StoreDamagedError(f"{self.path} is a database, but not a store of readings")
                    for statement in _SCHEMA.split(";"):
                        execute(statement)
                    execute(f"PRAGMA application_id={_APPLICATION_ID}")
                    execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        application = execute("PRAGMA application_id").fetchone()[0]
        if application != _APPLICATION_ID or self._schema_version() != _SCHEMA_VERSION:
            raise StoreDamagedError(
                f"{self.path} is no store of readings of version {_SCHEMA_VERSION}, but of {self._schema_version()}"
            )

    def _use_wal(self) -> None:
        # SQLite does not wait here when another process makes the same file at this moment, so we do.
        deadline_s = monotonic_s() + BUSY_TIMEOUT_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic_s() > deadline_s:
                    raise
                time.sleep(0.02)
            else:
                return

    def _schema_version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for every row."""
        self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self, doing: str, *, write: bool = True) -> Iterator[None]:
        """Everything within happens at once or not at all, and sees one state of the file.

        Parameters
        ----------
        doing
            For the message of a StoreError: ``write 500 rows``.
        write
            Take the lock for writing at once; otherwise only read.
        """
        with self.naming(doing):
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def naming(self, doing: str) -> Iterator[None]:
        """Turn SQLite's errors into a StoreError that names the file and what was being done."""
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            kind = StoreDamagedError if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) else StoreError
            raise kind(f"{self.path}: cannot {doing}: {error}", sqlite=name) from error
        except StoreDamagedError as error:
            if self.path in error.message:
                raise
            raise StoreDamagedError(f"{self.path}: cannot {doing}: {error.message}") from error

    def close(self) -> None:
        """Close the file."""
        with self.naming("close"):
            self._connection.close()
