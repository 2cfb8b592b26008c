"""Energy and discomfort of a simulated period, from EnergyPlus' own results alone or from a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import ConfigError
from predict.series import Floats

COLD_C: Final = 20.0
HOT_C: Final = 26.0
OCCUPIED_SHARE: Final = 0.1
"""Of the most people of a zone: the issue's own figures of the embedded controllers follow with this one."""
J_PER_KWH: Final = 3.6e6
END_USES: Final = ("Heating", "Cooling", "Fans", "Pumps")


@dataclass(frozen=True, slots=True)
class Kpis:
    """What a controlled period came to.

    Attributes
    ----------
    ener_kwh_m2
        Site energy for heating, cooling, fans and pumps, all carriers, over the floor area.
    tdis_k_h
        Kelvin hours below 20 °C or above 26 °C while occupied, mean of the zones that people use.
    end_uses_kwh
        By meter, for example ``Heating:NaturalGas``.
    tdis_by_zone_k_h
        Of each zone that people use.
    floor_area_m2
        Of the whole building.
    """

    ener_kwh_m2: float
    tdis_k_h: float
    end_uses_kwh: dict[str, float]
    tdis_by_zone_k_h: dict[str, float]
    floor_area_m2: float


def discomfort_k_h(temperature_c: Floats, people: Floats, peak: float, step_h: float) -> float:
    """Kelvin hours outside of 20 to 26 °C while at least a tenth of the most people are there, arrays of shape (n,)."""
    occupied = people >= OCCUPIED_SHARE * peak - 1e-9
    outside = np.maximum(COLD_C - temperature_c, 0) + np.maximum(temperature_c - HOT_C, 0)
    return float(np.sum(outside[occupied]) * step_h)


def kpis(
    energies_kwh: Mapping[str, float], temperatures: Mapping[str, Floats], people: Mapping[str, Floats],
    *, skip: int, step_h: float, floor_area_m2: float,
) -> Kpis:  # fmt: skip
    """Figures of a run.

    Parameters
    ----------
    energies_kwh
        By meter, without the first `skip` steps.
    temperatures, people
        By zone, shape (n,): all steps; the most people are looked for in all of them.
    skip
        Steps at the beginning that do not count.
    """
    by_zone = {
        zone: discomfort_k_h(values[skip:], people[zone][skip:], float(people[zone].max()), step_h)
        for zone, values in temperatures.items()
        if zone in people and people[zone].max() > 0
    }
    return Kpis(
        sum(energies_kwh.values()) / floor_area_m2,
        float(np.mean(list(by_zone.values()))) if by_zone else 0.0,
        dict(energies_kwh), by_zone, floor_area_m2,
    )  # fmt: skip


def kpis_of_sql(results: Path, skip_days: int) -> Kpis:
    """Figures from ``eplusout.sql`` alone.

    Raises
    ------
    ConfigError
        The file lacks what is needed.
    """
    try:
        with closing(sqlite3.connect(f"{results.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            area = connection.execute(
                "select sum(FloorArea * Multiplier * ListMultiplier) from Zones where IsPartOfTotalArea = 1"
            ).fetchone()[0]
            minutes = connection.execute("select min(Interval) from Time where Interval > 0").fetchone()[0]
            kinds = connection.execute("select ReportDataDictionaryIndex, Name, KeyValue from ReportDataDictionary")
            series = {
                (name, key or ""): np.array(
                    connection.execute(
                        "select Value from ReportData where ReportDataDictionaryIndex = ? order by TimeIndex", (index,)
                    ).fetchall(),
                    np.float64,
                ).ravel()
                for index, name, key in kinds.fetchall()
            }
    except sqlite3.Error as error:
        raise ConfigError(f"{results} holds no results of EnergyPlus: {error}") from error
    if not area or not minutes or not series:
        raise ConfigError(f"{results} holds no results of EnergyPlus")
    step_h = minutes / 60
    skip = round(skip_days * 24 / step_h)
    energies = {
        name: float(values[skip:].sum()) / J_PER_KWH
        for (name, _), values in series.items()
        if name.partition(":")[0] in END_USES
    }
    temperatures = {key: v for (name, key), v in series.items() if name == "Zone Mean Air Temperature"}
    people = {key: v for (name, key), v in series.items() if name == "Zone People Occupant Count"}
    return kpis(energies, temperatures, people, skip=skip, step_h=step_h, floor_area_m2=float(area))
