"""``promessa savings``: what a building did not use, with people's adjustments and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.calendar import Calendar, Step
from core.clock import SystemClock, from_ms

if TYPE_CHECKING:
    from predict.savings.avoided import MeterSavings


def savings(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")],
    start: Annotated[str, typer.Option("--from", help="Local date or time, for example 2026-01-01.")],
    end: Annotated[str, typer.Option("--to", help="Local date or time, not included.")],
    step: Annotated[Step, typer.Option(help="Length of the intervals.")] = Step.MONTH,
    normal_year: Annotated[
        int | None, typer.Option(help="Normalised savings instead: both periods under the weather of this year.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the energy that a building avoided against its adjusted baseline (IPMVP option C)."""
    if normal_year is not None:
        _show_normalised(building, start, end, normal_year, config, as_json=as_json)
        return
    from predict.fit import find_building
    from predict.savings.avoided import building_savings
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        found = building_savings(
            store, registry, building, start_ms=parse_local(start, calendar), end_ms=parse_local(end, calendar),
            now_ms=SystemClock().now_ms(), step=step,
        )  # fmt: skip
    if as_json:
        print_json(
            {"building": building, "missing": found.missing, "meters": [_document(meter) for meter in found.meters]}
        )
        return
    for meter in found.meters:
        out.print(_table(meter, step, calendar))
        for adjustment in meter.adjustments:
            unit = "%" if adjustment.basis == "percent" else f"kWh {adjustment.basis.value}"
            kwh = number(meter.total.adjusted[adjustment.id])
            out.print(f"adjustment {adjustment.id}: {adjustment.amount:+g} {unit}, {kwh} kWh here: {adjustment.why}"
                      f" ({adjustment.by})", markup=False)  # fmt: skip
        if meter.disqualified:
            out.print("no savings may be claimed: " + "; ".join(meter.disqualified), style="yellow")
    for name, why in found.missing.items():
        out.print(f"{name}: {why}", style="yellow")


def _show_normalised(
    building: str, start: str, end: str, normal_year: int, config: Path | None, *, as_json: bool
) -> None:
    from predict.fit import find_building
    from predict.savings.normalised import building_normalised
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        _, calendar = find_building(registry, building)
        found, missing = building_normalised(
            store, registry, building, start_ms=parse_local(start, calendar), end_ms=parse_local(end, calendar),
            normal_year=normal_year, now_ms=SystemClock().now_ms(),
        )  # fmt: skip
    if as_json:
        print_json({"building": building, "missing": missing, "meters": [asdict(meter) for meter in found]})
        return
    table = Table("meter", "baseline kWh", "reporting kWh", "saving kWh", "± kWh", "coverage", box=None,
                  title=f"in a year with the weather of {normal_year}")  # fmt: skip
    for meter in found:
        t = meter.total
        table.add_row(meter.meter, number(t.baseline_kwh), number(t.reporting_kwh), number(t.saving_kwh),
                      number(t.uncertainty_kwh), f"{t.coverage:.0%}")  # fmt: skip
    out.print(table)
    for meter in found:
        if meter.disqualified:
            out.print(f"{meter.meter}: no savings may be claimed: {'; '.join(meter.disqualified)}", style="yellow")
    for name, why in missing.items():
        out.print(f"{name}: {why}", style="yellow")


def _table(meter: MeterSavings, step: Step, calendar: Calendar) -> Table:
    table = Table(
        step.value, "baseline kWh", "adjusted kWh", "actual kWh", "saving kWh", "± kWh", "to date kWh", "± kWh",
        "coverage", box=None, title=f"{meter.meter} against {meter.kind} v{meter.version}",
    )  # fmt: skip
    s, t = meter.steps, meter.total
    for i, begin in enumerate(s.edges_ms[:-1].tolist()):
        table.add_row(
            f"{from_ms(begin).astimezone(calendar.zone):%Y-%m-%d %H:%M}", number(s.baseline_kwh[i]),
            number(s.adjustment_kwh[i]), number(s.actual_kwh[i]), number(s.saving_kwh[i]),
            number(s.uncertainty_kwh[i]), number(s.to_date_kwh[i]), number(s.to_date_uncertainty_kwh[i]),
            f"{s.coverage[i]:.0%}",
        )  # fmt: skip
    share = "" if t.known_hours == 0 else f"± {t.fraction:.0%} of it"
    table.add_row(
        "total", number(t.baseline_kwh), number(t.adjustment_kwh), number(t.actual_kwh), number(t.saving_kwh),
        number(t.uncertainty_kwh), share, "", f"{t.coverage:.0%}", style="bold",
    )  # fmt: skip
    return table


def _document(meter: MeterSavings) -> dict[str, object]:
    from msgspec import to_builtins

    return {
        "meter": meter.meter,
        "kind": meter.kind,
        "version": meter.version,
        "may_claim_savings": not meter.disqualified,
        "disqualified": meter.disqualified,
        "is_significant": meter.total.is_significant,
        "adjustments": to_builtins(meter.adjustments),
        "total": {name: _known(value) for name, value in asdict(meter.total).items()},
        "steps": {name: [_known(v) for v in values.tolist()] for name, values in asdict(meter.steps).items()},
    }


def _known(value: object) -> object:
    """None for what is no number, which JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
