"""FMUs of the tests, made on the spot: the two zones compiled with gcc, and archives that are wrong in one thing."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "twozones"
XML = (SOURCE / "modelDescription.xml").read_text()


def archive(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a zip archive of these files."""
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def two_zones(directory: Path) -> Path:
    """Compile the two zones; skips, with the reason, where there is no C compiler."""
    import fmpy

    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no gcc: the FMU of these tests is compiled from tests/simulators/fmi/twozones")
    library = directory / f"twozones{fmpy.sharedLibraryExtension}"
    headers = Path(fmpy.__file__).parent / "c-code"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", f"-I{headers}", "-o", library, SOURCE / "twozones.c", "-lm"],
        check=True,
        capture_output=True,
    )
    return archive(
        directory / "twozones.fmu",
        {
            "modelDescription.xml": XML,
            f"binaries/{fmpy.platform}/{library.name}": library.read_bytes(),
            "resources/kpis.json": (SOURCE / "kpis.json").read_bytes(),
        },
    )
