"""A town for each test, copied from one that is made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.predict.savings import town as towns
from tests.predict.savings.town import Town


@pytest.fixture(scope="session")
def town_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    towns.make(folder)
    return folder


@pytest.fixture
def town(town_template: Path, tmp_path: Path) -> Iterator[Town]:
    with towns.opened(town_template, tmp_path) as opened:
        yield opened
