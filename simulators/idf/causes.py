"""Causes of a gap put into an EnergyPlus model, one at a time: the same building, used, kept or equipped differently.

Equipment stays as it was sized: schedules change on real days, not on design days. A cause for which the model has no
place is an error, not a silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.errors import NotFoundError
from simulators.idf.model import Idf, IdfObject
from simulators.idf.schedules import Steps, blocks, changed, prolonged, replaced, scaled, shifted

_THERMOSTATS = ("ThermostatSetpoint:SingleHeating", "ThermostatSetpoint:DualSetpoint")
_COOLING = ("ThermostatSetpoint:DualSetpoint",)
_INFILTRATION = (
    "ZoneInfiltration:DesignFlowRate",
    "ZoneInfiltration:EffectiveLeakageArea",
    "ZoneInfiltration:FlowCoefficient",
)
_FANS = ("Fan:ConstantVolume", "Fan:VariableVolume", "Fan:OnOff", "Fan:SystemModel")
_FAN_SCHEDULES = {
    **dict.fromkeys((*_FANS, "AvailabilityManager:Scheduled"), 1),
    "AvailabilityManager:NightCycle": 2,
    "AirLoopHVAC:UnitaryHeatCool": 4,
    "AirLoopHVAC:Unitary:Furnace:HeatCool": 4,
    "AirLoopHVAC:UnitarySystem": 10,
    "AirLoopHVAC:UnitaryHeatPump:AirToAir": 19,
}
"""Field with the schedule by which fans run: availability, or how a unit operates its fan."""
_GENERATORS = ("Coil:Heating:Fuel", "Boiler:HotWater", "Boiler:Steam", "Coil:Heating:DX:SingleSpeed")
"""Heat generators: in each of these classes the fourth field is the efficiency (burner, thermal) or the COP."""


def _schedules(model: Idf, index: int, kinds: Iterable[str]) -> tuple[str, ...]:
    """Names of the schedules in field `index` of these classes, each once."""
    named = {item.field(index).casefold(): item.field(index) for item in model.all(*kinds) if item.field(index)}
    return tuple(named.values())


def _own(model: Idf, kinds: tuple[str, ...], change: Callable[[Steps], Steps], suffix: str) -> Idf:
    """Give the objects of these classes (schedule in field 2) changed copies of their schedules; others keep theirs."""
    copies: dict[str, IdfObject] = {}

    def follow(item: IdfObject) -> IdfObject:
        name = item.field(2)
        if not name:  # always 1
            always = IdfObject("Schedule:Constant", ("promessa always", "", "1"))
            copies.setdefault("", changed(always, change, f"{always.name} {suffix}"))
        elif name.casefold() not in copies:
            copies[name.casefold()] = changed(model.find("Schedule:", name), change, f"{name} {suffix}")
        return item.with_field(2, copies[name.casefold()].name)

    result = model.mapped(follow, *kinds)
    if not copies:
        raise NotFoundError(f"the model has none of {', '.join(kinds)}")
    return result.adding(*copies.values())


def raise_heating_setpoints(model: Idf, kelvin: float) -> Idf:
    """Raise every zone's heating set-point, night set-back included."""
    names = _schedules(model, 1, _THERMOSTATS)
    if not names:
        raise NotFoundError("the model has no heating set-point")
    for name in names:
        model = replaced(model, name, shifted(kelvin))
    return model


def prolong_plant(model: Idf, hours: float) -> Idf:
    """Leave fans on and set-points at their day values `hours` longer on every day with a working time."""
    minutes = round(hours * 60)
    fans = (name for kind, index in _FAN_SCHEDULES.items() for name in _schedules(model, index, (kind,)))
    falling = {name.casefold(): True for name in (*fans, *_schedules(model, 1, _THERMOSTATS))}
    rising = {name.casefold(): False for name in _schedules(model, 2, _COOLING)}
    before = model
    for name, down in (rising | falling).items():
        model = replaced(model, name, prolonged(minutes, falling=down))
    if all(_same(before, model, name) for name in falling):
        raise NotFoundError("nothing in the model is switched off by a schedule")
    return model


def _same(before: Idf, after: Idf, name: str) -> bool:
    old, new = (
        {step for block in blocks(model.find("Schedule:", name)) for step in block.steps} for model in (before, after)
    )
    return old == new


def scale_infiltration(model: Idf, factor: float) -> Idf:
    """Multiply the air that leaks into every zone."""
    return _own(model, _INFILTRATION, scaled(factor), "leak")


def scale_people(model: Idf, factor: float) -> Idf:
    """Multiply the people in every zone; the outdoor air follows them only where the model's controls do so."""
    return _own(model, ("People",), scaled(factor), "people")


def resize_people(model: Idf, factor: float) -> Idf:
    """Design the building for more people: their number, their outdoor air and the equipment sized for both."""
    if not any(model.all("People")):
        raise NotFoundError("the model has no People")

    def more(item: IdfObject) -> IdfObject:
        method = item.field(3).casefold()
        if method == "area/person":
            return item.with_field(6, f"{float(item.field(6)) / factor:.6g}")
        index = 5 if method == "people/area" else 4
        return item.with_field(index, f"{float(item.field(index)) * factor:.6g}")

    return model.mapped(more, "People")


def scale_efficiency(model: Idf, factor: float) -> Idf:
    """Multiply the efficiency (for heat pumps the COP) of every generator of space heat; hot water keeps its own."""
    if not any(model.all(*_GENERATORS)):
        raise NotFoundError("the model has no heat generator with an efficiency")
    return model.mapped(lambda item: item.with_field(3, f"{float(item.field(3)) * factor:.6g}"), *_GENERATORS)
