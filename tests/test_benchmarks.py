"""Every benchmark says what it does and takes: the figures of the documents come from these commands."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "benchmarks"
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    for path in ROOT.rglob("*.py")
    if "argparse" in path.read_text() and path.name != "__main__.py"
)


@pytest.mark.parametrize("module", MODULES)
def test_a_benchmark_says_how_to_run_it(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_there_are_benchmarks() -> None:
    assert len(MODULES) > 10
