"""Fuel per heat is compared carrier by carrier: another mix of carriers is not another efficiency."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from predict.causes.conversion import convert_fuel
from predict.causes.pair import Pair, PairedMeter
from predict.causes.roles import Carrier, EndUse, MeterKind
from predict.series import Floats

HOURS = 2 * 28 * 24
LATER = np.arange(HOURS) >= HOURS // 2
RNG = np.random.default_rng(7)
OUTDOOR_C = 4 + 6 * np.sin(np.arange(HOURS) / 40) + RNG.normal(0, 1, HOURS) - 3 * LATER
WARMTH = np.maximum(18 - OUTDOOR_C, 0) * RNG.uniform(0.8, 1.2, HOURS)


def meter(carrier: Carrier, kwh: Floats) -> PairedMeter:
    return PairedMeter(carrier.value, MeterKind(carrier, EndUse.HEATING), kwh)


def pair() -> Pair:
    return cast("Pair", cast("Any", SimpleNamespace(later=LATER, outdoor_c=OUTDOOR_C)))


@pytest.mark.parametrize("worse", [1.0, 1.1, 0.9])
def test_a_shift_to_electric_coils_is_no_better_boiler(worse: float) -> None:
    by_gas = WARMTH * np.where(LATER, 0.5, 0.7) * RNG.uniform(0.9, 1.1, HOURS)
    gas = by_gas / 0.8 * np.where(LATER, worse, 1.0)
    electric = WARMTH - by_gas
    found = convert_fuel(pair(), WARMTH, [[meter(Carrier.GAS, gas)], [meter(Carrier.ELECTRICITY, electric)]])
    assert [m.kind.carrier for m in found.meters] == [Carrier.GAS]
    assert found.log_ratio == pytest.approx(np.log(worse), abs=2 * found.sd)


def test_a_heat_pump_that_makes_less_in_the_cold_is_no_worse_one() -> None:
    cop = 3.0 + 0.06 * OUTDOOR_C
    backup = 0.02 * WARMTH
    groups = [[meter(Carrier.GAS, backup / 0.8)], [meter(Carrier.ELECTRICITY, (WARMTH - backup) / cop)]]
    found = convert_fuel(pair(), WARMTH, groups)
    assert [m.kind.carrier for m in found.meters] == [Carrier.ELECTRICITY]
    assert found.log_ratio == pytest.approx(0.0, abs=2 * found.sd)


def test_without_heat_in_one_period_nothing_is_said() -> None:
    found = convert_fuel(pair(), np.where(LATER, 0.0, WARMTH), [[meter(Carrier.GAS, WARMTH)]])
    assert found.log_ratio is None
