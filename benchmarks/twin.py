"""``python -m benchmarks.twin``: what a thermal twin foretells of simulated buildings a year later."""

from __future__ import annotations

import argparse
import time
from datetime import date

import numpy as np

from cli.evaluate.simulated import TYPES, BuildingType, simulate_period
from predict.causes.pair import Pair
from predict.causes.signals import read_signals
from predict.twin.network import Drive, drive
from predict.twin.thermal import ThermalTwin
from predict.twin.tracking import TwinTracker
from simulators.design import Variation

DAYS = 42
AHEAD = 24
HISTORY_H = 24 * 7


def main() -> None:
    """Print a row for each building and seed."""
    parser = argparse.ArgumentParser("python -m benchmarks.twin", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args()
    print("building seed | RMSE K 1, 6, 24 h ahead, yesterday's | day's heat, |error|", end=" ")
    print("| loss kW/K: fitted, tracked, tracked with leaks +50 % | CPU s")
    for kind in TYPES:
        for seed in range(1, chosen.seeds + 1):
            print(*_row(kind, seed))


def _row(kind: BuildingType, seed: int) -> list[object]:
    inside, acts, split = _pair(kind, seed, Variation())
    began = time.process_time()
    twin = ThermalTwin().fit(inside[:split], acts.part(slice(0, split)))
    spent = time.process_time() - began
    misses, naive, heat_misses, heat = [], [], 0.0, 0.0
    for at in range(split + HISTORY_H, len(inside) - AHEAD - 1, AHEAD):
        past = slice(at - HISTORY_H, at + 1)
        start = twin.state(inside[past], acts.part(past))
        coming = acts.part(slice(at, at + AHEAD))
        true = inside[at + 1 : at + 1 + AHEAD]
        misses.append(twin.predict(coming, start).inside_c - true)
        naive.append(inside[at + 1 - AHEAD : at + 1] - true)
        asked, _ = twin.demand(coming, start, true, float(acts.heat_kwh[:split].max()))
        heat_misses += abs(float(asked.sum() - coming.heat_kwh.sum()))
        heat += float(coming.heat_kwh.sum())
    tracked = []
    for leaks in (1.0, 1.5):
        inside, acts, split = _pair(kind, seed, Variation(infiltration=leaks))
        tracker = TwinTracker().fit(inside[:split], acts.part(slice(0, split)))
        tracker.track(inside[split:], acts.part(slice(split, None)))
        tracked.append(tracker.heat_loss_kw_k[0])
    error = np.sqrt(np.mean(np.square(misses), axis=0))
    return [
        f"{kind.name:8s} {seed} |",
        *(f"{error[k]:.2f}" for k in (0, 5, 23)),
        f"{np.sqrt(np.mean(np.square(naive))):.2f} |",
        f"{heat_misses / heat:.1%} |",
        f"{twin.parameters_['heat_loss_kw_k']:.2f} {tracked[0]:.2f} {tracked[1]:.2f} |",
        f"{spent:.2f}",
    ]


def _pair(kind: BuildingType, seed: int, later: Variation) -> tuple[np.ndarray, Drive, int]:
    records = [
        simulate_period(kind, first, DAYS, seed=seed, variation=variation).record
        for first, variation in ((date(2025, 1, 13), Variation()), (date(2026, 1, 12), later))
    ]
    pair = Pair(*(read_signals(r) for r in records))
    kwh = {m.name: m.kwh for m in pair.meters}
    acts = drive(
        pair.outdoor_c,
        kwh["heat"],
        sun_w_m2=pair.sun_w_m2,
        people=pair.people,
        electricity_kwh=kwh["electricity"],
        running=pair.running[0],
    )
    assert pair.inside_c is not None
    return pair.inside_c, acts, pair.split


if __name__ == "__main__":
    main()
