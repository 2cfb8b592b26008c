"""Applies commands: the array decides, the device is written and read back, and each command ends once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from core.calendar import Calendar
from core.commands import Command, Outcome
from core.config.models import DevicePoint, FrostProtection
from core.errors import ConfigError
from core.points import Limits, zone_of
from core.priority import Entry, Slot
from core.readings import Reading, is_usable
from gateway.arrays import Arrays
from gateway.guard import (
    SUPERVISORY_FROM,
    Force,
    Wait,
    in_force,
    is_plausible,
    is_stale,
    judge,
    lasts_until,
    needs_protection,
    next_move,
    protection,
)
from gateway.order import Driven, Order
from gateway.reverts import Reverts

log = logging.getLogger("promessa.gateway")

_UNANSWERED_MOST: Final = 3


class Actuator:
    """What is in force for every point that this gateway drives, and how each command ended.

    Parameters
    ----------
    points
        All points of the gateway; those with limits are driven, temperature sensors in their zones are watched.
    arrays
        What survives restarts.
    calendar
        Of the site, for schedules.
    tolerance
        Of a point at a value, see `Driver.tolerance`.
    frost
        Frost protections.
    read_only
        Refuse every command and order nothing.
    stale_after_s
        After so long a silent zone is left to its schedule.
    now_ms
        Time of the start; a sensor not heard yet is silent since then.
    """

    def __init__(
        self,
        points: Sequence[DevicePoint],
        arrays: Arrays,
        calendar: Calendar,
        tolerance: Callable[[str, float], float],
        *,
        frost: Sequence[FrostProtection] = (),
        read_only: bool = False,
        stale_after_s: float = 1800.0,
        now_ms: int,
    ) -> None:
        self._driven = {p.id: (p, p.limits) for p in points if p.limits is not None}
        self._arrays = arrays
        self._calendar = calendar
        self._tolerance = tolerance
        self._frost = list(frost)
        self._read_only = read_only
        self._stale_after_s = stale_after_s
        self._sensors = _sensors_of_zones(points, self._driven)
        self._start_ms = now_ms
        self._heard: dict[str, Reading] = {}
        watched = {s for sensors in self._sensors.values() for s in sensors} | {f.sensor for f in frost}
        self._watched = {p.id: p.plausible for p in points if p.id in watched}
        self._reviewed_ms: int | None = None
        self._ordered: dict[str, Force] = {}
        self._reverts = Reverts()
        self._refused: dict[str, str] = {}
        self._unanswered: dict[str, int] = {}
        _check(self._driven, self._frost, {p.id for p in points})
        self._drop_what_no_longer_fits(now_ms)

    @property
    def points(self) -> list[str]:
        """Points that are driven; none when read-only."""
        return [] if self._read_only else list(self._driven)

    def receive(self, command: Command, now_ms: int) -> None:
        """Take a command into the array, or end it; one that was here before only has its result sent again."""
        arrays, point = self._arrays, command.point
        if arrays.knows(command.id):
            arrays.send_again(command.id)
            return
        refusal = judge(
            command,
            self._driven[point][1] if point in self._driven else None,
            now_ms,
            read_only=self._read_only,
            newest_issued_ms=arrays.newest_issued_ms(point, command.slot),
            stale=self._stale_reason(point, now_ms),
        )
        with arrays.transaction():
            arrays.remember(command, taken=refusal is None)
            if refusal is not None:
                arrays.end(command.id, refusal.outcome, now_ms, refusal.reason)
            else:
                self._enter(command, now_ms)
                self._end_overruled(point, now_ms)
        if refusal is None and command.slot < SUPERVISORY_FROM:
            self._reverts.forgive(point)
        log.info("command_received id=%s point=%s slot=%d value=%s refused=%r", command.id, point, command.slot,
                 command.value, refusal.reason if refusal else "")  # fmt: skip

    def observe(self, readings: Sequence[Reading]) -> None:
        """Hear what the sensors say; what none of them can have measured is silence."""
        for reading in readings:
            if (
                reading.point in self._watched
                and is_usable(reading.quality)
                and is_plausible(reading.value, self._watched[reading.point])
            ):
                self._heard[reading.point] = reading

    def review(self, now_ms: int) -> None:
        """Let go of what has expired and of what no sensor supports, and protect from frost."""
        self._arrays.forget_old(now_ms)
        self._follow_clock(now_ms)
        for point in self._arrays.points():
            _, gone = self._arrays.array(point).expire(now_ms)
            stale = self._stale_reason(point, now_ms)
            if not gone and not stale:
                continue
            with self._arrays.transaction():
                for slot, entry in gone.items():
                    self._let_go(point, slot, entry, Outcome.EXPIRED, now_ms=now_ms, reason="it expired first")
                for slot, entry in self._arrays.array(point).slots.items() if stale else ():
                    if slot >= SUPERVISORY_FROM:
                        self._let_go(point, slot, entry, Outcome.REJECTED, now_ms=now_ms, reason=stale)
                self._end_overruled(point, now_ms)
        for frost in self._frost:
            self._protect(frost, now_ms)
        for point in self._reverts.points():
            target = self.in_force(point, now_ms)
            if self._is_left_alone(target, point, now_ms) and self._arrays.is_open(target.command_id):
                with self._arrays.transaction():
                    self._refuse(point, target, "the device goes back from what is written to it", now_ms)

    def in_force(self, point: str, now_ms: int) -> Force:
        """What is in force for `point`: the array's winner, else the schedule, else the safe value."""
        return in_force(self._arrays.array(point), self._scheduled(point, now_ms), now_ms)

    def order(self, point: str, fresh: float | None, now_ms: int) -> Order | None:
        """Decide whether the device has to be told something now.

        Parameters
        ----------
        fresh
            What the device has just read; None between polls, when only news are a reason.
        """
        target = self.in_force(point, now_ms)
        limits = self._driven[point][1]
        last = self._arrays.driven(point)
        changed_ms = last[1] if last else None
        tolerance = self._tolerance(point, target.value)
        if fresh is not None:
            self._reverts.watch(
                point, fresh, last[0] if last else None, target.value, tolerance=tolerance, now_ms=now_ms
            )
        if self._is_left_alone(target, point, now_ms):
            return None
        if fresh is None:
            if self._ordered.get(point) == target:
                return None
        else:
            move = next_move(fresh, target, limits, tolerance, now_ms=now_ms, changed_ms=changed_ms)
            if isinstance(move, Wait) or (move is None and not self._arrays.is_open(target.command_id)):
                self._ordered[point] = target
                return None
        self._ordered[point] = target
        return Order(point, target, limits, changed_ms, now_ms)

    def done(self, driven: Driven, now_ms: int) -> None:
        """Draw the consequences of an order that was carried out."""
        order = driven.order
        point, target = order.point, order.target
        self._unanswered.pop(point, None)
        with self._arrays.transaction():
            if driven.written is not None:
                left = driven.written if driven.read_back is None else driven.read_back
                self._arrays.note_driven(point, left, now_ms)
                log.info("point_driven point=%s value=%g slot=%d", point, driven.written, target.slot)
            if driven.refused:
                self._refuse(point, target, driven.refused, now_ms)
            elif self._is_at(point, driven.read_back, target.value):
                self._refused.pop(point, None)
                self._arrays.end(target.command_id, Outcome.APPLIED, now_ms, read_back=driven.read_back)

    def unanswered(self, point: str, now_ms: int) -> None:
        """An order found no answer: it stands to be given again, a few times if the device answers in between."""
        self._ordered.pop(point, None)
        self._unanswered[point] = self._unanswered.get(point, 0) + 1
        if self._unanswered[point] >= _UNANSWERED_MOST:
            self._unanswered[point] = 0
            self._refuse(point, self.in_force(point, now_ms), "the device does not answer when it is written", now_ms)

    def alarms(self, now_ms: int) -> list[str]:
        """What somebody should look at, a sentence each."""
        stale = {self._stale_reason(p, now_ms) for p in self._driven} - {""}
        return [
            *sorted(stale),
            *self._reverts.alarms(),
            *(f"{point}: {reason}" for point, reason in sorted(self._refused.items())),
        ]

    def _enter(self, command: Command, now_ms: int) -> None:
        point, slot = command.point, command.slot
        before = self._arrays.array(point).slots.get(slot)
        if before is not None:
            self._arrays.end(before.command_id, Outcome.SUPERSEDED, now_ms, f"by command {command.id}")
        if command.value is None:
            self._arrays.relinquish(point, slot)
            self._arrays.end(command.id, Outcome.APPLIED, now_ms)
        else:
            expires_ms = lasts_until(command.expires_ms, command.expires_ms - command.issued_ms, now_ms)
            entry = Entry(command.value, command.by, command.why, expires_ms, command.id)
            self._arrays.put(point, slot, entry)

    def _end_overruled(self, point: str, now_ms: int) -> None:
        """End commands that are in the array under a stronger one: they are applied, and nothing is written."""
        winner = self.in_force(point, now_ms).slot if point in self._driven else None
        for slot, entry in self._arrays.array(point).slots.items():
            if slot != winner:
                self._arrays.end(entry.command_id, Outcome.APPLIED, now_ms)

    def _let_go(self, point: str, slot: int, entry: Entry, outcome: Outcome, *, now_ms: int, reason: str) -> None:
        self._arrays.relinquish(point, slot)
        self._arrays.end(entry.command_id, outcome, now_ms, reason)
        log.info("entry_gone point=%s slot=%d by=%s outcome=%s", point, slot, entry.by, outcome)

    def _refuse(self, point: str, target: Force, reason: str, now_ms: int) -> None:
        log.warning("device_refused point=%s value=%g reason=%r", point, target.value, reason)
        if self._arrays.end(target.command_id, Outcome.FAILED, now_ms, reason):
            # What ended as failed must not act later: its entry goes with it.
            entry = self._arrays.array(point).slots.get(target.slot)
            if entry is not None and entry.command_id == target.command_id:
                self._arrays.relinquish(point, target.slot)
        else:
            self._refused[point] = reason

    def _scheduled(self, point: str, now_ms: int) -> float:
        configured, limits = self._driven[point]
        if configured.schedule is not None:
            return configured.schedule.value_at(now_ms, self._calendar)
        return limits.safe_value

    def _is_at(self, point: str, value: float | None, target: float) -> bool:
        return value is not None and abs(value - target) <= self._tolerance(point, target)

    def _is_left_alone(self, target: Force, point: str, now_ms: int) -> bool:
        """Whether the device has its way for now; protection never gives up."""
        return target.slot != Slot.PROTECTION and self._reverts.is_left_alone(point, now_ms)

    def _follow_clock(self, now_ms: int) -> None:
        """When the clock was set back, or may have been before the start: nothing lasts longer than it was meant to.

        What was heard was heard by now, else a silent sensor would stay young; an entry has no more than its whole life
        left; and the shortest time between two changes counts anew.
        """
        if self._reviewed_ms is not None and self._reviewed_ms <= now_ms:
            self._reviewed_ms = now_ms
            return
        self._start_ms = min(self._start_ms, now_ms)
        for sensor, heard in self._heard.items():
            if heard.time_ms > now_ms:
                self._heard[sensor] = heard._replace(time_ms=now_ms)
        with self._arrays.transaction():
            for point in self._arrays.points():
                for slot, entry in self._arrays.array(point).slots.items():
                    life_ms = self._arrays.life_ms(point, slot, entry.command_id)
                    if life_ms is None:
                        life_ms = round(self._stale_after_s * 1000)  # the gateway's own protection
                    if entry.expires_ms is not None and entry.expires_ms > now_ms + life_ms:
                        expires_ms = lasts_until(entry.expires_ms, life_ms, now_ms)
                        self._arrays.put(point, slot, msgspec.structs.replace(entry, expires_ms=expires_ms))
            for point in self._driven:
                last = self._arrays.driven(point)
                if last is not None and last[1] > now_ms:
                    self._arrays.note_driven(point, last[0], now_ms)
        self._reviewed_ms = now_ms

    def _heard_ms(self, sensor: str) -> int:
        return max(self._start_ms, self._heard[sensor].time_ms) if sensor in self._heard else self._start_ms

    def _stale_reason(self, point: str, now_ms: int) -> str:
        sensors = self._sensors.get(point, ())
        if not sensors or not all(is_stale(self._heard_ms(s), now_ms, self._stale_after_s) for s in sensors):
            return ""
        return f"{zone_of(point)}: no temperature for {self._stale_after_s:g} s, left to its schedule"

    def _protect(self, frost: FrostProtection, now_ms: int) -> None:
        array = self._arrays.array(frost.setpoint)
        held = array.slots.get(Slot.PROTECTION)
        heard = self._heard.get(frost.sensor)
        if heard is not None and is_stale(heard.time_ms, now_ms, self._stale_after_s):
            heard = None
        below = array.relinquish(Slot.PROTECTION)
        otherwise = in_force(below, self._scheduled(frost.setpoint, now_ms), now_ms).value
        if needs_protection(frost, heard.value if heard else None, otherwise, engaged=held is not None):
            assert heard is not None  # noqa: S101 - protection needs a temperature
            expires_ms = heard.time_ms + round(self._stale_after_s * 1000)
            # Written anew at half its time, not at every reading.
            if held is None or (held.expires_ms or 0) - now_ms < self._stale_after_s * 500:
                self._arrays.put(frost.setpoint, Slot.PROTECTION, protection(frost, heard.value, expires_ms))
                self._end_overruled(frost.setpoint, now_ms)
        elif held is not None and heard is not None:
            # Without a temperature it stands until it expires: the last one said frost.
            self._arrays.relinquish(frost.setpoint, Slot.PROTECTION)

    def _drop_what_no_longer_fits(self, now_ms: int) -> None:
        """After a change of configuration: entries of points that are gone or whose limits exclude them."""
        for point in self._arrays.points():
            limits = self._driven[point][1] if point in self._driven and not self._read_only else None
            with self._arrays.transaction():
                for slot, entry in self._arrays.array(point).slots.items():
                    if limits is None or not limits.minimum <= entry.value <= limits.maximum:
                        reason = "the configuration excludes it now"
                        self._let_go(point, slot, entry, Outcome.REJECTED, now_ms=now_ms, reason=reason)


def _sensors_of_zones(
    points: Sequence[DevicePoint], driven: Mapping[str, tuple[DevicePoint, Limits]]
) -> dict[str, list[str]]:
    """Air temperature sensors that share a zone with each driven point."""
    sensors = [p.id for p in points if p.brick_class.endswith("Air_Temperature_Sensor")]
    return {d: [s for s in sensors if zone_of(s) == zone_of(d)] for d in driven if zone_of(d) is not None}


def _check(
    driven: Mapping[str, tuple[DevicePoint, Limits]], frost: Sequence[FrostProtection], points: set[str]
) -> None:
    for point, (configured, limits) in driven.items():
        schedule = configured.schedule
        for value in (schedule.default, *(b.value for b in schedule.blocks)) if schedule else ():
            if not limits.minimum <= value <= limits.maximum:
                raise ConfigError(
                    f"{point}: schedule: {value:g} is outside of {limits.minimum:g} to {limits.maximum:g}"
                )
    for protected in frost:
        if protected.sensor not in points or protected.setpoint not in driven:
            raise ConfigError(
                f"frost protection of {protected.setpoint}: sensor and set-point (with limits) must be this gateway's"
            )
        limits = driven[protected.setpoint][1]
        if not limits.minimum <= protected.value <= limits.maximum:
            raise ConfigError(f"frost protection of {protected.setpoint}: {protected.value:g} is outside of its limits")
