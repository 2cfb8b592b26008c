"""What was promised of a building's energy, and what energy costs and emits: versioned, with source and year."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import Table, func, select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError, DomainError
from core.tariff import RateKind
from stores.registry.database import Database
from stores.registry.tables import promise, rate

MONTHS: Final = 12


class PromiseKind(StrEnum):
    """Who promised."""

    DESIGN = "design"
    CERTIFICATE = "certificate"
    CONTRACT = "contract"


class Assumptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a promise rests on, as far as its document says; None where it does not.

    Attributes
    ----------
    outdoor_c
        Shape (12,): mean outdoor temperature of each month, the promise's normal weather.
    degree_days
        Heating degree days of its normal year below `base_c`: the sum over all days whose mean lies below it.
    room_c
        Mean temperature of the rooms over all hours of the heating season, set-backs included.
    hours_per_week
        Hours in which ventilation runs, or rooms are kept at their day temperature.
    people
        Mean number of people present, over all hours.
    heat_loss_kw_k
        Through the shell and its leaks, without mechanical ventilation.
    efficiency
        Heat that reaches the building per energy bought.

    Raises
    ------
    DomainError
        A value is out of all bounds, or there are not twelve months.
    """

    outdoor_c: tuple[float, ...] | None = None
    degree_days: float | None = None
    base_c: float = 20.0
    room_c: float | None = None
    hours_per_week: float | None = None
    people: float | None = None
    heat_loss_kw_k: float | None = None
    efficiency: float | None = None

    def __post_init__(self) -> None:
        if self.outdoor_c is not None and len(self.outdoor_c) != MONTHS:
            raise DomainError(f"normal weather is twelve monthly means, not {len(self.outdoor_c)}")
        bounds = {"degree_days": (0, 12_000), "base_c": (5, 30), "room_c": (5, 35), "hours_per_week": (0, 168),
                  "people": (0, 1e6), "heat_loss_kw_k": (0, 1e5), "efficiency": (0.05, 10)}  # fmt: skip
        values = [(name, getattr(self, name), *bound) for name, bound in bounds.items()]
        values += [("outdoor_c", value, -60, 50) for value in self.outdoor_c or ()]
        for name, value, low, high in values:
            if value is not None and not low <= value <= high:
                raise DomainError(f"a promise assumes {name} of {low:g} to {high:g}, not {value}")


NOTHING_ASSUMED: Final = Assumptions()


class Promise(msgspec.Struct, frozen=True):
    """Energy that a building was promised to use in a year.

    Attributes
    ----------
    building
        ``site/building``.
    carrier
        ``gas``, ``electricity``, ``heat``, …
    version
        From 1, growing per building, carrier and kind; a later one replaces those before it.
    valid_from
        First local day for which it counts.
    monthly_kwh
        Shape (12,): January to December.
    even
        Whether only a figure of the year was promised, which is spread evenly over its days.
    source
        Document that says so.
    assumes
        What it rests on.
    """

    building: str
    carrier: str
    kind: PromiseKind
    version: int
    valid_from: date
    monthly_kwh: tuple[float, ...]
    even: bool
    source: str
    made_ms: int
    assumes: Assumptions = Assumptions()


class Rate(msgspec.Struct, frozen=True):
    """Price or emission factor of a carrier in a year.

    Attributes
    ----------
    site
        Where it holds; empty for everywhere.
    year
        For which it was published; later years without one of their own use it too.
    value
        EUR/kWh or kg/kWh.
    source
        Who published it.
    """

    site: str
    carrier: str
    kind: RateKind
    year: int
    version: int
    value: float
    source: str
    made_ms: int


class Promises(Database):
    """Promises and rates; nothing of them is ever changed, a new version is added."""

    def put_promise(
        self,
        building: str,
        carrier: str,
        kind: PromiseKind,
        *,
        valid_from: date,
        kwh: tuple[float, ...],
        source: str,
        now_ms: int,
        assumes: Assumptions = NOTHING_ASSUMED,
    ) -> Promise:
        """Keep a promise as the next version.

        Parameters
        ----------
        kwh
            One figure for the year, or twelve for its months.
        assumes
            What the promise rests on, so that a gap to it has causes.

        Raises
        ------
        DomainError
            There are neither one nor twelve figures, one is negative, or the source is empty.
        ConflictError
            Another process kept one in the same moment.
        """
        if len(kwh) not in (1, MONTHS) or not all(0 <= k < float("inf") for k in kwh):
            raise DomainError(f"a promise is one figure a year or twelve a month, in kWh and not negative: {kwh}")
        _need_source(source)
        monthly = kwh if len(kwh) == MONTHS else tuple(kwh[0] * days / 365.25 for days in _MONTH_DAYS)
        text = msgspec.json.encode(
            {"monthly_kwh": monthly, "even": len(kwh) == 1, "source": source, "assumes": assumes}
        )
        key = {"building": building, "carrier": carrier, "kind": kind.value}
        rest = {"valid_from": valid_from.isoformat(), "definition": text.decode(), "made_ms": now_ms}
        version = self._add(promise, key, rest)
        even = len(kwh) == 1
        return Promise(building, carrier, kind, version, valid_from, tuple(monthly), even, source, now_ms, assumes)

    def promises(self, building: str) -> list[Promise]:
        """All of a building, newest first."""
        query = select(promise).where(promise.c.building == building).order_by(promise.c.sequence.desc())
        with self._read() as connection:
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            definition = msgspec.json.decode(row.definition)
            found.append(
                Promise(
                    row.building,
                    row.carrier,
                    PromiseKind(row.kind),
                    row.version,
                    date.fromisoformat(row.valid_from),
                    tuple(definition["monthly_kwh"]),
                    definition["even"],
                    definition["source"],
                    row.made_ms,
                    msgspec.convert(definition.get("assumes", {}), Assumptions),
                )
            )
        return found

    def put_rate(
        self, site: str, carrier: str, kind: RateKind, *, year: int, value: float, source: str, now_ms: int
    ) -> Rate:
        """Keep a price or an emission factor as the next version of its site, carrier, kind and year.

        Raises
        ------
        DomainError
            The value is not a number of 0 or more, or the source is empty.
        ConflictError
            Another process kept one in the same moment.
        """
        if not 0 <= value < float("inf"):
            raise DomainError(f"a rate is a number of 0 or more, not {value}")
        _need_source(source)
        key = {"site": site, "carrier": carrier, "kind": kind.value, "year": year}
        version = self._add(rate, key, {"value": value, "source": source, "made_ms": now_ms})
        return Rate(site, carrier, kind, year, version, value, source, now_ms)

    def rates(self, site: str) -> list[Rate]:
        """Those of a site and those that hold everywhere, newest first."""
        query = select(rate).where(rate.c.site.in_([site, ""])).order_by(rate.c.sequence.desc())
        with self._read() as connection:
            return [
                Rate(r.site, r.carrier, RateKind(r.kind), r.year, r.version, r.value, r.source, r.made_ms)
                for r in connection.execute(query)
            ]

    def _add(self, table: Table, key: Mapping[str, object], rest: Mapping[str, object]) -> int:
        same = [table.c[name] == value for name, value in key.items()]
        try:
            with self._write() as connection:
                newest = connection.scalar(select(func.max(table.c.version)).where(*same))
                version = int(newest or 0) + 1
                connection.execute(table.insert().values(**key, **rest, version=version))
        except IntegrityError as error:
            raise ConflictError(f"another {table.name} was kept at the same time; try again") from error
        return version


_MONTH_DAYS: Final = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _need_source(source: str) -> None:
    if not source.strip():
        raise DomainError("say where it comes from: a source is needed")
