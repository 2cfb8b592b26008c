"""The registry's database: brought to its schema at open, by one of many, and durable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from core.errors import ConfigError, DomainError, StoreError
from stores import migrations
from stores.registry import Registry
from stores.registry.control_tables import metadata


def test_migrated_schema_is_that_of_the_tables(url: str) -> None:
    Registry.open(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_processes_that_open_at_once_all_come_through(url: str) -> None:
    program = "import sys; from stores.registry import Registry; print(Registry.open(sys.argv[1]).revision())"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    ends = [process.communicate(timeout=120) for process in processes]
    assert [(out.strip(), process.returncode) for (out, _), process in zip(ends, processes, strict=True)] == [
        (b"0", 0)
    ] * 4, [err.decode() for _, err in ends]


def test_what_was_kept_is_there_after_opening_again(url: str) -> None:
    with Registry.open(url) as registry:
        registry.put_dead_letter("t", b"p", "c", "r", 1)
    with Registry.open(url) as registry:
        assert registry.count_dead_letters() == 1


def test_database_of_a_newer_promessa_is_left_alone(url: str) -> None:
    with Registry.open(url) as registry, registry._write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="9999"):
        Registry.open(url)


def test_number_that_no_column_holds_is_the_callers_error(url: str) -> None:
    with Registry.open(url) as registry, pytest.raises(DomainError):
        registry.put_dead_letter("t", b"", "c", "r", 2**80)


def test_sqlite_is_durable_and_lets_others_read(tmp_path: Path) -> None:
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry, registry._read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("nonsense", ConfigError),
        ("sqlite://", ConfigError),
        ("sqlite:///:memory:", ConfigError),
        ("mysql://localhost/promessa", ConfigError),
        ("sqlite:////proc/nowhere/registry.db", StoreError),
        ("postgresql://nobody@127.0.0.1:9/none", StoreError),
    ],
)
def test_url_of_no_use_says_so(url: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="registry"):
        Registry.open(url)


def test_password_of_the_url_stays_out_of_errors() -> None:
    with pytest.raises(StoreError) as raised:
        Registry.open("postgresql://anna:hunter2@127.0.0.1:9/none")
    assert "hunter2" not in str(raised.value)


def test_revisions_are_numbered_as_their_files() -> None:
    folder = Path(migrations.__file__).parent
    config = Config()
    config.set_main_option("script_location", str(folder))
    script = ScriptDirectory.from_config(config)
    assert [r.revision for r in script.walk_revisions()][::-1] == migrations.revisions()


def test_opening_a_current_registry_does_not_load_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    Registry.open(url).close()
    program = (
        "import sys; from stores.registry import Registry; Registry.open(sys.argv[1]); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
