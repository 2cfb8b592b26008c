"""The embedded store of readings: SQLite with packed segments for what is new and compressed chunks for what is old."""

from stores.sqlite.store import SqliteReadingStore

__all__ = ["SqliteReadingStore"]
