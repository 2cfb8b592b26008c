from datetime import UTC, datetime

import numpy as np
import pytest

from core.clock import to_ms
from simulators.solar import DAY_MS, clear_sky_ghi, on_facade, solar_hour, split_diffuse, sun_at
from simulators.weather import TURIN

HOUR_MS = 3_600_000


def hours(day: str, count: int = 24) -> np.ndarray:
    return to_ms(datetime.fromisoformat(day).replace(tzinfo=UTC)) + np.arange(count) * HOUR_MS


@pytest.mark.parametrize(
    ("day", "zenith_deg"),
    [("2024-06-21", 45.07 - 23.44), ("2024-12-21", 45.07 + 23.44), ("2024-03-20", 45.07), ("2023-09-23", 45.07)],
)
def test_noon_sun_stands_as_high_as_the_season_says(day: str, zenith_deg: float) -> None:
    times = hours(day)[0] + np.arange(0, DAY_MS, 60_000)

    sun = sun_at(times, TURIN)

    assert np.degrees(np.arccos(sun.cos_zenith.max())) == pytest.approx(zenith_deg, abs=0.5)
    noon = int(sun.cos_zenith.argmax())
    assert np.degrees(sun.azimuth[noon]) == pytest.approx(180, abs=1)
    assert solar_hour(times[noon : noon + 1], TURIN.longitude)[0] == pytest.approx(12, abs=0.05)


def test_position_agrees_with_the_nrel_algorithm() -> None:
    pandas = pytest.importorskip("pandas")
    pvlib = pytest.importorskip("pvlib")
    times = hours("2024-01-01", 8784)
    exact = pvlib.solarposition.get_solarposition(
        pandas.to_datetime(times, unit="ms", utc=True), TURIN.latitude, TURIN.longitude
    )
    up = (exact.zenith < 85).to_numpy()

    sun = sun_at(times, TURIN)

    assert np.abs(np.degrees(np.arccos(sun.cos_zenith)) - exact.zenith.to_numpy())[up].max() < 0.5
    assert np.abs(np.degrees(sun.azimuth) - exact.azimuth.to_numpy())[up].max() < 0.5


def test_beam_and_diffuse_add_up_to_global() -> None:
    times = hours("2024-05-01", 72)
    sun = sun_at(times, TURIN)
    ghi = clear_sky_ghi(sun) * 0.6

    dni, dhi = split_diffuse(ghi, sun)

    high = sun.cos_zenith > 0.1
    assert np.allclose((dni * sun.cos_zenith + dhi)[high], ghi[high])
    assert (dni >= 0).all()
    assert (dhi <= ghi + 1e-9).all()


def test_facades_see_the_sun_from_their_side() -> None:
    times = hours("2024-01-15")
    sun = sun_at(times, TURIN)
    ghi = clear_sky_ghi(sun)
    dni, dhi = split_diffuse(ghi, sun)

    south, north, east, west = (on_facade(sun, ghi, dni, dhi, azimuth) for azimuth in (180, 0, 90, 270))

    assert south.sum() > 4 * north.sum()
    assert east[:12].sum() > 2 * east[12:].sum()
    assert west[12:].sum() > 2 * west[:12].sum()
