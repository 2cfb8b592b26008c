"""The twin finds the parameters of a network that made its data, and foretells with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from core.errors import DomainError
from predict.twin.lag import filled, lagged
from predict.twin.network import Drive, Network, State, drive
from predict.twin.thermal import ThermalTwin
from predict.twin.tracking import TwinTracker

HOURS = 24 * 42
MASS_H = (4.0, 16.0, 64.0)
#                        loss  wall   vent   Q now Q before sun   people  elec  const  masses
TRUE = np.array([0.010, 0.012, 0.006, 0.012, 0.006, 4e-5, 8e-4, 0.01, 0.05, 0.02, 0.04, 0.03])
NETWORK = Network(TRUE, MASS_H, 1.0)
START = State(20.0, np.full(3, 20.0), 5.0, 10.0)


def weather(seed: int = 1) -> Drive:
    random = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    slow = np.convolve(random.normal(0, 1.2, HOURS + 71), np.ones(72) / 8, "valid")
    open_now = ((hour % 24 >= 7) & (hour % 24 < 18) & (hour // 24 % 7 < 5)).astype(float)
    return drive(
        5 + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + slow,
        np.zeros(HOURS),
        sun_w_m2=np.maximum(np.sin(2 * np.pi * (hour - 6) / 24), 0) * random.uniform(100, 600, HOURS),
        people=open_now * random.poisson(30, HOURS),
        electricity_kwh=3 + 6 * open_now * random.uniform(0.7, 1.2, HOURS),
        running=open_now,
    )


def recorded(network: Network = NETWORK, seed: int = 1) -> tuple[np.ndarray, Drive]:
    """Temperatures at the start of each hour, and what acts during it."""
    acts = weather(seed)
    target = np.where(acts.running > 0, 20.5, 16.0)
    heat, after = network.demand(START, acts, target, 60.0)
    noise = np.random.default_rng(9).normal(0, 0.02, HOURS)
    return np.concatenate([[START.inside_c], after[:-1]]) + noise, replace(acts, heat_kwh=heat)


@pytest.fixture(scope="module")
def fitted() -> ThermalTwin:
    return ThermalTwin().fit(*recorded())


def test_the_parameters_are_those_that_made_the_data(fitted: ThermalTwin) -> None:
    true = NETWORK.physical()
    assert fitted.parameters_["heat_loss_kw_k"] == pytest.approx(true["heat_loss_kw_k"], rel=0.15)
    assert fitted.parameters_["capacity_kwh_k"] == pytest.approx(true["capacity_kwh_k"], rel=0.15)
    assert fitted.parameters_["mass_kwh_k"] == pytest.approx(true["mass_kwh_k"], rel=0.35)
    assert (np.delete(fitted.network_.coefficients, 8) >= 0).all()


def test_a_day_ahead_the_temperature_is_right(fitted: ThermalTwin) -> None:
    inside, acts = recorded(seed=2)
    at = 24 * 20
    start = fitted.state(inside[: at + 1], acts.part(slice(0, at + 1)))
    start = replace(start, heat_kwh=float(acts.heat_kwh[at - 1]))
    found = fitted.predict(acts.part(slice(at, at + 24)), start)
    assert np.abs(found.inside_c - inside[at + 1 : at + 25]).max() < 0.3
    assert (np.diff(found.sd_k) >= -0.05).all()


def test_what_comes_later_changes_no_earlier_forecast(fitted: ThermalTwin) -> None:
    acts = weather(3).part(slice(0, 48))
    cold = replace(acts, outdoor_c=np.where(np.arange(48) >= 24, -30.0, acts.outdoor_c))
    first, second = (fitted.predict(a, START).inside_c for a in (acts, cold))
    assert np.array_equal(first[:24], second[:24])
    assert second[-1] < first[-1]


def test_the_matrices_step_as_the_simulation_does() -> None:
    acts = replace(weather(), heat_kwh=np.full(HOURS, 20.0)).part(slice(0, 30))
    x, path = START.vector, []
    for k in range(30):
        a, b, e = NETWORK.matrices(float(acts.running[k]))
        d = np.array([acts.outdoor_c[k], acts.sun_w_m2[k], acts.people[k], acts.electricity_kwh[k], 1.0])
        x = a @ x + b[:, 0] * acts.heat_kwh[k] + e @ d
        path.append(x[0])
    assert np.array(path) == pytest.approx(NETWORK.simulate(START, acts))


def test_demand_holds_the_target_within_what_the_plant_can() -> None:
    acts = weather().part(slice(0, 72))
    heat, inside = NETWORK.demand(START, acts, np.full(72, 20.0), 25.0)
    assert heat.min() >= 0
    assert heat.max() <= 25
    assert (inside[heat < 25] >= 20 - 1e-9).all()
    _, same = NETWORK.demand(START, acts, np.full(72, 20.0), 25.0)
    assert np.array_equal(inside, same)


def test_temperatures_tell_the_heat_that_no_meter_counts(fitted: ThermalTwin) -> None:
    inside, acts = recorded(seed=2)
    guessed = fitted.virtual_heat_kwh(inside, acts)
    assert guessed.sum() == pytest.approx(acts.heat_kwh[:-1].sum(), rel=0.1)


def test_unknown_hours_are_left_out() -> None:
    inside, acts = recorded()
    inside = inside.copy()
    inside[200:260] = np.nan
    found = ThermalTwin().fit(inside, acts)
    assert found.parameters_["heat_loss_kw_k"] == pytest.approx(NETWORK.physical()["heat_loss_kw_k"], rel=0.2)


def test_too_little_or_misfitting_data_is_refused() -> None:
    inside, acts = recorded()
    with pytest.raises(DomainError, match="72 known steps"):
        ThermalTwin().fit(inside[:50], acts.part(slice(0, 50)))
    with pytest.raises(DomainError, match="same shape"):
        ThermalTwin().fit(inside[:500], acts)
    with pytest.raises(DomainError, match="same shape"):
        drive(np.zeros(3), np.zeros(4))


def test_it_is_an_estimator() -> None:
    assert clone(ThermalTwin(window_h=12.0)).get_params() == {"step_h": 1.0, "mass_h": MASS_H, "window_h": 12.0}


def test_a_loss_that_grows_is_seen_on_line() -> None:
    worse = TRUE.copy()
    worse[0] *= 1.6
    tracker = TwinTracker(forgetting_days=30).fit(*recorded())
    before, doubt = tracker.heat_loss_kw_k
    tracker.track(*recorded(seed=5))
    unchanged, _ = tracker.heat_loss_kw_k
    found = tracker.track(*recorded(Network(worse, MASS_H, 1.0), seed=6))
    after, _ = tracker.heat_loss_kw_k
    true = NETWORK.physical()["heat_loss_kw_k"]
    assert before == pytest.approx(true, rel=0.2)
    assert abs(unchanged - before) < 0.5 * (after - unchanged)
    assert after > before + 2 * doubt
    assert found.value.shape == found.sd.shape == (HOURS // 6, len(tracker.names_))


def test_unknown_hours_only_add_doubt() -> None:
    inside, acts = recorded()
    tracker = TwinTracker().fit(inside, acts)
    mean, doubt = tracker.mean_.copy(), np.diag(tracker.covariance_).copy()
    tracker.track(np.full(48, np.nan), acts.part(slice(0, 48)))
    assert np.array_equal(tracker.mean_, mean)
    assert (np.diag(tracker.covariance_) > doubt).all()
    with pytest.raises(DomainError, match="a week"):
        TwinTracker().fit(inside[:100], acts.part(slice(0, 100)))


def test_lags_remember() -> None:
    step = np.concatenate([np.zeros(24), np.ones(100)])
    answer = lagged(step, 10.0)
    assert answer[33] == pytest.approx(1 - np.exp(-1.0))
    assert answer[23] == 0.0
    assert filled(np.array([np.nan, 1.0, np.nan, 3.0])).tolist() == [1.0, 1.0, 2.0, 3.0]
    assert filled(np.full(3, np.nan)).tolist() == [0.0] * 3
