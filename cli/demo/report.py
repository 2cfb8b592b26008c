"""What came of the demo, worked out from what the parts have really done and stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
import numpy as np

from cli.demo import scenario
from cli.demo.story import Story
from core.calendar import HOUR_MS, Step
from core.clock import from_ms
from core.errors import PromessaError
from core.readings import BAD_FROM
from predict.figures import Figures, figures
from predict.fit import BaselineFigures, latest_baseline
from predict.gap import GapTotal, follow, meter_gap
from stores.port import ReadingStore
from stores.registry import CommandRecord, CommandState

_ALL_COMMANDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Readings:
    """Where the readings are.

    Attributes
    ----------
    sent
        Measured by the gateways and put into their spools.
    delivered
        Taken by ingest; one that was sent again counts again.
    stored
        In the store, one for each point and time.
    duplicated
        In the store beyond what was measured; the store's key makes it 0 or shows that something is wrong.
    lost
        Measured, confirmed by nobody, or not to be found in the store.
    dead_letters
        What could not be used.
    """

    sent: int
    delivered: int
    stored: int
    duplicated: int
    lost: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter's baseline and its gap.

    Attributes
    ----------
    fit
        Agreement in the baseline period.
    followed
        Agreement in the period after it, which the baseline has not seen; NMBE there is the gap in percent.
    gap
        Predicted, actual and gap over that period, kWh; None where there is nothing yet.
    disqualified
        Why no savings may be claimed.
    """

    meter: str
    fit: Figures
    followed: Figures
    gap: GapTotal | None
    disqualified: list[str]


@dataclass(frozen=True, slots=True)
class Comfort:
    """A zone while people were in it and control was on.

    Attributes
    ----------
    hours
        With people.
    in_band
        Share of them within the comfort band, 0 to 1.
    cold_kh, warm_kh
        Kelvin hours below and above it.
    """

    zone: str
    hours: float
    in_band: float
    cold_kh: float
    warm_kh: float


@dataclass(frozen=True, slots=True)
class Energy:
    """The library since control began, against the same library in the same weather without it.

    Attributes
    ----------
    used_kwh, twin_kwh
        By meter, from the registers.
    """

    used_kwh: float
    twin_kwh: float

    @property
    def saved(self) -> float:
        """Share of the twin's energy that was not used; 0 where it used none."""
        return 1 - self.used_kwh / self.twin_kwh if self.twin_kwh else 0.0


def count_readings(story: Story) -> Readings:
    """Compare what the gateways measured with what the store holds."""
    sent = sum(edge.gateway.measured for edge in story.circle.edges)
    extents = (story.store.extent(point) for point in story.store.points())
    stored = sum(extent.count for extent in extents if extent)
    counters = story.circle.ingest.counters()
    return Readings(
        sent=sent,
        delivered=counters.readings,
        stored=stored,
        duplicated=max(0, stored - sent),
        lost=max(0, sent - stored - sum(edge.gateway.spooled_batches for edge in story.circle.edges)),
        dead_letters=story.registry.count_dead_letters(),
    )


def look_at_meters(story: Story) -> list[Meter]:
    """Every meter that has a baseline; the real ones over the year after it, the library's since control began."""
    archive = scenario.CAMBRIDGE.calendar()
    periods = {meter: (archive, story.archive_year_ms) for of in scenario.archive_meters().values() for meter in of}
    driven_ms = story.progress.driven_since_ms
    if driven_ms is not None:
        library = story.calendar, (driven_ms, story.progress.library_ms)
        periods |= dict.fromkeys(scenario.library().meters, library)
    found = []
    for meter, (calendar, (start_ms, end_ms)) in periods.items():
        try:
            _, record = latest_baseline(story.registry, meter, calendar)
        except PromessaError:
            continue  # not fitted yet: the demo has only just begun
        kept = msgspec.convert(record.figures, BaselineFigures)
        if end_ms - start_ms < HOUR_MS:
            found.append(Meter(meter, kept.fit, Figures(0, None, None, None, None), None, kept.disqualified))
            continue
        gap = meter_gap(story.store, story.registry, meter, calendar, start_ms=start_ms, end_ms=end_ms, step=Step.YEAR)
        found.append(Meter(meter, kept.fit, _followed(story, meter, start_ms, end_ms), gap.total, kept.disqualified))
    return found


def _followed(story: Story, meter_id: str, start_ms: int, end_ms: int) -> Figures:
    calendar = story.calendar if meter_id.startswith(scenario.TORINO.id) else scenario.CAMBRIDGE.calendar()
    found = follow(story.store, story.registry, meter_id, calendar, start_ms, end_ms)
    return figures(found.actual_kwh, found.prediction.kwh)


def all_commands(story: Story) -> list[CommandRecord]:
    """Every command of the demo, newest first."""
    return story.registry.commands(limit=_ALL_COMMANDS)


def count_commands(records: list[CommandRecord]) -> dict[str, int]:
    """How many commands are in each state."""
    counted = Counter(record.state for record in records)
    return {state.value: counted[state] for state in CommandState if counted[state]}


def judge_comfort(story: Story) -> list[Comfort]:
    """Comfort in the library's zones since control began, from what is stored."""
    settings = story.config.buildings[-1].control
    start_ms, end_ms = story.progress.driven_since_ms, story.progress.library_ms
    if settings is None or start_ms is None or start_ms >= end_ms:
        return []
    step_h = scenario.LIBRARY_POLL_S / 3600
    found = []
    for zone in sorted(point.rsplit("/", 1)[0] for point in settings.setpoints):
        temperature = _values(story.store, f"{zone}/temperature", start_ms, end_ms + 1)
        people = _values(story.store, f"{zone}/occupancy", start_ms, end_ms + 1)
        times = sorted(t for t, count in people.items() if count > 0 and t in temperature)
        there = np.array([temperature[t] for t in times])
        if not len(there):
            continue
        cold = np.maximum(settings.comfort_minimum - there, 0.0)
        warm = np.maximum(there - settings.comfort_maximum, 0.0)
        found.append(
            Comfort(
                zone, len(there) * step_h, float(np.mean((cold == 0) & (warm == 0))), float(cold.sum()) * step_h,
                float(warm.sum()) * step_h,
            )
        )  # fmt: skip
    return found


def _values(store: ReadingStore, point: str, start_ms: int, end_ms: int) -> dict[int, float]:
    series = store.read(point, start_ms, end_ms)
    usable = series.quality < BAD_FROM
    return dict(zip(series.time_ms[usable].tolist(), series.value[usable].tolist(), strict=True))


def compare_energy(story: Story) -> dict[str, Energy]:
    """The library's meters against the twin's since control began."""
    start_ms = story.progress.driven_since_ms
    if start_ms is None:
        return {}
    found = {}
    for name, twin_start in story.twin_start.items():
        series = story.store.read(f"{scenario.LIBRARY}/{name}", start_ms, story.progress.library_ms + 1)
        if len(series.value):
            used = float(series.value[-1] - series.value[0])
            found[name] = Energy(used, story.twin.read(name) - twin_start)
    return found


def assemble(story: Story, *, ended: str, wall_s: float) -> dict[str, Any]:
    """Everything as one JSON document."""
    records = all_commands(story)
    progress = story.progress
    override = story.registry.command(story.override_id) if story.override_id else None
    return {
        "ended": ended,
        "wall_s": round(wall_s, 1),
        "api": story.api.url,
        "real": {
            "buildings": sorted(scenario.archive_meters()),
            "followed_from": from_ms(story.archive_year_ms[0]).isoformat(),
            "followed_to": from_ms(story.archive_year_ms[1]).isoformat(),
        },
        "simulated": {
            "building": scenario.LIBRARY,
            "from": from_ms(story.start_ms).isoformat(),
            "to": from_ms(progress.library_ms).isoformat() if progress.library_ms else None,
            "driven_since": from_ms(progress.driven_since_ms).isoformat() if progress.driven_since_ms else None,
            "energy": {n: asdict(e) | {"saved": e.saved} for n, e in compare_energy(story).items()},
        },
        "readings": asdict(count_readings(story)),
        "meters": [_meter(m) for m in look_at_meters(story)],
        "commands": {
            "sent": sum(record.sent_ms is not None for record in records),
            "by_state": count_commands(records),
            "by_slot": dict(sorted(Counter(str(record.command.slot) for record in records).items())),
            "override": None if override is None else msgspec.to_builtins(override),
        },
        "comfort": [asdict(c) for c in judge_comfort(story)],
    }


def _meter(meter: Meter) -> dict[str, Any]:
    gap = meter.gap
    return {
        "meter": meter.meter,
        "baseline": msgspec.to_builtins(meter.fit),
        "followed": msgspec.to_builtins(meter.followed),
        "disqualified": meter.disqualified,
        "predicted_kwh": gap and gap.predicted_kwh,
        "actual_kwh": gap and gap.actual_kwh,
        "gap_kwh": gap and gap.gap_kwh,
        "uncertainty_kwh": gap and gap.uncertainty_kwh,
        "coverage": gap and gap.coverage,
    }
