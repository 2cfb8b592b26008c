"""``promessa forecast``: what a meter will use in the hours to come."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, number, out, parse_local, print_json
from cli.settings import read_config
from core.clock import SystemClock, from_ms


def forecast(
    *,
    meter: Annotated[str, typer.Argument(help="Meter, for example torino/calvino/gas.")],
    hours: Annotated[int, typer.Option(help="From the hour of the issue on, at most a week.")] = 48,
    issue: Annotated[str, typer.Option(help="Local date or time; now by default.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Forecast a meter's next hours with their 80 % interval; a forecaster older than a week is fitted again."""
    from core.points import building_of
    from predict.fit import find_building
    from predict.forecast.service import issue_forecast
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        now_ms = SystemClock().now_ms()
        issue_ms = parse_local(issue, find_building(registry, building_of(meter))[1]) if issue else now_ms
        found, calendar = issue_forecast(
            store, registry, meter, issue_ms=issue_ms, hours=hours, now_ms=now_ms, keep=True
        )
    said = found.forecast
    columns = [said.kwh.tolist(), said.p10.tolist(), said.p90.tolist()]
    if as_json:
        print_json(
            {
                "meter": meter,
                "issue": from_ms(said.issue_ms).isoformat(),
                "version": found.version,
                "learnt_until": from_ms(found.learnt_until_ms).isoformat(),
                "hours": [
                    {"start": from_ms(start).isoformat(), "kwh": _known(kwh), "p10": _known(p10), "p90": _known(p90),
                     "model": model.value, "degraded": list(degraded)}
                    for start, kwh, p10, p90, model, degraded in zip(
                        said.time_ms.tolist(), *columns, said.model, said.degraded, strict=True
                    )
                ],
            }
        )  # fmt: skip
        return
    table = Table("hour", "kWh", "p10", "p90", "model", box=None, title=meter)
    for start, kwh, p10, p90, model in zip(said.time_ms.tolist(), *columns, said.model, strict=True):
        when = from_ms(start).astimezone(calendar.zone)
        table.add_row(f"{when:%Y-%m-%d %H:%M}", number(kwh), number(p10), number(p90), model.value)
    out.print(table)
    for words in sorted({word for degraded in said.degraded for word in degraded}):
        out.print(words, style="yellow")


def _known(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is not itself, and JSON has none
