"""Base load that stays on: what off-hours in a row must show, each sort of them by how restless it is."""

from __future__ import annotations

import numpy as np
import pytest

from predict.anomalies.baseload import Moved, Part, PartKind, base_statistic, held, raised, usual_sizes
from predict.anomalies.normal import learn
from tests.predict.anomalies.meters import office

NIGHT, FREE_NIGHT, FREE_DAY = PartKind
WEEKEND = [(6, FREE_NIGHT), (6, FREE_DAY), (7, FREE_NIGHT), (7, FREE_DAY), (8, NIGHT)]


def part(ordinal: int, kind: PartKind, excess: float = 0.0) -> Part:
    return Part(ordinal, ordinal * 24, ordinal * 24 + 6, int(kind), excess, 6.0, 6.0, 6)


@pytest.mark.parametrize(
    ("rises", "sizes", "expected"),
    [
        ([0.4, 0.3, 0.4, 0.5, 0.4], [1.0, 1.0, 1.0], (0.4, 0.4)),  # the second smallest
        ([0.4, 0.3, 0.4, 0.0, 0.4], [1.0, 1.0, 1.0], (0.3, 0.3)),  # one may stay behind
        ([0.4, 0.0, 0.4, 0.0, 0.4], [1.0, 1.0, 1.0], (0.0, 0.0)),
        ([0.4, 0.4, 0.4, 0.4, None], [1.0, 1.0, 1.0], (0.0, 0.0)),  # nobody knows
        ([0.1, 0.1, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2], (0.0, 0.0)),  # too little to tell, however quiet
        ([0.3, 0.6, 0.3, 0.6, 0.3], [0.5, 0.5, 2.0], (0.3, 0.3)),  # free days are restless here
    ],
)
def test_nearly_all_off_hours_in_a_row_must_stand_above(
    rises: list[float | None], sizes: list[float], expected: tuple[float, float]
) -> None:
    assert held([part(*at) for at in WEEKEND], rises, sizes) == pytest.approx(expected)


def test_off_hours_with_a_day_between_are_not_in_a_row() -> None:
    apart = [part(1, NIGHT), part(2, NIGHT), part(4, NIGHT)]
    assert held(apart, [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]) == (0.0, 0.0)


def test_rise_of_quiet_nights_counts_for_more_than_one_of_restless_free_days() -> None:
    rng = np.random.default_rng(3)
    kinds = [int(k) for _ in range(40) for k in PartKind]
    rises: list[float | None] = [float(x) for x in rng.normal(0, [0.02, 0.05, 0.3] * 40)]
    night, free_night, free_day = usual_sizes(kinds, rises)
    assert night <= free_night < free_day
    nights = [part(day, NIGHT) for day in range(3)]
    free = [part(day, FREE_DAY) for day in range(3)]
    sizes = [night, free_night, free_day]
    assert held(nights, [0.3] * 3, sizes)[0] > 3 * held(free, [0.3] * 3, sizes)[0]


def test_sort_that_is_hardly_seen_is_as_restless_as_the_most_restless() -> None:
    night, free_night, free_day = usual_sizes([0] * 20 + [1] * 20 + [2], [0.1] * 20 + [0.2] * 20 + [0.0])
    assert free_day == free_night > night


def test_statistic_compares_with_the_same_sort_before() -> None:
    parts = [part(day, NIGHT, 0.2) for day in range(10)] + [part(day, NIGHT, 0.6) for day in range(10, 13)]
    assert base_statistic(parts, 3, [1.0, 1.0, 1.0]) == pytest.approx((0.4, 0.4))
    assert base_statistic(parts[:2], 3, [1.0, 1.0, 1.0]) == (0.0, 0.0)


def test_threshold_is_learnt_from_the_whole_reference_period() -> None:
    o = office()
    kwh = np.array(o.kwh[: o.split])
    for day in range(240, 340, 15):  # late in the year, so often that no threshold forgives it
        kwh[day * 24 : day * 24 + 4 * 24] += 0.8 * o.normal.scales.base_kwh
    restless = learn(o.time_ms[: o.split], kwh, o.expected[: o.split], o.calendar)
    assert min(restless.base) > 1.5 * max(o.normal.base)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (None, 0.5),  # above the median of all nights
        (Moved(20 * 24, 0.0), 0.2),  # above those since then, the smaller of the two
        (Moved(20 * 24, 0.4), 0.1),  # nights of before would use 0.4 more on this level
        (Moved(23 * 24, 0.0), None),  # too few nights since then
    ],
)
def test_night_on_a_moved_level_must_stand_above_both_sides_of_the_move(
    moved: Moved | None, expected: float | None
) -> None:
    parts = [part(day, NIGHT, 0.0) for day in range(8, 20)] + [part(day, NIGHT, 0.3) for day in range(20, 24)]
    parts.append(part(24, NIGHT, 0.5))
    rise = raised(parts, -1, moved)
    assert rise is None if expected is None else rise == pytest.approx(expected)
