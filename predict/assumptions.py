"""What departs from what a promise assumed, and the energy that this makes: weather, rooms, use, shell, plant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.optimize import brentq, nnls

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError
from predict.causes.explanation import EFFICIENCY, ENVELOPE, SETPOINT, USE
from predict.causes.pair import setpoint_levels
from predict.causes.roles import Carrier, EndUse
from predict.causes.signals import Signals
from predict.residuals import T_90
from predict.series import Floats, Times
from predict.twin.lag import filled
from predict.twin.network import drive
from predict.twin.tracking import TwinTracker
from stores.registry import Assumptions

COLD_BELOW_C: Final = 14.0
"""Rooms, shell and air count in hours whose last three days were colder."""
IDENTIFIED_SD: Final = 0.12
"""By so much of itself an identified heat loss moves between two winters without a cause (docs/prediction/twin.md)."""
RATIO_SD: Final = 0.015
"""Doubt of heat per fuel, as in the gap between two periods."""
USE_SD: Final = 0.3
"""Doubt of what a person and an hour of plant take, by themselves."""
LEAST_YEAR_D: Final = 360
_HEATED: Final = (Carrier.GAS, Carrier.FUEL, Carrier.HEAT)
_DAY_MS: Final = 24 * HOUR_MS


@dataclass(slots=True)
class Departures:
    """Energy of one carrier that departures from a promise's assumptions make, over the hours of the signals.

    Attributes
    ----------
    kwh, half_kwh
        By cause: positive is more than promised, and half the width of its 90 % interval.
    detail
        By name within a cause.
    missing
        Sentences on assumptions that nothing measured can be held against.
    """

    kwh: dict[str, float] = field(default_factory=dict)
    half_kwh: dict[str, float] = field(default_factory=dict)
    detail: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, cause: str, name: str, kwh: float, sd_kwh: float) -> None:
        """Add to a cause."""
        self.kwh[cause] = self.kwh.get(cause, 0.0) + kwh
        self.half_kwh[cause] = float(np.hypot(self.half_kwh.get(cause, 0.0), T_90 * sd_kwh))
        self.detail.setdefault(cause, {})[name] = kwh


def assumed_weather(time_ms: Times, outdoor_c: Floats, assumes: Assumptions, calendar: Calendar) -> Floats:
    """The weather that came, moved to what was assumed, shape (n,): its hours and storms stay, its means do not.

    Each month is shifted to its assumed mean. Of a year's degree days all hours are shifted by one amount.

    Raises
    ------
    DomainError
        Nothing is assumed of the weather, or degree days meet a period that is no year.
    """
    if assumes.outdoor_c is not None:
        month = np.array([calendar.local(t).month for t in time_ms.tolist()])
        out = outdoor_c.copy()
        for number, mean in enumerate(assumes.outdoor_c, start=1):
            rows = month == number
            if np.isfinite(outdoor_c[rows]).any():
                # A month cut off is shifted by what its days were off their share of the year's course.
                out[rows] += _smooth_mean(time_ms[rows], assumes.outdoor_c, calendar, mean) - np.nanmean(
                    outdoor_c[rows]
                )
        return out
    if assumes.degree_days is None:
        raise DomainError("the promise does not say for which weather it was made: its part is left unexplained")
    days = len(outdoor_c) // 24
    if not LEAST_YEAR_D <= days <= 2 * LEAST_YEAR_D:
        raise DomainError("degree days are a year's: the part of the weather needs a period of a year")
    daily = filled(outdoor_c)[: days * 24].reshape(days, 24).mean(axis=1)

    def excess(shift: float) -> float:
        return float(np.sum(np.maximum(assumes.base_c - daily - shift, 0))) * 365.25 / days - (assumes.degree_days or 0)

    low, high = -60.0, 60.0
    if excess(low) < 0 or excess(high) > 0:
        raise DomainError(f"no weather near the one that came has {assumes.degree_days:g} degree days")
    return np.asarray(outdoor_c + float(brentq(excess, low, high)), np.float64)


def _smooth_mean(time_ms: Times, monthly_c: tuple[float, ...], calendar: Calendar, mean: float) -> float:
    """Mean of the year's course over some hours of a month: monthly means, interpolated between the months' middles."""
    if len(time_ms) >= 27 * 24:
        return mean
    middle = np.arange(-1, 13) * 365.25 / 12 + 365.25 / 24
    around = np.array([monthly_c[-1], *monthly_c, monthly_c[0]])
    day = np.array([calendar.local(t).timetuple().tm_yday for t in time_ms[::24].tolist()])
    return float(np.mean(np.interp(day, middle, around)))


def departures(signals: Signals, assumes: Assumptions, carrier: Carrier) -> Departures:
    """What departs from the assumptions of a carrier's promise in the hours of the signals, and its energy; no I/O.

    A part is what would disappear if its cause alone were as promised. The coefficients are those of the building's
    thermal twin, tracked over the same hours.
    """
    out = Departures()
    if carrier is Carrier.ELECTRICITY:
        _of_use(out, signals, assumes)
    elif carrier in _HEATED:
        _of_heat(out, signals, assumes, carrier)
    return out


def _of_use(out: Departures, signals: Signals, assumes: Assumptions) -> None:
    """What people and plant hours take, by a regression of the meter on them."""
    kwh, running = _energy(signals, Carrier.ELECTRICITY), _running(signals)
    names = [n for n, v in (("people", signals.people), ("plant hours", running)) if v is not None]
    columns = [filled(v) for v in (signals.people, running) if v is not None]
    taken = dict.fromkeys(names, 0.0)
    if kwh is not None and columns:
        known = np.isfinite(kwh)
        found, _ = nnls(np.column_stack([np.ones(known.sum()), *(c[known] for c in columns)]), kwh[known])
        taken = dict(zip(names, found[1:].tolist(), strict=True))
    for name, more in _more_use(out, signals, assumes, running).items():
        part = taken.get(name, 0.0) * more
        out.add(USE, name, part, USE_SD * abs(part))


def _of_heat(out: Departures, signals: Signals, assumes: Assumptions, carrier: Carrier) -> None:
    fuel = _energy(signals, carrier)
    heat = fuel if carrier is Carrier.HEAT else _energy(signals, Carrier.HEAT)
    wanted = [assumes.room_c, assumes.hours_per_week, assumes.people, assumes.heat_loss_kw_k, assumes.efficiency]
    if fuel is None or all(value is None for value in wanted):
        return
    known = np.isfinite(fuel) & np.isfinite(fuel if heat is None else heat)
    burnt, delivered = float(fuel[known].sum()), None if heat is None else float(heat[known].sum())
    per_heat = 1.0 if not delivered else burnt / delivered
    if assumes.efficiency is not None and carrier is not Carrier.HEAT:
        if not delivered:
            out.missing.append("efficiency: without a heat meter it is not told from the heat loss")
        else:
            out.add(EFFICIENCY, carrier.value, burnt - delivered / assumes.efficiency, RATIO_SD * burnt)
    if signals.outdoor_c is None or not signals.zones:
        out.missing.append("zone temperatures: rooms and heat loss cannot be held against what was promised")
        return
    running = _running(signals)
    inside, outdoor = filled(_row_mean(signals.zone_c)), filled(signals.outdoor_c)
    electricity = _energy(signals, Carrier.ELECTRICITY)
    acts = drive(
        signals.outdoor_c,
        fuel if heat is None else heat,
        sun_w_m2=None if signals.sun_w_m2 is None else filled(signals.sun_w_m2),
        people=None if signals.people is None else filled(signals.people),
        electricity_kwh=None if electricity is None else filled(electricity),
        running=running,
    )
    tracker = TwinTracker().fit(np.where(np.isfinite(signals.outdoor_c), inside, np.nan), acts)
    loss, loss_sd = tracker.heat_loss_kw_k
    loss, loss_sd = max(loss, 0.0), float(np.hypot(loss_sd, IDENTIFIED_SD * loss))
    air = max(tracker.parameters()["ventilation"][0], 0.0)
    cold = _cold(outdoor)
    kelvin_hours = float(np.sum((inside - outdoor)[cold]))
    if assumes.room_c is not None:
        warmer_kh = float(np.sum(inside[cold] - assumes.room_c))
        share = 0.0 if running is None else float(running[cold].mean()) if cold.any() else 0.0
        out.add(SETPOINT, "rooms", (loss + air * share) * warmer_kh * per_heat, loss_sd * abs(warmer_kh) * per_heat)
    if assumes.heat_loss_kw_k is not None:
        if heat is None:
            out.missing.append("heat loss: without a heat meter it is not told from the efficiency")
        else:
            more = (loss - assumes.heat_loss_kw_k) * kelvin_hours * per_heat
            out.add(ENVELOPE, "heat loss", more, loss_sd * abs(kelvin_hours) * per_heat)
    usual_k = kelvin_hours / max(int(cold.sum()), 1)
    person = float(np.clip(tracker.parameters()["person"][0], 0.0, 0.15))
    each = {"people": -person * per_heat, "plant hours": air * usual_k * per_heat}
    for name, more in _more_use(out, signals, assumes, running).items():
        part = each[name] * more * float(cold.mean())
        out.add(USE, name, part, USE_SD * abs(part))


def _more_use(out: Departures, signals: Signals, assumes: Assumptions, running: Floats | None) -> dict[str, float]:
    """Hours of people and of plant beyond what was assumed, over the signals."""
    more = {}
    measured = {
        "people": (signals.people, assumes.people),
        "plant hours": (running, None if assumes.hours_per_week is None else assumes.hours_per_week / 168),
    }
    for name, (values, assumed) in measured.items():
        if assumed is None:
            continue
        if values is None:
            out.missing.append(f"{name}: nothing measured tells of them, so they cannot be held against the promise")
        else:
            more[name] = (float(np.nanmean(values)) - assumed) * signals.hours
    return more


def _energy(signals: Signals, carrier: Carrier) -> Floats | None:
    found = [m for m in signals.meters if m.kind.carrier is carrier]
    whole = [m for m in found if m.kind.end_use is EndUse.WHOLE] or found
    return np.asarray(np.sum([m.kwh for m in whole], axis=0), np.float64) if whole else None


def _running(signals: Signals) -> Floats | None:
    """Share of each hour in which fans run or rooms are kept at their day temperature; None when nothing tells."""
    if signals.fan is not None and np.isfinite(signals.fan).any():
        return np.clip(filled(signals.fan), 0.0, 1.0)
    if signals.heating_c is None:
        return None
    setpoint = filled(_row_mean(signals.heating_c))
    low, high = setpoint_levels(setpoint)
    return np.asarray(setpoint > (low + high) / 2, np.float64) if high > low else None


def _row_mean(columns: Floats) -> Floats:
    known = np.isfinite(columns)
    total = np.where(known, columns, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _cold(outdoor_c: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    hours = np.convolve(np.ones(len(outdoor_c)), np.ones(72))[: len(outdoor_c)]
    return np.asarray(np.convolve(outdoor_c, np.ones(72))[: len(outdoor_c)] / hours < COLD_BELOW_C)
