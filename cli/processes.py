"""``promessa gateway | ingest | control | api``: each process alone, until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import sys
import threading

from cli.options import ConfigFile
from cli.settings import find_config, read_config


def stop_on_signals() -> threading.Event:
    """Event that SIGTERM, SIGINT and, unless ``nohup`` had it ignored, the closing of the terminal set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:
            signal.signal(number, lambda *_: stop.set())
    return stop


def gateway(config: ConfigFile = None) -> None:
    """Read and drive the devices of a building."""
    path = find_config(config)
    # A new image of the process, so that the gateway does not carry the command line's libraries in its memory.
    os.execv(sys.executable, [sys.executable, "-m", "gateway", "--config", str(path)])  # noqa: S606 - our own program


def ingest(config: ConfigFile = None) -> None:
    """Take readings from MQTT into the store."""
    from ingest.process import run

    run(read_config(config), stop_on_signals())


def control(config: ConfigFile = None) -> None:
    """Compare the building with what it should use, and send set-points."""
    from control.process import run

    run(read_config(config), stop_on_signals())


def api(config: ConfigFile = None) -> None:
    """Serve the REST API."""
    from api.process import run

    run(read_config(config), stop_on_signals())
