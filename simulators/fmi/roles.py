"""What a variable of a building's FMU is, judged by its unit, its name and its description in BOPTEST's conventions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Role:
    """What a point is known as everywhere.

    Attributes
    ----------
    name
        Last part of its name: ``heating-setpoint``.
    brick_class
        Brick 1.4 class.
    zoned
        It belongs to a zone and is one there.
    plain_class
        Its class where it has no zone, or is one of several.
    unit
        In place of the unit it has; empty: the same.
    alone
        Where there are several, none of them is it: which one would be a guess.
    """

    name: str
    brick_class: str
    zoned: bool
    plain_class: str
    unit: str = ""
    alone: bool = False


HEATING_SETPOINT: Final = Role(
    "heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", True, "Heating_Temperature_Setpoint"
)
COOLING_SETPOINT: Final = Role(
    "cooling-setpoint", "Zone_Air_Cooling_Temperature_Setpoint", True, "Cooling_Temperature_Setpoint"
)
SETPOINT: Final = Role("temperature-setpoint", "Zone_Air_Temperature_Setpoint", True, "Temperature_Setpoint")
TEMPERATURE: Final = Role("temperature", "Zone_Air_Temperature_Sensor", True, "Temperature_Sensor")
CO2: Final = Role("co2", "Zone_CO2_Level_Sensor", True, "CO2_Level_Sensor")
PEOPLE: Final = Role("people", "Occupancy_Count_Sensor", True, "Occupancy_Count_Sensor", "{person}")
SUPPLY_SETPOINT: Final = Role(
    "supply-temperature-setpoint", "Leaving_Hot_Water_Temperature_Setpoint", False, "Temperature_Setpoint"
)
SUPPLY: Final = Role(
    "supply-temperature", "Leaving_Hot_Water_Temperature_Sensor", False, "Temperature_Sensor", alone=True
)
RETURN: Final = Role(
    "return-temperature", "Entering_Hot_Water_Temperature_Sensor", False, "Temperature_Sensor", alone=True
)
OUTDOOR: Final = Role("outdoor-temperature", "Outside_Air_Temperature_Sensor", False, "Temperature_Sensor")
SUN: Final = Role("solar-irradiance", "Solar_Irradiance_Sensor", False, "Solar_Irradiance_Sensor")
WIND: Final = Role("wind-speed", "Wind_Speed_Sensor", False, "Wind_Speed_Sensor")

_SETPOINT: Final = re.compile(r"set[ -]?point|TSet|(?:Hea|Coo|Sup)Set|SetHea|SetCoo", re.IGNORECASE)
_HEATING: Final = re.compile(r"heating|TSet\w*Hea|HeaSet", re.IGNORECASE)
_COOLING: Final = re.compile(r"cooling|TSet\w*Coo|CooSet", re.IGNORECASE)
_PLANT: Final = re.compile(
    r"\b(?:suppl|water|return|pump|coil|boiler|emission|discharge|chill|radiator|mixed|heat pump|leaving|entering)",
    re.IGNORECASE,
)
_ZONE_TEMPERATURE: Final = re.compile(
    r"TRoo|TZon|\b(?:zone|room)\b.{0,20}temperature|\btemperature\b.{0,25}\b(?:zone|room)\b", re.IGNORECASE
)
_NOT_AIR: Final = re.compile(
    r"\b(?:surface|wall|(?:floor|ceiling) (?:surface|temp)|radia|dew|wet|outdoor|outside|ambient|sky)",
    re.IGNORECASE,
)
_OUTDOOR: Final = re.compile(
    r"TDryBul|dry.?bulb|\b(?:outdoor|outside|ambient)\b.{0,12}\btemperature|\btemperature\b.{0,12}\b(?:outdoor|outside)",
    re.IGNORECASE,
)
_NOT_DRY: Final = re.compile(r"wet|dew|WetBul|DewPoi", re.IGNORECASE)
_COLD: Final = re.compile(r"chill|cold|cooling", re.IGNORECASE)
_SENSORS: Final = (
    ({"[ppm]"}, re.compile(r"co2|carbon dioxide", re.IGNORECASE), CO2),
    ({"W/m2"}, re.compile(r"HGloHor|global horizontal", re.IGNORECASE), SUN),
    ({"m/s"}, re.compile(r"WinSpe|wind speed", re.IGNORECASE), WIND),
    (
        {"1", "{count}", "{person}"},
        re.compile(r"\b(?:number|count) of (?:people|occupants|persons)|\boccupan\w+ (?:count|number)", re.IGNORECASE),
        PEOPLE,
    ),
)
"""Units, what name or description says, and the role; temperatures have rules of their own."""

_WATER: Final = (
    (re.compile(r"\b(?:supply|leaving)\b", re.IGNORECASE), SUPPLY),
    (re.compile(r"\b(?:return|entering)\b", re.IGNORECASE), RETURN),
)
_HOT_SUPPLY: Final = re.compile(
    r"\bsupply water\b|\bsupply temperature\b.*\b(?:heater|boiler|radiator|floor)", re.IGNORECASE
)
_COMMANDS: Final = (
    (re.compile(r"fan", re.IGNORECASE), "Fan_Command"),
    (re.compile(r"pum", re.IGNORECASE), "Pump_Command"),
    (re.compile(r"valve|Val", re.IGNORECASE), "Valve_Command"),
    (re.compile(r"dam", re.IGNORECASE), "Damper_Command"),
)
_WRITTEN: Final = {"Cel": "Temperature_Setpoint", "Pa": "Differential_Pressure_Setpoint"}
_READ: Final = {
    "kW.h": "Energy_Usage_Sensor",
    "kg/s": "Flow_Sensor",
    "m3/s": "Flow_Sensor",
    "Pa": "Pressure_Sensor",
    "[ppm]": "CO2_Level_Sensor",
    "Cel": "Temperature_Sensor",
    "kW": "Thermal_Power_Sensor",
}
_ELECTRIC: Final = re.compile(r"electric|fan|pump|light|plug", re.IGNORECASE)
_TAGGED: Final = {"AirZoneTemperature": TEMPERATURE, "OperativeZoneTemperature": TEMPERATURE, "CO2Concentration": CO2}
"""Where comfort is judged by the operative temperature, that is what a thermostat there knows."""


def role_of(name: str, description: str, unit: str, tags: Sequence[str], *, written: bool) -> Role | None:
    """What a variable is, or None where nothing says it.

    Parameters
    ----------
    name
        Without ``_u`` or ``_y``.
    unit
        UCUM, of the point.
    tags
        BOPTEST's signals for performance indicators that it is part of.
    written
        It can be written.
    """
    text = f"{name} {description}"
    tagged = next((_TAGGED[tag] for tag in tags if tag in _TAGGED), None)
    if tagged is not None:
        return tagged
    if unit == "Cel" and _SETPOINT.search(text):
        return _setpoint(name, text)
    if written:
        return None
    if unit == "Cel":
        return _temperature(text)
    return next((role for units, pattern, role in _SENSORS if unit in units and pattern.search(text)), None)


def _setpoint(name: str, text: str) -> Role | None:
    if not _PLANT.search(text):
        if _HEATING.search(text) and not _COOLING.search(name):
            return HEATING_SETPOINT
        if _COOLING.search(text):
            return COOLING_SETPOINT
        return SETPOINT if _ZONE_TEMPERATURE.search(text) else None
    return SUPPLY_SETPOINT if _HOT_SUPPLY.search(text) and not _COLD.search(text) else None


def _temperature(text: str) -> Role | None:
    if _OUTDOOR.search(text):
        return None if _NOT_DRY.search(text) else OUTDOOR
    if re.search(r"\bwater\b", text, re.IGNORECASE):
        found = next((role for pattern, role in _WATER if pattern.search(text)), None)
        return None if _COLD.search(text) else found
    air = _ZONE_TEMPERATURE.search(text) and not _PLANT.search(text) and not _NOT_AIR.search(text)
    return TEMPERATURE if air else None


def plain_class(name: str, description: str, unit: str, *, written: bool) -> str:
    """Brick class of a variable that has no role: what it is in general."""
    text = f"{name} {description}"
    if written and unit == "1":
        return next((found for pattern, found in _COMMANDS if pattern.search(text)), "Command")
    if written:
        return _WRITTEN.get(unit, "Setpoint")
    if unit == "Cel" and _SETPOINT.search(text):
        return "Temperature_Setpoint"
    return "Electric_Power_Sensor" if unit == "kW" and _ELECTRIC.search(text) else _READ.get(unit, "Sensor")


_DESIGNATED: Final = re.compile(
    r"\b(?:for|in|of|to|at) (?:the )?(?:zone|room) (?!for\b|air\b|temp|therm|heat|cool|set)([\w-]+)", re.IGNORECASE
)


def zone_said(description: str) -> str:
    """Zone that a description names last (``… to zone measurement for zone Liv``), or nothing."""
    return next(reversed(_DESIGNATED.findall(description)), "")
