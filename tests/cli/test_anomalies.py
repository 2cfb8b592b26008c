"""``promessa anomalies`` on a configured building, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

CONFIG = """
[[sites]]
id = "torino"
timezone = "Europe/Rome"

[[buildings]]
id = "torino/calvino"
meters = ["torino/calvino/gas"]
price_eur_per_kwh = {"torino/calvino/gas" = 0.09}
"""


def test_it_shows_what_is_open_and_why_a_meter_is_not_watched(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(CONFIG)
    done = run("anomalies", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["open"] == []
    assert shown["missing"].keys() == {"torino/calvino/gas"}


def test_wrong_rules_and_unknown_buildings_are_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(CONFIG)
    (tmp_path / "rules.toml").write_text("[[rule]]\nid = 'a'\n")
    wrong = run("anomalies", "--rules", "rules.toml")
    assert (wrong.returncode, wrong.stderr.startswith("promessa: rules.toml:")) == (78, True)
    assert run("anomalies", "torino/nothing").returncode != 0
