"""``promessa policy`` and ``promessa prices`` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run

LAWS = ROOT / "data/policies/italy-dpr74.toml"
CONFIG = """
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[[buildings]]
id = "torino/calvino"
[registry]
url = "sqlite:///registry.db"
"""
ORDINANCE = """
[[policies]]
id = "o-17"
scope = "torino/calvino"
rank = "ordinance"
issued = 2026-04-14
valid_from = 2026-04-16
valid_to = 2026-04-23
source = "Ordinance 17/2026"
heating = "allowed"
"""
TARIFFS = """
[[tariffs]]
id = "city"
scope = "torino"
carrier = "electricity"
kind = "price"
valid_from = 2026-01-01
source = "contract 7"
schedule = { default = 0.15, blocks = [{ days = ["wed"], from = "08:00", to = "19:00", value = 0.25 }] }
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    (tmp_path / "promessa.toml").write_text(CONFIG)
    return tmp_path


def test_a_law_and_an_ordinance_from_files(run: Run, town: Path) -> None:
    added = run("policy", "add", str(LAWS), "--record", "italy-dpr74-e", "--scope", "torino", "--why", "zone E")
    assert (added.returncode, added.stdout) == (0, "policy italy-dpr74-e v1 of torino\n"), added.stderr
    (town / "o.toml").write_text(ORDINANCE)
    assert run("policy", "add", "o.toml", "--why", "a cold spring").returncode == 0
    shown = run("policy", "list", "--scope", "torino/calvino", "--at", "2026-04-20T12:00", "--json")
    found = json.loads(shown.stdout)
    assert [p["value"]["id"] for p in found["policies"]] == ["italy-dpr74-e", "o-17"]
    assert found["holds"]["heating"] == "allowed"
    assert "record o-17" in found["holds"]["heating_source"]
    assert run("policy", "end", "o-17", "--on", "2026-04-18", "--why", "it got warm").returncode == 0
    shown = run("policy", "list", "--scope", "torino/calvino", "--at", "2026-04-20T12:00")
    assert "heating: forbidden" in shown.stdout
    assert "it got warm" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["add", str(LAWS), "--why", "w"], 65, "give --scope"),
        (["add", str(LAWS), "--why", "w", "--scope", "milano"], 65, "milano is neither"),
        (["add", str(LAWS), "--why", "w", "--scope", "torino", "--record", "zone-z"], 65, "no policy zone-z"),
        (["add", "nowhere.toml", "--why", "w"], 78, "nowhere.toml"),
        (["end", "none", "--on", "2026-04-18", "--why", "w"], 66, "no policy 'none'"),
        (["end", "none", "--on", "soon", "--why", "w"], 65, "'soon' is not a day"),
    ],
)
def test_what_cannot_be_entered_says_why(run: Run, town: Path, arguments: list[str], status: int, says: str) -> None:
    done = run("policy", *arguments)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_prices_from_a_tariff_and_a_file(run: Run, town: Path) -> None:
    (town / "t.toml").write_text(TARIFFS)
    assert run("prices", "add", "t.toml", "--why", "new contract").returncode == 0
    (town / "d.csv").write_text("time,price\n2026-01-14T09:00+01:00,90\n2026-01-14T10:00+01:00,-5\n")
    done = run("prices", "import", "d.csv", "--building", "torino/calvino", "--unit", "EUR/MWh")
    assert (done.returncode, done.stdout) == (0, "2 values of 60 min for electricity of torino/calvino\n"), done.stderr
    period = ["--from", "2026-01-14T07:00", "--to", "2026-01-14T11:00"]
    shown = json.loads(run("prices", "show", *period, "--building", "torino/calvino", "--json").stdout)
    assert shown["price_eur_kwh"] == pytest.approx([0.15, 0.25, 0.09, -0.005])
    assert shown["emission_g_kwh"] == [None] * 4
    table = run("prices", "show", *period, "--site", "torino").stdout
    assert "contract 7" in table
    assert "d.csv" not in table


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        ("time,price\n2026-01-14T09:00,90\n", ["--site", "torino"], "d.csv: line 2, column time"),
        ("time,price\n2026-01-14T09:00Z,90\n", ["--site", "torino"], "is it EUR/MWh?"),
        ("time,price\n2026-01-14T09:00Z,0.1\n", ["--site", "milano"], "milano is neither"),
        ("time,price\n2026-01-14T09:00Z,0.1\n", [], "either --site or --building"),
    ],
)
def test_a_file_that_is_wrong_says_where(run: Run, town: Path, text: str, arguments: list[str], says: str) -> None:
    (town / "d.csv").write_text(text)
    done = run("prices", "import", "d.csv", *arguments)
    assert done.returncode != 0
    assert says in done.stderr
