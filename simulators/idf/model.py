"""The text of an EnergyPlus model (IDF), read as objects, edited as values and written back without the engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from core.errors import DomainError, NotFoundError

_SYSTEM_OUTPUTS: Final = ("output:", "outputcontrol:", "utilitycost:", "environmentalimpactfactors", "fuelfactors")


@dataclass(frozen=True)
class IdfObject:
    """One object of the model.

    Attributes
    ----------
    kind
        Its class as written, for example ``ZoneControl:Thermostat``.
    fields
        Its fields in the order of EnergyPlus' data dictionary, without units; most classes begin with a name.
    """

    kind: str
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """First field: the name, where the class has one."""
        return self.fields[0] if self.fields else ""

    def is_a(self, *kinds: str) -> bool:
        """Whether it is of one of these classes; capitals do not matter."""
        return self.kind.casefold() in {kind.casefold() for kind in kinds}

    def field(self, index: int) -> str:
        """Field `index` counted from 0 (the name); empty where the object ends before it."""
        return self.fields[index] if index < len(self.fields) else ""

    def with_field(self, index: int, value: str) -> IdfObject:
        """Return this object with another value in field `index`."""
        fields = [*self.fields, *[""] * (index + 1 - len(self.fields))]
        fields[index] = value
        return replace(self, fields=tuple(fields))


@dataclass(frozen=True)
class Idf:
    """An EnergyPlus model: its objects in their order."""

    objects: tuple[IdfObject, ...]

    @classmethod
    def parse(cls, text: str) -> Idf:
        """Read the text of a model.

        Raises
        ------
        DomainError
            It does not end with the end of an object.
        """
        plain = re.sub(r"!.*", "", text)
        *bodies, rest = plain.split(";")
        if rest.strip():
            raise DomainError(f"the model ends within an object: {rest.strip()[:60]!r}")
        objects = []
        for body in bodies:
            kind, *fields = (field.strip() for field in body.split(","))
            if kind:
                objects.append(IdfObject(kind, tuple(fields)))
        return cls(tuple(objects))

    def text(self) -> str:
        """The model as EnergyPlus reads it."""
        return "".join(",\n  ".join((item.kind, *item.fields)) + ";\n\n" for item in self.objects)

    def all(self, *kinds: str) -> Iterator[IdfObject]:
        """Objects of these classes."""
        return (item for item in self.objects if item.is_a(*kinds))

    def find(self, kind: str, name: str) -> IdfObject:
        """Object of class `kind` (``Schedule:`` stands for every class that begins so) called `name`.

        Raises
        ------
        NotFoundError
            There is none.
        """
        for item in self.objects:
            of_kind = item.kind.casefold().startswith(kind.casefold()) if kind.endswith(":") else item.is_a(kind)
            if of_kind and item.name.casefold() == name.casefold():
                return item
        raise NotFoundError(f"the model has no {kind} {name!r}", kind=kind, name=name)

    def without(self, *prefixes: str) -> Idf:
        """Return the model without the classes that begin with one of `prefixes` (lower case)."""
        return Idf(tuple(item for item in self.objects if not item.kind.casefold().startswith(prefixes)))

    def adding(self, *objects: IdfObject) -> Idf:
        """Return the model with more objects at its end."""
        return Idf((*self.objects, *objects))

    def mapped(self, change: Callable[[IdfObject], IdfObject], *kinds: str) -> Idf:
        """Return the model with `change` applied to the objects of these classes."""
        return Idf(tuple(change(item) if item.is_a(*kinds) else item for item in self.objects))


def for_run(model: Idf, first: date, end: date, *, steps_per_hour: int | None = None) -> Idf:
    """Return the model set up to simulate the days from `first` until before `end`, and to report nothing.

    The shipped models run their design days only and write large reports. Sizing is kept; the run
    period, the weekday of its first day and the time step are rewritten. Reports are added with `reporting`.

    Parameters
    ----------
    first, end
        Local dates; half open, within one calendar year (an EPW file holds one).
    steps_per_hour
        Zone time steps an hour (1 to 60, a divisor of 60); None: as the model says.
    """
    last = end - timedelta(days=1)
    if not first <= last or first.year != last.year:
        raise DomainError(f"a run period lies within one year and is not empty, not {first} to {end}")
    # Every sizing that the model asks for is still made; only what is then simulated is different.
    controls = [*model.all("SimulationControl")] or [IdfObject("SimulationControl", ("No",) * 5)]
    control = controls[0].with_field(3, "No").with_field(4, "Yes")
    run = (
        "promessa",
        f"{first.month}",
        f"{first.day}",
        f"{first.year}",
        f"{last.month}",
        f"{last.day}",
        f"{last.year}",
    )
    # Weekdays from the year; holidays and daylight saving are the model's own, not the weather file's.
    period = IdfObject("RunPeriod", (*run, "", "No", "No", "No", "Yes", "Yes"))
    plain = model.without(*_SYSTEM_OUTPUTS, "simulationcontrol")
    plain = Idf(tuple(item for item in plain.objects if not item.is_a("RunPeriod")))
    if steps_per_hour is not None:
        if not 1 <= steps_per_hour <= 60 or 60 % steps_per_hour:
            raise DomainError(f"{steps_per_hour} steps an hour do not divide it into whole minutes")
        plain = plain.without("timestep").adding(IdfObject("Timestep", (f"{steps_per_hour}",)))
    return plain.adding(control, period)


def reporting(model: Idf, variables: Iterable[str], meters: Iterable[str], frequency: str = "Timestep") -> Idf:
    """Return the model writing these output variables (of every object) and meters into ``eplusout.sql``.

    Parameters
    ----------
    frequency
        ``Timestep`` (zone time step), ``Hourly``, ``Daily`` …
    """
    return model.adding(
        IdfObject("Output:SQLite", ("Simple",)),
        *(IdfObject("Output:Variable", ("*", variable, frequency)) for variable in variables),
        *(IdfObject("Output:Meter", (meter, frequency)) for meter in meters),
    )


def zones_of(model: Idf, name: str) -> tuple[str, ...]:
    """Names of the zones that `name` stands for: itself, or the members of a zone list of that name."""
    for item in model.all("ZoneList"):
        if item.name.casefold() == name.casefold():
            return tuple(field for field in item.fields[1:] if field)
    return (name,)


def conditioned_zones(model: Idf) -> tuple[str, ...]:
    """Zones with a thermostat, in the order of the model."""
    found = [zone for item in model.all("ZoneControl:Thermostat") for zone in zones_of(model, item.field(1))]
    return tuple(dict.fromkeys(found))
