"""Tariffs and imported market prices: every version and import, with who entered it and when."""

from __future__ import annotations

import datetime as dt
import math
from functools import partial
from typing import TypeAlias

import msgspec
from sqlalchemy import select

from core.calendar import Calendar, Step
from core.errors import DomainError
from core.schedule import Schedule
from core.tariff import Market, RateKind, Tariff, Vector, vector
from stores.registry.control_tables import market, tariff
from stores.registry.promises import Promises, Rate
from stores.registry.versions import Versioned, Versions, scopes_of

TariffRecord: TypeAlias = Versioned[Tariff]


class MarketRecord(msgspec.Struct, frozen=True):
    """An import of market values.

    Attributes
    ----------
    by, entered_ms
        Who imported it, and when.
    """

    value: Market
    by: str
    entered_ms: int


class Tariffs(Promises, Versions):
    """Tariffs and market prices; the yearly rates beneath them are those of `Promises`."""

    def put_tariff(self, value: Tariff, *, by: str, why: str, now_ms: int) -> TariffRecord:
        """Keep a tariff as the next version of its id; the newest again as it is changes nothing.

        Raises
        ------
        DomainError
            Nobody or no reason is named, or the id stands for another scope, carrier or kind.
        ConflictError
            Another process entered a version in the same moment.
        """
        known = self.tariff(value.id)
        if known is not None:
            moved = [n for n in ("scope", "carrier", "kind") if getattr(known.value, n) != getattr(value, n)]
            if moved:
                raise DomainError(f"tariff {value.id}: its {', '.join(moved)} stays; give this one another id")
        return self._enter(tariff, Tariff, value, value.scope, by=by, why=why, now_ms=now_ms)

    def tariff(self, tariff_id: str) -> TariffRecord | None:
        """Newest version of a tariff, or None."""
        return self._newest(tariff, Tariff, tariff_id)

    def tariffs(self, scope: str | None = None) -> list[TariffRecord]:
        """Newest versions by id: all, or those that count for a ``site`` or ``site/building``."""
        return self._all_newest(tariff, Tariff, None if scope is None else [*scopes_of(scope), ""])

    def put_market(self, value: Market, *, by: str, now_ms: int) -> MarketRecord:
        """Keep an import of market values; earlier ones stay, and count where this one says nothing.

        Raises
        ------
        DomainError
            Nobody is named.
        """
        if not by.strip():
            raise DomainError("say who imports market values")
        row = {
            "scope": value.scope, "carrier": value.carrier, "kind": value.kind.value, "start_ms": value.starts_ms[0],
            "end_ms": value.end_ms, "definition": msgspec.json.encode(value).decode(), "entered_by": by,
            "entered_ms": now_ms,
        }  # fmt: skip
        with self._write() as connection:
            connection.execute(market.insert().values(**row))
        return MarketRecord(value, by, now_ms)

    def markets(self, scope: str, start_ms: int, end_ms: int) -> list[MarketRecord]:
        """Imports that count for a ``site`` or ``site/building`` and speak of ``[start_ms, end_ms)``, oldest first."""
        query = (
            select(market)
            .where(market.c.scope.in_([*scopes_of(scope), ""]), market.c.end_ms > start_ms, market.c.start_ms < end_ms)
            .order_by(market.c.sequence)
        )
        with self._read() as connection:
            return [
                MarketRecord(msgspec.json.decode(row.definition, type=Market), row.entered_by, row.entered_ms)
                for row in connection.execute(query)
            ]

    def vector(
        self,
        scope: str,
        carrier: str,
        kind: RateKind,
        *,
        start_ms: int,
        end_ms: int,
        calendar: Calendar,
        step: Step = Step.HOUR,
    ) -> Vector:
        """Prices (EUR/kWh) or carbon intensities (g/kWh) of a ``site`` or ``site/building`` over a period.

        A market value counts first, then a tariff, and where neither speaks the yearly rate that is on record.
        """
        edges = calendar.edges(start_ms, end_ms, step)
        dated = [record.value for record in self.tariffs(scope)]
        markets = [record.value for record in self.markets(scope, edges[0], edges[-1])]
        among = partial(vector, kind, carrier, start_ms=start_ms, end_ms=end_ms, calendar=calendar, step=step)
        found = among(dated, markets)
        if not any(map(math.isnan, found.values)):
            return found
        rates = [r for r in reversed(self.rates(scope.partition("/")[0])) if r.carrier == carrier and r.kind is kind]
        beneath = among([_as_tariff(rate) for rate in rates], [])
        pairs = [
            (below, source) if math.isnan(value) else (value, own)
            for value, own, below, source in zip(
                found.values, found.sources, beneath.values, beneath.sources, strict=True
            )
        ]
        return Vector(kind, found.edges_ms, tuple(v for v, _ in pairs), tuple(s for _, s in pairs))


def _as_tariff(rate: Rate) -> Tariff:
    """A yearly rate as a flat tariff from its year on; kg become g."""
    value = rate.value * 1000 if rate.kind is RateKind.EMISSION else rate.value
    return Tariff(
        id=f"rate-{rate.year}",
        scope=rate.site,
        carrier=rate.carrier,
        kind=rate.kind,
        valid_from=dt.date(rate.year, 1, 1),
        schedule=Schedule(value),
        source=rate.source,
    )
