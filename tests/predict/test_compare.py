"""Actual against predicted per step of the calendar."""

from datetime import date

import numpy as np
import pytest

from core.calendar import HOUR_MS, Calendar, Step
from core.errors import DomainError
from predict.baseline import Prediction
from predict.gap import Gap, GapTotal, compare
from predict.residuals import Residuals

ROME = Calendar("Europe/Rome")
RESIDUALS = Residuals(8760, 1.0, 0.5, 24.0, 0.3)


def run(start: date, end: date, step: Step, *, actual: float = 12.0, missing: slice = slice(0)) -> tuple[Gap, GapTotal]:
    first, last = ROME.midnight(start), ROME.midnight(end)
    times = np.arange(first, last, HOUR_MS)
    used = np.full(len(times), actual)
    used[missing] = np.nan
    prediction = Prediction(times, np.full(len(times), 10.0), np.arange(len(times)) < 6)
    return compare(used, prediction, RESIDUALS, ROME, start_ms=first, end_ms=last, step=step)


@pytest.mark.parametrize(("actual", "gap"), [(12.0, 48.0), (9.0, -24.0)], ids=["more used", "avoided"])
def test_the_gap_is_actual_minus_predicted(actual: float, gap: float) -> None:
    steps, total = run(date(2026, 1, 5), date(2026, 1, 6), Step.DAY, actual=actual)
    assert steps.gap_kwh.tolist() == [gap]
    assert total.gap_kwh == gap


@pytest.mark.parametrize(
    ("start", "end", "step", "hours"),
    [
        (date(2026, 3, 28), date(2026, 3, 31), Step.DAY, [24, 23, 24]),
        (date(2026, 10, 24), date(2026, 10, 27), Step.DAY, [24, 25, 24]),
        (date(2026, 3, 1), date(2026, 5, 1), Step.MONTH, [743, 720]),
        (date(2026, 1, 5), date(2026, 1, 6), Step.HOUR, [1] * 24),
        (date(2026, 1, 7), date(2026, 1, 13), Step.WEEK, [120, 24]),
    ],
)
def test_steps_are_those_of_the_local_calendar(start: date, end: date, step: Step, hours: list[int]) -> None:
    steps, _ = run(start, end, step)
    assert (steps.predicted_kwh / 10).tolist() == hours
    assert steps.coverage.tolist() == [1.0] * len(hours)


def test_a_sum_over_missing_hours_says_so_and_compares_the_same_hours() -> None:
    steps, total = run(date(2026, 1, 5), date(2026, 1, 8), Step.DAY, missing=slice(12, 48))
    assert steps.coverage.tolist() == [0.5, 0.0, 1.0]
    assert steps.actual_kwh[0] == 12 * 12
    assert steps.predicted_kwh[0] == 12 * 10
    assert np.isnan([steps.actual_kwh[1], steps.gap_kwh[1], steps.uncertainty_kwh[1]]).all()
    assert (total.hours, total.known_hours, total.coverage) == (72, 36, 0.5)
    assert total.gap_kwh == 72


def test_weather_outside_the_baseline_period_is_told() -> None:
    steps, total = run(date(2026, 1, 5), date(2026, 1, 7), Step.DAY)
    assert steps.extrapolated.tolist() == [0.25, 0.0]
    assert total.extrapolated == 0.125


def test_the_uncertainty_of_the_whole_is_less_than_the_sum_of_its_parts() -> None:
    steps, total = run(date(2026, 1, 5), date(2026, 1, 26), Step.DAY)
    assert 0 < total.uncertainty_kwh < steps.uncertainty_kwh.sum()
    assert total.is_significant


def test_nothing_known_gives_no_number() -> None:
    _, total = run(date(2026, 1, 5), date(2026, 1, 6), Step.DAY, missing=slice(None))
    assert np.isnan(total.gap_kwh)
    assert total.coverage == 0
    assert not total.is_significant


@pytest.mark.parametrize("step", [Step.MINUTE_5, Step.MINUTE_15])
def test_steps_finer_than_the_model_are_refused(step: Step) -> None:
    with pytest.raises(DomainError):
        run(date(2026, 1, 5), date(2026, 1, 6), step)
