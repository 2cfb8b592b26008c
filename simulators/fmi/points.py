"""Points of a building's FMU, found from its own description."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from core.errors import ConfigError
from simulators.fmi.description import Description, Variable
from simulators.fmi.energy import BUILDING_METERS, END_USE_METERS, registers_named, registers_of
from simulators.fmi.naming import Named, Naming
from simulators.fmi.roles import TEMPERATURE, Role, plain_class, role_of, zone_said
from simulators.fmi.scale import Scale, scale_of

_NUMBERS: Final = frozenset({"Real", "Integer", "Boolean", "Enumeration"})
_COMFORT: Final = ("AirZoneTemperature", "OperativeZoneTemperature")
_ONLY_ZONE: Final = "zone"


@dataclass(frozen=True)
class Signal:
    """A variable of the FMU and how its values become the point's."""

    variable: Variable
    scale: Scale


@dataclass(frozen=True)
class FmuPoint:
    """One point of an FMU.

    Attributes
    ----------
    name, brick_class, unit, zone
        As in `simulators.port.SimulatedPoint`.
    reads
        Outputs: one; for a register in kW.h, the powers it adds up; none where the FMU does not show what is in force.
    writes
        Input; None: it cannot be written.
    activate
        Boolean input that says whether `writes` counts; None: it always does.
    low, high
        Smallest and largest value that may be written.
    register
        Its value is the energy since the beginning.
    """

    name: str
    brick_class: str
    unit: str
    zone: str = ""
    reads: tuple[Signal, ...] = ()
    writes: Signal | None = None
    activate: Variable | None = None
    low: float = -math.inf
    high: float = math.inf
    register: bool = False


@dataclass(frozen=True)
class Found:
    """Points of an FMU, and what was left out: name of its variable → why."""

    points: tuple[FmuPoint, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class _Candidate:
    """An input, an output or both of one name, before it is known what they are."""

    base: str
    main: Variable
    scale: Scale
    named: Named
    output: Variable | None
    input: Variable | None = None
    activate: Variable | None = None
    zone: str = ""
    role: Role | None = None
    rank: int = 0


def points_of(description: Description, naming: Naming | None = None) -> Found:
    """Find the points of an FMU.

    Raises
    ------
    ConfigError
        `naming` speaks of what the FMU does not have, two points have one name, or there is none.
    """
    naming = naming or Naming()
    candidates, left_out = _candidates(description, naming)
    candidates = _with_zones(candidates, description.tags)
    candidates = [_judged(c, description.tags) for c in candidates]
    points = [_point(c, plain=plain) for c, plain in _settled(_one_zone(candidates))]
    points += _registers(description, naming)
    names = [point.name for point in points]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"the FMU gives {', '.join(twice)} twice: a naming file must tell them apart")
    if not points:
        raise ConfigError("the FMU has no inputs and outputs that can be points")
    return Found(tuple(points), left_out)


def _candidates(description: Description, naming: Naming) -> tuple[list[_Candidate], dict[str, str]]:
    variables = {v.name: v for v in description.variables if v.kind in _NUMBERS}
    inputs = {name: v for name, v in variables.items() if v.causality == "input"}
    outputs = {name: v for name, v in variables.items() if v.causality == "output"}
    found: list[_Candidate] = []
    left_out: dict[str, str] = {}
    unused = set(naming.points)
    overwrites = {name.removesuffix("_u") for name in inputs if name.endswith("_u")}

    def add(base: str, main: Variable, **parts: Variable | None) -> None:
        unused.discard(base)
        named = naming.points.get(base, Named())
        scale = scale_of(main if named.unit is None else replace(main, unit=named.unit), description.units)
        if named.ignore:
            left_out[main.name] = "the naming file ignores it"
        elif scale is None:
            left_out[main.name] = f"its unit {main.unit!r} is not known"
        else:
            found.append(
                _Candidate(base, main, scale, named, parts.get("output"), parts.get("input"), parts.get("activate"))
            )

    for name, variable in inputs.items():
        base = name.removesuffix("_u")
        if name.endswith("_activate") and name.removesuffix("_activate") in overwrites:
            continue
        if name.endswith("_u"):
            shown = outputs.pop(f"{base}_y", None)
            add(base, variable, input=variable, activate=inputs.get(f"{base}_activate"), output=shown)
        else:
            add(name, variable, input=variable)
    for name, variable in outputs.items():
        add(name.removesuffix("_y"), variable, output=variable)
    if unused:
        raise ConfigError(f"the FMU has no input or output {', '.join(sorted(unused))}, which the naming file names")
    return found, left_out


def _tagged(candidate: _Candidate, tags: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Tag and zone of each signal that the candidate is part of: ``AirZoneTemperature[north]``."""
    name = candidate.output.name if candidate.output else candidate.main.name
    parts = [tag.partition("[") for tag, names in tags.items() if name in names]
    return [(kind, zone.removesuffix("]")) for kind, _, zone in parts]


def _judged(candidate: _Candidate, tags: Mapping[str, tuple[str, ...]]) -> _Candidate:
    """Give a candidate its role. Where tags say which temperatures are those of zones, attics and garages are none."""
    kinds = [kind for kind, _ in _tagged(candidate, tags)]
    text, unit = candidate.main.description, candidate.scale.unit
    role = role_of(candidate.base, text, unit, kinds, written=candidate.input is not None)
    said = any(tag.startswith(_COMFORT) for tag in tags)
    if role is TEMPERATURE and said and not kinds:
        role = None
    rank = ("AirZoneTemperature" not in kinds) + ("operative" in text.casefold())
    return replace(candidate, role=role, rank=rank)


def _with_zones(candidates: list[_Candidate], tags: Mapping[str, tuple[str, ...]]) -> list[_Candidate]:
    """Give each candidate its zone: as named, as tagged, as its description says, or as its block's other variables."""
    zones = {c.base: next((zone for _, zone in _tagged(c, tags) if zone), "") for c in candidates}
    known = sorted({zone for zone in zones.values() if zone})
    for c in candidates:
        if not zones[c.base] and (said := zone_said(c.main.description)):
            longer = [zone for zone in known if zone.casefold().startswith(said.casefold())]
            zones[c.base] = longer[0] if len(longer) == 1 else said
    blocks: dict[str, set[str]] = {}
    for base, zone in zones.items():
        blocks.setdefault(base.rpartition("_")[0], set()).add(zone)
    given = []
    for c in candidates:
        block = c.base.rpartition("_")[0]
        others = blocks[block] - {""} if block else set()
        zone = zones[c.base] or (others.pop() if len(others) == 1 else "")
        given.append(replace(c, zone=_zone_segment(zone if c.named.zone is None else c.named.zone)))
    return given


def _one_zone(candidates: list[_Candidate]) -> list[_Candidate]:
    """In a building of one zone, everything that belongs to a zone belongs to that one."""
    zones = {c.zone for c in candidates if c.zone}
    if len(zones) > 1:
        return candidates
    only = next(iter(zones), _ONLY_ZONE)
    return [replace(c, zone=only) if c.role and c.role.zoned and c.named.zone is None else c for c in candidates]


def _settled(candidates: list[_Candidate]) -> Iterable[tuple[_Candidate, bool]]:
    """Each candidate and whether it is plain: a role goes to one in each place.

    First comes what can be handed back, and of temperatures the air's. An output of the same role shows what is in
    force where the one that is written does not.
    """
    held: dict[tuple[str, str], list[_Candidate]] = {}
    for c in sorted(candidates, key=lambda c: (c.activate is None, c.input is None, c.rank)):
        if c.role is not None and (c.zone or not c.role.zoned):
            held.setdefault((c.zone if c.role.zoned else "", c.role.name), []).append(c)
    holders: dict[str, _Candidate] = {}
    shown: set[str] = set()
    for first, *others in held.values():
        if others and first.role is not None and first.role.alone:
            continue
        outputs = [c for c in others if c.input is None]
        if first.output is None and outputs:
            first = replace(first, output=outputs[0].output)  # noqa: PLW2901
            shown.add(outputs[0].base)
        holders[first.base] = first
    return [(holders.get(c.base, c), c.base not in holders) for c in candidates if c.base not in shown]


def _point(candidate: _Candidate, *, plain: bool) -> FmuPoint:
    named, role, main = candidate.named, candidate.role, candidate.main
    written = candidate.input is not None
    if role is None or plain:
        name = segment(candidate.base)
        brick = (
            role.plain_class
            if role
            else plain_class(candidate.base, main.description, candidate.scale.unit, written=written)
        )
    else:
        name = f"{candidate.zone}/{role.name}" if role.zoned else role.name
        brick = role.brick_class
    low, high = (candidate.scale.point(value) for value in (main.low, main.high))
    return FmuPoint(
        name=named.name or name,
        brick_class=named.brick_class or brick,
        unit=role.unit if role and role.unit else candidate.scale.unit,
        zone=candidate.zone if role is None or role.zoned or named.zone is not None else "",
        reads=(Signal(candidate.output, candidate.scale),) if candidate.output else (),
        writes=Signal(candidate.input, candidate.scale) if candidate.input else None,
        activate=candidate.activate,
        low=(0.0 if main.kind == "Boolean" else low) if named.minimum is None else named.minimum,
        high=(1.0 if main.kind == "Boolean" else high) if named.maximum is None else named.maximum,
    )


def _registers(description: Description, naming: Naming) -> list[FmuPoint]:
    scales: dict[str, Scale] = {}
    powers: dict[str, Variable] = {}
    for v in description.variables:
        scale = scale_of(v, description.units) if v.kind == "Real" and v.causality == "output" else None
        if scale is not None and scale.unit == "kW":
            powers[v.name], scales[v.name] = v, scale
    registers = (
        registers_named(naming.energy, powers) if naming.energy else registers_of(powers.values(), description.tags)
    )
    return [
        FmuPoint(
            name=name,
            brick_class=(END_USE_METERS if "/" in name else BUILDING_METERS).get(
                name.partition("/")[0], "Energy_Sensor"
            ),
            unit="kW.h",
            reads=tuple(Signal(v, scales[v.name]) for v in parts),
            register=True,
        )
        for name, parts in sorted(registers.items())
    ]


def segment(name: str) -> str:
    """Return a name of the FMU as a segment of a point's id."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")


def _zone_segment(zone: str) -> str:
    found = segment(zone)
    return f"{_ONLY_ZONE}-{found}" if found.isdigit() else found
