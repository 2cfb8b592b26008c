"""The dependency rules of the house hold, and the gateway stays small."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli as import_linter

import core.errors
from core.errors import PromessaError

ROOT = Path(__file__).parent.parent
HEAVY = ("numpy", "sklearn", "sqlalchemy", "influxdb_client", "fastapi", "pandas", "holidays", "rich", "typer")


def test_imports_go_once_round_the_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert import_linter.lint_imports(no_cache=True) == import_linter.EXIT_STATUS_SUCCESS


def test_gateway_loads_no_heavy_library() -> None:
    script = f"import sys, gateway.__main__; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_error_has_its_own_stable_code() -> None:
    kinds = [v for v in vars(core.errors).values() if isinstance(v, type) and issubclass(v, PromessaError)]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert all(code in (core.errors.__doc__ or "") for code in codes)
