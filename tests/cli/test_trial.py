"""Trials on the command line, over a town with two years of readings in which nothing was switched."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from predict.trial.plan import plan
from stores.registry import Registry, Trial
from tests.cli.conftest import Run
from tests.cli.test_savings import template, town  # noqa: F401 - fixtures
from tests.predict.savings.town import BUILDING, HEAT, ROME

FUTURE = ("--from", "2090-01-09", "--to", "2090-02-06", "--why", "Is it worth it?")


def test_a_trial_is_planned_started_shown_and_stopped(run: Run, town: Path) -> None:  # noqa: F811
    made = run("trial", "plan", BUILDING, *FUTURE, "--seed", "3", "--json")
    assert made.returncode == 0, made.stderr
    body = json.loads(made.stdout)
    assert (body["kept"], body["state"], body["plan"]["seed"], len(body["plan"]["blocks"])) == (True, "planned", 3, 28)
    assert "(command line)" in body["by"]
    assert run("trial", "plan", BUILDING, *FUTURE).returncode == 1
    assert run("trial", "start", body["id"][:6]).stdout.strip() == f"trial {body['id']} runs"
    shown = run("trial", "show", body["id"]).stdout
    assert "running" in shown
    assert shown.count("with control") + shown.count("without") == 28
    assert "is aborted" in run("trial", "stop", body["id"], "--why", "enough").stdout
    (row,) = json.loads(run("trial", "show", "--json").stdout)
    assert (row["state"], row["ended_why"]) == ("aborted", "enough")
    assert run("trial", "start", "nothing").returncode == 66
    assert run("trial", "plan", BUILDING, *FUTURE, "--unit", "hour").returncode == 65


def test_a_dry_run_says_what_can_be_shown_and_keeps_nothing(run: Run, town: Path) -> None:  # noqa: F811
    period = ("--from", "2090-01-09", "--to", "2090-02-06", "--why", "x", "--saving", "0.1", "--dry-run")
    body = json.loads(run("trial", "plan", BUILDING, *period, "--json").stdout)
    assert body["kept"] is False
    # What is usual is that of the last two weeks by the clock, of which the town may know nothing.
    heat = body["meters"][HEAT.id]
    assert "expects no use" in heat["missing"] if "missing" in heat else heat["detectable"] > 0
    assert "no baseline" in body["meters"][f"{BUILDING}/water"]["missing"]
    assert json.loads(run("trial", "show", "--json").stdout) == []


@pytest.mark.parametrize("seed", [4])
def test_where_nothing_was_switched_nothing_is_claimed(run: Run, town: Path, seed: int) -> None:  # noqa: F811
    first, last = date(2026, 2, 2), date(2026, 3, 16)
    value = Trial(
        id="past", building=BUILDING, plan=plan(ROME, first, last, seed=seed), by="anna", why="x", entered_ms=1
    )
    with Registry.open(f"sqlite:///{town}/registry.db") as registry:
        registry.enter_trial(value)
        registry.start_trial("past", by="anna", now_ms=2)
    body = json.loads(run("trial", "evaluate", "past", "--json").stdout)
    heat = body["meters"][HEAT.id]
    assert (body["state"], heat["adjusted_by"], heat["claims"]) == ("ended", "baseline", False)
    assert heat["saving"]["share"]["low"] <= 0 <= heat["saving"]["share"]["high"]
    shown = run("trial", "evaluate", "past").stdout
    assert "no claim: Control sent nothing in 21 of 21 blocks with control. The interval from" in shown
    assert f"{BUILDING}/water" in shown
