"""What a kWh costs and emits hour by hour: time-of-use blocks of a dated tariff, overlaid by day-ahead values.

Blocks are in local time, so a day of 23 or 25 hours has as many steps as it has hours. Where an imported market value
covers a time it counts in place of the block, turned into what the bill says by the tariff's factor and addition.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

from core.calendar import HOUR_MS, MINUTE_MS, Calendar, Step
from core.errors import DomainError
from core.points import check_name
from core.policy import check_scope
from core.schedule import Schedule

QUARTER_MS: Final = 15 * MINUTE_MS
MARKET_STEPS_MS: Final = (QUARTER_MS, 2 * QUARTER_MS, HOUR_MS)
MAX_PRICE_EUR_KWH: Final = 10.0
"""Beyond this nothing was ever sold; it is a price per MWh."""
MAX_EMISSION_G_KWH: Final = 5000.0


class RateKind(StrEnum):
    """What a kWh costs (EUR), or emits (CO2 equivalent: kg a kWh in a yearly rate, g a kWh in a tariff)."""

    PRICE = "price"
    EMISSION = "emission"


class Tariff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices (EUR/kWh) or carbon intensities (g/kWh) of a carrier by the time of the week.

    Attributes
    ----------
    id
        Up to 64 of a-z, 0-9 and -.
    scope
        ``site`` or ``site/building``; empty for everywhere.
    carrier
        ``electricity``, ``gas``, …
    valid_from, valid_to
        Local dates, half open; without the second until further notice.
    schedule
        Its default and the local blocks that differ.
    market_factor, market_addition
        A day-ahead value times this plus this (taxes; grid fees, EUR/kWh) is what the bill says.
    source
        The contract, the supplier's sheet, the authority.

    Raises
    ------
    DomainError
        A date, a figure or the source is wrong.
    """

    id: str
    scope: str
    carrier: str
    kind: RateKind
    valid_from: dt.date
    valid_to: dt.date | None = None
    schedule: Schedule
    market_factor: float = 1.0
    market_addition: float = 0.0
    source: str

    def __post_init__(self) -> None:
        check_name(self.id, "tariff"), check_name(self.carrier, "carrier")
        if self.scope:
            check_scope(self.scope)
        if not self.source.strip():
            raise DomainError(f"tariff {self.id}: say where it comes from: a source is needed")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise DomainError(f"tariff {self.id}: it must end after it starts")
        for value in (self.schedule.default, *(b.value for b in self.schedule.blocks)):
            check_value(self.kind, value, f"tariff {self.id}")
        if not (math.isfinite(self.market_addition) and math.isfinite(self.market_factor) and self.market_factor >= 0):
            raise DomainError(
                f"tariff {self.id}: market_factor and market_addition are numbers, the factor of 0 or more"
            )

    def is_in_force(self, day: dt.date) -> bool:
        """Whether it holds on a local day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Market(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Day-ahead prices (EUR/kWh) or forecast carbon intensities (g/kWh) as they were imported.

    Attributes
    ----------
    scope
        ``site`` or ``site/building``; empty for everywhere.
    step_ms
        What each value holds for: 15, 30 or 60 minutes.
    starts_ms
        UTC milliseconds, ascending, each a multiple of the step.
    values
        One for each start; a price may be negative.
    source
        The exchange, and the file.
    """

    scope: str
    carrier: str
    kind: RateKind
    step_ms: int
    starts_ms: tuple[int, ...]
    values: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        check_name(self.carrier, "carrier")
        if self.scope:
            check_scope(self.scope)
        if self.step_ms not in MARKET_STEPS_MS:
            raise DomainError("market values are for 15, 30 or 60 minutes each")
        if not self.starts_ms or len(self.starts_ms) != len(self.values):
            raise DomainError("market values: one for each start, and at least one")
        if any(b - a < self.step_ms for a, b in pairwise(self.starts_ms)):
            raise DomainError("market values overlap, or are not in order of time")
        if any(start % QUARTER_MS for start in self.starts_ms):
            raise DomainError("market values start at a quarter of an hour")
        if not self.source.strip():
            raise DomainError("market values: say where they come from: a source is needed")
        for value in self.values:
            check_value(self.kind, value, "market values")

    @property
    def end_ms(self) -> int:
        """End of the last value, UTC milliseconds."""
        return self.starts_ms[-1] + self.step_ms


def check_value(kind: RateKind, value: float, where: str) -> float:
    """Return `value` if it can be a price or a carbon intensity, else raise DomainError."""
    if kind is RateKind.PRICE and not abs(value) <= MAX_PRICE_EUR_KWH:
        raise DomainError(f"{where}: {value:g} EUR/kWh is no price; is it EUR/MWh?")
    if kind is RateKind.EMISSION and not 0 <= value <= MAX_EMISSION_G_KWH:
        raise DomainError(f"{where}: {value:g} g/kWh is no carbon intensity")
    return value


@dataclass(frozen=True, slots=True)
class Vector:
    """Values of a carrier over a horizon, step by step.

    Attributes
    ----------
    kind
        Of what: EUR/kWh or g/kWh.
    edges_ms
        UTC milliseconds, one more than there are values.
    values
        NaN where nothing is on record.
    sources
        Where each value comes from; empty where there is none.
    """

    kind: RateKind
    edges_ms: tuple[int, ...]
    values: tuple[float, ...]
    sources: tuple[str, ...]

    def at(self, time_ms: int) -> float:
        """Value in force at a time, NaN outside of the horizon."""
        for start, end, value in zip(self.edges_ms, self.edges_ms[1:], self.values, strict=False):
            if start <= time_ms < end:
                return value
        return math.nan


def vector(
    kind: RateKind,
    carrier: str,
    tariffs: Sequence[Tariff],
    markets: Sequence[Market],
    *,
    start_ms: int,
    end_ms: int,
    calendar: Calendar,
    step: Step = Step.HOUR,
) -> Vector:
    """Values of the steps that cover ``[start_ms, end_ms)`` in the site's calendar.

    Parameters
    ----------
    tariffs
        Those of the building, its site and everywhere: the building's own counts first, then its site's; of equal
        ones that which began last, and of these the later in the sequence.
    markets
        Of the same scopes, in the order of import: the building's own counts first; where two of a scope speak of a
        time the later does.
    step
        15 minutes or an hour; a longer or shorter one of market values is averaged by time.

    Raises
    ------
    DomainError
        The step is another, or the period is empty.
    """
    if step not in (Step.MINUTE_15, Step.HOUR) or start_ms >= end_ms:
        raise DomainError("a vector of prices has steps of 15 minutes or an hour, and a period with a length")
    mine = [t for t in tariffs if t.kind is kind and t.carrier == carrier]
    edges = calendar.edges(start_ms, end_ms, step)
    imported = [m for m in markets if m.kind is kind and m.carrier == carrier]
    quarters = _quarters(imported, edges[0], edges[-1])
    values, sources = [], []
    for begin, end in pairwise(edges):
        parts = [_value_at(at, mine, quarters, calendar) for at in range(begin, end, QUARTER_MS)]
        values.append(sum(v for v, _ in parts) / len(parts))
        sources.append("; ".join(dict.fromkeys(source for _, source in parts if source)))
    return Vector(kind, tuple(edges), tuple(values), tuple(sources))


def _quarters(markets: Iterable[Market], start_ms: int, end_ms: int) -> Mapping[int, tuple[float, str]]:
    """Market value and its source by the start of each quarter of an hour of a period."""
    found: dict[int, tuple[float, str]] = {}
    for market in sorted(markets, key=lambda m: m.scope.count("/") + bool(m.scope)):  # stable: imports stay in order
        first = bisect_right(market.starts_ms, start_ms - market.step_ms)
        until = bisect_left(market.starts_ms, end_ms)
        for start, value in zip(market.starts_ms[first:until], market.values[first:until], strict=True):
            for quarter in range(start, start + market.step_ms, QUARTER_MS):
                found[quarter] = value, market.source
    return found


def _value_at(
    at_ms: int, tariffs: Sequence[Tariff], quarters: Mapping[int, tuple[float, str]], calendar: Calendar
) -> tuple[float, str]:
    day = calendar.day_of(at_ms)
    valid = [(t.scope.count("/") + bool(t.scope), t.valid_from, i) for i, t in enumerate(tariffs) if t.is_in_force(day)]
    tariff = tariffs[max(valid)[-1]] if valid else None
    if at_ms in quarters:
        value, source = quarters[at_ms]
        if tariff is not None:
            value = value * tariff.market_factor + tariff.market_addition
        return value, source
    if tariff is None:
        return math.nan, ""
    return tariff.schedule.value_at(at_ms, calendar), tariff.source
