"""The change between two recorded periods of a building, split by cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from predict.causes.case import Case
from predict.causes.explanation import CAUSES, Explanation, Part
from predict.causes.hypotheses import Hypothesis
from predict.causes.pair import Pair
from predict.causes.record import Record
from predict.causes.signals import Signals, read_signals

T_90: Final = 1.645
_KEPT: Final = 0.02


def explain(reference: Record, reporting: Record) -> Explanation:
    """Split the change from one recorded period to another by cause.

    Raises
    ------
    DomainError
        A record has no energy meter or covers less than a week, they share no meter, or the outdoor temperature is
        not known.
    """
    return explain_signals(read_signals(reference), read_signals(reporting))


def explain_signals(reference: Signals, reporting: Signals) -> Explanation:
    """The same for signals that are hourly already."""
    return _explanation(Case(Pair(reference, reporting)))


def _explanation(case: Case) -> Explanation:
    """All parts under the most probable hypothesis; the others widen the intervals."""
    ranked = case.ranked()
    total = sum(case.change(flow.kwh) for flow in case.flows)
    total += sum(case.change(case.pair.misread[m.name]) for m in case.bought if m.name in case.pair.misread)
    kept = [h for h in ranked if h.probability >= _KEPT] or ranked[:1]
    sums = [case.parts(h) for h in kept]
    best = sums[0]
    weight = sum(h.probability for h in kept)
    parts = []
    for cause in CAUSES:
        kwh = best.of(cause)
        between = sum(h.probability * (s.of(cause) - kwh) ** 2 for h, s in zip(kept, sums, strict=True)) / weight
        reach = T_90 * float(np.sqrt(best.variance.get(cause, 0.0) + between))
        detail: dict[str, float] = {}
        for (c, _, name), value in best.kwh.items():
            if c == cause and name:
                detail[name] = detail.get(name, 0.0) + value
        parts.append(Part(cause, kwh, kwh - reach, kwh + reach, detail))
    # Sums of rounded numbers do not close by themselves; the last digit belongs to what is not explained.
    rest = total - sum(p.kwh for p in parts)
    parts[-1] = replace(parts[-1], kwh=parts[-1].kwh + rest, low=parts[-1].low + rest, high=parts[-1].high + rest)
    by_carrier: dict[str, dict[str, float]] = {}
    for (cause, carrier, _), value in best.kwh.items():
        row = by_carrier.setdefault(carrier, dict.fromkeys(CAUSES, 0.0))
        row[cause] += value
    reference = sum(float(np.nanmean(f.kwh[: case.pair.split])) for f in case.flows) * case.later_hours
    return Explanation(
        reference_kwh=reference,
        reporting_kwh=reference + total,
        total_kwh=total,
        parts=tuple(parts),
        by_carrier=by_carrier,
        hypotheses=_named(kept),
        meters=tuple(m.name for m in case.bought),
        missing=tuple(case.pair.missing),
    )


def _named(found: list[Hypothesis]) -> dict[str, float]:
    named: dict[str, float] = {}
    for h in found:
        every = h.use_meter != 0 and h.fuel_meter == h.use_meter
        names = [
            name
            for name, is_so in (
                ("envelope", h.envelope),
                ("use", h.use),
                ("system efficiency", h.efficiency != 0),
                ("all meters", every),
                ("fuel meter", h.fuel_meter != 0 and not every),
                ("meters of other use", h.use_meter != 0 and not every),
            )
            if is_so
        ]
        name = " and ".join(names) or "nothing unseen"
        named[name] = named.get(name, 0.0) + h.probability
    return named


__all__ = ["CAUSES", "Explanation", "Part", "explain", "explain_signals"]
