"""Air that moves through zones: leaks, ventilation and windows that people open, and the CO2 they breathe out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from simulators.design import Zone

AIR_J_M3K: Final = 1206.0
# Sherman and Grimsrud: l/s of a leak of 1 cm2, one storey, shelter class 4 (ASHRAE Fundamentals, Infiltration).
STACK_COEFFICIENT: Final = 0.000145
WIND_COEFFICIENT: Final = 0.000104
PERSON_CO2_M3_S: Final = 5.3e-6
"""19 l/h (EN 16798-1, sedentary)."""
OUTDOOR_CO2_PPM: Final = 425.0
WARM_C: Final = 24.5
STUFFY_PPM: Final = 1300.0
WARM_BAND_K: Final = 1.5
STUFFY_BAND_PPM: Final = 400.0
"""People open windows wider over these bands."""


class AirFlow:
    """The air of all zones.

    Parameters
    ----------
    zones
        Their leaks, volumes and windows.
    infiltration
        Factor on the leaks.

    Attributes
    ----------
    co2_ppm
        Of each zone, well mixed.
    """

    def __init__(self, zones: Sequence[Zone], infiltration: float) -> None:
        self._zones = [
            (z.leakage_cm2 * infiltration / 1000, z.window_opening_m3_h / 3600, z.volume_m3, z.heat_recovery)
            for z in zones
        ]
        self.co2_ppm = [OUTDOOR_CO2_PPM + 50.0] * len(zones)

    def step(
        self,
        step_s: float,
        *,
        air_c: Sequence[float],
        outdoor_c: float,
        wind_m_s: float,
        supply_m3_s: Sequence[float],
        people: Sequence[float],
    ) -> list[float]:
        """Heat that moving air brings into each zone, W (negative when it is colder outside); moves the CO2 on.

        Parameters
        ----------
        step_s
            Seconds.
        air_c, supply_m3_s, people
            Of each zone: air temperature, mechanical supply, number present.
        outdoor_c, wind_m_s
            Outdoors.
        """
        wind = WIND_COEFFICIENT * wind_m_s * wind_m_s
        heat_w = []
        for i, (leak, opening_m3_s, volume_m3, recovery) in enumerate(self._zones):
            inside_c, co2, supply, present = air_c[i], self.co2_ppm[i], supply_m3_s[i], people[i]
            difference = inside_c - outdoor_c
            drawn_m3_s = leak * math.sqrt(STACK_COEFFICIENT * abs(difference) + wind)
            if present and ((inside_c > WARM_C and difference > 0) or co2 > STUFFY_PPM):
                too_warm = (inside_c - WARM_C) / WARM_BAND_K if difference > 0 else 0.0
                stuffy = (co2 - STUFFY_PPM) / STUFFY_BAND_PPM
                drawn_m3_s += min(max(too_warm, stuffy), 1.0) * opening_m3_s
            fresh_m3_s = drawn_m3_s + supply
            level = OUTDOOR_CO2_PPM + 1e6 * PERSON_CO2_M3_S * present / fresh_m3_s
            self.co2_ppm[i] = level + (co2 - level) * math.exp(-step_s * fresh_m3_s / volume_m3)
            # The bypass opens when it is warmer inside than anybody wants.
            recovered = recovery if inside_c < WARM_C - 1 else 0.0
            heat_w.append(-AIR_J_M3K * difference * (drawn_m3_s + supply * (1 - recovered)))
        return heat_w
