"""Baselines side by side on recorded meters: ``python -m benchmarks.peers.baseline DIR [--only NAME…] [--json]``.

Year 1 trains, year 2 is predicted from weather and calendar alone, hour by hour. All peers run in one process, one
thread, meter by meter, so that figures and CPU seconds may be compared. LightGBM and OpenDSM are no dependencies of
Promessa: ``pip install lightgbm 'opendsm==1.2.7' 'multimethod<2'`` beside it; what is missing is left out and named.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from cli.evaluate.archive import Recorded, read_archive
from core.calendar import HOUR_MS
from predict.baseline import DayBaseline
from predict.figures import figures
from predict.series import Floats
from predict.week import hour_of_week

OURS: Final = "promessa"
REFERENCE: Final = ("lightgbm", "opendsm")


def promessa(meter: Recorded) -> Floats:
    """The product's baseline."""
    end = meter.train_end
    model = DayBaseline(meter.calendar).fit(
        meter.time_ms[:end], meter.temperature_c[:end], meter.kwh[:end], meter.irradiance_wm2[:end]
    )
    start = end - model.warm_up_ms // HOUR_MS
    kwh = model.predict(meter.time_ms[start:], meter.temperature_c[start:], meter.irradiance_wm2[start:]).kwh
    return kwh[end - start :]


def mean_week(meter: Recorded) -> Floats:
    """Mean of each hour of the local week."""
    slot = hour_of_week(meter.time_ms, type(meter.calendar)(meter.calendar.timezone))
    known = np.isfinite(meter.kwh)
    known[meter.train_end :] = False
    total = np.bincount(slot[known], meter.kwh[known], minlength=168)
    return (total / np.maximum(np.bincount(slot[known], minlength=168), 1))[slot[meter.train_end :]]


def towt(meter: Recorded) -> Floats:
    """Time of week and temperature as LBNL published it (Mathieu et al. 2011): 6 temperature segments, two modes."""
    end, temperature = meter.train_end, meter.temperature_c
    slot = hour_of_week(meter.time_ms, type(meter.calendar)(meter.calendar.timezone))
    known = np.flatnonzero(np.isfinite(meter.kwh[:end]))
    kwh = meter.kwh[known]
    degrees = np.stack([np.ones(len(temperature)), np.maximum(10 - temperature, 0), np.maximum(temperature - 18.3, 0)])
    above = kwh > degrees[:, known].T @ np.linalg.lstsq(degrees[:, known].T, kwh, rcond=None)[0]
    seen = np.bincount(slot[known], minlength=168)
    occupied = (np.bincount(slot[known], above, minlength=168) > 0.65 * np.maximum(seen, 1))[slot]
    edges = np.linspace(temperature[:end].min(), temperature[:end].max(), 7)
    segments = np.clip(temperature[:, None] - edges[:-1], 0, np.diff(edges))
    segments[:, -1] = np.maximum(temperature - edges[-2], 0)
    week = np.eye(168)[slot]
    predicted = np.zeros(len(temperature) - end)
    for mode in (True, False):
        rows = known[occupied[known] == mode]
        used = np.unique(slot[rows])
        features = np.concatenate([week[:, used], segments], axis=1)
        learnt = np.linalg.lstsq(features[rows], meter.kwh[rows], rcond=None)[0]
        mine = occupied[end:] == mode
        predicted[mine] = features[end:][mine] @ learnt
    return predicted


def _table(meter: Recorded) -> Floats:
    """What the boosted trees see: hour, weekday, day of year, weather with its memory, holidays."""
    local = [meter.calendar.local(int(t)) for t in meter.time_ms]
    temperature = meter.temperature_c
    sums = np.cumsum(np.concatenate([np.full(72, temperature[:24].mean()), temperature]))
    rolling = [(sums[72:] - sums[72 - width : -width]) / width for width in (24, 72)]
    holiday = {day: meter.calendar.is_holiday(day) for day in {moment.date() for moment in local}}
    return np.stack(
        [
            [moment.hour for moment in local],
            [moment.weekday() for moment in local],
            [moment.timetuple().tm_yday for moment in local],
            temperature,
            *rolling,
            np.nan_to_num(meter.irradiance_wm2),
            [holiday[moment.date()] for moment in local],
        ],
        axis=1,
    ).astype(np.float64)


def lightgbm(meter: Recorded, table: Floats) -> Floats:
    """LightGBM, 300 trees, with day of year."""
    from lightgbm import LGBMRegressor

    known = np.flatnonzero(np.isfinite(meter.kwh[: meter.train_end]))
    model = LGBMRegressor(n_estimators=300, learning_rate=0.05, n_jobs=1, verbose=-1)
    return np.asarray(model.fit(table[known], meter.kwh[known]).predict(table[meter.train_end :]))


def boosting(meter: Recorded, table: Floats) -> Floats:
    """HistGradientBoostingRegressor of scikit-learn as it comes, on hour, weekday, day of year and temperature."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    known = np.flatnonzero(np.isfinite(meter.kwh[: meter.train_end]))
    seen = table[:, :4]
    model = HistGradientBoostingRegressor(early_stopping=False)
    return np.asarray(model.fit(seen[known], meter.kwh[known]).predict(seen[meter.train_end :]))


def opendsm(meter: Recorded) -> Floats:
    """The hourly model of OpenDSM, with irradiance."""
    import pandas as pd
    from opendsm.eemeter import HourlyBaselineData, HourlyModel, HourlyReportingData

    # In UTC: days of 23 and 25 hours make it fail on every meter.
    index = pd.to_datetime(meter.time_ms, unit="ms", utc=True)
    table = pd.DataFrame(
        {
            "temperature": meter.temperature_c * 1.8 + 32,
            "ghi": meter.irradiance_wm2,
            "observed": meter.kwh,
        },
        index=index,
    )
    end, electric = meter.train_end, meter.meter == "electricity"
    model = HourlyModel().fit(
        HourlyBaselineData(table[:end], is_electricity_data=electric), ignore_disqualification=True
    )
    later = HourlyReportingData(table[end:].drop(columns="observed"), is_electricity_data=electric)
    predicted = model.predict(later, ignore_disqualification=True)["predicted"].reindex(index[end:])
    return np.asarray(predicted, np.float64)


PEERS: Final[dict[str, Callable[..., Floats]]] = {
    OURS: promessa,
    "mean week": mean_week,
    "TOWT": towt,
    "boosting": boosting,
    "lightgbm": lightgbm,
    "opendsm": opendsm,
}


def run(meter: Recorded, names: list[str]) -> list[dict[str, Any]]:
    """Fit and predict one meter with each peer; one that fails is a row with its reason."""
    table = _table(meter) if {"lightgbm", "boosting"} & set(names) else None
    rows = []
    for name in names:
        row: dict[str, Any] = {"building": meter.building, "meter": meter.meter, "peer": name, "reason": ""}
        started = time.process_time()
        try:
            peer = PEERS[name]
            predicted = peer(meter, table) if name in ("lightgbm", "boosting") else peer(meter)
        except Exception as error:  # noqa: BLE001 - whatever a peer does wrong is its own figure
            rows.append(row | {"reason": f"{type(error).__name__}: {error}"[:200]})
            continue
        found = figures(meter.kwh[meter.train_end :], predicted)
        rows.append(row | {"cpu_s": time.process_time() - started, "cv_rmse": found.cv_rmse, "nmbe": found.nmbe})
    return rows


def ratio(rows: list[dict[str, Any]], peer: str, meter: str | None) -> tuple[float, int]:
    """Geometric mean of our CV(RMSE) over the peer's, over the meters that both predicted, and how many these are."""
    found = {(r["building"], r["meter"], r["peer"]): r.get("cv_rmse") for r in rows}
    ratios = [
        ours / theirs
        for (building, kind, name), theirs in found.items()
        if name == peer and theirs and meter in (None, kind) and (ours := found[building, kind, OURS])
    ]
    return (float(np.exp(np.mean(np.log(ratios)))) if ratios else float("nan")), len(ratios)


def main() -> None:
    """Print medians a peer and kind, and our ratio to each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", action="append", choices=list(PEERS), help="peers to run beside ours; else all")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    names = [name for name in PEERS if name == OURS or not arguments.only or name in arguments.only]
    rows: list[dict[str, Any]] = []
    for meter in read_archive(arguments.directory):
        rows += run(meter, names)
    summary = []
    for name in names:
        for kind in sorted({r["meter"] for r in rows}):
            mine = [r for r in rows if r["peer"] == name and r["meter"] == kind]
            good = [r for r in mine if r.get("cv_rmse") is not None]
            line: dict[str, Any] = {"peer": name, "meter": kind, "meters": len(mine), "failed": len(mine) - len(good)}
            if good:
                line |= {
                    "cv_rmse": float(np.median([r["cv_rmse"] for r in good])),
                    "abs_nmbe": float(np.median([abs(r["nmbe"]) for r in good])),
                    "cpu_s": float(np.median([r["cpu_s"] for r in good])),
                    "our_ratio": ratio(rows, name, kind)[0],
                    "our_ratio_all": ratio(rows, name, None)[0],
                }
            elif mine:
                line["reason"] = mine[0]["reason"]
            summary.append(line)
    if arguments.json:
        print(json.dumps({"summary": summary, "meters": rows}))
        return
    print(
        f"{'peer':12}{'meter':13}{'n':>4}{'failed':>7}{'CV(RMSE)':>10}{'|NMBE|':>8}{'CPU s':>8}{'ratio':>8}{'all':>8}"
    )
    for line in summary:
        figures_of = [line.get(key) for key in ("cv_rmse", "abs_nmbe", "cpu_s", "our_ratio", "our_ratio_all")]
        shown = "".join(f"{'–' if v is None else format(v, f'.{d}f'):>{w}}" for v, d, w in
                        zip(figures_of, (1, 1, 3, 3, 3), (10, 8, 8, 8, 8), strict=True))  # fmt: skip
        print(
            f"{line['peer']:12}{line['meter']:13}{line['meters']:>4}{line['failed']:>7}{shown}", line.get("reason", "")
        )


if __name__ == "__main__":
    main()
