"""Scores found events against those that were put in: precision, recall and F1 by event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from core.calendar import HOUR_MS
from predict.anomalies.event import Event, Kind

_DAY_MS: Final = 24 * HOUR_MS
GRACE_MS: Final = {Kind.LEVEL_SHIFT: 3 * _DAY_MS, Kind.DRIFT: 3 * _DAY_MS, Kind.BASE_LOAD: _DAY_MS}
"""So long after its end an event of the kind may still be found: it takes days to see it."""
_RETURN_MS: Final = 4 * _DAY_MS
_SAME_MS: Final = 5 * _DAY_MS
_COMPATIBLE: Final = {Kind.LEVEL_SHIFT: {Kind.DRIFT}, Kind.DRIFT: {Kind.LEVEL_SHIFT}}
"""A fast drift is a shift, and the other way round."""


@dataclass(frozen=True, slots=True)
class Truth:
    """An anomaly that is known to be there, half open, UTC milliseconds."""

    kind: Kind
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Score:
    """Counts of events.

    Attributes
    ----------
    found, missed
        Anomalies put in.
    false
        Events that match nothing that was put in and are not there without it.
    already
        Events that the recording shows without anything put in: real ones, or false ones, nobody knows.
    by_kind
        Found and put in, by kind.
    delays_ms
        From the beginning to the finding, by kind.
    """

    found: int = 0
    missed: int = 0
    false: int = 0
    already: int = 0
    by_kind: dict[Kind, list[int]] = field(default_factory=dict)
    delays_ms: dict[Kind, list[int]] = field(default_factory=dict)
    false_by_kind: dict[Kind, int] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """Share of the events that were put in."""
        return self.found / max(1, self.found + self.false)

    @property
    def recall(self) -> float:
        """Share of what was put in that was found."""
        return self.found / max(1, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)

    @property
    def f1_strict(self) -> float:
        """The same when every event that the recording shows by itself counts as false."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.already + self.missed)

    def add(self, other: Score) -> None:
        """Count another meter's too."""
        self.found += other.found
        self.missed += other.missed
        self.false += other.false
        self.already += other.already
        for kind, (found, put_in) in other.by_kind.items():
            mine = self.by_kind.setdefault(kind, [0, 0])
            mine[0] += found
            mine[1] += put_in
        for kind, delays in other.delays_ms.items():
            self.delays_ms.setdefault(kind, []).extend(delays)
        for kind, count in other.false_by_kind.items():
            self.false_by_kind[kind] = self.false_by_kind.get(kind, 0) + count


def score(events: Sequence[Event], truths: Sequence[Truth], background: Sequence[Event] = ()) -> Score:
    """Match events to what was put in, one to one, each to the earliest that fits.

    An event fits what was put in if it is of the same or a compatible kind, was found after the beginning, and overlaps
    it in time (with the kind's `GRACE_MS`). A shift of the level that begins where a level or drift that was put in
    ends is its end, and counts neither way.

    Parameters
    ----------
    background
        Events of the same recording with nothing put in.
    """
    total = Score()
    free = sorted(events, key=lambda e: e.opened_ms)
    for truth in truths:
        match = next((e for e in free if _fits(e, truth, {truth.kind})), None) or next(
            (e for e in free if _fits(e, truth, _COMPATIBLE.get(truth.kind, set()))), None
        )
        tally = total.by_kind.setdefault(truth.kind, [0, 0])
        tally[1] += 1
        if match is None:
            total.missed += 1
            continue
        free.remove(match)
        total.found += 1
        tally[0] += 1
        total.delays_ms.setdefault(truth.kind, []).append(match.opened_ms - truth.start_ms)
    for event in free:
        if any(_is_return(event, truth) for truth in truths):
            continue
        if any(_alike(event, other) for other in background):
            total.already += 1
        else:
            total.false += 1
            total.false_by_kind[event.kind] = total.false_by_kind.get(event.kind, 0) + 1
    return total


def _fits(event: Event, truth: Truth, kinds: set[Kind]) -> bool:
    if event.kind not in kinds or event.opened_ms <= truth.start_ms:
        return False
    end = event.end_ms if event.end_ms is not None else event.updated_ms
    return event.start_ms < truth.end_ms + GRACE_MS.get(truth.kind, 0) and end > truth.start_ms


def _is_return(event: Event, truth: Truth) -> bool:
    """Whether the event is the end of what was put in: when a raised level falls back, a fall is truly there."""
    ends = truth.kind in (Kind.LEVEL_SHIFT, Kind.DRIFT) and event.kind in (Kind.LEVEL_SHIFT, Kind.DRIFT)
    return ends and abs(event.start_ms - truth.end_ms) <= _RETURN_MS


def _alike(event: Event, other: Event) -> bool:
    """Whether two runs saw the same thing."""
    if event.kind != other.kind:
        return False
    end = event.end_ms or event.updated_ms
    other_end = other.end_ms or other.updated_ms
    overlap = event.start_ms < other_end and other.start_ms < end
    return overlap or (event.kind in GRACE_MS and abs(event.start_ms - other.start_ms) <= _SAME_MS)
