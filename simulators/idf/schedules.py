"""Compact schedules of an EnergyPlus model: what holds on which days, and the same with other values or hours.

Changes leave design days as they are, so that a building whose use changes keeps the equipment it was sized with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    found: list[DayBlock] = []
    through, until = "", None
    for field in schedule.fields[2:]:
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
            if until is None or not found:
                raise DomainError(f"{schedule.name}: {field!r} stands before For and Until", schedule=schedule.name)
            found[-1] = replace(found[-1], steps=(*found[-1].steps, (until, float(field))))
            until = None
    if not found or any(not block.steps or block.steps[-1][0] != DAY_MINUTES for block in found):
        raise DomainError(f"{schedule.name}: a day does not end at 24:00", schedule=schedule.name)
    return tuple(found)


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
    result: list[DayBlock] = []
    spoken: set[str] = set()
    through = ""
    for block in blocks(schedule):
        if block.through != through:
            through, spoken = block.through, set()
        general = any(day.casefold() in {"alldays", "allotherdays"} for day in block.days)
        named = tuple(day for day in block.days if _is_design(day))
        design = tuple(day for day in DESIGN_DAYS if day.casefold() not in spoken) if general else named
        spoken |= {day.casefold() for day in design}
        if design:
            result.append(replace(block, days=design))
        others = ("AllOtherDays",) if general else tuple(day for day in block.days if not _is_design(day))
        if others:
            result.append(replace(block, days=others, steps=change(block.steps)))
    return compact(name or schedule.name, tuple(result))


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
        return tuple(
            (end, sign * value) for start, end, value in zip(starts, ends, values, strict=True) if end > start
        )

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
