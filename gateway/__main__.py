"""``python -m gateway --config FILE``: one gateway, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from threading import Event

from core.config import load_config
from core.errors import ConfigError, PromessaError
from gateway.process import run


def main() -> int:
    """Run; returns the exit status (sysexits.h)."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="Run a Promessa gateway.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    arguments = parser.parse_args()
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the driver says what matters, once
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        try:
            text = arguments.config.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.config}: {error.strerror}") from error
        run(load_config(text, os.environ, str(arguments.config)), stop)
    except PromessaError as error:
        sys.stderr.write(f"gateway: {error.message}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
