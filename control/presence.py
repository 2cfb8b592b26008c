"""When people are there, told by the electricity they use, where nobody counts them and no air tells of them.

Lights and machines draw more than the base load that a building has at night. That says that somebody is there, not
how many, and a building that draws little more with people than without says nothing: then it counts as occupied, as
everywhere when in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from control.occupancy import LINGER_MS, SLOT_MIN, Agenda, Bools, Presence, occupancy_at
from control.record import HOLIDAY, Record
from control.view import Occupancy
from predict.series import Floats

LEAST_DAYS: Final = 7
LIKELY_SHARE: Final = 0.25
"""People are expected where they are there on so many days, or more."""
USED_SHARE: Final = 0.15
"""Of what people add to the base load: less of it is a machine that nobody attends to, or the weather."""
LEAST_SWING: Final = 0.25
"""People must add so much to the base load, or it is not they who move it."""
_NIGHT_MIN: Final = (0, 5 * 60)
_SLOTS: Final = 24 * 60 // SLOT_MIN
_SUNDAY: Final = 6
_WORKING: Final = 5
_POOLED_DAYS: Final = 2.0
_SWING_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Levels:
    """What a meter reads with nobody there and with many, kW.

    Attributes
    ----------
    base_kw
        Of the quiet hours.
    used_kw
        From here on somebody is there.
    work_kw
        Of the busy hours of a working day.
    """

    base_kw: float
    used_kw: float
    work_kw: float

    def excess_kw(self, power_kw: float) -> float:
        """What is drawn above the base load where that tells of people; 0: it does not."""
        return power_kw - self.base_kw if power_kw >= self.used_kw else 0.0

    @property
    def most_kw(self) -> float:
        """What people add to the base load."""
        return self.work_kw - self.base_kw


def learn_levels(record: Record, power_kw: Floats) -> Levels | None:
    """Base load and working level of a meter; None where people hardly move it, or too few days are known.

    Parameters
    ----------
    power_kw
        Shape (n,), NaN where unknown.

    Notes
    -----
    The base load is what a tenth of the night (00:00 to 05:00) or a twentieth of all time lies below, whichever is
    less; what the nights swing by is no sign of people. The working level is the 90 % quantile of a day, of the day
    that a quarter of all days exceed.
    """
    known = np.isfinite(power_kw)
    days = np.unique(record.days[known])
    night = known & (record.minutes >= _NIGHT_MIN[0]) & (record.minutes < _NIGHT_MIN[1])
    if len(days) < LEAST_DAYS or len(np.unique(record.days[night])) < LEAST_DAYS:
        return None
    base, lit = (float(q) for q in np.quantile(power_kw[night], [0.1, 0.9]))
    base = max(min(base, float(np.quantile(power_kw[known], 0.05))), 0.0)
    busy = [float(np.quantile(power_kw[known & (record.days == day)], 0.9)) for day in days]
    work = float(np.quantile(busy, 0.75))
    used = max(base + USED_SHARE * (work - base), lit + _SWING_SHARE * (work - base))
    if work - base < LEAST_SWING * work or used >= (base + work) / 2:
        return None
    return Levels(base, used, work)


def learn_presence_of_load(record: Record, power_kw: Floats, levels: Levels) -> Presence:
    """A week of how likely it is that somebody is there, 0 where it is unlikely; `peak` is in kW.

    Notes
    -----
    Of each quarter of an hour of a kind of day it is the share of days with people, pulled to that of all working
    days (of Saturdays and holidays: to that of Sundays and holidays) by two days' worth, so that one evening is not
    expected every week.
    """
    used = np.where(np.isfinite(power_kw), power_kw >= levels.used_kw, np.nan)
    seen, days = _by_kind(record, used)
    likely = np.zeros_like(seen)
    for kinds in (range(_WORKING), range(_WORKING, HOLIDAY + 1)):
        rows = list(kinds)
        # A Saturday is a day of its own; what is never seen is like a Sunday.
        of_all = rows if rows[0] < _WORKING else [_SUNDAY, HOLIDAY]
        total = days[of_all].sum(axis=0)
        # A working day of which nothing is known counts as one with people.
        unknown = 1.0 if rows[0] < _WORKING else 0.0
        pooled = np.where(total > 0, seen[of_all].sum(axis=0) / np.maximum(total, 1), unknown)
        likely[rows] = (seen[rows] + _POOLED_DAYS * pooled) / (days[rows] + _POOLED_DAYS)
    return Presence(np.where(likely >= LIKELY_SHARE, likely, 0.0), levels.most_kw)


def shares_of_load(power_kw: Floats, levels: Levels) -> Floats:
    """What people add to the base load over what they add at most, 0 to 1, shape (n,); NaN where unknown."""
    excess = np.where(power_kw >= levels.used_kw, power_kw - levels.base_kw, 0.0)
    return np.where(np.isfinite(power_kw), np.clip(excess / levels.most_kw, 0.0, 1.0), np.nan)


def occupancy_of_load(plan: Agenda, power_kw: float | None, levels: Levels, now_ms: int) -> Occupancy:
    """Whether a zone is occupied now: when people are expected, or somebody uses electricity like them.

    Little use makes nobody absent: people may sit by a window.
    """
    expected = occupancy_at(plan, None, None, now_ms)
    if expected.is_occupied or power_kw is None or power_kw < levels.used_kw:
        return expected
    return Occupancy(True, now_ms + LINGER_MS, 1.0)


def _by_kind(record: Record, used: Floats) -> tuple[Floats, Floats]:
    """Days with people and days known, by kind of day and quarter of an hour; shape (8, 96) each."""
    known: Bools = np.isfinite(used)
    place = (record.day_kinds[known], record.minutes[known] // SLOT_MIN)
    seen, days = np.zeros((HOLIDAY + 1, _SLOTS)), np.zeros((HOLIDAY + 1, _SLOTS))
    np.add.at(seen, place, used[known])
    np.add.at(days, place, 1.0)
    return seen, days
