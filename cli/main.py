"""The ``promessa`` command."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from typing import Annotated, Final

import typer

from cli import (
    anomalies,
    doctor,
    enroll,
    fit,
    forecast,
    gap,
    ledger,
    policy,
    prices,
    processes,
    savings,
    simulate,
    trial,
    trust,
    up,
    work,
)
from cli.demo import demo
from cli.evaluate import app as evaluate
from core.errors import PromessaError

RUN_ON: Final = ("up", "gateway", "ingest", "control", "api", "simulate", "replay")


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


app = typer.Typer(
    name="promessa",
    help="Buildings that keep their energy promise: measure, predict, explain, control.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command, panel in (
    ("demo", demo, "Begin here"),
    ("up", up.up, "Run"),
    ("gateway", processes.gateway, "Run"),
    ("ingest", processes.ingest, "Run"),
    ("control", processes.control, "Run"),
    ("api", processes.api, "Run"),
    ("doctor", doctor.doctor, "Look after"),
    ("fit", fit.fit, "Look after"),
    ("anomalies", anomalies.anomalies, "Look after"),
    ("savings", savings.savings, "Look after"),
    ("forecast", forecast.forecast, "Look after"),
    ("simulate", simulate.simulate, "Try out"),
    ("replay", simulate.replay, "Try out"),
):
    app.command(name, rich_help_panel=panel)(command)
app.add_typer(gap.app, name="gap", rich_help_panel="Look after")
app.add_typer(evaluate, name="evaluate", rich_help_panel="Try out")
app.add_typer(ledger.app, name="ledger", rich_help_panel="Look after")
app.add_typer(trust.app, name="trust", rich_help_panel="Look after")
app.add_typer(policy.app, name="policy", rich_help_panel="Look after")
app.add_typer(prices.app, name="prices", rich_help_panel="Look after")
app.add_typer(trial.app, name="trial", rich_help_panel="Look after")
app.add_typer(work.app, name="work", rich_help_panel="Look after")
app.add_typer(enroll.app, name="enroll", rich_help_panel="Look after")


@app.callback()
def _options(
    context: typer.Context,
    log_level: Annotated[
        LogLevel | None,
        typer.Option(envvar="PROMESSA_LOG_LEVEL", help="Of what is logged; info for what runs on, else warning."),
    ] = None,
) -> None:
    usual = LogLevel.INFO if context.invoked_subcommand in RUN_ON else LogLevel.WARNING
    logging.basicConfig(
        level=(log_level or usual).upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )


def main() -> None:
    """Run the command line; what goes wrong on purpose becomes one line and an exit status."""
    try:
        app()
    except PromessaError as error:
        if os.environ.get("PROMESSA_LOG_LEVEL", "").lower() == "debug":
            logging.getLogger("promessa.cli").exception("failed code=%s", error.code)
        sys.stderr.write(f"promessa: {error.message}\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
