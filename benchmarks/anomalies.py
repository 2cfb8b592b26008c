"""Anomalies on an archive, a half to develop on and one to confirm: ``python -m benchmarks.anomalies DIR``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cli.evaluate.anomalies import show
from cli.evaluate.archive import read_archive
from cli.evaluate.study import Meter, Outcome, study, summary


def main() -> None:
    """Print the figures of both halves; buildings are dealt to them in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with meters.parquet, weather.parquet and buildings.csv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--trials", type=int, default=6, help="single shifts of 15 %% for each meter")
    parser.add_argument("--half", choices=["development", "confirmation"], help="only one half")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    order: list[str] = []
    halves: dict[str, list[Outcome]] = {"development": [], "confirmation": []}
    for r in read_archive(arguments.directory):
        if r.building not in order:
            order.append(r.building)
        half = "development" if order.index(r.building) % 2 == 0 else "confirmation"
        if arguments.half in (None, half):
            meter = Meter(r.building, r.meter, r.calendar, r.time_ms, r.kwh, r.temperature_c, r.train_end)
            halves[half].append(study(meter, arguments.seed, repeats=arguments.repeats, trials=arguments.trials))
    everything = halves["development"] + halves["confirmation"]
    figures = {"all": summary(everything)} | {name: summary(outcomes) for name, outcomes in halves.items()}
    figures |= {carrier: summary(o for o in everything if o.meter == carrier) for carrier in ("electricity", "gas")}
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures, [name for name in figures if name != "all"])


if __name__ == "__main__":
    main()
