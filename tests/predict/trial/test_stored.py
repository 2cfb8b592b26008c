"""What a trial can show follows from the baseline that is kept, and a baseline that saw the trial does not judge it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from core.config.models import Building
from core.errors import DomainError, NotFoundError
from predict.fit import fit_building
from predict.trial.plan import plan
from predict.trial.stored import evaluate_trial, sharpness
from stores.registry import Trial, TrialUnit
from tests.predict.savings.town import BUILDING, HEAT, ROME, Town, make, month, opened


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    make(folder := tmp_path_factory.mktemp("made"))
    with opened(folder, tmp_path_factory.mktemp("town")) as copy:
        yield copy


def test_longer_trials_show_less_and_a_larger_saving_needs_a_shorter_one(town: Town) -> None:
    def of(blocks: int, saving: float, unit: TrialUnit = TrialUnit.DAY) -> tuple[float, int | None]:
        found = sharpness(
            town.store, town.registry, HEAT.id, unit=unit, washout_h=6, now_ms=month(3), blocks=blocks, saving=saving
        )
        return found.detectable, None if found.needed is None else found.needed.days

    assert of(28, 0.2)[0] > of(56, 0.2)[0] > 0
    shown, days = of(28, of(28, 0.2)[0])
    assert days == 28
    assert shown < of(28, 0.2, TrialUnit.DAY)[0] * 1.001
    assert of(28, 1e-5)[1] is None
    assert of(8, 0.5, TrialUnit.WEEK)[1] == 56


def test_without_a_baseline_or_a_usual_use_nobody_knows(town: Town) -> None:
    with pytest.raises(NotFoundError):
        sharpness(town.store, town.registry, f"{BUILDING}/water", unit=TrialUnit.DAY, washout_h=6, now_ms=month(3))
    with pytest.raises(DomainError, match="expects no use"):
        sharpness(town.store, town.registry, HEAT.id, unit=TrialUnit.DAY, washout_h=6, now_ms=month(36))


def test_a_baseline_that_saw_the_trial_does_not_judge_it(town: Town) -> None:
    made = plan(ROME, date(2026, 2, 2), date(2026, 3, 2), seed=4)
    town.registry.enter_trial(Trial(id="t", building=BUILDING, plan=made, by="anna", why="x", entered_ms=1))
    town.registry.start_trial("t", by="anna", now_ms=2)
    before = evaluate_trial(town.store, town.registry, "t", now_ms=month(4)).meters[HEAT.id]
    assert before.adjusted_by == "baseline"
    town.registry.put_building(
        Building(
            id=BUILDING,
            meters=[HEAT.id],
            outdoor_temperature=f"{BUILDING}/outdoor-temperature",
            baseline_start=date(2025, 6, 1),
            baseline_end=date(2026, 6, 1),
        )
    )
    fit_building(town.store, town.registry, BUILDING, now_ms=month(7))
    after = evaluate_trial(town.store, town.registry, "t", now_ms=month(8)).meters[HEAT.id]
    assert after.adjusted_by == "weather and calendar"
    for found in (before, after):
        assert found.saving is not None
        assert not found.claims
        assert np.isfinite([found.saving.share.low, found.saving.share.high]).all()
