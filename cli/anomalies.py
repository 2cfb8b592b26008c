"""``promessa anomalies``: look at what is new, and show what is not as it should be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, err, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock, from_ms
from core.errors import PromessaError

if TYPE_CHECKING:
    from stores.registry import AnomalyRecord


def anomalies(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino; none: every one.")] = "",
    every_s: Annotated[int, typer.Option("--every", min=0, help="Look again after so many seconds; 0: once.")] = 0,
    rules: Annotated[Path | None, typer.Option(help="TOML file of rules instead of those built in.")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Look at what is new since the last time, and show the events that are open."""
    from predict.anomalies.rules import load_rules
    from predict.anomalies.run import run_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    loaded = load_rules(rules)
    names = [building] if building else [b.id for b in settings.buildings]
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        while True:
            missing: dict[str, str] = {}
            for name in names:
                try:
                    missing |= run_building(store, registry, name, loaded, SystemClock().now_ms()).missing
                except PromessaError as error:
                    if len(names) == 1 and not every_s:
                        raise
                    err.print(f"{name}: {error.message}")
            found = [r for name in names for r in registry.anomalies(name, is_open=True, limit=500)]
            if as_json:
                print_json({"open": [msgspec.to_builtins(r) for r in found], "missing": missing})
            else:
                _show(found, missing)
            if not every_s:
                return
            time.sleep(every_s)


def _show(found: list[AnomalyRecord], missing: dict[str, str]) -> None:
    table = Table("since (UTC)", "what", "where", "kWh", "EUR", "confidence", "explanation", box=None)
    for r in found:
        e = r.evidence
        table.add_row(f"{from_ms(r.start_ms):%Y-%m-%d %H:%M}", r.rule or r.kind, r.subject, number(e.get("excess_kwh")),
                      number(e.get("cost_eur")), number(e.get("confidence")), e.get("explanation", ""))  # fmt: skip
    out.print(table if found else "nothing is open")
    for name, why in missing.items():
        out.print(f"{name}: {why}", style="yellow")
