"""``python -m benchmarks``: every figure of docs/benchmarks.md, one after the other; run it on a machine at rest."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

CASES: Final = {
    "ingest": ["benchmarks.ingest", "--store", "sqlite", "--store", "influxdb", "--rows", "1", "--rows", "50"],
    "stores": ["benchmarks.stores"],
    "gateway": ["benchmarks.gateway"],
    "baseline": ["benchmarks.peers.baseline", "data/cambridge"],
    "fleet": ["benchmarks.fleet"],
    "drift": ["benchmarks.drift"],
    "control": ["benchmarks.control_decisions"],
}


def main() -> int:
    """Run what was asked for; returns the first exit status that is not 0."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("case", nargs="*", choices=[*CASES, []], help="all by default")
    chosen = parser.parse_args().case or list(CASES)
    status = 0
    for name in chosen:
        print(f"\n# {name}  (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
        status = status or subprocess.run([sys.executable, "-m", *CASES[name]], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
