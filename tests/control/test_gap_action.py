"""A set-point or a schedule is put right when its part persists; anything else becomes work, once, until it is gone."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.strategies.gap_action import (
    NAME,
    Correction,
    Finding,
    Keeping,
    act,
    confidence,
    corrections_of,
    propose,
)
from core.calendar import HOUR_MS
from predict.causes.explanation import CAUSES, ENVELOPE, SETPOINT, USE, WEATHER, Explanation, Part
from stores.registry import WorkItem, WorkState
from tests.control.views import COMFORT, MISSING, setpoint, view, zone

WEEK_MS = 7 * 24 * HOUR_MS
START_MS = 60 * WEEK_MS
NOTHING = (0.0, -50.0, 50.0)
WARM = Keeping(setpoint(), 20.5, 16.0, kept_c=22.0, late_h=0.0, kept_before_c=20.5, late_before_h=0.0)
LONG = Keeping(setpoint(), 20.5, 16.0, kept_c=20.5, late_h=3.0, kept_before_c=20.5, late_before_h=0.5)


def finding(
    week: int = 0, *, zones: tuple[Keeping, ...] = (), may_drive: bool = True, **parts: tuple[float, float, float]
) -> Finding:
    """An explanation of six weeks that end with a week; parts are kWh, low, high."""
    found = tuple(Part(cause, *parts.get(cause, NOTHING)) for cause in CAUSES)
    total = sum(part.kwh for part in found)
    explanation = Explanation(
        reference_kwh=10_000, reporting_kwh=10_000 + total, total_kwh=total, parts=found,
        by_carrier={"gas": {p.cause: p.kwh for p in found}}, hypotheses={"envelope": 0.8}, meters=("gas",),
        missing=("no heat meter",),
    )  # fmt: skip
    end_ms = START_MS + week * WEEK_MS
    return Finding(
        building="torino/calvino", explanation=explanation, reference=(0, 6 * WEEK_MS),
        reporting=(end_ms - 6 * WEEK_MS, end_ms), zones=zones, eur_per_kwh={"gas": 0.1}, may_drive=may_drive,
    )  # fmt: skip


def after(*findings: Finding) -> list[WorkItem]:
    """Items as a registry keeps them, after evaluations one after the other."""
    kept: dict[str, WorkItem] = {}
    ids = (f"w{n}" for n in count(1))
    for f in findings:
        ongoing = [item for item in kept.values() if item.ongoing]
        for item in act(f, ongoing, now_ms=f.reporting[1], new_id=lambda: next(ids)):
            kept[item.id] = item
    return list(kept.values())


LEAK: Any = {ENVELOPE: (900.0, 500.0, 1300.0)}
HOT: Any = {SETPOINT: (900.0, 500.0, 1300.0)}
LATE: Any = {USE: (900.0, 500.0, 1300.0)}


def test_once_is_a_suspicion_and_twice_in_a_row_is_work_with_evidence() -> None:
    (once,) = after(finding(0, **LEAK))
    assert (once.state, once.evaluations) == (WorkState.SUSPECTED, 1)
    (twice,) = after(finding(0, **LEAK), finding(1, **LEAK))
    assert (twice.state, twice.cause, twice.evaluations) == (WorkState.OPEN, ENVELOPE, 2)
    assert twice.since_ms == once.since_ms == START_MS - 6 * WEEK_MS
    e = twice.evidence
    assert (e["kwh"], e["low_kwh"], e["high_kwh"], e["rank"]) == (900.0, 500.0, 1300.0, 1)
    assert e["eur"] == pytest.approx(90)
    assert e["confidence"] > 0.99
    assert e["missing"] == ["no heat meter"]
    assert "windows" in e["advice"]


def test_the_same_days_seen_again_are_no_second_evaluation() -> None:
    first = finding(0, **LEAK)
    later = replace(first, reporting=(first.reporting[0], first.reporting[1] + WEEK_MS - 1))
    (item,) = after(first, first, later)
    assert (item.state, item.evaluations) == (WorkState.SUSPECTED, 1)
    older = after(finding(2, **LEAK), finding(3, **LEAK), finding(0))
    assert [item.state for item in older] == [WorkState.OPEN]


@pytest.mark.parametrize(
    "part", [(900.0, -10.0, 1810.0), (150.0, 100.0, 200.0), (-900.0, -1300.0, -500.0)], ids=["unsure", "small", "less"]
)
def test_what_is_unsure_small_or_a_saving_is_no_work(part: tuple[float, float, float]) -> None:
    assert after(finding(0, **{ENVELOPE: part}), finding(1, **{ENVELOPE: part})) == []
    assert after(finding(0, **{WEATHER: (900.0, 500.0, 1300.0)}), finding(1, **{WEATHER: (900.0, 500.0, 1300.0)})) == []


@pytest.mark.parametrize(
    ("parts", "zones", "kinds"),
    [
        (HOT, (WARM,), ["setpoint"]),
        (LATE, (LONG,), ["schedule"]),
        (HOT, (LONG,), ["schedule"]),
        (LATE, (WARM,), []),
        (LEAK, (WARM, LONG), []),
        (HOT, (), []),
        (HOT, (replace(WARM, kept_c=None),), []),
        (HOT, (replace(WARM, kept_before_c=22.0),), []),
        (HOT, (replace(WARM, kept_c=20.7),), []),
        (LATE, (replace(LONG, late_before_h=2.5),), []),
    ],
)
def test_only_a_setpoint_or_schedule_that_has_moved_is_put_right(
    parts: Any, zones: tuple[Keeping, ...], kinds: list[str]
) -> None:
    (item,) = after(finding(0, zones=zones, **parts), finding(1, zones=zones, **parts))
    assert [one["kind"] for one in item.evidence["corrections"]] == kinds
    assert item.state is (WorkState.CORRECTED if kinds else WorkState.OPEN)
    assert [one.kind for one in corrections_of([item], item.updated_ms)] == kinds


def test_a_correction_waits_for_the_second_evaluation_and_needs_leave_to_drive() -> None:
    (once,) = after(finding(0, zones=(WARM,), **HOT))
    assert corrections_of([once], 0) == []
    advised = [finding(week, zones=(WARM,), may_drive=False, **HOT) for week in (0, 1)]
    (item,) = after(*advised)
    assert item.state is WorkState.OPEN
    assert corrections_of([item], 0) == []
    assert "Kept at 22.0 °C, agreed are 20.5 °C" in item.evidence["advice"]


def test_a_correction_that_nobody_confirms_is_forgotten() -> None:
    (item,) = after(finding(0, zones=(WARM,), **HOT), finding(1, zones=(WARM,), **HOT))
    assert len(corrections_of([item], item.updated_ms + 3 * WEEK_MS - 1)) == 1
    assert corrections_of([item], item.updated_ms + 3 * WEEK_MS) == []


def test_a_gap_that_outlives_its_correction_becomes_work() -> None:
    states = [after(*(finding(w, zones=(WARM,), **HOT) for w in range(n)))[0].state for n in range(1, 6)]
    assert states == [
        WorkState.SUSPECTED, WorkState.CORRECTED, WorkState.CORRECTED, WorkState.OPEN, WorkState.OPEN,
    ]  # fmt: skip


def test_it_closes_by_itself_when_the_gap_is_gone_and_begins_anew_when_it_returns() -> None:
    leak = [finding(0, **LEAK), finding(1, **LEAK)]
    (gone,) = after(*leak, finding(2))
    assert (gone.state, gone.ongoing, gone.closed_by) == (WorkState.CLOSED, False, "")
    assert gone.closed_why.startswith("The gap is gone")
    items = after(*leak, finding(2), finding(3, **LEAK))
    assert [(i.state, i.ongoing) for i in items] == [(WorkState.CLOSED, False), (WorkState.SUSPECTED, True)]
    (suspicion,) = after(finding(0, **LEAK), finding(1))
    assert suspicion.closed_why == "It did not persist."
    (unsure,) = after(*leak, finding(2, **{ENVELOPE: (800.0, -20.0, 1620.0)}))
    assert unsure.state is WorkState.OPEN


def test_what_a_person_closed_stays_quiet_until_the_gap_was_gone() -> None:
    (item,) = after(finding(0, **LEAK), finding(1, **LEAK))
    closed = WorkItem(
        **{f: getattr(item, f) for f in item.__struct_fields__} | {"state": WorkState.CLOSED, "closed_by": "anna"}
    )
    (still,) = act(finding(2, **LEAK), [closed], now_ms=1, new_id=lambda: "x")
    assert (still.id, still.state, still.closed_by, still.ongoing) == (item.id, WorkState.CLOSED, "anna", True)
    (gone,) = act(finding(3), [still], now_ms=2, new_id=lambda: "x")
    assert (gone.closed_by, gone.ongoing) == ("anna", False)


def test_without_a_price_there_are_no_euro() -> None:
    priceless = replace(finding(0, **LEAK), eur_per_kwh={"electricity": 0.2})
    assert after(priceless)[0].evidence["eur"] is None


@given(kwh=st.floats(-1e6, 1e6), reach=st.floats(0, 1e6))
def test_confidence_is_a_probability_that_agrees_with_the_interval(kwh: float, reach: float) -> None:
    sure = confidence(Part(ENVELOPE, kwh, kwh - reach, kwh + reach))
    assert 0 <= sure <= 1
    if kwh - reach > 1e-6:
        assert sure >= 0.949


@given(
    value=st.floats(-50, 80), kind=st.sampled_from(["setpoint", "schedule"]),
    when=st.sampled_from(["2026-01-14 10:00", "2026-01-14 22:00", "2026-01-14 06:30", "2026-01-18 12:00"]),
)  # fmt: skip
def test_a_correction_stays_inside_the_comfort_band(value: float, kind: str, when: str) -> None:
    seen = view(when)
    (proposals) = propose(replace(seen, corrections=(Correction(kind, setpoint().id, value, "x"),)))
    for proposal in proposals:
        assert proposal.value is not None
        assert proposal.strategy == NAME
        if seen.zones[0].occupancy.is_occupied:
            assert COMFORT.minimum_c <= proposal.value <= COMFORT.maximum_c
        else:
            assert proposal.value >= COMFORT.setback_c


@pytest.mark.parametrize(
    ("kind", "when", "speaks"),
    [
        ("setpoint", "2026-01-14 10:00", True),
        ("setpoint", "2026-01-14 22:00", False),
        ("schedule", "2026-01-14 22:00", True),
        ("schedule", "2026-01-14 10:00", False),
        ("schedule", "2026-01-14 06:30", False),  # it warms up before opening
    ],
)
def test_each_correction_speaks_in_its_hours(kind: str, when: str, *, speaks: bool) -> None:
    one = Correction(kind, setpoint().id, 20.5, "x")
    elsewhere = replace(one, point="torino/calvino/other/heating-setpoint")
    assert bool(propose(replace(view(when), corrections=(one,)))) is speaks
    assert propose(replace(view(when, zone(MISSING)), corrections=(one,))) == []
    assert propose(replace(view(when), corrections=(elsewhere,))) == []
