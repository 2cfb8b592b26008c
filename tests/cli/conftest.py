"""The command as a user calls it."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TypeAlias

import pytest

from cli.main import main

ROOT = Path(__file__).parents[2]
Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
_WIDE = {"COLUMNS": "200"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Calls the command in this process, which has loaded already what most of them take a second to load."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        root = logging.getLogger()
        level = root.level
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["promessa", *arguments])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(root, "handlers", [])  # logging is set up as in a process that has none
            for name, value in (_WIDE | environ).items():
                patch.setenv(name, value)
            try:
                main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                root.setLevel(level)
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Calls the command in a process of its own."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | _WIDE | environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
