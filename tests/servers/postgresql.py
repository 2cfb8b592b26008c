"""A real PostgreSQL for the tests: one throw-away cluster for a test run, a fresh database for each test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
URL = os.environ.get("PROMESSA_TEST_POSTGRES_URL", "")
IS_AVAILABLE = bool(URL or _BINARIES)


@contextmanager
def postgresql() -> Iterator[str]:
    """URL of a server: the one PROMESSA_TEST_POSTGRES_URL names, else one started here and ended afterwards."""
    if URL:
        yield URL
        return
    binaries = _BINARIES[-1].parent
    folder = tempfile.mkdtemp(prefix="promessa-postgresql-")
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
        _run(binaries / "initdb", "-D", f"{folder}/data", "-U", "promessa", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run(binaries / "pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-o", options, "start")
        try:
            yield f"postgresql://promessa@127.0.0.1:{port}/postgres"
        finally:
            _run(binaries / "pg_ctl", "-D", f"{folder}/data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str, name: str) -> Iterator[str]:
    """URL of a new, empty database, dropped afterwards."""
    server = make_url(server_url).set(drivername="postgresql+psycopg")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        yield server.set(database=name).render_as_string(hide_password=False)
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    finally:
        admin.dispose()


def _run(*command: object) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    # pg_ctl's server inherits the output; a pipe would never end.
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
