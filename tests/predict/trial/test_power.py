"""A trial finds what is said to be detectable as often as it says, and not much oftener."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from core.errors import DomainError
from predict.residuals import Residuals, describe
from predict.trial.evaluation import evaluate
from predict.trial.plan import plan
from predict.trial.power import detectable_kw, needed, noise_kw
from stores.registry import TrialUnit
from tests.predict.trial.meters import ROME, metered, remembering


def residuals(noise: float = 2.0) -> Residuals:
    return describe(remembering(np.random.default_rng(0), 24 * 2000, 0.97, noise))


@pytest.mark.parametrize("days", [28, 42])
def test_what_is_detectable_is_found_in_four_cases_of_five(days: int) -> None:
    start = date(2026, 1, 12)
    sigma = noise_kw(residuals(), TrialUnit.DAY, 6)
    plans = [plan(ROME, start, start + timedelta(days=days), seed=seed) for seed in range(150)]
    usual = float(np.mean([metered(made, seed, 0).kwh for seed, made in enumerate(plans[:20])]))
    saving = detectable_kw(sigma, days) / usual
    found = sum(evaluate(made, ROME, metered(made, seed, saving)).claims for seed, made in enumerate(plans))
    assert found / len(plans) == pytest.approx(0.8, abs=0.1)


def test_the_needed_length_is_the_shortest_that_detects_the_saving() -> None:
    sigma = noise_kw(residuals(), TrialUnit.DAY, 6)
    length = needed(2.5, sigma, TrialUnit.DAY)
    assert length is not None
    assert detectable_kw(sigma, length.blocks) <= 2.5 < detectable_kw(sigma, length.blocks - 14)


def test_less_noise_and_a_larger_saving_need_less() -> None:
    sigma = noise_kw(residuals(), TrialUnit.DAY, 6)
    lengths = [needed(kw, sigma, TrialUnit.DAY) for kw in (1.0, 2.0, 4.0, 50.0)]
    days = [length.days for length in lengths if length is not None]
    assert days == sorted(days, reverse=True)
    assert days[-1] == 14
    assert all(d % 14 == 0 for d in days)
    assert needed(0.001, sigma, TrialUnit.DAY) is None
    weeks = needed(50.0, sigma, TrialUnit.WEEK)
    assert weeks is not None
    assert (weeks.blocks, weeks.days) == (8, 56)


def test_noise_of_a_week_knows_the_memory_of_days() -> None:
    independent = Residuals(hours=8760, sigma_kwh=1.0, rho=0.0, day_sigma_kwh=24.0, day_rho=0.0)
    assert noise_kw(independent, TrialUnit.DAY, 0) == pytest.approx(np.sqrt(2))
    assert noise_kw(independent, TrialUnit.WEEK, 0) == pytest.approx(1 / np.sqrt(7))
    remembered = Residuals(hours=8760, sigma_kwh=1.0, rho=0.0, day_sigma_kwh=24.0, day_rho=0.8)
    chain = remembering(np.random.default_rng(1), 7 * 20_000, 0.8, 1.0)
    assert noise_kw(remembered, TrialUnit.WEEK, 0) == pytest.approx(chain.reshape(-1, 7).mean(axis=1).std(), rel=0.03)
    assert noise_kw(independent, TrialUnit.DAY, 12) == pytest.approx(2)
    slow = Residuals(hours=8760, sigma_kwh=1.0, rho=0.98, day_sigma_kwh=24.0, day_rho=0.0)
    assert noise_kw(slow, TrialUnit.DAY, 12) == pytest.approx(np.sqrt(2), abs=0.1)


def test_without_a_noise_or_a_saving_there_is_no_length() -> None:
    for saving, sigma in ((0.0, 1.0), (-1.0, 1.0), (1.0, float("nan"))):
        with pytest.raises(DomainError):
            needed(saving, sigma, TrialUnit.DAY)
    assert detectable_kw(1.0, 3) == float("inf")
