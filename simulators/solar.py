"""Where the sun stands and what it sends on a surface: closed formulas, fast enough for a year in 5-minute steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

DAY_MS: Final = 86_400_000
SOLAR_CONSTANT_W_M2: Final = 1361.0
GROUND_ALBEDO: Final = 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """A place on earth, degrees, north and east positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Sun:
    """Position of the sun.

    Attributes
    ----------
    cos_zenith
        Shape (n,), 0 while it is below the horizon.
    azimuth
        Shape (n,), radians from north over east.
    normal_w_m2
        Shape (n,), extraterrestrial irradiance on a plane facing the sun.
    """

    cos_zenith: Floats
    azimuth: Floats
    normal_w_m2: Floats


def day_angle(time_ms: Times) -> Floats:
    """Angle of the year, radians, shape (n,); 0 on 1 January."""
    days = time_ms.astype("datetime64[ms]")
    year_start = days.astype("datetime64[Y]").astype("datetime64[ms]")
    next_year = (days.astype("datetime64[Y]") + 1).astype("datetime64[ms]")
    angle: Floats = 2 * np.pi * (days - year_start) / (next_year - year_start)
    return angle


def solar_hour(time_ms: Times, longitude: float) -> Floats:
    """True solar time, hours 0 to 24 (equation of time: Spencer 1971)."""
    b = day_angle(time_ms)
    equation_min = 229.18 * (
        0.000075 + 0.001868 * np.cos(b) - 0.032077 * np.sin(b) - 0.014615 * np.cos(2 * b) - 0.04089 * np.sin(2 * b)
    )
    hour: Floats = ((time_ms % DAY_MS) / 3_600_000 + longitude / 15 + equation_min / 60) % 24
    return hour


def sun_at(time_ms: Times, place: Place) -> Sun:
    """Position of the sun at UTC milliseconds (declination and distance: Spencer 1971; no refraction)."""
    b = day_angle(time_ms)
    declination = (
        0.006918
        - 0.399912 * np.cos(b)
        + 0.070257 * np.sin(b)
        - 0.006758 * np.cos(2 * b)
        + 0.000907 * np.sin(2 * b)
        - 0.002697 * np.cos(3 * b)
        + 0.00148 * np.sin(3 * b)
    )
    hour_angle = np.pi / 12 * (solar_hour(time_ms, place.longitude) - 12)
    latitude = np.radians(place.latitude)
    cos_zenith = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    azimuth = np.pi + np.arctan2(
        np.sin(hour_angle), np.cos(hour_angle) * np.sin(latitude) - np.tan(declination) * np.cos(latitude)
    )
    normal = SOLAR_CONSTANT_W_M2 * (1 + 0.033 * np.cos(b))
    return Sun(np.maximum(cos_zenith, 0.0), azimuth, normal)


def clear_sky_ghi(sun: Sun) -> Floats:
    """Global horizontal irradiance of a cloudless sky, W/m2 (Haurwitz 1945)."""
    cos_zenith = np.maximum(sun.cos_zenith, 1e-3)
    ghi: Floats = np.where(sun.cos_zenith > 0, 1098.0 * cos_zenith * np.exp(-0.057 / cos_zenith), 0.0)
    return ghi


def split_diffuse(ghi_w_m2: Floats, sun: Sun) -> tuple[Floats, Floats]:
    """Beam on a plane facing the sun and diffuse on the horizontal, W/m2 (Erbs, Klein and Duffie 1982)."""
    horizontal = sun.normal_w_m2 * np.maximum(sun.cos_zenith, 0.02)
    kt = np.clip(ghi_w_m2 / horizontal, 0.0, 1.0)
    fraction = np.where(
        kt <= 0.22,
        1 - 0.09 * kt,
        np.where(kt <= 0.8, 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4, 0.165),
    )
    diffuse = ghi_w_m2 * fraction
    beam = (ghi_w_m2 - diffuse) / np.maximum(sun.cos_zenith, 0.05)
    return np.where(sun.cos_zenith > 0, beam, 0.0), diffuse


def on_facade(sun: Sun, ghi_w_m2: Floats, dni_w_m2: Floats, dhi_w_m2: Floats, azimuth_deg: float) -> Floats:
    """Irradiance on a vertical facade, W/m2, with an isotropic sky (Liu and Jordan 1963).

    Parameters
    ----------
    sun
        Position, shape (n,).
    ghi_w_m2, dni_w_m2, dhi_w_m2
        Global horizontal, beam normal and diffuse horizontal irradiance, shape (n,).
    azimuth_deg
        Where the facade looks: 0 north, 90 east, 180 south, 270 west.
    """
    sin_zenith = np.sqrt(np.maximum(1 - sun.cos_zenith**2, 0.0))
    incidence = np.maximum(sin_zenith * np.cos(sun.azimuth - np.radians(azimuth_deg)), 0.0)
    beam = np.where(sun.cos_zenith > 0, dni_w_m2 * incidence, 0.0)
    total: Floats = beam + 0.5 * dhi_w_m2 + 0.5 * GROUND_ALBEDO * ghi_w_m2
    return total
