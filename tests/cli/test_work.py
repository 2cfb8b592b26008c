"""Work items on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from stores.registry import Registry, WorkItem, WorkState
from tests.cli.conftest import Run

CONFIG = """
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[[buildings]]
id = "torino/calvino"
[registry]
url = "sqlite:///registry.db"
"""


def test_work_is_listed_acknowledged_and_closed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(CONFIG)
    assert run("work", "list").stdout.strip() == "nothing is to be done"
    evidence = {"kwh": 900.0, "eur": 81.0, "confidence": 0.99, "advice": "Look for windows."}
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry:
        registry.put_work_items(
            WorkItem(
                id=name, building="torino/calvino", cause=cause, state=state, since_ms=1, evaluated_ms=2, evaluations=2,
                updated_ms=3, evidence=evidence,
            )
            for name, cause, state in (("w1", "envelope", WorkState.OPEN), ("w2", "metering", WorkState.SUSPECTED))
        )  # fmt: skip
    shown = run("work", "list").stdout
    assert "Look for windows." in shown
    assert "w2" not in shown
    assert {item["id"] for item in json.loads(run("work", "list", "--all", "--json").stdout)} == {"w1", "w2"}
    assert run("work", "acknowledge", "w1", "--why", "ordered").stdout.strip() == "noted on w1"
    assert run("work", "close", "w1", "--why", "mended").stdout.strip() == "closed w1"
    assert run("work", "close", "w9", "--why", "mended").returncode == 66
    (closed,) = (i for i in json.loads(run("work", "list", "--all", "--json").stdout) if i["id"] == "w1")
    assert (closed["closed_why"], closed["acknowledged_by"].endswith("(command line)")) == ("mended", True)
    asked = ("--reference", "2025-01-01/2025-02-01", "--reporting", "2026-01-01/2026-02-01")
    assert run("work", "review", "torino/nothing", *asked).returncode == 66
    assert run("work", "review", "torino/calvino", "--reference", "x", "--reporting", "y").returncode == 65
