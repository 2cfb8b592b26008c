"""``promessa fit``: what the meters should use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.options import AsJson, ConfigFile, err, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock
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
