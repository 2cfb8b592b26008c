"""One engine on SQLite or PostgreSQL, brought to the current schema at open, with short transactions around it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, make_url, text
from sqlalchemy.dialects import postgresql, sqlite

from core.clock import monotonic_s
from core.errors import ConfigError, DomainError, StoreError
from stores import migrations

log = logging.getLogger("promessa.stores")

_BUSY_TIMEOUT_MS: Final = 10_000
_OPEN_TIMEOUT_S: Final = 30.0
_WRITES: Final = "promessa_writes"
# Any number that nothing else in the database uses; held while one process migrates.
_MIGRATION_LOCK: Final = 0x50524F4D


class _OfThread(threading.local):
    """The connection on which this thread writes together."""

    connection: Connection | None = None


class Database:
    """A database of the registry; thread-safe, shared by all threads of a process.

    Parameters
    ----------
    engine
        Made by `open`, which also migrates.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own = _OfThread()

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect and bring the schema up to date; safe when several processes open at once.

        Parameters
        ----------
        url
            SQLAlchemy URL: ``sqlite:///var/registry.db`` or ``postgresql://user:password@host/database``.

        Raises
        ------
        ConfigError
            The URL is of no use, or the database was made by a newer Promessa.
        StoreError
            The database does not answer.
        """
        engine = _engine(url)
        database = cls(engine)
        try:
            with database._translated():
                if engine.dialect.name == "sqlite":
                    _write_ahead(engine)
                _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return database

    def close(self) -> None:
        """Release connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what this thread writes within one transaction: durable at the end, or none of it.

        Others wait to write meanwhile, so nothing that waits belongs into it.
        """
        if self._own.connection is not None:
            yield
            return
        with self._write() as connection:
            self._own.connection = connection
            try:
                yield
            finally:
                self._own.connection = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """Connection to read with."""
        if self._own.connection is not None:
            yield self._own.connection
            return
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """Connection with one transaction, committed at the end, or rolled back as a whole."""
        if self._own.connection is not None:
            # A savepoint: what fails in here and is caught must not spoil the rest.
            with self._own.connection.begin_nested():
                yield self._own.connection
            return
        engine = self._engine.execution_options(**{_WRITES: True})
        with self._translated(), engine.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise StoreError(f"registry at {self._engine.url.render_as_string()}: {_cause(error)}") from error
        except (exc.DataError, OverflowError) as error:
            raise DomainError(f"registry: a value that the database cannot hold: {_cause(error)}") from error


def _cause(error: Exception) -> object:
    """What the driver said, without the statement and its values."""
    return getattr(error, "orig", None) or error


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of equal columns, or replace those with the same ``id``; both databases say it alike."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    replaced = {name: statement.excluded[name] for name in rows[0] if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=replaced), rows)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise ConfigError("registry: SQLite needs a file, because several processes share it")
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        elif parsed.get_backend_name() != "postgresql":
            raise ConfigError(f"registry: {parsed.get_backend_name()} is neither sqlite nor postgresql")
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
    except exc.ArgumentError as error:
        raise ConfigError("registry: the URL is not one like sqlite:///var/registry.db") from error
    except ModuleNotFoundError as error:
        raise ConfigError("registry: PostgreSQL needs the 'postgresql' extra (psycopg)") from error
    except OSError as error:
        raise StoreError(f"registry: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # Python's sqlite3 begins nothing by itself; `_begin_sqlite` does
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock before it reads: a reader that turns writer would fail at once when another wrote between.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(engine: Engine) -> None:
    """Let others read while one writes; kept in the file, so it changes something only once."""
    deadline_s = monotonic_s() + _OPEN_TIMEOUT_S
    while True:
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode = WAL")
        except engine.dialect.loaded_dbapi.OperationalError as error:
            # SQLite does not wait for its busy time-out here when another process switches at the same moment.
            if "locked" not in str(error) or monotonic_s() > deadline_s:
                raise StoreError(f"registry at {engine.url.render_as_string()}: {error}") from error
            time.sleep(0.02)
        else:
            return
        finally:
            raw.close()


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if migrations.is_current(connection):
            return
    with engine.execution_options(**{_WRITES: True}).begin() as connection:
        # SQLite: BEGIN IMMEDIATE has made us the only writer. PostgreSQL: this lock does, until the commit.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        if not migrations.is_current(connection):
            migrations.upgrade(connection)
            log.info("registry_migrated revision=%s", migrations.revisions()[-1])
