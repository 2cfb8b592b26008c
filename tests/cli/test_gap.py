"""``promessa gap explain`` on folders, and what ``promessa evaluate gap`` makes of its cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.evaluate.gap import Case, summarise
from cli.evaluate.simulated import TYPES, simulate_period
from cli.options import print_json
from cli.recording import read_record
from cli.settings import read_config
from core.errors import DomainError
from predict.causes.explain import explain
from predict.causes.explanation import CAUSES
from predict.causes.record import Record
from simulators.design import Variation
from stores.readings import open_store
from stores.registry import RateKind, Registry
from tests.cli.conftest import Run
from tests.predict.causes.kept import keep_records

Change = Callable[[pa.Table], pa.Table]


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


def rewrite(folder: Path, target: Path, change: Change) -> Path:
    """The folder once more, with its points and readings changed."""
    target.mkdir()
    points = (folder / "points.csv").read_text()
    (target / "points.csv").write_text(points)
    table = pq.read_table(folder / "readings.parquet")
    pq.write_table(change(table), target / "readings.parquet")
    return target


def only_where(table: pa.Table, keep: np.ndarray) -> pa.Table:
    return table.filter(pa.array(keep))


def of_point(table: pa.Table, name: str) -> np.ndarray:
    return np.array([n == name for n in table["point"].to_pylist()])


def valued(table: pa.Table, rows: np.ndarray, value: float) -> pa.Table:
    values = np.where(rows, value, table["value"].to_numpy())
    return table.set_column(table.column_names.index("value"), "value", pa.array(values))


def as_text(table: pa.Table, offset: str, shift_h: int) -> pa.Table:
    moments = table["time_utc"].to_numpy().astype("datetime64[s]") + np.timedelta64(shift_h, "h")
    texts = [f"{moment}{offset}" for moment in moments]
    return table.set_column(table.column_names.index("time_utc"), "time_utc", pa.array(texts))


@pytest.mark.parametrize(("offset", "shift_h"), [("Z", 0), ("+02:00", 2), ("-05:00", -5), ("", 0)])
def test_times_written_as_text_count_with_their_offset(
    folders: tuple[Path, Path], tmp_path: Path, offset: str, shift_h: int
) -> None:
    again = read_record(rewrite(folders[0], tmp_path / "text", lambda table: as_text(table, offset, shift_h)))
    for one, other in zip(read_record(folders[0]).points, again.points, strict=True):
        assert one.time_ms.tolist() == other.time_ms.tolist()


def test_readings_without_a_name_are_nobodys(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def add_nameless(table: pa.Table) -> pa.Table:
        nameless = table.slice(0, 9).set_column(0, "point", pa.nulls(9, table.schema.field("point").type))
        return pa.concat_tables([nameless, table])

    again = read_record(rewrite(folders[0], tmp_path / "nameless", add_nameless))
    counts = [len(p.value) for p in again.points]
    assert counts == [len(p.value) for p in read_record(folders[0]).points]


def test_a_meter_that_one_period_lacks_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    later = rewrite(folders[1], tmp_path / "b", lambda table: only_where(table, ~of_point(table, "gas")))
    found = explain(read_record(folders[0]), read_record(later))
    assert any(sentence.startswith("gas: not known in the reporting period") for sentence in found.missing)


def test_a_meter_with_holes_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def with_hole(table: pa.Table) -> pa.Table:
        moments = table["time_utc"].to_numpy()
        hole = (moments > moments.min() + np.timedelta64(3, "D")) & (moments < moments.min() + np.timedelta64(9, "D"))
        return only_where(table, ~(of_point(table, "electricity") & hole))

    found = explain(read_record(folders[0]), read_record(rewrite(folders[1], tmp_path / "b", with_hole)))
    assert any("electricity: 7" in sentence and "% of the hours" in sentence for sentence in found.missing)


def test_a_meter_that_counts_nothing_is_named_and_no_cause(folders: tuple[Path, Path], tmp_path: Path) -> None:
    off = [rewrite(f, tmp_path / f.name, lambda table: valued(table, of_point(table, "gas"), 0.0)) for f in folders]
    found = explain(*(read_record(folder) for folder in off))
    assert sum(part.kwh for part in found.parts) == pytest.approx(found.total_kwh)
    assert "gas" not in found.by_carrier
    assert any(sentence.startswith("gas: counts nothing") for sentence in found.missing)


def test_a_dead_outdoor_sensor_is_said(folders: tuple[Path, Path], tmp_path: Path) -> None:
    still = rewrite(folders[1], tmp_path / "b", lambda t: valued(t, of_point(t, "outdoor-temperature"), 5.0))
    with pytest.raises(DomainError, match="stands still"):
        explain(read_record(folders[0]), read_record(still))


def test_json_has_null_where_there_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [float("nan"), 1.0], "b": (float("inf"),), "c": {"d": -float("inf")}})
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"a": [None, 1.0], "b": [None], "c": {"d": None}}


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "promessa.toml"
    path.write_text(
        f'[registry]\nurl = "sqlite:///{tmp_path}/registry.db"\n'
        f'[store]\nsqlite = {{ path = "{tmp_path}/readings.db" }}\n'
        '[[sites]]\nid = "torino"\ntimezone = "Europe/Rome"\n[[buildings]]\nid = "torino/calvino"\n'
    )
    return path


def test_a_promise_is_kept_as_versions(run: Run, configured: Path) -> None:
    words = [
        "gap",
        "promise",
        "torino/calvino",
        "--carrier",
        "gas",
        "--source",
        "contract 7",
        "--config",
        str(configured),
    ]
    first = run(*words, "--kwh", "120000", "--valid-from", "2026-01-01")
    assert first.returncode == 0, first.stderr
    assert "contract v1 of torino/calvino: 120,000 kWh of gas a year" in first.stdout
    again = run(*words, "--kwh", "110000", "--valid-from", "2027-01-01")
    assert "contract v2" in again.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--kwh", "1", "--valid-from", "tomorrow"], "2026-01-31"),
        (["--kwh", "1", "--valid-from", "2026-01-01", "--kind", "hope"], "design, certificate or contract"),
        (["--kwh", "1", "--kwh", "2", "--valid-from", "2026-01-01"], "twelve"),
    ],
)
def test_a_promise_that_is_none_is_refused(run: Run, configured: Path, more: list[str], said: str) -> None:
    words = ["gap", "promise", "torino/calvino", "--carrier", "gas", "--source", "s", "--config", str(configured)]
    done = run(*words, *more)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_rate_is_kept_with_its_year_and_source(run: Run, configured: Path) -> None:
    words = ["--year", "2026", "--source", "ARERA", "--config", str(configured)]
    done = run("gap", "rate", "gas", "0.11", *words)
    assert done.returncode == 0, done.stderr
    assert "gas" in done.stdout
    assert "2026" in done.stdout
    assert run("gap", "rate", "gas", "0.2", *words, "--kind", "weather").returncode != 0


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A configured building with the periods of `folders` in its store, and the two periods as FROM/TO."""
    folder = tmp_path_factory.mktemp("school")
    path = folder / "promessa.toml"
    path.write_text(
        f'[registry]\nurl = "sqlite:///{folder}/registry.db"\n[store]\nsqlite = {{ path = "{folder}/readings.db" }}\n'
        '[[sites]]\nid = "torino"\ntimezone = "Europe/Rome"\n[[buildings]]\nid = "torino/school"\n'
    )
    settings = read_config(path)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        registry.put_rate("torino", "gas", RateKind.PRICE, year=2025, value=0.1, source="s", now_ms=0)
        records = [simulate_period(TYPES[1], date(y, 1, 13), 21, seed=2, variation=Variation()).record
                   for y in (2025, 2026)]  # fmt: skip
        keep_records(store, registry, "torino/school", records)
    return path, ["2025-01-13/2025-02-03", "2026-01-13/2026-02-03"]


def test_two_periods_of_a_stored_building_are_explained_with_their_worth(
    run: Run, school: tuple[Path, list[str]]
) -> None:
    config, (reference, reporting) = school
    words = ["gap", "explain", "torino/school", "--reference", reference, "--reporting", reporting]
    done = run(*words, "--config", str(config), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sum(c["kwh"] for c in found["causes"]) == pytest.approx(found["total"])
    gas = sum(found["by_carrier"]["gas"].values())
    assert found["worth"]["total"]["eur"] is None  # nobody knows what electricity costs
    assert gas != 0
    table = run(*words, "--config", str(config))
    assert "EUR" in table.stdout
    assert "│█" in table.stdout or "█│" in table.stdout


def test_a_design_is_kept_and_explained(run: Run, school: tuple[Path, list[str]], folders: tuple[Path, Path]) -> None:
    config, (_, reporting) = school
    where = ["--config", str(config)]
    kept = run("gap", "design", "torino/school", str(folders[0]), "--source", "model 3", *where)
    assert "design v1 of torino/school" in kept.stdout, kept.stderr
    words = ["gap", "explain", "torino/school", "--reporting", reporting, *where]
    found = json.loads(run(*words, "--against", "design", "--json").stdout)
    assert sum(c["kwh"] for c in found["causes"]) == pytest.approx(found["total"])
    promised = run(*words, "--against", "promised")
    assert "not both known" in promised.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "either --reference or --against"),
        (["--reference", "a", "--against", "promised"], "either --reference or --against"),
        (["--against", "promised"], "needs a building"),
    ],
)
def test_what_it_is_compared_with_must_be_said(run: Run, words: list[str], says: str) -> None:
    done = run("gap", "explain", "--reporting", "b", *words)
    assert done.returncode != 0
    assert says in done.stderr


def test_a_promise_says_what_it_rests_on(run: Run, configured: Path) -> None:
    words = ["gap", "promise", "torino/calvino", "--carrier", "gas", "--source", "s", "--config", str(configured)]
    words += ["--kwh", "1000", "--valid-from", "2026-01-01"]
    assert run(*words, "--degree-days", "2617", "--room-c", "20", "--efficiency", "0.9").returncode == 0
    refused = run(*words, "--outdoor-c", "3")
    assert refused.returncode != 0
    assert "twelve monthly means" in refused.stderr
