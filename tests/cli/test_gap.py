"""``promessa gap explain`` on folders, and what ``promessa evaluate gap`` makes of its cases."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.evaluate.gap import Case, summarise
from cli.evaluate.simulated import TYPES, simulate_period
from cli.recording import read_record
from core.errors import DomainError
from predict.causes.explanation import CAUSES
from predict.causes.record import Record
from simulators.design import Variation
from tests.cli.conftest import Run


def write(directory: Path, record: Record) -> Path:
    directory.mkdir()
    rows = [f"{p.name},{p.brick_class},{p.unit},{p.zone}" for p in record.points]
    (directory / "points.csv").write_text("point,brick_class,unit,zone\n" + "\n".join(rows) + "\n")
    table = pa.table(
        {
            "point": np.repeat([p.name for p in record.points], [len(p.value) for p in record.points]),
            "time_utc": pa.array(np.concatenate([p.time_ms for p in record.points]), pa.timestamp("ms", "UTC")),
            "value": np.concatenate([p.value for p in record.points]),
        }
    )
    pq.write_table(table, directory / "readings.parquet")
    return directory


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("periods")
    periods = [
        simulate_period(TYPES[1], date(year, 1, 13), 21, seed=2, variation=Variation(boiler_efficiency=factor))
        for year, factor in ((2025, 1.0), (2026, 0.85))
    ]
    first, second = (write(base / name, p.record) for name, p in zip(("a", "b"), periods, strict=True))
    return first, second


def test_the_change_between_two_folders_is_explained_as_json(run: Run, folders: tuple[Path, Path]) -> None:
    done = run("gap", "explain", "--reference", str(folders[0]), "--reporting", str(folders[1]), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [c["cause"] for c in found["causes"]] == list(CAUSES)
    assert sum(c["kwh"] for c in found["causes"]) == pytest.approx(found["total"])
    assert all(c["low"] <= c["kwh"] <= c["high"] for c in found["causes"])
    assert found["ranked"][0] == "system_efficiency"


def test_the_same_as_a_table(run: Run, folders: tuple[Path, Path]) -> None:
    done = run("gap", "explain", "--reference", str(folders[0]), "--reporting", str(folders[1]))
    assert done.returncode == 0
    assert all(cause.replace("_", " ") in done.stdout for cause in CAUSES)


def test_a_folder_reads_back_as_it_was_written(folders: tuple[Path, Path]) -> None:
    record = read_record(folders[0])
    names = {p.name for p in record.points}
    assert {"gas", "electricity", "canteen/temperature"} <= names
    gas = next(p for p in record.points if p.name == "gas")
    assert (gas.brick_class, gas.unit) == ("Building_Gas_Meter", "kW.h")
    assert (np.diff(gas.time_ms) == 15 * 60_000).all()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("points.csv", None, "points.csv"),
        ("points.csv", "point,unit\n", "no column point, brick_class, unit"),
        ("readings.parquet", "nonsense", "readings.parquet"),
    ],
    ids=["no points", "columns", "no parquet"],
)
def test_a_folder_that_cannot_be_read_is_one_clear_line(
    folders: tuple[Path, Path], tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in ("points.csv", "readings.parquet"):
        (broken / file).write_bytes((folders[0] / file).read_bytes())
    (broken / name).unlink()
    if text is not None:
        (broken / name).write_text(text)
    with pytest.raises(DomainError, match=says):
        read_record(broken)


def case(injected: list[str], *, ranked: bool, within: bool) -> Case:
    truth = {"setpoint": 100.0} if injected else {}
    return Case(
        building="school",
        seed=1,
        injected=injected,
        truth=truth,
        found={"setpoint": 110.0},
        ranked=ranked,
        within=dict.fromkeys(truth, within),
        covered=dict.fromkeys(truth, True),
    )


def test_shares_are_counted_by_what_was_injected() -> None:
    found = summarise(
        [
            case(["set-point +1 K"], ranked=True, within=False),
            case(["set-point +1 K"], ranked=True, within=True),
            case([], ranked=False, within=False),
        ]
    )
    assert found["set-point +1 K"]["within_25_percent"] == 0.5
    assert found["all"]["cases"] == 2
    assert found["all"]["ranked_first"] == 1.0
    assert found["nothing injected"]["ranked_first"] == 0.0
    assert found["people +30 %"]["ranked_first"] is None
