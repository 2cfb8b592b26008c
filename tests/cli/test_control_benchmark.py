"""The table of `benchmarks.control`: changes are to the building's own control, and what cannot be said is not said."""

import argparse
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.control import REPORT, STRATEGIES, Row, Task, finished, markdown, median_changes, rows, tasks_of
from benchmarks.control_pictures import energy_bars
from cli.evaluate.control import Controller
from control.strategy import decide
from core.errors import DomainError
from tests.control.views import view, zone


def report(ener_kwh_m2: float, tdis_k_h: float) -> dict[str, object]:
    return {
        "ener_kwh_m2": ener_kwh_m2, "tdis_k_h": tdis_k_h, "lowered_k_h": 0.0, "short_of_air_h": 1.0, "no_air_h": 2.0,
        "decision_ms": 3.0, "floor_area_m2": 500.0,
        "end_uses_kwh": {"Heating:NaturalGas": 400.0 * ener_kwh_m2, "Fans:Electricity": 100.0 * ener_kwh_m2},
    }  # fmt: skip


REPORTS = {
    ("office", "embedded"): report(40.0, 10.0),
    ("office", "rules"): report(30.0, 5.0),
    ("school", "embedded"): report(20.0, 0.0),
    ("school", "rules"): report(19.0, 1.0),
    ("shop", "rules"): report(19.0, 1.0),
}


def test_changes_are_to_the_own_control_of_the_same_case() -> None:
    table = {(row.case, row.controller): row for row in rows(REPORTS)}
    assert (table["office", "rules"].ener_change, table["office", "rules"].tdis_change) == (-25.0, -50.0)
    assert table["school", "rules"].ener_change == pytest.approx(-5.0)
    assert table["school", "rules"].tdis_change is None, "a change of nothing is no figure"
    assert table["shop", "rules"].ener_change is None, "its own control has not been run"
    assert table["office", "embedded"].ener_change is None
    assert median_changes(table.values()) == {"rules": pytest.approx(-15.0)}


def test_markdown_has_a_line_for_each_run_and_as_many_cells_as_its_head() -> None:
    lines = markdown(rows(REPORTS)).splitlines()
    assert len({line.count("|") for line in lines[: 2 + len(REPORTS)]}) == 1
    assert lines[3].startswith("| office | rules | 30 | -25.0 | 5 | -50.0 |")
    assert lines[-1] == "Median change of energy: rules -15.0 %."
    assert "Median" not in markdown([Row("shop", "rules", 1.0, None, 1.0, None, 0.0, 0.0, 0.0, 0.0)])


def test_bars_are_as_long_as_the_energy() -> None:
    root = ET.fromstring(energy_bars(REPORTS))
    bars = [
        float(r.attrib["width"]) for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "16.0"
    ]
    assert sum(bars[:2]) / sum(bars[2:4]) == pytest.approx(40 / 30, rel=0.01)
    assert bars[0] / bars[1] == pytest.approx(4.0, rel=0.01)


def test_each_strategy_can_be_left_out_and_runs_are_kept_apart() -> None:
    chosen = argparse.Namespace(
        first="2023-01-01", last="2023-01-20", learn_days=14, setback=12.0, without=["each"], cases=["small-office"],
        controllers=["embedded", "rules"],
    )  # fmt: skip
    tasks = tasks_of(chosen)
    assert [task.without for task in tasks] == ["", "", *STRATEGIES]
    assert len({task.directory for task in tasks}) == len(tasks)
    chosen.last = "2023-01-14"
    with pytest.raises(DomainError, match="no day after 14 days"):
        tasks_of(chosen)


def test_what_is_left_out_neither_speaks_nor_is_remembered() -> None:
    early = view("2026-01-14 07:30", zone(18.0))
    whole, memory = decide(early)
    assert [p.strategy for p in whole] == ["optimum-start"]
    assert memory.preheating
    rest, memory = decide(early, without={"optimum-start"})
    assert [p.strategy for p in rest] == ["setback"], "the next in rank is heard"
    assert not memory.preheating


def test_a_run_is_done_once_for_the_same_days_and_set_back(tmp_path: Path) -> None:
    task = Task("small-office", Controller.RULES, date(2023, 1, 1), date(2023, 3, 31), 14, 12.0)
    home = tmp_path / task.directory
    home.mkdir()
    assert finished(task, tmp_path) is None
    (home / REPORT).write_text(json.dumps({"key": task.key, "ener_kwh_m2": 1.0}))
    assert finished(task, tmp_path) is not None
    assert finished(replace(task, last=date(2023, 2, 28)), tmp_path) is None
    assert finished(replace(task, setback_c=15.0), tmp_path) is None
    own = replace(task, controller=Controller.EMBEDDED)
    assert replace(own, setback_c=15.0).key == own.key, "its own control knows nothing of our set-back"
    (home / REPORT).write_text("{")
    assert finished(task, tmp_path) is None
