"""The linear programme of the day ahead, on rooms whose answer can be told beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.mpc.problem import HeatCost, Horizon, Solution, solve
from control.mpc.zone_model import ZoneModel
from tests.control.mpc.rooms import TRUTH, Floats

N = 48
START = 20
"""Of the step at whose end people are there."""


def ahead(
    zones: int = 1, *, outdoor_c: float = 0.0, price: Floats | None = None, limit_kwh: float | None = None,
    lowest_c: float = 20.0,
) -> Horizon:  # fmt: skip
    """People come after ten hours and stay for ten."""
    lowest = np.full((zones, N), 12.0)
    lowest[:, START:40] = lowest_c
    return Horizon(
        outdoor_c=np.full(N, outdoor_c), sun_w_m2=np.zeros(N), price=np.ones(N) if price is None else price,
        people=np.zeros((zones, N)), lowest_c=lowest, highest_c=np.full((zones, N), 26.0), limit_kwh=limit_kwh,
    )  # fmt: skip


def solved(
    horizon: Horizon, model: ZoneModel = TRUTH, *, inside_c: float = 16.0, steeper: float = 1.0, knee_kwh: float = 1e6
) -> Solution:
    zones = len(horizon.people)
    start = np.full(zones, inside_c)
    answer = solve([model] * zones, start, start, horizon, HeatCost(np.ones(zones), knee_kwh, steeper))
    assert answer is not None
    return answer


def test_the_band_is_kept_where_it_can_be() -> None:
    answer = solved(ahead())

    assert answer.inside_c[0, START:40].min() >= 20.0 - 1e-6
    assert answer.short_k.max() == pytest.approx(0, abs=1e-6)


def test_temperatures_follow_the_model() -> None:
    horizon = ahead()
    answer = solved(horizon)
    t = m = np.array([16.0])
    for k in range(N):
        drift = TRUTH.drift_k(t, m, horizon.outdoor_c[k : k + 1], np.zeros(1), np.zeros(1))
        m = m + TRUTH.fade * (t - m)
        t = t + drift + answer.heat_k[:, k]
        assert t == pytest.approx(answer.inside_c[:, k], abs=1e-6)


def test_what_heating_cannot_do_is_named() -> None:
    answer = solved(ahead(outdoor_c=-20.0), replace(TRUTH, capacity_k=0.35))

    assert answer.short_k[0, START] > 0.3
    assert answer.short_k[0, START] == pytest.approx(20.0 - answer.inside_c[0, START], abs=1e-6)
    assert answer.heat_k[0, :START].min() == pytest.approx(0.35)  # the best effort


def test_at_a_constant_price_heating_begins_as_late_as_it_can() -> None:
    answer = solved(ahead())
    heated = np.flatnonzero(answer.heat_k[0, : START + 1] > 1e-6)

    assert heated[0] > START - 10
    # All of it at the end, at full power but for the first step of them.
    assert (np.diff(heated) == 1).all()
    assert answer.heat_k[0, heated[1:]] == pytest.approx(TRUTH.capacity_k)


def test_it_heats_ahead_in_cheap_hours() -> None:
    price = np.ones(N)
    price[:12] = 0.2
    even, cheap = solved(ahead()), solved(ahead(price=price))

    assert cheap.heat_k[0, :12].sum() > even.heat_k[0, :12].sum() + 1.0
    assert cheap.heat_k[0, 12:].sum() < even.heat_k[0, 12:].sum()
    assert cheap.short_k.max() == pytest.approx(0, abs=1e-6)
    assert price @ cheap.heat_k[0] < price @ even.heat_k[0]


def test_a_dear_second_piece_spreads_the_heat() -> None:
    even, spread = solved(ahead(2)), solved(ahead(2), steeper=2.0, knee_kwh=1.0)

    assert np.sum(spread.heat_k.sum(axis=0) > 1e-6) > np.sum(even.heat_k.sum(axis=0) > 1e-6)


def test_a_limit_is_kept_by_heating_earlier() -> None:
    answer = solved(ahead(3, limit_kwh=1.6))

    assert answer.heat_k.sum(axis=0).max() <= 1.6 + 1e-6
    assert answer.over_limit_kwh.max() == pytest.approx(0, abs=1e-6)
    assert answer.short_k.max() == pytest.approx(0, abs=1e-6)


def test_a_limit_gives_way_to_people_and_says_by_how_much() -> None:
    answer = solved(ahead(3, outdoor_c=-10.0, limit_kwh=0.3))

    assert answer.over_limit_kwh.max() > 0.1
    assert answer.heat_k.sum(axis=0) == pytest.approx(
        np.minimum(answer.heat_k.sum(axis=0), 0.3) + answer.over_limit_kwh, abs=1e-6
    )
    assert answer.short_k.max() < 0.5


def test_a_room_that_is_warm_enough_is_left_alone() -> None:
    answer = solved(ahead(outdoor_c=22.0, lowest_c=20.0), inside_c=22.0)
    assert answer.heat_k.max() == pytest.approx(0, abs=1e-9)


@settings(max_examples=25)
@given(
    inside_c=st.floats(5.0, 30.0), outdoor_c=st.floats(-25.0, 35.0), capacity_k=st.floats(0.05, 4.0),
    limit_kwh=st.none() | st.floats(0.0, 5.0), seed=st.integers(0, 1000),
)  # fmt: skip
def test_there_is_always_an_answer_within_the_heating(
    inside_c: float, outdoor_c: float, capacity_k: float, limit_kwh: float | None, seed: int
) -> None:
    price = np.random.default_rng(seed).uniform(0.05, 0.5, N)
    horizon = ahead(2, outdoor_c=outdoor_c, price=price, limit_kwh=limit_kwh)
    answer = solved(horizon, replace(TRUTH, capacity_k=capacity_k), inside_c=inside_c)

    assert answer.heat_k.min() >= -1e-7
    assert answer.heat_k.max() <= capacity_k + 1e-7
    assert (answer.inside_c + answer.short_k >= horizon.lowest_c - 1e-5).all()


def test_fifty_zones_are_solved() -> None:
    rng = np.random.default_rng(1)
    models = [
        replace(TRUTH, loss=TRUTH.loss * rng.uniform(0.5, 2), capacity_k=rng.uniform(0.8, 2.0)) for _ in range(50)
    ]
    start = rng.uniform(15, 19, 50)
    answer = solve(models, start, start, ahead(50), HeatCost(rng.uniform(0.5, 3, 50), 40.0, 1.5))

    assert answer is not None
    assert answer.inside_c.shape == answer.heat_k.shape == (50, N)
    assert answer.short_k.max() == pytest.approx(0, abs=1e-6)
