"""The interval holds the truth as often as it says, nothing saved is not claimed, and what disturbs a trial is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from core.calendar import HOUR_MS
from predict.trial.evaluation import Evaluation, Override, TrialHours, evaluate
from predict.trial.plan import plan
from stores.registry import TrialPlan, TrialUnit
from tests.predict.trial.meters import ROME, metered

START = date(2026, 1, 12)
SEEDS = range(200)
# Six weeks of days go over the night of 29 March, twelve weeks too.
CASES = {TrialUnit.DAY: (date(2026, 3, 2), 42), TrialUnit.WEEK: (START, 84)}


def trial(seed: int = 1, days: int = 42, unit: TrialUnit = TrialUnit.DAY, start: date = START) -> TrialPlan:
    return plan(ROME, start, start + timedelta(days=days), unit=unit, seed=seed)


def share(found: Evaluation) -> tuple[float, float, float]:
    assert found.saving is not None
    return found.saving.share.low, found.saving.share.saved, found.saving.share.high


@pytest.mark.parametrize("unit", TrialUnit)
@pytest.mark.parametrize("adjusted_by", ["baseline", "weather and calendar"])
@pytest.mark.parametrize("saving", [0.0, 0.12])
def test_ninety_percent_of_intervals_hold_the_truth(unit: TrialUnit, adjusted_by: str, saving: float) -> None:
    start, days = CASES[unit]
    held = claimed = 0
    estimates = []
    for seed in SEEDS:
        made = trial(seed, days, unit, start)
        found = evaluate(made, ROME, metered(made, seed, saving, baseline=adjusted_by == "baseline"))
        low, best, high = share(found)
        held += low <= saving <= high
        claimed += found.claims
        estimates.append(best)
        assert found.adjusted_by == adjusted_by
    # Three deviations of a binomial of 200 around 0.9, and around 0.05.
    assert 0.84 <= held / len(SEEDS) <= 0.96
    assert np.mean(estimates) == pytest.approx(saving, abs=0.01)
    assert claimed / len(SEEDS) <= 0.1 if saving == 0 else claimed / len(SEEDS) >= 0.85


@pytest.mark.parametrize(("coasting", "lag_h"), [(1.0, 12.0), (1.5, 6.0), (-1.0, 4.0)])
def test_what_a_day_takes_over_from_the_day_before_is_no_saving(coasting: float, lag_h: float) -> None:
    held, errors = 0, []
    for seed in range(100):
        made = trial(seed)
        low, best, high = share(evaluate(made, ROME, metered(made, seed, 0.15, coasting=coasting, lag_h=lag_h)))
        held += low <= 0.15 <= high
        errors.append(best - 0.15)
    assert held >= 81
    assert abs(np.mean(errors)) < 0.015


def test_the_wash_out_of_a_week_takes_the_switch_away() -> None:
    def error(washout_h: int) -> float:
        errors = []
        for seed in range(60):
            made = plan(ROME, START, START + timedelta(days=84), unit=TrialUnit.WEEK, seed=seed, washout_h=washout_h)
            errors.append(share(evaluate(made, ROME, metered(made, seed, 0.15, coasting=1.0, lag_h=16)))[1] - 0.15)
        return float(np.mean(errors))

    assert error(0) > 0.01
    assert abs(error(48)) < 0.01


def test_the_same_trial_is_evaluated_the_same() -> None:
    made = trial()
    assert evaluate(made, ROME, metered(made, 3, 0.1)) == evaluate(made, ROME, metered(made, 3, 0.1))


def test_kwh_are_those_of_the_hours_with_control_that_count() -> None:
    made = trial()
    hours = metered(made, 3, 0.15, noise=0.0, lag_h=0.01)
    found = evaluate(made, ROME, hours)
    assert found.saving is not None
    assert found.claims
    counted = np.zeros(len(hours.time_ms), bool)
    for block in made.blocks:
        if block.is_on:
            counted |= (hours.time_ms >= block.start_ms + 6 * HOUR_MS) & (hours.time_ms < block.end_ms)
    assert hours.expected_kwh is not None
    assert found.saving.saving_kwh == pytest.approx(0.15 * hours.expected_kwh[counted].sum(), rel=0.01)
    assert (found.saving.on_blocks, found.saving.off_blocks, found.coverage) == (21, 21, 1.0)


class TestWhatDisturbs:
    def override(self, made: TrialPlan, index: int, hours: float) -> Override:
        start = made.blocks[index].start_ms + 8 * HOUR_MS
        return Override(start, start + round(hours * HOUR_MS), "anna")

    def test_an_overridden_block_is_left_out_with_its_reason_and_counted_as_drawn(self) -> None:
        made = trial()
        overrides = [self.override(made, 4, 10), self.override(made, 9, 2), self.override(made, 9, 2)]
        found = evaluate(made, ROME, metered(made, 2, 0.15), overrides)
        assert [(made.blocks.index(e.block), e.reason) for e in found.excluded] == [
            (4, "anna overrode control for 42% of it.")
        ]
        assert found.saving is not None
        assert found.intention_to_treat is not None
        assert found.saving.on_blocks + found.saving.off_blocks == 41
        assert found.intention_to_treat.on_blocks + found.intention_to_treat.off_blocks == 42
        assert found.claims

    def test_people_who_undo_what_control_does_leave_no_claim(self) -> None:
        # They undo it in every block with control but the ones that save by themselves.
        made = trial()
        on = [i for i, block in enumerate(made.blocks) if block.is_on]
        hours = metered(made, 2, 0.0)
        kwh = hours.kwh.copy()
        for i in on[:12]:
            block = made.blocks[i]
            kwh[(hours.time_ms >= block.start_ms) & (hours.time_ms < block.end_ms)] *= 0.8
        overrides = [self.override(made, i, 12) for i in on[12:]]
        found = evaluate(made, ROME, replace(hours, kwh=kwh), overrides)
        assert found.saving is not None
        assert found.saving.is_saving
        assert not evaluate(made, ROME, replace(hours, kwh=kwh), [self.override(made, i, 12) for i in on]).claims
        many = evaluate(made, ROME, replace(hours, kwh=kwh), overrides + [self.override(made, i, 12) for i in on[9:12]])
        assert not many.claims
        assert any("of the blocks do not count" in reason for reason in many.reasons)

    def test_unknown_hours_exclude_a_block_and_short_coverage_claims_nothing(self) -> None:
        made = trial()
        hours = metered(made, 2, 0.2)
        kwh = hours.kwh.copy()
        kwh[24 * 3 : 24 * 4] = np.nan
        found = evaluate(made, ROME, replace(hours, kwh=kwh))
        assert [e.reason for e in found.excluded] == ["Only 0% of its hours are known."]
        assert found.claims
        kwh[24 * 10 : 24 * 15] = np.nan
        short = evaluate(made, ROME, replace(hours, kwh=kwh))
        assert not short.claims
        assert short.reasons == ("Only 86% of the hours that count are known.",)

    def test_a_trial_that_runs_claims_nothing_and_sees_whole_blocks_only(self) -> None:
        made = trial()
        until = made.blocks[28].start_ms + HOUR_MS
        hours = metered(made, 2, 0.2)
        hours = replace(hours, kwh=np.where(hours.time_ms < until, hours.kwh, np.nan))
        found = evaluate(made, ROME, hours, until_ms=until, open_question="The trial has not ended.")
        assert found.reasons == ("The trial has not ended.",)
        assert found.saving is not None
        assert found.saving.on_blocks + found.saving.off_blocks == 28
        assert found.coverage == 1.0


@pytest.mark.parametrize(
    ("days", "unit"), [(2, TrialUnit.DAY), (4, TrialUnit.DAY), (14, TrialUnit.WEEK), (28, TrialUnit.WEEK)]
)
def test_too_few_blocks_bound_nothing(days: int, unit: TrialUnit) -> None:
    made = trial(1, days, unit)
    found = evaluate(made, ROME, metered(made, 1, 0.3))
    assert not found.claims
    assert found.saving is None or not np.isfinite(found.saving.share.low)


def test_control_that_uses_more_is_said_to() -> None:
    made = trial()
    found = evaluate(made, ROME, metered(made, 1, -0.25))
    assert not found.claims
    assert found.reasons[0].startswith("With control 2")
    assert found.reasons[0].endswith("% more was used.")


def test_production_and_an_empty_meter_have_no_share() -> None:
    made = trial()
    hours = metered(made, 1, 0.1)
    for kwh in (-hours.kwh, 0 * hours.kwh, np.full(len(hours.kwh), np.nan)):
        found = evaluate(made, ROME, TrialHours(hours.time_ms, kwh, hours.outdoor_c))
        assert found.saving is None
        assert not found.claims


def test_without_weather_the_calendar_is_what_is_left() -> None:
    made = trial()
    hours = metered(made, 1, 0.3)
    blind = evaluate(made, ROME, TrialHours(hours.time_ms, hours.kwh))
    assert blind.adjusted_by == "calendar"
    low, _, high = share(blind)
    assert low <= 0.3
    assert high - low > 1.2 * np.subtract(*share(evaluate(made, ROME, hours))[::-2])
