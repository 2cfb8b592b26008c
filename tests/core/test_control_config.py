"""What control may do: sections that make no sense are refused when they are read."""

from typing import Any

import pytest

from core.config.control import DemandLimit, SheddableLoad
from core.errors import DomainError

LIMIT: dict[str, Any] = {"meter": "torino/calvino/electricity", "limit_kw": 50}
LOAD: dict[str, Any] = {"point": "torino/calvino/pump", "shed_value": 0, "rank": 1, "expected_kw": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit_kw": 0},
        {"limit_kw": float("inf")},
        {"window_minutes": 0},
        {"window_minutes": 7},
        {"decide_every_s": 0},
        {"decide_every_s": 901},
        {"stale_after_s": 0},
        {"loads": [SheddableLoad(**LOAD), SheddableLoad(**LOAD)]},
    ],
)
def test_a_demand_limit_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    DemandLimit(**LIMIT)
    with pytest.raises(DomainError):
        DemandLimit(**(LIMIT | wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected_kw": 0},
        {"least_shed_s": 4000},
        {"rest_s": -1},
        {"comfort_sensor": "torino/calvino/hall/temperature"},
        {"comfort_low": 19.0},
    ],
)
def test_a_load_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    SheddableLoad(**LOAD)
    with pytest.raises(DomainError):
        SheddableLoad(**(LOAD | wrong))
