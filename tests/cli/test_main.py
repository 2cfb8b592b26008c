"""The command line: clear lines, exit statuses, secrets shown once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run

COMMANDS = [
    "demo",
    "up",
    "gateway",
    "ingest",
    "control",
    "api",
    "doctor",
    "fit",
    "gap",
    "forecast",
    "anomalies",
    "savings",
    "ledger",
    "trust",
    "simulate",
    "replay",
    "enroll",
]


def test_help_names_every_command(process: Run) -> None:
    done = process("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize("command", ["gateway", "ingest", "control", "api", "doctor", "up"])
def test_without_a_configuration_it_says_where_it_looked(run: Run, command: str) -> None:
    done = run(command)
    assert done.returncode == 78
    assert done.stderr.strip().splitlines()[-1].startswith("promessa: no configuration: give --config FILE")


def test_a_mistake_in_the_file_is_one_line_with_its_place(process: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text("[api]\nport = 'many'\n")
    done = process("api")
    assert done.returncode == 78
    assert done.stderr.strip() == "promessa: promessa.toml:2: api.port: Expected `int`, got `str`"


@pytest.mark.parametrize("command", ["ingest", "control", "api"])
def test_nothing_starts_without_a_secret(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "promessa.toml").write_text("")
    done = run(command)
    assert done.returncode == 78
    assert "promessa enroll" in done.stderr


def test_enrolled_gateways_get_a_credential_that_is_kept_only_as_a_hash(run: Run, tmp_path: Path) -> None:
    done = run("enroll", "gateway", "calvino", "--site", "torino", "--directory", "broker", "--json")
    made = json.loads(done.stdout)
    assert made["username"] == "torino/calvino"
    assert 'id = "calvino"' in made["configuration"]
    assert made["password"] not in made["configuration"]
    files = "".join(path.read_text() for path in (tmp_path / "broker").iterdir())
    assert made["password"] not in files
    assert "torino/calvino" in files


def test_a_name_that_could_reach_other_topics_is_refused(run: Run) -> None:
    done = run("enroll", "gateway", "a/#", "--site", "torino", "--directory", "broker")
    assert done.returncode == 65
    assert "'a/#'" in done.stderr


def test_an_api_key_is_shown_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text('[registry]\nurl = "sqlite:///registry.db"\n')
    first = run("enroll", "key", "anna", "--role", "operator")
    again = run("enroll", "key", "anna")
    assert first.returncode == 0
    assert first.stdout.startswith("promessa_")
    assert again.returncode != 0
    assert first.stdout.strip().encode() not in (tmp_path / "registry.db").read_bytes()


def test_doctor_says_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(
        '[broker]\nport = 1\nusername = "ingest"\npassword = "x"\n'
        '[registry]\nurl = "sqlite:///registry.db"\n[store]\nsqlite = { path = "readings.db" }\n'
    )
    done = run("doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert found["broker"]["level"] == "failed"
    assert "Mosquitto" in found["broker"]["advice"]
    assert found["clock"]["level"] == "ok"
    assert found["API keys"]["advice"].startswith("promessa enroll key")


def test_fit_and_gap_name_what_is_missing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(
        '[registry]\nurl = "sqlite:///registry.db"\n[store]\nsqlite = { path = "readings.db" }\n'
    )
    period = ["--from", "2026-01-01", "--to", "2026-02-01"]
    periods = ["--reference", "2025-01-01/2025-02-01", "--reporting", "2026-01-01/2026-02-01"]
    for arguments in (
        ["fit", "a/b"],
        ["gap", "show", "a/b", *period],
        ["gap", "curves", "a/b", *period],
        ["gap", "explain", "--building", "a/b", *periods],
        ["forecast", "a/b/c"],
    ):
        done = run(*arguments)
        assert done.returncode == 66
        assert done.stderr.strip() == "promessa: building a/b is not in the registry"


def test_doctor_shows_words_in_brackets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(
        '[registry]\nurl = "sqlite:///registry.db"\n[store]\nsqlite = { path = "readings.db" }\n'
    )
    assert "no credential in [broker]" in run("doctor").stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_order_when_told_to_or_when_its_terminal_closes(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        # Whoever runs the tests under nohup hands on that hang-ups are ignored, which the process would rightly do.
        ["env", "--default-signal=HUP", sys.executable, "-m", "cli.main", "simulate", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "building_served" in line:
                    break
            process.send_signal(number)
            assert process.wait(20) == 0
        finally:
            process.kill()
