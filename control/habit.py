"""What a building's own control does, learnt while it was only watched: the measure of equal comfort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from control.occupancy import PRESENT_SHARE, SLOT_MIN, week_of
from control.record import Record
from control.view import AirHabit, Habit
from predict.series import Floats

_FULL_SHARE: Final = 0.5
_MIN_STEPS: Final = 12
_SAME: Final = 1e-6
_CYCLES: Final = 0.3
_HEATED_K: Final = 0.3
DEFAULT_SWING_K: Final = 0.3


@dataclass(frozen=True, slots=True)
class HabitWeek:
    """Set-points of a zone's own control through the week.

    Attributes
    ----------
    heating_c
        Shape (8, 96): by quarter of an hour of a local day, Monday to Sunday and holidays; NaN where never seen.
    heating_empty_c
        With nobody there, degrees Celsius; None: there always is somebody.
    cooling_c, cooling_empty_c
        With people there and without, degrees Celsius.
    swing_k
        How far the zone falls below its set-point while it is heated.
    """

    heating_c: Floats
    cooling_c: float | None
    cooling_empty_c: float | None
    swing_k: float
    heating_empty_c: float | None = None

    def at(self, kind: int, minute: int) -> Habit:
        """The habit at a minute of a kind of day (see `control.record`)."""
        heating_c = float(self.heating_c[kind, minute // SLOT_MIN])
        return Habit(
            heating_c if np.isfinite(heating_c) else None,
            self.cooling_c,
            self.cooling_empty_c,
            self.swing_k,
            self.heating_empty_c,
        )


def learn_habit(
    record: Record, people_share: Floats, heating_c: Floats, cooling_c: Floats, temperature_c: Floats
) -> HabitWeek:
    """Set-points of a zone with and without people, all of shape (n,); NaN where unknown.

    `people_share` is the number of people over the most ever seen.
    """
    there, empty = np.asarray(people_share >= PRESENT_SHARE), np.asarray(people_share < PRESENT_SHARE)
    below = (heating_c - temperature_c)[there & (temperature_c < heating_c + _HEATED_K)]
    swing = _typical(below, 0.9)
    week = week_of(record, heating_c, lambda day_by_slot: np.nanmedian(day_by_slot, axis=0))
    return HabitWeek(
        week,
        heating_empty_c=_typical(heating_c[~there]),
        cooling_c=_typical(cooling_c[there]),
        cooling_empty_c=_typical(cooling_c[empty], 0.9),
        swing_k=DEFAULT_SWING_K if swing is None else min(max(swing, 0.0), DEFAULT_SWING_K),
    )


def learn_air_habit(people_share: Floats, outdoor_air: Floats, flow: Floats, supply_c: Floats) -> AirHabit:
    """Least outdoor air and supply temperature of an air system while its zones are well occupied.

    Parameters
    ----------
    people_share
        People in its zones over the most ever seen, shape (n,).
    outdoor_air, flow
        Share of outdoor air and supply air flow; their product is what people get. More than the least of it is free
        cooling. What a system keeps is what varies less. A fan that cycles keeps its share of a flow that varies; how
        much that brings is up to its runs, so nothing of it is taken for known.
    """
    full = (people_share >= _FULL_SHARE) & (flow > 0)
    moved, share = (outdoor_air * flow)[full], outdoor_air[full]
    keeps_share = _spread(share) <= _spread(moved) + _SAME
    cycles = keeps_share and _spread(flow[full]) > _CYCLES
    return AirHabit(
        flow=_typical(flow[full], 0.1),
        outdoor_air=None if keeps_share else _typical(moved, 0.1),
        supply_c=_typical(supply_c[full]),
        outdoor_share=_typical(share, 0.1) if keeps_share and not cycles else None,
    )


def _spread(values: Floats) -> float:
    """How far the least lies below the usual, as a share of it; 0 when it is not known."""
    least, usual = _typical(values, 0.1), _typical(values)
    return 1 - least / usual if least is not None and usual else 0.0


def _typical(values: Floats, quantile: float = 0.5) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, quantile)) if known.size >= _MIN_STEPS else None
