"""What the demo shows on a terminal, drawn from what the parts have stored."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from cli.demo import report, scenario
from cli.demo.story import Story
from cli.options import number
from core.clock import from_ms
from core.commands import Outcome
from core.priority import Slot
from core.readings import Reading
from stores.registry import CommandRecord

_LAST_COMMANDS = 5
_LEVELS = {Outcome.APPLIED: "green", Outcome.SUPERSEDED: "dim", Outcome.EXPIRED: "yellow"}


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that a screen shows, gathered at one moment.

    Attributes
    ----------
    latest
        Newest reading of every point.
    done
        Share of the real year that has been followed, 0 to 1.
    """

    phase: str
    api: str
    key: str
    archive_ms: int
    library_ms: int
    done: float
    driven: bool
    readings: report.Readings
    meters: list[report.Meter]
    commands: list[CommandRecord]
    comfort: list[report.Comfort]
    energy: dict[str, report.Energy]
    latest: dict[str, Reading]


def gather(story: Story) -> Picture:
    """Look at everything once."""
    progress = story.progress
    start_ms, now_ms = story.archive_year_ms
    return Picture(
        phase=progress.phase,
        api=story.api.url,
        key=story.api_key,
        archive_ms=progress.archive_ms,
        library_ms=progress.library_ms or story.start_ms,
        done=(now_ms - start_ms) / (now_ms - start_ms + story.archive_left_ms),
        driven=progress.driven_since_ms is not None,
        readings=report.count_readings(story),
        meters=report.look_at_meters(story),
        commands=report.all_commands(story),
        comfort=report.judge_comfort(story),
        energy=report.compare_energy(story),
        latest=story.store.latest(),
    )


def draw(picture: Picture) -> RenderableType:
    """The whole screen."""
    return Group(_head(picture), _real(picture), _library(picture), _commands(picture), _foot(picture))


def _head(picture: Picture) -> RenderableType:
    text = Text.assemble(
        ("Promessa ", "bold"), f"– {picture.phase}\n",
        "API  ", (f"{picture.api}/docs", "cyan"), "   administrator's key, made for this run: ", (picture.key, "cyan"),
    )  # fmt: skip
    return Panel(text, border_style="blue")


def _real(picture: Picture) -> RenderableType:
    now = from_ms(picture.archive_ms).astimezone(scenario.CAMBRIDGE.calendar().zone) if picture.archive_ms else None
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.percentage:.0f} %"), expand=True
    )
    bar.add_task(f"{now:%d %B %Y}" if now else "", total=100, completed=round(100 * picture.done))
    return Panel(
        Group(bar, _meters(picture, scenario.CAMBRIDGE.id)),
        title="Cambridge, real buildings replayed",
        title_align="left",
    )


def _meters(picture: Picture, site: str) -> Table:
    table = Table(box=None, expand=True, header_style="dim")
    for name in ("meter", "CV(RMSE) fitted", "then", "predicted kWh", "actual kWh", "gap kWh", "± kWh", ""):
        table.add_column(name, justify="left" if name in ("meter", "") else "right")
    for meter in picture.meters:
        if not meter.meter.startswith(f"{site}/"):
            continue
        gap = meter.gap
        style = "" if gap is None or not gap.is_significant else "red" if gap.gap_kwh > 0 else "green"
        table.add_row(
            meter.meter.removeprefix(f"{site}/"),
            f"{number(meter.fit.cv_rmse)} %",
            f"{number(meter.followed.cv_rmse)} %",
            *(
                (
                    number(gap.predicted_kwh),
                    number(gap.actual_kwh),
                    Text(number(gap.gap_kwh), style),
                    number(gap.uncertainty_kwh),
                )
                if gap
                else ("–",) * 4
            ),
            Text("no claim: " + meter.disqualified[0], "yellow", overflow="ellipsis", no_wrap=True)
            if meter.disqualified
            else "",
        )
    return table


def _library(picture: Picture) -> RenderableType:
    now = from_ms(picture.library_ms).astimezone(scenario.TORINO.calendar().zone)
    zones = Table(box=None, expand=True, header_style="dim")
    for name in ("zone", "°C", "set-point", "people", "CO2 ppm", "comfort while occupied"):
        zones.add_column(name, justify="left" if name == "zone" else "right")
    comfort = {c.zone: c for c in picture.comfort}
    control = scenario.library().control
    for point in control.setpoints if control else []:
        zone = point.rsplit("/", 1)[0]
        seen = comfort.get(zone)
        zones.add_row(
            zone.rsplit("/", 1)[1],
            *(_shown(picture, f"{zone}/{name}", digits) for name, digits in
              (("temperature", 1), ("heating-setpoint", 1), ("occupancy", 0), ("co2", 0))),
            f"{seen.in_band:.0%} of {seen.hours:.0f} h" if seen else "–",
        )  # fmt: skip
    plant = "   ".join(
        f"{label} {_shown(picture, f'{scenario.LIBRARY}/{name}', 1)} {unit}"
        for label, name, unit in (
            ("outdoors", "outdoor-temperature", "°C"), ("supply", "supply-temperature", "°C"),
            ("asked", "supply-temperature-setpoint", "°C"), ("boiler", "boiler-power", "kW"),
        )
    )  # fmt: skip
    saved = "   ".join(
        f"{name}: {number(e.used_kwh)} kWh, without control {number(e.twin_kwh)} ({-e.saved:+.0%})"
        for name, e in picture.energy.items()
    )
    return Panel(
        Group(zones, Text(plant), Text(saved or "control begins after a week", "green" if saved else "dim")),
        title=f"Turin, the simulated library – {now:%A %d %B %Y %H:%M}", title_align="left",
    )  # fmt: skip


def _shown(picture: Picture, point: str, digits: int) -> str:
    reading = picture.latest.get(point)
    return "–" if reading is None else f"{reading.value:.{digits}f}"


def _commands(picture: Picture) -> RenderableType:
    table = Table(box=None, expand=True, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    people = [r for r in picture.commands if r.command.slot == Slot.PERSON][:1]
    for record in [*people, *(r for r in picture.commands if r not in people)][:_LAST_COMMANDS]:
        command = record.command
        colour = _LEVELS.get(Outcome(record.state), "red") if not record.state.is_open else ""
        value = "release" if command.value is None else f"{command.value:.1f}"
        table.add_row(
            command.point.removeprefix(f"{scenario.LIBRARY}/"), value, Text(record.state, colour),
            f"{command.by} (slot {command.slot}): {command.why}",
        )  # fmt: skip
    counts = ", ".join(f"{n} {state}" for state, n in report.count_commands(picture.commands).items()) or "none yet"
    return Panel(table, title=f"Commands: {counts}", title_align="left")


def _foot(picture: Picture) -> RenderableType:
    r = picture.readings
    return Text(
        f"readings: {r.sent:,} measured, {r.stored:,} stored, {r.duplicated} duplicated, {r.lost} lost, "
        f"{r.dead_letters} dead letters        Ctrl-C ends it",
        "dim",
    )
