"""Two periods of one building side by side: the reference and the one that is to be explained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import HOUR_MS
from core.errors import DomainError
from predict.causes.roles import Carrier, EndUse, MeterKind
from predict.causes.signals import Meter, Signals
from predict.series import Floats, Times
from predict.twin.lag import filled, lagged

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

SETTLING_H: Final = 48
"""What happened before a period is unknown; its first hours only fill the memory of the masses."""
LEAST_SWING_K: Final = 0.5
"""Outdoor air that moves by less in a week or more is not measured."""
WELL_KNOWN: Final = 0.9
"""Of a meter that is known for less of a period it is said so."""
MISREAD: Final = 0.02
PARTS_COVER: Final = (0.8, 1.05)
"""The meters behind a main meter check it where they hold so much of it, and contradict it from this share on."""
KNOWN_SHARE: Final = 0.6
"""What is known in less of the hours of a period is not filled in but left out."""
PART_USE: Final = 0.6
NO_USE: Final = 0.08
"""Shares of a usual day's activity below which a day is in part, and not, in use."""
SLOTS: Final = 72
LEAST_GROWTH: Final = 0.1
"""By less than this share the number of people differs by chance."""
MOVED_SHARE: Final = 0.35
"""Fans that run by so much more or less of a slot of the day have another schedule."""
MIN_SETBACK_K: Final = 0.8
"""Set-points that are closer together than this are one level."""


@dataclass(frozen=True, slots=True)
class PairedMeter:
    """A meter that both periods have; shape (n,), reference first, NaN where unknown."""

    name: str
    kind: MeterKind
    kwh: Floats


class Pair:
    """The hours of both periods, reference first; arrays of shape (n,).

    Parameters
    ----------
    reference, reporting
        Signals of the two periods.

    Attributes
    ----------
    later
        Whether an hour belongs to the reporting period.
    settled
        Whether the memory of the masses is filled.
    checked
        Carriers whose main meter is checked by the meters behind it: that both read wrong alike is out of the question.
    misread
        kWh per hour, shape (n,), that a main meter counts more in the reporting period than the meters behind it tell,
        by its name; `meters` are put right by it.
    missing
        Sentences on what is not measured, and what that costs.

    Raises
    ------
    DomainError
        No energy meter is in both, or nobody measured the outdoor temperature.
    """

    def __init__(self, reference: Signals, reporting: Signals) -> None:
        self.reference, self.reporting = reference, reporting
        self.split = reference.hours
        self.hours = reference.hours + reporting.hours
        self.later: Bools = np.arange(self.hours) >= self.split
        position = np.concatenate([np.arange(reference.hours), np.arange(reporting.hours)])
        self.settled: Bools = position >= SETTLING_H
        self.time_ms: Times = np.concatenate([reference.time_ms, reporting.time_ms])
        self.missing: list[str] = []
        shared = tuple(self._consuming(_shared_meters(reference, reporting)))
        if not shared:
            raise DomainError("no energy meter that counts consumption is in both periods")
        self._name_what_meters_lack(shared)
        self.meters = shared
        outdoor = self._both("outdoor_c")
        if outdoor is None:
            raise DomainError(
                "the outdoor temperature is not in both periods: nothing can be told from the weather; "
                f"it must be known in {KNOWN_SHARE:.0%} of the hours of each"
            )
        if min(np.nanmax(part) - np.nanmin(part) for part in np.split(outdoor, [self.split])) < LEAST_SWING_K:
            raise DomainError(
                "the outdoor temperature stands still: its sensor is dead, and nothing can be told from it"
            )
        self.outdoor_c = self._filled(outdoor)
        self.sun_w_m2 = self._measured("sun_w_m2", "solar irradiance: sun and daylight count as chance")
        self.people = self._heads()
        self.wind_m_s = self._optional("wind_m_s")
        self.fan = self._optional("fan")
        self.zones, self.zone_c = self._zones()
        self.inside_c = self._filled(_row_mean(self.zone_c)) if self.zones else None
        if self.inside_c is None:
            self.missing.append("zone temperatures: set-points and the envelope cannot be told apart from use")
        self.zone_heating_c = self._setpoints("heating_c")
        told = self.zone_heating_c
        self.heating_c = None if told is None else np.asarray(np.nanmean(told, axis=1), np.float64)
        if self.heating_c is None:
            self.missing.append("heating set-points: a change of temperature may be a set-point or a thermostat")
        self.checked, self.misread = self._checked()
        self.meters = tuple(
            PairedMeter(m.name, m.kind, m.kwh - self.misread[m.name]) if m.name in self.misread else m for m in shared
        )

    @cached_property
    def day_kind(self) -> Ints:
        """0 where the hour's day is in full use, 1 in part, 2 not at all; told by people, set-points or electricity.

        Each period is its own measure, so that more people do not make other days.
        """
        return np.concatenate([self._kinds(slice(None, self.split)), self._kinds(slice(self.split, None))])

    @cached_property
    def open_day(self) -> Bools:
        """Whether anybody uses the building on the hour's day."""
        return np.asarray(self.day_kind < 2)

    def _kinds(self, part: slice) -> Ints:
        activity = self.people
        if activity is None and self.comfort is not None:
            activity = self.comfort
        if activity is None:
            electricity = [m.kwh for m in self.meters if m.kind.carrier is Carrier.ELECTRICITY]
            activity = self._filled(electricity[0]) if electricity else np.ones(self.hours)
            activity = np.maximum(activity - np.quantile(activity[part], 0.1), 0.0)
        _, day = np.unique(self.time_ms[part] // (24 * HOUR_MS), return_inverse=True)
        # A day cut off at the period's edge is as busy as its hours tell, not as its length.
        total = np.bincount(day, weights=activity[part]) / np.bincount(day)
        if total.max() <= 0:
            return np.zeros(len(day), np.int64)
        usual = float(np.median(total[total > 0.2 * total.max()]))
        return np.asarray(np.digitize(-total / usual, [-PART_USE, -NO_USE])[day], np.int64)

    @cached_property
    def people_growth(self) -> float:
        """Share by which more people are there than in the same kinds of hours of the reference; 0 when unknown."""
        if self.people is None:
            return 0.0
        usual = float(np.sum(self.usual(self.people)[self.later]))
        return float(np.sum(self.people[self.later])) / usual - 1 if usual > 0 else 0.0

    @cached_property
    def comfort(self) -> Floats | None:
        """How far the heating set-point is up from its period's set-back (0) to its day level (1), shape (n,)."""
        if self.heating_c is None:
            return None
        levels = []
        for part in (self.heating_c[: self.split], self.heating_c[self.split :]):
            low, high = setpoint_levels(part)
            levels.append(np.clip((part - low) / (high - low), 0.0, 1.0) if high - low > MIN_SETBACK_K else None)
        if any(level is None for level in levels):
            return None
        return np.concatenate([level for level in levels if level is not None])

    @cached_property
    def running(self) -> tuple[Floats | None, str]:
        """Share of each hour in which the plant runs as scheduled, and what tells so.

        Set-points come first: fans that follow them also run at night when it is cold, which is no schedule. Where the
        fans' usual hours have moved and the set-points have not, the fans are believed.
        """
        fans = self._fans()
        if self.comfort is not None:
            running = self.comfort.copy()
            if fans is not None:
                moved = np.where(
                    self.later, self._slot_mean(fans, self.later) - self._slot_mean(fans, ~self.later), 0.0
                )
                told = np.where(self.later, self.comfort - self.usual(self.comfort), 0.0)
                running = running + np.where((np.abs(moved) > MOVED_SHARE) & (np.abs(told) < 0.1), moved, 0.0)
            return np.clip(running, 0.0, 1.0), "set-points"
        if fans is not None:
            return fans, "fans"
        for meter in self.meters:
            if meter.kind.carrier is Carrier.ELECTRICITY and (share := _on_share(self._filled(meter.kwh))) is not None:
                return share, "electricity"
        return None, ""

    def _fans(self) -> Floats | None:
        if self.fan is not None and np.ptp(self.fan) > 0.2:
            return np.clip(self.fan, 0.0, 1.0)
        for meter in self.meters:
            if meter.kind.end_use is EndUse.FANS:
                return _on_share(self._filled(meter.kwh))
        return None

    def _slot_mean(self, values: Floats, rows: Bools) -> Floats:
        count = np.bincount(self.slot[rows], minlength=SLOTS)
        total = np.bincount(self.slot[rows], weights=values[rows], minlength=SLOTS)
        return np.asarray((total / np.maximum(count, 1))[self.slot], np.float64)

    @cached_property
    def slot(self) -> Ints:
        """Hour of the day, 0 to 23, and 24 more for each further kind of day."""
        return np.asarray(self.hour + 24 * self.day_kind, np.int64)

    @cached_property
    def hour(self) -> Ints:
        """Hour of the UTC day."""
        return np.asarray(self.time_ms // HOUR_MS % 24, np.int64)

    def lag(self, values: Floats, time_constant_h: float) -> Floats:
        """First-order lag of each period by itself."""
        return np.concatenate([lagged(part, time_constant_h) for part in (values[: self.split], values[self.split :])])

    def change(self, values: Floats) -> tuple[Floats, Floats]:
        """Steps to the next hour and from the last one, each period by itself."""
        ahead, back = np.zeros(self.hours), np.zeros(self.hours)
        step = np.diff(values)
        step[self.split - 1] = 0.0
        ahead[:-1], back[1:] = step, step
        return ahead, back

    def usual(self, values: Floats) -> Floats:
        """What the reference has on average in each hour's slot; where it has none, its mean of all, shape (n,)."""
        first = ~self.later & np.isfinite(values)
        count = np.bincount(self.slot[first], minlength=SLOTS)
        total = np.bincount(self.slot[first], weights=values[first], minlength=SLOTS)
        overall = float(np.mean(values[first])) if first.any() else 0.0
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), overall)[self.slot], np.float64)

    def bought(self) -> list[PairedMeter]:
        """Meters of what crosses the building's boundary, none of them behind another."""
        chosen: list[PairedMeter] = []
        for carrier in (Carrier.GAS, Carrier.FUEL, Carrier.ELECTRICITY, Carrier.UNKNOWN):
            found = [m for m in self.meters if m.kind.carrier is carrier]
            whole = [m for m in found if m.kind.end_use is EndUse.WHOLE]
            chosen += [m for m in whole if m.kind.main] or whole or found
        if not any(m.kind.carrier in (Carrier.GAS, Carrier.FUEL) or m.kind.end_use is EndUse.HEATING for m in chosen):
            chosen += [m for m in self.meters if m.kind.carrier is Carrier.HEAT][:1]
        return chosen or [m for m in self.meters if m.kind.carrier in (Carrier.HEAT, Carrier.COLD)]

    def _checked(self) -> tuple[frozenset[Carrier], dict[str, Floats]]:
        """Carriers whose main meter the meters behind it check, and what such a main meter counts beyond them."""
        carriers: set[Carrier] = set()
        found: dict[str, Floats] = {}
        for carrier in dict.fromkeys(m.kind.carrier for m in self.meters):
            mains = [m for m in self.meters if m.kind.carrier is carrier and m.kind.end_use is EndUse.WHOLE]
            parts = [m.kwh for m in self.meters if m.kind.carrier is carrier and m.kind.end_use is not EndUse.WHOLE]
            if len(mains) != 1 or not parts:
                continue
            whole, behind = mains[0].kwh, np.sum(parts, axis=0)
            known = np.isfinite(behind) & np.isfinite(whole)
            before, now = (float(np.sum(whole[known & rows])) for rows in (~self.later, self.later))
            parts_before, parts_now = (float(np.sum(behind[known & rows])) for rows in (~self.later, self.later))
            if min(before, now, parts_before, parts_now) <= 0 or not (
                PARTS_COVER[0] < parts_before / before < PARTS_COVER[1]
            ):
                continue
            carriers.add(carrier)
            # What no part counts (hot water, lifts) has a day of its own and does not grow with the parts.
            rest = self.usual(np.where(known, whole - behind, np.nan))
            ratio = now / (parts_now + float(np.sum(rest[known & self.later])))
            if abs(ratio - 1) > MISREAD:
                found[mains[0].name] = np.where(self.later, whole * (1 - 1 / ratio), 0.0)
        return frozenset(carriers), found

    def _consuming(self, meters: Iterable[PairedMeter]) -> Iterable[PairedMeter]:
        for meter in meters:
            means = [float(np.nanmean(meter.kwh[rows])) for rows in (~self.later, self.later)]
            if min(means) >= 0 and max(means) > 0:
                yield meter
            elif max(means) == 0:
                self.missing.append(f"{meter.name}: counts nothing in either period, so it is off or dead; left out")
            else:
                self.missing.append(f"{meter.name}: produces more than it uses, which no cause here explains; left out")

    def _name_what_meters_lack(self, shared: tuple[PairedMeter, ...]) -> None:
        first, second = ({meter.name for meter in signals.meters} for signals in (self.reference, self.reporting))
        for signals, others, period in ((self.reference, second, "reporting"), (self.reporting, first, "reference")):
            self.missing += [
                f"{meter.name}: not known in the {period} period, so its change is left out"
                for meter in signals.meters
                if meter.name not in others
            ]
        for meter in shared:
            known = np.isfinite(meter.kwh)
            share = min(float(known[~self.later].mean()), float(known[self.later].mean()))
            if share < WELL_KNOWN:
                self.missing.append(f"{meter.name}: {share:.0%} of the hours; the others count as their mean")

    def _both(self, name: str) -> Floats | None:
        parts = getattr(self.reference, name), getattr(self.reporting, name)
        if any(part is None or not np.isfinite(part).any() for part in parts):
            return None
        share = min(float(np.isfinite(part).mean()) for part in parts)
        if share < KNOWN_SHARE:
            what = name.rpartition("_")[0].replace("_", " ") or name
            self.missing.append(f"{what}: known in only {share:.0%} of the hours of one period; left out")
            return None
        return np.concatenate(parts)

    def _heads(self) -> Floats | None:
        """People by the counters that both periods have, so that a new counter does not make new people."""
        a, b = self.reference.heads, self.reporting.heads
        shared = [
            name for name in a if name in b and min(np.isfinite(part[name]).mean() for part in (a, b)) >= KNOWN_SHARE
        ]
        left_out = sorted((a.keys() | b.keys()) - set(shared))
        if left_out:
            self.missing.append(f"people: {len(left_out)} counters are not known well in both periods; left out")
        if not shared:
            if not left_out:
                self.missing.append("people: their heat and their number count as chance")
            return None
        return np.asarray(
            np.sum([self._filled(np.concatenate([a[name], b[name]])) for name in shared], axis=0), np.float64
        )

    def _optional(self, name: str) -> Floats | None:
        values = self._both(name)
        return None if values is None else self._filled(values)

    def _measured(self, name: str, sentence: str) -> Floats | None:
        values = self._optional(name)
        if values is None:
            self.missing.append(sentence)
        return values

    def _zones(self) -> tuple[tuple[str, ...], Floats]:
        a, b = self.reference, self.reporting
        zones = tuple(
            z
            for z in a.zones
            if z in b.zones
            and np.isfinite(a.zone_c[:, a.zones.index(z)]).mean() > 0.5
            and np.isfinite(b.zone_c[:, b.zones.index(z)]).mean() > 0.5
        )
        columns = [np.concatenate([a.zone_c[:, a.zones.index(z)], b.zone_c[:, b.zones.index(z)]]) for z in zones]
        # A mean over changing zones would jump whenever one falls silent.
        full = [self._filled(c) for c in columns]
        return zones, np.stack(full, 1) if full else np.zeros((self.hours, 0))

    def _setpoints(self, name: str) -> Floats | None:
        a, b = self.reference, self.reporting
        first, second = getattr(a, name), getattr(b, name)
        if first is None or second is None or not self.zones:
            return None
        columns = []
        for zone in self.zones:
            column = np.concatenate([first[:, a.zones.index(zone)], second[:, b.zones.index(zone)]])
            if np.isfinite(column[: self.split]).any() and np.isfinite(column[self.split :]).any():
                columns.append(self._filled(column))
            else:
                columns.append(np.full(self.hours, np.nan))
        told = np.stack(columns, 1)
        return told if np.isfinite(told).any() else None

    def _filled(self, values: Floats) -> Floats:
        return np.concatenate([filled(values[: self.split]), filled(values[self.split :])])


def setpoint_levels(values: Floats) -> tuple[float, float]:
    """Set-back and day level of a set-point in force, the lower and upper of the two that it mostly has."""
    return float(np.quantile(values, 0.1)), float(np.quantile(values, 0.9))


def _on_share(kwh: Floats) -> Floats | None:
    """Share of each hour in which something of much power is on; None when its power hardly changes."""
    low, high = float(np.quantile(kwh, 0.1)), float(np.quantile(kwh, 0.85))
    if high <= 0 or high - low < 0.25 * high:
        return None
    return np.asarray(np.clip((kwh - low) / (0.6 * (high - low)), 0.0, 1.0), np.float64)


def _row_mean(columns: Floats) -> Floats:
    return np.asarray(columns.mean(axis=1), np.float64)


def _shared_meters(reference: Signals, reporting: Signals) -> Iterable[PairedMeter]:
    later: dict[str, Meter] = {m.name: m for m in reporting.meters}
    for meter in reference.meters:
        if (other := later.get(meter.name)) is not None:
            yield PairedMeter(meter.name, meter.kind, np.concatenate([meter.kwh, other.kwh]))
