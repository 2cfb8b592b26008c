"""Opens the store of readings that the configuration names."""

from __future__ import annotations

from core.config.models import Store
from stores.port import ReadingStore


def open_store(config: Store) -> ReadingStore:
    """Open the configured store.

    Parameters
    ----------
    config
        The ``[store]`` section.

    Raises
    ------
    StoreError
        It cannot be opened.
    ConfigError
        Its token file cannot be read.
    """
    # Imported where they are chosen: a machine with the one does not pay for the other.
    if config.kind == "sqlite":
        from stores.sqlite import SqliteReadingStore  # noqa: PLC0415 - see above

        return SqliteReadingStore(config.sqlite)
    from stores.influx import InfluxReadingStore  # noqa: PLC0415 - see above

    return InfluxReadingStore(config.influxdb)
