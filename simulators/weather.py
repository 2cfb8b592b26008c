"""Weather: stochastic years around the normals of Turin, and years read from EPW files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from core.errors import DomainError
from simulators.solar import (
    DAY_MS,
    Floats,
    Place,
    Sun,
    Times,
    clear_sky_ghi,
    day_angle,
    solar_hour,
    split_diffuse,
    sun_at,
)

TURIN: Final = Place(45.07, 7.67)

# Mean daily minimum and maximum by month, °C: Torino Caselle (WMO 16059), 1981-2010, as published in whole degrees.
MINIMUM_C: Final = np.array([-2, -1, 3, 7, 12, 15, 17, 17, 13, 9, 3, -1], dtype=float)
MAXIMUM_C: Final = np.array([7, 9, 14, 17, 21, 26, 28, 28, 23, 18, 11, 7], dtype=float)
# Global horizontal irradiation by month, MJ/m2 a day. Our rounding: 1,390 kWh/m2 a year, January within the 5 to 6
# MJ/m2 that the published monthly maps of Italy give for western Piedmont.
IRRADIATION_MJ_M2: Final = np.array([5.5, 8.6, 13.2, 16.8, 19.8, 22.3, 23.4, 19.6, 14.6, 9.4, 5.8, 4.8])

# Our assumptions on the day-to-day variation: standard deviation of the daily mean by month (K), its persistence.
ANOMALY_SD_K: Final = np.array([2.8, 2.9, 2.9, 2.7, 2.5, 2.4, 2.1, 2.1, 2.4, 2.4, 2.6, 2.7])
ANOMALY_PERSISTENCE: Final = 0.75
CLOUD_PERSISTENCE: Final = 0.5
CLOUD_SPREAD: Final = 1.3
CLEAREST: Final = 1.03
DARKEST: Final = 0.12
MEAN_WIND_M_S: Final = 1.6
_MEMORY_DAYS: Final = 30
_ORDINAL_1970: Final = 719_163  # seeds are not negative, days before 1970 are
_LOGISTIC: Final = 1.702  # the normal distribution function is about 1 / (1 + exp(-1.702 x))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Outdoor conditions, arrays of shape (n,).

    Attributes
    ----------
    temperature_c
        Air.
    ghi_w_m2, dni_w_m2, dhi_w_m2
        Global horizontal, beam normal and diffuse horizontal irradiance.
    wind_m_s
        At 10 m.
    sun
        Position.
    """

    temperature_c: Floats
    ghi_w_m2: Floats
    dni_w_m2: Floats
    dhi_w_m2: Floats
    wind_m_s: Floats
    sun: Sun


class Weather(Protocol):
    """Gives the conditions at any times; the same times always give the same conditions."""

    def at(self, time_ms: Times) -> Conditions:
        """Conditions at UTC milliseconds, shape (n,), any period."""
        ...


class TurinWeather:
    """A stochastic climate around monthly normals: what a time has does not depend on the period asked for.

    Parameters
    ----------
    seed
        Years of one seed are always the same; another seed is another history of the same climate.

    Notes
    -----
    Daily mean temperature: normal plus an anomaly with first-order persistence (truncated after 30 days, so that any
    day can be drawn alone). Daily cycle: half cosines between a minimum at 6 h and a maximum at 15 h solar time, wider
    on clear days. Clearness against the clear sky of Haurwitz: a persistent normal variable through a logistic, with
    the mean that gives the month's irradiation, and faster clouds on top, strongest on half-clear days.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        clear = _clear_sky_months(TURIN)
        mean = np.clip(IRRADIATION_MJ_M2 / clear, 0.2, 0.95)
        self._mean_clearness = mean
        self._noise: dict[int, Floats] = {}

    def at(self, time_ms: Times) -> Conditions:
        """Conditions at UTC milliseconds, shape (n,), any period."""
        if time_ms.size == 0:
            raise DomainError("weather needs at least one time")
        first, last = int(time_ms.min() // DAY_MS) - 1, int(time_ms.max() // DAY_MS) + 2
        days = np.arange(first, last + 1)
        noise = self._daily_noise(first - _MEMORY_DAYS, last)
        month = _month_position(days * DAY_MS + DAY_MS // 2)
        anomaly = _persistent(noise[:, 0], ANOMALY_PERSISTENCE) * _of_month(ANOMALY_SD_K, month)
        mean_clearness = _of_month(self._mean_clearness, month)
        clearness = _clearness(_persistent(noise[:, 1], CLOUD_PERSISTENCE), mean_clearness)
        windiness = np.exp(0.5 * _persistent(noise[:, 2], 0.4) - 0.125)

        position = time_ms / DAY_MS - 0.5 - first  # daily values stand at noon
        index = np.arange(days.size)
        sun = sun_at(time_ms, TURIN)
        hours = solar_hour(time_ms, TURIN.longitude)
        month_now = _month_position(time_ms)
        range_k = _of_month(MAXIMUM_C - MINIMUM_C, month_now)
        range_k = range_k * np.interp(position, index, np.clip(1 + 0.7 * (clearness - mean_clearness), 0.4, 1.6))
        temperature = (
            _of_month((MINIMUM_C + MAXIMUM_C) / 2, month_now)
            + np.interp(position, index, anomaly)
            + range_k / 2 * _daily_cycle(hours)
        )
        gusts, clouds = self._fast_noise(time_ms)
        kc = np.interp(position, index, clearness)
        kc = np.clip(kc + 0.7 * kc * (1 - kc) * clouds, 0.05, 1.1)
        ghi = clear_sky_ghi(sun) * kc
        dni, dhi = split_diffuse(ghi, sun)
        wind = MEAN_WIND_M_S * np.interp(position, index, windiness) * np.exp(0.35 * gusts - 0.06)
        wind = wind * (1 + 0.3 * np.sin(np.pi / 12 * (hours - 9)))
        return Conditions(temperature, ghi, dni, dhi, wind, sun)

    def _daily_noise(self, first_day: int, last_day: int) -> Floats:
        """Independent normal numbers of the days, shape (n, 3), whatever period they are asked for in."""
        days = np.arange(first_day, last_day + 1)
        years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        parts = []
        for year in range(int(years[0]), int(years[-1]) + 1):
            if year not in self._noise:
                self._noise[year] = np.random.default_rng([self._seed, year]).normal(size=(366, 3))
            start = int(np.datetime64(f"{year}-01-01", "D").astype(int))
            parts.append(self._noise[year][days[years == year] - start])
        return np.concatenate(parts)

    def _fast_noise(self, time_ms: Times) -> tuple[Floats, Floats]:
        """Wind and cloud noise, normal, smooth over some 30 minutes; each (n,)."""
        slot = time_ms // (DAY_MS // 48)
        first_day, last_day = int(slot.min()) // 48, (int(slot.max()) + 1) // 48
        ordinals = range(first_day + _ORDINAL_1970, last_day + _ORDINAL_1970 + 1)
        draws = np.concatenate([np.random.default_rng([self._seed, 7, d]).normal(size=(48, 2)) for d in ordinals])
        position = time_ms / (DAY_MS // 48) - first_day * 48
        index = np.arange(len(draws))
        return np.interp(position, index, draws[:, 0]), np.interp(position, index, draws[:, 1])


class EpwWeather:
    """A year read from an EPW file, repeated for any year, linear between its hours.

    Parameters
    ----------
    path
        EnergyPlus weather file; an hour of it is the mean over the 60 minutes *before* its time.
    """

    def __init__(self, path: Path | str) -> None:
        from pvlib.iotools import read_epw  # noqa: PLC0415 - pandas takes 2 s to import, and only EPW files need it

        data, place = read_epw(str(path))
        if len(data) not in (8760, 8784):
            raise DomainError(f"{path}: an EPW year has 8760 or 8784 hours, this file has {len(data)}")
        self.place = Place(float(place["latitude"]), float(place["longitude"]))
        # Rows are in standard local time; temperature and wind are read at the end of the hour, irradiance is a mean.
        self._shift_ms = int(float(place["TZ"]) * 3_600_000)
        self._hours = len(data)
        self._columns = {
            name: np.asarray(data[column], dtype=float)
            for name, column in (
                ("temperature", "temp_air"),
                ("ghi", "ghi"),
                ("dni", "dni"),
                ("dhi", "dhi"),
                ("wind", "wind_speed"),
            )
        }

    def at(self, time_ms: Times) -> Conditions:
        """Conditions at UTC milliseconds, shape (n,), any period."""
        local = (time_ms + self._shift_ms).astype("datetime64[ms]")
        hour = (local - local.astype("datetime64[Y]")) / np.timedelta64(1, "h")
        instant = hour - 1.0  # value i stands at the end of hour i
        middle = hour - 0.5
        sun = sun_at(time_ms, self.place)
        up = sun.cos_zenith > 0
        return Conditions(
            self._read("temperature", instant),
            np.where(up, self._read("ghi", middle), 0.0),
            np.where(up, self._read("dni", middle), 0.0),
            np.where(up, self._read("dhi", middle), 0.0),
            self._read("wind", instant),
            sun,
        )

    def _read(self, name: str, position: Floats) -> Floats:
        values = self._columns[name]
        at: Floats = np.interp(position, np.arange(self._hours), values, period=self._hours)
        return at


def _clear_sky_months(place: Place) -> Floats:
    """Clear-sky irradiation of the middle of each month, MJ/m2 a day, shape (12,)."""
    sums = []
    for month in range(1, 13):
        start = np.datetime64(f"2001-{month:02d}-15", "ms").astype(np.int64)
        ghi = clear_sky_ghi(sun_at(start + np.arange(0, DAY_MS, 600_000), place))
        sums.append(ghi.sum() * 600 / 1e6)
    return np.array(sums)


def _month_position(time_ms: Times) -> Floats:
    """Position in the year, 0 in the middle of January to 12."""
    position: Floats = day_angle(time_ms) * 12 / (2 * np.pi) - 0.5
    return position


def _of_month(values: Floats, position: Floats) -> Floats:
    return np.interp(position, np.arange(12), values, period=12)


def _persistent(noise: Floats, persistence: float) -> Floats:
    """First-order persistence with unit variance; drops the days that are only memory."""
    kernel = persistence ** np.arange(_MEMORY_DAYS + 1)
    return np.convolve(noise, kernel / np.sqrt((kernel**2).sum()), mode="valid")


def _clearness(latent: Floats, mean: Floats) -> Floats:
    """Clear-sky index of days from a normal variable, with the given mean (probit-logistic approximation)."""
    share = np.clip((mean - DARKEST) / (CLEAREST - DARKEST), 0.02, 0.98)
    centre = np.log(share / (1 - share)) / _LOGISTIC * np.sqrt(1 + CLOUD_SPREAD**2)
    index: Floats = DARKEST + (CLEAREST - DARKEST) / (1 + np.exp(-_LOGISTIC * (CLOUD_SPREAD * latent + centre)))
    return index


def _daily_cycle(hour: Floats) -> Floats:
    """From -1 at 6 h to +1 at 15 h solar time, mean 0."""
    since_minimum = (hour - 6) % 24
    rising = since_minimum < 9
    cycle: Floats = np.where(rising, -np.cos(np.pi * since_minimum / 9), np.cos(np.pi * (since_minimum - 9) / 15))
    return cycle
