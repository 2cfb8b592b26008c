"""On/off trials of the simulated library, by what they show and what was saved: ``python -m benchmarks.trials``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np

from core.calendar import HOUR_MS
from core.schedule import Block, Schedule
from predict.series import Floats
from predict.trial.evaluation import TrialHours, evaluate
from predict.trial.plan import plan
from simulators import calvino
from stores.registry import TrialUnit

CALENDAR = calvino.calendar()
WEEKDAYS = list(calvino.WORKING_DAYS)
WITHOUT = Schedule(17.0, [Block([*WEEKDAYS, "sat"], "07:00", "20:00", 20.5)])
WITH = Schedule(16.0, [Block(WEEKDAYS, "07:00", "19:00", 20.3), Block(["sat"], "09:00", "14:00", 20.3)])
LENGTHS = {TrialUnit.DAY: 6, TrialUnit.WEEK: 16}
FIRST = {TrialUnit.DAY: date(2026, 1, 12), TrialUnit.WEEK: date(2025, 11, 24)}
LEAD_H = 7 * 24


def simulate(start_ms: int, end_ms: int, seed: int, is_driven: Callable[[int], bool]) -> tuple[Floats, Floats]:
    """Gas and outdoor temperature by the hour; a week before the start belongs to it, to settle."""
    library = calvino.build(start_ms - LEAD_H * HOUR_MS, seed=seed, step_s=300)
    gas, outdoor = [0.0], []
    for now_ms in range(start_ms - LEAD_H * HOUR_MS, end_ms, HOUR_MS):
        schedule = WITH if now_ms >= start_ms and is_driven(now_ms) else WITHOUT
        for zone in calvino.design().zones:
            library.write(f"{zone.name}/heating-setpoint", schedule.value_at(now_ms, CALENDAR))
        library.step(now_ms + HOUR_MS)
        gas.append(library.truth().gas_kwh)
        outdoor.append(library.read("outdoor-temperature"))
    return np.diff(gas)[LEAD_H:], np.array(outdoor)[LEAD_H:]


def case(unit: TrialUnit, seed: int) -> list[dict[str, float]]:
    """What a trial of `seed` shows with control that saves, and with control that does nothing."""
    first = FIRST[unit]
    made = plan(CALENDAR, first, first + timedelta(weeks=LENGTHS[unit]), unit=unit, seed=seed)
    times = np.arange(made.start_ms, made.end_ms, HOUR_MS)
    counted, with_control = np.zeros(len(times), bool), np.zeros(len(times), bool)
    for block in made.blocks:
        here = (times >= block.start_ms + made.washout_h * HOUR_MS) & (times < block.end_ms)
        counted |= here
        with_control |= here & block.is_on

    def on(now_ms: int) -> bool:
        return (block := made.block_at(now_ms)) is not None and block.is_on

    period = made.start_ms, made.end_ms, seed
    (tried, outdoor), (never, _), (always, _) = (
        simulate(*period, driven) for driven in (on, lambda _: False, lambda _: True)
    )
    rows = []
    for gas, truth in ((tried, 1 - always[counted].sum() / never[counted].sum()), (never, 0.0)):
        found = evaluate(made, CALENDAR, TrialHours(times, gas, outdoor))
        if found.saving is None:
            raise SystemExit(f"{unit} {seed}: {found.reasons}")
        share = found.saving.share
        rows.append(
            {
                "truth": truth,
                "shown": share.saved,
                "means": 1 - gas[counted & with_control].mean() / gas[counted & ~with_control].mean(),
                "held": float(share.low <= truth <= share.high),
                "half_width": (share.high - share.low) / 2,
                "claimed": float(found.claims),
            }
        )
    return rows


def main() -> None:
    """Print the means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--unit", choices=[u.value for u in TrialUnit], action="append")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = {}
    for unit in [TrialUnit(name) for name in arguments.unit or [u.value for u in TrialUnit]]:
        cases = [case(unit, seed) for seed in range(arguments.seeds)]
        for number, name in enumerate(("saving", "nothing")):
            rows = [found[number] for found in cases]
            figures[f"{unit.value}, {name}"] = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, row in figures.items():
        print(f"{name:15}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
