"""When a building was only watched, and that its habits come from then."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.gather import layout_of, learn_building
from control.reference import ENOUGH_DAYS, Period, Reference, candidates, find, recorded_days, watched
from core.calendar import HOUR_MS
from core.config.control import AirSystem, Control
from core.config.models import SqliteStore
from core.schedule import Block
from stores.registry import StopChange, TrustChange, TrustMode
from stores.sqlite import SqliteReadingStore
from tests.control.views import COOLING, OUTDOOR_AIR, ROME, at, setpoint
from tests.control.weeks import office, record, times

BUILDING = "torino/calvino"
NOW = at("2026-03-01 10:07")
SETTLE_MS = 45 * 60_000


def trust(when: str, after: str, point: str = "") -> TrustChange:
    return TrustChange(BUILDING, point, TrustMode.ADVISE, TrustMode(after), at(when), "anna", "because")


def stop(when: str, *, is_stopped: bool = True) -> StopChange:
    return StopChange(BUILDING, is_stopped, at(when), "anna", "because")


def periods(trusts: Sequence[TrustChange] = (), stops: Sequence[StopChange] = ()) -> list[tuple[int, int]]:
    """Of a history told oldest first."""
    found = watched(trusts[::-1], stops[::-1], now_ms=NOW, settle_ms=SETTLE_MS)
    return [(period.start_ms, period.end_ms) for period in found]


@pytest.mark.parametrize(
    ("trusts", "stops", "expected"),
    [
        ([], [], [(None, None)]),
        ([trust("2026-01-10 12:00", "drive")], [], [(None, "2026-01-10 12:00")]),
        ([trust("2026-01-10 12:00", "supervise")], [], [(None, "2026-01-10 12:00")]),
        ([trust("2026-01-10 12:00", "advise")], [], [(None, None)]),
        (
            [trust("2026-01-10 12:00", "drive"), trust("2026-02-01 12:00", "advise")], [],
            [("2026-02-01 12:45", None), (None, "2026-01-10 12:00")],
        ),
        (
            [trust("2026-01-10 12:00", "supervise"), trust("2026-02-01 12:00", "drive")], [],
            [(None, "2026-01-10 12:00")],
        ),
        ([trust("2026-01-10 12:00", "drive", "torino/calvino/hall/heating-setpoint")], [], [(None, None)]),
        (
            [trust("2026-01-10 12:00", "drive")],
            [stop("2026-01-20 08:00"), stop("2026-01-21 08:00"), stop("2026-02-10 08:00", is_stopped=False)],
            [("2026-01-20 08:45", "2026-02-10 08:00"), (None, "2026-01-10 12:00")],
        ),
        ([trust("2026-01-10 12:00", "drive")], [stop("2026-01-05 08:00")], [(None, None)]),
        (
            [trust("2026-01-10 12:00", "drive")],
            [stop("2026-01-20 08:00"), stop("2026-01-20 08:30", is_stopped=False)],
            [(None, "2026-01-10 12:00")],
        ),
        ([trust("2026-03-09 12:00", "drive")], [], [(None, None)]),
    ],
    ids=[
        "never raised", "raised", "approvals count", "advise is watching", "lowered again", "raised twice", "one point",
        "a stop", "stopped before it was raised", "too short to settle", "a clock that was ahead",
    ],
)  # fmt: skip
def test_when_it_was_watched(
    trusts: list[TrustChange], stops: list[StopChange], expected: list[tuple[str | None, str | None]]
) -> None:
    assert periods(trusts, stops) == [(at(a) if a else 0, at(b) if b else NOW) for a, b in expected]


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 59), st.sampled_from(["advise", "supervise", "drive", "stop", "release"])), max_size=9
    )
)
def test_it_never_counts_a_moment_in_which_control_may_have_sent(changes: list[tuple[int, str]]) -> None:
    begin = at("2026-01-01 00:00")
    changes = sorted(changes, key=lambda change: change[0])
    trusts = [
        TrustChange(BUILDING, "", TrustMode.ADVISE, TrustMode(what), begin + day * 24 * HOUR_MS, "anna", "because")
        for day, what in changes if what not in ("stop", "release")
    ]  # fmt: skip
    stops = [
        StopChange(BUILDING, what == "stop", begin + day * 24 * HOUR_MS, "anna", "because")
        for day, what in changes if what in ("stop", "release")
    ]  # fmt: skip
    found = watched(trusts[::-1], stops[::-1], now_ms=NOW, settle_ms=SETTLE_MS)
    for hour in range(0, 59 * 24, 5):
        moment = begin + hour * HOUR_MS + 1
        mode = next((t.after for t in reversed(trusts) if t.time_ms < moment), TrustMode.ADVISE)
        is_stopped = next((s.is_stopped for s in reversed(stops) if s.time_ms < moment), False)
        if mode.may_send and not is_stopped:
            assert not any(period.start_ms <= moment < period.end_ms for period in found)


def test_candidates_are_whole_local_days_newest_first() -> None:
    driven_since, lowered = at("2026-02-01 09:00"), at("2026-02-19 17:00")
    found = candidates([Period(lowered, NOW), Period(0, driven_since)], ROME)
    assert found[0] == Period(at("2026-02-20 00:00"), at("2026-03-01 00:00"))
    assert found[1] == Period(at("2026-01-04 00:00"), at("2026-02-01 00:00"))
    assert found[2] == Period(at("2025-12-07 00:00"), at("2026-01-04 00:00"))
    assert len(found) == 5
    assert candidates([Period(at("2026-02-22 00:01"), NOW)], ROME) == []
    assert candidates([Period(at("2026-02-22 00:00"), NOW)], ROME) == [
        Period(at("2026-02-22 00:00"), at("2026-03-01 00:00"))
    ]


@pytest.mark.parametrize(
    ("days", "chosen", "looked_at"),
    [
        ([ENOUGH_DAYS, 28], 0, 1),
        ([10, 28], 1, 2),
        ([10, 9], 0, 2),
        ([10, 10], 0, 2),
        ([6, 5, 0], None, 3),
        ([0, 7], 1, 2),
        ([], None, 0),
    ],
)
def test_the_newest_period_with_enough_days_is_taken(days: list[int], chosen: int | None, looked_at: int) -> None:
    offered = [Period(-k, -k + 1) for k in range(len(days))]
    asked: list[Period] = []

    def learn(period: Period) -> Reference:
        asked.append(period)
        return Reference(period, days[-period.start_ms])

    found = find(offered, learn)
    assert (None if found is None else -found.period.start_ms) == chosen
    assert len(asked) == looked_at


def test_a_day_counts_when_half_of_it_is_recorded() -> None:
    def some(moment: datetime) -> float:
        known = {12: True, 13: moment.hour < 11, 14: moment.hour < 12}
        return 20.0 if known.get(moment.day, False) else np.nan

    part = record(ROME, date(2026, 1, 12), 4, a=some, b=lambda _: np.nan)
    assert recorded_days(part, ["a", "b"]) == 2
    assert recorded_days(part, ["b"]) == recorded_days(part, []) == 0


HALL = setpoint()
SETTINGS = Control(setpoints=[HALL.id])
LAYOUT = layout_of(BUILDING, SETTINGS, {HALL.id: HALL})


def held(store: SqliteReadingStore, first: date, days: int, value: float) -> None:
    store.write([(HALL.id, t, value, 0) for t in times(ROME, first, days)])


def habit(
    store: SqliteReadingStore, when: str, spans: Sequence[Period], known: dict[Period, Reference] | None = None
) -> float | None:
    learnt, _, _ = learn_building(store, SETTINGS, ROME, LAYOUT, at(when), watched=spans, known=known)
    week = learnt.habits.get(f"{BUILDING}/hall")
    return None if week is None else week.at(2, 600).heating_c


@pytest.mark.parametrize(("days", "known"), [(6, None), (7, 21.5), (40, 21.5)])
def test_a_building_that_was_watched_for_a_week_has_its_habits(
    store: SqliteReadingStore, days: int, known: float | None
) -> None:
    held(store, date(2026, 3, 1) - timedelta(days=days), days + 1, 21.5)
    assert habit(store, "2026-03-01 10:07", [Period(0, NOW)]) == known


def test_what_control_held_itself_is_no_habit(store: SqliteReadingStore) -> None:
    held(store, date(2026, 1, 1), 31, 21.5)
    held(store, date(2026, 2, 1), 28, 17.0)
    spans = [Period(0, at("2026-02-01 09:00"))]
    assert habit(store, "2026-03-01 10:07", spans) == 21.5
    assert habit(store, "2027-03-01 10:07", spans) == 21.5, "a year later too"
    assert habit(store, "2026-03-01 10:07", []) is None


def test_a_configured_reference_period_wins(store: SqliteReadingStore) -> None:
    held(store, date(2026, 1, 1), 31, 21.5)
    held(store, date(2026, 2, 1), 29, 19.5)
    configured = Control(setpoints=[HALL.id], reference_start=date(2026, 1, 1), reference_end=date(2026, 1, 22))
    learnt, _, _ = learn_building(store, configured, ROME, LAYOUT, NOW, watched=[Period(0, NOW)])
    assert learnt.habits[f"{BUILDING}/hall"].at(2, 600).heating_c == 21.5


@pytest.mark.parametrize(
    ("hours", "cooling", "empty"),
    [
        ([Block(["mon", "tue", "wed", "thu", "fri"], "09:00", "17:00", 1.0)], (24.0, 30.0), 15.0),
        ([], (None, None), None),
    ],
    ids=["hours entered", "nobody knows who is there"],
)
def test_habits_where_nobody_counts(
    store: SqliteReadingStore, hours: list[Block], cooling: tuple[float | None, float | None], empty: float | None
) -> None:
    rows = []
    for t in times(ROME, date(2026, 2, 2), 14):
        there = office(ROME.local(t)) > 0
        rows += [(HALL.id, t, 21.5 if there else 15.0, 0), (COOLING.id, t, 24.0 if there else 30.0, 0)]
        rows.append((OUTDOOR_AIR.id, t, 0.3 if there else 0.0, 0))
    store.write(rows)
    system = AirSystem(name="ahu", outdoor_air=OUTDOOR_AIR.id)
    configured = Control(setpoints=[HALL.id], cooling_setpoints=[COOLING.id], air_systems=[system], occupied=hours)
    layout = layout_of(BUILDING, configured, {p.id: p for p in (HALL, COOLING, OUTDOOR_AIR)})
    learnt, _, _ = learn_building(
        store, configured, ROME, layout, at("2026-02-16 00:05"), watched=[Period(0, at("2026-02-16 00:05"))]
    )
    found = learnt.habits[f"{BUILDING}/hall"].at(2, 600)
    assert found.heating_c == 21.5
    assert (found.cooling_c, found.cooling_empty_c, found.heating_empty_c) == (*cooling, empty)
    assert learnt.air_habits["ahu"].outdoor_share == (pytest.approx(0.3) if hours else None)


def test_a_period_that_is_over_is_read_once(store: SqliteReadingStore, tmp_path: Path) -> None:
    held(store, date(2026, 1, 1), 60, 21.5)
    over, known = [Period(0, at("2026-02-01 09:00"))], dict[Period, Reference]()
    assert habit(store, "2026-03-01 10:07", over, known) == 21.5
    assert list(known) == [Period(at("2026-01-04 00:00"), at("2026-02-01 00:00"))]
    with SqliteReadingStore(SqliteStore(path=str(tmp_path / "empty.db"))) as empty:
        assert habit(empty, "2026-03-02 10:07", over, known) == 21.5


@pytest.mark.parametrize(("lowered", "kept"), [("2026-02-26 23:00", True), ("2026-02-28 23:00", False)])
def test_a_period_that_may_still_grow_is_read_again(store: SqliteReadingStore, lowered: str, *, kept: bool) -> None:
    held(store, date(2026, 1, 1), 60, 21.5)
    known = dict[Period, Reference]()
    assert habit(store, "2026-03-01 10:07", [Period(0, at(lowered))], known) == 21.5
    assert bool(known) is kept
