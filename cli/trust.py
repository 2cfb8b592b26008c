"""``promessa trust``: how far control is trusted with a building, what it advises, and the switch that stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, caller, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock, from_ms

if TYPE_CHECKING:
    from stores.registry import Registry

Building = Annotated[str, typer.Argument(help="Building, for example torino/calvino.")]
Why = Annotated[str, typer.Option(help="The reason; it stays on record.")]

app = typer.Typer(
    help="How far control is trusted with a building, and the switch that stops it.", no_args_is_help=True
)


class Mode(StrEnum):
    """How far control is trusted."""

    ADVISE = "advise"
    SUPERVISE = "supervise"
    DRIVE = "drive"


@app.command()
def show(*, building: Building, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show how far control is trusted, who decided so, and what control advises now."""
    from control.consent import ceiling_of, find_building
    from control.trust import effective_mode

    with _opened(config) as registry:
        ceiling, trust = ceiling_of(find_building(registry, building)), registry.trust(building)
        changes, switch = registry.trust_changes(building), registry.stop_changes(building)
        advice = list(registry.open_advice(building).values())
    now_ms = SystemClock().now_ms()
    effective = effective_mode(ceiling, trust)
    if as_json:
        print_json(
            {
                "building": building,
                "ceiling": ceiling,
                "mode": trust.mode,
                "effective": effective,
                "points": {point: effective_mode(ceiling, trust, point) for point in {*trust.points, *trust.covers}},
                "stopped": None if trust.stop is None else msgspec.to_builtins(trust.stop),
                "history": msgspec.to_builtins(changes),
                "switch": msgspec.to_builtins(switch),
                "advice": [
                    _builtins(a) | {"mode": effective_mode(ceiling, trust, a.point), "awaits_approval": a.waits(now_ms)}
                    for a in advice
                ],
            }
        )
        return
    out.print(f"{building}: {effective} (set: {trust.mode}; the configuration allows {ceiling})", highlight=False)
    if trust.stop is not None:
        words = f"stopped by {trust.stop.by} at {from_ms(trust.stop.time_ms):%Y-%m-%d %H:%M} UTC: {trust.stop.why}"
        out.print(words, style="red", highlight=False, markup=False)
    history = Table("when (UTC)", "what", "from", "to", "who", "why", box=None)
    for c in changes:
        when = f"{from_ms(c.time_ms):%Y-%m-%d %H:%M}"
        history.add_row(when, c.point or "building", c.before.value, c.after.value, c.by, c.why)
    if changes:
        out.print(history)
    table = Table("since (UTC)", "point", "value", "strategy", "why", "expected effect", "", "id", box=None)
    for a in advice:
        value = "let go" if a.value is None else number(a.value)
        state = "awaits approval" if a.waits(now_ms) else a.state.value
        table.add_row(f"{from_ms(a.since_ms):%Y-%m-%d %H:%M}", a.point, value, a.strategy, a.why, a.effect, state, a.id)
    out.print(table if advice else "nothing is advised")


@app.command("set")
def set_(
    *,
    building: Building,
    mode: Annotated[Mode, typer.Argument(help="advise, supervise or drive.")],
    why: Why,
    point: Annotated[str, typer.Option(help="For this point only; else for the building with all its points.")] = "",
    config: ConfigFile = None,
) -> None:
    """Trust control with more or with less; with advise, what it has set is let go."""
    from control.consent import set_trust
    from stores.registry import TrustMode

    with _opened(config) as registry:
        change = set_trust(
            registry,
            building,
            TrustMode(mode.value),
            by=caller(),
            why=why,
            now_ms=SystemClock().now_ms(),
            point_id=point,
        )
    out.print(f"{point or building}: {change.before} → {change.after}", highlight=False)


@app.command()
def stop(*, building: Building, why: Why, config: ConfigFile = None) -> None:
    """Stop control of a building at once: what it has set is let go, nothing is sent until it is released."""
    from control.consent import stop as stop_control

    with _opened(config) as registry:
        stop_control(registry, building, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"control of {building} is stopped", highlight=False)


@app.command()
def release(*, building: Building, why: Why, config: ConfigFile = None) -> None:
    """Let control of a building go on, as far as it is trusted."""
    from control.consent import release as release_control

    with _opened(config) as registry:
        release_control(registry, building, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"control of {building} may go on", highlight=False)


@app.command()
def approve(
    *,
    advice: Annotated[str, typer.Argument(help="Id of the advice, as `promessa trust show` prints it.")],
    why: Annotated[str, typer.Option(help="What you want to say of it; it stays on record.")] = "",
    config: ConfigFile = None,
) -> None:
    """Approve advice that waits; it goes at once as a command."""
    from control.consent import approve as approve_advice

    with _opened(config) as registry:
        approved = approve_advice(registry, advice, by=caller(), why=why, now_ms=SystemClock().now_ms())
    value = "let go" if approved.value is None else number(approved.value)
    out.print(f"{approved.point}: {value}, command {approved.command_id}", highlight=False)


@contextmanager
def _opened(config: ConfigFile) -> Iterator[Registry]:
    """The registry, told of what is configured; whoever reaches it could also make keys, so it asks for none."""
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        yield registry


def _builtins(value: object) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
