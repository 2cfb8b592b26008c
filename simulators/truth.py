"""What really happened in a simulated building, which nobody in it can measure exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.plant import PlantEnergy


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The first law of all zones since the start, J: ``stored`` equals the sum of all gains.

    `transmission` and `air_exchange` are gains too, so negative in winter.
    """

    stored: float
    solar: float
    people: float
    electricity: float
    radiators: float
    transmission: float
    air_exchange: float

    @property
    def residual(self) -> float:
        """What does not add up, as a share of everything that moved."""
        gains = (self.solar, self.people, self.electricity, self.radiators, self.transmission, self.air_exchange)
        return abs(self.stored - sum(gains)) / max(sum(abs(g) for g in gains), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What nobody in the building can measure exactly; for tests and for judging models.

    Attributes
    ----------
    gas_kwh, heat_kwh, lighting_kwh, equipment_kwh, fans_kwh, pump_kwh
        By end use, since the start.
    operative_c
        Of each zone: mean of air and mass.
    people
        Present in each zone.
    plant
        Energy of the plant.
    """

    gas_kwh: float
    heat_kwh: float
    lighting_kwh: float
    equipment_kwh: float
    fans_kwh: float
    pump_kwh: float
    operative_c: Mapping[str, float]
    people: Mapping[str, int]
    plant: PlantEnergy

    @property
    def electricity_kwh(self) -> float:
        """All of it."""
        return self.lighting_kwh + self.equipment_kwh + self.fans_kwh + self.pump_kwh
