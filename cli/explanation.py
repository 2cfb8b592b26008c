"""``promessa gap explain``: the gap between two periods, curves or folders of a building, by cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Calendar
from core.errors import DomainError
from core.points import site_of

if TYPE_CHECKING:
    from predict.causes.explanation import Explanation
    from predict.worth import Worth
    from stores.registry import Registry

BAR: Final = 16
"""Characters of the longest bar."""


def explain(
    *,
    building: Annotated[
        str, typer.Argument(help="Take the periods of this building from the store; without it they are folders.")
    ] = "",
    reporting: Annotated[str, typer.Option(help="What is to be explained: FROM/TO, or a folder.")],
    reference: Annotated[
        str, typer.Option(help="What is compared with: FROM/TO, or a folder (points.csv, readings.parquet).")
    ] = "",
    against: Annotated[
        str, typer.Option(help="Compare with predicted, promised or design instead of a reference period.")
    ] = "",
    curve: Annotated[str, typer.Option(help="What is compared with them: actual or predicted.")] = "actual",
    of: Annotated[str, typer.Option("--building", help="The same as the argument.", hidden=True)] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Split a gap by cause: between two periods of a building, or to what was predicted, promised or designed."""
    building = building or of
    if bool(reference) == bool(against):
        raise DomainError("say either --reference or --against: what it is to be compared with")
    if building:
        found, worth = _explain_stored(building, reference, reporting, (curve, against), config)
    elif against:
        raise DomainError(f"--against {against} needs a building of the store")
    else:
        from cli.recording import read_record
        from predict.causes.explain import explain as explain_records

        found, worth = explain_records(read_record(Path(reference)), read_record(Path(reporting))), {}
    if as_json:
        print_json(document(found) | worth_document(worth))
    else:
        print_explanation(found, worth)


def _explain_stored(
    building: str, reference: str, reporting: str, pair: tuple[str, str], config: Path | None
) -> tuple[Explanation, dict[str, Worth]]:
    from predict.causes.stored import explain_stored
    from predict.curve_gap import explain_curves
    from predict.design_model import explain_design
    from predict.fit import find_building
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        period = parse_period(reporting, calendar)
        if reference:
            found = explain_stored(store, registry, building, parse_period(reference, calendar), period)
        elif pair == ("actual", "design"):
            found = explain_design(store, registry, building, *period)
        else:
            found = explain_curves(store, registry, building, pair, *period)
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
