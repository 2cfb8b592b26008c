"""``promessa fit`` and ``promessa gap``: what the meters should use, and how far they are from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.options import AsJson, ConfigFile, err, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Step
from core.clock import SystemClock, from_ms
from core.errors import DomainError, NotFoundError

if TYPE_CHECKING:
    from predict.fleet import FitRow


class Which(StrEnum):
    """Which meters that have a baseline are fitted again."""

    DUE = "due"
    ALWAYS = "always"
    NEVER = "never"


def fit(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every configured building.")] = False,
    refit: Annotated[
        Which,
        typer.Option(help="Meters with a baseline: those that are due or drift, all, or none."),
    ] = Which.DUE,
    jobs: Annotated[int | None, typer.Option(help="Processes; -1: one for each core. Else as configured.")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fit baselines from what is stored and keep them in the registry; a meter that cannot be fitted is a row."""
    from predict.fleet import fit_fleet
    from predict.refit import Refit
    from stores.registry import Registry

    settings = read_config(config)
    if not every and not building:
        raise DomainError("name a building, or use --all")
    chosen = [b for b in settings.buildings if every or b.id == building]
    fleet = settings.fleet if jobs is None else msgspec.structs.replace(settings.fleet, jobs=jobs)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        if not chosen:
            # One that was configured on another machine may be in the registry all the same.
            known = registry.building(building)
            if known is None:
                raise NotFoundError(f"building {building} is not in the registry")
            chosen = [known]
        with _counting(sum(len(b.meters) for b in chosen), quiet=as_json) as progress:
            rows = fit_fleet(
                registry, settings.store, chosen, fleet, now_ms=SystemClock().now_ms(), refit=Refit(refit.value),
                by="promessa fit", on_row=lambda _: progress.advance(progress.task_ids[0]),
            )  # fmt: skip
    if as_json:
        print_json([msgspec.to_builtins(row) for row in rows])
        return
    out.print(_report(rows))
    counts = {status: sum(row.status == status for row in rows) for status in {row.status for row in rows}}
    drifting = sum(row.drift is not None and row.drift.drifted for row in rows)
    out.print(
        ", ".join(f"{count} {status.value}" for status, count in sorted(counts.items()))
        + (f"; {drifting} drift" if drifting else "")
        + f"; {sum(row.cpu_s for row in rows):.1f} s of CPU"
    )


@contextmanager
def _counting(meters: int, *, quiet: bool) -> Iterator[Progress]:
    columns = (TextColumn("fitting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet or meters < 2) as progress:
        progress.add_task("fitting", total=meters)
        yield progress


def _report(rows: list[FitRow]) -> Table:
    table = Table("meter", "status", "version", "CV(RMSE) %", "NMBE %", "drift %", "CPU s", "MB", "remarks", box=None)
    for row in rows:
        fitted = row.figures.fit if row.figures else None
        remarks = [row.reason]
        if row.figures is not None:
            remarks += row.figures.disqualified or ["may claim savings"]
        table.add_row(
            row.meter,
            row.status.value,
            "–" if row.version is None else str(row.version),
            number(fitted.cv_rmse if fitted else None),
            number(fitted.nmbe if fitted else None),
            "–" if row.drift is None else f"{row.drift.bias_percent:+.1f}" + (" !" if row.drift.drifted else ""),
            f"{row.cpu_s:.2f}",
            f"{row.memory_mb:.0f}",
            "; ".join(remarks),
        )
    return table


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
