"""``promessa evaluate forecast``: day-ahead forecasts of recorded meters, and how good they were."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import track
from rich.table import Table

from cli.options import AsJson, err, number, out, print_json
from core.errors import DomainError

if TYPE_CHECKING:
    from cli.evaluate.archive import Recorded
    from predict.forecast.recorded import DayAhead

NAIVE_LAG_H: Final = 168
"""The seasonal naive forecast that MASE is scaled by: the same hour a week before."""


def forecast(
    *,
    directory: Annotated[Path, typer.Argument(help="Folder with meters.parquet, weather.parquet and buildings.csv.")],
    target: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    as_json: AsJson = False,
) -> None:
    """Forecast each day of the year after the training year at its local midnight, and say how good that was."""
    import numpy as np

    from cli.evaluate.archive import Refused, read_listed
    from cli.evaluate.table import require_one
    from predict.forecast.recorded import day_ahead

    meters = read_listed(directory)
    rows: list[dict[str, Any]] = []
    parts: list[tuple[Recorded, DayAhead]] = []
    for meter in track(meters, "forecasting", console=err, disable=as_json or not err.is_terminal):
        row: dict[str, Any] = {"building": meter.building, "meter": meter.meter, "reason": ""}
        rows.append(row)
        if isinstance(meter, Refused):
            row["reason"] = meter.reason
            continue
        if meter.implausible_hours:
            row["implausible_hours"] = meter.implausible_hours
        started = time.process_time()
        found = day_ahead(meter.calendar, meter.time_ms, meter.kwh, meter.temperature_c, meter.irradiance_wm2,
                          int(meter.time_ms[meter.train_end]))  # fmt: skip
        cpu_s = time.process_time() - started
        row |= {"cpu_s": cpu_s} | score(meter, found)
        if np.isfinite(found.kwh).any():
            parts.append((meter, found))
        else:
            row["reason"] = "no reading was ever known"
    if parts:
        _write(target, parts)
    medians = {kind: _medians([row for row in rows if row["meter"] == kind]) for kind in {r["meter"] for r in rows}}
    if as_json:
        print_json({"medians": medians, "meters": rows, "cpu_s": sum(row.get("cpu_s", 0.0) for row in rows)})
        require_one(rows)
        return
    columns = ("meters", "cv_rmse", "nmbe", "mase", "coverage", "pinball", "cpu_s")
    table = Table("medians", "meters", "CV(RMSE) %", "NMBE %", "MASE", "in p10–p90 %", "pinball kWh", "CPU s", box=None)
    for kind, found_medians in sorted(medians.items()):
        table.add_row(kind, *(number(found_medians[column]) for column in columns))
    out.print(table)
    for row in rows:
        if row["reason"]:
            err.print(f"{row['building']} {row['meter']}: {row['reason']}", style="yellow")
    require_one(rows)
    out.print(f"{target}: {sum(len(found.time_ms) for _, found in parts):,} hours of {len(parts)} meters")


def score(meter: Recorded, found: DayAhead) -> dict[str, Any]:
    """Figures of one meter over the hours that were measured; None where they are not defined.

    CV(RMSE) and NMBE in percent; MASE scaled by the error of the same hour a week before; coverage of p10 to p90 in
    percent; mean pinball loss of p10 and p90 in kWh; hours by the model that spoke.
    """
    import numpy as np

    from predict.figures import figures

    actual = meter.kwh[meter.train_end :]
    naive = meter.kwh[meter.train_end - NAIVE_LAG_H : -NAIVE_LAG_H]
    plain = figures(actual, found.kwh)
    known = np.isfinite(actual) & np.isfinite(found.kwh)
    both = np.isfinite(actual) & np.isfinite(naive)
    y, p, low, high = (values[known] for values in (actual, found.kwh, found.p10, found.p90))
    scale = float(np.mean(np.abs(actual - naive)[both])) if both.any() else 0.0
    spoke: dict[str, int] = {}
    for model in found.model:
        spoke[model.value] = spoke.get(model.value, 0) + 1
    losses = [np.maximum(q * (y - e), (q - 1) * (y - e)) for q, e in ((0.1, low), (0.9, high))]
    return {
        "hours": len(found.time_ms),
        "scored_hours": int(known.sum()),
        "cv_rmse": plain.cv_rmse,
        "nmbe": plain.nmbe,
        "mase": float(np.mean(np.abs(y - p)) / scale) if len(y) and scale > 0 else None,
        "coverage": float(100 * np.mean((y >= low) & (y <= high))) if len(y) else None,
        "pinball": float(np.mean(losses)) if len(y) else None,
        "spoke": spoke,
        "weather_persisted_hours": sum(found.persisted),
    }


def _medians(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    from statistics import median

    found: dict[str, float | None] = {"meters": len(rows)}
    for name in ("cv_rmse", "nmbe", "mase", "coverage", "pinball", "cpu_s"):
        values = [row[name] for row in rows if row.get(name) is not None]
        found[name] = median(values) if values else None
    return found


def _write(target: Path, parts: list[tuple[Recorded, DayAhead]]) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamp = pa.timestamp("ms", tz="UTC")

    def words(name: str) -> pa.Array:
        return pa.array(np.repeat([getattr(m, name) for m, _ in parts], [len(f.time_ms) for _, f in parts]))

    def numbers(name: str) -> np.ndarray[Any, Any]:
        return np.concatenate([getattr(f, name) for _, f in parts])

    table = pa.table(
        {
            "building": words("building"),
            "meter": words("meter"),
            "issue_utc": pa.array(numbers("issue_ms"), stamp),
            "time_utc": pa.array(numbers("time_ms"), stamp),
            "predicted": pa.array(numbers("kwh")),
            "p10": pa.array(numbers("p10")),
            "p90": pa.array(numbers("p90")),
            "model": pa.array([model.value for _, f in parts for model in f.model]),
        }
    )
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, target)
    except OSError as error:
        raise DomainError(f"{target}: {error.strerror or error}") from error
