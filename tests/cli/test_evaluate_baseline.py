"""``promessa evaluate baseline`` on the three real buildings that come along."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.main import app
from core.errors import DomainError

REAL = Path(__file__).parents[2] / "data" / "cambridge"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One building: its second year of electricity unknown to the file, its gas without anything to learn from."""
    folder = tmp_path_factory.mktemp("archive")
    meters = pq.read_table(REAL / "meters.parquet")
    first = meters["building"][0].as_py()
    mine = meters.filter(pc.equal(meters["building"], first))
    year = pc.year(mine["time_utc"])
    electricity = pc.and_(pc.equal(mine["meter"], "electricity"), pc.equal(year, pc.min(year)))
    pq.write_table(mine.filter(electricity), folder / "meters.parquet")
    shutil.copy(REAL / "weather.parquet", folder)
    head, *rows = (REAL / "buildings.csv").read_text().splitlines()
    (folder / "buildings.csv").write_text("\n".join([head, *(row for row in rows if row.startswith(f"{first},"))]))
    return folder


def test_a_year_is_predicted_also_where_the_file_has_nothing_of_it(archive: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["evaluate", "baseline", str(archive), "--out", str(tmp_path / "p"), "--json"])
    assert found.exit_code == 0, found.output
    table = pq.read_table(tmp_path / "p")
    assert table.column_names == ["building", "meter", "time_utc", "predicted", "p10", "p90"]
    assert set(table["meter"].to_pylist()) == {"electricity"}
    predicted, low, high = (table[name].to_numpy() for name in ("predicted", "p10", "p90"))
    assert len(predicted) in (8760, 8784)
    assert np.isfinite(predicted).all()
    assert np.all((low <= predicted) & (predicted <= high))
    said = {row["meter"]: row for row in json.loads(found.stdout)["meters"]}
    assert said["electricity"]["cv_rmse"] is None
    assert said["electricity"]["cross_validated_cv_rmse"] < 30
    assert "needs hours" in said["gas"]["reason"]


def test_real_buildings_are_predicted_within_the_limits_of_guideline_14(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["evaluate", "baseline", str(REAL), "--out", str(tmp_path / "p"), "--json"])
    medians = json.loads(found.stdout)["medians"]
    assert medians["electricity"]["cv_rmse"] < 16
    assert medians["gas"]["cv_rmse"] < 25
    assert medians["gas"]["abs_nmbe"] < 10


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["evaluate", "baseline", str(tmp_path / "no"), "--out", str(tmp_path / "p")])
    assert "no/weather.parquet" in str(found.exception)
    assert not (tmp_path / "p").exists()


def test_a_file_that_cannot_be_put_in_place_is_an_error(archive: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["evaluate", "baseline", str(archive), "--out", str(tmp_path), "--json"])
    assert isinstance(found.exception, DomainError)
    assert not tmp_path.with_name(tmp_path.name + ".part").exists()


@pytest.mark.parametrize("command", ["baseline", "forecast"])
def test_nothing_done_for_any_meter_is_an_error_after_the_report(archive: Path, tmp_path: Path, command: str) -> None:
    folder = shutil.copytree(archive, tmp_path / "archive")
    (folder / "buildings.csv").write_text("building,timezone,train_year_electricity\nb,Mars/Base,2018\n")
    found = CliRunner().invoke(app, ["evaluate", command, str(folder), "--out", str(tmp_path / "p"), "--json"])
    assert isinstance(found.exception, DomainError)
    assert json.loads(found.stdout)["meters"][0]["reason"] == "'Mars/Base' is not an IANA time zone"
    assert not (tmp_path / "p").exists()
