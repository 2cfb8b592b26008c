"""``promessa evaluate control`` on EnergyPlus itself; collected where the extra ``energyplus`` is installed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

pytest.importorskip("pyenergyplus")

from cli.evaluate.closed_loop import Supervisor
from cli.evaluate.kpis import kpis_of_sql
from cli.main import app
from control.strategy import decide
from control.view import Comfort
from core.errors import PromessaError
from simulators.energyplus import EnergyPlusBuilding, shipped
from simulators.idf.model import Idf
from simulators.idf.site import site_calendar

pytestmark = pytest.mark.system
MODEL, WEATHER = shipped("ref:small_office", "usa_il_chicago")
METERS = {
    "Heating:NaturalGas", "Heating:Electricity", "Cooling:Electricity", "Fans:Electricity", "Pumps:Electricity",
}  # fmt: skip
ZONES = {"core-zn", *(f"perimeter-zn-{k}" for k in (1, 2, 3, 4))}


def evaluate(out: Path, controller: str, *more: str) -> dict[str, Any]:
    result = CliRunner().invoke(
        app,
        ["evaluate", "control", "--model", str(MODEL), "--weather", str(WEATHER), "--from", "01-01", "--to", "01-06",
         "--learn-days", "3", "--controller", controller, "--out", str(out), "--json", *more],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("rules")
    return out, evaluate(out, "rules")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("embedded")
    return out, evaluate(out, "embedded")


def test_the_engine_itself_reports_what_the_figures_need(ruled: tuple[Path, dict[str, Any]]) -> None:
    out, _ = ruled
    with sqlite3.connect(out / "eplusout.sql") as base:
        kinds = set(
            base.execute("select Name, upper(coalesce(KeyValue, '')), ReportingFrequency from ReportDataDictionary")
        )
        zones = {name for (name,) in base.execute("select ZoneName from Zones")}
        counts = dict(
            base.execute(
                "select d.Name || coalesce(d.KeyValue, ''), count(*) from ReportData r"
                " join ReportDataDictionary d using (ReportDataDictionaryIndex) group by d.ReportDataDictionaryIndex"
            )
        )

    # A meter of what the model does not have cannot be reported: no electric heating, no pumps in this office.
    assert {name for name, _, _ in kinds} >= METERS - {"Heating:Electricity", "Pumps:Electricity"}
    for variable in ("Zone Mean Air Temperature", "Zone People Occupant Count"):
        told = {key for name, key, _ in kinds if name == variable}
        assert told >= {zone for zone in zones if zone != "ATTIC"}
    assert {frequency for name, _, frequency in kinds if name.startswith("Zone") or name in METERS} == {"Zone Timestep"}
    assert set(counts.values()) == {6 * 24 * 6}


def test_the_figures_are_those_of_the_engines_file_alone(ruled: tuple[Path, dict[str, Any]]) -> None:
    out, report = ruled
    found = asdict(kpis_of_sql(out / "eplusout.sql", 3))

    assert {name: report[name] for name in found} == found
    assert (report["from"], report["to"], report["controller"]) == ("2023-01-01", "2023-01-06", "rules")
    assert report["floor_area_m2"] == pytest.approx(511, rel=0.01)
    assert report["slowest_decision_ms"] > 0


def test_the_trace_has_the_columns_asked_for(ruled: tuple[Path, dict[str, Any]]) -> None:
    out, report = ruled
    table = pq.read_table(out / "trace.parquet")

    assert table.num_rows == report["trace_rows"] == 6 * 24 * 6 * 5
    assert set(table.column_names) >= {
        "time_utc", "zone", "temperature_c", "people", "heating_setpoint_asked_c", "heating_setpoint_c",
        "cooling_setpoint_asked_c", "cooling_setpoint_c", "outdoor_air_fraction", "outdoor_temperature_c",
        "gas_heating_kwh", "electricity_cooling_kwh", "electricity_fans_kwh",
    }  # fmt: skip
    assert set(table["zone"].to_pylist()) == ZONES
    for name in ("temperature_c", "heating_setpoint_c", "cooling_setpoint_c", "outdoor_temperature_c", "people"):
        assert np.isfinite(table[name].to_numpy()).all(), name
    asked = table["heating_setpoint_asked_c"].to_pylist()
    first_driven = 3 * 24 * 6 * 5
    assert all(value is None for value in asked[:first_driven])
    assert all(value is not None for value in asked[first_driven + 5 :])


def test_trace_and_engine_agree_on_the_energy(ruled: tuple[Path, dict[str, Any]]) -> None:
    out, report = ruled
    rows = pq.read_table(out / "trace.parquet").to_pylist()
    of_core = [row for row in rows if row["zone"] == "core-zn"][3 * 24 * 6 :]

    for column, meter in (("gas_heating_kwh", "Heating:NaturalGas"), ("electricity_fans_kwh", "Fans:Electricity")):
        assert sum(row[column] for row in of_core) == pytest.approx(report["end_uses_kwh"][meter], rel=1e-6)


def test_the_embedded_run_is_the_building_as_it_is(embedded: tuple[Path, dict[str, Any]]) -> None:
    _, report = embedded
    with EnergyPlusBuilding(MODEL, WEATHER, date(2023, 1, 1), date(2023, 1, 7)) as plain:
        plain.step(plain.time_ms + 3 * 86_400_000)
        names = {"gas/heating": "Heating:NaturalGas", "electricity/fans": "Fans:Electricity"}
        before = {name: plain.read(name) for name in names}
        plain.step(plain.end_ms)
        for name, meter in names.items():
            assert plain.read(name) - before[name] == pytest.approx(report["end_uses_kwh"][meter], rel=1e-9)


def test_the_rules_take_less_than_the_embedded_control(
    ruled: tuple[Path, dict[str, Any]], embedded: tuple[Path, dict[str, Any]]
) -> None:
    assert ruled[1]["ener_kwh_m2"] < embedded[1]["ener_kwh_m2"]
    assert ruled[1]["tdis_k_h"] <= embedded[1]["tdis_k_h"] + 1.0


class Veiled:
    """A building of which nothing can be reached but the port and the floor areas; its model is not there any more."""

    def __init__(self, building: EnergyPlusBuilding) -> None:
        self.points = [
            Plain(point.name, point.brick_class, point.unit, point.zone, point.feeds) for point in building.points
        ]
        self.names, self.writable = building.names, building.writable
        self.step_ms, self.end_ms, self.floor_area_m2 = building.step_ms, building.end_ms, building.floor_area_m2
        self.step, self.read, self.close = building.step, building.read, building.close
        self.written: list[tuple[int, str, float]] = []
        self._now = lambda: building.time_ms
        self._write = building.write

    @property
    def time_ms(self) -> int:
        return self._now()

    def write(self, name: str, value: float) -> None:
        self.written.append((self.time_ms, name, value))
        self._write(name, value)


class Plain:
    """A point, as it is described."""

    def __init__(self, name: str, brick_class: str, unit: str, zone: str, feeds: Sequence[str]) -> None:
        self.name, self.brick_class, self.unit, self.zone, self.feeds = name, brick_class, unit, zone, feeds


def test_control_needs_nothing_of_the_model_but_its_points(tmp_path: Path, ruled: tuple[Path, dict[str, Any]]) -> None:
    """The same model under a name that says nothing, deleted before control begins: the same run to the last digit."""
    model = tmp_path / "x.idf"
    model.write_bytes(MODEL.read_bytes())
    calendar = site_calendar(Idf.parse(model.read_text(encoding="latin-1")), WEATHER, 2023)
    with EnergyPlusBuilding(model, WEATHER, date(2023, 1, 1), date(2023, 1, 7)) as building:
        model.unlink()
        (building.output / "model.idf").unlink()
        veiled = Veiled(building)
        supervisor = Supervisor(veiled, calendar, Comfort(20.0, 26.0, 12.0), decide)
        begin_ms = veiled.time_ms + 3 * 86_400_000
        while veiled.time_ms < veiled.end_ms:
            veiled.step(veiled.time_ms + veiled.step_ms)
            supervisor.watch()
            if begin_ms <= veiled.time_ms < veiled.end_ms:
                supervisor.control()
        assert veiled.written
        assert {point for _, point, _ in veiled.written} <= set(veiled.writable)
        rows = pq.read_table(ruled[0] / "trace.parquet").to_pylist()
        total = sum(row["gas_heating_kwh"] for row in rows if row["zone"] == "core-zn")
        assert veiled.read("gas/heating") == pytest.approx(total, rel=1e-9)


def test_a_missing_model_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "control", "--model", str(tmp_path / "none.idf"), "--weather", str(WEATHER),
              "--out", str(tmp_path / "out")],
    )  # fmt: skip

    assert isinstance(result.exception, PromessaError)
    assert result.exception.message.startswith(f"{tmp_path / 'none.idf'} cannot be read")
    assert "\n" not in result.exception.message
