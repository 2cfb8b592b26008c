"""Day-ahead forecasts of the seasonal naive and of LightGBM with lags: ``python -m benchmarks.peers.forecast DIR``.

Needs ``lightgbm`` beside the product's own packages. Trains on year 1, issues each local midnight of year 2 for that day,
with the recorded weather standing for the forecast.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor

from cli.evaluate.archive import Recorded, read_archive

NAIVE_LAG = 168


def features(meter: Recorded) -> pd.DataFrame:
    """What LightGBM sees of each hour: calendar, weather, and lags that are known at the local midnight before."""
    local = pd.to_datetime(meter.time_ms, unit="ms", utc=True).tz_convert(meter.calendar.timezone)
    kwh, temperature = pd.Series(meter.kwh), pd.Series(meter.temperature_c)
    midnight = np.flatnonzero(np.asarray(local.hour) == 0)
    day = np.searchsorted(midnight, np.arange(len(kwh)), side="right") - 1
    week_mean = kwh.rolling(168, min_periods=24).mean().shift(1).to_numpy()
    day_mean = kwh.rolling(24, min_periods=12).mean().shift(1).to_numpy()
    start = midnight[day]
    return pd.DataFrame(
        {
            "hour": local.hour,
            "weekday": local.dayofweek,
            "day_of_year": local.dayofyear,
            "temperature": temperature,
            "temperature_24h": temperature.rolling(24, min_periods=1).mean(),
            "irradiance": meter.irradiance_wm2,
            "lag_24": np.where(np.arange(len(kwh)) - 24 < start, kwh.shift(24), np.nan),
            "lag_48": kwh.shift(48),
            "lag_168": kwh.shift(168),
            "mean_24h": day_mean[start],
            "mean_168h": week_mean[start],
        }
    )


def forecast(meter: Recorded) -> tuple[dict[str, np.ndarray], float]:
    """LightGBM's mean, 10 % and 90 % quantile of year 2, and the CPU seconds of it."""
    started = time.process_time()
    table = features(meter)
    train = np.isfinite(meter.kwh) & (np.arange(len(table)) < meter.train_end)
    found = {}
    for name, options in (
        ("predicted", {"objective": "regression"}),
        ("p10", {"objective": "quantile", "alpha": 0.1}),
        ("p90", {"objective": "quantile", "alpha": 0.9}),
    ):
        model = LGBMRegressor(n_estimators=300, learning_rate=0.05, n_jobs=1, verbose=-1, random_state=0, **options)
        model.fit(table[train], meter.kwh[train])
        found[name] = np.asarray(model.predict(table.iloc[meter.train_end :]))
    return found, time.process_time() - started


def score(kwh: np.ndarray, found: dict[str, np.ndarray], naive_mae: float) -> dict[str, float]:
    """CV(RMSE) %, MASE, coverage % of the interval, and mean pinball loss of its two edges."""
    known = np.isfinite(kwh)
    y, p, low, high = kwh[known], found["predicted"][known], found["p10"][known], found["p90"][known]
    pinball = [np.mean(np.maximum(q * (y - e), (q - 1) * (y - e))) for q, e in ((0.1, low), (0.9, high))]
    return {
        "cv_rmse": float(100 * np.sqrt(np.mean((y - p) ** 2)) / y.mean()),
        "mase": float(np.mean(np.abs(y - p)) / naive_mae),
        "coverage": float(100 * np.mean((y >= low) & (y <= high))),
        "pinball": float(np.mean(pinball)),
    }


def measure(meter: Recorded) -> dict[str, Any]:
    """Both peers on one meter."""
    lagged = np.concatenate([np.full(NAIVE_LAG, np.nan), meter.kwh[:-NAIVE_LAG]])
    actual, naive = meter.kwh[meter.train_end :], lagged[meter.train_end :]
    both = np.isfinite(actual) & np.isfinite(naive)
    error = actual[both] - naive[both]
    naive_mae = float(np.mean(np.abs(error)))
    found, cpu_s = forecast(meter)
    return {
        "building": meter.building,
        "meter": meter.meter,
        "naive_mae": naive_mae,
        "naive_cv_rmse": float(100 * np.sqrt(np.mean(error**2)) / actual[both].mean()),
        **score(actual, found, naive_mae),
        "cpu_s": cpu_s,
    }


def main() -> None:
    """Print medians over all meters of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with meters.parquet, weather.parquet and buildings.csv")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [measure(meter) for meter in read_archive(arguments.directory)]
    medians = pd.DataFrame(rows).drop(columns="building").groupby("meter").median().round(3)
    if arguments.json:
        print(json.dumps({"medians": medians.to_dict("index"), "meters": rows}))
    else:
        print(medians.T.to_string())


if __name__ == "__main__":
    main()
