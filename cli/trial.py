"""``promessa trial``: prove what control saves on the building itself, by days or weeks with and without it."""

from __future__ import annotations

import math
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.options import AsJson, ConfigFile, caller, number, out, print_json
from cli.settings import read_config
from core.clock import SystemClock
from core.errors import ConfigError, DomainError, NotFoundError

if TYPE_CHECKING:
    from core.calendar import Calendar
    from predict.trial.evaluation import Evaluation, Saving
    from stores.port import ReadingStore
    from stores.registry import Registry, Trial, TrialPlan

TrialId = Annotated[str, typer.Argument(help="Id of the trial, or as much of its beginning as is unique.")]

app = typer.Typer(help="Prove what control saves on the building itself.", no_args_is_help=True)


@app.command()
def plan(
    *,
    building: Annotated[str, typer.Argument(help="Building, for example torino/calvino.")],
    start: Annotated[str, typer.Option("--from", help="First local day.")],
    end: Annotated[str, typer.Option("--to", help="Local day, not included.")],
    why: Annotated[str, typer.Option(help="What is to be proved, for those who will wonder.")],
    unit: Annotated[str, typer.Option(help="What is switched as a whole: day or week.")] = "day",
    washout_hours: Annotated[
        int | None, typer.Option(min=0, help="First hours of a block that do not count; 6 of a day, 24 of a week.")
    ] = None,
    switch_at: Annotated[str, typer.Option(help="Local time at which a block begins.")] = "00:00",
    seed: Annotated[int | None, typer.Option(min=0, help="Of the lots; drawn by default, so that nobody picks it.")] = (
        None
    ),
    saving: Annotated[float | None, typer.Option(min=0.001, max=0.99, help="Hoped for: 0.1 is a tenth.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and what it can show; keep nothing.")] = (
        False
    ),
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Draw by lot which days or weeks are with control, and keep the plan; nothing is switched before it is started."""
    from predict.fit import find_building
    from predict.trial.plan import plan as make
    from stores.registry import Trial, TrialUnit

    try:
        which, first, last, clock = (
            TrialUnit(unit),
            date.fromisoformat(start),
            date.fromisoformat(end),
            _clock(switch_at),
        )
    except ValueError as error:
        raise DomainError(f"{error}: a unit is day or week, a day 2026-01-31, a time 20:00") from error
    with _opened(config) as (store, registry):
        found, calendar = find_building(registry, building)
        drawn = make(
            calendar, first, last, unit=which, seed=secrets.randbelow(2**31) if seed is None else seed,
            washout_h=washout_hours, switch_at=clock,
        )  # fmt: skip
        now_ms = SystemClock().now_ms()
        value = Trial(id=uuid.uuid4().hex, building=building, plan=drawn, by=caller(), why=why, entered_ms=now_ms)
        sharp = _sharpness(store, registry, found.meters, drawn, saving, now_ms)
        if not dry_run:
            value = registry.enter_trial(value)
    if as_json:
        print_json(_document(value, calendar) | {"kept": not dry_run, "meters": sharp})
        return
    _print_plan(value, calendar)
    for meter, about in sharp.items():
        out.print(_sentence(meter, about, saving), markup=False)
    out.print("nothing is kept" if dry_run else f"planned; start it with: promessa trial start {value.id[:8]}")


@app.command()
def start(*, trial: TrialId, config: ConfigFile = None) -> None:
    """Let a planned trial switch its building from its first block on."""
    with _opened(config) as (_, registry):
        kept = registry.start_trial(_find(registry, trial).id, by=caller(), now_ms=SystemClock().now_ms())
    out.print(f"trial {kept.id} runs")


@app.command()
def stop(
    *,
    trial: TrialId,
    why: Annotated[str, typer.Option(help="Why it ends here.")],
    config: ConfigFile = None,
) -> None:
    """End a trial; before the end of its plan it is aborted, and claims nothing."""
    with _opened(config) as (_, registry):
        kept = registry.stop_trial(_find(registry, trial).id, by=caller(), why=why, now_ms=SystemClock().now_ms())
    out.print(f"trial {kept.id} has {kept.state.value}" if kept.state == "ended" else f"trial {kept.id} is aborted")


@app.command()
def show(
    *,
    trial: Annotated[str | None, typer.Argument(help="Id, or its beginning; all by default.")] = None,
    building: Annotated[str | None, typer.Option(help="Only of this building.")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a trial with its blocks, or list all."""
    from predict.fit import find_building
    from stores.registry import settled

    now_ms = SystemClock().now_ms()
    with _opened(config) as (_, registry):
        if trial is not None:
            value = settled(_find(registry, trial), now_ms)
            _, calendar = find_building(registry, value.building)
            if as_json:
                print_json(_document(value, calendar))
            else:
                _print_plan(value, calendar)
            return
        rows = [settled(value, now_ms) for value in registry.trials(building)]
        calendars = {value.building: find_building(registry, value.building)[1] for value in rows}
    if as_json:
        print_json([_document(value, calendars[value.building]) for value in rows])
        return
    table = Table("trial", "building", "from", "to", "unit", "state", "by", "why", box=None)
    for value in rows:
        local = calendars[value.building].day_of
        table.add_row(value.id[:8], value.building, str(local(value.plan.start_ms)), str(local(value.plan.end_ms)),
                      value.plan.unit.value, value.state.value, value.by, value.why)  # fmt: skip
    out.print(table)


@app.command()
def evaluate(*, trial: TrialId, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show the saving that a trial has measured, or why there is none to claim."""
    from predict.trial.stored import evaluate_trial

    with _opened(config) as (store, registry):
        found = evaluate_trial(store, registry, _find(registry, trial).id, now_ms=SystemClock().now_ms())
    if as_json:
        print_json(
            {
                "trial": found.trial.id,
                "building": found.trial.building,
                "state": found.trial.state.value,
                "meters": {meter: evaluation_document(e) for meter, e in found.meters.items()},
                "missing": found.missing,
            }
        )
        return
    table = Table("meter", "saving", "from", "to", "kWh", "p", "on/off blocks", "adjusted by", "coverage", box=None)
    for meter, e in found.meters.items():
        for label, saving in ((meter, e.saving), ("  as drawn", e.intention_to_treat)):
            table.add_row(label, *_cells(saving), e.adjusted_by, f"{e.coverage:.0%}")
    out.print(table)
    for meter, e in found.meters.items():
        for left_out in e.excluded:
            out.print(f"{meter}: a block {'with' if left_out.block.is_on else 'without'} control does not count:"
                      f" {left_out.reason}", markup=False)  # fmt: skip
        if not e.claims:
            out.print(f"{meter}: no claim: {' '.join(e.reasons)}", style="yellow", markup=False)
    for name, reason in found.missing.items():
        out.print(f"{name}: {reason}", style="yellow", markup=False)


def evaluation_document(found: Evaluation) -> dict[str, Any]:
    """What a trial has shown of one meter, as JSON has it."""

    def shown(saving: Saving | None) -> dict[str, Any] | None:
        if saving is None:
            return None
        share = saving.share
        return {
            "share": {"saved": share.saved, "low": share.low, "high": share.high, "p_value": share.p_value},
            "kwh": {"saved": saving.saving_kwh, "low": saving.low_kwh, "high": saving.high_kwh},
            "on_blocks": saving.on_blocks,
            "off_blocks": saving.off_blocks,
        }

    return {
        "claims": found.claims,
        "reasons": list(found.reasons),
        "adjusted_by": found.adjusted_by,
        "coverage": found.coverage,
        "saving": shown(found.saving),
        "intention_to_treat": shown(found.intention_to_treat),
        "excluded": [
            {"start_ms": e.block.start_ms, "end_ms": e.block.end_ms, "is_on": e.block.is_on, "reason": e.reason}
            for e in found.excluded
        ],
    }


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[ReadingStore, Registry]]:
    from stores.readings import open_store
    from stores.registry import Registry

    settings = read_config(config)
    with Registry.open(settings.registry.url) as registry, open_store(settings.store) as store:
        registry.put_configured(settings.sites, settings.buildings)
        yield store, registry


def _find(registry: Registry, beginning: str) -> Trial:
    found = [value for value in registry.trials() if value.id.startswith(beginning)]
    if not found:
        raise NotFoundError(f"there is no trial {beginning[:64]!r}")
    if len(found) > 1:
        raise ConfigError(f"{len(found)} trials begin with {beginning[:64]!r}")
    return found[0]


def _clock(text: str) -> time:
    moment = time.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(f"{text!r} is local and has no offset")
    return moment


def _sharpness(
    store: ReadingStore, registry: Registry, meters: list[str], drawn: TrialPlan, saving: float | None, now_ms: int
) -> dict[str, dict[str, Any]]:
    """What each meter can show, or why nobody knows."""
    from predict.trial.stored import sharpness

    shown: dict[str, dict[str, Any]] = {}
    for meter in meters:
        try:
            found = sharpness(
                store, registry, meter, unit=drawn.unit, washout_h=drawn.washout_h, now_ms=now_ms,
                blocks=len(drawn.blocks), saving=saving,
            )  # fmt: skip
        except (DomainError, NotFoundError) as error:
            shown[meter] = {"missing": error.message}
            continue
        shown[meter] = {
            "usual_kw": found.usual_kw,
            "noise_kw": found.noise_kw,
            "detectable": found.detectable,
            "needed_days": None if found.needed is None else found.needed.days,
        }
    return shown


def _sentence(meter: str, about: dict[str, Any], saving: float | None) -> str:
    if "missing" in about:
        return f"{meter}: nobody knows what it can show: {about['missing']}"
    text = f"{meter}: finds a saving of {about['detectable']:.1%} in four cases of five"
    if saving is None:
        return text
    days = about["needed_days"]
    return text + (f"; {saving:.1%} needs {days} days" if days else f"; {saving:.1%} is lost in its noise")


def _document(value: Trial, calendar: Calendar) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(value)
    for block, kept in zip(shown["plan"]["blocks"], value.plan.blocks, strict=True):
        block["start"] = calendar.local(kept.start_ms).isoformat()
    return shown


def _print_plan(value: Trial, calendar: Calendar) -> None:
    p = value.plan
    out.print(f"trial {value.id} of {value.building}: {value.state.value}. {value.why} ({value.by})", markup=False)
    if value.ended_why:
        out.print(f"{value.ended_by}: {value.ended_why}", markup=False)
    out.print(f"seed {p.seed}; the first {p.washout_h} h of every block do not count")
    table = Table("begins", "on", "off", box=None)
    for block in p.blocks:
        begins = f"{calendar.local(block.start_ms):%a %Y-%m-%d %H:%M}"
        table.add_row(begins, *(("with control", "") if block.is_on else ("", "without")))
    out.print(table)


def _cells(saving: Saving | None) -> tuple[str, ...]:
    if saving is None:
        return ("–",) * 6
    share = saving.share
    ends = [f"{end:+.1%}" if math.isfinite(end) else "–" for end in (share.saved, share.low, share.high)]
    return (*ends, number(saving.saving_kwh), f"{share.p_value:.3f}", f"{saving.on_blocks}/{saving.off_blocks}")
