"""``promessa evaluate baseline``: train on one year, predict the next from weather and calendar alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.options import AsJson, err, number, out, print_json

_WHOLE_MONTH_H: Final = 600
_SHOWN: Final = ("cv_rmse", "nmbe", "coverage_80", "cpu_s")


def baseline(
    directory: Annotated[Path, typer.Argument(help="Folder with meters.parquet, weather.parquet, buildings.csv.")],
    *,
    predictions: Annotated[Path, typer.Option("--out", help="Parquet file to write the predictions to.")],
    as_json: AsJson = False,
) -> None:
    """Train a baseline on each meter's training year and predict the year after it, hour by hour.

    The file has building, meter, time_utc, predicted, p10 and p90 for every hour of that year, also where the meter's
    own value is missing.
    """
    from rich.table import Table

    from cli.evaluate.archive import Refused, read_listed
    from cli.evaluate.table import PredictionFile, each, require_one, show_summary, summarise

    meters = read_listed(directory)
    rows: list[dict[str, Any]] = []
    with PredictionFile(predictions) as file:
        for meter in each(meters, "fitting", quiet=as_json):
            if isinstance(meter, Refused):
                rows.append({"building": meter.building, "meter": meter.meter, "reason": meter.reason})
                continue
            row, columns = _judge(meter)
            rows.append(row)
            if columns is not None:
                file.write(meter.building, meter.meter, columns)
    whole = summarise(
        rows, ["cv_rmse", "nmbe", "abs_nmbe", "coverage_80", "months_inside_90", "cross_validated_cv_rmse", "cpu_s"]
    )
    if as_json:
        print_json(
            {"meters": rows, "medians": {kind: found["median"] for kind, found in whole.items()}, "summary": whole}
        )
        require_one(rows)
        return
    table = Table("building", "meter", "CV(RMSE) %", "NMBE %", "in 80 %", "CPU s", "remarks", box=None)
    for row in rows:
        table.add_row(row["building"], row["meter"], *(number(row.get(name)) for name in _SHOWN), row["reason"])
    out.print(table)
    show_summary(whole)
    if failed := sum(bool(row["reason"]) for row in rows):
        err.print(f"{failed} of {len(rows)} meters could not be fitted", style="yellow")
    require_one(rows)


def _judge(meter: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    import numpy as np

    from core.errors import PromessaError
    from predict.baseline import DayBaseline
    from predict.figures import figures
    from predict.series import fill_as_usual, fill_short_gaps

    row: dict[str, Any] = {"building": meter.building, "meter": meter.meter, "reason": ""}
    if meter.implausible_hours:
        row["implausible_hours"] = meter.implausible_hours
    train, later = slice(None, meter.train_end), slice(meter.train_end, None)
    started = time.process_time()
    temperature = fill_as_usual(fill_short_gaps(meter.temperature_c), meter.time_ms)
    try:
        model = DayBaseline(meter.calendar).fit(
            meter.time_ms[train], temperature[train], meter.kwh[train], meter.irradiance_wm2[train]
        )
    except PromessaError as error:
        return row | {"reason": error.message}, None
    # The weather of the first year warms up what the walls remember; nothing is asked of its last days.
    start = max(0, meter.train_end - model.warm_up_ms // 3_600_000)
    asked = (meter.time_ms[start:], temperature[start:], meter.irradiance_wm2[start:])
    prediction, low, high = model.interval_kwh(*asked)
    row["cpu_s"] = round(time.process_time() - started, 4)
    last = slice(meter.train_end - start, None)
    expected, low, high, actual = prediction.kwh[last], low[last], high[last], meter.kwh[later]
    found, learnt = figures(actual, expected), figures(meter.kwh[train], model.cross_validated_kwh_)
    known = np.isfinite(actual)
    inside = (low <= actual) & (actual <= high)
    row |= {
        "cv_rmse": found.cv_rmse,
        "nmbe": found.nmbe,
        "abs_nmbe": None if found.nmbe is None else abs(found.nmbe),
        "hours": found.hours,
        "coverage_80": float(inside[known].mean()) if known.any() else None,
        "months_inside_90": _months_inside(meter, model, asked, start, expected),
        "cross_validated_cv_rmse": learnt.cv_rmse,
    }
    return row, {"time_utc": meter.time_ms[later], "predicted": expected, "p10": low, "p90": high}


def _months_inside(meter: Any, model: Any, asked: Any, start: int, expected: Any) -> float | None:
    """Share of almost whole months of the second year whose error is within the 90 % interval of their sum."""
    import numpy as np

    from core.calendar import Step
    from predict.residuals import T_90

    months = np.array(meter.calendar.edges(int(meter.time_ms[meter.train_end]), int(meter.time_ms[-1]) + 1, Step.MONTH))
    actual, month = meter.kwh[meter.train_end :], np.searchsorted(months, meter.time_ms[start:], side="right") - 1
    lead = meter.train_end - start
    month[lead:][~np.isfinite(actual)] = -1
    month[:lead] = -1
    if not (month >= 0).any():
        return None
    spread = model.sum_spread_kwh(*asked[:2], month, asked[2])
    counted = month[lead:] >= 0
    error = np.bincount(month[lead:][counted], (actual - expected)[counted], minlength=len(spread))
    whole = np.bincount(month[lead:][counted], minlength=len(spread)) > _WHOLE_MONTH_H
    return float(np.mean(np.abs(error[whole]) <= T_90 * spread[whole])) if whole.any() else None
