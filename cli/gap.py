"""``promessa gap``: what a building used against what it should have used, and why it uses more than it did."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Step
from core.clock import from_ms

if TYPE_CHECKING:
    from predict.causes.explain import Explanation

app = typer.Typer(help="What a building used against what it should have used, and why.", no_args_is_help=True)

BuildingName = Annotated[str, typer.Argument(help="Building, for example torino/calvino.")]


@app.command()
def show(
    *,
    building: BuildingName,
    start: Annotated[str, typer.Option("--from", help="Local date or time, for example 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="Local date or time, not included.")],
    step: Annotated[Step, typer.Option(help="Length of the intervals.")] = Step.MONTH,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a building used against what it should have used."""
    from predict.fit import find_building
    from predict.gap import building_gap
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        period = parse_local(start, calendar), parse_local(end, calendar)
        found = building_gap(store, registry, building, *period, step)
    if as_json:
        print_json(
            {
                "building": building,
                "missing": found.missing,
                "meters": [
                    {"meter": m.meter, "version": m.version, "disqualified": m.figures.disqualified,
                     "total": asdict(m.total), "steps": {k: v.tolist() for k, v in asdict(m.steps).items()}}
                    for m in found.meters
                ],
            }
        )  # fmt: skip
        return
    for meter in found.meters:
        table = Table(
            step.value, "predicted kWh", "actual kWh", "gap kWh", "± kWh", "coverage", box=None, title=meter.meter
        )
        s = meter.steps
        for i, begin in enumerate(s.edges_ms[:-1].tolist()):
            when = from_ms(begin).astimezone(calendar.zone)
            table.add_row(f"{when:%Y-%m-%d %H:%M}", number(s.predicted_kwh[i]), number(s.actual_kwh[i]),
                          number(s.gap_kwh[i]), number(s.uncertainty_kwh[i]), f"{s.coverage[i]:.0%}")  # fmt: skip
        t = meter.total
        table.add_row("total", number(t.predicted_kwh), number(t.actual_kwh), number(t.gap_kwh),
                      number(t.uncertainty_kwh), f"{t.coverage:.0%}", style="bold")  # fmt: skip
        out.print(table)
        if meter.figures.disqualified:
            out.print("no savings may be claimed: " + "; ".join(meter.figures.disqualified), style="yellow")
    for name, why in found.missing.items():
        out.print(f"{name}: {why}", style="yellow")


@app.command()
def explain(
    *,
    reference: Annotated[
        Path, typer.Option(help="Folder of the period that is compared with: points.csv, readings.parquet.")
    ],
    reporting: Annotated[Path, typer.Option(help="Folder of the period that is to be explained.")],
    as_json: AsJson = False,
) -> None:
    """Split the change from one recorded period of a building to another by cause."""
    from cli.recording import read_record
    from predict.causes.explain import explain as explain_records

    found = explain_records(read_record(reference), read_record(reporting))
    if as_json:
        print_json(document(found))
    else:
        print_explanation(found)


def document(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON has it; every energy in kWh, `total` the sum of the causes."""
    return {
        "total": found.total_kwh,
        "unit": "kW.h",
        "reference": found.reference_kwh,
        "reporting": found.reporting_kwh,
        "causes": [asdict(part) for part in found.parts],
        "ranked": [part.cause for part in found.ranked],
        "by_carrier": found.by_carrier,
        "hypotheses": found.hypotheses,
        "meters": list(found.meters),
        "missing": list(found.missing),
    }


def print_explanation(found: Explanation) -> None:
    """Print an explanation as a table."""

    def share(kwh: float) -> str:
        return f"{kwh / found.reference_kwh:+.1%}" if found.reference_kwh else "–"

    table = Table("cause", "kWh", "from", "to", "of the reference", box=None)
    for part in found.parts:
        name = part.cause.replace("_", " ")
        table.add_row(name, number(part.kwh), number(part.low), number(part.high), share(part.kwh))
    table.add_row("total", number(found.total_kwh), "", "", share(found.total_kwh), style="bold")
    out.print(table)
    likely = ", ".join(f"{name} {share:.0%}" for name, share in found.hypotheses.items())
    out.print(f"meters: {', '.join(found.meters)}. Changed unseen, by probability: {likely}")
    for sentence in found.missing:
        out.print(f"not measured: {sentence}", style="yellow")
