"""The small supervisor behind ``promessa up``."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from cli.supervisor import Program, Supervisor, backoff_s


def program(name: str, script: str) -> Program:
    return Program(name, [sys.executable, "-c", script], dict(os.environ))


def test_what_ends_is_started_again_and_stop_ends_everything(tmp_path: Path) -> None:
    log = tmp_path / "log"
    flaky = program("flaky", f"open({str(log)!r}, 'a').write('x')")
    steady = program("steady", "import time; time.sleep(60)")
    stop = threading.Event()
    supervisor = Supervisor([flaky, steady])
    thread = threading.Thread(target=supervisor.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 30
    while (not log.exists() or log.stat().st_size < 2) and time.monotonic() < deadline:
        time.sleep(0.1)
    pid = supervisor.pids()["steady"]
    stop.set()
    thread.join(30)
    assert log.stat().st_size >= 2
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_wrong_configuration_is_not_tried_again() -> None:
    steady = program("steady", "import time; time.sleep(60)")
    wrong = program("wrong", "raise SystemExit(78)")
    assert Supervisor([steady, wrong]).run(threading.Event()) == 78


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [backoff_s(n) for n in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30
