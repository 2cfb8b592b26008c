"""``promessa evaluate control`` on a building that is plugged in, without any engine."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.evaluate.closed_loop import Supervisor, layout_of
from cli.evaluate.control import run as run_building
from cli.main import app, main
from control.memory import Memory
from control.mpc.decider import PredictiveDecider
from control.proposal import Proposal
from control.strategy import decide
from control.view import BuildingView, Comfort
from core.calendar import Calendar
from simulators.port import DescribedBuilding
from tests.cli.cabin import HOUR_MS, BlindCabin, Cabin
from tests.cli.conftest import Run

UTC_SITE = Calendar("Etc/UTC")
START = UTC_SITE.midnight(date(2023, 1, 2))
COMFORT = Comfort(20.0, 26.0, 12.0)
COLUMNS = {
    "time_utc", "zone", "temperature_c", "people", "heating_setpoint_asked_c", "heating_setpoint_c",
    "cooling_setpoint_asked_c", "cooling_setpoint_c", "outdoor_air_fraction", "outdoor_temperature_c",
}  # fmt: skip


def evaluate(out: Path, controller: str = "rules", *more: str, building: str = "tests.cli.cabin:Cabin") -> Any:
    result = CliRunner().invoke(
        app,
        ["evaluate", "control", "--building", building, "--from", "01-02", "--to", "01-15", "--learn-days", "7",
         "--controller", controller, "--out", str(out), "--json", *more],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_building_is_laid_out_from_its_points_alone() -> None:
    building: DescribedBuilding = Cabin(START)
    layout = layout_of(building)

    assert [zone.name for zone in layout.zones] == ["simulated/building/office", "simulated/building/workshop"]
    office = layout.zones[0]
    assert office.heating.id == "simulated/building/office/heating-setpoint"
    assert office.heating.limits is not None
    assert (office.temperature, office.people) == (
        "simulated/building/office/temperature",
        "simulated/building/office/people",
    )
    assert office.cooling is None
    assert not layout.systems
    assert layout.outdoor == "simulated/building/outdoor-temperature"
    assert layout.sun == ""
    assert layout.heat_meters == ("simulated/building/electricity/heating",)


def test_a_set_point_that_cannot_be_written_is_no_zone_to_control() -> None:
    class Fixed(Cabin):
        @property
        def writable(self) -> tuple[str, ...]:
            return ("office/heating-setpoint",)

    assert [zone.name for zone in layout_of(Fixed(START)).zones] == ["simulated/building/office"]


def test_the_rules_save_at_equal_comfort_and_everything_is_told(tmp_path: Path) -> None:
    own, ours = evaluate(tmp_path / "own", "embedded"), evaluate(tmp_path / "ours")

    assert set(own) == set(ours) >= {
        "controller", "from", "to", "zones", "trace_rows", "ener_kwh_m2", "tdis_k_h", "tdis_by_zone_k_h",
        "end_uses_kwh", "lowered_k_h", "short_of_air_h", "no_air_h", "decision_ms", "slowest_decision_ms",
    }  # fmt: skip
    assert (ours["controller"], ours["from"], ours["to"], ours["zones"]) == ("rules", "2023-01-02", "2023-01-15", 2)
    assert ours["end_uses_kwh"]["electricity/heating"] < 0.95 * own["end_uses_kwh"]["electricity/heating"]
    assert ours["tdis_k_h"] <= own["tdis_k_h"] + 1.0
    assert set(ours["tdis_by_zone_k_h"]) == {"office", "workshop"}
    assert ours["ener_kwh_m2"] is None  # the cabin tells no floor area
    assert ours["slowest_decision_ms"] >= ours["decision_ms"] > 0
    assert own["decision_ms"] == 0


def test_the_trace_has_a_row_for_every_zone_and_step(tmp_path: Path) -> None:
    report = evaluate(tmp_path)
    table = pq.read_table(tmp_path / "trace.parquet")

    assert table.num_rows == report["trace_rows"] == 14 * 96 * 2
    assert set(table.column_names) >= COLUMNS | {"electricity_heating_kwh"}
    rows = table.to_pylist()
    assert rows[0]["time_utc"] == datetime(2023, 1, 2, tzinfo=UTC)
    assert rows[-1]["time_utc"] == datetime(2023, 1, 15, 23, 45, tzinfo=UTC)
    asked = [(row["time_utc"], row["heating_setpoint_asked_c"]) for row in rows if row["zone"] == "office"]
    learnt = datetime(2023, 1, 9, tzinfo=UTC)
    assert all(value is None for at, value in asked if at < learnt)
    assert any(value is not None for at, value in asked if at >= learnt)
    for row in rows:
        if row["heating_setpoint_asked_c"] is not None:
            assert row["heating_setpoint_c"] == row["heating_setpoint_asked_c"]
        assert math.isnan(row["cooling_setpoint_c"])
    of_office = [row["electricity_heating_kwh"] for row in rows if row["zone"] == "office"]
    after = sum(of_office[7 * 96 :])
    assert after == pytest.approx(report["end_uses_kwh"]["electricity/heating"])


@pytest.mark.parametrize("controller", ["rules", "mpc"])
def test_the_same_run_twice_is_the_same(tmp_path: Path, controller: str) -> None:
    one, two = (evaluate(tmp_path / name, controller, "--to", "01-10") for name in ("one", "two"))
    for report in (one, two):
        del report["decision_ms"], report["slowest_decision_ms"]

    assert one == two
    first, second = (pq.read_table(tmp_path / name / "trace.parquet") for name in ("one", "two"))
    for name in first.column_names:
        if name.endswith(("_c", "_kwh")):
            assert np.array_equal(first[name].to_numpy(), second[name].to_numpy(), equal_nan=True)


def test_the_last_day_asked_for_is_the_last_one_simulated(tmp_path: Path) -> None:
    report = evaluate(tmp_path, "embedded", "--to", "01-10")

    assert report["to"] == "2023-01-10"
    assert report["trace_rows"] == 9 * 96 * 2


def test_a_building_that_ends_earlier_is_run_to_its_end(tmp_path: Path) -> None:
    report = evaluate(tmp_path, "embedded", "--learn-days", "2", building="tests.cli.cabin:ShortCabin")

    assert report["to"] == "2023-01-06"
    assert report["trace_rows"] == 5 * 96 * 2


def test_local_days_are_those_of_the_zone_that_is_asked_for(tmp_path: Path) -> None:
    evaluate(tmp_path, "embedded", "--timezone", "Europe/Rome", "--to", "01-09")
    times = pq.read_table(tmp_path / "trace.parquet")["time_utc"].to_pylist()

    assert times[0] == datetime(2023, 1, 1, 23, tzinfo=UTC)
    assert times[-1] == datetime(2023, 1, 9, 22, 45, tzinfo=UTC)


def test_results_of_an_earlier_run_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    (tmp_path / "eplusout.sql").write_text("of another building")
    assert evaluate(tmp_path, "embedded")["zones"] == 2
    assert not (tmp_path / "eplusout.sql").exists()


def test_a_table_is_printed_for_people(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "control", "--building", "tests.cli.cabin:Cabin", "--from", "01-02", "--to", "01-04",
              "--learn-days", "1", "--controller", "embedded", "--out", str(tmp_path)],
    )  # fmt: skip

    assert result.exit_code == 0
    assert "tdis_k_h" in result.stdout
    assert "electricity/heating" in result.stdout
    assert "trace.parquet: 576 rows" in result.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--from", "01-02", "--to", "01-08", "--learn-days", "7"), "leaves no day after 7 days of learning"),
        (("--from", "01-12", "--to", "01-02", "--learn-days", "0"), "leaves no day"),
        (("--from", "02-30"), "'02-30' is no day like 01-31"),
        (("--to", "soon"), "'soon' is no day like 01-31"),
        (("--building", "tests.cli.cabin"), "is not module:name"),
        (("--building", "tests.cli.cabin:Castle"), "cannot be loaded"),
        (("--building", "tests.cli.cabin:Shed"), "is no building to evaluate: it has no end_ms"),
        (("--building", "tests.cli.cabin:ShortCabin", "--learn-days", "6"), "ends before 6 days of learning are over"),
        (("--building", ""), "needs --model and --weather"),
        (("--timezone", "Europe/Atlantis"), "Atlantis"),
        (("--model", "office.idf"), "not both"),
        (("--setback", "21"), "do not ascend"),
        (("--comfort-minimum", "27"), "do not ascend"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], complaint: str,
) -> None:  # fmt: skip
    usual = ["--building", "tests.cli.cabin:Cabin", "--from", "01-02", "--to", "01-09", "--learn-days", "2"]
    out = ["--out", str(tmp_path / "results")]
    monkeypatch.setattr(sys, "argv", ["promessa", "evaluate", "control", *usual, *out, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code not in (0, None)
    said = capsys.readouterr().err
    assert said.startswith("promessa: ")
    assert complaint in said
    assert said.count("\n") == 1


def test_a_place_that_cannot_be_written_is_said_in_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    ended = run(
        "evaluate", "control", "--building", "tests.cli.cabin:Cabin", "--from", "01-02", "--to", "01-09",
        "--learn-days", "2", "--out", "results",
    )  # fmt: skip

    assert ended.stderr == "promessa: results: File exists\n"


def driven(building: Cabin, decider: Any, days: int = 12) -> Supervisor:
    supervisor = Supervisor(building, UTC_SITE, COMFORT, decider)
    while building.time_ms < START + days * 24 * HOUR_MS:
        building.step(building.time_ms + building.step_ms)
        supervisor.watch()
        if building.time_ms >= START + 5 * 24 * HOUR_MS:
            supervisor.control()
    return supervisor


def test_nothing_is_written_by_who_only_watches() -> None:
    building = Cabin(START)
    driven(building, None)

    assert not building.written


def test_only_changes_are_written_and_each_stays_within_its_limits() -> None:
    building = Cabin(START)
    driven(building, decide)

    assert building.written
    for zone in Cabin.zones:
        values = [value for _, name, value in building.written if name == f"{zone}/heating-setpoint"]
        assert all(7.0 <= value <= 26.0 for value in values)


def test_a_thermometer_that_fails_hands_its_zone_back() -> None:
    building = BlindCabin(START)
    supervisor = driven(building, decide)

    assert supervisor.asked["office/heating-setpoint"] is None
    assert supervisor.asked["workshop/heating-setpoint"] is not None
    last = next(value for _, name, value in reversed(building.written) if name == "office/heating-setpoint")
    assert math.isnan(last)
    assert building.read("office/heating-setpoint") in (12.0, 21.0)  # its own controls rule


def test_a_learner_is_given_the_record_once_a_day() -> None:
    class Pupil:
        lessons: list[int]

        def __init__(self) -> None:
            self.lessons = []

        def __call__(self, view: BuildingView) -> tuple[list[Proposal], Memory]:
            return decide(view)

        def learn(self, layout: Any, record: Any, plans: Any) -> None:
            self.lessons.append(len(record))
            assert set(plans) == {zone.name for zone in layout.zones}

    pupil = Pupil()
    driven(Cabin(START), pupil, days=8)

    assert pupil.lessons == [5 * 96, 6 * 96, 7 * 96, 8 * 96]


def test_habits_are_those_of_before_anybody_drove() -> None:
    supervisor = driven(Cabin(START), decide, days=14)
    habit = supervisor.learnt.habits["simulated/building/office"].at(0, 10 * 60)

    assert habit.heating_c == pytest.approx(21.0)


def test_predictive_control_of_a_cabin_saves_too(tmp_path: Path) -> None:
    own, ours = evaluate(tmp_path / "own", "embedded"), evaluate(tmp_path / "ours", "mpc")

    assert ours["controller"] == "mpc"
    assert ours["end_uses_kwh"]["electricity/heating"] < 0.95 * own["end_uses_kwh"]["electricity/heating"]
    assert ours["tdis_k_h"] <= own["tdis_k_h"] + 1.0


def test_predictive_control_says_how_it_came_to_its_plan() -> None:
    decider = PredictiveDecider()
    driven(Cabin(START), decider, days=12)

    assert decider.spoke.startswith(("Planned", "The rules decide"))
    assert set(decider.twins.models) | set(decider.twins.rejected) == {
        "simulated/building/office",
        "simulated/building/workshop",
    }


def test_a_run_ends_where_it_is_told_and_leaves_the_building_open(tmp_path: Path) -> None:
    building = Cabin(START)
    report = run_building(Supervisor(building, UTC_SITE, COMFORT, None), tmp_path, 1, START + 50 * HOUR_MS + 7 * 60_000)

    assert building.time_ms == START + 50 * HOUR_MS
    assert building.closed == 0
    assert report["trace_rows"] == 2 * 200
