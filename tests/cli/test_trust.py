"""``promessa trust`` on a configured building, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.commands import Command
from stores.registry import Advice, AdviceState, Registry, TrustMode
from tests.cli.conftest import Run

NAME = "torino/calvino"
POINT = "torino/calvino/hall/heating-setpoint"
FAR_MS = 4_000_000_000_000
CONFIG = f"""
[[sites]]
id = "torino"
timezone = "Europe/Rome"

[[buildings]]
id = "{NAME}"

[buildings.control]
mode = "drive"
setpoints = ["{POINT}"]

[registry]
url = "sqlite:///registry.db"
"""


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> Path:
    (tmp_path / "promessa.toml").write_text(CONFIG)
    return tmp_path


def registry(folder: Path) -> Registry:
    return Registry.open(f"sqlite:///{folder}/registry.db")


def shown(run: Run) -> dict[str, Any]:
    done = run("trust", "show", NAME, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_starts_in_advise_and_is_raised_and_stopped_on_record(run: Run, configured: Path) -> None:
    first = shown(run)
    assert (first["ceiling"], first["mode"], first["effective"], first["history"]) == ("drive", "advise", "advise", [])
    raised = run("trust", "set", NAME, "drive", "--why", "Its advice made sense")
    assert (raised.returncode, raised.stdout.strip()) == (0, f"{NAME}: advise → drive")
    assert run("trust", "set", NAME, "supervise", "--point", POINT, "--why", "New radiators").returncode == 0
    with registry(configured) as opened:
        opened.queue_command(Command("c1", POINT, 12, 20.5, "control", "why", FAR_MS, FAR_MS + 900_000))
    assert run("trust", "stop", NAME, "--why", "Smoke").returncode == 0
    stopped = shown(run)
    assert (stopped["mode"], stopped["effective"], stopped["stopped"]["why"]) == ("drive", "advise", "Smoke")
    assert stopped["points"] == {POINT: "advise"}
    assert [(c["point"], c["before"], c["after"], c["why"]) for c in stopped["history"]] == [
        (POINT, "drive", "supervise", "New radiators"),
        ("", "advise", "drive", "Its advice made sense"),
    ]
    assert all(c["by"].endswith("(command line)") for c in stopped["history"])
    with registry(configured) as opened:
        assert [r.command.value for r in opened.commands()] == [None, 20.5]
    assert "Smoke" in run("trust", "show", NAME).stdout
    assert run("trust", "release", NAME, "--why", "Only toast").returncode == 0
    assert (shown(run)["stopped"], shown(run)["points"]) == (None, {POINT: "supervise"})


def test_it_shows_what_waits_and_approves_it(run: Run, configured: Path) -> None:
    assert run("trust", "set", NAME, "supervise", "--why", "Try").returncode == 0
    offered = Advice(
        id="a1", building=NAME, point=POINT, slot=12, value=20.5, strategy="setback", why="Occupied until 19:00.",
        effect="-2 kWh", mode=TrustMode.SUPERVISE, state=AdviceState.WAITING, since_ms=1_768_381_200_000,
        expires_ms=FAR_MS, lasts_ms=2_700_000,
    )  # fmt: skip
    with registry(configured) as opened:
        opened.put_advice(begun=[offered], now_ms=1)
    (item,) = shown(run)["advice"]
    assert (item["id"], item["value"], item["effect"], item["awaits_approval"]) == ("a1", 20.5, "-2 kWh", True)
    assert "awaits" in run("trust", "show", NAME).stdout
    approved = run("trust", "approve", "a1", "--why", "Fits")
    assert approved.returncode == 0, approved.stderr
    with registry(configured) as opened:
        (record,) = opened.commands()
    assert (record.command.value, record.command.slot) == (20.5, 12)
    assert record.command.id in approved.stdout
    again = run("trust", "approve", "a1")
    assert (again.returncode, "does not wait" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (("show", "torino/nothing"), 66, "torino/nothing"),
        (("set", "torino/nothing", "drive", "--why", "x"), 66, "torino/nothing"),
        (("set", NAME, "drive"), 2, "--why"),
        (("set", NAME, "off", "--why", "x"), 2, "off"),
        (("set", NAME, "drive", "--why", " "), 65, "why"),
        (("set", NAME, "drive", "--why", "x", "--point", "torino/calvino/none/heating-setpoint"), 66, "no point"),
        (("release", NAME, "--why", "x"), 1, "not stopped"),
        (("approve", "a9"), 66, "a9"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, arguments: tuple[str, ...], status: int, word: str) -> None:
    done = run("trust", *arguments)
    assert done.returncode == status
    assert word in done.stderr


def test_the_configuration_is_the_ceiling(run: Run, configured: Path) -> None:
    (configured / "promessa.toml").write_text(CONFIG.replace('"drive"', '"supervise"'))
    done = run("trust", "set", NAME, "drive", "--why", "x")
    assert done.returncode == 1
    assert "supervise at most" in done.stderr
