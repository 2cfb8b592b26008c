"""Finds the configuration file and reads it; the one place where processes meet the file system for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.config import Config, load_config
from core.errors import ConfigError

CANDIDATES: Final = (Path("promessa.toml"), Path("/etc/promessa/promessa.toml"))


def find_config(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Path of the configuration: as given, from ``PROMESSA_CONFIG``, here, or in ``/etc``.

    Raises
    ------
    ConfigError
        There is none; says where it was looked for.
    """
    named = given or (Path(environ["PROMESSA_CONFIG"]) if environ.get("PROMESSA_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"{named}: no such file")
        return named
    for candidate in CANDIDATES:
        if candidate.is_file():
            return candidate
    looked = ", ".join(str(c) for c in CANDIDATES)
    raise ConfigError(f"no configuration: give --config FILE or PROMESSA_CONFIG; looked for {looked}")


def read_config(given: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """Find and validate the configuration, the environment laid over it."""
    path = find_config(given, environ)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return load_config(text, environ, source=str(path))
