"""``promessa evaluate control``: a simulated building under its own or our control, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import Progress
from rich.table import Table

from cli.options import AsJson, err, number, out, print_json
from core.config.control import Control
from core.errors import DomainError

if TYPE_CHECKING:
    from cli.evaluate.closed_loop import Decider, Supervisor
    from control.view import Comfort
    from core.calendar import Calendar
    from simulators.port import DescribedBuilding

DEFAULTS: Final = Control()
"""What holds for any building that says nothing else."""
RESULTS: Final = "eplusout.sql"
TRACE: Final = "trace.parquet"
_SHOWN: Final = (
    "ener_kwh_m2", "tdis_k_h", "lowered_k_h", "short_of_air_h", "no_air_h", "decision_ms", "slowest_decision_ms"
)  # fmt: skip


class Controller(StrEnum):
    """Who controls the building."""

    EMBEDDED = "embedded"
    RULES = "rules"
    MPC = "mpc"


def control(
    *,
    out_dir: Annotated[Path, typer.Option("--out", help="Directory for the engine's results and trace.parquet.")],
    model: Annotated[Path | None, typer.Option(help="EnergyPlus model (IDF).")] = None,
    weather: Annotated[Path | None, typer.Option(help="Weather file (EPW).")] = None,
    building: Annotated[str, typer.Option(help="Another building instead, as module:Class.")] = "",
    first: Annotated[str, typer.Option("--from", help="First local day, MM-DD or YYYY-MM-DD.")] = "01-01",
    last: Annotated[str, typer.Option("--to", help="Last local day, that day included.")] = "03-31",
    year: Annotated[int, typer.Option(help="Gives the weekdays of MM-DD; 1 January 2023 is a Sunday.")] = 2023,
    learn_days: Annotated[int, typer.Option(min=0, help="Days at the beginning that are only watched.")] = 14,
    controller: Annotated[Controller, typer.Option(help="Who controls the building.")] = Controller.RULES,
    timezone: Annotated[str, typer.Option(help="IANA zone of the site; else from the weather file's place.")] = "",
    comfort_minimum: Annotated[
        float, typer.Option(help="Lowest with people there, Celsius.")
    ] = DEFAULTS.comfort_minimum,
    comfort_maximum: Annotated[float, typer.Option(help="Highest, Celsius.")] = DEFAULTS.comfort_maximum,
    setback: Annotated[float, typer.Option(help="Lowest with nobody there, Celsius.")] = DEFAULTS.setback,
    coast: Annotated[
        float, typer.Option(min=0.0, max=3.0, help="Kelvin by which zones may cool off before people leave.")
    ] = DEFAULTS.coast,
    as_json: AsJson = False,
) -> None:
    """Run a building in lock-step; the first days are watched, figures are of the days after them.

    DIR gets the engine's own results (with end-use meters, zone temperatures and people at each zone time step) and
    trace.parquet, a row for each zone and step. The controller sees the building's points and the site's calendar only.
    """
    from cli.evaluate.closed_loop import Supervisor
    from control.view import Comfort

    begin, end = _day(first, year), _day(last, year) + timedelta(days=1)
    if end <= begin + timedelta(days=learn_days):
        raise DomainError(f"{first} to {last} leaves no day after {learn_days} days of learning")
    if building and (model or weather):
        raise DomainError("takes --building, or --model and --weather, not both")
    if not setback <= comfort_minimum <= comfort_maximum:
        raise DomainError("--setback, --comfort-minimum and --comfort-maximum do not ascend")
    _empty(out_dir)
    simulated, calendar, end_ms = _open(model, weather, building, begin, end, timezone, out_dir)
    with closing(simulated):
        comfort = Comfort(comfort_minimum, comfort_maximum, setback, coast)
        supervisor = Supervisor(simulated, calendar, comfort, _decider(controller))
        report = run(supervisor, out_dir, learn_days, end_ms, show=not as_json and err.is_terminal)
        until = min(calendar.day_of(simulated.time_ms - 1), end - timedelta(days=1))
    report = {"controller": controller.value, "from": begin, "to": until} | report
    report |= _figures(out_dir, learn_days)
    if as_json:
        print_json(report)
        return
    table = Table("figure", "value", box=None)
    for name in _SHOWN:
        table.add_row(name, number(report.get(name)))
    for meter, kwh in report["end_uses_kwh"].items():
        table.add_row(meter, f"{number(kwh)} kWh")
    out.print(table)
    out.print(f"{out_dir / TRACE}: {report['trace_rows']:,} rows")


def run(supervisor: Supervisor, out_dir: Path, learn_days: int, end_ms: int, *, show: bool = False) -> dict[str, Any]:
    """Run a building up to `end_ms` in whole steps and write its trace; whoever opened the building closes it.

    Raises
    ------
    DomainError
        The building ends before there is a day after those of learning, or the trace cannot be written.
    """
    import numpy as np

    from cli.evaluate.trace import Trace

    simulated = supervisor.building
    trace = Trace(supervisor)
    begin_ms, start_ms = simulated.time_ms + learn_days * 86_400_000, simulated.time_ms
    if end_ms < begin_ms + simulated.step_ms:
        raise DomainError(f"the building ends before {learn_days} days of learning are over")
    with Progress(console=err, disable=not show) as progress:
        task = progress.add_task("simulating", total=(end_ms - start_ms) / 86_400_000)
        while simulated.time_ms + simulated.step_ms <= end_ms:
            simulated.step(simulated.time_ms + simulated.step_ms)
            supervisor.watch()
            trace.note()
            if begin_ms <= simulated.time_ms < end_ms:
                supervisor.control()
            progress.update(task, completed=(simulated.time_ms - start_ms) / 86_400_000)
    skip = learn_days * 86_400_000 // simulated.step_ms
    short_h, still_h = trace.short_of_air_h(skip)
    decisions = np.array(supervisor.decide_s or [0.0]) * 1000
    return {
        "zones": len(supervisor.layout.zones),
        "trace_rows": trace.write(out_dir / TRACE),
        "decision_ms": float(np.median(decisions)),
        "slowest_decision_ms": float(decisions.max()),
        "lowered_k_h": trace.lowered_k_h(skip),
        "short_of_air_h": short_h,
        "no_air_h": still_h,
    } | asdict(trace.kpis(skip))


def _figures(out_dir: Path, learn_days: int) -> dict[str, Any]:
    """From the engine's own results where there are some, in place of those from the trace."""
    from cli.evaluate.kpis import kpis_of_sql

    results = out_dir / RESULTS
    return asdict(kpis_of_sql(results, learn_days)) if results.exists() else {}


def _decider(controller: Controller) -> Any:
    from control.strategy import decide

    if controller is Controller.EMBEDDED:
        return None
    if controller is Controller.RULES:
        return decide
    from control.mpc.decider import PredictiveDecider

    return PredictiveDecider()


def _empty(out_dir: Path) -> None:
    """Make the directory; what an earlier run left there would be taken for this one's."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for stale in (RESULTS, TRACE):
            (out_dir / stale).unlink(missing_ok=True)
    except OSError as error:
        raise DomainError(f"{out_dir}: {error.strerror or error}") from error


def _open(
    model: Path | None, weather: Path | None, building: str, begin: date, end: date, timezone: str, out_dir: Path
) -> tuple[DescribedBuilding, Calendar, int]:
    """The building, the calendar of its site, and until when to simulate (UTC milliseconds)."""
    from core.calendar import Calendar
    from simulators.port import described, load

    if building:
        calendar = Calendar(timezone or "Etc/UTC")
        made = described(load(building)(calendar.midnight(begin), seed=0))
        return made, calendar, min(made.end_ms, calendar.midnight(end))
    if model is None or weather is None:
        raise DomainError("needs --model and --weather, or --building module:Class")
    from simulators.energyplus import EnergyPlusBuilding
    from simulators.idf.model import Idf
    from simulators.idf.site import holidays_of, site_calendar

    simulated = EnergyPlusBuilding(model, weather, begin, end, output=out_dir)
    try:
        idf = Idf.parse(model.read_text(encoding="latin-1"))
        year = begin.year
        calendar = Calendar(timezone, holidays_of(idf, year)) if timezone else site_calendar(idf, weather, year)
    except BaseException:
        simulated.close()
        raise
    return simulated, calendar, simulated.end_ms


def _day(text: str, year: int) -> date:
    parts: Sequence[str] = text.split("-")
    try:
        return date.fromisoformat(text if len(parts) == 3 else f"{year}-{text}")
    except ValueError as error:
        raise DomainError(f"{text!r} is no day like 01-31 or 2023-01-31") from error


def evaluate_model(
    model: Path, weather: Path, begin: date, end: date, out_dir: Path, learn_days: int, comfort: Comfort,
    decider: Decider | None, *, show: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Figures of an EnergyPlus model over the local days [begin, end), and the time zone of its site.

    Parameters
    ----------
    decider
        None: the building's own controls rule.
    """
    from cli.evaluate.closed_loop import Supervisor

    _empty(out_dir)
    simulated, calendar, end_ms = _open(model, weather, "", begin, end, "", out_dir)
    with closing(simulated):
        report = run(Supervisor(simulated, calendar, comfort, decider), out_dir, learn_days, end_ms, show=show)
    return report | _figures(out_dir, learn_days) | {"timezone": calendar.timezone}
