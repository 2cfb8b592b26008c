"""``promessa gap``: what a building used against what it should have used, and why it uses more than it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Calendar, Step
from core.clock import from_ms
from core.errors import DomainError
from core.points import site_of

if TYPE_CHECKING:
    from predict.causes.explanation import Explanation
    from predict.worth import Worth
    from stores.registry import Registry

app = typer.Typer(help="What a building used against what it should have used, and why.", no_args_is_help=True)

BAR: Final = 16
"""Characters of the longest bar."""

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
    building: Annotated[
        str, typer.Argument(help="Take the periods of this building from the store; without it they are folders.")
    ] = "",
    reference: Annotated[
        str, typer.Option(help="What is compared with: FROM/TO, or a folder (points.csv, readings.parquet).")
    ],
    reporting: Annotated[str, typer.Option(help="What is to be explained: FROM/TO, or a folder.")],
    of: Annotated[str, typer.Option("--building", help="The same as the argument.", hidden=True)] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Split the change from one period of a building to another by cause."""
    building = building or of
    if building:
        found, worth = _explain_stored(building, reference, reporting, config)
    else:
        from cli.recording import read_record
        from predict.causes.explain import explain as explain_records

        found, worth = explain_records(read_record(Path(reference)), read_record(Path(reporting))), {}
    if as_json:
        print_json(document(found) | worth_document(worth))
    else:
        print_explanation(found, worth)


def _explain_stored(
    building: str, reference: str, reporting: str, config: Path | None
) -> tuple[Explanation, dict[str, Worth]]:
    from predict.causes.stored import explain_stored
    from predict.fit import find_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        before, period = (parse_period(text, calendar) for text in (reference, reporting))
        found = explain_stored(store, registry, building, before, period)
        return found, stored_worth(registry, building, found, period, calendar)


def stored_worth(
    registry: Registry, building: str, found: Explanation, period: tuple[int, int], calendar: Calendar
) -> dict[str, Worth]:
    """Worth of each cause, and of all of it as ``total``, by the rates kept for a period."""
    from predict.worth import mean_rates, worth_by_cause, worth_of

    rates = mean_rates(registry.rates(site_of(f"{building}/x")), list(found.by_carrier), *period, calendar)
    total = {carrier: sum(row.values()) for carrier, row in found.by_carrier.items()}
    return worth_by_cause(found, rates) | {"total": worth_of(total, rates)}


def parse_period(text: str, calendar: Calendar) -> tuple[int, int]:
    """Half-open period FROM/TO in UTC milliseconds, or DomainError."""
    start, separator, end = text.partition("/")
    if not separator:
        raise DomainError(f"{text!r} is not a period FROM/TO like 2025-01-13/2025-02-24")
    return parse_local(start, calendar), parse_local(end, calendar)


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


def worth_document(worth: Mapping[str, Worth]) -> dict[str, Any]:
    """Euro and kilograms of CO2 by cause; nothing where nobody knows the rates."""
    return {"worth": {cause: asdict(value) for cause, value in worth.items()}} if worth else {}


def print_explanation(found: Explanation, worth: Mapping[str, Worth] | None = None) -> None:
    """Print an explanation as a table, with a bar of each part."""
    worth = worth or {}
    widest = max((abs(part.kwh) for part in found.parts), default=0.0) or 1.0

    def share(kwh: float) -> str:
        return f"{kwh / found.reference_kwh:+.1%}" if found.reference_kwh else "–"

    def money(cause: str) -> list[str]:
        return [number(worth[cause].eur), number(worth[cause].kg_co2)] if worth else []

    table = Table("cause", "kWh", "from", "to", *(["EUR", "kg CO2"] if worth else []), "of the reference", "", box=None)
    for part in found.parts:
        name, length = part.cause.replace("_", " "), round(BAR * abs(part.kwh) / widest)
        bar = ("█" * length).rjust(BAR) + "│" + " " * BAR if part.kwh < 0 else " " * BAR + "│" + "█" * length
        table.add_row(
            name, number(part.kwh), number(part.low), number(part.high), *money(part.cause), share(part.kwh), bar
        )
    table.add_row("total", number(found.total_kwh), "", "", *money("total"), share(found.total_kwh), style="bold")
    out.print(table)
    if found.hypotheses:
        likely = ", ".join(f"{name} {share:.0%}" for name, share in found.hypotheses.items())
        out.print(f"Changed unseen, by probability: {likely}")
    out.print(f"meters: {', '.join(found.meters)}")
    for sentence in found.missing:
        out.print(f"not measured: {sentence}", style="yellow")


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
    config: ConfigFile = None,
) -> None:
    """Keep what was promised of a building; earlier versions stay."""
    from datetime import date

    from core.clock import SystemClock
    from predict.fit import find_building
    from stores.registry import PromiseKind, Registry

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
        )
    out.print(f"{kept.kind} v{kept.version} of {building}: {number(sum(kept.monthly_kwh))} kWh of {carrier} a year")


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
