"""The registry's schema, step by step: Alembic revisions, and the three questions the registry asks of them.

A new revision, from the top of the repository::

    python -c "from stores import migrations; migrations.draft('what changes')"
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from core.errors import ConfigError

# It talks at every open, in sentences; the registry's own event says when something was done.
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)

_HERE: Final = Path(__file__).parent


def head() -> str:
    """Newest revision."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def is_current(connection: Connection) -> bool:
    """Whether the database is at the newest revision.

    Raises
    ------
    ConfigError
        It is at one that this version of Promessa does not know.
    """
    script = ScriptDirectory.from_config(_config())
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
        raise ConfigError(f"registry: its schema {found} is newer than this Promessa knows; update Promessa")
    return found == script.get_current_head()


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest revision, within the transaction of `connection`."""
    command.upgrade(_config(connection), "head")


def draft(message: str) -> None:
    """Write a new revision with what `stores.registry.tables` has and the newest revision has not."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/draft.db")
        with engine.connect() as connection:
            upgrade(connection)
            command.revision(_config(connection), message, autogenerate=True)
        engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # Percent signs are interpolation to a ConfigParser.
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
