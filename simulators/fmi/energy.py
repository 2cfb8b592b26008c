"""Registers of energy: which powers of an FMU make which carrier and end use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from core.errors import ConfigError
from simulators.fmi.description import Variable

_CARRIERS: Final = {
    "ElectricPower": "electricity",
    "GasPower": "gas",
    "DistrictHeatingPower": "district-heat",
    "BiomassPower": "biomass",
}
"""Signal type of BOPTEST → carrier; what the sun gives is not bought and not counted."""

_SAID: Final = (
    ("electricity", re.compile(r"\belectric", re.IGNORECASE)),
    ("gas", re.compile(r"\bgas\b", re.IGNORECASE)),
    ("district-heat", re.compile(r"\bdistrict heat", re.IGNORECASE)),
)
_END_USES: Final = (
    ("heating", re.compile(r"heat.?pump|HeaPum", re.IGNORECASE)),
    ("fans", re.compile(r"fan", re.IGNORECASE)),
    ("pumps", re.compile(r"pum", re.IGNORECASE)),
    ("lights", re.compile(r"light|PLig", re.IGNORECASE)),
    ("equipment", re.compile(r"plug|PPlu|equipment|appliance", re.IGNORECASE)),
    ("hot-water", re.compile(r"domestic hot water|dhw", re.IGNORECASE)),
    ("cooling", re.compile(r"cool|coo\b|coo_|PCoo|chill", re.IGNORECASE)),
    ("heating", re.compile(r"heat|hea\b|PHea|boiler|Boi\b|reheat", re.IGNORECASE)),
)
"""First match counts: a fan of a heating coil is a fan, a heat pump heats."""

BUILDING_METERS: Final = {
    "electricity": "Building_Electrical_Meter",
    "gas": "Building_Gas_Meter",
    "district-heat": "Building_Hot_Water_Meter",
}
END_USE_METERS: Final = {"electricity": "Electrical_Meter", "gas": "Gas_Meter", "district-heat": "Hot_Water_Meter"}


def end_use_of(variable: Variable) -> str:
    """End use of a power, or nothing where neither name nor description says it."""
    text = f"{variable.name.removesuffix('_y')} {variable.description}"
    return next((use for use, pattern in _END_USES if pattern.search(text)), "")


def registers_of(powers: Iterable[Variable], tags: Mapping[str, tuple[str, ...]]) -> dict[str, list[Variable]]:
    """Registers and the powers that each adds up.

    With tags, what they count and nothing else: a sub-meter is not counted twice. Without, powers whose description
    names both a carrier and an end use.
    """
    found: dict[str, list[Variable]] = {}
    tagged = {name: carrier for tag, carrier in _CARRIERS.items() for name in tags.get(tag, ())}
    for variable in powers:
        use = end_use_of(variable)
        if tags:
            carrier = tagged.get(variable.name, "")
        else:
            carrier = next((c for c, pattern in _SAID if use and pattern.search(variable.description)), "")
        if carrier:
            found.setdefault(carrier, []).append(variable)
            if use:
                found.setdefault(f"{carrier}/{use}", []).append(variable)
    return found


def registers_named(said: Mapping[str, list[str]], powers: Mapping[str, Variable]) -> dict[str, list[Variable]]:
    """Registers as a naming file gives them; a carrier that it does not give is the sum of its end uses.

    Raises
    ------
    ConfigError
        One of them is no output of power.
    """
    found: dict[str, list[Variable]] = {}
    for register, names in said.items():
        lacking = [name for name in names if name not in powers]
        if lacking:
            raise ConfigError(f"energy.{register}: {', '.join(lacking)} is no output of power of the FMU")
        found[register] = [powers[name] for name in names]
        carrier = register.partition("/")[0]
        if carrier not in said:
            total = found.setdefault(carrier, [])
            total += [power for power in found[register] if power not in total]
    return found
