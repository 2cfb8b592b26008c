"""The instruments of a simulated building: which meters and sensors it has, with their errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from core.errors import NotFoundError
from simulators.registers import Meter, Sensor

SUPPLY_SETPOINT: Final = "supply-temperature-setpoint"
BOILER_ENABLE: Final = "boiler-enable"
HEATING_SETPOINT: Final = "heating-setpoint"


class Instruments:
    """Meters and sensors by name.

    Parameters
    ----------
    zones
        Names of the zones; each has a thermometer, a CO2 sensor and a people counter.
    seed
        Of the sensors' constant errors.
    meter_gain
        Factor on what the electricity and gas meters count.

    Attributes
    ----------
    meters
        Electricity, gas and heat, kWh, in this order.
    sensors
        Everything else that is measured.
    """

    def __init__(self, zones: Iterable[str], *, seed: int, meter_gain: float) -> None:
        random = np.random.default_rng([seed, 17])

        def bias(sd: float) -> float:
            return float(random.normal(0.0, sd))

        self.meters = {
            "electricity": Meter(0.1, start=412_300.0, gain=meter_gain, jitter=True),
            "gas": Meter(0.1, start=867_120.0, gain=meter_gain),
            "heat": Meter(1.0, start=530_411.0),
        }
        self.sensors = {
            "outdoor-temperature": Sensor(sd=0.05, resolution=0.1, bias=bias(0.2)),
            "solar-irradiance": Sensor(sd=1.5, resolution=1.0, minimum=0.0),
            "supply-temperature": Sensor(sd=0.1, resolution=0.1, bias=bias(0.3)),
            "return-temperature": Sensor(sd=0.1, resolution=0.1, bias=bias(0.3)),
            "boiler-power": Sensor(resolution=0.1),
            "boiler-status": Sensor(),
        }
        for zone in zones:
            self.sensors[f"{zone}/temperature"] = Sensor(sd=0.03, resolution=0.05, bias=bias(0.15))
            self.sensors[f"{zone}/co2"] = Sensor(sd=12.0, resolution=1.0, bias=bias(20.0), minimum=380.0)
            self.sensors[f"{zone}/occupancy"] = Sensor()
        self._columns = {name: i for i, name in enumerate((*self.meters, *self.sensors))}

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, meters first."""
        return tuple(self._columns)

    def column(self, name: str) -> int:
        """Position in `names`; NotFoundError when there is no such instrument."""
        if name not in self._columns:
            raise NotFoundError(f"the simulated building has no point {name!r}", point=name)
        return self._columns[name]
