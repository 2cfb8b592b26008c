"""The study of anomalies: recorded meters as they are, with anomalies put in, and with single shifts of 15 %."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.anomalies.event import LEVEL_KINDS, Event, Kind
from predict.anomalies.normal import Normal, Sensitivity, learn
from predict.anomalies.score import Score, Truth, score
from predict.anomalies.watch import MeterWatch
from predict.baseline import DayBaseline
from predict.series import Floats, Times, fill_short_gaps
from simulators.injections import can_show_shift, inject, shift_from

WARM_UP_H: Final = 60 * 24
"""Of the training year, fed before the year that counts, as a running system would have seen it."""
FIRST_INJECTION_H: Final = 7 * 24
SHIFT: Final = 0.15
WITHIN_H: Final = 5 * 24
_FALSE_DAYS: Final = 60


@dataclass(frozen=True, slots=True)
class Meter:
    """Two consecutive years of one meter; `split` is the index at which the second one begins."""

    building: str
    meter: str
    calendar: Calendar
    time_ms: Times
    kwh: Floats
    temperature_c: Floats
    split: int

    @property
    def name(self) -> str:
        """For tables and seeds."""
        return f"{self.building}/{self.meter}"


@dataclass(slots=True)
class Outcome:
    """What came of one meter.

    Attributes
    ----------
    raw
        Events of the second year as recorded, by kind.
    days
        Days of that year with readings.
    score
        Of the runs with anomalies put in.
    shifts
        Single shifts of 15 % found within five days, and tried.
    reason
        Why there is nothing, in a sentence; else empty.
    """

    building: str
    meter: str
    raw: Counter[Kind] = field(default_factory=Counter)
    days: float = 0.0
    score: Score = field(default_factory=Score)
    shifts: tuple[int, int] = (0, 0)
    cpu_s: float = 0.0
    reason: str = ""


def study(
    meter: Meter, seed: int, *, repeats: int = 1, trials: int = 4, sensitivity: Sensitivity | None = None
) -> Outcome:
    """Watch the second year of a meter with what the first one taught.

    Parameters
    ----------
    seed
        Of what is put in; with the meter's name it gives a stream of its own.
    repeats
        Runs with other anomalies put in.
    trials
        Single shifts of 15 %, half of them down, where none is going on already.
    """
    outcome = Outcome(meter.building, meter.meter)
    started = time.process_time()
    split = meter.split
    temperature = fill_short_gaps(meter.temperature_c)
    try:
        model = DayBaseline(meter.calendar).fit(meter.time_ms[:split], temperature[:split], meter.kwh[:split])
        # What is known of the first year comes from fits on its other months, as honest as that of the second year.
        expected = model.predict(meter.time_ms, temperature).kwh
        expected[:split] = model.cross_validated_kwh_
        normal = learn(meter.time_ms[:split], meter.kwh[:split], expected[:split], meter.calendar, sensitivity)
    except DomainError as error:
        outcome.reason = error.message
        return outcome
    start = _warmed(meter, normal, expected)
    watch = MeterWatch.from_bytes(start, meter.calendar)
    raw = watch.feed(meter.time_ms[split:], meter.kwh[split:], expected[split:])
    outcome.cpu_s = time.process_time() - started
    outcome.raw = Counter(event.kind for event in raw)
    outcome.days = float(np.isfinite(meter.kwh[split:]).sum()) / 24
    for repeat in range(repeats):
        rng = _stream(seed, meter, repeat)
        kwh, injected = inject(meter.time_ms, meter.kwh, meter.calendar, rng, first=split + FIRST_INJECTION_H)
        found = MeterWatch.from_bytes(start, meter.calendar).feed(meter.time_ms[split:], kwh[split:], expected[split:])
        truths = [Truth(Kind(i.sort), i.start_ms, i.end_ms) for i in injected]
        outcome.score.add(score(found, truths, raw))
    outcome.shifts = _try_shifts(meter, start, expected, raw, _stream(seed, meter, -1), trials)
    return outcome


def _warmed(meter: Meter, normal: Normal, expected: Floats) -> bytes:
    watch = MeterWatch(meter.name, normal, meter.calendar)
    before = slice(max(0, meter.split - WARM_UP_H), meter.split)
    watch.feed(meter.time_ms[before], meter.kwh[before], expected[before])
    return watch.to_bytes()


def _try_shifts(
    meter: Meter, start: bytes, expected: Floats, raw: list[Event], rng: np.random.Generator, trials: int
) -> tuple[int, int]:
    """Move the level by 15 % from random hours on and see whether that is found within five days."""
    last = len(meter.kwh) - WITHIN_H
    begins = np.sort(rng.integers(meter.split + FIRST_INJECTION_H, last, trials))
    watch = MeterWatch.from_bytes(start, meter.calendar)
    fed, found, tried = meter.split, 0, 0
    for number, begin in enumerate(begins.tolist()):
        until = slice(fed, begin)
        watch.feed(meter.time_ms[until], meter.kwh[until], expected[until])
        fed = begin
        first_ms, end_ms = int(meter.time_ms[begin]), int(meter.time_ms[begin]) + WITHIN_H * HOUR_MS
        busy = any(e.kind in LEVEL_KINDS for e in watch.open_events) or any(
            e.kind in LEVEL_KINDS and first_ms < e.opened_ms <= end_ms for e in raw
        )
        if busy or not can_show_shift(meter.kwh, begin - 14 * 24, 14 * 24 + WITHIN_H):
            continue
        tried += 1
        moved = shift_from(meter.kwh, begin, SHIFT if number % 2 == 0 else -SHIFT)
        here = slice(begin, begin + WITHIN_H)
        events = MeterWatch.from_bytes(watch.to_bytes(), meter.calendar).feed(
            meter.time_ms[here], moved[here], expected[here]
        )
        found += any(e.kind is Kind.LEVEL_SHIFT for e in events)
    return found, tried


def _stream(seed: int, meter: Meter, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number + 1, *meter.name.encode()])


def summary(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Figures over some meters, as they are printed."""
    total, raw, days, meters, found, tried, cpu_s = Score(), Counter[Kind](), 0.0, 0, 0, 0, 0.0
    rates: list[float] = []
    for outcome in outcomes:
        if outcome.reason:
            continue
        meters += 1
        total.add(outcome.score)
        raw.update(outcome.raw)
        days += outcome.days
        found, tried = found + outcome.shifts[0], tried + outcome.shifts[1]
        cpu_s += outcome.cpu_s
        rates.append(outcome.raw.total() / max(outcome.days, 1.0) * _FALSE_DAYS)
    return {
        "meters": meters,
        "f1": total.f1,
        "precision": total.precision,
        "recall": total.recall,
        "f1_all_recorded_events_false": total.f1_strict,
        "false_per_meter_60_days": raw.total() / max(days, 1.0) * _FALSE_DAYS,
        "meters_with_at_most_one": float(np.mean(np.array(rates) <= 1.0)) if rates else None,
        "shift_15_found_within_5_days": found / tried if tried else None,
        "shift_15_tried": tried,
        "cpu_s_per_meter_year": cpu_s / max(meters, 1),
        "kinds": {
            str(kind): {
                "put_in": count[1],
                "found": count[0],
                "false": total.false_by_kind.get(kind, 0),
                "recorded": raw.get(kind, 0),
                "median_delay_h": float(np.median(total.delays_ms[kind])) / HOUR_MS
                if kind in total.delays_ms
                else None,
            }
            for kind, count in sorted(total.by_kind.items())
        },
    }
