"""An event: something that is not as it should be, with its evidence, from when it began until it ended."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

import msgspec

from core.calendar import HOUR_MS

SAME_EVENT_MS: Final = 48 * HOUR_MS
"""Two findings of one kind at one subject that begin no further apart are one event (see `matches`)."""


class Kind(StrEnum):
    """What sort of anomaly."""

    SPIKE = "spike"
    STUCK = "stuck"
    LEVEL_SHIFT = "level_shift"
    DRIFT = "drift"
    BASE_LOAD = "base_load"
    SENSOR_DEVIATION = "sensor_deviation"
    FAULT = "fault"


LEVEL_KINDS: Final = frozenset({Kind.LEVEL_SHIFT, Kind.DRIFT, Kind.BASE_LOAD})
"""Kinds between which an event may be recognised better as time passes; it keeps its identity."""


class Closing(StrEnum):
    """Why an event ended; empty while it is open."""

    OPEN = ""
    RETURNED = "returned"
    ACCEPTED = "accepted as the new normal"
    WITHDRAWN = "withdrawn: corrected readings no longer show it"
    NO_DATA = "nothing measured any more"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly of one subject.

    Attributes
    ----------
    id
        The same whenever the same readings are looked at again; see `identity`.
    subject
        Point id of the meter or sensor; of a fault, the zone or building.
    rule
        Id of the FDD rule of a fault; else empty.
    start_ms
        Since when, as far as known: start of the first hour or day concerned, UTC milliseconds.
    opened_ms
        End of the hour in which it was found.
    updated_ms
        End of the last hour that its evidence holds.
    end_ms
        End of the last hour concerned; None while it is open.
    closing
        Why it ended.
    expected, actual
        Means over the hours concerned so far, in `unit`; NaN where there is nothing to compare.
    unit
        UCUM unit of the two.
    hours
        Hours concerned and known so far.
    excess_kwh
        Sum of (actual - expected) over them: positive wasted, negative missing; None where it is no energy. Nobody can
        know what a stuck or spiking meter really counted, so there it is the amount in doubt.
    cost_eur
        Of `excess_kwh`; None without a price.
    confidence
        0 to 1: how far the evidence stands beyond the threshold learnt from the reference period.
    explanation
        One sentence for a person.
    """

    id: str
    subject: str
    kind: Kind
    rule: str = ""
    start_ms: int
    opened_ms: int
    updated_ms: int
    end_ms: int | None = None
    closing: Closing = Closing.OPEN
    expected: float = float("nan")
    actual: float = float("nan")
    unit: str = "kW.h"
    hours: int = 0
    excess_kwh: float | None = None
    cost_eur: float | None = None
    confidence: float = 0.0
    explanation: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.end_ms is None


def identity(subject: str, kind: Kind, start_ms: int, rule: str = "") -> str:
    """Id of the event of this kind that was first seen to begin at `start_ms`: the same on every run and machine."""
    text = "\n".join((subject, kind, rule, str(start_ms)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def confidence(evidence: float, threshold: float) -> float:
    """Confidence of an event whose statistic stands at `evidence`: 0.5 at the threshold, 0.9 at three times it.

    Monotone and bounded, for ranking; it is no calibrated probability.
    """
    ratio = abs(evidence) / threshold if threshold > 0 else 0.0
    return float(ratio**2 / (1.0 + ratio**2))


def cost(excess_kwh: float | None, price_eur_per_kwh: float | None) -> float | None:
    """Euro at stake; None without a price or an energy."""
    return None if excess_kwh is None or price_eur_per_kwh is None else excess_kwh * price_eur_per_kwh
