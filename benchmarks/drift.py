"""Drift on recorded meters, a year after the fit: ``python -m benchmarks.drift [DIR] [--json]``.

Each meter's baseline is fitted on its training year; the year after is watched as `predict.drift` does every day.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from cli.evaluate.archive import Recorded, read_archive
from core.points import Point
from predict.drift import find_drift
from predict.fit import Hours, fit_hours
from predict.series import Outdoors

OUTDOORS = Outdoors(Point("archive/outdoors/temperature", "Outside_Air_Temperature_Sensor", "Cel"))
BANDS = ((0.0, 2.5), (2.5, 5.0), (5.0, 10.0), (10.0, np.inf))


def measure(recorded: Recorded, every_days: int) -> dict[str, Any]:
    """Bias of the second year of a meter, and on what share of its days a drift was said."""
    end = recorded.train_end
    fitted = fit_hours(
        Hours(recorded.time_ms[:end], recorded.temperature_c[:end], recorded.kwh[:end], recorded.irradiance_wm2[:end]),
        recorded.calendar,
        OUTDOORS,
    )
    predicted = fitted.model.predict(recorded.time_ms, recorded.temperature_c, recorded.irradiance_wm2).kwh
    after = slice(end, None)
    time_ms, kwh, expected = recorded.time_ms[after], recorded.kwh[after], predicted[after]
    said = []
    for hours in range(30 * 24, len(time_ms) + 1, every_days * 24):
        drift = find_drift(time_ms[:hours], kwh[:hours], expected[:hours], fitted.model.residuals_)
        if drift is not None:
            said.append(drift.drifted)
    known = np.isfinite(kwh) & np.isfinite(expected)
    bias = 100 * float((kwh - expected)[known].sum() / expected[known].sum())
    return {
        "building": recorded.building,
        "meter": recorded.meter,
        "bias_percent": bias,
        "said": float(np.mean(said)) if said else 0.0,
        "at_the_end": bool(said and said[-1]),
    }


def main() -> None:
    """Print by how far the year was off."""
    parser = argparse.ArgumentParser("python -m benchmarks.drift", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("data/cambridge"))
    parser.add_argument("--every-days", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = [measure(recorded, asked.every_days) for recorded in read_archive(asked.directory)]
    bias = np.abs([row["bias_percent"] for row in rows])
    bands = []
    for low, high in BANDS:
        here = [row for row, size in zip(rows, bias, strict=True) if low <= size < high]
        if here:
            said = float(np.mean([row["said"] for row in here]))
            end = float(np.mean([row["at_the_end"] for row in here]))
            bands.append({"from": low, "to": high, "meters": len(here), "days_said": said, "said_at_the_end": end})
    found = {"meters": len(rows), "median_abs_bias_percent": float(np.median(bias)), "bands": bands}
    if asked.json:
        print(json.dumps(found | {"rows": rows}))
        return
    print(f"{found['meters']} meters, median |bias| of the year after {found['median_abs_bias_percent']:.1f} %")
    for band in bands:
        print(
            f"  |bias| {band['from']:4.1f} to {band['to']:4.1f} %: {band['meters']:3} meters, "
            f"drift said on {band['days_said']:.0%} of days, at the end of the year of {band['said_at_the_end']:.0%}"
        )


if __name__ == "__main__":
    main()
