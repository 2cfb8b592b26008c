"""A meter's watch: each kind of anomaly is found, told with its evidence, and ends by itself."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import HOUR_MS
from core.errors import DomainError
from predict.anomalies.event import Closing, Event, Kind
from predict.anomalies.watch import ACCEPTED_AFTER_DAYS, MeterWatch
from predict.series import Floats
from tests.predict.anomalies.meters import SUBJECT, changed, office

DAY = 24
WEEKDAY = 100 * DAY  # Wednesday, 10 April 2024
WARM = 60 * DAY


def run(kwh: Floats, first: int, days: int) -> list[Event]:
    """Events of some days, after sixty quiet ones."""
    o = office()
    watch = MeterWatch(SUBJECT, o.normal, o.calendar)
    start = o.split + first
    before, here = slice(start - WARM, start), slice(start, start + days * DAY)
    watch.feed(o.time_ms[before], o.kwh[before], o.expected[before])
    return watch.feed(o.time_ms[here], kwh[here], o.expected[here])


def ms(index: int) -> int:
    o = office()
    return int(o.time_ms[o.split + index])


def test_quiet_month_has_no_event() -> None:
    assert run(office().kwh, WEEKDAY, 30) == []


def test_spike_is_the_hour_that_stands_out_of_those_around_it() -> None:
    (spike,) = run(changed(WEEKDAY + 34, 1, plus=80.0), WEEKDAY, 4)
    assert (spike.kind, spike.start_ms, spike.end_ms) == (Kind.SPIKE, ms(WEEKDAY + 34), ms(WEEKDAY + 35))
    assert spike.excess_kwh == pytest.approx(80.0, abs=8)
    assert spike.actual - spike.expected == pytest.approx(spike.excess_kwh)
    assert spike.opened_ms - spike.end_ms == 3 * HOUR_MS


def test_run_of_one_value_is_stuck_until_the_value_moves() -> None:
    o = office()
    kwh = np.array(o.kwh)
    start = o.split + WEEKDAY + 33
    kwh[start : start + 20] = kwh[start]
    stuck = next(e for e in run(kwh, WEEKDAY, 4) if e.kind is Kind.STUCK)
    assert (stuck.start_ms, stuck.end_ms) == (ms(WEEKDAY + 33), ms(WEEKDAY + 53))
    assert (stuck.hours, stuck.actual, stuck.closing) == (20, kwh[start], Closing.RETURNED)
    assert stuck.opened_ms - stuck.start_ms <= 10 * HOUR_MS


def test_meter_that_counts_nothing_is_stuck_at_zero() -> None:
    (stuck,) = run(changed(WEEKDAY + 33, 20, factor=0.0), WEEKDAY, 3)
    assert stuck.kind is Kind.STUCK
    assert stuck.explanation.startswith("Nothing was counted")
    assert stuck.excess_kwh < -200


def test_gap_is_no_anomaly() -> None:
    assert run(changed(WEEKDAY + 30, 50, plus=math.nan), WEEKDAY, 10) == []


@pytest.mark.parametrize("share", [0.25, -0.25])
def test_level_shift_is_found_within_days_and_ends_when_the_level_returns(share: float) -> None:
    kwh = changed(WEEKDAY, 20 * DAY, factor=1 + share)
    (shift,) = run(kwh, WEEKDAY, 30)
    assert shift.kind is Kind.LEVEL_SHIFT
    assert shift.closing is Closing.RETURNED
    assert shift.opened_ms - ms(WEEKDAY) <= 5 * DAY * HOUR_MS
    assert abs(shift.start_ms - ms(WEEKDAY)) <= 2 * DAY * HOUR_MS
    assert abs(shift.end_ms - ms(WEEKDAY + 20 * DAY)) <= 3 * DAY * HOUR_MS
    assert shift.actual / shift.expected - 1 == pytest.approx(share, abs=0.08)
    here = slice(office().split + WEEKDAY, office().split + WEEKDAY + 20 * DAY)
    lost = float((kwh - office().kwh)[here].sum())
    assert shift.excess_kwh == pytest.approx(lost, rel=0.3)


def test_level_that_stays_becomes_the_new_normal_and_is_not_told_again() -> None:
    (shift,) = run(changed(WEEKDAY, 120 * DAY, factor=1.25), WEEKDAY, 100)
    assert shift.closing is Closing.ACCEPTED
    assert shift.end_ms - shift.opened_ms == ACCEPTED_AFTER_DAYS * DAY * HOUR_MS
    assert "non-routine" in shift.explanation


def test_slow_drift_is_found() -> None:
    o = office()
    kwh = np.array(o.kwh)
    here = slice(o.split + WEEKDAY, o.split + WEEKDAY + 60 * DAY)
    kwh[here] *= np.linspace(1.0, 1.4, 60 * DAY)
    found = run(kwh, WEEKDAY, 60)
    assert found
    assert {e.kind for e in found} <= {Kind.DRIFT, Kind.LEVEL_SHIFT}
    assert all(e.excess_kwh > 0 for e in found)


def test_what_stays_on_over_a_weekend_is_base_load_with_its_energy() -> None:
    friday_evening = WEEKDAY + 2 * DAY + 20
    (base,) = run(changed(friday_evening, 58, plus=6.0), WEEKDAY, 14)
    assert base.kind is Kind.BASE_LOAD
    assert base.start_ms >= ms(friday_evening)
    assert base.end_ms <= ms(friday_evening + 60)
    assert base.opened_ms <= ms(friday_evening + 58)  # before the weekend is over
    assert base.excess_kwh == pytest.approx(6.0 * base.hours, rel=0.3)


def test_week_of_raised_nights_and_free_days_is_base_load_and_no_level() -> None:
    o = office()
    kwh = np.array(o.kwh)
    for hour in range(o.split + WEEKDAY + 3 * DAY, o.split + WEEKDAY + 10 * DAY):  # from a Saturday on
        local = o.calendar.local(int(o.time_ms[hour]))
        if local.hour < 6 or local.hour >= 20 or not o.calendar.is_working_day(local.date()):
            kwh[hour] += 0.8 * o.normal.scales.base_kwh
    assert [e.kind for e in run(kwh, WEEKDAY, 21)] == [Kind.BASE_LOAD]


def test_spike_of_usual_size_on_a_raised_level_is_only_as_much_larger_as_the_level() -> None:
    o = office()
    hour = WEEKDAY + 13 * DAY + 10
    usual = 0.97 * o.normal.spike * o.normal.scales.spike[10]
    kwh = np.array(o.kwh)
    around = o.kwh - o.expected
    at = o.split + hour
    kwh[at] = o.expected[at] + np.median(around[at - 3 : at + 4]) + usual
    raised = slice(o.split + WEEKDAY, o.split + WEEKDAY + 20 * DAY)
    kwh[raised] *= 1.3
    assert [e.kind for e in run(kwh, WEEKDAY, 30)] == [Kind.LEVEL_SHIFT]


def test_level_that_comes_back_within_a_fortnight_is_the_same_event() -> None:
    o = office()
    kwh = np.array(o.kwh)
    for first, last in ((0, 14), (24, 34)):
        kwh[o.split + WEEKDAY + first * DAY : o.split + WEEKDAY + last * DAY] *= 1.3
    (found,) = [e for e in run(kwh, WEEKDAY, 34) if e.kind is not Kind.BASE_LOAD]
    assert found.is_open
    assert found.start_ms <= ms(WEEKDAY + 2 * DAY)


def test_same_nights_of_every_week_are_one_event() -> None:
    o = office()
    kwh = np.array(o.kwh)
    for week in range(4):
        start = o.split + WEEKDAY + 5 * DAY + week * 7 * DAY  # from Monday midnight on
        for night in range(3):
            kwh[start + night * DAY : start + night * DAY + 6] += 8.0
    events = [e for e in run(kwh, WEEKDAY, 45) if e.kind is Kind.BASE_LOAD]
    assert len(events) == 1
    assert events[0].end_ms - events[0].start_ms > 20 * DAY * HOUR_MS


def test_shift_from_a_weekend_on_is_one_event_that_is_understood_better() -> None:
    saturday = WEEKDAY + 3 * DAY
    found = run(changed(saturday, 25 * DAY, factor=1.35), WEEKDAY, 14)
    assert [e.kind for e in found] == [Kind.LEVEL_SHIFT]
    assert found[0].is_open


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=25), st.booleans())
def test_blocks_and_restarts_change_nothing(sizes: list[int], restart: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    o = office()
    kwh = changed(WEEKDAY, 20 * DAY, factor=1.3)
    kwh[o.split + WEEKDAY + 30 * DAY + 10] += 90.0
    first, last = o.split + WEEKDAY - 40 * DAY, o.split + WEEKDAY + 40 * DAY
    whole = MeterWatch(SUBJECT, o.normal, o.calendar)
    wanted = {e.id: e for e in whole.feed(o.time_ms[first:last], kwh[first:last], o.expected[first:last])}
    watch = MeterWatch(SUBJECT, o.normal, o.calendar)
    found: dict[str, Event] = {}
    edges = [first, *(first + np.cumsum(sizes)).tolist(), last]
    for start, end in pairwise(edges):
        here = slice(min(start, last), min(end, last))
        found |= {e.id: e for e in watch.feed(o.time_ms[here], kwh[here], o.expected[here])}
        if restart:
            watch = MeterWatch.from_bytes(watch.to_bytes(), o.calendar)
    assert str(found) == str(wanted)
    assert watch.to_bytes() == whole.to_bytes()


def test_hours_taken_in_already_are_passed_over() -> None:
    o = office()
    watch = MeterWatch(SUBJECT, o.normal, o.calendar)
    watch.feed(o.time_ms[:500], o.kwh[:500], o.expected[:500])
    state = watch.to_bytes()
    assert watch.feed(o.time_ms[200:500], o.kwh[200:500] * 3, o.expected[200:500]) == []
    assert watch.to_bytes() == state
    assert watch.fed_until_ms == int(o.time_ms[500])


@pytest.mark.parametrize("blob", [b"", b"nonsense", b"\x80"])
def test_blob_of_something_else_is_refused(blob: bytes) -> None:
    with pytest.raises(DomainError):
        MeterWatch.from_bytes(blob, office().calendar)
