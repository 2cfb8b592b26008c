"""A sensor against its twin: a bias is found and ends, noise and a known habit are not."""

from __future__ import annotations

import numpy as np
import pytest

from core.calendar import HOUR_MS
from core.errors import DomainError
from predict.anomalies.event import Closing, Kind
from predict.anomalies.twin import TwinWatch, learn_agreement

HOURS = 90 * 24
TIME = 1_735_689_600_000 + HOUR_MS * np.arange(2 * HOURS, dtype=np.int64)
RNG = np.random.default_rng(3)
PREDICTED = 20 + 2 * np.sin(np.arange(2 * HOURS) / 24 * 2 * np.pi)
MEASURED = PREDICTED + 0.4 + RNG.normal(0, 0.3, 2 * HOURS)
AGREEMENT = learn_agreement(TIME[:HOURS], MEASURED[:HOURS], PREDICTED[:HOURS], least=0.3)


def events(measured: np.ndarray) -> list:
    return TwinWatch("s/b/hall/temperature", AGREEMENT, "Cel").feed(TIME[HOURS:], measured[HOURS:], PREDICTED[HOURS:])


def test_sensor_that_agrees_as_always_has_no_event() -> None:
    assert pytest.approx(0.4, abs=0.05) == AGREEMENT.bias
    assert events(MEASURED) == []


@pytest.mark.parametrize("bias", [1.5, -1.5])
def test_sensor_that_leaves_its_twin_is_found_within_a_day_and_its_return_too(bias: float) -> None:
    measured = MEASURED.copy()
    measured[HOURS + 480 : HOURS + 960] += bias
    (event,) = events(measured)
    assert event.kind is Kind.SENSOR_DEVIATION
    assert event.closing is Closing.RETURNED
    assert event.opened_ms - TIME[HOURS + 480] <= 24 * HOUR_MS
    assert abs(event.start_ms - int(TIME[HOURS + 480])) <= 12 * HOUR_MS
    assert abs(event.end_ms - int(TIME[HOURS + 960])) <= 24 * HOUR_MS
    assert event.actual - event.expected == pytest.approx(bias, abs=0.2)
    assert event.excess_kwh is None


def test_sensor_that_falls_silent_is_not_judged() -> None:
    measured = MEASURED.copy()
    measured[HOURS + 480 :] = np.nan
    assert events(measured) == []
    measured[HOURS + 400 : HOURS + 480] += 2
    assert [e.closing for e in events(measured)] == [Closing.NO_DATA]


def test_blocks_and_restarts_change_nothing() -> None:
    measured = MEASURED.copy()
    measured[HOURS + 480 : HOURS + 960] += 1.5
    watch = TwinWatch("s/b/hall/temperature", AGREEMENT, "Cel")
    found = {}
    for i in range(HOURS, 2 * HOURS, 7):
        here = slice(i, i + 7)
        found |= {e.id: e for e in watch.feed(TIME[here], measured[here], PREDICTED[here])}
        watch = TwinWatch.from_bytes(watch.to_bytes())
    assert list(found.values()) == events(measured)


def test_too_little_and_foreign_blobs_are_refused() -> None:
    with pytest.raises(DomainError, match="15 days"):
        learn_agreement(TIME[:100], MEASURED[:100], PREDICTED[:100])
    with pytest.raises(DomainError):
        TwinWatch.from_bytes(b"nonsense")
