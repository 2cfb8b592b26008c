"""Compact schedules of an EnergyPlus model: what holds on which days, and the same with other values or hours.

Changes leave design days as they are, so that a building whose use changes keeps the equipment it was sized with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from core.errors import DomainError
from simulators.idf.model import Idf, IdfObject

DESIGN_DAYS: Final = ("SummerDesignDay", "WinterDesignDay")
DAY_MINUTES: Final = 1440
_DAY_WORDS: Final = (
    "all",
    "weekday",
    "weekend",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "holiday",
    "summer",
    "winter",
    "custom",
)
"""How the words begin that the engine knows as days; it passes over others (a shipped model has "Weedends")."""

Steps = tuple[tuple[int, float], ...]
"""Values of a day: (minute of the day until which it holds, value), ascending, the last one at 1440."""


@dataclass(frozen=True)
class DayBlock:
    """What holds on some days of a period.

    Attributes
    ----------
    through
        Last day of the period as written (``12/31``).
    days
        Day types: ``Weekdays``, ``AllOtherDays`` …
    interpolate
        The schedule's own word for interpolation, or empty.
    steps
        Values of the day.
    """

    through: str
    days: tuple[str, ...]
    interpolate: str
    steps: Steps


def _after_colon(field: str, word: str) -> str:
    return field[len(word) :].lstrip().removeprefix(":").strip()


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute or 0)


def blocks(schedule: IdfObject) -> tuple[DayBlock, ...]:
    """Read a ``Schedule:Compact`` (or the one value of a ``Schedule:Constant``).

    Raises
    ------
    DomainError
        It is of another class, or not written as EnergyPlus wants it.
    """
    if schedule.is_a("Schedule:Constant"):
        return (DayBlock("12/31", ("AllDays",), "", ((DAY_MINUTES, float(schedule.field(2))),)),)
    if not schedule.is_a("Schedule:Compact"):
        raise DomainError(f"{schedule.name}: a {schedule.kind} cannot be changed", schedule=schedule.name)
    try:
        found = _compact_blocks(schedule.fields[2:])
    except (ValueError, IndexError) as error:
        raise DomainError(f"{schedule.name} cannot be read: {error}", schedule=schedule.name) from error
    if not found or any(not block.steps or block.steps[-1][0] != DAY_MINUTES for block in found):
        raise DomainError(f"{schedule.name}: a day does not end at 24:00", schedule=schedule.name)
    return tuple(found)


def _compact_blocks(fields: Sequence[str]) -> list[DayBlock]:
    found: list[DayBlock] = []
    through, until = "", 0
    for field in fields:
        word = field.casefold()
        if word.startswith("through"):
            through = _after_colon(field, "through")
        elif word.startswith("for"):
            words = _after_colon(field, "for").split()
            days = tuple(day for day in words if day.casefold().startswith(_DAY_WORDS))
            found.append(DayBlock(through, days, "", ()))
        elif word.startswith("interpolate"):
            found[-1] = replace(found[-1], interpolate=field)
        elif word.startswith("until"):
            until = _minute(_after_colon(field, "until"))
        elif field:
            found[-1] = replace(found[-1], steps=(*found[-1].steps, (until, float(field))))
    return found


def compact(name: str, days: tuple[DayBlock, ...]) -> IdfObject:
    """Write a ``Schedule:Compact`` without type limits (a share of people may pass 1)."""
    fields = [name, ""]
    through = ""
    for block in days:
        if block.through != through:
            through = block.through
            fields.append(f"Through: {through}")
        fields.append(f"For: {' '.join(block.days)}")
        if block.interpolate:
            fields.append(block.interpolate)
        for until, value in block.steps:
            fields += [f"Until: {until // 60:02d}:{until % 60:02d}", f"{value:.6g}"]
    return IdfObject("Schedule:Compact", tuple(fields))


def _is_design(day: str) -> bool:
    return day.casefold() in {design.casefold() for design in DESIGN_DAYS}


def changed(schedule: IdfObject, change: Callable[[Steps], Steps], name: str | None = None) -> IdfObject:
    """Return `schedule` with `change` applied to every day but the design days, under another `name` if given."""
    periods = _periods(blocks(schedule))
    return compact(name or schedule.name, tuple(block for period in periods for block in _changed(period, change)))


def _periods(days: tuple[DayBlock, ...]) -> list[tuple[DayBlock, ...]]:
    return [tuple(period) for _, period in groupby(days, key=lambda block: block.through)]


def _changed(period: tuple[DayBlock, ...], change: Callable[[Steps], Steps]) -> Iterator[DayBlock]:
    """Blocks of one period with its design days kept apart, as they were."""
    spoken: set[str] = set()
    for block in period:
        general = any(day.casefold().startswith("all") for day in block.days)
        named = tuple(day for day in block.days if _is_design(day))
        design = tuple(day for day in DESIGN_DAYS if day.casefold() not in spoken) if general else named
        spoken |= {day.casefold() for day in design}
        if design:
            yield replace(block, days=design)
        others = ("AllOtherDays",) if general else tuple(day for day in block.days if not _is_design(day))
        if others:
            yield replace(block, days=others, steps=change(block.steps))


def daily(schedule: IdfObject, first: date, factors: Sequence[float], name: str) -> IdfObject:
    """Return `schedule` with the values of each day from `first` on multiplied by that day's factor.

    Parameters
    ----------
    factors
        One a day, within one calendar year; other days and design days stay as they are.
    """
    periods = _periods(blocks(schedule))
    ends = [_day_of(period[0].through, first.year) for period in periods]

    def through(period: tuple[DayBlock, ...], day: date, factor: float) -> Iterator[DayBlock]:
        dated = tuple(replace(block, through=f"{day.month}/{day.day}") for block in period)
        return _changed(dated, scaled(factor))

    def holding(day: date) -> tuple[DayBlock, ...]:
        return next((period for period, end in zip(periods, ends, strict=True) if day <= end), periods[-1])

    before, last = first - timedelta(days=1), first + timedelta(days=len(factors) - 1)
    if last.year != first.year:
        raise DomainError(f"factors from {first} to {last} pass the end of a year")
    result = [block for period, end in zip(periods, ends, strict=True) if end < before for block in period]
    if before.year == first.year:
        result += through(holding(before), before, 1.0)
    for offset, factor in enumerate(factors):
        day = first + timedelta(days=offset)
        result += through(holding(day), day, factor)
    result += [block for period, end in zip(periods, ends, strict=True) if end > last for block in period]
    return compact(name, tuple(result))


def _day_of(through: str, year: int) -> date:
    """Date of a ``Through`` written as month/day."""
    month, _, day = through.partition("/")
    try:
        return date(year, int(month), int(day))
    except ValueError as error:
        raise DomainError(f"Through: {through} is not month/day") from error


def scaled(factor: float) -> Callable[[Steps], Steps]:
    """Multiply every value of a day."""
    return lambda steps: tuple((until, value * factor) for until, value in steps)


def shifted(offset: float) -> Callable[[Steps], Steps]:
    """Add to every value of a day."""
    return lambda steps: tuple((until, value + offset) for until, value in steps)


def prolonged(minutes: int, *, falling: bool = True) -> Callable[[Steps], Steps]:
    """Let what a day's working time holds last `minutes` longer.

    The last fall of the day (for a cooling set-point, `falling` False, its last rise) comes later. What midnight
    leaves no room for is put before the first change to the working value instead.
    """
    sign = 1.0 if falling else -1.0

    def longer(steps: Steps) -> Steps:
        ends = [until for until, _ in steps]
        values = [sign * value for _, value in steps]
        falls = [i for i in range(len(steps) - 1) if values[i] > values[i + 1]]
        rises = [i for i in range(len(steps) - 1) if values[i] < values[i + 1]]
        room = minutes
        if falls:
            later = min(DAY_MINUTES, ends[falls[-1]] + minutes)
            room -= later - ends[falls[-1]]
            ends[falls[-1]] = later
            for i in range(falls[-1] + 1, len(ends)):
                ends[i] = max(ends[i], later)
        if falls and rises and room:
            earlier = max(0, ends[rises[0]] - room)
            for i in range(rises[0] + 1):
                ends[i] = min(ends[i], earlier)
        starts = [0, *ends[:-1]]
        return tuple((end, sign * value) for start, end, value in zip(starts, ends, values, strict=True) if end > start)

    return longer


def replaced(model: Idf, name: str, change: Callable[[Steps], Steps]) -> Idf:
    """Return the model with its schedule `name` changed for everything that follows it.

    Raises
    ------
    NotFoundError
        The model has no such schedule.
    DomainError
        The schedule is of a class that cannot be changed.
    """
    old = model.find("Schedule:", name)
    new = changed(old, change)
    return Idf(tuple(new if item is old else item for item in model.objects))
