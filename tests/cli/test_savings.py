"""Fitting, savings and the ledger on the command line, over a town with two years of readings."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from predict.fit import BASELINE_KIND
from tests.cli.conftest import Run
from tests.predict.savings import town as towns
from tests.predict.savings.town import BUILDING, HEAT, OUTDOOR, POWER

CONFIG = f"""
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[[buildings]]
id = "{BUILDING}"
meters = ["{HEAT.id}", "{POWER.id}", "{BUILDING}/water"]
outdoor_temperature = "{OUTDOOR.id}"
baseline_start = 2025-01-01
baseline_end = 2026-01-01
[registry]
url = "sqlite:///registry.db"
[store]
sqlite = {{ path = "readings.db" }}
[fleet]
backend = "threading"
"""
CONTRACT = f"""
id = "calvino"
building = "{BUILDING}"
client = "City"
contractor = "ESCO"
start = 2026-01-01
end = 2027-01-01
settlement = "month"
share_of_excess = 0.5
[[terms]]
meter = "{HEAT.id}"
baseline_kind = "{BASELINE_KIND}"
baseline_version = 1
guaranteed_percent = 8.0
prices = [{{ start = 2026-01-01, per_kwh = 0.1, source = "tariff 2026" }}]
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    towns.make(folder)
    return folder


@pytest.fixture
def town(template: Path, tmp_path: Path) -> Path:
    with towns.opened(template, tmp_path):
        pass
    (tmp_path / "promessa.toml").write_text(CONFIG)
    (tmp_path / "contract.toml").write_text(CONTRACT)
    return tmp_path


def test_fit_reports_every_meter(run: Run, process: Run, town: Path) -> None:
    done = process("fit", "--all", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["meter"]: row for row in json.loads(done.stdout)}
    assert {meter: row["status"] for meter, row in rows.items()} == {
        HEAT.id: "kept", POWER.id: "kept", f"{BUILDING}/water": "failed",
    }  # fmt: skip
    assert rows[HEAT.id]["version"] == 1
    assert rows[HEAT.id]["figures"]["fit"]["cv_rmse"] > 0
    assert rows[HEAT.id]["cpu_s"] > 0
    table = run("fit", BUILDING, "--refit", "always", "--jobs", "1").stdout
    assert "promoted" in table
    assert "1 failed, 2 promoted" in table


def test_normalised_savings_are_those_of_a_year_of_choice(run: Run, town: Path) -> None:
    words = ("savings", BUILDING, "--from", "2026-01-01", "--to", "2027-01-01", "--normal-year", "2025")
    (heat, _) = json.loads(run(*words, "--json").stdout)["meters"]
    total = heat["total"]
    assert heat["disqualified"] == []
    assert total["saving_kwh"] == pytest.approx(total["baseline_kwh"] - total["reporting_kwh"])
    assert total["saving_kwh"] / total["baseline_kwh"] == pytest.approx(towns.SAVED, abs=0.02)
    shown = run(*words).stdout
    assert "weather of 2025" in shown
    assert HEAT.id in shown


def test_savings_are_shown_and_are_json(run: Run, town: Path) -> None:
    period = ("--from", "2026-01-01", "--to", "2026-04-01")
    (heat, power) = json.loads(run("savings", BUILDING, *period, "--json").stdout)["meters"]
    assert (heat["meter"], power["meter"]) == (HEAT.id, POWER.id)
    assert heat["may_claim_savings"] is True
    assert heat["total"]["saving_kwh"] == pytest.approx(sum(heat["steps"]["saving_kwh"]))
    later = run("savings", BUILDING, "--from", "2027-02-01", "--to", "2027-03-01", "--json").stdout
    assert json.loads(later, parse_constant=pytest.fail)["meters"][0]["total"]["saving_kwh"] is None
    shown = run("savings", BUILDING, *period).stdout
    assert f"{HEAT.id} against {BASELINE_KIND} v1" in shown
    assert f"{BUILDING}/water" in shown


def test_a_ledger_is_entered_frozen_shown_and_verified(run: Run, town: Path) -> None:
    assert run("ledger", "enter", "contract.toml", "--why", "signed").stdout.strip() == "contract calvino v1"
    lines = json.loads(run("ledger", "freeze", "calvino", "--json").stdout)
    assert {line["kind"] for line in lines} == {"month", "settlement"}
    assert "(command line)" in lines[0]["by"]
    assert run("ledger", "freeze", "calvino").stdout.strip() == "nothing is due"
    shown = json.loads(run("ledger", "show", "calvino", "--json").stdout)
    assert [line["hash"] for line in shown["lines"]] == [line["hash"] for line in lines]
    assert lines[-1]["hash"] in run("ledger", "show", "calvino").stdout.replace("\n", "")
    held = run("ledger", "verify", "calvino")
    assert (held.returncode, held.stdout.strip()) == (0, f"{len(lines)} of {len(lines)} lines hold")
    with sqlite3.connect(town / "registry.db") as registry:
        registry.execute("UPDATE ledger_line SET body = replace(body, 'ESCO', 'x') || ' ' WHERE position = 1")
    broken = run("ledger", "verify", "calvino")
    assert broken.returncode == 1
    assert "tampering" in broken.stdout


def test_a_contract_that_is_wrong_names_what(run: Run, town: Path) -> None:
    (town / "contract.toml").write_text(CONTRACT.replace("2026-01-01\nend", "2026-01-05\nend"))
    done = run("ledger", "enter", "contract.toml", "--why", "signed")
    assert done.returncode == 78
    assert "from the first of a month" in done.stderr
    assert run("ledger", "show", "nothing").returncode == 66
