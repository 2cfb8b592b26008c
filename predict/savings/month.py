"""A meter's month as it goes into the guarantee ledger: measured from the store, and compared with what was frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from core.calendar import HOUR_MS, Calendar, Step
from core.errors import DomainError, NotFoundError
from predict.fit import BaselineFigures, baseline_of_version, find_point, outdoors_of
from predict.gap import expect
from predict.savings.avoided import SavingsTotal, avoided_energy, relevant
from predict.savings.line import Measured, fingerprint, rounded
from predict.series import HourlyEnergy, hourly_energy
from stores.port import ReadingStore
from stores.registry import Adjustment, Contract, Registry, Term

FIGURES_TOLERANCE_KWH = 0.002
"""Sums of the same hours may differ by their last bits on another machine."""


@dataclass(frozen=True, slots=True)
class Month:
    """A local month.

    Attributes
    ----------
    name
        ``2026-01``.
    start_ms, end_ms
        UTC milliseconds, half open.
    """

    name: str
    start_ms: int
    end_ms: int


def months_of(contract: Contract, calendar: Calendar) -> list[Month]:
    """All months of a contract."""
    edges = calendar.edges(calendar.midnight(contract.start), calendar.midnight(contract.end), Step.MONTH)
    return [Month(f"{calendar.day_of(start):%Y-%m}", start, end) for start, end in pairwise(edges)]


def measure_month(
    store: ReadingStore,
    registry: Registry,
    contract: Contract,
    term: Term,
    calendar: Calendar,
    month: Month,
    adjustments: Sequence[Adjustment],
) -> Measured:
    """Saving of one meter in one month against the baseline that the contract names.

    A month that cannot be measured is one without a claim, with the reason, not an exception.

    Parameters
    ----------
    adjustments
        Those that count; the ones outside of the month do not matter.
    """
    try:
        meter = find_point(registry, term.meter, f"meter of contract {contract.id}")
        energy = hourly_energy(store, meter, month.start_ms, month.end_ms, calendar)
    except (NotFoundError, DomainError) as error:
        return _without_figures(term, month, error.message, None, calendar)
    try:
        model, record = baseline_of_version(registry, term.meter, term.baseline_kind, term.baseline_version, calendar)
        kept = msgspec.convert(record.figures, BaselineFigures)
        outdoors = outdoors_of(registry, kept, term.meter)
        prediction = expect(store, outdoors, model, month.start_ms, month.end_ms)
    except (NotFoundError, DomainError) as error:
        return _without_figures(term, month, error.message, energy, calendar)
    # The weather before the month still works in it.
    weather_start = month.start_ms - model.warm_up_ms
    temperature, irradiance = outdoors.hours(store, weather_start, month.end_ms, calendar)
    weather = temperature if irradiance is None else np.concatenate([temperature, irradiance])
    weather_ms = weather_start + HOUR_MS * np.arange(len(temperature), dtype=np.int64)
    _, total = avoided_energy(
        energy.kwh,
        prediction,
        model.residuals_,
        relevant(adjustments, month.start_ms, month.end_ms),
        calendar,
        start_ms=month.start_ms,
        end_ms=month.end_ms,
        step=Step.MONTH,
    )
    energy_hash, weather_hash = fingerprint(energy.time_ms, energy.kwh), fingerprint(weather_ms, weather)
    reasons = _reasons(kept.disqualified, total, contract.minimum_coverage, record.end_ms, month)
    return Measured(
        claims=not reasons,
        reasons=reasons,
        baseline_kind=record.kind,
        baseline_version=record.version,
        baseline_sha256=hashlib.sha256(record.blob).hexdigest(),
        data_sha256=hashlib.sha256((energy_hash + weather_hash).encode()).hexdigest(),
        energy_sha256=energy_hash,
        weather_sha256=weather_hash,
        hours=total.hours,
        known_hours=total.known_hours,
        coverage=round(total.coverage, 6),
        extrapolated=round(total.extrapolated, 6),
        days=_days(energy, calendar),
        baseline_kwh=rounded(total.baseline_kwh),
        adjustment_kwh=rounded(total.adjustment_kwh),
        actual_kwh=rounded(total.actual_kwh),
        saving_kwh=rounded(total.saving_kwh),
        uncertainty_kwh=rounded(total.uncertainty_kwh),
        fraction=rounded(total.fraction, 4),
        adjustments={name: round(kwh, 3) for name, kwh in total.adjusted.items()},
    )


def differences(frozen: Measured, again: Measured, in_force: Sequence[str], superseded: Sequence[str]) -> list[str]:
    """Why a frozen month is no longer what the store and the registry say, in sentences; empty when it still is.

    Parameters
    ----------
    again
        Measured now with the *same* adjustments as were frozen.
    in_force
        Ids of the adjustments that are in force now and touch the month.
    superseded
        Ids of the frozen ones that are not in force any more.
    """
    reasons = []
    if again.baseline_sha256 != frozen.baseline_sha256:
        reasons.append("model: the baseline is not the one that was frozen.")
    if again.energy_sha256 != frozen.energy_sha256:
        reasons += _energy_differences(frozen.days, again.days)
    if again.weather_sha256 != frozen.weather_sha256:
        reasons.append("weather: the outdoor temperature was corrected or came late.")
    new = [name for name in in_force if name not in frozen.adjustments]
    if new:
        reasons.append(f"changed adjustment: {', '.join(new)} came into force.")
    if superseded:
        reasons.append(f"changed adjustment: {', '.join(superseded)} was superseded.")
    if not reasons and not _same_figures(frozen, again):
        reasons.append("figures: they do not follow from what they rest on.")
    return reasons


def _energy_differences(frozen: list[tuple[int, float]], again: list[tuple[int, float]]) -> list[str]:
    late, lost, corrected = [], [], []
    for day, ((hours, kwh), (hours_now, kwh_now)) in enumerate(zip(frozen, again, strict=False), start=1):
        if hours_now > hours:
            late.append(day)
        elif hours_now < hours:
            lost.append(day)
        elif abs(kwh_now - kwh) > FIGURES_TOLERANCE_KWH:
            corrected.append(day)
    reasons = []
    if late:
        more = sum(again[day - 1][0] - frozen[day - 1][0] for day in late)
        reasons.append(f"late data: {more} more hours of the meter are known, on day {_listed(late)} of the month.")
    if lost:
        fewer = sum(frozen[day - 1][0] - again[day - 1][0] for day in lost)
        reasons.append(f"lost data: {fewer} fewer hours of the meter are known, on day {_listed(lost)} of the month.")
    if corrected:
        reasons.append(f"corrected data: the meter has other values on day {_listed(corrected)} of the month.")
    return reasons or ["corrected data: the meter has other values within its days."]


def _listed(days: list[int]) -> str:
    return ", ".join(map(str, days[:6])) + (" …" if len(days) > 6 else "")


def _same_figures(a: Measured, b: Measured) -> bool:
    if (a.claims, a.reasons, a.known_hours, a.hours) != (b.claims, b.reasons, b.known_hours, b.hours):
        return False
    names = ("baseline_kwh", "adjustment_kwh", "actual_kwh", "saving_kwh", "uncertainty_kwh")
    pairs = [(getattr(a, name), getattr(b, name)) for name in names]
    return all(
        one == other if one is None or other is None else abs(one - other) <= FIGURES_TOLERANCE_KWH + 1e-9 * abs(one)
        for one, other in pairs
    )


def _reasons(
    disqualified: list[str], total: SavingsTotal, minimum_coverage: float, baseline_end_ms: int, month: Month
) -> list[str]:
    reasons = list(disqualified)
    if baseline_end_ms > month.start_ms:
        reasons.append("The month lies within the baseline period.")
    if total.coverage < minimum_coverage:
        reasons.append(f"{total.coverage:.0%} of its hours are known; {minimum_coverage:.0%} of them must be.")
    return reasons


def _days(energy: HourlyEnergy, calendar: Calendar) -> list[tuple[int, float]]:
    edges = np.array(calendar.edges(int(energy.time_ms[0]), int(energy.time_ms[-1]) + HOUR_MS, Step.DAY), np.int64)
    day = np.searchsorted(edges, energy.time_ms, side="right") - 1
    known = np.isfinite(energy.kwh)
    hours = np.bincount(day[known], minlength=len(edges) - 1)
    kwh = np.bincount(day[known], energy.kwh[known], minlength=len(edges) - 1)
    return [(int(count), round(float(total), 3) + 0.0) for count, total in zip(hours, kwh, strict=True)]


def _without_figures(
    term: Term, month: Month, reason: str, energy: HourlyEnergy | None, calendar: Calendar
) -> Measured:
    hours = (month.end_ms - month.start_ms) // HOUR_MS
    energy_hash = "" if energy is None else fingerprint(energy.time_ms, energy.kwh)
    actual = float("nan") if energy is None else float(np.nansum(energy.kwh))
    return Measured(
        claims=False,
        reasons=[reason],
        baseline_kind=term.baseline_kind,
        baseline_version=term.baseline_version,
        baseline_sha256="",
        data_sha256=hashlib.sha256(energy_hash.encode()).hexdigest(),
        energy_sha256=energy_hash,
        weather_sha256="",
        hours=hours,
        known_hours=0,
        coverage=0.0,
        extrapolated=0.0,
        days=[] if energy is None else _days(energy, calendar),
        baseline_kwh=None,
        adjustment_kwh=None,
        actual_kwh=rounded(actual),
        saving_kwh=None,
        uncertainty_kwh=None,
        fraction=None,
        adjustments={},
    )
