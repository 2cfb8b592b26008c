"""Keeps what the strategies want within what the policies on record allow; each change names its record.

Laws, ordinances and house rules are `core.policy` records, and `core.policy.resolve` says what holds of them now.
`bound` is the last word on every proposal of supervisory control and demand limit. It never touches a person's, nor
frost protection: that lives in the gateway, and no cap goes below `FROST_C`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Final

from control.proposal import Proposal
from control.view import Heating, Season
from core.calendar import HOUR_MS
from core.points import Point
from core.policy import Holds, Permission
from core.priority import Slot

NAME: Final = "policies"
FROST_C: Final = 8.0
"""Room air, degrees Celsius: heating up to here is frost protection, which no policy forbids."""


class Role(Enum):
    """What a set-point drives, as far as policies speak of it."""

    HEATING = auto()
    COOLING = auto()
    SUPPLY = auto()
    OTHER = auto()


def role_of(point: Point) -> Role:
    """Role of a point by its Brick class; a set-point for both seasons counts as one of heating."""
    name = point.brick_class
    if not name.endswith("Setpoint"):
        return Role.OTHER
    if "Supply_Water" in name or "Hot_Water" in name:
        return Role.SUPPLY if "Chilled" not in name else Role.OTHER
    if "Cooling_Temperature" in name:
        return Role.COOLING
    return Role.HEATING if name.startswith("Zone_Air") and "Temperature" in name else Role.OTHER


def heated_hours(
    setpoints: Iterable[Sequence[tuple[int, float]]], *, day_start_ms: int, now_ms: int, setback_c: float
) -> float:
    """Hours of the local day in which any set-point stood above the set-back.

    Parameters
    ----------
    setpoints
        For each zone, when the set-point in force took which value, UTC milliseconds and degrees Celsius, ascending;
        what stood at midnight is the last one before it.
    """
    heated = []
    for changes in setpoints:
        ends = [*(time_ms for time_ms, _ in changes[1:]), now_ms]
        heated += [(begin, end) for (begin, value), end in zip(changes, ends, strict=False) if value > setback_c]
    total_ms, seen_ms = 0, day_start_ms
    for begin, end in sorted(heated):
        until = min(end, now_ms)
        total_ms += max(0, until - max(begin, seen_ms))
        seen_ms = max(seen_ms, until)
    return total_ms / HOUR_MS


def season_of(holds: Holds, heated_h: float | None) -> Season:
    """What holds, in the words of the strategies that look at the season themselves; see `bound` for `heated_h`."""
    why = holds.hours_source if not holds.in_hours else ""
    most = holds.hours_per_day
    if not why and most and (holds.window_elapsed_h if heated_h is None else heated_h) >= most.value:
        why = most.source
    return Season(Heating(holds.heating.value), why or holds.heating_source, setback_only=bool(why))


def bound(
    proposals: Sequence[Proposal],
    holds: Holds,
    points: Collection[Point],
    *,
    setback_c: float,
    is_occupied: bool,
    heated_h: float | None,
) -> list[Proposal]:
    """Proposals within what holds, in the order in which they came, then those that only a policy asks for.

    Parameters
    ----------
    proposals
        At most one a point and slot.
    points
        All that control may drive in the building: heating is forbidden for those nobody spoke for, too.
    setback_c
        Zone air temperature that is allowed outside of the hours, degrees Celsius.
    is_occupied
        Whether people are there.
    heated_h
        Hours that heating stood above the set-back today (`heated_hours`); None when nobody knows: then all the
        permitted hours that have gone by count as used.
    """
    out = [_bounded(p, holds, setback_c, is_occupied, heated_h) for p in proposals]
    if holds.heating is not Permission.ALLOWED:
        spoken = {p.point.id for p in proposals if p.slot is Slot.SUPERVISORY}
        silent = (Proposal(p, None, NAME, "") for p in points if p.id not in spoken)
        out += [p for p in (_without_heating(s, holds) for s in silent) if p.why]
    return out


def _is_ours(proposal: Proposal) -> bool:
    return proposal.slot in (Slot.SUPERVISORY, Slot.DEMAND_LIMIT)


def _bounded(p: Proposal, holds: Holds, setback_c: float, is_occupied: bool, heated_h: float | None) -> Proposal:  # noqa: FBT001 - as `bound` has it
    role = role_of(p.point)
    if role is Role.OTHER or not _is_ours(p) or (p.value is None and p.slot is Slot.DEMAND_LIMIT):
        return p  # a load that is not shed says nothing of what heating may do
    if role is Role.COOLING:
        return _at_least_cooling(p, holds)
    if holds.heating is not Permission.ALLOWED:
        return _without_heating(p, holds)
    if role is Role.SUPPLY or p.value is None:
        return p
    rule = holds.occupied_minimum_c
    if rule and is_occupied and p.value < rule.value:
        p = _changed(p, rule.value, f"At least {rule.value:.1f} °C while people are there ({rule.source})")
    caps = [(cap_c, why) for cap_c, why in _caps(holds, setback_c, heated_h) if cap_c < _value(p)]
    return _changed(p, *min(caps)) if caps else p


def _caps(holds: Holds, setback_c: float, heated_h: float | None) -> list[tuple[float, str]]:
    """Warmest set-points that are allowed now, each with the sentence that says why."""
    caps = []
    if holds.heating_maximum_c:
        rule = holds.heating_maximum_c
        caps.append((rule.value, f"At most {rule.value:.1f} °C ({rule.source})"))
    if not holds.in_hours:
        caps.append((setback_c, f"No more than {setback_c:.1f} °C at this time of the day ({holds.hours_source})"))
    most = holds.hours_per_day
    used_h = holds.window_elapsed_h if heated_h is None else heated_h
    if most and used_h >= most.value:
        counted = "taken as heated, as nobody counted" if heated_h is None else "heated"
        text = f"No more than {setback_c:.1f} °C after {most.value:g} h {counted} today ({most.source})"
        caps.append((setback_c, text))
    return [(max(cap_c, FROST_C), why) for cap_c, why in caps]


def _without_heating(p: Proposal, holds: Holds) -> Proposal:
    role, limits = role_of(p.point), p.point.limits
    if role not in (Role.HEATING, Role.SUPPLY) or limits is None:
        return p
    if holds.heating is Permission.UNKNOWN:
        return replace(p, value=None, strategy=NAME, why=f"Let go: {holds.heating_source}.")
    lowest = limits.minimum if role is Role.SUPPLY else min(max(limits.minimum, FROST_C), limits.maximum)
    if p.value is not None and p.value <= lowest:
        return p
    return _changed(p, lowest, f"No heating now ({holds.heating_source})")


def _at_least_cooling(p: Proposal, holds: Holds) -> Proposal:
    rule = holds.cooling_minimum_c
    if rule is None or p.value is None or p.value >= rule.value:
        return p
    return _changed(p, rule.value, f"Cooling at least at {rule.value:.1f} °C ({rule.source})")


def _changed(p: Proposal, value: float, why: str) -> Proposal:
    return replace(p, value=value, strategy=NAME, why=f"{why}." if not p.why else f"{why}; asked for: {p.why}")


def _value(p: Proposal) -> float:
    return float("-inf") if p.value is None else p.value
