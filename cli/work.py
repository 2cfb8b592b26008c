"""``promessa work``: causes of a gap that somebody should look at, with evidence, until they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from cli.explanation import parse_period
from cli.options import AsJson, ConfigFile, caller, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock, from_ms

if TYPE_CHECKING:
    from stores.registry import WorkItem

app = typer.Typer(help="Causes of a gap that somebody should look at.", no_args_is_help=True)

ItemId = Annotated[str, typer.Argument(help="Id of the item.")]
Why = Annotated[str, typer.Option(help="In words, for those who come after.")]


@app.command("list")
def show(
    *,
    building: Annotated[str | None, typer.Option(help="Only of this building.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is closed, or was seen only once.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List what is to be done."""
    from stores.registry import Registry, WorkState

    with Registry.open(read_config(config).registry.url) as registry:
        found = registry.work_items(building, limit=500)
    if not everything:
        found = [item for item in found if item.state in (WorkState.OPEN, WorkState.CORRECTED)]
    if as_json:
        print_json([msgspec.to_builtins(item) for item in found])
    else:
        _print(found)


@app.command()
def review(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")],
    reference: Annotated[str, typer.Option(help="What is compared with: FROM/TO.")],
    reporting: Annotated[str, typer.Option(help="What is to be explained: FROM/TO.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Explain a building's gap again, and open, bring up to date or close its items."""
    from control.gap_review import review as review_building
    from predict.fit import find_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        changed = review_building(
            store, registry, building, parse_period(reference, calendar), parse_period(reporting, calendar),
            now_ms=SystemClock().now_ms(),
        )  # fmt: skip
    if as_json:
        print_json([msgspec.to_builtins(item) for item in changed])
    else:
        _print(changed)


@app.command()
def acknowledge(*, item: ItemId, why: Why, config: ConfigFile = None) -> None:
    """Say that you know of an item; it closes by itself when its gap is gone."""
    from stores.registry import Registry

    with Registry.open(read_config(config).registry.url) as registry:
        registry.acknowledge_work_item(item, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"noted on {item}", markup=False)


@app.command()
def close(*, item: ItemId, why: Why, config: ConfigFile = None) -> None:
    """Close an item with a note; while its gap goes on no other is opened for it."""
    from stores.registry import Registry

    with Registry.open(read_config(config).registry.url) as registry:
        registry.close_work_item(item, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"closed {item}", markup=False)


def _print(found: list[WorkItem]) -> None:
    if not found:
        out.print("nothing is to be done")
        return
    table = Table("item", "building", "cause", "state", "since (UTC)", "kWh", "EUR", "sure", "what to do", box=None)
    for item in found:
        e = item.evidence
        sure = e.get("confidence")
        table.add_row(
            item.id, item.building, item.cause.replace("_", " "), item.state.value,
            f"{from_ms(item.since_ms):%Y-%m-%d}", number(e.get("kwh")), number(e.get("eur")),
            "" if sure is None else f"{sure:.0%}",
            item.closed_why or e.get("advice", ""),
        )  # fmt: skip
    out.print(table)
