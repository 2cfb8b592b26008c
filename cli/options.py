"""Options that several commands share."""

from __future__ import annotations

import getpass
import json
import math
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from core.calendar import Calendar
from core.clock import to_ms
from core.errors import DomainError

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="TOML file (else PROMESSA_CONFIG, ./promessa.toml, /etc/promessa/promessa.toml)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]

PLAIN_WIDTH: Final = 140
"""Of what is printed where there is no terminal to ask."""

out = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
err = Console(stderr=True, width=None if sys.stderr.isatty() else PLAIN_WIDTH)


def print_json(document: Any) -> None:
    """Print `document` as JSON on standard output; what is no finite number is null, as JSON has no word for it."""
    typer.echo(json.dumps(_finite(document), indent=2, sort_keys=True, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, (list, tuple)) else value


def parse_local(text: str, calendar: Calendar) -> int:
    """UTC milliseconds of an ISO date or time; without an offset it is local to the site.

    Raises
    ------
    DomainError
        It is not ISO 8601.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DomainError(f"{text!r} is not a date or time like 2026-01-31 or 2026-01-31T08:00") from error
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=calendar.zone))


def number(value: float | None) -> str:
    """`value` with four significant digits and thousands apart; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def caller() -> str:
    """Who calls the command, for the record."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"user {os.getuid()} (command line)"
