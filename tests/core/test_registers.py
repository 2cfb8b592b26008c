"""What lies between two readings of a register."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendar import HOUR_MS
from core.points import Counter
from core.registers import RegisterStep, StepKind, register_step

METER = Counter(rollover=100_000.0, max_rate_per_h=50.0, resolution=0.1)


@pytest.mark.parametrize(
    ("before", "after", "hours", "expected"),
    [
        (100.0, 112.5, 1, RegisterStep(12.5, StepKind.COUNTED)),
        (100.0, 100.0, 1, RegisterStep(0.0, StepKind.COUNTED)),
        (100.0, 99.9, 1, RegisterStep(0.0, StepKind.JITTER)),
        (41_234.7, 41_234.6, 1, RegisterStep(0.0, StepKind.JITTER)),
        (99_990.0, 15.0, 1, RegisterStep(25.0, StepKind.ROLLED_OVER)),
        (54_321.0, 12.0, 1, RegisterStep(12.0, StepKind.RESET)),
        (100.0, 151.0, 1, RegisterStep(None, StepKind.IMPLAUSIBLE)),
        (100.0, 151.0, 2, RegisterStep(51.0, StepKind.COUNTED)),
        (54_321.0, 50_000.0, 1, RegisterStep(None, StepKind.IMPLAUSIBLE)),
    ],
)
def test_steps_of_a_meter(before: float, after: float, hours: float, expected: RegisterStep) -> None:
    step = register_step(before, after, int(hours * HOUR_MS), METER)
    assert step.kind is expected.kind
    assert step.amount == (None if expected.amount is None else pytest.approx(expected.amount))


@given(st.floats(0, 99_999), st.lists(st.floats(0, 49.9), min_size=1, max_size=30))
def test_rolling_over_loses_nothing(start: float, hourly: list[float]) -> None:
    true, counted, before = 0.0, 0.0, round(start, 1)
    for used in hourly:
        true += used
        after = round(start + true, 1) % METER.rollover
        step = register_step(before, after, HOUR_MS, METER)
        assert step.amount is not None
        counted, before = counted + step.amount, after
    assert counted == pytest.approx(true, abs=0.11)


@given(st.floats(0, 99_999), st.floats(0, 99_999), st.integers(1, 100 * HOUR_MS))
def test_no_step_is_negative_or_more_than_physics_allows(before: float, after: float, elapsed_ms: int) -> None:
    amount, _ = register_step(before, after, elapsed_ms, METER)
    assert amount is None or 0 <= amount <= METER.max_rate_per_h * elapsed_ms / HOUR_MS + 2 * METER.resolution
