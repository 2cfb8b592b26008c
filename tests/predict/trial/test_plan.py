"""Plans are balanced in weekdays and in season, know holidays and long days, and are those of their seed."""

from __future__ import annotations

from collections import Counter
from datetime import date, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS
from core.errors import DomainError
from predict.trial.plan import draw, plan
from stores.registry import TrialUnit
from tests.predict.trial.meters import HOLIDAYS, ROME

MONDAY = date(2026, 1, 12)
UNITS = st.sampled_from(list(TrialUnit))
SEEDS = st.integers(0, 2**53 - 1)


@given(
    start=st.dates(date(2025, 1, 1), date(2027, 1, 1)), count=st.integers(2, 60), unit=UNITS, seed=SEEDS
)  # fmt: skip
def test_half_is_on_and_blocks_are_local_days_or_weeks(start: date, count: int, unit: TrialUnit, seed: int) -> None:
    length = 1 if unit is TrialUnit.DAY else 7
    made = plan(ROME, start, start + timedelta(days=count * length), unit=unit, seed=seed)
    on = sum(block.is_on for block in made.blocks)
    assert abs(2 * on - count) <= 1
    assert [ROME.day_of(b.start_ms) for b in made.blocks] == [start + timedelta(days=k * length) for k in range(count)]
    assert all(ROME.local(b.start_ms).time() == time() for b in made.blocks)
    assert made == plan(ROME, start, start + timedelta(days=count * length), unit=unit, seed=seed)


@given(seed=SEEDS, weeks=st.integers(1, 5))
def test_each_weekday_is_as_often_on_as_off_in_every_fortnight(seed: int, weeks: int) -> None:
    made = plan(ROME, MONDAY, MONDAY + timedelta(weeks=2 * weeks), seed=seed)
    days = [(ROME.day_of(block.start_ms), block.is_on) for block in made.blocks]
    for first in range(0, len(days), 14):
        assert Counter(day.weekday() for day, is_on in days[first : first + 14] if is_on) == dict.fromkeys(range(7), 1)


@pytest.mark.parametrize("seed", range(20))
def test_holidays_are_compared_with_holidays(seed: int) -> None:
    made = plan(ROME, date(2025, 12, 15), date(2026, 1, 12), seed=seed)
    on = [block.is_on for block in made.blocks if ROME.day_of(block.start_ms) in HOLIDAYS]
    assert len(on) == 2
    assert sum(on) == 1


def test_days_of_23_and_25_hours_are_whole_blocks() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        made = plan(ROME, day - timedelta(days=7), day + timedelta(days=7), seed=1)
        assert [(b.end_ms - b.start_ms) // HOUR_MS for b in made.blocks] == [24] * 7 + [hours] + [24] * 6
        assert made.end_ms - made.start_ms == (14 * 24 + hours - 24) * HOUR_MS


def test_a_block_may_begin_on_the_evening_before() -> None:
    made = plan(ROME, MONDAY, MONDAY + timedelta(days=14), seed=1, switch_at=time(20))
    assert f"{ROME.local(made.start_ms):%a %H:%M}" == "Sun 20:00"
    same = plan(ROME, MONDAY, MONDAY + timedelta(days=14), seed=1)
    assert [b.is_on for b in made.blocks] == [b.is_on for b in same.blocks]
    assert made.block_at(made.start_ms - 1) is None
    assert made.block_at(made.start_ms) == made.blocks[0]
    assert made.block_at(made.end_ms) is None


def test_seeds_draw_different_plans_and_every_block_may_be_on() -> None:
    plans = [plan(ROME, MONDAY, MONDAY + timedelta(days=28), seed=seed) for seed in range(200)]
    share_on = np.mean([[block.is_on for block in made.blocks] for made in plans], axis=0)
    assert np.all((share_on > 0.35) & (share_on < 0.65))
    assert len({tuple(b.is_on for b in made.blocks) for made in plans}) > 190


def test_draws_keep_to_the_groups_of_the_plan() -> None:
    groups = [0, 0, 1, 1, 2]
    drawn = draw(groups, np.random.default_rng(1), 500)
    assert np.all(drawn[:, :2].sum(axis=1) == 1)
    assert np.all(drawn[:, 2:4].sum(axis=1) == 1)
    assert 0.4 < drawn[:, 4].mean() < 0.6
    assert len(np.unique(drawn, axis=0)) == 8


@pytest.mark.parametrize(
    ("days", "options"),
    [
        (1, {}), (401, {}), (20, {"unit": TrialUnit.WEEK}), (7, {"unit": TrialUnit.WEEK}), (14, {"washout_h": 13}),
        (14, {"washout_h": -1}), (14, {"seed": -1}), (14, {"seed": 2**53}),
    ],
)  # fmt: skip
def test_a_plan_without_sense_is_refused(days: int, options: dict[str, int]) -> None:
    with pytest.raises(DomainError):
        plan(ROME, MONDAY, MONDAY + timedelta(days=days), **{"seed": 1} | options)  # type: ignore[arg-type]
