"""Three curves of a building's energy, kept apart: what was promised, what was to be expected, what was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from core.calendar import Calendar, Step
from core.points import site_of
from predict.causes.roles import meter_kind
from predict.gap import BuildingGap, building_gap
from predict.series import Floats, Times
from stores.port import ReadingStore
from stores.registry import Promise, PromiseKind, Rate, RateKind, Registry

PAIRS: Final = (("actual", "predicted"), ("actual", "promised"), ("predicted", "promised"))
"""Gaps that are shown: the first minus the second."""


@dataclass(frozen=True, slots=True)
class Curves:
    """One carrier over the steps of a period; arrays of shape (n,), NaN where unknown.

    Attributes
    ----------
    carrier
        ``gas``, ``electricity``, …
    edges_ms
        Shape (n + 1,), UTC milliseconds.
    promised_kwh
        Of the promise in force, of as much of the step as the meters are known for, so that it compares.
    predicted_kwh, actual_kwh
        Over the hours in which both are known.
    coverage
        Share of the step's hours that are known.
    price_eur_kwh, emission_kg_kwh
        In force in each step.
    promise
        The newest one that counts; None when nothing was promised.
    """

    carrier: str
    edges_ms: Times
    promised_kwh: Floats
    predicted_kwh: Floats
    actual_kwh: Floats
    coverage: Floats
    price_eur_kwh: Floats
    emission_kg_kwh: Floats
    promise: Promise | None

    def gap_kwh(self, first: str, second: str) -> Floats:
        """One curve (``promised``, ``predicted``, ``actual``) minus another, shape (n,)."""
        curves = {"promised": self.promised_kwh, "predicted": self.predicted_kwh, "actual": self.actual_kwh}
        return np.asarray(curves[first] - curves[second], np.float64)

    def totals(self, first: str, second: str) -> tuple[float, float, float]:
        """The gap between two curves over all steps in which both are known: kWh, EUR, kg of CO2.

        NaN where nothing is known, and for money and CO2 where a rate is missing.
        """
        gap = self.gap_kwh(first, second)
        known = np.isfinite(gap)
        if not known.any():
            return np.nan, np.nan, np.nan
        kwh, eur, kg = (float(np.sum((gap * rate)[known])) for rate in (1.0, self.price_eur_kwh, self.emission_kg_kwh))
        return kwh, eur, kg


def building_curves(
    store: ReadingStore,
    registry: Registry,
    building_id: str,
    start_ms: int,
    end_ms: int,
    *,
    step: Step,
    calendar: Calendar,
) -> tuple[list[Curves], dict[str, str]]:
    """Curves of a building by carrier over ``[start_ms, end_ms)``, and why some meters have none.

    Raises
    ------
    NotFoundError
        The building is not in the registry.
    DomainError
        The step is finer than an hour, or the period is empty.
    """
    gap = building_gap(store, registry, building_id, start_ms, end_ms, step)
    points = {p.id: p.brick_class for p in (registry.point(m.meter) for m in gap.meters) if p is not None}
    carriers = {m.meter: meter_kind(points[m.meter], m.meter).carrier.value for m in gap.meters if m.meter in points}
    promises, rates = registry.promises(building_id), registry.rates(site_of(f"{building_id}/x"))
    names = dict.fromkeys([*carriers.values(), *(p.carrier for p in promises)])
    found = [
        curves_of(name, gap, [m for m, c in carriers.items() if c == name], promises, rates, calendar=calendar)
        for name in names
    ]
    return found, gap.missing


def curves_of(
    carrier: str,
    gap: BuildingGap,
    meters: Sequence[str],
    promises: Sequence[Promise],
    rates: Sequence[Rate],
    *,
    calendar: Calendar,
) -> Curves:
    """Curves of one carrier, summed over its meters; no I/O."""
    edges = np.array(calendar.edges(gap.start_ms, gap.end_ms, gap.step), np.int64)
    steps = [m.steps for m in gap.meters if m.meter in meters]
    nothing = np.full(len(edges) - 1, np.nan)
    coverage = np.mean([s.coverage for s in steps], axis=0) if steps else np.ones(len(edges) - 1)
    mine = [p for p in promises if p.carrier == carrier]
    bounds = np.clip(edges, gap.start_ms, gap.end_ms)
    return Curves(
        carrier=carrier,
        edges_ms=edges,
        promised_kwh=promised_kwh(mine, bounds, calendar) * coverage,
        predicted_kwh=np.sum([s.predicted_kwh for s in steps], axis=0) if steps else nothing,
        actual_kwh=np.sum([s.actual_kwh for s in steps], axis=0) if steps else nothing,
        coverage=coverage,
        price_eur_kwh=rates_of(rates, carrier, RateKind.PRICE, edges, calendar),
        emission_kg_kwh=rates_of(rates, carrier, RateKind.EMISSION, edges, calendar),
        promise=_in_force(mine, calendar.day_of(int(edges[-1]) - 1)),
    )


def promised_kwh(promises: Sequence[Promise], edges_ms: Times, calendar: Calendar) -> Floats:
    """Promised energy of each step, shape (n,): the share of each month that the step covers; NaN before any promise.

    Parameters
    ----------
    promises
        Of one carrier. A contract counts before a certificate, and that before a design; the newest version counts.
    """
    out = np.full(len(edges_ms) - 1, np.nan)
    for i, (start, end) in enumerate(zip(edges_ms[:-1].tolist(), edges_ms[1:].tolist(), strict=True)):
        at, total = start, 0.0
        while at < end:
            day = calendar.day_of(at)
            first = day.replace(day=1)
            following = (
                first.replace(year=first.year + 1, month=1)
                if first.month == 12
                else first.replace(month=first.month + 1)
            )
            month = calendar.midnight(first), calendar.midnight(following)
            until = min(end, month[1])
            promise = _in_force(promises, day)
            if promise is None:
                total = np.nan
                break
            total += promise.monthly_kwh[day.month - 1] * (until - at) / (month[1] - month[0])
            at = until
        if end > start:
            out[i] = total
    return out


def _in_force(promises: Sequence[Promise], day: date) -> Promise | None:
    order = (PromiseKind.DESIGN, PromiseKind.CERTIFICATE, PromiseKind.CONTRACT)
    valid = [p for p in promises if p.valid_from <= day]
    return max(valid, key=lambda p: (order.index(p.kind), p.valid_from, p.version)) if valid else None


def rates_of(rates: Sequence[Rate], carrier: str, kind: RateKind, edges: Times, calendar: Calendar) -> Floats:
    """Rate of each step, shape (n,), NaN without one.

    The site's own counts before everybody's, its own year's before the last one published.
    """
    mine = [r for r in rates if r.carrier == carrier and r.kind is kind]
    values = []
    for start in edges[:-1].tolist():
        year = calendar.day_of(start).year
        valid = [r for r in mine if r.year <= year]
        best = max(valid, key=lambda r: (r.site != "", r.year, r.version)) if valid else None
        values.append(best.value if best else np.nan)
    return np.array(values, np.float64)
