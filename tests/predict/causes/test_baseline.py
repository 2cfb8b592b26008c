"""What the reference alone foretells: right in another winter, and never made up on days that ask for no heat."""

from __future__ import annotations

import numpy as np
import pytest

from core.calendar import HOUR_MS
from predict.causes.baseline import foretold
from predict.causes.pair import Pair
from predict.causes.roles import Carrier, EndUse, MeterKind
from predict.causes.signals import Meter, Signals
from predict.series import Floats

DAYS = 42


def period(first_ms: int, mean_c: float, seed: int) -> Signals:
    rng = np.random.default_rng(seed)
    hours = np.arange(DAYS * 24)
    days = np.repeat(np.cumsum(rng.normal(0, 2.5, DAYS)), 24)
    outdoor = mean_c + 0.8 * (days - days.mean()) - 4 * np.cos(2 * np.pi * hours / 24)
    heat = np.maximum(2.0 * (13 - outdoor) + rng.normal(0, 2, len(hours)), 0.0)
    return Signals(
        time_ms=first_ms + hours * HOUR_MS,
        outdoor_c=outdoor,
        sun_w_m2=None,
        wind_m_s=None,
        zones=(),
        zone_c=np.zeros((len(hours), 0)),
        heating_c=None,
        cooling_c=None,
        heads={},
        zone_co2_ppm=None,
        fan=None,
        meters=(Meter("gas", MeterKind(Carrier.GAS, EndUse.HEATING), heat),),
    )


def heat_of(pair: Pair) -> Floats:
    return pair.meters[0].kwh


@pytest.mark.parametrize("mean_c", [3.0, 8.0, 12.0])
def test_a_milder_or_colder_winter_leaves_next_to_nothing_open(mean_c: float) -> None:
    pair = Pair(period(0, 6.0, 1), period(364 * 24 * HOUR_MS, mean_c, 2))
    expected, sd = foretold(pair, heat_of(pair))
    rows = pair.later & pair.settled
    level = float(np.mean(heat_of(pair)[~pair.later]))
    left_open = float(np.mean((heat_of(pair) - expected)[rows]))
    assert abs(left_open) < 0.04 * level
    assert abs(left_open) < 3 * sd


def test_nobody_is_foretold_to_take_heat_back() -> None:
    pair = Pair(period(0, 6.0, 1), period(364 * 24 * HOUR_MS, 16.0, 2))
    expected, _ = foretold(pair, heat_of(pair))
    assert expected.min() >= -1e-9
