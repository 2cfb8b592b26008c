"""What holds at a moment, from the shipped law and from ordinances that extend, shorten and exempt."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from core.policy import Aspect, Permission, Policy, Rank, Season, Window, resolve

ROOT = Path(__file__).parents[2]
CALVINO = "torino/calvino"


def shipped(zone: str, scope: str = "torino") -> Policy:
    records = msgspec.toml.decode((ROOT / "data/policies/italy-dpr74.toml").read_bytes())["policies"]
    found = [msgspec.convert(r | {"scope": scope}, Policy) for r in records if r["id"] == f"italy-dpr74-{zone}"]
    assert len(found) == 1
    return found[0]


LAW = shipped("e")


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Rome"))


def policy(name: str = "o-1", **changes: Any) -> Policy:
    usual: dict[str, Any] = {
        "id": name, "scope": "torino", "rank": Rank.ORDINANCE, "issued": date(2026, 4, 10),
        "valid_from": date(2026, 4, 16), "valid_to": date(2026, 4, 23), "source": f"ordinance {name}",
    }  # fmt: skip
    return Policy(**usual | changes)


EXTENDS = policy(heating=Permission.ALLOWED, hours_per_day=7.0)


@pytest.mark.parametrize(
    ("when", "heating", "in_hours"),
    [
        ("2025-10-14 12:00", "forbidden", True),
        ("2025-10-15 04:59", "allowed", False),
        ("2025-10-15 05:00", "allowed", True),
        ("2025-12-31 22:59", "allowed", True),
        ("2026-01-01 23:00", "allowed", False),
        ("2026-04-15 12:00", "allowed", True),
        ("2026-04-16 12:00", "forbidden", True),
        ("2026-07-01 12:00", "forbidden", True),
    ],
)
def test_zone_e_through_the_year(*, when: str, heating: str, in_hours: bool) -> None:
    holds = resolve([LAW], CALVINO, datetime.fromisoformat(when))
    assert (holds.heating, holds.in_hours) == (heating, in_hours)
    assert "DPR 74/2013" in holds.heating_source
    assert "italy-dpr74-e" in holds.heating_source
    assert holds.hours_per_day is not None
    assert holds.heating_maximum_c is not None
    assert (holds.hours_per_day.value, holds.heating_maximum_c.value) == (14, 22)


@pytest.mark.parametrize(
    ("zone", "first", "last", "hours"),
    [("a", "12-01", "03-15", 6), ("b", "12-01", "03-31", 8), ("c", "11-15", "03-31", 10), ("d", "11-01", "04-15", 12),
     ("e", "10-15", "04-15", 14)],
)  # fmt: skip
def test_shipped_zones_are_those_of_the_decree(zone: str, first: str, last: str, hours: float) -> None:
    law = shipped(zone)
    start, end = (date.fromisoformat(f"{year}-{day}") for year, day in ((2024, first), (2025, last)))
    allowed = [
        start + timedelta(days=i)
        for i in range(-30, 250)
        if law.permission(start + timedelta(days=i)) is Permission.ALLOWED
    ]
    assert (allowed[0], allowed[-1], law.hours_per_day) == (start, end, hours)
    assert shipped("f").season is None


def test_an_ordinance_extends_the_season_and_then_the_law_stands_again() -> None:
    inside = resolve([LAW, EXTENDS], CALVINO, at(2026, 4, 20, 12))
    assert inside.heating is Permission.ALLOWED
    assert "ordinance o-1" in inside.heating_source
    assert inside.hours_per_day is not None
    assert (inside.hours_per_day.value, "o-1" in inside.hours_per_day.source) == (7, True)
    assert inside.heating_maximum_c is not None
    assert "italy-dpr74-e" in inside.heating_maximum_c.source, "of what the ordinance does not speak the law decides"
    after = resolve([LAW, EXTENDS], CALVINO, at(2026, 4, 23, 0))
    assert (after.heating, after.hours_per_day and after.hours_per_day.value) == (Permission.FORBIDDEN, 14)


def test_an_ordinance_shortens_the_season_and_lowers_the_temperature() -> None:
    shortens = policy(valid_from=date(2025, 10, 15), valid_to=date(2025, 10, 22), heating=Permission.FORBIDDEN)
    cooler = policy("o-2", valid_from=date(2025, 12, 1), valid_to=date(2026, 4, 1), heating_maximum_c=19.0)
    records = [LAW, shortens, cooler]
    assert resolve(records, CALVINO, at(2025, 10, 21, 12)).heating is Permission.FORBIDDEN
    assert resolve(records, CALVINO, at(2025, 10, 22, 12)).heating is Permission.ALLOWED
    cap = resolve(records, CALVINO, at(2026, 1, 5, 12)).heating_maximum_c
    assert cap is not None
    assert cap.value == 19.0


def test_an_exempted_building_is_free_while_its_neighbours_are_not() -> None:
    exempts = policy(scope=CALVINO, valid_to=None, exempt=[Aspect.SEASON, Aspect.HOURS, Aspect.HOURS_PER_DAY])
    night = at(2026, 7, 1, 2)
    mine, other = (resolve([LAW, exempts], b, night) for b in (CALVINO, "torino/other"))
    assert (mine.heating, mine.in_hours, mine.hours_per_day) == (Permission.ALLOWED, True, None)
    assert (other.heating, other.in_hours) == (Permission.FORBIDDEN, False)
    assert mine.heating_maximum_c is not None


@pytest.mark.parametrize(
    ("later", "heating"),
    [
        (policy("o-2", issued=date(2026, 4, 12), heating=Permission.FORBIDDEN), Permission.FORBIDDEN),
        (policy("o-2", issued=date(2026, 4, 1), heating=Permission.FORBIDDEN), Permission.ALLOWED),
        (policy("o-2", issued=date(2026, 4, 1), scope=CALVINO, heating=Permission.FORBIDDEN), Permission.FORBIDDEN),
        (policy("l-2", issued=date(2026, 4, 19), rank=Rank.LAW, heating=Permission.FORBIDDEN), Permission.ALLOWED),
        (policy("h-2", issued=date(2020, 1, 1), rank=Rank.HOUSE, heating=Permission.FORBIDDEN), Permission.FORBIDDEN),
    ],
    ids=["later ordinance", "earlier ordinance", "earlier, but of the building", "later law", "stricter house rule"],
)
def test_who_wins(later: Policy, heating: Permission) -> None:
    for records in ([LAW, EXTENDS, later], [later, EXTENDS, LAW]):
        assert resolve(records, CALVINO, at(2026, 4, 20, 12)).heating is heating


def test_house_rules_narrow_and_never_widen() -> None:
    house = policy(
        "house", rank=Rank.HOUSE, valid_from=date(2020, 1, 1), valid_to=None, heating_maximum_c=25.0,
        season=Season("09-01", "06-01"), hours=[Window("00:00", "21:00")], hours_per_day=10.0, occupied_minimum_c=19.0,
    )  # fmt: skip
    late = at(2026, 1, 14, 21, 30)
    holds = resolve([LAW, house], CALVINO, late)
    assert (holds.in_hours, "record house" in holds.hours_source) == (False, True)
    assert holds.heating_maximum_c is not None
    assert holds.hours_per_day is not None
    assert holds.occupied_minimum_c is not None
    figures = holds.heating_maximum_c.value, holds.hours_per_day.value, holds.occupied_minimum_c.value
    assert figures == (22, 10, 19)
    assert resolve([LAW, house], CALVINO, at(2026, 1, 14, 4)).in_hours is False
    assert resolve([LAW, house], CALVINO, at(2026, 5, 2, 12)).heating is Permission.FORBIDDEN


def test_a_law_that_ended_without_a_next_one_leaves_it_unknown() -> None:
    ended = msgspec.structs.replace(LAW, valid_to=date(2026, 6, 1))
    assert resolve([ended], CALVINO, at(2026, 10, 20, 12)).heating is Permission.UNKNOWN
    again = msgspec.structs.replace(LAW, id="next", valid_from=date(2026, 6, 1))
    assert resolve([ended, again], CALVINO, at(2026, 10, 20, 12)).heating is Permission.ALLOWED


def test_an_ordinance_alone_leaves_everything_allowed_once_it_has_run_out() -> None:
    holds = resolve([EXTENDS], CALVINO, at(2026, 5, 20, 2))
    assert (holds.heating, holds.in_hours, holds.hours_per_day) == (Permission.ALLOWED, True, None)


def test_hours_that_can_have_been_used_are_those_of_the_window() -> None:
    records = [LAW, policy(valid_from=date(2026, 1, 1), hours=[Window("06:00", "09:00"), Window("15:00", "20:00")])]
    elapsed = [resolve(records, CALVINO, at(2026, 1, 14, h, 30)).window_elapsed_h for h in (5, 7, 12, 16, 23)]
    assert elapsed == [0, 1.5, 3, 4.5, 8]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": " ", "heating": Permission.ALLOWED},
        {},
        {"heating": Permission.UNKNOWN},
        {"heating": Permission.ALLOWED, "season": Season("10-15", "04-16")},
        {"heating_maximum_c": 99.0},
        {"heating_maximum_c": float("nan")},
        {"hours_per_day": 25.0},
        {"hours_per_day": 7.0, "exempt": [Aspect.HOURS_PER_DAY]},
        {"heating_maximum_c": 20.0, "valid_to": date(2026, 4, 1)},
        {"heating_maximum_c": 20.0, "scope": "torino/calvino/hall"},
        {"rank": Rank.HOUSE, "exempt": [Aspect.SEASON]},
        {"rank": Rank.HOUSE, "heating": Permission.ALLOWED},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        policy(**changes)


@pytest.mark.parametrize("text", [("04-16", "04-16"), ("13-01", "04-16"), ("monday", "04-16")])
def test_a_season_is_written_in_days_of_the_year(text: tuple[str, str]) -> None:
    with pytest.raises(DomainError):
        Season(*text)


RECORDS = st.builds(
    lambda i, rank, scope, issued, allowed, cap, hours: policy(
        f"r-{i}", rank=rank, scope=scope, issued=date(2020, 1, 1) + timedelta(days=issued),
        valid_from=date(2026, 1, 1), valid_to=None,
        heating=Permission.FORBIDDEN if rank is Rank.HOUSE or not allowed else Permission.ALLOWED,
        heating_maximum_c=cap, hours_per_day=hours,
    ),
    st.integers(0, 99), st.sampled_from(Rank), st.sampled_from(["torino", CALVINO, "milano"]), st.integers(0, 2000),
    st.booleans(), st.none() | st.floats(15, 25), st.none() | st.floats(0, 24),
)  # fmt: skip


@given(st.lists(RECORDS, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter_and_more_house_rules_only_narrow(
    records: list[Policy], dice: Any
) -> None:
    records = list({r.id: r for r in records}.values())
    noon = at(2026, 2, 1, 12)
    holds = resolve(records, CALVINO, noon)
    shuffled = dice.sample(records, len(records))
    again = resolve(shuffled, CALVINO, noon)
    assert (again.heating, again.heating_maximum_c and again.heating_maximum_c.value) == (
        holds.heating,
        holds.heating_maximum_c and holds.heating_maximum_c.value,
    )
    lawful = resolve([r for r in records if r.rank is not Rank.HOUSE], CALVINO, noon)
    if lawful.heating is Permission.FORBIDDEN:
        assert holds.heating is Permission.FORBIDDEN
    if lawful.heating_maximum_c is not None:
        assert holds.heating_maximum_c is not None
        assert holds.heating_maximum_c.value <= lawful.heating_maximum_c.value
