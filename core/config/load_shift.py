"""What may be moved to cheap or clean hours, as configured."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from core.errors import DomainError
from core.schedule import minute_of_day

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN: Final = 24 * 60


class ShiftableLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A load that must run for some hours before a deadline: a tank, a charger; see `control.strategies.load_shift`.

    Attributes
    ----------
    point
        Point id of what is driven.
    run_hours
        How long it must run in each window.
    power_kw
        What it draws while it runs.
    not_before, ready_by
        Local times between which it runs; `ready_by` is of the next day where it is no later.
    days
        ``mon`` to ``sun`` on which a window begins; none: every day.
    on_value, off_value
        What it is told, in the point's unit.
    running
        Point id that says whether it runs: a status (0 or 1), or its power; empty: what is driven, read back.
    in_one_piece
        Whether it may not be interrupted once begun.
    carrier
        What it draws.
    """

    point: str
    run_hours: float
    power_kw: float
    not_before: str = "00:00"
    ready_by: str = "24:00"
    days: list[str] = []
    on_value: float = 1.0
    off_value: float = 0.0
    running: str = ""
    in_one_piece: bool = False
    carrier: Literal["electricity", "gas", "heat", "fuel"] = "electricity"

    def __post_init__(self) -> None:
        if not (0 < self.run_hours < math.inf and 0 < self.power_kw < math.inf):
            raise DomainError(f"load {self.point}: run_hours and power_kw are above 0")
        if self.on_value == self.off_value:
            raise DomainError(f"load {self.point}: on_value and off_value differ")
        if unknown := [day for day in self.days if day not in WEEKDAYS]:
            raise DomainError(f"load {self.point}: {', '.join(unknown)} are not of mon to sun")
        if minute_of_day(self.not_before) == _DAY_MIN:
            raise DomainError(f"load {self.point}: not_before is earlier than 24:00")
        if self.run_hours > self.window_minutes / 60:
            raise DomainError(
                f"load {self.point}: {self.run_hours:g} h do not fit from {self.not_before} to {self.ready_by}"
            )

    @property
    def window_minutes(self) -> int:
        """Length of a window by the clock, at most a day."""
        length = minute_of_day(self.ready_by) - minute_of_day(self.not_before)
        return length if length > 0 else length + _DAY_MIN


class LoadShift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far rooms and loads follow prices and carbon.

    Attributes
    ----------
    most_k
        Rooms are warmed ahead by no more; 0: not at all. Kelvin.
    carbon_eur_per_tonne
        What a tonne of CO2 counts beside the price.
    loads
        With hours to run.
    """

    most_k: float = 1.5
    carbon_eur_per_tonne: float = 0.0
    loads: list[ShiftableLoad] = []

    def __post_init__(self) -> None:
        if not 0 <= self.most_k < math.inf or not 0 <= self.carbon_eur_per_tonne < math.inf:
            raise DomainError("load_shift: most_k and carbon_eur_per_tonne are 0 or more")
        if len({load.point for load in self.loads}) < len(self.loads):
            raise DomainError("a load stands twice in load_shift")
