"""Prices hour by hour: blocks in local time, day-ahead values over them, files that are wrong in every way."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS, Calendar, Step
from core.dayahead import Unit, read_market
from core.errors import DomainError
from core.schedule import Block, Schedule
from core.tariff import QUARTER_MS, Market, RateKind, Tariff, Vector, vector

ROME = Calendar("Europe/Rome", {date(2026, 1, 6)})
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]
F1 = Schedule(0.15, [Block(WEEKDAYS, "08:00", "19:00", 0.25), Block(WEEKDAYS, "07:00", "23:00", 0.2)])


def at(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return ROME.at(moment.date(), moment.time())


def tariff(name: str = "t", **changes: Any) -> Tariff:
    usual: dict[str, Any] = {
        "id": name, "scope": "torino", "carrier": "electricity", "kind": RateKind.PRICE,
        "valid_from": date(2025, 1, 1), "schedule": F1, "source": f"sheet {name}",
    }  # fmt: skip
    return Tariff(**usual | changes)


def market(start: str, values: list[float], step_ms: int = HOUR_MS, **changes: Any) -> Market:
    starts = tuple(at(start) + i * step_ms for i in range(len(values)))
    usual: dict[str, Any] = {"scope": "torino", "carrier": "electricity", "kind": RateKind.PRICE, "source": "exchange"}
    return Market(**usual | changes, step_ms=step_ms, starts_ms=starts, values=tuple(values))


def day(which: str, tariffs: list[Tariff], markets: list[Market] | None = None, step: Step = Step.HOUR) -> Vector:
    start, end = ROME.day_bounds(date.fromisoformat(which))
    return vector(
        RateKind.PRICE, "electricity", tariffs, markets or [], start_ms=start, end_ms=end, calendar=ROME, step=step
    )


@pytest.mark.parametrize(
    ("which", "hours", "dear", "middle"),
    [("2026-01-14", 24, 11, 5), ("2026-01-17", 24, 0, 0), ("2026-01-06", 24, 0, 0), ("2026-03-29", 23, 0, 0),
     ("2026-10-25", 25, 0, 0), ("2026-03-30", 24, 11, 5)],
    ids=["Wednesday", "Saturday", "Epiphany", "short Sunday", "long Sunday", "Monday after"],
)  # fmt: skip
def test_blocks_are_of_local_hours(which: str, hours: int, dear: int, middle: int) -> None:
    found = day(which, [tariff()])
    assert len(found.values) == hours
    assert (found.values.count(0.25), found.values.count(0.2)) == (dear, middle)
    assert set(found.sources) == {"sheet t"}
    assert sum(day(which, [tariff()], step=Step.MINUTE_15).values) == pytest.approx(4 * sum(found.values))


@pytest.mark.parametrize(("which", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_day_ahead_values_fill_a_day_of_any_length(which: str, hours: int) -> None:
    values = [round(0.01 * (i + 1), 2) for i in range(hours)]
    assert day(which, [tariff()], [market(which, values)]).values == pytest.approx(values)


def test_a_day_ahead_value_counts_before_a_block_as_the_bill_has_it() -> None:
    bill = tariff(market_factor=1.22, market_addition=0.05)
    found = day("2026-01-14", [bill], [market("2026-01-14 09:00", [0.1, -0.02])])
    assert found.values[8:12] == pytest.approx((0.25, 0.172, 0.0256, 0.25))
    assert found.sources[8:10] == ("sheet t", "exchange")


def test_quarters_are_averaged_and_what_they_leave_out_is_the_blocks() -> None:
    quarters = market("2026-01-14 09:00", [0.1, 0.2, 0.3], QUARTER_MS)
    found = day("2026-01-14", [tariff()], [quarters])
    assert found.values[9] == pytest.approx((0.1 + 0.2 + 0.3 + 0.25) / 4)
    assert found.sources[9] == "exchange; sheet t"
    assert day("2026-01-14", [tariff()], [quarters], Step.MINUTE_15).values[36:40] == pytest.approx(
        (0.1, 0.2, 0.3, 0.25)
    )


def test_the_nearer_scope_counts_and_then_the_later() -> None:
    flat = [
        tariff("everywhere", scope="", schedule=Schedule(0.1), valid_from=date(2026, 1, 1)),
        tariff("old", schedule=Schedule(0.2)),
        tariff("new", schedule=Schedule(0.3), valid_from=date(2026, 1, 14)),
        tariff("gas", carrier="gas", scope="torino/calvino", schedule=Schedule(0.9)),
    ]
    assert [set(day(d, flat).values) for d in ("2026-01-13", "2026-01-14")] == [{0.2}, {0.3}]
    own = tariff("own", scope="torino/calvino", schedule=Schedule(0.4), valid_to=date(2026, 1, 14))
    assert [set(day(d, [own, *flat]).values) for d in ("2026-01-13", "2026-01-14")] == [{0.4}, {0.3}]
    first, again = market("2026-01-14", [0.5, 0.5]), market("2026-01-14 01:00", [0.6])
    nearer = market("2026-01-14", [0.7], scope="torino/calvino")
    assert day("2026-01-14", flat, [first, again]).values[:3] == (0.5, 0.6, 0.3)
    assert day("2026-01-14", flat, [nearer, first, again]).values[:3] == (0.7, 0.6, 0.3)


def test_what_nobody_wrote_down_is_no_number() -> None:
    found = day("2024-12-31", [tariff()])
    assert all(map(math.isnan, found.values))
    assert set(found.sources) == {""}
    assert math.isnan(found.at(at("2026-01-01 00:00")))
    assert day("2026-01-14", [tariff()]).at(at("2026-01-14 08:30")) == 0.25


@pytest.mark.parametrize(
    "changes",
    [{"source": ""}, {"schedule": Schedule(85.0)}, {"valid_to": date(2024, 1, 1)}, {"market_factor": -1.0},
     {"market_addition": math.inf}, {"kind": RateKind.EMISSION, "schedule": Schedule(-1.0)}, {"scope": "a/b/c"}],
)  # fmt: skip
def test_a_tariff_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DomainError):
        tariff(**changes)


GOOD = "time,price\n2026-10-25T02:00+02:00,80\n2026-10-25T02:00+01:00,90.5\n"


def read(text: str, unit: Unit = Unit.EUR_MWH) -> Market:
    return read_market(text, scope="torino", carrier="electricity", unit=unit, source="exchange")


def test_a_file_with_the_hour_that_comes_twice() -> None:
    found = read(GOOD)
    assert found.values == pytest.approx((0.08, 0.0905))
    assert found.starts_ms == (at("2026-10-25 02:00"), at("2026-10-25 02:00") + HOUR_MS)
    assert (found.step_ms, found.kind) == (HOUR_MS, RateKind.PRICE)


def test_a_file_as_a_spreadsheet_writes_it() -> None:
    text = "\ufeffArea; Price ;Time\r\nNORD;12,5;2026-01-14T01:00:00+01:00\r\n\r\nNORD;-3;2026-01-14T00:45+01:00\r\n"
    found = read(text)
    assert found.values == pytest.approx((-0.003, 0.0125))
    assert found.step_ms == QUARTER_MS
    assert read("time,price\n2026-01-14T00:00Z,250\n", Unit.G_KWH).kind is RateKind.EMISSION


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: no column time and price"),
        ("time;value\n", "line 1: no column price"),
        ("time,price\n", "no rows"),
        ("time,price\n2026-01-14T00:00,80\n", "line 2, column time: .* no offset"),
        ("time,price\n2026-01-14T00:00Z,80\nlast,80\n", "line 3, column time: 'last'"),
        ("time,price\n2026-01-14T00:00Z,80\n2026-01-14T01:00+01:00,81\n", "line 3, column time: the same .* line 2"),
        ("time,price\n2026-01-14T00:00Z,n/a\n", "line 2, column price: 'n/a'"),
        ("time,price\n2026-01-14T00:00Z,nan\n", "line 2, column price"),
        ("time,price\n2026-01-14T00:00Z,80000\n", "line 2, column price: 80 EUR/kWh"),
        ("time,price\n2026-01-14T00:00Z\n", "line 2: 1 columns of 2"),
        ("time,price\n2026-01-14T00:00Z,80\n2026-01-14T00:20Z,80\n", "line 3, column time: 20 minutes"),
        ("time,price\n2026-01-14T00:00Z,1\n2026-01-14T01:00Z,1\n2026-01-14T02:30Z,1\n", "line 4, column time"),
        ("time,price\n0001-01-01T00:00+01:00,80\n", "line 2, column time"),
        ('time,price\n"2026-01-14T00:00Z,80\n', "line"),
    ],
)
def test_a_file_that_is_wrong_says_where(text: str, says: str) -> None:
    with pytest.raises(DomainError, match=says):
        read(text)


def test_prices_of_a_mwh_are_not_taken_for_those_of_a_kwh() -> None:
    with pytest.raises(DomainError, match="is it EUR/MWh"):
        read(GOOD, Unit.EUR_KWH)


@given(text=st.text(max_size=80), begun=st.booleans())
def test_any_text_is_read_or_refused(*, text: str, begun: bool) -> None:
    try:
        read(("time,price\n" if begun else "") + text)
    except DomainError as error:
        said = error.message
    else:
        said = "line"
    assert "line" in said
