"""A recorded simulation is kept as a building's promise, and the gap to it is explained like that between periods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.evaluate.simulated import Simulated
from core.config.models import Building, Site, SqliteStore
from core.errors import DomainError, NotFoundError
from predict.causes.explain import explain
from predict.causes.record import Record
from predict.design_model import aligned, explain_design, from_bytes, keep_design, to_bytes
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.predict.causes.kept import keep_records

BUILDING = "torino/school"


def renamed(record: Record, old: str, new: str) -> Record:
    return Record(tuple(replace(p, name=new) if p.name == old else p for p in record.points))


def test_the_gap_to_a_design_is_explained_as_that_between_two_records(
    school: Callable[..., Simulated], tmp_path: Path
) -> None:
    design, actual = school(2025).record, school(2026, "boiler_efficiency", 0.9).record
    with (
        Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry,
        SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store,
    ):
        registry.put_site(Site(id="torino", timezone="Europe/Rome"))
        registry.put_building(Building(id=BUILDING))
        (span,) = keep_records(store, registry, BUILDING, [actual])
        with pytest.raises(NotFoundError, match="no design model"):
            explain_design(store, registry, BUILDING, *span)
        # The designer calls the gas meter otherwise; it is the only one of gas.
        kept = keep_design(registry, BUILDING, renamed(design, "gas", "boiler-gas"), source="model 3", now_ms=7)
        found = explain_design(store, registry, BUILDING, *span)
        with pytest.raises(DomainError, match="same days"):
            explain_design(store, registry, BUILDING, span[0] + 90 * 86_400_000, span[1] + 90 * 86_400_000)
        with pytest.raises(DomainError, match="source"):
            keep_design(registry, BUILDING, design, source=" ", now_ms=7)
        assert keep_design(registry, BUILDING, design, source="model 4", now_ms=8).version == 2
    assert (kept.version, kept.figures["source"]) == (1, "model 3")
    direct = explain(design, actual)
    assert found.ranked[0].cause == direct.ranked[0].cause == "system_efficiency"
    assert sum(p.kwh for p in found.parts) == pytest.approx(found.total_kwh, abs=1e-6)
    assert found.total_kwh == pytest.approx(direct.total_kwh, rel=0.05)
    assert np.allclose([p.kwh for p in found.parts], [p.kwh for p in direct.parts], rtol=0.1, atol=100)


def test_a_record_comes_back_as_it_was_kept(school: Callable[..., Simulated]) -> None:
    record = school(2025).record
    for before, after in zip(record.points, from_bytes(to_bytes(record)).points, strict=True):
        assert (before.name, before.brick_class, before.unit, before.zone) == (
            after.name, after.brick_class, after.unit, after.zone
        )  # fmt: skip
        assert np.array_equal(before.time_ms, after.time_ms)
        assert np.array_equal(before.value, after.value)
    with pytest.raises(DomainError, match="design model"):
        from_bytes(b"nonsense")


def test_meters_that_could_be_several_keep_their_names(school: Callable[..., Simulated]) -> None:
    design, actual = school(2025).record, school(2026).record
    stored = aligned(actual, Record(()), "s/b")
    named = aligned(renamed(design, "electricity", "grid"), stored, "s/b")
    assert "s/b/electricity" in {p.name for p in named.points}
    second = replace(next(p for p in stored.points if p.name == "s/b/electricity"), name="s/b/east/electricity")
    unsure = aligned(renamed(design, "electricity", "grid"), Record((*stored.points, second)), "s/b")
    assert "s/b/grid" in {p.name for p in unsure.points}
