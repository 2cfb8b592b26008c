"""``promessa evaluate``: what the models are worth on recorded and simulated buildings."""

from __future__ import annotations

import typer

from cli.evaluate.anomalies import anomalies
from cli.evaluate.baseline import baseline
from cli.evaluate.control import control
from cli.evaluate.forecast import forecast
from cli.evaluate.gap import gap

app = typer.Typer(help="Measure the models on recorded and simulated buildings.", no_args_is_help=True)
app.command("anomalies")(anomalies)
app.command("baseline")(baseline)
app.command("control")(control)
app.command("forecast")(forecast)
app.command("gap")(gap)
