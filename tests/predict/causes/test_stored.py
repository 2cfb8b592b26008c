"""Two periods of a building in the store are explained as two folders are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.evaluate.simulated import Simulated
from core.config.models import Building, Site, SqliteStore
from core.errors import NotFoundError
from predict.causes.explain import explain
from predict.causes.stored import explain_stored, stored_record
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.causes.kept import keep_records

BUILDING = "torino/school"


def test_the_store_explains_as_the_record_does(school: Callable[..., Simulated], tmp_path: Path) -> None:
    periods = [school(2025).record, school(2026, "boiler_efficiency", 0.9).record]
    with (
        Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry,
        SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store,
    ):
        registry.put_site(Site(id="torino", timezone="Europe/Rome"))
        registry.put_building(Building(id=BUILDING))
        spans = keep_records(store, registry, BUILDING, periods)
        found = explain_stored(store, registry, BUILDING, spans[0], spans[1])
        with pytest.raises(NotFoundError, match="elsewhere"):
            stored_record(store, registry, "torino/elsewhere", 0, 1)
    direct = explain(*periods)
    assert found.ranked[0].cause == direct.ranked[0].cause == "system_efficiency"
    assert np.allclose([p.kwh for p in found.parts], [p.kwh for p in direct.parts], rtol=0.05, atol=50)
