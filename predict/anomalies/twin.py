"""A sensor against its twin: what is measured against what any model predicts for the same hours."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS
from core.errors import DomainError
from predict.anomalies.event import Closing, Event, Kind, confidence, identity
from predict.anomalies.normal import LEAST_DAYS, threshold
from predict.anomalies.words import explain
from predict.series import Floats, Times

FORMAT: Final = 1
WINDOW_H: Final = 24
"""A deviation is judged by its mean over a day, so that a twin's mistakes of single hours count little."""
_LEAST_KNOWN_H: Final = 16
_RETURN_SHARE: Final = 0.4
_EXCURSIONS_PER_YEAR: Final = 2.0
_MARGIN: Final = 1.3
_LEAST_REFERENCE_DAYS: Final = LEAST_DAYS // 4


class Agreement(msgspec.Struct, frozen=True):
    """How well a sensor and its twin agree when all is well.

    Attributes
    ----------
    bias
        Median of (measured - predicted), in the sensor's unit: a twin's habit is no fault.
    limit
        Deviation of a day's mean from it that the reference seldom passed.
    """

    bias: float
    limit: float


class _State(msgspec.Struct):
    format: int
    subject: str
    unit: str
    agreement: Agreement
    recent: list[tuple[int, float, float]] = []
    last_ms: int | None = None
    event: Event | None = None
    size: float = 0.0
    sums: tuple[float, float, int] = (0.0, 0.0, 0)


def learn_agreement(time_ms: Times, measured: Floats, predicted: Floats, least: float = 0.0) -> Agreement:
    """Learn how well a sensor and its twin agree from a reference period.

    Parameters
    ----------
    time_ms
        Shape (n,): consecutive hours, UTC milliseconds.
    measured, predicted
        Shape (n,), in the sensor's unit, NaN where unknown.
    least
        A smaller deviation is never worth an event, for example the sensor's own accuracy.

    Raises
    ------
    DomainError
        Too few days are known.
    """
    error = measured - predicted
    known = np.isfinite(error)
    if known.sum() < _LEAST_REFERENCE_DAYS * 24:
        raise DomainError(f"a sensor and its twin need {_LEAST_REFERENCE_DAYS} days in common to learn from")
    bias = float(np.median(error[known]))
    sums = np.convolve(np.where(known, error - bias, 0.0), np.ones(WINDOW_H))[: len(error)]
    many = np.convolve(known.astype(np.float64), np.ones(WINDOW_H))[: len(error)]
    daily = np.where(many >= _LEAST_KNOWN_H, np.abs(sums) / np.maximum(many, 1), 0.0)
    years = len(time_ms) / (24 * 365)
    floor = max(least, 3.0 * 1.4826 * float(np.median(daily[many >= _LEAST_KNOWN_H])), 1e-6)
    return Agreement(bias, threshold(daily, _EXCURSIONS_PER_YEAR * years, WINDOW_H, floor, _MARGIN))


class TwinWatch:
    """Watches one sensor against a prediction of it.

    Parameters
    ----------
    subject
        Point id of the sensor.
    agreement
        Learnt by `learn_agreement`.
    unit
        UCUM unit of both.
    """

    def __init__(self, subject: str, agreement: Agreement, unit: str) -> None:
        self._state = _State(FORMAT, subject, unit, agreement)

    def feed(self, time_ms: Times, measured: Floats, predicted: Floats) -> list[Event]:
        """Take in the next hours; see `predict.anomalies.watch.MeterWatch.feed`."""
        changed: dict[str, Event] = {}
        last = self._state.last_ms
        first = 0 if last is None else int(np.searchsorted(time_ms, last, side="right"))
        for now, value, wanted in zip(
            time_ms[first:].tolist(), measured[first:].tolist(), predicted[first:].tolist(), strict=True
        ):
            event = self._take(now, value, wanted)
            if event is not None:
                changed[event.id] = event
        return list(changed.values())

    def to_bytes(self) -> bytes:
        """The whole state; opens with `from_bytes`."""
        return msgspec.msgpack.encode(self._state)

    @classmethod
    def from_bytes(cls, blob: bytes) -> TwinWatch:
        """Watch of a blob; DomainError when it is not one of ours, or of another format."""
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except msgspec.DecodeError as error:
            raise DomainError(f"not the state of a sensor's watch: {error}") from error
        if state.format != FORMAT:
            raise DomainError(f"state of a sensor's watch in format {state.format}, wanted {FORMAT}: learn again")
        watch = cls(state.subject, state.agreement, state.unit)
        watch._state = state
        return watch

    def _take(self, now: int, value: float, wanted: float) -> Event | None:
        state = self._state
        end = now + HOUR_MS
        state.last_ms = now
        if math.isfinite(value) and math.isfinite(wanted):
            state.recent.append((now, value, wanted))
        state.recent = [r for r in state.recent if r[0] > now - WINDOW_H * HOUR_MS]
        if len(state.recent) < _LEAST_KNOWN_H:
            return None if state.event is None or state.recent else self._close(Closing.NO_DATA, end)
        bias = state.agreement.bias
        deviation = math.fsum(v - w - bias for _, v, w in state.recent) / len(state.recent)
        if state.event is None:
            return self._open(deviation, end) if abs(deviation) >= state.agreement.limit else None
        if math.copysign(1.0, state.size) * deviation < _RETURN_SHARE * abs(state.size):
            return self._close(Closing.RETURNED, end - WINDOW_H // 2 * HOUR_MS)
        if state.recent[-1][0] == now:
            self._count(value, wanted + bias)
        if abs(deviation) > abs(state.size):
            state.size = deviation
        return self._write(end)

    def _open(self, deviation: float, end: int) -> Event | None:
        state, bias = self._state, self._state.agreement.bias
        state.size = deviation
        # It began where the sum of what lies beyond half the limit, taken backwards from now, is largest.
        side, total, most, start = math.copysign(1.0, deviation), 0.0, -math.inf, end
        for t, v, w in reversed(state.recent):
            total += side * (v - w - bias) - state.agreement.limit / 2
            if total > most:
                most, start = total, t
        state.event = Event(
            id=identity(state.subject, Kind.SENSOR_DEVIATION, start),
            subject=state.subject,
            kind=Kind.SENSOR_DEVIATION,
            start_ms=start,
            opened_ms=end,
            updated_ms=end,
            unit=state.unit,
        )
        for t, v, w in state.recent:
            if t >= start:
                self._count(v, w + bias)
        return self._write(end)

    def _count(self, value: float, wanted: float) -> None:
        total, expected, many = self._state.sums
        self._state.sums = (total + value, expected + wanted, many + 1)

    def _write(self, end: int) -> Event | None:
        state = self._state
        if state.event is None:
            return None
        total, expected, many = state.sums
        written = msgspec.structs.replace(
            state.event,
            updated_ms=end,
            actual=total / max(many, 1),
            expected=expected / max(many, 1),
            hours=many,
            confidence=confidence(state.size, state.agreement.limit),
        )
        state.event = msgspec.structs.replace(written, explanation=explain(written))
        return state.event

    def _close(self, closing: Closing, end: int) -> Event | None:
        event, self._state.event = self._state.event, None
        self._state.sums, self._state.size, self._state.recent = (0.0, 0.0, 0), 0.0, []
        if event is None:
            return None
        return msgspec.structs.replace(event, end_ms=max(end, event.start_ms + HOUR_MS), closing=closing)
