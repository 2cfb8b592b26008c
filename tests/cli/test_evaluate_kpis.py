"""Energy and discomfort of a period, on cases that are counted by hand."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.evaluate.kpis import discomfort_k_h, kpis, kpis_of_sql
from core.errors import ConfigError


@pytest.mark.parametrize(
    ("temperature_c", "people", "k_h"),
    [
        pytest.param([18.0, 18.0], [10.0, 10.0], 2.0, id="two kelvin too cold for an hour"),
        pytest.param([27.0, 29.0], [10.0, 10.0], 2.0, id="one and three too hot for half an hour each"),
        pytest.param([20.0, 26.0], [10.0, 10.0], 0.0, id="the edges are comfort"),
        pytest.param([18.0, 18.0], [10.0, 0.0], 1.0, id="nobody there is no discomfort"),
        pytest.param([18.0, 18.0], [1.0, 0.9], 1.0, id="from a tenth of the most people on"),
        pytest.param([15.0, 30.0], [0.0, 0.0], 0.0, id="empty"),
        pytest.param([18.0, 27.0], [10.0, 10.0], 1.5, id="cold and hot add up"),
    ],
)
def test_discomfort_of_two_half_hours(temperature_c: list[float], people: list[float], k_h: float) -> None:
    assert discomfort_k_h(np.array(temperature_c), np.array(people), 10.0, 0.5) == pytest.approx(k_h)


@given(st.lists(st.tuples(st.floats(-20, 50), st.integers(0, 30)), min_size=1, max_size=50))
def test_discomfort_is_never_negative_and_never_less_with_more_hours(steps: list[tuple[float, int]]) -> None:
    temperature, people = (np.array(column, np.float64) for column in zip(*steps, strict=True))
    whole = discomfort_k_h(temperature, people, 30.0, 0.25)

    assert 0 <= discomfort_k_h(temperature[:-1], people[:-1], 30.0, 0.25) <= whole + 1e-9


def test_a_building_is_the_mean_of_the_zones_that_people_use() -> None:
    found = kpis(
        {"Heating:NaturalGas": 100.0, "Fans:Electricity": 20.0},
        {"hall": np.array([10.0, 19.0, 19.0]), "desk": np.array([20.0, 20.0, 20.0]), "attic": np.full(3, 5.0)},
        {"hall": np.array([8.0, 4.0, 4.0]), "desk": np.array([0.0, 1.0, 1.0]), "attic": np.zeros(3)},
        skip=1, step_h=1.0, floor_area_m2=60.0,
    )  # fmt: skip

    assert found.ener_kwh_m2 == pytest.approx(2.0)
    assert found.tdis_by_zone_k_h == {"hall": pytest.approx(2.0), "desk": 0.0}
    assert found.tdis_k_h == pytest.approx(1.0)


def test_the_most_people_are_looked_for_in_all_days() -> None:
    people = np.array([100.0, 9.0, 9.0])
    found = kpis({}, {"hall": np.full(3, 10.0)}, {"hall": people}, skip=1, step_h=1.0, floor_area_m2=1.0)

    assert found.tdis_k_h == 0.0  # nine are fewer than a tenth of the hundred of the first day


def test_a_building_without_people_has_no_discomfort() -> None:
    found = kpis({}, {"hall": np.full(3, 10.0)}, {}, skip=0, step_h=1.0, floor_area_m2=math.nan)

    assert (found.tdis_k_h, found.tdis_by_zone_k_h) == (0.0, {})


def results(path: Path, *, zones: bool = True) -> Path:
    """Two days of one zone with hourly steps, in the engine's own tables."""
    with sqlite3.connect(path) as base:
        base.executescript(
            "create table Zones(FloorArea, Multiplier, ListMultiplier, IsPartOfTotalArea);"
            "create table Time(TimeIndex, Interval);"
            "create table ReportDataDictionary(ReportDataDictionaryIndex, Name, KeyValue);"
            "create table ReportData(ReportDataDictionaryIndex, TimeIndex, Value);"
        )
        if zones:
            base.executemany("insert into Zones values(?, ?, ?, ?)", [(50, 2, 1, 1), (99, 1, 1, 0)])
        base.executemany("insert into Time values(?, 60)", [(k,) for k in range(48)])
        kinds = {
            1: ("Heating:NaturalGas", None),
            2: ("NaturalGas:Facility", None),
            3: ("Zone Mean Air Temperature", "HALL"),
            4: ("Zone People Occupant Count", "HALL"),
        }
        values = {1: 3.6e6, 2: 9e9, 3: 19.0, 4: 2.0}
        base.executemany(
            "insert into ReportDataDictionary values(?, ?, ?)", [(k, *names) for k, names in kinds.items()]
        )
        base.executemany(
            "insert into ReportData values(?, ?, ?)", [(k, t, values[k]) for k in kinds for t in reversed(range(48))]
        )
    return path


def test_figures_come_from_the_engines_tables_alone(tmp_path: Path) -> None:
    found = kpis_of_sql(results(tmp_path / "eplusout.sql"), skip_days=1)

    assert found.floor_area_m2 == 100.0
    assert found.end_uses_kwh == {"Heating:NaturalGas": pytest.approx(24.0)}
    assert found.ener_kwh_m2 == pytest.approx(0.24)
    assert found.tdis_by_zone_k_h == {"HALL": pytest.approx(24.0)}


def test_files_without_results_are_an_error(tmp_path: Path) -> None:
    text = tmp_path / "text.sql"
    text.write_text("no table" * 100)
    empty = tmp_path / "empty.sql"
    sqlite3.connect(empty).close()
    for path in (text, empty, tmp_path / "none.sql", results(tmp_path / "bare.sql", zones=False)):
        with pytest.raises(ConfigError, match="no results of EnergyPlus"):
            kpis_of_sql(path, 1)
