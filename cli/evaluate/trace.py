"""What happened in every zone at every step of a simulated building under control, as one table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cli.evaluate.closed_loop import SITE, Supervisor
from cli.evaluate.kpis import OCCUPIED_SHARE, Kpis, kpis
from control.occupancy import PRESENT_SHARE
from control.record import day_and_minute
from control.strategies.ventilation import rates
from core.errors import DomainError

USES = ("heating", "cooling", "fans", "pumps")
CARRIERS = ("electricity", "gas", "district-heat")


class Trace:
    """Rows of a run, one for each zone and step.

    Parameters
    ----------
    supervisor
        Whose building it is.

    Notes
    -----
    A row's time is the beginning of its step; temperature and people are as at its end. Energies are the whole
    building's in that step, kWh, the same in each of its zones' rows.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._building = supervisor.building
        names = set(self._building.names)
        self.zones = list(dict.fromkeys(p.zone for p in self._building.points if p.zone))
        self._systems = {
            zone: system.name.removeprefix(f"{SITE}/")
            for system in supervisor.layout.systems
            for zone in (name.removeprefix(f"{SITE}/") for name in system.zones)
        }
        self._energies = [f"{c}/{u}" for c in CARRIERS for u in USES if f"{c}/{u}" in names]
        self._names = names
        self._wanted = sorted(
            n
            for n in names
            if n.rpartition("/")[2]
            in ("temperature", "people", "heating-setpoint", "cooling-setpoint", "outdoor-air", "fan", "supply-flow")
            or n in ("outdoor-temperature", *self._energies)
        )
        self._at = {name: k for k, name in enumerate(self._wanted)}
        self._before = [self._building.read(name) for name in self._energies]
        self._times: list[int] = []
        self._rows: list[list[float]] = []
        self._used: list[list[float]] = []
        self._asked: list[dict[str, float | None]] = []

    def note(self) -> None:
        """Take down the step that has just ended, and what was asked for it."""
        building = self._building
        self._times.append(building.time_ms - building.step_ms)
        self._rows.append([building.read(name) for name in self._wanted])
        now = [building.read(name) for name in self._energies]
        self._used.append([a - b for a, b in zip(now, self._before, strict=True)])
        self._before = now
        self._asked.append(dict(self._supervisor.asked))

    def column(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """A point at the end of each step; NaN where there is no such point."""
        k = self._at.get(name)
        return np.array([row[k] if k is not None else math.nan for row in self._rows])

    def energies_kwh(self, skip: int) -> dict[str, float]:
        """By ``carrier/use``, without the first `skip` steps."""
        sums = np.sum(np.array(self._used[skip:]), axis=0) if self._used else np.zeros(len(self._energies))
        return dict(zip(self._energies, map(float, sums), strict=True))

    def kpis(self, skip: int) -> Kpis:
        """Figures without the first `skip` steps; the area is that of the zones where the building tells it."""
        areas: Mapping[str, float] = getattr(self._building, "floor_area_m2", {})
        return kpis(
            self.energies_kwh(skip),
            {zone: self.column(f"{zone}/temperature") for zone in self.zones},
            {zone: self.column(f"{zone}/people") for zone in self.zones},
            skip=skip, step_h=self._building.step_ms / 3.6e6, floor_area_m2=sum(areas.values()) or math.nan,
        )  # fmt: skip

    def lowered_k_h(self, skip: int) -> float:
        """By how much heating set-points in force were below the building's own while people were there.

        Kelvin hours, mean of the zones that people use; savings that come from it are not savings.
        """
        step_h = self._building.step_ms / 3.6e6
        calendar, habits = self._supervisor.calendar, self._supervisor.learnt.habits
        when = [day_and_minute(calendar, time_ms) for time_ms in self._times[skip:]]
        found = []
        for zone in self.zones:
            people = self.column(f"{zone}/people")
            week = habits.get(f"{SITE}/{zone}")
            if week is None or not np.nanmax(people, initial=0.0) > 0:
                continue
            there = people[skip:] >= OCCUPIED_SHARE * np.nanmax(people) - 1e-9
            own = np.array([week.at(*moment).heating_c or math.nan for moment in when])
            lower = np.maximum(own - self.column(f"{zone}/heating-setpoint")[skip:] - 0.05, 0)
            found.append(float(np.nansum(lower[there]) * step_h))
        return float(np.mean(found)) if found else 0.0

    def short_of_air_h(self, skip: int) -> tuple[float | None, float]:
        """Hours in which a running system gave less than 95 % of the outdoor air that ASHRAE 62.1 scales to its people.

        Mean of the systems of which it is known what they give by themselves, while people use their zones; None where
        it is known of none, as where all fans cycle. And the hours in which no air moved although people were there,
        mean of all systems.
        """
        step_h = self._building.step_ms / 3.6e6
        less: list[float] = []
        none: list[float] = []
        for system in self._supervisor.layout.systems:
            habit = self._supervisor.learnt.air_habits.get(system.name)
            if habit is None or system.outdoor_air is None:
                continue
            name = system.name.removeprefix(f"{SITE}/")
            now, most = np.zeros(len(self._times)), 0.0
            used = np.zeros(len(self._times), bool)
            for zone in self._supervisor.layout.zones:
                presence = self._supervisor.learnt.presences.get(zone.name)
                if zone.name in system.zones and presence is not None and presence.peak > 0:
                    a_person, area = rates(presence.peak, zone.floor_area_m2)
                    people = self.column(f"{zone.name.removeprefix(f'{SITE}/')}/people")
                    used |= people >= PRESENT_SHARE * presence.peak
                    now += np.where(people > 0, people * a_person + area, 0.0)
                    most += presence.peak * a_person + area
            runs = self.column(f"{name}/fan") > 0 if f"{name}/fan" in self._names else np.ones(len(used), bool)
            none.append(float(np.sum((used & ~runs)[skip:])))
            if habit.outdoor_air is None and habit.outdoor_share is None:
                continue
            flow = np.maximum(np.nan_to_num(self.column(f"{name}/supply-flow"), nan=1.0), habit.flow or 0.0)
            share = self.column(f"{name}/outdoor-air")
            own = habit.outdoor_share or (habit.outdoor_air or 0.0) / np.maximum(flow, 1e-9)
            short = share < np.minimum(0.95 * own * now / max(most, 1e-9), 1.0)
            less.append(float(np.sum((short & used & runs)[skip:])))
        return float(np.mean(less)) * step_h if less else None, float(np.mean(none)) * step_h if none else 0.0

    def write(self, target: Path) -> int:
        """Write the table; returns its rows.

        Raises
        ------
        DomainError
            It cannot be written.
        """
        steps, zones = len(self._times), len(self.zones)

        def by_zone(kind: str) -> np.ndarray[Any, Any]:
            return np.stack([self.column(f"{zone}/{kind}") for zone in self.zones], axis=1).ravel()

        def asked(kind: str) -> list[float | None]:
            return [step.get(f"{zone}/{kind}") for step in self._asked for zone in self.zones]

        def of_system(kind: str) -> np.ndarray[Any, Any]:
            columns = [
                self.column(f"{self._systems[z]}/{kind}") if z in self._systems else np.full(steps, np.nan)
                for z in self.zones
            ]
            return np.stack(columns, axis=1).ravel()

        used = np.array(self._used)
        table = {
            "time_utc": pa.array(np.repeat(self._times, zones), pa.timestamp("ms", tz="UTC")),
            "zone": pa.array(self.zones * steps),
            "temperature_c": by_zone("temperature"),
            "people": by_zone("people"),
            "heating_setpoint_asked_c": pa.array(asked("heating-setpoint"), pa.float64()),
            "heating_setpoint_c": by_zone("heating-setpoint"),
            "cooling_setpoint_asked_c": pa.array(asked("cooling-setpoint"), pa.float64()),
            "cooling_setpoint_c": by_zone("cooling-setpoint"),
            "outdoor_air_fraction": of_system("outdoor-air"),
            "fan": of_system("fan"),
            "outdoor_temperature_c": np.repeat(self.column("outdoor-temperature"), zones),
        } | {
            f"{name.replace('/', '_').replace('-', '_')}_kwh": np.repeat(used[:, k], zones)
            for k, name in enumerate(self._energies)
        }
        try:
            pq.write_table(pa.table(table), target)
        except OSError as error:
            raise DomainError(f"{target}: {error.strerror or error}") from error
        return steps * zones
