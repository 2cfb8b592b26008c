"""``promessa evaluate anomalies``: what the detectors find of anomalies put into recorded and simulated meters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import track
from rich.table import Table

from cli.options import AsJson, err, number, out, print_json
from core.errors import DomainError

if TYPE_CHECKING:
    from cli.evaluate.study import Meter

OWN_ARCHIVE: Final = Path(__file__).parents[2] / "data" / "cambridge"
_SIMULATED: Final = 2


def anomalies(
    *,
    directory: Annotated[
        Path | None,
        typer.Argument(help="Folder laid out as data/cambridge; without one, that one and a simulated office."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is put in.")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each meter, with other anomalies put in.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Put anomalies into real meters and score what is found: F1 by event, false events, and shifts of 15 %."""
    from cli.evaluate.study import study, summary

    meters = list(_archive(directory) if directory else [*_own(), *_simulated(seed)])
    outcomes = [
        study(meter, seed, repeats=repeats) for meter in track(meters, "watching", console=err, disable=as_json)
    ]
    carriers = sorted({o.meter for o in outcomes})
    if all(outcome.reason for outcome in outcomes):
        why = f"; {outcomes[0].building} {outcomes[0].meter}: {outcomes[0].reason}" if outcomes else ""
        raise DomainError(f"no meter could be watched{why}")
    figures: dict[str, Any] = {"seed": seed, "all": summary(outcomes)} | {
        carrier: summary(o for o in outcomes if o.meter == carrier) for carrier in carriers
    }
    per_meter = [{"building": o.building, "meter": o.meter, "reason": o.reason} | summary([o]) for o in outcomes]
    if as_json:
        print_json(figures | {"meters": per_meter})
        return
    show(figures, carriers)
    for outcome in outcomes:
        if outcome.reason:
            out.print(f"{outcome.building} {outcome.meter}: {outcome.reason}", style="yellow")


def show(figures: dict[str, Any], groups: list[str]) -> None:
    """Print figures of all meters and of some groups of them."""
    table = Table("", "all", *groups, box=None)
    for key, label in (
        ("meters", "meters"),
        ("f1", "F1 by event"),
        ("precision", "precision"),
        ("recall", "recall"),
        ("f1_all_recorded_events_false", "F1, every event of the bare recording taken as false"),
        ("false_per_meter_60_days", "events of the bare recording, per meter in 60 days"),
        ("meters_with_at_most_one", "share of meters with at most one"),
        ("shift_15_found_within_5_days", "share of 15 % shifts found within 5 days"),
        ("shift_15_tried", "of so many"),
        ("cpu_s_per_meter_year", "CPU seconds to learn and to watch a year"),
    ):
        table.add_row(label, *(number(figures[group][key]) for group in ("all", *groups)))
    out.print(table)
    kinds = Table("put in", "found", "of", "share", "false", "in the bare recording", "median delay, h", box=None)
    for kind, row in figures["all"]["kinds"].items():
        kinds.add_row(kind, str(row["found"]), str(row["put_in"]), number(row["found"] / max(row["put_in"], 1)),
                      str(row["false"]), str(row["recorded"]), number(row["median_delay_h"]))  # fmt: skip
    out.print(kinds)


def _archive(directory: Path) -> Iterator[Meter]:
    from cli.evaluate.archive import Refused, read_listed
    from cli.evaluate.study import Meter

    for r in read_listed(directory):
        if isinstance(r, Refused):
            err.print(f"{r.building} {r.meter}: {r.reason}", style="yellow")
            continue
        yield Meter(r.building, r.meter, r.calendar, r.time_ms, r.kwh, r.temperature_c, r.train_end)


def _own() -> Iterator[Meter]:
    # An installation from a wheel has no data folder; the simulated meter serves there.
    return _archive(OWN_ARCHIVE) if (OWN_ARCHIVE / "meters.parquet").exists() else iter(())


def _simulated(seed: int) -> Iterator[Meter]:
    from cli.evaluate.study import Meter
    from simulators.office import office_calendar, office_meter

    for one in range(_SIMULATED):
        time_ms, kwh, temperature, split = office_meter(seed + one)
        yield Meter(f"simulated-{one + 1}", "electricity", office_calendar(), time_ms, kwh, temperature, split)
