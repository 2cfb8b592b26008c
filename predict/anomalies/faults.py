"""Watches one rule in one zone or building: a fault opens when its conditions have held, and closes by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from core.calendar import HOUR_MS, MINUTE_MS, Calendar
from core.errors import DomainError
from predict.anomalies.event import Closing, Event, Kind, cost, identity
from predict.anomalies.rules import Placed
from predict.series import Floats, Times

FORMAT: Final = 1
LONGEST_STEP_MS: Final = HOUR_MS
"""What was measured is believed for so long."""
_SILENT_MS: Final = 6 * HOUR_MS
"""A fault whose points have said nothing for so long is over, as far as anybody knows."""
_SURE_AFTER: Final = 4.0


class _State(msgspec.Struct):
    format: int = FORMAT
    since_ms: int | None = None
    clear_ms: int | None = None
    known_ms: int = 0
    last_ms: int | None = None
    event: Event | None = None
    samples: int = 0
    sums: dict[str, float] = {}
    limit_sum: float = 0.0
    kwh: float = 0.0


class FaultWatch:
    """Watches one placed rule.

    Parameters
    ----------
    placed
        The rule, its subject, and the points that play its roles.
    calendar
        The site's, for the rule's `clock`.
    """

    def __init__(self, placed: Placed, calendar: Calendar) -> None:
        self.placed = placed
        self.calendar = calendar
        self._state = _State()

    def feed(self, time_ms: Times, values: Mapping[str, Floats], price_eur_per_kwh: float | None = None) -> list[Event]:
        """Take in the next samples.

        Parameters
        ----------
        time_ms
            Shape (n,), ascending, UTC milliseconds; those already taken in are passed over.
        values
            Shape (n,) for each role, in the unit of its point; NaN where unknown.

        Returns
        -------
        list of Event
            The events that were opened, updated or closed, once each.
        """
        changed: dict[str, Event] = {}
        last = self._state.last_ms
        first = 0 if last is None else int(np.searchsorted(time_ms, last, side="right"))
        if first >= len(time_ms):
            return []
        rule = self.placed.rule
        held = rule.holds(values)
        limit = rule.when[0].limit(values)
        for i in range(first, len(time_ms)):
            now = int(time_ms[i])
            local = self.calendar.local(now)
            holds = held[i] if rule.is_on_duty(60 * local.hour + local.minute) else 0.0
            event = self._take(now, float(holds), {role: float(v[i]) for role, v in values.items()}, float(limit[i]))
            if event is not None:
                changed[event.id] = msgspec.structs.replace(event, cost_eur=cost(event.excess_kwh, price_eur_per_kwh))
        return list(changed.values())

    def to_bytes(self) -> bytes:
        """The whole state; opens with `restore`."""
        return msgspec.msgpack.encode(self._state)

    def restore(self, blob: bytes) -> None:
        """Go on from a blob of `to_bytes`.

        Raises
        ------
        DomainError
            It is not one of ours, or of another format.
        """
        try:
            state = msgspec.msgpack.decode(blob, type=_State)
        except msgspec.DecodeError as error:
            raise DomainError(f"not the state of a rule's watch: {error}") from error
        if state.format != FORMAT:
            raise DomainError(f"state of a rule's watch in format {state.format}, wanted {FORMAT}")
        self._state = state

    def _take(self, now: int, holds: float, values: dict[str, float], limit: float) -> Event | None:
        state = self._state
        step = min(now - state.last_ms, LONGEST_STEP_MS) if state.last_ms is not None else 0
        state.last_ms = now
        if math.isnan(holds):
            silent = state.since_ms is not None and now - state.known_ms > _SILENT_MS
            return self._end(Closing.NO_DATA, state.known_ms) if silent else None
        state.known_ms = now
        if holds:
            state.clear_ms = None
            if state.since_ms is None:
                state.since_ms, step = now, 0
            self._count(values, limit, step)
            if state.event is None and now - state.since_ms < self.placed.rule.for_minutes * MINUTE_MS:
                return None
            return self._write(now)
        state.clear_ms = state.clear_ms if state.clear_ms is not None else now
        over = state.event is None or now - state.clear_ms >= self.placed.rule.clear_minutes * MINUTE_MS
        return self._end(Closing.RETURNED, state.clear_ms) if over else None

    def _count(self, values: dict[str, float], limit: float, step_ms: int) -> None:
        state = self._state
        state.samples += 1
        state.limit_sum += limit
        for role, value in values.items():
            state.sums[role] = state.sums.get(role, 0.0) + value
        stakes = [values[role] for role in self.placed.rule.at_stake if self.placed.points[role].unit == "kW"]
        if stakes and len(stakes) == len(self.placed.rule.at_stake):
            state.kwh += min(stakes) * step_ms / HOUR_MS

    def _write(self, now: int) -> Event:
        state, rule, points = self._state, self.placed.rule, self.placed.points
        means = {role: total / state.samples for role, total in state.sums.items()}
        units = {f"{role}_unit": _shown(point.unit) for role, point in points.items()}
        since = state.since_ms if state.since_ms is not None else now
        before = state.event
        lasted = (now - since) / max(rule.for_minutes * MINUTE_MS, HOUR_MS)
        state.event = Event(
            id=identity(self.placed.subject, Kind.FAULT, since, rule.id),
            subject=self.placed.subject,
            kind=Kind.FAULT,
            rule=rule.id,
            start_ms=since,
            opened_ms=before.opened_ms if before else now,
            updated_ms=now,
            expected=state.limit_sum / state.samples,
            actual=means[rule.when[0].point],
            unit=points[rule.when[0].point].unit,
            hours=(now - since) // HOUR_MS,
            excess_kwh=state.kwh if rule.at_stake and all(points[r].unit == "kW" for r in rule.at_stake) else None,
            confidence=lasted / (lasted + 1 / _SURE_AFTER),
            explanation=rule.explanation.format_map(means | units),
        )
        return state.event

    def _end(self, closing: Closing, end_ms: int) -> Event | None:
        event = self._state.event
        self._state = _State(known_ms=self._state.known_ms, last_ms=self._state.last_ms)
        if event is None:
            return None
        return msgspec.structs.replace(event, end_ms=max(end_ms, event.start_ms), closing=closing)


def _shown(unit: str) -> str:
    return {"Cel": "°C", "1": "", "[ppm]": "ppm"}.get(unit, unit)
