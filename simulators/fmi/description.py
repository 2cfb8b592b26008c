"""Read an FMU's description: its variables, units and binaries, and the tags that BOPTEST puts beside them."""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from core.errors import ConfigError

_UNLIMITED: Final = 1e300
"""Tools write the largest double where a limit is none."""
_KINDS: Final = frozenset({"Real", "Integer", "Boolean", "Enumeration", "String"})
_BASE: Final = ("kg", "m", "s", "A", "K", "mol", "cd", "rad")


@dataclass(frozen=True)
class BaseUnit:
    """A unit of an FMU in SI: value in SI = factor · value + offset.

    Attributes
    ----------
    exponents
        Of kg, m, s, A, K, mol, cd and rad.
    """

    exponents: tuple[int, ...]
    factor: float
    offset: float


@dataclass(frozen=True)
class Variable:
    """One scalar variable of an FMU.

    Attributes
    ----------
    name, reference, description
        As in the FMU.
    kind
        ``Real``, ``Integer``, ``Boolean``, ``Enumeration`` or ``String``.
    causality
        ``input``, ``output``, ``parameter``, ``local`` …
    unit, relative
        Of the FMU; relative: a difference, so 1 K stays 1 K.
    low, high, start
        In that unit; infinite and NaN where there is none.
    """

    name: str
    reference: int
    kind: str
    causality: str
    description: str = ""
    unit: str = ""
    relative: bool = False
    low: float = -math.inf
    high: float = math.inf
    start: float = math.nan


@dataclass(frozen=True)
class Description:
    """What an FMU says about itself.

    Attributes
    ----------
    identifier, guid
        Of the co-simulation: name of its library, and what that library checks.
    variables
        All of them, in the FMU's order.
    units
        Definitions of its units, where it gives them.
    platforms
        Those it has a library for: ``linux64`` …; ``c-code`` for sources.
    tags
        BOPTEST's ``kpis.json``: what a performance indicator is made of, for example
        ``AirZoneTemperature[north]`` → names of outputs.
    """

    identifier: str
    guid: str
    variables: tuple[Variable, ...]
    units: Mapping[str, BaseUnit] = field(default_factory=dict)
    platforms: frozenset[str] = frozenset()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(fmu: Path, *, tags: Path | None = None) -> Description:
    """Read an FMU of FMI 2.0 for co-simulation.

    Parameters
    ----------
    fmu
        The file.
    tags
        A ``kpis.json`` of BOPTEST; None: the one in the FMU's resources, where there is one.

    Raises
    ------
    ConfigError
        It cannot be read, is no FMU, is of another FMI, or is for model exchange only.
    """
    try:
        with zipfile.ZipFile(fmu) as archive:
            names = archive.namelist()
            if "modelDescription.xml" not in names:
                raise ConfigError(f"{fmu} is not an FMU: it has no modelDescription.xml")
            xml = archive.read("modelDescription.xml")
            tagged = archive.read("resources/kpis.json") if "resources/kpis.json" in names else b"{}"
        if tags is not None:
            tagged = tags.read_bytes()
    except zipfile.BadZipFile as error:
        raise ConfigError(f"{fmu} is not an FMU: it is no zip archive") from error
    except OSError as error:
        raise ConfigError(f"{error.filename or fmu} cannot be read: {error.strerror}") from error
    return parsed(str(fmu), xml, tags_of(tagged, str(tags or fmu)), platforms_of(names))


def platforms_of(names: list[str]) -> frozenset[str]:
    """Platforms that an archive with these names has a library or sources for."""
    found = {match[1] for name in names if (match := re.fullmatch(r"binaries/([^/]+)/[^/]+\.(?:so|dll|dylib)", name))}
    if any(re.fullmatch(r"sources/.*\.c", name) for name in names):
        found.add("c-code")
    return frozenset(found)


def tags_of(text: bytes, origin: str) -> dict[str, tuple[str, ...]]:
    """Read a ``kpis.json``.

    Raises
    ------
    ConfigError
        It is none.
    """
    try:
        return {tag: tuple(str(name) for name in names) for tag, names in json.loads(text).items() if tag != "None"}
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"{origin}: kpis.json is not what BOPTEST writes: {error}") from error


def parsed(
    origin: str, xml: bytes, tags: Mapping[str, tuple[str, ...]], platforms: frozenset[str] = frozenset()
) -> Description:
    """Parse a ``modelDescription.xml``.

    Raises
    ------
    ConfigError
        It is none, of another FMI than 2.0, or for model exchange only; the message begins with `origin`.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - an FMU brings native code: who does not trust it does not load it
        version = root.get("fmiVersion", "")
        if version != "2.0":
            raise ConfigError(f"{origin} is of FMI {version or 'unknown'}; only FMI 2.0 is taken")
        simulation = root.find("CoSimulation")
        if simulation is None:
            raise ConfigError(f"{origin} is for model exchange only; export it for co-simulation")
        types = {kind.get("name", ""): kind[0].attrib for kind in root.iterfind("TypeDefinitions/SimpleType")}
        return Description(
            identifier=simulation.attrib["modelIdentifier"],
            guid=root.attrib["guid"],
            variables=tuple(_variable(element, types) for element in root.iterfind("ModelVariables/ScalarVariable")),
            units={
                unit.get("name", ""): _unit(base) for unit in root.iterfind("UnitDefinitions/Unit") for base in unit[:1]
            },
            platforms=platforms,
            tags=tags,
        )
    except (ET.ParseError, KeyError, IndexError, ValueError) as error:
        raise ConfigError(f"{origin} is not an FMU: its modelDescription.xml is wrong: {error}") from error


def _unit(base: ET.Element) -> BaseUnit:
    exponents = tuple(int(base.get(name, "0")) for name in _BASE)
    return BaseUnit(exponents, float(base.get("factor", "1")), float(base.get("offset", "0")))


def _variable(element: ET.Element, types: Mapping[str, Mapping[str, str]]) -> Variable:
    typed = next((child for child in element if child.tag in _KINDS), None)
    if typed is None:
        raise ValueError(f"{element.get('name')} has no type")
    said = {**types.get(typed.get("declaredType", ""), {}), **typed.attrib}
    return Variable(
        name=element.attrib["name"],
        reference=int(element.attrib["valueReference"]),
        kind=typed.tag,
        causality=element.get("causality", "local"),
        description=element.get("description", ""),
        unit=said.get("unit", ""),
        relative=said.get("relativeQuantity") in {"true", "1"},
        low=_limit(said.get("min"), -math.inf),
        high=_limit(said.get("max"), math.inf),
        start=_start(typed),
    )


def _limit(text: str | None, none: float) -> float:
    value = none if text is None else float(text)
    return value if abs(value) < _UNLIMITED else none


def _start(typed: ET.Element) -> float:
    text = typed.get("start")
    if text is None or typed.tag == "String":
        return math.nan
    return float({"true": "1", "false": "0"}.get(text, text))
