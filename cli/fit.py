"""``promessa fit`` and ``promessa gap``: what the meters should use, and how far they are from it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.progress import track
from rich.table import Table

from cli.options import AsJson, ConfigFile, err, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Step
from core.clock import SystemClock, from_ms
from core.errors import DomainError, PromessaError


def fit(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every configured building.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fit baselines from what is stored and keep them in the registry; a meter that cannot be fitted is a row."""
    from predict.fit import BaselineFigures, fit_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    names = [b.id for b in settings.buildings] if every else [building]
    if not any(names):
        raise DomainError("name a building, or use --all")
    outcomes = []
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        for name in track(names, "fitting", console=err, disable=as_json or len(names) == 1):
            try:
                outcomes += fit_building(store, registry, name, SystemClock().now_ms())
            except PromessaError as error:
                if len(names) == 1:
                    raise
                err.print(f"{name}: {error.message}")
    if as_json:
        print_json(
            [
                {"meter": o.meter, "reason": o.reason, "version": o.record and o.record.version,
                 "figures": o.record and o.record.figures}
                for o in outcomes
            ]
        )  # fmt: skip
        return
    table = Table("meter", "version", "CV(RMSE) %", "NMBE %", "remarks", box=None)
    for o in outcomes:
        if o.record is None:
            table.add_row(o.meter, "-", "-", "-", o.reason)
            continue
        kept = msgspec.convert(o.record.figures, BaselineFigures)
        table.add_row(o.meter, str(o.record.version), number(kept.fit.cv_rmse), number(kept.fit.nmbe),
                      "; ".join(kept.disqualified) or "may claim savings")  # fmt: skip
    out.print(table)


def gap(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")],
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
