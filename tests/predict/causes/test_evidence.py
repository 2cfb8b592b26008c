"""Evidence is the density of the data with the coefficients integrated out, and it prefers what is simple."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from predict.causes.evidence import LinearModel, inflation, noise_of
from predict.causes.heat import LOG_SCALES, SAME
from predict.causes.hypotheses import weigh


def test_evidence_differs_between_models_as_the_exact_densities_do() -> None:
    random = np.random.default_rng(3)
    n = 30
    x = random.normal(size=(n, 3))
    y = x @ np.array([1.0, -0.5, 0.0]) + random.normal(size=n)
    scores = []
    for k in (2, 3):
        prior = np.full(k, 2.0)
        ours = LinearModel(x[:, :k], np.zeros(k), prior, np.ones(n)).log_evidence(y)
        exact = multivariate_normal.logpdf(y, np.zeros(n), np.eye(n) + x[:, :k] @ np.diag(prior**2) @ x[:, :k].T)
        scores.append((ours, exact))
    assert scores[1][0] - scores[0][0] == pytest.approx(scores[1][1] - scores[0][1])


def test_the_posterior_finds_the_truth_within_its_own_doubt() -> None:
    random = np.random.default_rng(3)
    x = random.normal(size=(400, 2))
    found = LinearModel(x, np.zeros(2), np.full(2, 5.0), np.full(400, 4.0)).fit(
        x @ [2.0, -1.0] + random.normal(0, 0.5, 400)
    )
    assert np.abs(found.mean - [2.0, -1.0]).max() < 4 * np.sqrt(np.diag(found.covariance)).max()


def test_errors_that_remember_are_worth_less() -> None:
    random = np.random.default_rng(3)
    white = random.normal(size=24 * 60)
    slow = np.repeat(random.normal(size=60), 24)
    assert inflation(white, np.ones(len(white))) < 2.5
    assert inflation(slow, np.ones(len(slow))) > 15


def test_noise_is_told_apart_by_group() -> None:
    random = np.random.default_rng(3)
    group = np.arange(2400) % 2
    noise = noise_of(np.where(group, 3.0, 1.0) * random.normal(size=2400), np.ones(2400), group, 0.01)
    assert noise.variance[1] / noise.variance[0] == pytest.approx(9, rel=0.25)


def curve(at: float, sharpness: float = 100.0) -> np.ndarray:
    return -0.5 * ((LOG_SCALES - at) * sharpness) ** 2


def test_both_meters_high_by_the_same_factor_are_a_matter_of_meters() -> None:
    best = weigh({(False, False): curve(0.095)}, None, [(curve(0.095), curve(0.095) - 5)])[0]
    assert best.fuel_meter == best.use_meter == pytest.approx(0.095, abs=0.01)
    assert best.efficiency == 0.0


def test_fuel_alone_high_is_a_matter_of_the_plant() -> None:
    best = weigh({(False, False): curve(0.105)}, None, [(curve(0.0), curve(0.0) - 5)])[0]
    assert best.efficiency == pytest.approx(0.105, abs=0.01)
    assert best.fuel_meter == best.use_meter == 0.0


def test_nothing_needed_is_nothing_said() -> None:
    ranked = weigh({(False, False): curve(0.0), (True, False): curve(0.0) - 2}, None, [(curve(0.0), curve(0.0) - 5)])
    best = ranked[0]
    assert not best.envelope
    assert best.efficiency == best.fuel_meter == best.use_meter == 0.0
    assert sum(h.probability for h in ranked) == pytest.approx(1.0)


def test_the_same_scale_is_the_middle_of_the_scales() -> None:
    assert LOG_SCALES[SAME] == 0.0
