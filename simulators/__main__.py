"""``python -m simulators``: serve a building (the Turin library) over Modbus TCP, at real or accelerated time."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from datetime import datetime
from typing import Final

from core.calendar import Calendar
from core.clock import to_ms
from core.errors import PromessaError
from simulators import calvino
from simulators.fieldmap import controller_of
from simulators.modbus import ModbusBuilding, serve
from simulators.port import load

LIBRARY_MAP: Final = "simulators.calvino:register_map"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; returns the exit status."""
    parser = argparse.ArgumentParser("python -m simulators", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5020)
    parser.add_argument("--speed", type=float, default=60.0, help="simulated over real time")
    parser.add_argument("--start", default="2025-01-13", help="local date at which it begins")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timezone", default=calvino.TIMEZONE, help="of --start")
    parser.add_argument("--building", default="simulators.calvino:build", help="module:name that makes it")
    parser.add_argument(
        "--map", help="module:name of its register map; made from the building's own points where it says them"
    )
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        start = datetime.fromisoformat(chosen.start).replace(tzinfo=Calendar(chosen.timezone).zone)
        building = load(chosen.building)(to_ms(start), seed=chosen.seed)
        with ExitStack() as stack:
            stack.callback(getattr(building, "close", lambda: None))
            made = None if chosen.map else controller_of(building)
            served, entries = made or (building, load(chosen.map or LIBRARY_MAP)())
            serve(ModbusBuilding(served, entries, host=chosen.host, port=chosen.port), stop, speed=chosen.speed)
    except PromessaError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
