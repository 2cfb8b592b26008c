"""Plans of on/off trials: alike days or weeks are grouped, and lots say which of each group are on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from core.calendar import Calendar
from core.errors import DomainError
from stores.registry import TrialBlock, TrialPlan, TrialUnit
from stores.registry.trials import MOST_SEEDS

GROUP: Final = {TrialUnit.DAY: 2, TrialUnit.WEEK: 4}
"""Blocks in a group: pairs of days see the same season; weeks are few, and four of them leave more lots than two."""
WASHOUT_H: Final = {TrialUnit.DAY: 6, TrialUnit.WEEK: 24}
"""Usual wash-out, hours; a heavy building remembers longer than a day's six."""
MOST_BLOCKS: Final = 400
_HOLIDAY: Final = 7
_LOST_DAYS: Final = 2
"""A week that loses so many working days to holidays is a week of another kind."""

Bools = npt.NDArray[np.bool_]


def plan(
    calendar: Calendar,
    start: date,
    end: date,
    *,
    unit: TrialUnit = TrialUnit.DAY,
    seed: int,
    washout_h: int | None = None,
    switch_at: time = time(),
) -> TrialPlan:
    """Draw which days or weeks of ``[start, end)`` are on.

    Parameters
    ----------
    calendar
        Of the site: its days have 23 to 25 hours, and its holidays are days of another kind.
    start, end
        Local dates. Weeks are seven days from `start` on, whatever weekday it is.
    unit
        What is switched as a whole.
    seed
        The same seed draws the same plan.
    washout_h
        The first hours of *every* block that do not count, also where the state stays: so which hours count does not
        hang on the lots. `WASHOUT_H` by default.
    switch_at
        Local time at which a block begins; from noon on it is that of the evening before.

    Returns
    -------
    TrialPlan
        Within each group about half of the blocks are on; in all, their numbers differ by no more than one.

    Raises
    ------
    DomainError
        The period is shorter than two blocks or longer than `MOST_BLOCKS`, or no whole number of weeks.
    """
    if not 0 <= seed < MOST_SEEDS:
        raise DomainError("the seed of a trial is a whole number from 0 to 2**53")
    length = 1 if unit is TrialUnit.DAY else 7
    days = (end - start).days
    if days < 2 * length or days > MOST_BLOCKS * length:
        raise DomainError(f"a trial lasts 2 to {MOST_BLOCKS} {unit.value}s")
    if days % length:
        raise DomainError(f"{days} days are no whole number of weeks")
    firsts = [start + timedelta(days=k) for k in range(0, days + 1, length)]
    evening = timedelta(days=1 if switch_at >= time(12) else 0)
    edges = [calendar.at(first - evening, switch_at) for first in firsts]
    groups = _groups([_kind(calendar, first, unit) for first in firsts[:-1]], GROUP[unit])
    states = draw(groups, np.random.default_rng([seed]), 1)[0]
    blocks = zip(pairwise(edges), states.tolist(), groups, strict=True)
    return TrialPlan(
        unit=unit,
        seed=seed,
        washout_h=WASHOUT_H[unit] if washout_h is None else washout_h,
        blocks=tuple(TrialBlock(*edge, is_on, group) for edge, is_on, group in blocks),
    )


def draw(groups: Sequence[int], rng: np.random.Generator, count: int) -> Bools:
    """Draw lots: half of each group is on; of an odd group the lot says whether one more or one less is.

    Parameters
    ----------
    groups
        Shape (n,): group of each block.
    count
        How many times.

    Returns
    -------
    ndarray of shape (count, n)
        True: on.
    """
    numbers = np.asarray(groups)
    states = np.zeros((count, len(numbers)), bool)
    for group in np.unique(numbers).tolist():
        members = np.flatnonzero(numbers == group)
        rank = rng.random((count, len(members))).argsort(axis=1).argsort(axis=1)
        on = len(members) // 2 + (rng.integers(0, 2, count) if len(members) % 2 else np.zeros(count, np.int64))
        states[:, members] = rank < on[:, None]
    return states


def _kind(calendar: Calendar, first: date, unit: TrialUnit) -> int:
    """Blocks of one kind are alike: days of the same weekday, holidays with holidays."""
    if unit is TrialUnit.DAY:
        return _HOLIDAY if calendar.is_holiday(first) and first.weekday() < 6 else first.weekday()
    days = [first + timedelta(days=k) for k in range(7)]
    lost = sum(day.weekday() < 5 and calendar.is_holiday(day) for day in days)
    return int(lost >= _LOST_DAYS)


def _groups(kinds: Sequence[int], size: int) -> list[int]:
    """Group of each block: `size` consecutive ones of a kind; what is left over is grouped as it comes."""
    alike: dict[int, list[int]] = defaultdict(list)
    for index, kind in enumerate(kinds):
        alike[kind].append(index)
    rest, gathered = [], []
    for members in alike.values():
        whole = len(members) // size * size
        gathered += [members[k : k + size] for k in range(0, whole, size)]
        rest += members[whole:]
    rest.sort()
    gathered += [rest[k : k + size] for k in range(0, len(rest), size)]
    group_of = {index: number for number, members in enumerate(sorted(gathered)) for index in members}
    return [group_of[index] for index in range(len(kinds))]
