"""Two rooms of one mass each as a building that is plugged in: all of `DescribedBuilding` and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import DomainError, NotFoundError

HOUR_MS = 3_600_000
DAYS = 40


@dataclass(frozen=True)
class Cabinet:
    """One of its points."""

    name: str
    brick_class: str
    unit: str
    zone: str = ""


class Cabin:
    """An office and a workshop with electric heaters; people on working days from 8 to 17, heated from 2 to 23.

    Its own controls hold 21 °C while they heat and 12 °C else. UTC is its local time.
    """

    zones = ("office", "workshop")
    loss_per_h, heater_k_per_h, kwh_per_k = 0.06, 2.5, 1.5

    def __init__(self, start_ms: int, *, seed: int = 0) -> None:
        self.seed = seed
        self.time_ms = start_ms
        self.end_ms = start_ms + DAYS * 24 * HOUR_MS
        self.step_ms = HOUR_MS // 4
        self.closed = 0
        self.written: list[tuple[int, str, float]] = []
        self._over: dict[str, float] = {}
        self._inside = dict.fromkeys(self.zones, 20.0)
        self._kwh = 0.0
        self.points = [
            Cabinet("outdoor-temperature", "Outside_Air_Temperature_Sensor", "Cel"),
            Cabinet("electricity", "Building_Electrical_Meter", "kW.h"),
            Cabinet("electricity/heating", "Electrical_Meter", "kW.h"),
        ]
        for zone in self.zones:
            self.points += [
                Cabinet(f"{zone}/temperature", "Zone_Air_Temperature_Sensor", "Cel", zone),
                Cabinet(f"{zone}/people", "Occupancy_Count_Sensor", "{person}", zone),
                Cabinet(f"{zone}/heating-setpoint", "Zone_Air_Heating_Temperature_Setpoint", "Cel", zone),
            ]

    @property
    def names(self) -> Sequence[str]:
        return tuple(point.name for point in self.points)

    @property
    def writable(self) -> Sequence[str]:
        return tuple(f"{zone}/heating-setpoint" for zone in self.zones)

    def step(self, until_ms: int) -> None:
        if until_ms > self.end_ms:
            raise DomainError(f"the run ends at {self.end_ms}")
        while self.time_ms + self.step_ms <= until_ms:
            for zone in self.zones:
                free = self._inside[zone] - self.loss_per_h * 0.25 * (self._inside[zone] - self._outdoor_c())
                free += 0.02 * self._people()
                heat = min(max(self._setpoint_c(zone) - free, 0.0), self.heater_k_per_h * 0.25)
                self._inside[zone] = free + heat
                self._kwh += heat * self.kwh_per_k
            self.time_ms += self.step_ms

    def read(self, name: str) -> float:
        zone, _, kind = name.rpartition("/")
        if name not in self.names:
            raise NotFoundError(f"the building has no {name!r}")
        if name.startswith("electricity"):
            return self._kwh
        if name == "outdoor-temperature":
            return self._outdoor_c()
        return {
            "temperature": self._inside[zone],
            "people": self._people(),
            "heating-setpoint": self._setpoint_c(zone),
        }[kind]

    def write(self, name: str, value: float) -> None:
        if name not in self.writable:
            raise DomainError(f"{name} cannot be written")
        self.written.append((self.time_ms, name, value))
        if math.isnan(value):
            self._over.pop(name, None)
        else:
            self._over[name] = value

    def close(self) -> None:
        self.closed += 1

    def _hour(self) -> tuple[bool, float]:
        now = datetime.fromtimestamp(self.time_ms / 1000, UTC)
        return now.weekday() < 5, now.hour + now.minute / 60

    def _people(self) -> float:
        works, hour = self._hour()
        return 4.0 if works and 8 <= hour < 17 else 0.0

    def _outdoor_c(self) -> float:
        day = self.time_ms / HOUR_MS / 24
        return 2 + 4 * math.sin((day - 0.4) * 2 * math.pi) + 3 * math.sin(day * 0.9 + self.seed)

    def _setpoint_c(self, zone: str) -> float:
        works, hour = self._hour()
        return self._over.get(f"{zone}/heating-setpoint", 21.0 if works and 2 <= hour < 23 else 12.0)


class ShortCabin(Cabin):
    """One that can be simulated for five days only."""

    def __init__(self, start_ms: int, *, seed: int = 0) -> None:
        super().__init__(start_ms, seed=seed)
        self.end_ms = start_ms + 5 * 24 * HOUR_MS


class BlindCabin(Cabin):
    """One whose office thermometer fails for good after the sixth day."""

    def read(self, name: str) -> float:
        broken = name == "office/temperature" and self.time_ms > self.end_ms - (DAYS - 6) * 24 * HOUR_MS
        return math.nan if broken else super().read(name)


class Shed:
    """No building at all."""

    def __init__(self, start_ms: int, *, seed: int = 0) -> None:
        self.time_ms, self.seed = start_ms, seed
