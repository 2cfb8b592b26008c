"""A building that answers like a real one: physics step by step, read and written through its instruments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.calendar import Calendar
from core.errors import DomainError, NotFoundError
from simulators.air import AirFlow
from simulators.design import BuildingDesign, Variation
from simulators.envelope import Envelope, solar_gains
from simulators.instruments import BOILER_ENABLE, HEATING_SETPOINT, SUPPLY_SETPOINT, Instruments
from simulators.plant import Plant, weather_compensated_c
from simulators.solar import Floats, day_angle
from simulators.truth import Balance, Truth
from simulators.use import day_of_use
from simulators.weather import Weather

J_PER_KWH: Final = 3.6e6
PERSON_W: Final = 75.0
"""Sensible heat of a reader (ISO 7730, sedentary)."""
GAIN_TO_AIR: Final = 0.45
RADIATOR_TO_AIR: Final = 0.7
SOLAR_TO_AIR: Final = 0.2
FACTORY_SETPOINT_C: Final = 20.0
FREE_RISE_K: Final = 3.0
"""Sun and people keep an unheated building this much warmer than outdoors; only to begin with."""


@dataclass(frozen=True, slots=True)
class _Day:
    """Everything of one local day that does not depend on the building's state, by step."""

    start_ms: int
    steps: int
    outdoor_c: list[float]
    ghi_w_m2: list[float]
    wind_m_s: list[float]
    drive_w: Floats
    rise_k: Floats
    sums_w: list[list[float]]
    people: list[list[float]]
    supply_m3_s: list[list[float]]
    noise: Floats


class RCBuilding:
    """A multi-zone building of resistances and capacities with a hydronic plant.

    Parameters
    ----------
    design
        Its parts.
    weather
        Outdoor conditions.
    calendar
        Of the site: opening hours are local.
    start_ms
        Where it begins, UTC milliseconds; rounded down to a step.
    seed
        Of people, equipment and sensors.
    step_s
        Step, seconds; divides an hour.
    variation
        How it differs from its design.
    """

    def __init__(
        self,
        design: BuildingDesign,
        weather: Weather,
        calendar: Calendar,
        start_ms: int,
        *,
        seed: int = 0,
        step_s: int = 60,
        variation: Variation | None = None,
    ) -> None:
        if step_s <= 0 or 3600 % step_s:
            raise DomainError(f"step {step_s} s must divide an hour")
        self.design = design
        self.variation = variation or Variation()
        self._weather, self._calendar, self._seed = weather, calendar, seed
        self._step_ms = step_s * 1000
        self._time_ms = start_ms // self._step_ms * self._step_ms
        self._envelope = Envelope(design.zones, design.links, step_s)
        self._plant = Plant(design.plant, design.zones, self.variation)
        self._setpoints = [FACTORY_SETPOINT_C] * len(design.zones)
        self._supply_setpoint: float | None = None
        self._enabled = True
        self._air = AirFlow(design.zones, self.variation.infiltration)
        self._electric_j = [0.0, 0.0, 0.0]
        self._gained_j = [0.0, 0.0, 0.0, 0.0]
        self._zone = {zone.name: i for i, zone in enumerate(design.zones)}
        self._instruments = Instruments(self._zone, seed=seed, meter_gain=self.variation.meter_gain)
        self._day = self._plan_day(self._time_ms)
        self._k = (self._time_ms - self._day.start_ms) // self._step_ms
        air_c = max(FACTORY_SETPOINT_C - 1, float(np.mean(self._day.outdoor_c)) + FREE_RISE_K)
        self._temperature = self._envelope.at_rest(self._day.drive_w.mean(axis=0), air_c)
        self._stored_at_start = self._stored_j()

    @property
    def time_ms(self) -> int:
        """How far it has been simulated, UTC milliseconds."""
        return self._time_ms

    @property
    def names(self) -> Sequence[str]:
        """Names of everything that can be read, without the building's id."""
        return (*self._instruments.names, *self.writable)

    @property
    def writable(self) -> Sequence[str]:
        """Those of `names` that can be written."""
        return (SUPPLY_SETPOINT, BOILER_ENABLE, *(f"{zone}/{HEATING_SETPOINT}" for zone in self._zone))

    def step(self, until_ms: int) -> None:
        """Simulate up to `until_ms`; an earlier time changes nothing."""
        while self._time_ms + self._step_ms <= until_ms:
            if self._k >= self._day.steps:
                self._day, self._k = self._plan_day(self._time_ms), 0
            self._advance()
            self._k += 1
            self._time_ms += self._step_ms

    def read(self, name: str) -> float:
        """What the instrument of that name shows now; NotFoundError when there is none."""
        if name in self.writable:
            return self._true(name)
        column = self._instruments.column(name)
        noise = float(self._day.noise[self._row, column])
        if meter := self._instruments.meters.get(name):
            meter.count_to(self._used_j(name) / J_PER_KWH)
            return meter.read(noise)
        return self._instruments.sensors[name].measure(self._true(name), noise)

    def write(self, name: str, value: float) -> None:
        """Set a set-point or switch, effective from the next step; NotFoundError or DomainError when it cannot be."""
        if name not in self.writable:
            raise NotFoundError(f"the simulated building has nothing to write at {name!r}", point=name)
        if not math.isfinite(value):
            raise DomainError(f"{name}: {value} is not a number to set")
        if name == SUPPLY_SETPOINT:
            self._supply_setpoint = value
        elif name == BOILER_ENABLE:
            self._enabled = value >= 0.5
        else:
            self._setpoints[self._zone[name.partition("/")[0]]] = value

    def truth(self) -> Truth:
        """What nobody can measure exactly."""
        energy = self._plant.energy
        lighting, equipment, fans = self._electric_j
        names = [zone.name for zone in self.design.zones]
        air, mass = self._temperature[self._envelope.air], self._temperature[self._envelope.mass]
        people = self._day.people[self._row]
        return Truth(
            gas_kwh=energy.gas / J_PER_KWH,
            heat_kwh=energy.delivered / J_PER_KWH,
            lighting_kwh=lighting / J_PER_KWH,
            equipment_kwh=equipment / J_PER_KWH,
            fans_kwh=fans / J_PER_KWH,
            pump_kwh=energy.pump / J_PER_KWH,
            operative_c=dict(zip(names, ((air + mass) / 2).tolist(), strict=True)),
            people={name: int(n) for name, n in zip(names, people, strict=True)},
            plant=energy,
        )

    def balance(self) -> Balance:
        """The first law of all zones since the start."""
        solar, people, transmission, air_exchange = self._gained_j
        return Balance(
            stored=self._stored_j() - self._stored_at_start,
            solar=solar,
            people=people,
            electricity=self._electric_j[0] + self._electric_j[1],
            radiators=self._plant.energy.radiators,
            transmission=transmission,
            air_exchange=air_exchange,
        )

    @property
    def plant(self) -> Plant:
        """The heating plant, for tests of its own balance."""
        return self._plant

    def _stored_j(self) -> float:
        return float(self._envelope.capacity_j_k @ self._temperature)

    @property
    def _row(self) -> int:
        """Row of the day's plan for now; at midnight still the day's last."""
        return min(self._k, self._day.steps - 1)

    def _true(self, name: str) -> float:
        zone, _, what = name.rpartition("/")
        if zone:
            return self._true_of_zone(self._zone[zone], what)
        plant, outdoor_c = self._plant, self._day.outdoor_c[self._row]
        return {
            "outdoor-temperature": outdoor_c,
            "solar-irradiance": self._day.ghi_w_m2[self._row],
            "supply-temperature": plant.supply_c,
            "return-temperature": plant.return_c,
            "boiler-power": plant.boiler_w / 1000,
            "boiler-status": float(plant.firing),
            BOILER_ENABLE: float(self._enabled),
            SUPPLY_SETPOINT: self._supply_c(outdoor_c),
        }[name]

    def _true_of_zone(self, i: int, what: str) -> float:
        match what:
            case "temperature":
                return float(self._temperature[self._envelope.air][i])
            case "co2":
                return self._air.co2_ppm[i]
            case "occupancy":
                return self._day.people[self._row][i]
            case _:
                return self._setpoints[i]

    def _supply_c(self, outdoor_c: float) -> float:
        """Supply set-point in force: what was written, before that the boiler's own curve."""
        return weather_compensated_c(outdoor_c) if self._supply_setpoint is None else self._supply_setpoint

    def _plan_day(self, time_ms: int) -> _Day:
        zones, envelope = self.design.zones, self._envelope
        day = self._calendar.day_of(time_ms)
        start_ms, end_ms = self._calendar.day_bounds(day)
        times = np.arange(start_ms, end_ms, self._step_ms) + self._step_ms // 2
        weather = self._weather.at(times)
        use = day_of_use(
            zones,
            self.design.opening,
            self._calendar,
            day,
            time_ms=times,
            ghi_w_m2=weather.ghi_w_m2,
            variation=self.variation,
            seed=self._seed,
        )
        solar = np.stack([solar_gains(zone, weather) for zone in zones], axis=1)
        people = use.people * PERSON_W
        inner = people + use.lighting_w + use.equipment_w
        gains = np.zeros((times.size, envelope.capacity_j_k.size))
        gains[:, envelope.air] = SOLAR_TO_AIR * solar + GAIN_TO_AIR * inner
        gains[:, envelope.mass] = (1 - SOLAR_TO_AIR) * solar + (1 - GAIN_TO_AIR) * inner
        flow = use.ventilation * np.array([z.ventilation_m3_h / 3600 for z in zones])
        fans = flow.sum(axis=1) * self.design.plant.fan_w_per_m3_s
        drive = envelope.drive(weather, day_angle(times))
        sums = np.stack(
            [solar.sum(1), people.sum(1), drive.sum(1), use.lighting_w.sum(1), use.equipment_w.sum(1), fans], axis=1
        )
        random = np.random.default_rng([self._seed, 13, day.toordinal()])
        return _Day(
            start_ms,
            times.size,
            weather.temperature_c.tolist(),
            weather.ghi_w_m2.tolist(),
            weather.wind_m_s.tolist(),
            drive,
            envelope.respond(drive + gains),
            sums.tolist(),
            use.people.tolist(),
            flow.tolist(),
            random.normal(size=(times.size, len(self._instruments.names))),
        )

    def _advance(self) -> None:
        day, k, envelope = self._day, self._k, self._envelope
        step_s = self._step_ms / 1000
        outdoor_c = day.outdoor_c[k]
        air_c: list[float] = self._temperature[envelope.air].tolist()
        radiators = self._plant.step(step_s, air_c, self._setpoints, self._supply_c(outdoor_c), enabled=self._enabled)
        exchanged = self._air.step(
            step_s,
            air_c=air_c,
            outdoor_c=outdoor_c,
            wind_m_s=day.wind_m_s[k],
            supply_m3_s=day.supply_m3_s[k],
            people=day.people[k],
        )
        into_air = [RADIATOR_TO_AIR * r + x for r, x in zip(radiators, exchanged, strict=True)]
        into_mass = [(1 - RADIATOR_TO_AIR) * r for r in radiators]
        rise_k = day.rise_k[k] + envelope.respond_to_zones(into_air, into_mass)
        self._temperature = envelope.fade(self._temperature) + rise_k

        solar, people, drive, lighting, equipment, fans = day.sums_w[k]
        gained = self._gained_j
        gained[0] += solar * step_s
        gained[1] += people * step_s
        gained[2] += (drive - float(envelope.boundary_w_k @ self._temperature)) * step_s
        gained[3] += sum(exchanged) * step_s
        used = self._electric_j
        used[0] += lighting * step_s
        used[1] += equipment * step_s
        used[2] += fans * step_s

    def _used_j(self, meter: str) -> float:
        """What has gone through a meter since the start, J."""
        energy = self._plant.energy
        if meter == "electricity":
            return sum(self._electric_j) + energy.pump
        return energy.gas if meter == "gas" else energy.delivered
