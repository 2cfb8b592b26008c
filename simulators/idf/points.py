"""Points that an EnergyPlus model offers, found from the model itself, and where the engine keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.errors import ConfigError
from simulators.engine import Actuator, Band
from simulators.idf.model import Idf, IdfObject, conditioned_zones, zones_of

J_PER_KWH: Final = 3.6e6

_CARRIERS: Final = {"electricity": "Electricity", "gas": "NaturalGas", "district-heat": "DistrictHeatingWater"}
_BUILDING_METERS: Final = {
    "electricity": "Building_Electrical_Meter",
    "gas": "Building_Gas_Meter",
    "district-heat": "Building_Hot_Water_Meter",
}
_END_USES: Final = {
    "heating": "Heating",
    "cooling": "Cooling",
    "fans": "Fans",
    "pumps": "Pumps",
    "lights": "InteriorLights",
    "equipment": "InteriorEquipment",
    "hot-water": "WaterSystems",
    "exterior-lights": "ExteriorLights",
    "exterior-equipment": "ExteriorEquipment",
    "heat-rejection": "HeatRejection",
    "humidification": "Humidification",
    "heat-recovery": "HeatRecovery",
    "refrigeration": "Refrigeration",
}
"""Their sum is the building's: ``Electricity:Facility`` itself reads 0 through the engine's interface."""
_END_USE_METERS: Final = {"electricity": "Electrical_Meter", "gas": "Gas_Meter", "district-heat": "Hot_Water_Meter"}
_FLOW: Final = "System Node Mass Flow Rate"
_RUNNING_KG_S: Final = 1e-4
_FAN: Final = "Fan_On_Off_Status"
_SUPPLY_MANAGERS: Final = (
    "SetpointManager:Scheduled",
    "SetpointManager:OutdoorAirReset",
    "SetpointManager:Warmest",
    "SetpointManager:Coldest",
)
"""Those whose temperature is the whole system's, not one zone's."""


@dataclass(frozen=True)
class ModelPoint:
    """One point of a model.

    Attributes
    ----------
    name
        Without the building's id: ``core-zn/temperature``.
    brick_class, unit
        Brick 1.4 class and UCUM unit; meters are registers from 0 kW.h.
    zone
        Name of its zone, or empty.
    variables, meters
        Positions in `Exchange.variables` and `Exchange.meters`.
    kind
        How the value follows from them: ``value`` (of the first), ``sun`` (diffuse, direct, altitude of the sun),
        ``running`` (mass flow above nothing), ``meter`` (sum).
    actuator
        Position in `Exchange.actuators`; None: it cannot be written.
    low, high
        Smallest and largest value that may be written.
    also
        Further actuators that get the same value.
    feeds
        Zones that an air system serves (Brick ``feeds``).
    constant
        Position in `Exchange.constants` of the floor area of its zone, m2.
    """

    name: str
    brick_class: str
    unit: str
    zone: str = ""
    variables: tuple[int, ...] = ()
    meters: tuple[int, ...] = ()
    kind: str = "value"
    actuator: int | None = None
    low: float = 0.0
    high: float = 0.0
    also: tuple[int, ...] = ()
    feeds: tuple[str, ...] = ()
    constant: int | None = None


@dataclass
class Exchange:
    """What passes between a building and the engine.

    Attributes
    ----------
    variables, meters, actuators, bands, constants
        As the engine is asked for them (`simulators.engine.Job`).
    points
        What they mean.
    """

    variables: list[tuple[str, str]] = field(default_factory=list)
    meters: list[str] = field(default_factory=list)
    actuators: list[Actuator] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    constants: list[tuple[str, str]] = field(default_factory=list)
    points: list[ModelPoint] = field(default_factory=list)

    def variable(self, name: str, key: str) -> int:
        """Position of an output variable, asked for once."""
        if (name, key) not in self.variables:
            self.variables.append((name, key))
        return self.variables.index((name, key))

    def actuator(
        self,
        component: str,
        control: str,
        key: str,
        times: int | None = None,
        *,
        insist: bool = False,
        back: int | None = None,
    ) -> int:
        """Position of a new actuator."""
        self.actuators.append(Actuator(component, control, key, times, insist, back))
        return len(self.actuators) - 1


def slug(name: str) -> str:
    """Return a name of the model as a segment of a point's id."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")


def exchange_of(model: Idf) -> Exchange:
    """Find every point of a model.

    Raises
    ------
    ConfigError
        It has no thermostat, or two zones or air systems whose names cannot be told apart.
    """
    found = Exchange()
    zones = conditioned_zones(model)
    if not zones:
        raise ConfigError("the model has no zone with a thermostat")
    schedules = _set_point_schedules(model)
    for zone in zones:
        _zone_points(found, zone, schedules.get(zone.casefold()))
    for loop in model.all("AirLoopHVAC"):
        _loop_points(found, model, loop)
        _supply_points(found, model, loop)
    _feed(found, model)
    _site_points(found)
    _meter_points(found)
    names = [point.name for point in found.points]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError(f"the model's names give the same point twice: {', '.join(sorted(twice))}")
    return found


def _set_point_schedules(model: Idf) -> dict[str, tuple[str, str]]:
    """Heating and cooling schedule of each zone (in small letters) whose thermostat has both."""
    found = {}
    for control in model.all("ZoneControl:Thermostat"):
        kinds = control.fields[3::2]
        for kind, name in zip(kinds, control.fields[4::2], strict=False):
            if kind.casefold() == "thermostatsetpoint:dualsetpoint":
                both = model.find(kind, name)
                for zone in zones_of(model, control.field(1)):
                    found[zone.casefold()] = (both.field(1), both.field(2))
    return found


def _zone_points(found: Exchange, zone: str, schedules: tuple[str, str] | None) -> None:
    short = slug(zone)
    thermostat = "Zone Temperature Control"
    found.points += [
        ModelPoint(
            f"{short}/temperature",
            "Zone_Air_Temperature_Sensor",
            "Cel",
            short,
            (found.variable("Zone Mean Air Temperature", zone),),
        ),
        ModelPoint(
            f"{short}/people",
            "Occupancy_Count_Sensor",
            "{person}",
            short,
            (found.variable("Zone People Occupant Count", zone),),
        ),
    ]
    found.constants.append(("Zone Floor Area", zone))
    found.points[-2] = replace(found.points[-2], constant=len(found.constants) - 1)
    for word, brick in (("Heating", "Zone_Air_Heating"), ("Cooling", "Zone_Air_Cooling")):
        found.points.append(
            ModelPoint(
                f"{short}/{word.lower()}-setpoint",
                f"{brick}_Temperature_Setpoint",
                "Cel",
                short,
                (found.variable(f"Zone Thermostat {word} Setpoint Temperature", zone),),
                actuator=found.actuator(thermostat, f"{word} Setpoint", zone),
                low=5.0,
                high=40.0,
            )
        )
    if schedules is not None:
        heating, cooling = (found.variable("Schedule Value", name) for name in schedules)
        last = len(found.actuators) - 1
        found.bands.append(Band(last - 1, last, heating, cooling))


def _loop_points(found: Exchange, model: Idf, loop: IdfObject) -> None:
    # Exhaust fans may leave no return air, so what is supplied tells whether the system runs.
    short, inlet, outlet = slug(loop.name), loop.field(6), _nodes(model, loop.field(9))[0]
    found.points.append(
        ModelPoint(
            f"{short}/fan",
            _FAN,
            "1",
            "",
            (found.variable(_FLOW, outlet),),
            kind="running",
            actuator=found.actuator("AirLoopHVAC", "Availability Status", loop.name, insist=True),
            low=0.0,
            high=1.0,
        )
    )
    found.points.append(
        ModelPoint(f"{short}/supply-flow", "Supply_Air_Flow_Sensor", "kg/s", "", (found.variable(_FLOW, outlet),))
    )
    for controller in model.all("Controller:OutdoorAir"):
        # The controller belongs to the loop whose return air it mixes.
        if controller.field(2).casefold() == inlet.casefold():
            supply = found.variable(_FLOW, controller.field(3))
            found.points.append(
                ModelPoint(
                    f"{short}/outdoor-air",
                    "Outside_Air_Flow_Setpoint",
                    "1",
                    "",
                    (found.variable("Air System Outdoor Air Flow Fraction", loop.name),),
                    actuator=found.actuator(
                        "Outdoor Air Controller",
                        "Air Mass Flow Rate",
                        controller.name,
                        supply,
                        back=found.variable(_FLOW, inlet),
                    ),
                    low=0.0,
                    high=1.0,
                )
            )


def _supply_points(found: Exchange, model: Idf, loop: IdfObject) -> None:
    """Supply air temperature of a system that serves several zones, and its set-point if it has one of its own.

    The managers of mixed and coil outlet air follow the set-point at the outlet of the system, so all their nodes get
    what is written. A system whose set-point follows one zone's load is driven through that zone.
    """
    short, outlet = slug(loop.name), _nodes(model, loop.field(9))[0]
    found.points.append(
        ModelPoint(
            f"{short}/supply-temperature",
            "Supply_Air_Temperature_Sensor",
            "Cel",
            "",
            (found.variable("System Node Temperature", outlet),),
        )
    )
    own = [
        item
        for kind in _SUPPLY_MANAGERS
        for item in model.all(kind)
        if outlet.casefold() in {name.casefold() for name in _nodes(model, item.fields[-1])}
    ]
    if not own:
        return
    nodes = [outlet] + [
        node
        for item in model.all("SetpointManager:MixedAir")
        if item.field(2).casefold() == outlet.casefold()
        for node in _nodes(model, item.field(5))
        if node.casefold() != outlet.casefold()
    ]
    actuators = [
        found.actuator("System Node Setpoint", "Temperature Setpoint", node, insist=True)
        for node in dict.fromkeys(nodes)
    ]
    found.points.append(
        ModelPoint(
            f"{short}/supply-temperature-setpoint",
            "Supply_Air_Temperature_Setpoint",
            "Cel",
            "",
            (found.variable("System Node Setpoint Temperature", outlet),),
            actuator=actuators[0],
            also=tuple(actuators[1:]),
            low=8.0,
            high=40.0,
        )
    )


def _nodes(model: Idf, name: str) -> tuple[str, ...]:
    """Nodes that `name` stands for: itself, or the members of a node list of that name."""
    for item in model.all("NodeList"):
        if item.name.casefold() == name.casefold():
            return tuple(node for node in item.fields[1:] if node)
    return (name,)


def _feed(found: Exchange, model: Idf) -> None:
    """Say of each air system's fan which zones it serves, followed from node to node."""
    zones = {
        node.casefold(): slug(item.field(0))
        for item in model.all("ZoneHVAC:EquipmentConnections")
        for node in _nodes(model, item.field(2))
    }
    terminals = [item for item in model.objects if item.kind.casefold().startswith("airterminal:")]
    served: dict[str, set[str]] = {}
    for item in terminals:
        names = {field.casefold() for field in item.fields}
        for zone in {zones[name] for name in names if name in zones}:
            for name in names:
                served.setdefault(name, set()).add(zone)
    feeds = {}
    for loop in model.all("AirLoopHVAC"):
        reach = {loop.field(8).casefold()}
        for item in model.all("AirLoopHVAC:ZoneSplitter", "AirLoopHVAC:SupplyPlenum"):
            nodes = [field.casefold() for field in item.fields[1:]]
            if reach & set(nodes[:3]):
                reach |= set(nodes)
        feeds[slug(loop.name)] = tuple(sorted({zone for name in reach for zone in served.get(name, ())}))
    found.points = [
        replace(point, feeds=feeds[point.name.partition("/")[0]]) if point.brick_class == _FAN else point
        for point in found.points
    ]


def _site_points(found: Exchange) -> None:
    def site(variable: str) -> int:
        return found.variable(f"Site {variable}", "Environment")

    sun = tuple(
        site(variable)
        for variable in (
            "Diffuse Solar Radiation Rate per Area",
            "Direct Solar Radiation Rate per Area",
            "Solar Altitude Angle",
        )
    )
    found.points += [
        ModelPoint(
            "outdoor-temperature",
            "Outside_Air_Temperature_Sensor",
            "Cel",
            "",
            (site("Outdoor Air Drybulb Temperature"),),
        ),
        ModelPoint("solar-irradiance", "Solar_Irradiance_Sensor", "W/m2", "", sun, kind="sun"),
        ModelPoint("wind-speed", "Wind_Speed_Sensor", "m/s", "", (site("Wind Speed"),)),
    ]


def _meter_points(found: Exchange) -> None:
    for carrier, resource in _CARRIERS.items():
        first = len(found.meters)
        for use, end_use in _END_USES.items():
            found.points.append(
                ModelPoint(
                    f"{carrier}/{use}", _END_USE_METERS[carrier], "kW.h", "", meters=(len(found.meters),), kind="meter"
                )
            )
            found.meters.append(f"{end_use}:{resource}")
        whole = tuple(range(first, len(found.meters)))
        found.points.append(ModelPoint(carrier, _BUILDING_METERS[carrier], "kW.h", "", meters=whole, kind="meter"))


def running(mass_flow_kg_s: float) -> float:
    """1 where air moves, else 0."""
    return 1.0 if mass_flow_kg_s > _RUNNING_KG_S else 0.0


def present(point: ModelPoint, values: Sequence[float | None], energy_j: Sequence[float | None]) -> bool:
    """Whether the engine knows what the point is made of; one known meter is enough for a sum."""
    if point.kind == "meter":
        return any(energy_j[position] is not None for position in point.meters)
    return all(values[position] is not None for position in point.variables)
