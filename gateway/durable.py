"""SQLite files that survive a power cut, and that are set aside when they did not."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

from core.errors import ConfigError, PromessaError

log = logging.getLogger("promessa.gateway")

_SIDE_FILES: Final = ("-wal", "-shm", "-journal")


class NotKeptError(PromessaError):
    """Something could not be kept durably: the disk is full, or fails."""

    code = "gateway.not-kept"


def open_durable(
    path: Path, schema: str, now_ms: int, *, exclusive: bool = False
) -> tuple[sqlite3.Connection, Path | None]:
    """Open a database of ours, or a new one when it is corrupt.

    Parameters
    ----------
    path
        File; its folder is made.
    schema
        Statements that may run on every opening.
    now_ms
        Names the file that is set aside.
    exclusive
        Nobody else may open it while we have it.

    Returns
    -------
    sqlite3.Connection
        In WAL mode with ``synchronous=FULL``: what is committed outlives the power.
    Path or None
        Where the corrupt file has been moved, None when there was none.

    Raises
    ------
    ConfigError
        The path cannot be written, or somebody else has it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _open(path, schema, exclusive=exclusive), None
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            aside = set_aside(path, now_ms)
            log.error("file_corrupt path=%s error=%r set_aside=%s", path, str(error), aside)  # noqa: TRY400 - no fault of ours
            return _open(path, schema, exclusive=exclusive), aside
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise ConfigError(f"{path}: another gateway is using it") from error
        raise ConfigError(f"{path}: cannot be opened for writing: {error}") from error


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename a corrupt database and what lies beside it; returns its new path."""
    aside = path.with_name(f"{path.name}.corrupt-{now_ms}")
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    return path.rename(aside)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is damaged: the bare class stands for that alone, its subclasses for others."""
    return type(error) is sqlite3.DatabaseError


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the disk (or the quota) is full."""
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL


def _open(path: Path, schema: str, *, exclusive: bool) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        if exclusive:
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA journal_size_limit=4194304")
        database.execute("PRAGMA cache_size=-512")
        _check(database)
        database.executescript(schema)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    verdict = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
