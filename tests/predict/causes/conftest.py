"""Simulated periods of the light school that the tests of the explanation share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import pytest

from cli.evaluate.simulated import TYPES, Simulated, simulate_period
from simulators.design import Variation

DAYS = 35


@cache
def period(year: int, knob: str = "", value: float = 0.0) -> Simulated:
    variation = Variation(**{knob: value}) if knob else Variation()
    return simulate_period(TYPES[1], date(year, 1, 13), DAYS, seed=4, variation=variation)


@pytest.fixture
def school() -> Callable[..., Simulated]:
    return period
