"""``promessa fit``: what the meters should use."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.progress import track
from rich.table import Table

from cli.options import AsJson, ConfigFile, err, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock
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
