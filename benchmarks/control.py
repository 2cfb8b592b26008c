"""``python -m benchmarks.control DIR``: simulated buildings under their own control and ours, as a table and pictures.

Every run is kept in ``DIR/CASE-CONTROLLER`` and is not done again while it is of the same days; one that was made by
other code is said, and done again with ``--again``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cli.evaluate.closed_loop import Decider
from cli.evaluate.control import Controller, evaluate_model
from cli.options import number, out, print_json
from control.mpc.decider import PredictiveDecider
from control.strategy import PROPOSE, decide
from control.view import Comfort
from core.errors import DomainError
from simulators.energyplus import shipped

CASES: Final = {
    "small-office": ("ref:small_office", "usa_il_chicago"),
    "medium-office": ("ref:medium_office", "usa_il_chicago"),
    "primary-school": ("ref:primary_school", "usa_il_chicago"),
    "secondary-school": ("ref:secondary_school", "usa_il_chicago"),
    "small-office-2019": ("ashrae:office_small", "usa_co_denver"),
}
"""Model and weather of EnergyPlus' own; the last is of ASHRAE 90.1-2019, the others are DOE reference buildings."""
KEPT_ASIDE: Final = {
    f"{model.replace(':', '-')}@{weather}": (model, weather)
    for model, weather in (
        ("ref:standalone_retail", "usa_co_golden"),
        ("ref:strip_mall", "usa_va_sterling"),
        ("ref:supermarket", "usa_il_chicago"),
        ("ref:quick_service_restaurant", "usa_nj_newark"),
        ("ref:midrise_apartment", "usa_co_denver"),
        ("ref:small_office", "usa_nv_las_vegas"),
        ("ref:small_office", "usa_fl_miami"),
        ("ashrae:retail_standalone", "usa_ok_oklahoma"),
        ("ashrae:retail_strip_mall", "usa_il_chicago"),
        ("ashrae:restaurant_fast_food", "usa_co_boulder"),
        ("ashrae:hotel_small", "usa_nj_newark"),
        ("ashrae:school_primary", "usa_co_golden"),
        ("ashrae:office_medium", "usa_il_chicago"),
        ("ashrae:office_small", "usa_il_chicago"),
        ("ashrae:apartment_mid_rise", "usa_il_chicago"),
        ("ashrae:warehouse", "usa_il_chicago"),
    )
}
"""Buildings and climates that no setting was made for."""
ALL_CASES: Final = CASES | KEPT_ASIDE
STRATEGIES: Final = tuple(dict.fromkeys(sys.modules[propose.__module__].NAME for propose in PROPOSE))
REPORT: Final = "report.json"
COLUMNS: Final = (
    "ener kWh/m²", "change %", "tdis K·h", "change %", "lowered K·h", "short of air h", "no air h", "decision ms"
)  # fmt: skip
_LEAST_TDIS_K_H: Final = 0.05
"""Of less than that a change is no figure."""

err = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Task:
    """One run; `without` is a strategy that is left out, empty for none."""

    case: str
    controller: Controller
    first: date
    last: date
    learn_days: int
    setback_c: float
    without: str = ""

    @property
    def label(self) -> str:
        """Who controls, in words."""
        return f"{self.controller.value} without {self.without}" if self.without else self.controller.value

    @property
    def directory(self) -> str:
        """Name of the directory of its results."""
        return f"{self.case}-{self.label.replace(' ', '-')}"

    @property
    def key(self) -> dict[str, str]:
        """What must be the same for a run to count as done."""
        key = {name: str(value) for name, value in asdict(self).items()}
        return key if self.controller is not Controller.EMBEDDED else key | {"setback_c": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """What a run came to; changes are in per cent of the building's own control, None where there is no such figure."""

    case: str
    controller: str
    ener_kwh_m2: float
    ener_change: float | None
    tdis_k_h: float
    tdis_change: float | None
    lowered_k_h: float
    short_of_air_h: float | None
    no_air_h: float
    decision_ms: float

    @property
    def cells(self) -> list[str]:
        """As the table shows them, in the order of `COLUMNS`."""
        return [
            number(self.ener_kwh_m2), _signed(self.ener_change), number(self.tdis_k_h), _signed(self.tdis_change),
            *(number(v) for v in (self.lowered_k_h, self.short_of_air_h, self.no_air_h, self.decision_ms)),
        ]  # fmt: skip


def rows(reports: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[Row]:
    """One row for each report, by case and label of the controller; changes are to the case's ``embedded``."""
    found = []
    for (case, label), report in reports.items():
        own = reports.get((case, Controller.EMBEDDED.value)) if label != Controller.EMBEDDED.value else None
        names = ("ener_kwh_m2", "tdis_k_h", "lowered_k_h", "no_air_h", "decision_ms")
        figures = {name: float(report[name]) for name in names}
        figures["decision_ms"] = figures["decision_ms"] or math.nan  # nobody decided
        changes = [
            _change(figures[name], float(own[name]) if own else None, least)
            for name, least in (("ener_kwh_m2", 0.0), ("tdis_k_h", _LEAST_TDIS_K_H))
        ]
        short = report["short_of_air_h"]
        found.append(Row(case, label, ener_change=changes[0], tdis_change=changes[1], short_of_air_h=short, **figures))
    return found


def median_changes(table: Iterable[Row]) -> dict[str, float]:
    """Median change of energy over the cases in per cent, by controller."""
    by_label: dict[str, list[float]] = {}
    for row in table:
        if row.ener_change is not None:
            by_label.setdefault(row.controller, []).append(row.ener_change)
    return {label: statistics.median(changes) for label, changes in by_label.items()}


def markdown(table: Sequence[Row]) -> str:
    """Rows and medians in Markdown."""
    lines = [f"| case | controller | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    lines += [f"| {row.case} | {row.controller} | {' | '.join(row.cells)} |" for row in table]
    medians = [f"{label} {_signed(change)} %" for label, change in median_changes(table).items()]
    return "\n".join([*lines, "", f"Median change of energy: {'; '.join(medians)}."] if medians else lines)


def _change(value: float, own: float | None, least: float) -> float | None:
    return None if own is None or own <= least else 100 * (value / own - 1)


def _signed(change: float | None) -> str:
    return "–" if change is None else f"{change:+.1f}"


def decider_of(task: Task) -> Decider | None:
    """What decides; None: the building's own controls rule."""
    if task.controller is Controller.EMBEDDED:
        return None
    if task.controller is Controller.MPC:
        return PredictiveDecider()
    return partial(decide, without=frozenset([task.without])) if task.without else decide


def code() -> str:
    """Fingerprint of everything that decides what a run comes to."""
    root = Path(__file__).resolve().parent.parent
    sources = sorted(
        p for room in ("control", "simulators", "cli/evaluate", "predict") for p in (root / room).rglob("*.py")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def finished(task: Task, directory: Path) -> dict[str, Any] | None:
    """The report of a run that is done already."""
    try:
        report: dict[str, Any] = json.loads((directory / task.directory / REPORT).read_text())
    except (OSError, ValueError):
        return None
    return report if report.get("key") == task.key else None


def perform(task: Task, directory: Path, *, show: bool) -> dict[str, Any]:
    """Run one task and keep its report."""
    made_by = code()
    home = directory / task.directory
    home.mkdir(parents=True, exist_ok=True)
    (home / REPORT).unlink(missing_ok=True)
    model, weather = shipped(*ALL_CASES[task.case])
    end = task.last + timedelta(days=1)
    began = time.monotonic()
    comfort = Comfort(20.0, 26.0, task.setback_c)
    decider = decider_of(task)
    report = evaluate_model(model, weather, task.first, end, home, task.learn_days, comfort, decider, show=show)
    report |= {"key": task.key, "code": made_by, "took_s": round(time.monotonic() - began, 1)}
    (home / REPORT).write_text(json.dumps(report, indent=2, sort_keys=True))
    return report


def perform_all(
    tasks: Sequence[Task], directory: Path, jobs: int, *, again: bool = False
) -> dict[tuple[str, str], dict[str, Any]]:
    """Reports of all tasks that end well, in their order; what fails is said and left out.

    With `again`, what was made by other code is done anew.
    """
    reports = {task: report for task in tasks if (report := finished(task, directory)) is not None}
    others = [task for task, report in reports.items() if report.get("code") != code()]
    if again:
        reports = {task: report for task, report in reports.items() if task not in others}
    left = [task for task in tasks if task not in reports]
    err.print(f"{len(reports)} of {len(tasks)} runs are there already")
    if others and not again:
        err.print(f"{len(others)} of them were made by other code; --again runs them anew")
    with ProcessPoolExecutor(max(1, min(jobs, len(left)))) as pool:
        running = {pool.submit(perform, task, directory, show=jobs == 1): task for task in left}
        for done, future in enumerate(as_completed(running), start=1):
            task = running[future]
            if (error := future.exception()) is not None:
                err.print(f"[{done}/{len(left)}] {task.case} {task.label} failed: {error!r}", markup=False)
                continue
            report = reports[task] = future.result()
            text = f"{report['ener_kwh_m2']:.2f} kWh/m² in {report['took_s']:.0f} s"
            err.print(f"[{done}/{len(left)}] {task.case} {task.label}: {text}", markup=False)
    return {(task.case, task.label): reports[task] for task in tasks if task in reports}


def tasks_of(chosen: argparse.Namespace) -> list[Task]:
    """Every run that was asked for; what is left out is left out of the rules."""
    first, last = date.fromisoformat(chosen.first), date.fromisoformat(chosen.last)
    if last < first + timedelta(days=chosen.learn_days):
        raise DomainError(f"{first} to {last} leaves no day after {chosen.learn_days} days of learning")
    without = STRATEGIES if chosen.without == ["each"] else chosen.without
    cases = [name for case in chosen.cases for name in (KEPT_ASIDE if case == "kept-aside" else [case])]
    runs = [(Controller(name), "") for name in chosen.controllers] + [(Controller.RULES, name) for name in without]
    return [
        Task(case, controller, first, last, chosen.learn_days, chosen.setback, name)
        for case in cases
        for controller, name in runs
    ]


def main() -> int:
    """Run what is not there yet, then print and draw all of it; returns 1 when a run failed."""
    parser = argparse.ArgumentParser("python -m benchmarks.control", description=__doc__)
    add = parser.add_argument
    add("directory", type=Path, help="keeps the results")
    cases = f"of {','.join(CASES)}; kept-aside: all of {','.join(KEPT_ASIDE)}"
    add("--cases", type=_words([*ALL_CASES, "kept-aside"]), default=list(CASES), metavar="CASE,…", help=cases)
    add("--controllers", type=_words([c.value for c in Controller]), default=[c.value for c in Controller])
    without = "also the rules without a strategy, to see what it is worth: each, or of " + ",".join(STRATEGIES)
    add("--without", type=_words([*STRATEGIES, "each"]), default=[], metavar="STRATEGY,…", help=without)
    add("--from", dest="first", default="2023-01-01", help="first local day")
    add("--to", dest="last", default="2023-03-31", help="last local day, that day included")
    add("--learn-days", type=int, default=14)
    add("--setback", type=float, default=12.0, help="lowest with nobody there, Celsius")
    add("--jobs", type=int, default=1, help="runs at a time")
    add("--again", action="store_true", help="also what is there but was made by other code")
    add("--json", action="store_true")
    add("--markdown", action="store_true")
    add("--pictures", type=Path, help="directory of the pictures; else DIR")
    chosen = parser.parse_args()
    try:
        tasks = tasks_of(chosen)
    except (DomainError, ValueError) as error:
        parser.error(str(error))
    reports = perform_all(tasks, chosen.directory, chosen.jobs, again=chosen.again)
    table = rows(reports)
    if chosen.json:
        print_json({"rows": [asdict(row) for row in table], "median_change": median_changes(table)})
    elif chosen.markdown:
        print(markdown(table))
    else:
        shown = Table("case", "controller", *COLUMNS, box=None)
        for row in table:
            shown.add_row(row.case, row.controller, *row.cells)
        out.print(shown)
        for label, change in median_changes(table).items():
            out.print(f"median change of energy, {label}: {_signed(change)} %")
    from benchmarks.control_pictures import draw  # noqa: PLC0415 - a table needs no pictures

    for path in draw(reports, chosen.directory, chosen.pictures or chosen.directory):
        err.print(f"drew {path}")
    return 0 if len(reports) == len(tasks) else 1


def _words(known: Iterable[str]) -> Any:
    """A parser of words with commas between, all of them known."""

    def parse(text: str) -> list[str]:
        words = [word for word in text.split(",") if word]
        if unknown := [word for word in words if word not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return words

    return parse


if __name__ == "__main__":
    sys.exit(main())
