"""``promessa evaluate anomalies`` and what stands behind it: injections with a seed, and scoring by event."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from cli.evaluate.study import Meter, study, summary
from core.calendar import HOUR_MS
from predict.anomalies.event import Event, Kind
from predict.anomalies.score import Truth, score
from simulators.injections import Sort, inject, shift_from
from simulators.office import office_calendar, office_meter

DAY_MS = 24 * HOUR_MS
TIME, KWH, TEMPERATURE, SPLIT = office_meter(3)
CALENDAR = office_calendar()


def injected(seed: int, **how: object) -> tuple[np.ndarray, list]:
    return inject(TIME, KWH, CALENDAR, np.random.default_rng(seed), first=SPLIT + 168, **how)


def event(kind: Kind, start: int, end: int, opened: int | None = None) -> Event:
    return Event(id=f"{kind}{start}", subject="s", kind=kind, start_ms=start * DAY_MS, end_ms=end * DAY_MS,
                 opened_ms=(opened if opened is not None else end) * DAY_MS, updated_ms=end * DAY_MS)  # fmt: skip


def test_same_seed_puts_in_the_same_and_another_seed_does_not() -> None:
    first, again, other = injected(1), injected(1), injected(2)
    assert first[1] == again[1]
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] != other[1]


def test_what_is_put_in_is_where_it_is_said_and_nowhere_else() -> None:
    kwh, put_in = injected(4)
    inside = np.zeros(len(TIME), np.bool_)
    for one in put_in:
        assert np.any(
            kwh[(one.start_ms <= TIME) & (one.end_ms > TIME)] != KWH[(one.start_ms <= TIME) & (one.end_ms > TIME)]
        )
        inside |= (one.start_ms <= TIME) & (one.end_ms > TIME)
    np.testing.assert_array_equal(kwh[~inside], KWH[~inside])
    assert all(b.start_ms >= a.end_ms + 4 * DAY_MS for a, b in pairwise(put_in))
    assert {one.sort for one in put_in} == set(Sort)
    np.testing.assert_allclose(kwh * 10, np.round(kwh * 10))


def test_shift_moves_everything_from_an_hour_on() -> None:
    moved = shift_from(KWH, 100, 0.15)
    np.testing.assert_array_equal(moved[:100], KWH[:100])
    np.testing.assert_allclose(moved[100:], KWH[100:] * 1.15, atol=0.051)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], (0, 1, 0)),
        ([event(Kind.LEVEL_SHIFT, 10, 20, 13)], (1, 0, 0)),
        ([event(Kind.DRIFT, 11, 20, 13)], (1, 0, 0)),
        ([event(Kind.SPIKE, 12, 13)], (0, 1, 1)),
        ([event(Kind.LEVEL_SHIFT, 2, 20, 5)], (0, 1, 1)),  # found before it began
        ([event(Kind.LEVEL_SHIFT, 40, 50)], (0, 1, 1)),
        ([event(Kind.LEVEL_SHIFT, 10, 14, 13), event(Kind.LEVEL_SHIFT, 15, 18)], (1, 0, 1)),  # one event, not two
        ([event(Kind.LEVEL_SHIFT, 10, 20, 13), event(Kind.LEVEL_SHIFT, 20, 25)], (1, 0, 0)),  # its end is its end
    ],
)
def test_one_event_for_each_anomaly_and_the_rest_is_false(found: list[Event], expected: tuple[int, int, int]) -> None:
    result = score(found, [Truth(Kind.LEVEL_SHIFT, 10 * DAY_MS, 20 * DAY_MS)])
    assert (result.found, result.missed, result.false) == expected


def test_what_the_bare_recording_shows_counts_in_the_strict_figure_only() -> None:
    bare = [event(Kind.SPIKE, 50, 51)]
    result = score([event(Kind.SPIKE, 10, 11), *bare], [Truth(Kind.SPIKE, 10 * DAY_MS, 11 * DAY_MS)], bare)
    assert (result.false, result.already, result.f1, result.f1_strict) == (0, 1, 1.0, pytest.approx(2 / 3))


def test_study_of_a_simulated_office_finds_most_and_is_the_same_again() -> None:
    meter = Meter("office", "electricity", CALENDAR, TIME, KWH, TEMPERATURE, SPLIT)
    first = summary([study(meter, 5, trials=2)])
    assert first["f1"] >= 0.7
    assert first["false_per_meter_60_days"] <= 1.0
    again = summary([study(meter, 5, trials=2)])
    assert {**first, "cpu_s_per_meter_year": 0} == {**again, "cpu_s_per_meter_year": 0}
    assert msgspec.json.encode(first)


def test_meter_that_says_too_little_is_a_row_with_a_reason() -> None:
    nothing = Meter("office", "electricity", CALENDAR, TIME, np.full_like(KWH, np.nan), TEMPERATURE, SPLIT)
    outcome = study(nothing, 1)
    assert outcome.reason
    assert summary([outcome])["meters"] == 0
