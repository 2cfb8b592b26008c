"""What to do about the causes of a gap: restore a set-point or a schedule, else a work item with evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any, Final

import msgspec

from control.proposal import Correction, Proposal
from control.view import BuildingView
from core.calendar import HOUR_MS
from core.points import Point
from predict.causes.explanation import (
    EFFICIENCY,
    ENVELOPE,
    METERING,
    SETPOINT,
    UNEXPLAINED,
    USE,
    WEATHER,
    Explanation,
    Part,
)
from stores.registry import WorkItem, WorkState

NAME: Final = "gap-action"
LEAST_SHARE: Final = 0.02
"""A part smaller than this share of the reference is no work for anybody."""
PERSISTENT: Final = 2
"""So many evaluations in a row must see it."""
APART_MS: Final = 7 * 24 * HOUR_MS
"""Evaluations whose periods end closer to each other are one: they saw the same days."""
LASTS_MS: Final = 21 * 24 * HOUR_MS
"""A correction that no evaluation has confirmed for so long is forgotten."""
PATIENCE: Final = 2
"""After so many more evaluations a correction has had its time, and a person is asked."""
OFF_K: Final = 0.3
"""A set-point so much above the agreed value is not kept."""
LATE_H: Final = 1.0
"""Heated for so many hours a day outside of the agreed ones, a schedule is not kept."""
PREHEAT_H: Final = 3
"""Before opening a zone warms up; that is optimum start's business."""
_FADED: Final = 0.5
_T_90: Final = 1.645

WHERE_TO_LOOK: Final = {
    USE: "Look for what runs longer than people are there: schedules, ventilation, plug loads.",
    SETPOINT: "Rooms are warmer, but no set-point that is measured says so: look at thermostats, valves and sensors.",
    ENVELOPE: "Look for windows that stay open, leaks, and damaged insulation.",
    EFFICIENCY: "Look at the boiler or heat pump: service, return temperature, flow.",
    METERING: "Look at the meters: scale, replacement, and what was connected behind them.",
    UNEXPLAINED: "Nobody measures why: ask the people in the building what has changed.",
}


@dataclass(frozen=True, slots=True)
class Keeping:
    """What was agreed of a zone's set-point, and how it was kept.

    Attributes
    ----------
    setpoint
        The point that control may drive.
    occupied_c, setback_c
        Agreed while people are there, and while they are not, degrees Celsius; inside the comfort band.
    kept_c
        Usual value while people are there, None when it is not measured.
    late_h
        Hours a day outside of the agreed ones in which it stands above the set-back; None when it is not measured.
    kept_before_c, late_before_h
        The same in the reference period: what was so before does not explain a change.
    """

    setpoint: Point
    occupied_c: float
    setback_c: float
    kept_c: float | None
    late_h: float | None
    kept_before_c: float | None = None
    late_before_h: float | None = None

    @property
    def is_too_warm(self) -> bool:
        """Whether the set-point stands above the agreed value while people are there, and did not before."""
        if self.kept_c is None or self.kept_c <= self.occupied_c + OFF_K:
            return False
        return self.kept_before_c is None or self.kept_c > self.kept_before_c + OFF_K

    @property
    def is_too_long(self) -> bool:
        """Whether the zone is heated outside of the agreed hours, and was not before."""
        if self.late_h is None or self.late_h < LATE_H:
            return False
        return self.late_before_h is None or self.late_h >= self.late_before_h + LATE_H


@dataclass(frozen=True, slots=True)
class Finding:
    """An explained gap and what is known around it.

    Attributes
    ----------
    building
        ``site/building``.
    explanation
        Of the change from the reference to the reporting period.
    reference, reporting
        Half-open periods, UTC milliseconds.
    zones
        What was agreed, and how it was kept in the reporting period.
    eur_per_kwh
        Price by carrier, as far as known.
    may_drive
        Whether control may send what it decides; else a correction is advice in a work item.
    """

    building: str
    explanation: Explanation
    reference: tuple[int, int]
    reporting: tuple[int, int]
    zones: tuple[Keeping, ...] = ()
    eur_per_kwh: Mapping[str, float] = field(default_factory=dict)
    may_drive: bool = False


def act(finding: Finding, standing: Sequence[WorkItem], *, now_ms: int, new_id: Callable[[], str]) -> list[WorkItem]:
    """Work items that are new or have changed; pure.

    Parameters
    ----------
    standing
        The ongoing items of the building.
    now_ms
        UTC milliseconds.
    new_id
        Makes the ids of new items.
    """
    changed = []
    for part in finding.explanation.parts:
        if part.cause == WEATHER:
            continue
        item = next((i for i in standing if i.cause == part.cause and i.ongoing), None)
        new = _next(finding, part, item, now_ms, new_id)
        if new is not None and new != item:
            changed.append(new)
    return changed


def _next(
    finding: Finding, part: Part, item: WorkItem | None, now_ms: int, new_id: Callable[[], str]
) -> WorkItem | None:
    start_ms, end_ms = finding.reporting
    if item is not None and end_ms < item.evaluated_ms:
        return None  # an older period tells nothing new
    significant = is_significant(part, finding.explanation)
    if item is None:
        if not significant:
            return None
        return WorkItem(
            id=new_id(),
            building=finding.building,
            cause=part.cause,
            state=WorkState.SUSPECTED,
            since_ms=start_ms,
            evaluated_ms=end_ms,
            evaluations=1,
            updated_ms=now_ms,
            evidence=_evidence(finding, part, ()),
        )
    if not significant:
        return _fade(finding, part, item, now_ms)
    again = end_ms >= item.evaluated_ms + APART_MS
    seen = item.evaluations + again
    corrections = corrections_for(part.cause, finding.zones)
    evidence = _evidence(finding, part, corrections)
    state = item.state
    if state is not WorkState.CLOSED and seen >= PERSISTENT:
        # Counted from the evaluation on which it was first put right.
        first = item.evidence.get("corrected_at") or seen
        put_right = bool(corrections) and finding.may_drive and seen - first < PATIENCE
        if corrections and finding.may_drive:
            evidence["corrected_at"] = first
        state = WorkState.CORRECTED if put_right else WorkState.OPEN
    return msgspec.structs.replace(
        item,
        state=state,
        evaluated_ms=end_ms if again else item.evaluated_ms,
        evaluations=seen,
        updated_ms=now_ms,
        evidence=evidence,
    )


def _fade(finding: Finding, part: Part, item: WorkItem, now_ms: int) -> WorkItem | None:
    """An item whose part is not significant any more: over, unless it is only less sure than it was."""
    small = part.kwh < LEAST_SHARE * finding.explanation.reference_kwh
    gone = small or part.kwh < _FADED * float(item.evidence.get("kwh", 0.0))
    if item.state is not WorkState.SUSPECTED and not gone:
        return None
    if item.state is WorkState.CLOSED:
        return msgspec.structs.replace(item, ongoing=False, updated_ms=now_ms)
    why = (
        "It did not persist." if item.state is WorkState.SUSPECTED else f"The gap is gone: {part.kwh:.0f} kWh are left."
    )
    return msgspec.structs.replace(
        item, state=WorkState.CLOSED, ongoing=False, updated_ms=now_ms, closed_why=why, closed_ms=now_ms
    )


def is_significant(part: Part, explanation: Explanation) -> bool:
    """Whether a part is more use beyond its uncertainty, and enough to matter."""
    return part.low > 0 and part.kwh >= LEAST_SHARE * explanation.reference_kwh


def corrections_for(cause: str, zones: Iterable[Keeping]) -> tuple[Correction, ...]:
    """What would put a cause right, zone by zone; nothing where set-points are kept as agreed."""
    found = []
    for zone in zones:
        if cause == SETPOINT and zone.is_too_warm:
            why = f"Kept at {zone.kept_c:.1f} °C, agreed are {zone.occupied_c:.1f} °C while people are there."
            found.append(Correction("setpoint", zone.setpoint.id, zone.occupied_c, why))
        if cause in (SETPOINT, USE) and zone.is_too_long:
            why = f"Heated {zone.late_h:.1f} h a day outside of the agreed hours, when {zone.setback_c:.1f} °C do."
            found.append(Correction("schedule", zone.setpoint.id, zone.setback_c, why))
    return tuple(found)


def corrections_of(items: Iterable[WorkItem], now_ms: int) -> list[Correction]:
    """Corrections in force: those of the items that control puts right, as long as evaluations confirm them."""
    return [
        Correction(**one)
        for item in items
        if item.state is WorkState.CORRECTED and now_ms < item.updated_ms + LASTS_MS
        for one in item.evidence.get("corrections", [])
    ]


def propose(view: BuildingView) -> list[Proposal]:
    """Set-points restored to what was agreed, each inside the comfort band and only where its zone is measured."""
    proposals = []
    for zone in view.zones:
        occupied, changes_ms = zone.occupancy.is_occupied, zone.occupancy.changes_ms
        opens_h = None if changes_ms is None else (changes_ms - view.now_ms) / HOUR_MS
        if zone.temperature.value is None:
            continue
        for one in view.corrections:
            if one.point != zone.setpoint.id:
                continue
            if one.kind == "setpoint" and occupied:
                value = min(max(one.value_c, view.comfort.minimum_c), view.comfort.maximum_c)
            elif one.kind == "schedule" and not occupied and (opens_h is None or opens_h > PREHEAT_H):
                value = max(one.value_c, view.comfort.setback_c)
            else:
                continue
            proposals.append(Proposal(zone.setpoint, value, NAME, one.why))
    return proposals


def _evidence(finding: Finding, part: Part, corrections: Sequence[Correction]) -> dict[str, Any]:
    explanation = finding.explanation
    ranked = [p.cause for p in explanation.ranked]
    carriers = {c: float(row[part.cause]) for c, row in explanation.by_carrier.items() if row.get(part.cause)}
    priced = all(carrier in finding.eur_per_kwh for carrier in carriers) and bool(carriers)
    return {
        "kwh": float(part.kwh),
        "low_kwh": float(part.low),
        "high_kwh": float(part.high),
        "eur": sum(kwh * finding.eur_per_kwh[c] for c, kwh in carriers.items()) if priced else None,
        "confidence": confidence(part),
        "share": float(part.kwh / explanation.reference_kwh) if explanation.reference_kwh else None,
        "rank": ranked.index(part.cause) + 1,
        "detail": {name: float(kwh) for name, kwh in part.detail.items()},
        "by_carrier": carriers,
        "hypotheses": {name: float(share) for name, share in explanation.hypotheses.items()},
        "meters": list(explanation.meters),
        "missing": list(explanation.missing),
        "reference": list(finding.reference),
        "reporting": list(finding.reporting),
        "corrections": [asdict(one) for one in corrections],
        "advice": " ".join(one.why for one in corrections) or WHERE_TO_LOOK[part.cause],
    }


def confidence(part: Part) -> float:
    """Probability that a cause adds anything at all, 0 to 1, from its interval."""
    sd = (part.high - part.low) / 2 / _T_90
    return NormalDist().cdf(float(part.kwh / sd)) if sd > 0 else float(part.kwh > 0)
