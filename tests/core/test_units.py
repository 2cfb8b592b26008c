"""UCUM units and their conversion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DomainError
from core.units import UNITS, convert


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1.0, "kW.h", "MJ", 3.6),
        (1.0, "GJ", "kW.h", 277.7777778),
        (20.0, "Cel", "K", 293.15),
        (68.0, "[degF]", "Cel", 20.0),
        (36.0, "m3/h", "L/s", 10.0),
    ],
)
def test_known_conversions(value: float, source: str, target: str, expected: float) -> None:
    assert convert(value, source, target) == pytest.approx(expected)


@pytest.mark.parametrize(("source", "target"), [("kW", "kW.h"), ("Cel", "kW"), ("furlong", "m3"), ("m3", "furlong")])
def test_power_never_becomes_energy(source: str, target: str) -> None:
    with pytest.raises(DomainError):
        convert(1.0, source, target)


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.floats(-1e6, 1e6))
def test_conversion_comes_back(source: str, target: str, value: float) -> None:
    if UNITS[source].dimension == UNITS[target].dimension:
        there = convert(value, source, target)
        assert convert(there, target, source) == pytest.approx(value, rel=1e-9, abs=1e-6)
