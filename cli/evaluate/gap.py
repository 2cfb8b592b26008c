"""``promessa evaluate gap``: whether the causes of a gap are found that were put into simulated buildings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import track
from rich.table import Table

from cli.options import AsJson, err, number, out, print_json

if TYPE_CHECKING:
    from cli.evaluate.simulated import BuildingType, Simulated
    from predict.causes.explain import Explanation

INJECTED: Final[dict[str, tuple[str, dict[str, float]]]] = {
    "set-point +1 K": ("setpoint", {"setpoint_offset_k": 1.0}),
    "plant 2 h longer": ("use_and_schedule", {"plant_extra_hours": 2.0}),
    "infiltration +50 %": ("envelope", {"infiltration": 1.5}),
    "boiler efficiency -10 %": ("system_efficiency", {"boiler_efficiency": 0.9}),
    "people +30 %": ("use_and_schedule", {"people": 1.3}),
    "meters read 10 % high": ("metering", {"meter_gain": 1.1}),
}
"""What is injected: the cause under which it has to be found, and its knob."""
REFERENCE: Final = date(2025, 1, 13)
REPORTING: Final = date(2026, 1, 12)
WEEKS: Final = 6
SEEDS: Final = 2
TOLERANCE: Final = 0.25
QUIET_SHARE: Final = 0.02
"""Nothing was injected: then no cause may be larger than this share of what was used."""


@dataclass(frozen=True, slots=True)
class Case:
    """One simulated period and how it was explained; energies in kWh.

    Attributes
    ----------
    injected
        Names of `INJECTED`.
    truth, found
        By cause.
    ranked
        Whether the injected causes rank first, the weather apart.
    within
        For each injected cause, whether it lies within 25 % of the truth.
    covered
        For each, whether the truth lies in the 90 % interval.
    """

    building: str
    seed: int
    injected: list[str]
    truth: dict[str, float]
    found: dict[str, float]
    ranked: bool
    within: dict[str, bool]
    covered: dict[str, bool]


def gap(
    *,
    seed: Annotated[int, typer.Option(help="First of the seeds of weather, people and sensors.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many.", min=1)] = SEEDS,
    quick: Annotated[bool, typer.Option("--quick", help="Single causes of one seed only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Inject causes of a gap into two simulated buildings, singly and in pairs, and explain it from the record."""
    from cli.evaluate.simulated import TYPES

    names = list(INJECTED)
    sets = [[], *([n] for n in names), *([] if quick else map(list, itertools.combinations(names, 2)))]
    runs = [(kind, s) for kind in TYPES for s in range(seed, seed + (1 if quick else seeds))]
    cases: list[Case] = []
    steps = ((kind, s, injected) for kind, s in runs for injected in sets)
    bench = _Bench()
    for kind, s, injected in track(
        steps, "explaining", total=len(runs) * len(sets), console=err, disable=as_json and not err.is_terminal
    ):
        cases.append(bench.judge(kind, s, injected))
    summary = summarise(cases)
    if as_json:
        print_json({"seed": seed, "summary": summary, "cases": [asdict(c) for c in cases]})
    else:
        _print(cases, summary)


class _Bench:
    """Simulated periods of one building and seed, kept while they are needed."""

    def __init__(self) -> None:
        self._of: tuple[str, int] = ("", -1)
        self._kept: dict[tuple[date, tuple[str, ...]], Simulated] = {}

    def judge(self, kind: BuildingType, seed: int, injected: list[str]) -> Case:
        """Explain one set of injected causes and compare it with what they truly cost."""
        from predict.causes.explain import explain

        if self._of != (kind.name, seed):
            self._of, self._kept = (kind.name, seed), {}
        found = explain(
            self._period(kind, seed, REFERENCE, []).record, self._period(kind, seed, REPORTING, injected).record
        )
        truth: dict[str, float] = {}
        for name in injected:
            cause = INJECTED[name][0]
            truth[cause] = truth.get(cause, 0.0) + self._true_kwh(kind, seed, injected, name)
        return _judged(kind.name, seed, injected, truth, found)

    def _true_kwh(self, kind: BuildingType, seed: int, injected: list[str], name: str) -> float:
        """What a cause costs under the same weather and people: mean of it alone and of it on top of the others."""
        others = [n for n in injected if n != name]
        alone = self._kwh(kind, seed, [name]) - self._kwh(kind, seed, [])
        on_top = self._kwh(kind, seed, injected) - self._kwh(kind, seed, others)
        return (alone + on_top) / 2

    def _kwh(self, kind: BuildingType, seed: int, injected: list[str]) -> float:
        return self._period(kind, seed, REPORTING, injected).kwh

    def _period(self, kind: BuildingType, seed: int, first: date, injected: list[str]) -> Simulated:
        from cli.evaluate.simulated import simulate_period
        from simulators.design import Variation

        key = first, tuple(injected)
        if key not in self._kept:
            knobs: dict[str, float] = {}
            for name in injected:
                knobs |= INJECTED[name][1]
            # Pairs are asked for by their own judge only.
            self._kept = {k: v for k, v in self._kept.items() if len(k[1]) < 2}
            self._kept[key] = simulate_period(kind, first, 7 * WEEKS, seed=seed, variation=Variation(**knobs))
        return self._kept[key]


def _judged(building: str, seed: int, injected: list[str], truth: dict[str, float], found: Explanation) -> Case:
    parts = {p.cause: p for p in found.parts}
    first = {p.cause for p in found.ranked[: len(truth)]}
    quiet = abs(found.ranked[0].kwh) < QUIET_SHARE * found.reporting_kwh
    return Case(
        building=building,
        seed=seed,
        injected=injected,
        truth=truth,
        found={cause: p.kwh for cause, p in parts.items()},
        ranked=first == set(truth) if truth else quiet,
        within={c: abs(parts[c].kwh - kwh) <= TOLERANCE * abs(kwh) for c, kwh in truth.items()},
        covered={c: parts[c].low <= kwh <= parts[c].high for c, kwh in truth.items()},
    )


def summarise(cases: list[Case]) -> dict[str, Any]:
    """Shares over all cases, and by what was injected."""

    def shares(chosen: list[Case]) -> dict[str, Any]:
        within = [w for c in chosen for w in c.within.values()]
        covered = [w for c in chosen for w in c.covered.values()]
        return {
            "cases": len(chosen),
            "ranked_first": _share([c.ranked for c in chosen]),
            "within_25_percent": _share(within),
            "truth_in_interval": _share(covered),
        }

    return {
        "all": shares([c for c in cases if c.injected]),
        "single": shares([c for c in cases if len(c.injected) == 1]),
        "pairs": shares([c for c in cases if len(c.injected) == 2]),
        "nothing injected": shares([c for c in cases if not c.injected]),
        **{name: shares([c for c in cases if name in c.injected]) for name in INJECTED},
    }


def _share(those: list[bool]) -> float | None:
    return sum(those) / len(those) if those else None


def _print(cases: list[Case], summary: dict[str, Any]) -> None:
    table = Table("building", "seed", "injected", "true kWh", "found kWh", "first", "within 25 %", box=None)
    for c in cases:
        causes = list(c.truth) or [max((k for k in c.found if k != "weather"), key=lambda k: abs(c.found[k]))]
        table.add_row(
            c.building,
            str(c.seed),
            ", ".join(c.injected) or "nothing",
            ", ".join(number(c.truth.get(k)) for k in causes),
            ", ".join(number(c.found[k]) for k in causes),
            "yes" if c.ranked else "NO",
            ", ".join("yes" if c.within[k] else "NO" for k in c.truth) or "–",
        )
    out.print(table)
    totals = Table("", "cases", "named cause first", "within 25 %", "truth in the 90 % interval", box=None)
    for name, row in summary.items():
        totals.add_row(name, str(row["cases"]), *_percents(row))
    out.print(totals)


def _percents(row: dict[str, Any]) -> Iterator[str]:
    for key in ("ranked_first", "within_25_percent", "truth_in_interval"):
        yield "–" if row[key] is None else f"{row[key]:.0%}"
