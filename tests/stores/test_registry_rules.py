"""Policies, tariffs and market prices on record, on SQLite and on a real PostgreSQL where one is there."""

from __future__ import annotations

import math
from datetime import date

import msgspec
import pytest

from core.calendar import HOUR_MS, Calendar
from core.errors import DomainError, NotFoundError
from core.policy import Policy, Rank, Season
from core.schedule import Schedule
from core.tariff import Market, RateKind, Tariff
from stores.registry import Registry

ROME = Calendar("Europe/Rome")
MIDNIGHT = ROME.midnight(date(2026, 1, 14))
LAW = Policy(
    id="law", scope="torino", rank=Rank.LAW, issued=date(2013, 4, 16), valid_from=date(2013, 7, 12), source="DPR",
    season=Season("10-15", "04-16"),
)  # fmt: skip
FLAT = Tariff(
    id="flat", scope="torino", carrier="electricity", kind=RateKind.PRICE, valid_from=date(2026, 1, 14),
    schedule=Schedule(0.2), source="sheet",
)  # fmt: skip


def test_every_version_of_a_policy_stays_with_who_when_and_why(registry: Registry) -> None:
    first = registry.put_policy(LAW, by="anna", why="zone E", now_ms=1)
    assert registry.put_policy(LAW, by="bruno", why="again", now_ms=2) == first, "the same again is no version"
    ended = registry.end_policy("law", date(2027, 1, 1), by="bruno", why="replaced", now_ms=3)
    assert (ended.version, ended.value.valid_to, ended.by, ended.entered_ms, ended.why) == (
        2, date(2027, 1, 1), "bruno", 3, "replaced",
    )  # fmt: skip
    assert registry.policy_versions("law") == [ended, first]
    assert registry.policy("law") == ended
    assert first.value == LAW


def test_policies_of_a_building_are_its_own_and_its_sites(registry: Registry) -> None:
    for name, scope in (("b", "torino/calvino"), ("c", "torino/other"), ("d", "milano")):
        registry.put_policy(msgspec.structs.replace(LAW, id=name, scope=scope), by="a", why="w", now_ms=1)
    registry.put_policy(LAW, by="a", why="w", now_ms=1)
    assert [r.value.id for r in registry.policies("torino/calvino")] == ["b", "law"]
    assert [r.value.id for r in registry.policies("torino")] == ["law"]
    assert [r.value.id for r in registry.policies()] == ["b", "c", "d", "law"]


def test_policies_that_cannot_be_kept(registry: Registry) -> None:
    registry.put_policy(LAW, by="a", why="w", now_ms=1)
    with pytest.raises(DomainError, match="another id"):
        registry.put_policy(msgspec.structs.replace(LAW, scope="milano"), by="a", why="w", now_ms=2)
    with pytest.raises(DomainError, match="why"):
        registry.put_policy(msgspec.structs.replace(LAW, source="x"), by="a", why=" ", now_ms=2)
    with pytest.raises(NotFoundError):
        registry.end_policy("none", date(2027, 1, 1), by="a", why="w", now_ms=2)
    with pytest.raises(DomainError, match="end after it starts"):
        registry.end_policy("law", date(2013, 1, 1), by="a", why="w", now_ms=2)
    assert len(registry.policy_versions("law")) == 1


def prices(registry: Registry, scope: str = "torino/calvino", hours: int = 3, before: int = 2) -> list[float | None]:
    start = MIDNIGHT - before * HOUR_MS
    found = registry.vector(
        scope, "electricity", RateKind.PRICE, start_ms=start, end_ms=start + hours * HOUR_MS, calendar=ROME
    )
    return [None if math.isnan(value) else value for value in found.values]


def market(values: tuple[float, ...], scope: str = "torino", start: int = MIDNIGHT) -> Market:
    starts = tuple(start + i * HOUR_MS for i in range(len(values)))
    return Market(
        scope=scope, carrier="electricity", kind=RateKind.PRICE, step_ms=HOUR_MS, starts_ms=starts, values=values,
        source="exchange",
    )  # fmt: skip


def test_market_before_tariff_before_the_yearly_rate(registry: Registry) -> None:
    assert prices(registry) == [None, None, None]
    for value, year in ((0.11, 2025), (0.12, 2025), (0.13, 2027)):
        registry.put_rate("", "electricity", RateKind.PRICE, year=year, value=value, source="ministry", now_ms=1)
    assert prices(registry) == [0.12, 0.12, 0.12]
    registry.put_tariff(FLAT, by="anna", why="new contract", now_ms=2)
    assert prices(registry) == [0.12, 0.12, 0.2]
    registry.put_market(market((0.05, 0.06)), by="anna", now_ms=3)
    assert prices(registry, before=0) == [0.05, 0.06, 0.2]
    registry.put_market(market((0.07,)), by="bruno", now_ms=4)
    assert prices(registry, before=0) == [0.07, 0.06, 0.2]
    assert prices(registry, "milano", before=0) == [0.12, 0.12, 0.12]
    assert [r.by for r in registry.markets("torino/calvino", MIDNIGHT, MIDNIGHT + 1)] == ["anna", "bruno"]
    assert registry.markets("torino", MIDNIGHT + 2 * HOUR_MS, MIDNIGHT + 3 * HOUR_MS) == []


def test_a_yearly_emission_factor_becomes_grams(registry: Registry) -> None:
    registry.put_rate("torino", "electricity", RateKind.EMISSION, year=2026, value=0.25, source="ISPRA", now_ms=1)
    found = registry.vector(
        "torino", "electricity", RateKind.EMISSION, start_ms=MIDNIGHT, end_ms=MIDNIGHT + HOUR_MS, calendar=ROME
    )
    assert (found.values, found.sources) == ((250.0,), ("ISPRA",))


def test_a_tariff_keeps_its_scope_and_its_versions(registry: Registry) -> None:
    registry.put_tariff(FLAT, by="anna", why="contract", now_ms=1)
    dearer = msgspec.structs.replace(FLAT, schedule=Schedule(0.3))
    assert registry.put_tariff(dearer, by="anna", why="index", now_ms=2).version == 2
    assert [r.value for r in registry.tariffs("torino/calvino")] == [dearer]
    assert registry.tariffs("milano") == []
    with pytest.raises(DomainError, match="carrier"):
        registry.put_tariff(msgspec.structs.replace(FLAT, carrier="gas"), by="anna", why="w", now_ms=3)
