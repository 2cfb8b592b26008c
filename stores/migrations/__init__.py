"""The registry's schema, step by step: Alembic revisions, and the few questions the registry asks of them.

A new revision, from the top of the repository::

    python -c "from stores import migrations; migrations.draft('what changes')"
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, create_engine, inspect, text

from core.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic is loaded where it is needed only: nearly always the schema is current, and a command line should be quick.
# It talks in sentences at every turn; the registry's own event says when something was done.
logging.getLogger("alembic").setLevel(logging.WARNING)

_HERE: Final = Path(__file__).parent


def revisions() -> list[str]:
    """Revisions that this Promessa knows, oldest first: the numbers that the files begin with."""
    return sorted(path.name.partition("_")[0] for path in (_HERE / "versions").glob("[0-9]*.py"))


def is_current(connection: Connection) -> bool:
    """Whether the database is at the newest revision.

    Raises
    ------
    ConfigError
        It is at one that this version of Promessa does not know.
    """
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    known = revisions()
    if found is not None and found not in known:
        raise ConfigError(f"registry: its schema {found} is newer than this Promessa knows; update Promessa")
    return str(found) == known[-1]


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest revision, within the transaction of `connection`."""
    from alembic import command  # noqa: PLC0415 - see above

    command.upgrade(_config(connection), "head")


def draft(message: str) -> None:
    """Write the next revision: what `stores.registry.tables` has and the newest revision has not."""
    from alembic import command  # noqa: PLC0415 - see above

    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/draft.db")
        with engine.connect() as connection:
            upgrade(connection)
            number = f"{int(revisions()[-1]) + 1:04d}"
            command.revision(_config(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    # Percent signs are interpolation to a ConfigParser.
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
