"""Rules of fault detection and diagnosis: readable data, found by Brick class, with one small evaluator."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from core.errors import ConfigError
from core.points import Point, building_of, zone_of
from core.schedule import minute_of_day
from predict.series import Floats

BUILT_IN: Final = "rules.toml"


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One comparison; exactly one of `above` and `below` is given.

    Attributes
    ----------
    point
        Role that is compared.
    above, below
        A number in the point's unit, or another role.
    by
        By so much at least, in the same unit.
    """

    point: str
    above: float | str | None = None
    below: float | str | None = None
    by: float = 0.0

    @property
    def other(self) -> float | str:
        """What the point is compared with."""
        found = self.above if self.above is not None else self.below
        return found if found is not None else float("nan")

    def limit(self, values: Mapping[str, Floats]) -> Floats:
        """Value that must be passed at each step, the allowance included."""
        other = values[self.other] if isinstance(self.other, str) else np.full_like(values[self.point], self.other)
        return other + self.by if self.above is not None else other - self.by


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule; see docs/prediction/anomalies.md.

    Attributes
    ----------
    scope
        The points of one zone, or of one building outside of its zones, are looked at together.
    points
        Role to the Brick classes that may play it, the first one found; a zone or building without one of them has no
        such rule.
    when
        Conditions that must all hold.
    for_minutes, clear_minutes
        So long they must hold before it is a fault, and so long one of them must not before it is over.
    clock
        Local times between which it looks, past midnight where the second is earlier; none: always.
    at_stake
        Roles in kW of which the smallest is what is wasted.
    explanation
        Sentence with ``{role}`` for the mean of a role over the fault and ``{role_unit}`` for its unit.
    """

    id: str
    scope: Literal["zone", "building"]
    points: dict[str, list[str]]
    when: list[Condition]
    for_minutes: int
    clear_minutes: int
    explanation: str
    clock: tuple[str, str] | None = None
    at_stake: list[str] = []

    def __post_init__(self) -> None:
        """Raise ValueError when the rule names a role that it does not have."""
        roles = set(self.points)
        for condition in self.when:
            named = {condition.point} | ({condition.other} if isinstance(condition.other, str) else set())
            if (condition.above is None) == (condition.below is None) or named - roles:
                raise ValueError(f"rule {self.id}: a condition compares one role with above or below")
        fields = {name for _, name, _, _ in string.Formatter().parse(self.explanation) if name}
        if not self.when or set(self.at_stake) - roles or {f.removesuffix("_unit") for f in fields} - roles:
            raise ValueError(f"rule {self.id}: it has no condition, or names a role that it does not have")
        if self.for_minutes < 0 or self.clear_minutes < 0 or len(self.id) > 64:
            raise ValueError(f"rule {self.id}: minutes are not negative, and its id has at most 64 characters")
        for time in self.clock or ():
            minute_of_day(time)

    def is_on_duty(self, minute: int) -> bool:
        """Whether it looks at a minute of the local day."""
        if self.clock is None:
            return True
        start, end = (minute_of_day(text) for text in self.clock)
        return start <= minute < end if start <= end else minute >= start or minute < end

    def holds(self, values: Mapping[str, Floats]) -> Floats:
        """At each step 1 where all conditions hold, 0 where one does not, NaN where that is not known."""
        answer = np.ones(len(next(iter(values.values()))))
        for condition in self.when:
            value, limit = values[condition.point], condition.limit(values)
            with np.errstate(invalid="ignore"):
                held = value > limit if condition.above is not None else value < limit
            unknown = ~(np.isfinite(value) & np.isfinite(limit))
            # One condition that does not hold is enough, whatever is unknown beside it.
            answer = np.where(~unknown & ~held, 0.0, np.where(unknown & (answer != 0), np.nan, answer))
        return answer


class Placed(msgspec.Struct, frozen=True):
    """A rule at work in one zone or building.

    Attributes
    ----------
    subject
        ``site/building`` or ``site/building/zone``.
    points
        Role to the point that plays it.
    """

    rule: Rule
    subject: str
    points: dict[str, Point]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[Rule]


def load_rules(path: Path | None = None) -> list[Rule]:
    """Rules of a file, or those that come with Promessa.

    Raises
    ------
    ConfigError
        It cannot be read, or a rule in it is wrong.
    """
    name = str(path) if path else BUILT_IN
    try:
        text = path.read_text(encoding="utf-8") if path else files(__package__).joinpath(BUILT_IN).read_text("utf-8")
        rules = msgspec.convert(tomllib.loads(text), _File).rule
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name}: {error}") from error
    ids = [rule.id for rule in rules]
    if len(set(ids)) < len(ids):
        raise ConfigError(f"{name}: two rules have the same id")
    return rules


def place(rules: Iterable[Rule], points: Iterable[Point]) -> list[Placed]:
    """Rules where the points are that they need, in the order of rules and subjects."""
    by_subject: dict[tuple[str, str], list[Point]] = {}
    for point in sorted(points, key=lambda p: p.id):
        zone = zone_of(point.id)
        scope, subject = ("zone", zone) if zone else ("building", building_of(point.id))
        by_subject.setdefault((scope, subject), []).append(point)
    placed = []
    for rule in rules:
        for (scope, subject), mine in by_subject.items():
            roles = {role: _first(mine, classes) for role, classes in rule.points.items()}
            if scope == rule.scope and None not in roles.values():
                placed.append(Placed(rule, subject, {role: p for role, p in roles.items() if p is not None}))
    return placed


def _first(points: list[Point], classes: list[str]) -> Point | None:
    for wanted in classes:
        for point in points:
            if point.brick_class == wanted:
                return point
    return None
