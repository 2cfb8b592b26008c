"""The ``demo`` command: runs the story, shows it, and reports what came of it."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer
from rich.live import Live
from rich.table import Table

from cli.options import err, number, out
from cli.processes import stop_on_signals
from core.clock import from_ms, monotonic_s

if TYPE_CHECKING:
    from cli.demo.story import Story

_DRAW_EVERY_S: Final = 1.0
_LOG_EVERY_S: Final = 5.0
_CALM_STEP_S: Final = 0.08
"""Three simulated hours a second: what people can follow on a screen."""
_ARCHIVE_DONE_BY: Final = 0.8
"""With a duration, the real year is through by this share of it."""


class _Show(Protocol):
    def __call__(self, *, last: bool = False) -> None: ...


def demo(
    *,
    duration: Annotated[float | None, typer.Option(help="End by itself after so many seconds.", min=1.0)] = None,
    headless: Annotated[bool, typer.Option(help="Log lines in place of a screen, as fast as the machine can.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write what came of it to this JSON file.")] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated weather and people.")] = 1,
    port: Annotated[int, typer.Option(help="Port of the API; 0 takes a free one.")] = 8080,
) -> None:
    """Run the main job: real buildings replayed, a simulated one controlled, over real MQTT, Modbus and databases."""
    with err.status("starting broker, stores, gateways and API"):
        from cli.demo.report import assemble
        from cli.demo.story import Story

    logging.getLogger().setLevel(logging.WARNING)
    stop = stop_on_signals()
    began_s = monotonic_s()
    plain = headless or not out.is_terminal
    with (
        tempfile.TemporaryDirectory(prefix="promessa-demo-") as folder,
        Story(Path(folder), seed=seed, api_port=port) as story,
    ):
        err.print(f"API on {story.api.url}/docs", highlight=False)
        err.print(f"administrator's key, made for this run: {story.api_key}", highlight=False, soft_wrap=True)
        until_s = None if duration is None else began_s + duration
        if plain:
            ended = _follow(story, stop, _lines(story), until_s, calm=not headless and duration is None)
        else:
            with Live(console=out, screen=True, auto_refresh=False) as live:
                ended = _follow(story, stop, _screen(story, live), until_s, calm=duration is None)
        summary = assemble(story, ended=ended, wall_s=monotonic_s() - began_s)
    if report is not None:
        report.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    print_summary(summary)


def _follow(story: Story, stop: threading.Event, show: _Show, until_s: float | None, *, calm: bool) -> str:
    """Go through the story until it is stopped or its time is up; returns why it ended."""
    stepped_s = begun_s = monotonic_s()
    steps = 0
    for progress in story.steps():
        show()
        now_s = monotonic_s()
        if progress.library_ms:
            steps += 1
            begun_s = now_s if steps == 1 else begun_s
            if until_s is not None and steps > 1:
                left_s = begun_s + (until_s - begun_s) * _ARCHIVE_DONE_BY - now_s
                story.pace_archive(left_s / ((now_s - begun_s) / (steps - 1)))
            if calm and progress.driven_since_ms is not None:
                time.sleep(max(0.0, _CALM_STEP_S - (now_s - stepped_s)))
        stepped_s = monotonic_s()
        if stop.is_set() or (until_s is not None and stepped_s >= until_s):
            break
    show(last=True)
    return "stopped" if stop.is_set() else "duration"


def _screen(story: Story, live: Live) -> _Show:
    from cli.demo.screen import draw, gather

    drawn_s = 0.0

    def show(*, last: bool = False) -> None:
        nonlocal drawn_s
        if last or monotonic_s() - drawn_s >= _DRAW_EVERY_S:
            live.update(draw(gather(story)), refresh=True)
            drawn_s = monotonic_s()

    return show


def _lines(story: Story) -> _Show:
    phase, said_s = "", 0.0

    def show(*, last: bool = False) -> None:
        nonlocal phase, said_s
        progress = story.progress
        if last or progress.phase != phase or monotonic_s() - said_s >= _LOG_EVERY_S:
            phase, said_s = progress.phase, monotonic_s()
            times = [f"{from_ms(ms):%Y-%m-%d}" if ms else "-" for ms in (progress.archive_ms, progress.library_ms)]
            stored = story.circle.ingest.counters().readings
            err.print(f"{phase}: Cambridge {times[0]}, Turin {times[1]}, {stored:,} readings stored", highlight=False)

    return show


def print_summary(summary: dict[str, Any]) -> None:
    """Print what came of it, for people."""
    meters = Table(
        "meter", "CV(RMSE) %", "NMBE %", "then CV(RMSE) %", "predicted kWh", "actual kWh", "gap kWh", "± kWh", box=None
    )
    for m in summary["meters"]:
        meters.add_row(
            m["meter"], number(m["baseline"]["cv_rmse"]), number(m["baseline"]["nmbe"]),
            number(m["followed"]["cv_rmse"]), number(m["predicted_kwh"]), number(m["actual_kwh"]),
            number(m["gap_kwh"]), number(m["uncertainty_kwh"]),
        )  # fmt: skip
    out.print(meters)
    r = summary["readings"]
    out.print(
        f"readings: {r['sent']:,} measured, {r['stored']:,} stored, {r['duplicated']} duplicated, {r['lost']} lost, "
        f"{r['dead_letters']} dead letters"
    )
    states = ", ".join(f"{n} {state}" for state, n in summary["commands"]["by_state"].items()) or "none"
    out.print(f"commands: {summary['commands']['sent']} sent; {states}")
    for name, e in summary["simulated"]["energy"].items():
        out.print(
            f"{summary['simulated']['building']} {name} since control began: {number(e['used_kwh'])} kWh, "
            f"without control {number(e['twin_kwh'])} kWh ({-e['saved']:+.1%})"
        )
    for c in summary["comfort"]:
        out.print(
            f"{c['zone']}: {c['in_band']:.1%} of {c['hours']:.0f} occupied hours in comfort, "
            f"{c['cold_kh']:.1f} K·h too cold, {c['warm_kh']:.1f} K·h too warm"
        )
