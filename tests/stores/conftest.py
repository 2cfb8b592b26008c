"""A fresh registry in each of its databases; PostgreSQL where the machine has one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from stores.registry import Registry
from tests.servers import postgresql

DATABASES = ["sqlite", "postgresql"] if postgresql.IS_AVAILABLE else ["sqlite"]


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql.postgresql() as url:
        yield url


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/registry.db"
        return
    server = request.getfixturevalue("postgresql_url")
    with postgresql.fresh_database(server, f"promessa_{uuid.uuid4().hex}") as fresh:
        yield fresh


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with Registry.open(url) as opened:
        yield opened
