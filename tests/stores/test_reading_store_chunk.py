"""Packed columns come back bit by bit, whatever is in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.faults import StoreDamagedError
from stores.port import Series
from stores.sqlite.chunk import pack, pack_series, unpack, unpack_series

_values = st.lists(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(10**6), 10**6).map(lambda i: i / 100),
        st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308]),
    ),
    max_size=40,
)


@given(values=_values)
def test_floats_come_back_bit_by_bit(values: list[float]) -> None:
    column = np.array(values, np.float64)
    (back,) = unpack(pack([column]), [np.float64])
    assert back.tobytes() == column.tobytes()


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40))
def test_integers_come_back_over_their_whole_range(values: list[int]) -> None:
    (back,) = unpack(pack([np.array(values, np.int64)]), [np.int64])
    assert back.tolist() == values


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 6])
def test_decimals_take_few_bytes(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    value = np.round(20 + np.cumsum(rng.integers(-2, 3, 5000)) / 10**decimals, decimals)
    series = Series(np.arange(5000) * 60_000, value, np.zeros(5000, np.uint8))
    assert len(pack_series(series)) < 5000


def test_every_damage_is_noticed_or_harmless() -> None:
    series = Series(np.arange(50) * 60_000, np.arange(50) / 10, np.zeros(50, np.uint8))
    data = pack_series(series)
    for i in range(len(data)):
        for wrong in (data[:i], data[:i] + bytes([data[i] ^ 255]) + data[i + 1 :]):
            with pytest.raises(StoreDamagedError):
                unpack_series(wrong)
