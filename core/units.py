"""Units as UCUM codes, the few this field uses, and conversion between those of one dimension."""

from __future__ import annotations

from typing import Final, NamedTuple

from core.errors import DomainError


class Unit(NamedTuple):
    """A UCUM unit: value in base unit = value * factor + offset."""

    dimension: str
    factor: float
    offset: float = 0.0


# Source of codes and factors: UCUM 2.1 (unitsofmeasure.org), tables 2 to 8.
UNITS: Final[dict[str, Unit]] = {
    "1": Unit("dimensionless", 1.0),
    "%": Unit("dimensionless", 0.01),
    "[ppm]": Unit("fraction", 1e-6),
    "{count}": Unit("count", 1.0),
    "{person}": Unit("count", 1.0),
    "J": Unit("energy", 1.0),
    "kJ": Unit("energy", 1e3),
    "MJ": Unit("energy", 1e6),
    "GJ": Unit("energy", 1e9),
    "W.h": Unit("energy", 3.6e3),
    "kW.h": Unit("energy", 3.6e6),
    "MW.h": Unit("energy", 3.6e9),
    "W": Unit("power", 1.0),
    "kW": Unit("power", 1e3),
    "MW": Unit("power", 1e6),
    "W/m2": Unit("irradiance", 1.0),
    "K": Unit("temperature", 1.0),
    "Cel": Unit("temperature", 1.0, 273.15),
    "[degF]": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "m3": Unit("volume", 1.0),
    "L": Unit("volume", 1e-3),
    "m3/h": Unit("flow", 1 / 3600),
    "m3/s": Unit("flow", 1.0),
    "L/s": Unit("flow", 1e-3),
    "kg/s": Unit("mass flow", 1.0),
    "Pa": Unit("pressure", 1.0),
    "kPa": Unit("pressure", 1e3),
    "bar": Unit("pressure", 1e5),
    "m/s": Unit("speed", 1.0),
    "lx": Unit("illuminance", 1.0),
    "V": Unit("voltage", 1.0),
    "A": Unit("current", 1.0),
    "Hz": Unit("frequency", 1.0),
    "deg": Unit("angle", 1.0),
    "s": Unit("time", 1.0),
    "min": Unit("time", 60.0),
    "h": Unit("time", 3600.0),
}


def check_unit(code: str) -> str:
    """Return `code` if it is a UCUM code we know, else raise DomainError."""
    if code not in UNITS:
        raise DomainError(f"unit {code!r} is not a UCUM code Promessa knows: {', '.join(UNITS)}", unit=code)
    return code


def convert(value: float, source: str, target: str) -> float:
    """Convert `value` between two UCUM codes of one dimension.

    Parameters
    ----------
    value
        In `source`.
    source, target
        UCUM codes.

    Returns
    -------
    float
        In `target`.

    Raises
    ------
    DomainError
        A code is unknown, or the dimensions differ (kW is never kWh).
    """
    check_unit(source), check_unit(target)
    a, b = UNITS[source], UNITS[target]
    if a.dimension != b.dimension:
        raise DomainError(f"{source} ({a.dimension}) cannot become {target} ({b.dimension})")
    return (value * a.factor + a.offset - b.offset) / b.factor
