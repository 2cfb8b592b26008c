"""``promessa gap``: what a building used against what it should have used, and why it uses more than it did."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.explanation import explain
from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Step
from core.clock import from_ms
from core.errors import DomainError

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


app.command()(explain)


@app.command()
def curves(
    *,
    building: BuildingName,
    start: Annotated[str, typer.Option("--from", help="Local date or time, for example 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="Local date or time, not included.")],
    step: Annotated[Step, typer.Option(help="Length of the intervals.")] = Step.MONTH,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what was promised, what was to be expected and what was used, and the gaps in kWh, euro and CO2."""
    from predict.curves import PAIRS, building_curves
    from predict.fit import find_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        period = parse_local(start, calendar), parse_local(end, calendar)
        found, missing = building_curves(store, registry, building, *period, step=step, calendar=calendar)
    if as_json:
        print_json(
            {
                c.carrier: {
                    "edges_ms": c.edges_ms.tolist(),
                    **{f"{n}_kwh": getattr(c, f"{n}_kwh").tolist() for n in ("promised", "predicted", "actual")},
                    "gaps": {
                        f"{a} - {b}": dict(zip(("kwh", "eur", "kg_co2"), c.totals(a, b), strict=True)) for a, b in PAIRS
                    },
                }
                for c in found
            }
            | {"missing": missing}
        )
        return
    for c in found:
        table = Table(step.value, "promised kWh", "predicted kWh", "actual kWh", "coverage", box=None, title=c.carrier)
        for i, begin in enumerate(c.edges_ms[:-1].tolist()):
            when = from_ms(begin).astimezone(calendar.zone)
            table.add_row(f"{when:%Y-%m-%d}", number(c.promised_kwh[i]), number(c.predicted_kwh[i]),
                          number(c.actual_kwh[i]), f"{c.coverage[i]:.0%}")  # fmt: skip
        out.print(table)
        for first, second in PAIRS:
            kwh, eur, kg = c.totals(first, second)
            out.print(f"{first} - {second}: {number(kwh)} kWh, {number(eur)} EUR, {number(kg)} kg CO2")
    for name, why in missing.items():
        out.print(f"{name}: {why}", style="yellow")


@app.command()
def promise(
    *,
    building: BuildingName,
    carrier: Annotated[str, typer.Option(help="gas, electricity, heat …")],
    kwh: Annotated[list[float], typer.Option(help="Once for the year, or twelve times from January to December.")],
    source: Annotated[str, typer.Option(help="The document that says so.")],
    valid_from: Annotated[str, typer.Option(help="First local day for which it counts.")],
    kind: Annotated[str, typer.Option(help="design, certificate or contract.")] = "contract",
    outdoor_c: Annotated[
        list[float] | None, typer.Option(help="Its normal weather: twelve times, the mean of each month.")
    ] = None,
    degree_days: Annotated[float | None, typer.Option(help="Heating degree days of its normal year.")] = None,
    base_c: Annotated[float, typer.Option(help="Base of the degree days.")] = 20.0,
    room_c: Annotated[float | None, typer.Option(help="Rooms in the heating season, mean of all hours.")] = None,
    hours_per_week: Annotated[float | None, typer.Option(help="Hours in which the plant runs.")] = None,
    people: Annotated[float | None, typer.Option(help="Mean number present, over all hours.")] = None,
    heat_loss: Annotated[float | None, typer.Option(help="Of the shell and its leaks, kW/K.")] = None,
    efficiency: Annotated[float | None, typer.Option(help="Heat per energy bought.")] = None,
    config: ConfigFile = None,
) -> None:
    """Keep what was promised of a building, and what the promise rests on; earlier versions stay."""
    from datetime import date

    from core.clock import SystemClock
    from predict.fit import find_building
    from stores.registry import Assumptions, PromiseKind, Registry

    settings = read_config(config)
    try:
        which, day = PromiseKind(kind), date.fromisoformat(valid_from)
    except ValueError as error:
        raise DomainError(f"{error}: a kind is design, certificate or contract, a day 2026-01-31") from error
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        find_building(registry, building)
        kept = registry.put_promise(
            building,
            carrier,
            which,
            valid_from=day,
            kwh=tuple(kwh),
            source=source,
            now_ms=SystemClock().now_ms(),
            assumes=Assumptions(
                outdoor_c=tuple(outdoor_c) if outdoor_c else None,
                degree_days=degree_days,
                base_c=base_c,
                room_c=room_c,
                hours_per_week=hours_per_week,
                people=people,
                heat_loss_kw_k=heat_loss,
                efficiency=efficiency,
            ),
        )
    out.print(f"{kept.kind} v{kept.version} of {building}: {number(sum(kept.monthly_kwh))} kWh of {carrier} a year")


@app.command()
def design(
    *,
    building: BuildingName,
    directory: Annotated[Path, typer.Argument(help="A recorded simulation: points.csv and readings.parquet.")],
    source: Annotated[str, typer.Option(help="Which model it is, and who made it.")],
    config: ConfigFile = None,
) -> None:
    """Keep a design model's recorded year as a promise of a building; earlier versions stay."""
    from cli.recording import read_record
    from core.clock import SystemClock
    from predict.design_model import keep_design
    from stores.registry import Registry

    settings = read_config(config)
    record = read_record(directory)
    with Registry.open(settings.registry.url) as registry:
        registry.put_configured(settings.sites, settings.buildings)
        kept = keep_design(registry, building, record, source=source, now_ms=SystemClock().now_ms())
    energies = ", ".join(f"{name} {number(kwh)} kWh" for name, kwh in kept.figures["kwh"].items())
    out.print(f"design v{kept.version} of {building}: {energies}")


@app.command()
def rate(
    *,
    carrier: Annotated[str, typer.Argument(help="gas, electricity, heat …")],
    value: Annotated[float, typer.Argument(help="EUR/kWh, or kg of CO2 equivalent per kWh.")],
    year: Annotated[int, typer.Option(help="For which it was published.")],
    source: Annotated[str, typer.Option(help="Who published it.")],
    kind: Annotated[str, typer.Option(help="price or emission.")] = "price",
    site: Annotated[str, typer.Option(help="Where it holds; everywhere by default.")] = "",
    config: ConfigFile = None,
) -> None:
    """Keep a price or an emission factor; earlier versions stay."""
    from core.clock import SystemClock
    from stores.registry import RateKind, Registry

    settings = read_config(config)
    try:
        which = RateKind(kind)
    except ValueError as error:
        raise DomainError(f"{kind!r} is neither price nor emission") from error
    with Registry.open(settings.registry.url) as registry:
        kept = registry.put_rate(
            site, carrier, which, year=year, value=value, source=source, now_ms=SystemClock().now_ms()
        )
    out.print(f"{kept.kind} v{kept.version} of {carrier} in {year}: {value}")
