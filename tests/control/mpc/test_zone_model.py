"""A zone is identified from a record of which the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.mpc.zone_model import ZoneModel, identify
from tests.control.mpc.rooms import TRUTH, Floats, Lived, live


def found_in(lived: Lived) -> tuple[ZoneModel, Floats]:
    found = identify(
        lived.inside_c, lived.setpoint_c, lived.outdoor_c, lived.sun_w_m2, lived.people, step_h=0.5
    )  # fmt: skip
    assert found is not None
    return found


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param(TRUTH, id="usual"),
        pytest.param(replace(TRUTH, loss=0.03, mass=0.10), id="leaky"),
        pytest.param(replace(TRUTH, sun=0.0015), id="much-glass"),
        pytest.param(replace(TRUTH, capacity_k=2.5), id="strong"),
    ],
)
def test_the_truth_is_found_again(truth: ZoneModel) -> None:
    model, _ = found_in(live(truth, days=21))

    assert model.loss == pytest.approx(truth.loss, rel=0.25)
    assert model.mass == pytest.approx(truth.mass, rel=0.25)
    assert model.sun == pytest.approx(truth.sun, rel=0.25)
    assert model.capacity_k == pytest.approx(truth.capacity_k, rel=0.15)
    assert model.error_k < 0.3


def test_heat_is_told_from_the_temperature() -> None:
    lived = live(days=21)
    _, heat = found_in(lived)

    assert heat.shape == (len(lived.inside_c) - 1,)
    assert float(heat.sum()) == pytest.approx(float(lived.heat_k[:-1].sum()), rel=0.15)
    assert np.corrcoef(heat, lived.heat_k[:-1])[0, 1] > 0.95


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 0.1))
def test_what_cannot_be_is_never_identified(seed: int, noise: float) -> None:
    lived = live(seed=seed)
    noisy = replace(lived, inside_c=lived.inside_c + np.random.default_rng(seed).normal(0, noise, len(lived.inside_c)))
    model, heat = found_in(noisy)

    assert min(model.loss, model.mass, model.sun, model.people) >= 0
    assert (heat >= 0).all()


def test_too_little_free_running_is_no_model() -> None:
    lived = live()
    always = np.full_like(lived.setpoint_c, 21.0)
    assert identify(lived.inside_c, always, lived.outdoor_c, lived.sun_w_m2, lived.people, step_h=0.5) is None


def test_a_day_is_no_record() -> None:
    lived = live(days=1)
    assert identify(lived.inside_c, lived.setpoint_c, lived.outdoor_c, lived.sun_w_m2, lived.people, step_h=0.5) is None


def test_gaps_are_no_observations() -> None:
    lived = live(days=21)
    inside = lived.inside_c.copy()
    inside[100:400] = np.nan
    model, _ = found_in(replace(lived, inside_c=inside))

    assert model.loss == pytest.approx(TRUTH.loss, rel=0.35)


def test_a_room_that_follows_other_laws_has_a_large_error() -> None:
    lived = live(days=21)
    rng = np.random.default_rng(3)
    # Windows that are opened at random move it by what nothing in the record tells.
    wandering = lived.inside_c + np.cumsum(rng.normal(0, 0.6, len(lived.inside_c)))
    model, _ = found_in(replace(lived, inside_c=wandering, setpoint_c=np.full_like(wandering, -100.0)))

    assert model.error_k > 1.0
