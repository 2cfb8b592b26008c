"""What a point is to a building, told from its Brick class, its unit and its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import DomainError
from core.units import UNITS

_SPELLINGS: Final = {
    "kwh": "kW.h", "kw.h": "kW.h", "kw·h": "kW.h", "kw-h": "kW.h", "kw*h": "kW.h", "kilowatt-hour": "kW.h", "wh": "W.h",
    "w.h": "W.h", "mwh": "MW.h", "mw.h": "MW.h", "j": "J", "kj": "kJ", "mj": "MJ", "gj": "GJ", "joule": "J", "w": "W",
    "kw": "kW", "watt": "W", "°c": "Cel", "c": "Cel", "degc": "Cel", "deg_c": "Cel", "cel": "Cel", "celsius": "Cel",
    "°f": "[degF]", "degf": "[degF]", "f": "[degF]", "[degf]": "[degF]", "k": "K", "w/m2": "W/m2", "w/m²": "W/m2",
    "w.m-2": "W/m2", "ppm": "[ppm]", "[ppm]": "[ppm]", "m/s": "m/s", "%": "%", "": "1", "1": "1", "bool": "1",
    "count": "{count}", "{count}": "{count}", "person": "{person}", "people": "{person}", "persons": "{person}",
    "{person}": "{person}", "{people}": "{person}",
}  # fmt: skip


class Role(StrEnum):
    """What a point tells."""

    OUTDOOR = "outdoor temperature"
    SUN = "solar irradiance"
    WIND = "wind speed"
    TEMPERATURE = "zone temperature"
    HEATING_SETPOINT = "heating set-point"
    COOLING_SETPOINT = "cooling set-point"
    PEOPLE = "people"
    CO2 = "CO2"
    FAN = "fan status"
    METER = "energy meter"
    OTHER = "other"


class Carrier(StrEnum):
    """What an energy meter counts."""

    GAS = "gas"
    ELECTRICITY = "electricity"
    HEAT = "heat"
    """Heat behind a boiler or from a district network."""
    COLD = "cold"
    FUEL = "fuel"
    UNKNOWN = "energy"


class EndUse(StrEnum):
    """What the counted energy is for."""

    WHOLE = "whole building"
    HEATING = "heating"
    COOLING = "cooling"
    FANS = "fans"
    PUMPS = "pumps"
    LIGHTING = "lighting"
    EQUIPMENT = "equipment"
    WATER = "hot water"


@dataclass(frozen=True, slots=True)
class MeterKind:
    """Carrier and end use of a meter; `main` says that its class calls it the building's."""

    carrier: Carrier
    end_use: EndUse
    main: bool = False


def known_unit(text: str) -> str:
    """UCUM code of a unit as people write it; DomainError when it is none that we know."""
    if text in UNITS:
        return text
    code = _SPELLINGS.get(text.strip().lower())
    if code is None:
        raise DomainError(f"unit {text!r} is not one Promessa knows", unit=text)
    return code


def role_of(brick_class: str, unit: str, name: str) -> Role:  # noqa: PLR0911 - one line a dimension
    """What a point tells; `Role.OTHER` for what explains nothing here."""
    kind, what = _words(brick_class), _words(name)
    dimension = UNITS[unit].dimension
    if dimension == "temperature":
        return _temperature(kind, what)
    if dimension == "irradiance":
        return Role.SUN
    if dimension == "speed" and "wind" in kind | what:
        return Role.WIND
    if dimension in ("energy", "power"):
        return Role.METER if dimension == "energy" or _is_meter(kind, what) else Role.OTHER
    if {"co2", "carbon"} & kind:
        return Role.CO2
    if {"occupancy", "people", "occupant", "person", "occupants"} & kind:
        return Role.PEOPLE if not {"setpoint", "command"} & kind else Role.OTHER
    if "status" in kind and ({"fan", "ahu", "ventilation", "supply"} & (kind | what)):
        return Role.FAN
    return Role.OTHER


def meter_kind(brick_class: str, name: str) -> MeterKind:
    """Carrier and end use of an energy meter, told by its class first and by its name where that says nothing."""
    kind, what = _words(brick_class), _words(name)
    both = kind | what
    carrier = _carrier(kind)
    if carrier is Carrier.UNKNOWN:
        carrier = _carrier(what)
    use = EndUse.WHOLE
    for words, end_use in (
        ({"fan", "fans", "ventilation"}, EndUse.FANS),
        ({"pump", "pumps"}, EndUse.PUMPS),
        ({"lighting", "lights", "light", "interiorlights"}, EndUse.LIGHTING),
        ({"equipment", "plug", "plugs", "receptacle", "interiorequipment"}, EndUse.EQUIPMENT),
        ({"cooling", "chiller", "chilled", "cold", "cool"}, EndUse.COOLING),
        ({"domestic", "watersystems", "dhw", "wateruse"}, EndUse.WATER),
        ({"heating", "boiler", "heat", "furnace", "thermal", "reheat"}, EndUse.HEATING),
    ):
        if words & both:
            use = end_use
            break
    if carrier is Carrier.HEAT and use is EndUse.COOLING:
        carrier = Carrier.COLD
    if carrier is Carrier.UNKNOWN and use in (EndUse.FANS, EndUse.PUMPS, EndUse.LIGHTING, EndUse.EQUIPMENT):
        carrier = Carrier.ELECTRICITY
    return MeterKind(carrier, use, main="building" in kind)


def _carrier(words: set[str]) -> Carrier:
    if {"gas", "naturalgas"} & words:
        return Carrier.GAS
    if {"electric", "electrical", "electricity", "power"} & words - ({"power"} if "thermal" in words else set()):
        return Carrier.ELECTRICITY
    if {"oil", "fuel", "propane", "diesel", "fueloil"} & words:
        return Carrier.FUEL
    if {"chilled"} & words:
        return Carrier.COLD
    if {"thermal", "district", "heat", "hot", "steam"} & words:
        return Carrier.HEAT
    return Carrier.UNKNOWN


def _temperature(kind: set[str], what: set[str]) -> Role:
    if "setpoint" in kind or ("setpoint" in what and "sensor" not in kind):
        if {"water", "supply", "discharge", "leaving", "entering", "mixed"} & kind:
            return Role.OTHER
        return Role.COOLING_SETPOINT if "cooling" in kind | what else Role.HEATING_SETPOINT
    if {"outside", "outdoor", "weather", "ambient"} & kind and not {"wet", "dewpoint", "dew"} & kind:
        return Role.OUTDOOR
    if {"water", "supply", "return", "discharge", "exhaust", "mixed", "radiant", "surface", "leaving", "entering",
        "wet", "dewpoint", "dew"} & kind:  # fmt: skip
        return Role.OTHER
    if {"zone", "room", "space"} & kind or ("temperature" in kind and not {"outside", "outdoor"} & what):
        return Role.TEMPERATURE
    return Role.OUTDOOR if {"outside", "outdoor"} & what else Role.OTHER


def _is_meter(kind: set[str], what: set[str]) -> bool:
    """Whether a power is that of a carrier (an electric or gas power), not the heat of a part of the plant."""
    return "meter" in kind | what or bool({"electric", "electrical", "electricity", "gas"} & (kind | what))


def _words(text: str) -> set[str]:
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return {w for w in re.split(r"[^a-z0-9]+", split.lower()) if w} | {
        w for w in re.split(r"[^a-z0-9]+", text.lower()) if w
    }
