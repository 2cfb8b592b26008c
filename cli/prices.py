"""``promessa prices``: tariffs and day-ahead files, entered and shown hour by hour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, caller, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Step
from core.clock import SystemClock
from core.dayahead import Unit, read_market
from core.errors import ConfigError, DomainError, NotFoundError
from core.tariff import RateKind, Tariff

app = typer.Typer(help="What a kWh costs and emits, hour by hour.", no_args_is_help=True)

SiteName = Annotated[str, typer.Option(help="Site, for example torino.")]
BuildingName = Annotated[str, typer.Option(help="Building, for example torino/calvino, in place of a site.")]
Carrier = Annotated[str, typer.Option(help="electricity, gas, heat, …")]


@app.command()
def add(
    *,
    file: Annotated[Path, typer.Argument(help="TOML file with [[tariffs]]; docs/control/tariffs.md has one.")],
    why: Annotated[str, typer.Option(help="The reason, for the history of the tariff.")],
    config: ConfigFile = None,
) -> None:
    """Enter the tariffs of a file, or their next versions; all of them or none."""
    from stores.registry import Registry

    try:
        tariffs = msgspec.toml.decode(file.read_bytes(), type=dict[str, list[Tariff]]).get("tariffs", [])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if not tariffs:
        raise DomainError(f"{file}: it holds no [[tariffs]]")
    with Registry.open(read_config(config).registry.url) as registry, registry.together():
        now_ms = SystemClock().now_ms()
        for tariff in tariffs:
            kept = registry.put_tariff(tariff, by=caller(), why=why, now_ms=now_ms)
            out.print(f"tariff {tariff.id} v{kept.version}")


@app.command("import")
def import_(
    *,
    file: Annotated[Path, typer.Argument(help="CSV file with the columns time (ISO 8601 with offset) and price.")],
    site: SiteName = "",
    building: BuildingName = "",
    carrier: Carrier = "electricity",
    unit: Annotated[Unit, typer.Option(help="Of the column price; g/kWh and kg/MWh are carbon.")] = Unit.EUR_KWH,
    source: Annotated[str, typer.Option(help="Where it comes from; the file's name by default.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Import day-ahead prices or carbon intensities; where two imports speak of an hour, the later counts."""
    from stores.registry import Registry

    scope = _scope(site, building)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    try:
        market = read_market(text, scope=scope, carrier=carrier, unit=unit, source=source or file.name)
    except DomainError as error:
        raise DomainError(f"{file}: {error.message}") from error
    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        if scope not in {s.id for s in registry.sites()} | {b.id for b in registry.buildings()}:
            raise NotFoundError(f"{scope} is neither a site nor a building of the registry")
        registry.put_market(market, by=caller(), now_ms=SystemClock().now_ms())
    minutes = market.step_ms // 60_000
    if as_json:
        print_json({"scope": scope, "carrier": carrier, "kind": market.kind.value, "values": len(market.values),
                    "start_ms": market.starts_ms[0], "end_ms": market.end_ms, "step_minutes": minutes})  # fmt: skip
    else:
        out.print(f"{len(market.values)} values of {minutes} min for {carrier} of {scope}")


@app.command()
def show(
    *,
    start: Annotated[str, typer.Option("--from", help="Local date or time, for example 2026-01-14.")],
    end: Annotated[str, typer.Option("--to", help="Local date or time, not included.")],
    site: SiteName = "",
    building: BuildingName = "",
    carrier: Carrier = "electricity",
    step: Annotated[Step, typer.Option(help="hour or 15min.")] = Step.HOUR,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what a kWh costs and emits: day-ahead values, else the tariff's blocks, else the yearly rate."""
    from stores.registry import Registry

    scope, settings = _scope(site, building), read_config(config)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        found = next((s for s in registry.sites() if s.id == scope.partition("/")[0]), None)
        if found is None:
            raise NotFoundError(f"site {scope.partition('/')[0]} is not in the registry")
        calendar = found.calendar()
        period = {"start_ms": parse_local(start, calendar), "end_ms": parse_local(end, calendar)}
        price, carbon = (registry.vector(scope, carrier, k, **period, calendar=calendar, step=step) for k in RateKind)
    if as_json:
        print_json(
            {
                "scope": scope,
                "carrier": carrier,
                "edges_ms": price.edges_ms,
                "price_eur_kwh": price.values,
                "price_sources": price.sources,
                "emission_g_kwh": carbon.values,
                "emission_sources": carbon.sources,
            }
        )
        return
    table = Table("from", "EUR/kWh", "by", "g CO2/kWh", "by", box=None, title=f"{carrier} of {scope}")
    for i, begin in enumerate(price.edges_ms[:-1]):
        table.add_row(f"{calendar.local(begin):%a %Y-%m-%d %H:%M %z}", number(price.values[i]), price.sources[i],
                      number(carbon.values[i]), carbon.sources[i])  # fmt: skip
    out.print(table)


def _scope(site: str, building: str) -> str:
    if bool(site) == bool(building):
        raise DomainError("give either --site or --building")
    return site or building
