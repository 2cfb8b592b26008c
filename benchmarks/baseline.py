"""Hourly baseline error over real meters, year 1 to year 2: ``python -m benchmarks.baseline DIR [--json]``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.calendar import Calendar, Step, site_holidays
from predict.baseline import TowtBaseline
from predict.figures import figures
from predict.residuals import sum_uncertainty_kwh
from predict.week import hour_of_week


def mean_week(slot: np.ndarray, kwh: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Mean of each hour of the local week in the training year."""
    known = train & np.isfinite(kwh)
    totals, counts = (np.bincount(slot[known], weights, minlength=168) for weights in (kwh[known], None))
    return (totals / np.maximum(counts, 1))[slot]


def month_of(time_ms: np.ndarray, calendar: Calendar) -> np.ndarray:
    """Number of the local month of each hour, from 0."""
    edges = calendar.edges(int(time_ms[0]), int(time_ms[-1]) + 1, Step.MONTH)
    return np.searchsorted(np.array(edges), time_ms, side="right") - 1


def measure(meter: pd.DataFrame, weather: pd.Series, calendar: Calendar, train_year: int) -> dict[str, Any]:
    """Fit one meter on its training year and score the other one."""
    stamps = pd.DatetimeIndex(meter["time_utc"])
    hours = pd.date_range(stamps.min(), stamps.max(), freq="h")
    kwh = meter.set_index("time_utc")["kwh"].reindex(hours).to_numpy(np.float64)
    temperature = weather.reindex(hours).to_numpy(np.float64)
    time_ms = hours.as_unit("ms").asi8
    train = np.asarray(hours.year == train_year)
    started = time.process_time()
    model = TowtBaseline(calendar).fit(time_ms[train], temperature[train], kwh[train])
    predicted = model.predict(time_ms, temperature).kwh
    cpu_s = time.process_time() - started
    plain = Calendar(calendar.timezone)
    week = mean_week(hour_of_week(time_ms, plain), kwh, train)
    scored, naive = figures(kwh[~train], predicted[~train]), figures(kwh[~train], week[~train])
    both = ~train & np.isfinite(kwh) & np.isfinite(predicted)
    month = month_of(time_ms, calendar)[both]
    error = np.bincount(month, (kwh - predicted)[both])
    covered = np.bincount(month)
    whole = covered > 600
    inside = np.abs(error[whole]) <= sum_uncertainty_kwh(model.residuals_, covered[whole])
    return {
        "cv_rmse": scored.cv_rmse,
        "nmbe": scored.nmbe,
        "mean_week_cv_rmse": naive.cv_rmse,
        "cross_validated_cv_rmse": figures(kwh[train], model.cross_validated_kwh_).cv_rmse,
        "in_sample_cv_rmse": figures(kwh[train], predicted[train]).cv_rmse,
        "months_inside_90": float(inside.mean()),
        "cpu_s": cpu_s,
    }


def main() -> None:
    """Print medians over all meters of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with meters.parquet, weather.parquet and buildings.csv")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    meters = pd.read_parquet(arguments.directory / "meters.parquet")
    weather = pd.read_parquet(arguments.directory / "weather.parquet").set_index("time_utc")["temp_c"]
    buildings = pd.read_csv(arguments.directory / "buildings.csv").set_index("building")
    holidays = site_holidays("GB", "ENG")
    rows = []
    for (building, kind), meter in meters.groupby(["building", "meter"], observed=True):
        about = buildings.loc[building]
        calendar = Calendar(about["timezone"], holidays)
        rows.append({"building": building, "meter": kind} | measure(
            meter, weather, calendar, int(about[f"train_year_{kind}"])))  # fmt: skip
    table = pd.DataFrame(rows)
    table["abs_nmbe"] = table["nmbe"].abs()
    medians = table.drop(columns=["building", "nmbe"]).groupby("meter").median().round(3)
    medians["meters"] = table.groupby("meter").size()
    if arguments.json:
        print(json.dumps({"medians": medians.to_dict("index"), "meters": rows}))
    else:
        print(medians.T.to_string())


if __name__ == "__main__":
    main()
