"""When people are expected: the week that was seen, holidays, short and long days, and who is there now."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.occupancy import (
    AGENDA_DAYS,
    LINGER_MS,
    PRESENT_SHARE,
    Agenda,
    agenda,
    fresh_co2_ppm,
    joined,
    learn_presence,
    occupancy_at,
    people_of,
    people_of_co2,
)
from control.record import HOLIDAY, day_and_minute
from control.view import Input
from core.calendar import MINUTE_MS, Calendar
from tests.control.views import ROME, at
from tests.control.weeks import QUARTER_MS, Happens, office, record, times

CHICAGO = Calendar("America/Chicago", {date(2026, 12, 25)})
WEDNESDAY = date(2026, 1, 14)


def expected(calendar: Calendar, today: date, people: Happens, days: int = 28) -> Agenda:
    """What the weeks before `today` let expect from then on."""
    seen = record(calendar, today - timedelta(days=days), days, p=people)
    return agenda(learn_presence(seen, seen.of("p")), calendar, calendar.midnight(today) + 1)


def hours(calendar: Calendar, plan: Agenda, day: date) -> list[str]:
    """Local times of a day at which people come and go in turn."""
    first, end = calendar.day_bounds(day)
    return [f"{calendar.local(edge):%H:%M}" for edge in plan.changes if first <= edge < end]


PLAN = expected(ROME, WEDNESDAY, office)


@pytest.mark.parametrize(
    ("calendar", "first"),
    [
        (ROME, date(2026, 3, 27)),
        (ROME, date(2026, 10, 23)),
        (CHICAGO, date(2026, 3, 6)),
        (CHICAGO, date(2026, 10, 30)),
    ],
)
def test_a_record_counts_local_days_of_any_length(calendar: Calendar, first: date) -> None:
    seen = record(calendar, first, 4, p=office)
    lengths = np.bincount(seen.days) / 4
    assert lengths.tolist() == [calendar.hours_in(first + timedelta(days=k)) for k in range(4)]
    assert {23.0, 25.0} & set(lengths)
    weekdays = [(first + timedelta(days=int(k))).weekday() for k in seen.days]
    assert seen.day_kinds.tolist() == weekdays


def test_a_point_that_is_not_recorded_is_unknown_and_an_empty_record_has_no_days() -> None:
    seen = record(ROME, WEDNESDAY, 1, p=office)
    assert np.isnan(seen.of("q")).all()
    assert np.isnan(seen.of(None)).all()
    assert len(seen.of(None)) == len(seen) == 96
    assert record(ROME, WEDNESDAY, 0, p=office).days.size == 0


@pytest.mark.parametrize(
    ("when", "kind", "minute"),
    [("2026-01-14 09:10", 2, 550), ("2026-01-18 00:00", 6, 0), ("2026-01-06 23:59", HOLIDAY, 1439)],
)
def test_the_kind_of_a_day(when: str, kind: int, minute: int) -> None:
    assert day_and_minute(ROME, at(when)) == (kind, minute)


changeovers = st.sampled_from(
    [(ROME, date(2026, 3, 29)), (ROME, date(2026, 10, 25)), (CHICAGO, date(2026, 3, 8)), (CHICAGO, date(2026, 11, 1))]
)


@settings(max_examples=30)
@given(
    changeover=changeovers, since=st.integers(-9, 12), opens=st.integers(12, 60), length=st.integers(1, 35),
    open_days=st.sets(st.integers(0, 6), min_size=1),
)  # fmt: skip
def test_the_learnt_week_holds_by_the_local_clock_on_days_of_any_length(
    *, changeover: tuple[Calendar, date], since: int, opens: int, length: int, open_days: set[int]
) -> None:
    # Opening begins after the hour that may come twice: what lies between its two halves is bridged.
    calendar, changes_on = changeover
    today = changes_on + timedelta(days=since)

    def people(moment: datetime) -> float:
        quarter = moment.hour * 4 + moment.minute // 15
        return 7.0 if moment.weekday() in open_days and opens <= quarter < opens + length else 0.0

    plan = expected(calendar, today, people, days=21)
    ahead = times(calendar, today, AGENDA_DAYS)
    assert plan.shares.size == len(ahead)
    assert [plan.is_expected(t) for t in ahead] == [people(calendar.local(t)) > 0 for t in ahead]


@given(moment=st.integers(0, AGENDA_DAYS * 24 * 60 - 1))
def test_the_next_change_is_the_first(moment: int) -> None:
    now_ms = PLAN.start_ms + moment * MINUTE_MS
    change_ms = PLAN.next_change(now_ms)
    if change_ms is None:
        assert now_ms >= PLAN.changes[-1]
        return
    assert change_ms > now_ms
    assert PLAN.is_expected(change_ms) != PLAN.is_expected(now_ms)
    assert PLAN.is_expected(change_ms - 1) == PLAN.is_expected(now_ms)


def test_a_holiday_is_like_a_sunday_until_one_was_seen() -> None:
    epiphany = Calendar("Europe/Rome", {date(2026, 1, 6)})
    assert hours(epiphany, expected(epiphany, date(2026, 1, 5), office), date(2026, 1, 6)) == []
    museum = Calendar("Europe/Rome", {date(2025, 12, 25), date(2025, 12, 26), date(2026, 1, 6)})

    def visitors(moment: datetime) -> float:
        if museum.is_holiday(moment.date()):
            return 30.0 if 15 <= moment.hour < 18 else 0.0
        return office(moment)

    plan = expected(museum, date(2026, 1, 5), visitors)
    assert hours(museum, plan, date(2026, 1, 6)) == ["15:00", "18:00"]
    assert hours(museum, plan, date(2026, 1, 7)) == ["09:00", "17:00"]


def test_a_day_that_was_never_seen_is_like_its_kin() -> None:
    plan = expected(ROME, date(2026, 1, 16), lambda m: 10.0 if 9 <= m.hour < 17 else 0.0, days=4)  # Monday to Thursday
    assert hours(ROME, plan, date(2026, 1, 16)) == ["09:00", "17:00"]
    assert hours(ROME, plan, date(2026, 1, 17)) == []
    weekend = expected(ROME, date(2026, 1, 12), lambda m: 10.0 if 20 <= m.hour < 23 else 0.0, days=1)  # a Sunday
    assert hours(ROME, weekend, date(2026, 1, 17)) == ["20:00", "23:00"]


@pytest.mark.parametrize("people", [lambda _: 0.0, lambda _: float("nan")], ids=["nobody", "nobody counted"])
def test_where_nobody_was_ever_counted_nobody_is_expected(people: Happens) -> None:
    plan = expected(ROME, WEDNESDAY, people)
    assert (plan.peak, plan.changes, plan.begins_occupied) == (0.0, (), False)


@pytest.mark.parametrize(
    ("gap_min", "edges"),
    [
        (15, ["09:00", "17:00"]),
        (150, ["09:00", "17:00"]),
        (165, ["09:00", "12:00", "14:45", "17:00"]),
        (240, ["09:00", "12:00", "16:00", "17:00"]),
    ],
)
def test_a_gap_is_bridged_when_people_are_back_soon(gap_min: int, edges: list[str]) -> None:
    def people(moment: datetime) -> float:
        since_noon = (moment.hour - 12) * 60 + moment.minute
        return 0.0 if 0 <= since_noon < gap_min else office(moment)

    assert hours(ROME, expected(ROME, WEDNESDAY, people), WEDNESDAY) == edges


@pytest.mark.parametrize(
    ("evenings", "days", "edges"),
    [
        ({date(2026, 1, 7)}, 28, ["09:00", "17:00"]),
        ({date(2026, 1, 7), date(2025, 12, 24)}, 28, ["09:00", "17:00", "20:00", "22:00"]),
        ({date(2026, 1, 7)}, 21, ["09:00", "17:00"]),
        ({date(2026, 1, 7)}, 14, ["09:00", "17:00", "20:00", "22:00"]),
    ],
    ids=["one of four", "two of four", "one of three", "one of two tells nothing"],
)
def test_the_event_of_one_evening_is_not_expected_every_week(evenings: set[date], days: int, edges: list[str]) -> None:
    def people(moment: datetime) -> float:
        return 25.0 if moment.date() in evenings and 20 <= moment.hour < 22 else office(moment)

    assert hours(ROME, expected(ROME, WEDNESDAY, people, days), WEDNESDAY) == edges


def test_a_round_of_the_watch_is_no_use_of_the_zone() -> None:
    plan = expected(ROME, WEDNESDAY, lambda m: max(office(m), 0.5 if m.hour == 3 else 0.0))
    assert hours(ROME, plan, WEDNESDAY) == ["09:00", "17:00"]


YESTERDAY = "2026-01-13 16:45"


@pytest.mark.parametrize(
    ("when", "people", "seen", "occupied", "changes"),
    [
        ("2026-01-14 08:00", 0.0, YESTERDAY, False, "2026-01-14 09:00"),
        ("2026-01-14 09:00", 0.0, YESTERDAY, True, "2026-01-14 17:00"),
        ("2026-01-14 10:14", 0.0, YESTERDAY, True, "2026-01-14 17:00"),
        ("2026-01-14 10:15", 0.0, YESTERDAY, False, "2026-01-15 09:00"),
        ("2026-01-14 10:15", 0.0, None, True, "2026-01-14 17:00"),
        ("2026-01-14 12:00", 0.2, YESTERDAY, True, "2026-01-14 17:00"),
        ("2026-01-14 12:00", 0.0, "2026-01-14 10:46", True, "2026-01-14 17:00"),
        ("2026-01-14 12:00", 0.0, "2026-01-14 10:45", False, "2026-01-15 09:00"),
        ("2026-01-14 12:00", None, YESTERDAY, True, "2026-01-14 17:00"),
        ("2026-01-14 17:00", 8.0, "2026-01-14 17:00", False, "2026-01-15 09:00"),
        ("2026-01-14 17:15", 8.0, "2026-01-14 17:15", True, "2026-01-14 17:30"),
        ("2026-01-14 21:00", 1.0, YESTERDAY, True, "2026-01-14 21:15"),
        ("2026-01-14 21:00", 0.5, YESTERDAY, False, "2026-01-15 09:00"),
        ("2026-01-14 21:00", None, YESTERDAY, False, "2026-01-15 09:00"),
        ("2026-01-14 00:00", 9.0, "2026-01-13 23:45", True, "2026-01-14 00:15"),
        ("2026-01-17 12:00", 9.0, YESTERDAY, True, "2026-01-17 12:15"),
        ("2026-01-16 12:00", 0.0, YESTERDAY, False, "2026-01-19 09:00"),
    ],
    ids=[
        "before they come", "waited for", "still waited for", "they do not come", "last seen by nobody",
        "one has come", "away for a while", "gone", "not counted now", "they leave", "they stay", "unexpected",
        "the watch", "not counted at night", "an event goes on after midnight", "unexpected Saturday",
        "a free Friday lasts to Monday",
    ],
)  # fmt: skip
def test_who_is_there_counts_for_more_than_who_is_expected(
    *, when: str, people: float | None, seen: str | None, occupied: bool, changes: str
) -> None:
    found = occupancy_at(PLAN, people, at(seen) if seen else None, at(when))
    assert (found.is_occupied, found.changes_ms) == (occupied, at(changes))


@given(
    minute=st.integers(0, 7 * 24 * 60 - 1), people=st.none() | st.floats(0, 40),
    ago=st.none() | st.integers(0, 5 * 24 * 60),
)  # fmt: skip
def test_people_are_never_overlooked_and_nothing_changes_in_the_past(
    minute: int, people: float | None, ago: int | None
) -> None:
    now_ms = PLAN.start_ms + minute * MINUTE_MS
    found = occupancy_at(PLAN, people, None if ago is None else now_ms - ago * MINUTE_MS, now_ms)
    assert found.changes_ms is None or found.changes_ms > now_ms
    assert found.share is not None
    assert 0 <= found.share <= 1
    if people is None:
        assert found.is_occupied == PLAN.is_expected(now_ms)
        assert found.share > 0 or not found.is_occupied
    else:
        assert found.share >= min(people / PLAN.peak, 1)
        left_ms = max((edge for edge in PLAN.changes if edge <= now_ms), default=None)
        leaving = not PLAN.is_expected(now_ms) and left_ms is not None and now_ms - left_ms < LINGER_MS
        if people >= PRESENT_SHARE * PLAN.peak and not leaving:
            assert found.is_occupied


@pytest.mark.parametrize(
    ("when", "people", "seen", "occupied", "changes"),
    [
        ("2026-01-14 13:00", 0.0, "2026-01-14 11:59", True, "2026-01-14 17:00"),
        ("2026-01-14 13:30", 0.0, "2026-01-14 11:59", False, "2026-01-14 14:00"),
        ("2026-01-14 14:00", 0.0, "2026-01-14 11:59", True, "2026-01-14 17:00"),
        ("2026-01-14 15:00", 0.0, "2026-01-14 11:59", True, "2026-01-14 17:00"),
        ("2026-01-14 15:15", 0.0, "2026-01-14 11:59", False, "2026-01-15 09:00"),
        ("2026-01-14 13:30", 0.0, YESTERDAY, False, "2026-01-14 14:00"),
    ],
    ids=["away for a while", "gone", "back as always", "waited for", "they do not come", "nobody came that day"],
)
def test_who_is_gone_is_expected_back_after_the_gap(
    *, when: str, people: float, seen: str, occupied: bool, changes: str
) -> None:
    plan = expected(ROME, WEDNESDAY, lambda m: 0.0 if 12 <= m.hour < 14 else office(m))
    found = occupancy_at(plan, people, at(seen), at(when))
    assert (found.is_occupied, found.changes_ms) == (occupied, at(changes))


def test_where_nobody_is_counted_the_agenda_alone_says() -> None:
    whole = joined([PLAN])
    assert whole is not None
    found = occupancy_at(whole, 3.0, None, at("2026-01-14 12:00"))
    assert (found.is_occupied, found.share) == (True, None)
    assert not occupancy_at(whole, 3.0, None, at("2026-01-14 20:00")).is_occupied


@settings(max_examples=25)
@given(shifts=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 35)), min_size=1, max_size=4))
def test_together_zones_are_expected_wherever_one_is(shifts: list[tuple[int, int]]) -> None:
    def plan(opens: int, length: int) -> Agenda:
        return expected(ROME, WEDNESDAY, lambda m: float(opens <= m.hour * 4 + m.minute // 15 < opens + length), 7)

    plans = [plan(*shift) for shift in shifts]
    whole = joined(plans)
    assert whole is not None
    for time_ms in times(ROME, WEDNESDAY, 2):
        assert whole.is_expected(time_ms) == any(p.is_expected(time_ms) for p in plans)
        most = max(p.share(time_ms, time_ms + QUARTER_MS) for p in plans)
        assert whole.share(time_ms, time_ms + QUARTER_MS) == most


def test_no_agendas_are_no_agenda() -> None:
    assert joined([]) is None


def test_carbon_dioxide_tells_of_people_where_nobody_counts_them() -> None:
    ppm = np.array([410.0] * 8 + [450.0, 600.0, 900.0, np.nan])
    fresh = fresh_co2_ppm(ppm)
    assert fresh == 410.0
    assert people_of_co2(ppm, fresh).tolist()[:11] == [0.0] * 9 + [140.0, 440.0]
    assert np.isnan(people_of_co2(ppm, fresh)[-1])


@pytest.mark.parametrize(
    ("counted", "co2", "fresh", "seen"),
    [
        (Input(3.0), Input(900.0), 400.0, Input(3.0)),
        (Input(None, "stale"), Input(900.0), 400.0, Input(450.0)),
        (Input(None, "stale"), Input(430.0), 400.0, Input(0.0)),
        (Input(None, "stale"), Input(900.0), None, Input(None, "stale")),
        (Input(None, "stale"), Input(None, "stale too"), 400.0, Input(None, "stale")),
    ],
    ids=["counted", "told", "fresh air", "never learnt", "neither"],
)
def test_a_count_goes_before_carbon_dioxide(counted: Input, co2: Input, fresh: float | None, seen: Input) -> None:
    assert people_of(counted, co2, fresh) == seen


def test_one_great_event_does_not_make_every_day_look_empty() -> None:
    def hall(moment: datetime) -> float:
        return 400.0 if moment.date() == date(2026, 1, 9) and moment.hour == 20 else office(moment)

    seen = record(ROME, date(2025, 12, 17), 28, p=hall)
    plain = record(ROME, date(2025, 12, 17), 28, p=office)
    assert learn_presence(seen, seen.of("p")).peak == learn_presence(plain, plain.of("p")).peak
    assert agenda(learn_presence(seen, seen.of("p")), ROME, at("2026-01-14 00:01")).is_expected(at("2026-01-14 10:00"))
